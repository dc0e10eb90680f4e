import csv
import datetime
import io
import json
import shutil

import pandas as pd
import pytest
from sqlalchemy import text

from statloom import cli, places, settings
from statloom.cli import places as command

SEEDS = settings.PROJECT / "dbt_project" / "seeds" / "places"
WAITING = {
    "source_id": "mis",
    "place_scheme": "NP-LOCAL-2017",
    "place_level": "district",
    "place_code": "",
    "place_name": "Rukum",
    "place_parent": "",
    "candidates": [
        {"place_id": "NP-2017:district:59", "place_name": "Rukum East", "score": None, "why": "successor"},
        {"place_id": "NP-2017:district:77", "place_name": "Rukum West", "score": 61.5, "why": "similar name"},
    ],
}


@pytest.fixture
def seed(tmp_path):
    shutil.copytree(SEEDS, tmp_path / "places")
    path = tmp_path / "places" / "place_decision.csv"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    return path


def answers(*given):
    """Answer prompts one after the other, then end the input."""
    left = list(given)

    def ask(_prompt):
        if not left:
            raise EOFError
        return left.pop(0)

    return ask


def decisions(seed):
    return pd.read_csv(seed, dtype=str, keep_default_na=False).to_dict("records")


def test_resolve_writes_the_file_with_its_places(tmp_path, capsys):
    file = tmp_path / "refs.csv"
    file.write_text(
        "\ufeffid,level,name,parent\n7,district,Taplejng,\n8,local_unit,Kalika,Chitwan\n9,district,Rukum,\n"
    )
    out = tmp_path / "out.csv"
    options = ["--level", "level", "--date", "2021-11-11", "--name", "name", "--parent", "parent"]
    code = cli.main(
        ["places", "resolve", str(file), "--scheme", "NP-LOCAL-2017", *options, "--out", str(out)]
    )
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == ["7", "8", "9"]
    assert [row["place_id"] for row in rows] == ["NP-2017:district:73", "NP-2017:local_unit:31302", ""]
    assert json.loads(rows[2]["candidates"])[0]["why"] == "successor"
    assert "2 of 3 references placed (alias 1, fuzzy 1, unresolved 1)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, ["--name", "n"], "there is no such file"),
        (b"", ["--name", "n"], "the file is empty"),
        (b"n\n\xff\xfe\xfa", ["--name", "n"], "cannot be read as CSV in UTF-8"),
        (b"m\nx\n", ["--name", "n"], "there is no column 'n'"),
        (b"n;m\nx;y\n", ["--name", "n"], "the header has one column, 'n;m'; give --delimiter ';'"),
        (b"n,m\nx\n", ["--name", "n"], "Expected 2 columns, got 1"),
        (b"n\nx\0y\n", ["--name", "n"], "it has NUL bytes"),
        (b"n\nx\n", ["--name", "n", "--delimiter", "::"], "--delimiter is one sign"),
        (b"n\nx\n", [], "name a column with --name or --code"),
        (b"n\nx\n", ["--name", "n", "--date", "soon"], "'soon' is not a date"),
    ],
)
def test_resolve_says_what_is_wrong(tmp_path, capsys, content, options, message):
    file = tmp_path / "refs.csv"
    if content is not None:
        file.write_bytes(content)
    code = cli.main(
        ["places", "resolve", str(file), "--scheme", "NP-LOCAL-2017", "--level", "district", *options]
    )
    assert code == 1
    assert message in capsys.readouterr().err


def test_resolve_reads_other_delimiters_and_long_fields(tmp_path, capsys):
    file, out = tmp_path / "refs.csv", tmp_path / "out.csv"
    file.write_text("\ufeffn\td\nKaski\t2021-11-11\n" + "x" * 10_000_000 + "\t2021-11-11\n", encoding="utf-8")
    options = ["--scheme", "NP-LOCAL-2017", "--level", "district", "--name", "n", "--date", "d"]
    assert cli.main(["places", "resolve", str(file), *options, "--delimiter", "tab", "--out", str(out)]) == 0
    assert "1 of 2 references placed" in capsys.readouterr().err


def test_the_command_gives_what_the_library_gives(tmp_path):
    frame = pd.DataFrame(
        {"n": ["Taplejng", "Rukum", "काठमाडौं", "", "Kaski"], "c": ["", "", "", "१२", "35.0"]}
    )
    file, out = tmp_path / "refs.csv", tmp_path / "out.csv"
    frame.to_csv(file, index=False)
    options = ["--scheme", "NP-LOCAL-2017", "--level", "district", "--date", "2021-11-11"]
    cli.main(["places", "resolve", str(file), *options, "--name", "n", "--code", "c", "--out", str(out)])
    written = pd.read_csv(out, keep_default_na=False)
    found = places.resolve(
        frame, scheme="NP-LOCAL-2017", level="district", date="2021-11-11", name="n", code="c"
    )
    assert written["place_id"].tolist() == found["place_id"].fillna("").tolist()
    assert written["method"].tolist() == found["method"].tolist()
    assert [json.loads(text) for text in written["candidates"]] == found["candidates"].tolist()


def test_review_without_a_person(seed, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command.walk([WAITING, {**WAITING, "place_name": "b"}], seed=seed) == 0
    said = capsys.readouterr().out
    assert "the input has ended: 0 decided, 2 not looked at" in said
    assert "run it in a terminal" in said
    monkeypatch.setattr("sys.stdin", io.StringIO("1\nP\nwhy\n"))
    assert command.walk([WAITING], seed=seed) == 0
    assert [row["place_id"] for row in decisions(seed)] == ["NP-2017:district:59"]


def test_names_that_would_write_over_the_terminal_or_break_the_seed(seed, capsys):
    name = 'Ruk\x1b[2Jum\r\n,"x'
    command.walk([{**WAITING, "place_name": name}], seed=seed, ask=answers("n", "P", "no place"))
    assert "\x1b" not in capsys.readouterr().out
    written = places.load(seed.parent).seeds["place_decision"]
    assert written["place_name"].tolist() == [name]
    assert written["expect"].tolist() == ["unresolved"]


def test_a_seed_saved_by_a_spreadsheet_is_appended_to(seed):
    seed.write_text("\ufeff" + seed.read_text(encoding="utf-8").rstrip("\n") + "\r\n", encoding="utf-8")
    command.walk([WAITING], seed=seed, ask=answers("1", "P", "why"))
    assert len(places.load(seed.parent).seeds["place_decision"]) == 1


def test_check_counts_what_is_there(capsys):
    assert cli.main(["places", "check"]) == 0
    said = capsys.readouterr().out
    assert "NP-2017 local_unit: 775" in said
    assert "they hold together" in said


def test_check_refuses_a_broken_registry(tmp_path, monkeypatch, capsys):
    project = tmp_path / "project"
    shutil.copytree(SEEDS, project / "dbt_project" / "seeds" / "places")
    monkeypatch.setattr(settings, "PROJECT", project)
    crosswalk = project / "dbt_project" / "seeds" / "places" / "crosswalk.csv"
    crosswalk.write_text(
        crosswalk.read_text(encoding="utf-8").replace("1.000000000", "0.900000000", 1), encoding="utf-8"
    )
    assert cli.main(["places", "check"]) == 1
    assert "crosswalk.csv, row 2: the weights of" in capsys.readouterr().err


def test_a_decision_is_written_and_used_on_the_next_run(seed, capsys):
    day = datetime.date(2026, 11, 22)
    said = answers("what", "2", "A. Person", "", "letter of the ministry, of 3 May")
    assert command.walk([WAITING], seed=seed, ask=said, today=day) == 0
    assert decisions(seed) == [
        {
            **{column: value for column, value in WAITING.items() if column != "candidates"},
            "place_id": "NP-2017:district:77",
            "decided_by": "A. Person",
            "decided_on": "2026-11-22",
            "reason": "letter of the ministry, of 3 May",
            "expect": "Rukum West",
        }
    ]
    assert "'what' is none of these" in capsys.readouterr().out
    found = places.resolve(
        pd.DataFrame({"n": ["Rukum"]}),
        scheme="NP-LOCAL-2017",
        level="district",
        date="2021-11-11",
        name="n",
        source="mis",
        registry=places.load(seed.parent),
    )
    assert found["place_id"].tolist() == ["NP-2017:district:77"]
    assert command.walk([WAITING], seed=seed, ask=answers()) == 0
    assert "no reference waits" in capsys.readouterr().out


def test_a_place_by_id_no_place_skip_and_quit(seed):
    queue = [{**WAITING, "place_name": name} for name in ("a", "b", "c", "d", "e")]
    given = answers("NP-2017:district:59", "P", "why", "s", "n", "none such", "q")
    command.walk(queue, seed=seed, ask=given)
    assert [(row["place_name"], row["place_id"]) for row in decisions(seed)] == [
        ("a", "NP-2017:district:59"),
        ("c", ""),
    ]


def test_what_was_decided_stays_when_the_input_ends(seed):
    queue = [{**WAITING, "place_name": name} for name in ("a", "b")]
    assert command.walk(queue, seed=seed, ask=answers("1", "P", "why", "1")) == 0
    assert [row["place_name"] for row in decisions(seed)] == ["a"]


def test_a_decision_that_no_longer_applies_is_asked_again(seed):
    command.walk([WAITING], seed=seed, ask=answers("1", "P", "why"))
    seed.write_text(seed.read_text(encoding="utf-8").replace("Rukum East", "Rukum Orient"), encoding="utf-8")
    command.walk([WAITING], seed=seed, ask=answers("2", "P", "moved"))
    assert [row["place_id"] for row in decisions(seed)] == ["NP-2017:district:59", "NP-2017:district:77"]
    stale = places.load(seed.parent).stale_decisions()
    assert stale["row"].tolist() == [2]


@pytest.mark.database
def test_review_reads_the_queue_of_the_warehouse(database, tmp_path, monkeypatch, capsys):
    project = tmp_path / "project"
    shutil.copytree(SEEDS, project / "dbt_project" / "seeds" / "places")
    monkeypatch.setattr(settings, "PROJECT", project)
    insert = text(
        "insert into places.place_reference (source_id, place_scheme, place_level, place_code, place_name,"
        " place_parent, place_id, method, candidates) values ('mis', 'NP-LOCAL-2017', 'district', '', :name,"
        " '', :place_id, :method, cast(:candidates as jsonb))"
    )
    candidates = json.dumps(WAITING["candidates"])
    rows = [
        {"name": "Rukum", "place_id": None, "method": "unresolved", "candidates": candidates},
        {"name": "Dang", "place_id": "NP-2017:district:15", "method": "alias", "candidates": "[]"},
        {"name": "Total", "place_id": None, "method": "decision", "candidates": "[]"},
    ]
    with database.engine.begin() as connection:
        connection.execute(insert, rows)
    replies = answers("1", "P", "why")
    monkeypatch.setattr("builtins.input", replies)
    assert cli.main(["places", "review", "--source", "other"]) == 0
    assert "no reference waits" in capsys.readouterr().out
    assert cli.main(["places", "review"]) == 0
    said = capsys.readouterr().out
    assert "[1 of 1] mis: district in NP-LOCAL-2017" in said
    assert "Rukum East (NP-2017:district:59: successor)" in said
    seed = project / "dbt_project" / "seeds" / "places" / "place_decision.csv"
    assert decisions(seed)[-1]["place_id"] == "NP-2017:district:59"


def test_compare_reports_what_changed_and_takes_it_in(tmp_path, monkeypatch, capsys):
    project = tmp_path / "project"
    folder = project / "dbt_project" / "seeds" / "places"
    shutil.copytree(SEEDS, folder)
    monkeypatch.setattr(settings, "PROJECT", project)
    place = pd.read_csv(folder / "place.csv", dtype=str, keep_default_na=False)
    place = place[(place["place_vintage"] == "NP-2017") & (place["is_statistical"] == "True")]
    listed = pd.DataFrame(
        {
            "level": place["place_level"],
            "code": place["place_id"].str.rpartition(":")[2],
            "name": place["place_name"],
            "up": place["parent_id"].str.rpartition(":")[2],
        }
    )
    listed.loc[listed["code"] == "30608", "name"] = "Kantipur"
    file = tmp_path / "list.csv"
    listed.to_csv(file, index=False)
    command = ["places", "compare", str(file), "--scheme", "NP-LOCAL-2017", "--date", "2021-11-11"]
    out = tmp_path / "changes.csv"
    assert cli.main([*command, "--parent", "up", "--out", str(out)]) == 0
    assert "local_unit: unchanged 752, renamed 1" in capsys.readouterr().out
    changes = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert changes.loc[changes["change"] == "renamed", "name_before"].tolist() == ["Kathmandu"]

    assert cli.main([*command, "--parent", "up", "--take-in", "NP-2027"]) == 1
    assert "--take-in needs --new-scheme, --valid-from" in capsys.readouterr().err
    new = ["--take-in", "NP-2027", "--new-scheme", "NP-LOCAL-2027", "--valid-from", "2027-07-16"]
    assert cli.main([*command, "--parent", "up", *new, "--custodian", "NSO", "--from", "list of 2027"]) == 0
    found = places.resolve(
        pd.DataFrame({"n": ["Kantipur"], "p": ["36"]}),
        scheme="NP-LOCAL-2027",
        level="local_unit",
        date="2030-01-01",
        name="n",
        parent="p",
    )
    assert found["place_id"].tolist() == ["NP-2027:local_unit:30608"]


def test_compare_names_the_file_and_row(tmp_path, capsys):
    file = tmp_path / "list.csv"
    file.write_text("level,code,name,parent\ndistrict,1,A,\ndistrict,1,B,\n")
    assert cli.main(["places", "compare", str(file), "--scheme", "NP-LOCAL-2017"]) == 1
    assert f"{file}: row 3: column code: the code is used twice on its level: 1" in capsys.readouterr().err
