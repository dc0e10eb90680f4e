"""The vault: who may read it, what lies in it, how records are joined, and what a killed process leaves."""

import os
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pyarrow.parquet as parquet
import pytest

from statloom.connectors.payload import Part, Payload
from statloom.errors import StatloomError
from statloom.landing import microdata, working
from statloom.landing.archive import MANIFEST, Archive
from statloom.microdata import vault
from statloom.microdata.vault import keys, location
from tests.microdata.vault import census
from tests.microdata.vault.conftest import census_contract

CONTENT = census.lines(40)
SHA = "ab" * 32


def taken_in(contract, tmp_path, content=CONTENT):
    """Read a census into the vault; return it as stored."""
    folder = tmp_path / "delivery"
    folder.mkdir(exist_ok=True)
    census.write(folder, content)
    (folder / MANIFEST).write_text('{"parts": ["census.dat", "census.dcf"]}')
    with working.folder(contract) as work:
        microdata.read(contract, SimpleNamespace(file_name=MANIFEST, sha256=SHA), folder, work)
    return vault.stored(contract, SHA)


def test_only_this_account_reads_it_and_nothing_else_is_left(home, tmp_path):
    stored = taken_in(census_contract(), tmp_path)
    assert stored.path("person") == str(home / "vault" / "census" / SHA / "person.parquet")
    found = {p.relative_to(home): p.stat().st_mode & 0o777 for p in home.rglob("*")}
    assert {str(p): mode for p, mode in found.items() if not str(p).startswith("run")} == {
        "vault": 0o700,
        "vault/census": 0o700,
        f"vault/census/{SHA}": 0o700,
        f"vault/census/{SHA}/household.parquet": 0o600,
        f"vault/census/{SHA}/person.parquet": 0o600,
        "secrets": 0o700,
        "secrets/vault.key": 0o600,
        "work": 0o700,
    }


def test_columns_are_typed_and_identifiers_dropped_or_hashed(home, tmp_path):
    stored = taken_in(census_contract(), tmp_path)
    schema = parquet.read_schema(stored.path("person"))
    assert {f.name: str(f.type) for f in schema} == {
        "p0_line": "int64",
        "p1_name": "string",
        "sex": "string",
        "age": "int64",
        "p4_born": "date32[day]",
        "p4_year": "int64",
        "p5_school": "string",
        "_person": "int64",
        "_household": "int64",
        "_row_number": "int64",
    }
    assert "h6_phone" not in parquet.read_schema(stored.path("household")).names
    names = stored.table("person", ["p1_name"])["p1_name"].to_pylist()
    assert len(set(names)) == len(names) and all(len(name) == 32 for name in names)
    key = keys.derived("pseudonym")
    assert names[0] == keys.pseudonyms(_texts("Xyzzy0000000"), "p1_name", key)[0].as_py()
    # Another column, or another key, and nobody can tell that it is the same value.
    others = (("other", key), ("p1_name", keys.derived("archive")))
    assert all(keys.pseudonyms(_texts("Xyzzy0000000"), c, k)[0].as_py() != names[0] for c, k in others)


def _texts(*values):
    import pyarrow as pa

    return pa.array(values, pa.string())


def test_persons_with_the_columns_of_their_household(home, tmp_path):
    stored = taken_in(census_contract(), tmp_path)
    assert stored.columns("person")["toilet"] == "text" and next(iter(stored.columns("person"))) == "p0_line"
    assert "sex" not in stored.columns("household")
    with stored.connect() as database:
        found = database.execute(
            "select person._row_number, toilet, district, hh from person order by person._row_number"
        ).fetchall()
        assert database.execute("select count(*) from household").fetchone() == (40,)
    words = {"1": "Flush toilet", "2": "Ordinary toilet", "3": "No toilet"}
    expected, house = [], None
    for number, line in enumerate(CONTENT, start=1):
        if line[0] == "1":
            house = line
        else:
            expected.append((number, words[house[9]], house[1:3], int(house[3:9])))
    assert found == expected
    assert "join" not in stored.select("person", ["sex"])
    assert stored.select("person", ["sex", "toilet"], {"person": "p", "household": "h"}) == (
        'select "person"."sex" as "sex", "household"."toilet" as "toilet" from p as "person"'
        ' join h as "household" on "person"."_household" = "household"."_household"'
    )
    with pytest.raises(StatloomError, match="rows of household have no column 'sex'"):
        stored.select("household", ["sex"])


def test_an_object_store_is_a_vault_too(home, tmp_path, monkeypatch):
    monkeypatch.setenv("STATLOOM_VAULT", f"memory://{tmp_path.name}/vault")
    stored = taken_in(census_contract(), tmp_path)
    files = fsspec.filesystem("memory")
    found = [p.rsplit("/", 1)[-1] for p in files.find(f"/{tmp_path.name}")]
    assert found == ["household.parquet", "person.parquet"]
    assert stored.rows("household") == 40
    with stored.connect() as database:
        assert database.execute("select count(*) from person where toilet is not null").fetchone()[0] > 40


def test_what_is_not_there_or_of_another_contract_is_said(home, tmp_path):
    with pytest.raises(StatloomError, match="census: the vault has no household of this delivery"):
        vault.stored(census_contract(), SHA)
    taken_in(census_contract(), tmp_path)
    more = census_contract(columns={"h4_rooms_3": {"role": "measure"}})
    with pytest.raises(
        StatloomError, match="has no column 'h4_rooms_3': it was written under another contract"
    ):
        vault.stored(more, SHA)


def test_leftovers_of_a_killed_process_are_removed(home, tmp_path):
    contract = census_contract()
    taken_in(contract, tmp_path)
    dead, alive = (
        home / "vault" / "census" / ".dead.999999999",
        home / "vault" / "census" / f".x.{os.getppid()}",
    )
    for folder in (dead, alive, home / "work" / "999999999-x"):
        folder.mkdir()
        (folder / "census.dat").write_text("Xyzzy")
    taken_in(contract, tmp_path)
    assert not dead.exists() and alive.exists() and not (home / "work" / "999999999-x").exists()


def test_a_delivery_that_fails_leaves_the_vault_as_it_was(home, tmp_path):
    stored = taken_in(census_contract(), tmp_path)
    before = {name: Path(stored.path(name)).read_bytes() for name in stored.records}
    for content in ([*CONTENT, "2 cut"], [*CONTENT, "9" + CONTENT[0][1:]]):
        with pytest.raises(StatloomError):
            taken_in(census_contract(), tmp_path, content)
    assert {name: Path(stored.path(name)).read_bytes() for name in stored.records} == before
    assert location.of_source("census").names() == [SHA]


def test_the_key_of_an_office(home, monkeypatch):
    monkeypatch.setenv("STATLOOM_VAULT_KEY", "00" * 32)
    assert keys.load() == bytes(32) and not (home / "secrets").exists()
    monkeypatch.setenv("STATLOOM_VAULT_KEY", "secret")
    with pytest.raises(
        StatloomError, match="STATLOOM_VAULT_KEY is no key of the vault: 64 hexadecimal digits"
    ):
        keys.load()
    monkeypatch.delenv("STATLOOM_VAULT_KEY")
    assert keys.load() == keys.load() and (home / "secrets" / "vault.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_sealed_deliveries_come_back_whole_or_not_at_all(home, tmp_path, size):
    archive, content = Archive(tmp_path / "archive"), os.urandom(size)
    path = tmp_path / "census.dat"
    path.write_bytes(content)
    stored = archive.put(Payload((Part("census.dat", path, "x"),), "x"), sealed=True)
    file = tmp_path / "archive" / stored.key
    assert stored.key == f"sealed/{stored.sha256[:2]}/{stored.sha256}" and stored.size == size
    sealed = file.read_bytes()
    assert size < 100 or content[:50] not in sealed
    assert archive.get(stored.key, tmp_path, "out").read_bytes() == content
    assert archive.sound(stored.key) and not archive.sound(f"sealed/00/{'0' * 64}")
    file.chmod(0o600)
    pieces = [sealed[:-1], sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:], b"x" * len(sealed)]
    if size > 1 << 20:
        pieces.append(sealed[: 25 + (1 << 20) + 16])
    for damaged in pieces:
        file.write_bytes(damaged)
        with pytest.raises(StatloomError, match="is damaged, or was encrypted under another key"):
            archive.get(stored.key, tmp_path, "out")
        assert not archive.sound(stored.key)
    file.write_bytes(sealed)
    (home / "secrets" / "vault.key").write_text("11" * 32)
    with pytest.raises(StatloomError, match=r"or was encrypted under another key than secrets/vault\.key"):
        archive.get(stored.key, tmp_path, "out")
