"""What a person has told is found nowhere: search through database, archive, vault, work, logs and report."""

import logging

import duckdb
import pytest

from statloom import landing
from statloom.errors import StatloomError
from statloom.quality import report
from tests.microdata.vault import census
from tests.microdata.vault.conftest import CENSUS, made

pytestmark = pytest.mark.database
CONTENT = census.lines(50)
FIRST = next(i for i, line in enumerate(CONTENT) if line[0] == "2")
# Names begin so in every person, phones in every household; both occur nowhere else.
NEEDLES = ("Xyzzy", "ph0000")
DELIVERIES = {
    "right": CONTENT,
    "cut off": "".join(f"{line}\n" for line in CONTENT)[:-9],
    "text in a number": [
        *CONTENT[:FIRST],
        CONTENT[FIRST][:9] + "Xyzzy0000" + CONTENT[FIRST][18:],
        *CONTENT[FIRST + 1 :],
    ],
    "another record type": [CONTENT[0], "X" + CONTENT[1], *CONTENT[2:]],
    "persons twice": [*CONTENT, *CONTENT[FIRST : FIRST + 1]],
    "names too long": [line + "Xyzzy" if i == FIRST else line for i, line in enumerate(CONTENT)],
    "empty": "",
}


def in_database(engine) -> list[str]:
    """Return the tables of the warehouse with a row in which a needle stands."""
    with engine.connect() as connection:
        tables = connection.exec_driver_sql(
            "select quote_ident(table_schema) || '.' || quote_ident(table_name)"
            " from information_schema.tables where table_type = 'BASE TABLE'"
            " and table_schema not in ('pg_catalog', 'information_schema')"
        ).scalars()
        found = []
        for table in tables.all():
            pattern = "|".join(NEEDLES)
            query = f"select exists (select from {table} as row where row::text ~ '{pattern}')"
            if connection.exec_driver_sql(query).scalar():
                found.append(table)
        return found


def in_files(folder) -> list[str]:
    """Return the files below ``folder`` in which a needle stands, Parquet also unpacked."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += duckdb.sql(f"select * from '{path}'").df().to_csv().encode()
        if any(needle.encode() in content for needle in NEEDLES):
            found.append(str(path.relative_to(folder)))
    return found


def test_personal_identifiers_are_found_nowhere(office, capfd, caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.INFO)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    messages = []
    for content in DELIVERIES.values():
        try:
            office.take_in(content)
        except StatloomError as error:
            messages.append(str(error))
    assert len(messages) == len(DELIVERIES) - 1
    # The same with rows held out one by one, in place of the delivery.
    office.declare(tolerance={"unreadable_rows": 0.1, "duplicate_keys": 0.1})
    office.take_in(DELIVERIES["text in a number"])
    assert office.rows("select count(*) as n from quality.quarantined_row") == [{"n": 1}]
    report.write(office.engine, office.home / "report")
    assert in_database(office.engine) == []
    assert in_files(office.home) == [] and in_files(temporary) == []
    said = capfd.readouterr()
    assert not any(
        needle in text for needle in NEEDLES for text in (*messages, said.out, said.err, caplog.text)
    )
    # The search finds what is there: the delivery itself, and a row that someone puts into the warehouse.
    assert in_files(office.project) == ["census.dat"]
    with office.engine.begin() as connection:
        connection.exec_driver_sql("update landing.delivery set reason = 'Xyzzy0000003'")
    assert in_database(office.engine) == ["landing.delivery"]


def test_a_source_that_becomes_microdata_leaves_nothing_readable(office, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("ea,line,name,weight,income\n" + "".join(f"1,{i},Xyzzy{i},1.5,9\n" for i in range(9)))
    columns = {
        "ea": {"role": "place_code", "level": "district"},
        "line": {"role": "dimension"},
        "name": {"role": "personal_identifier"},
        "weight": {"type": "number", "role": "measure"},
        "income": {"type": "integer", "role": "measure"},
    }
    given = {k: v for k, v in CENSUS.items() if k not in ("records", "estimation")} | {
        "connector": {"type": "file", "url": str(path)},
        "format": {"type": "csv"},
        "key": ["ea", "line"],
        "place": {"scheme": "NP-CENSUS-2011", "level": "district"},
    }
    archive = str(office.home / "archive")
    before = made(given | {"kind": "administrative", "columns": columns})
    landing.fetch(before, archive=archive, engine=office.engine, run_id=None)
    assert len(in_files(office.home / "archive")) == 1
    columns["weight"] = {"type": "number", "role": "weight"}
    estimation = CENSUS["estimation"] | {"design": {"weight": "weight"}, "domains": [["line"]]}
    estimation["estimands"] = [{"measure": "income", "type": "mean", "column": "income"}]
    del estimation["record"]
    after = made(given | {"columns": columns, "estimation": estimation})
    landing.fetch(after, archive=archive, engine=office.engine, run_id=None)
    assert in_files(office.home / "archive") == []
    (delivery,) = office.rows("select archive_key from landing.delivery")
    assert (office.home / "archive" / delivery["archive_key"]).exists()
