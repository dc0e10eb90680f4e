"""Public-use files in releases: written, judged, kept, refused."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as xml

import numpy as np
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from statloom import release, settings
from statloom.contracts.registration import as_json
from statloom.errors import GateError, StatloomError
from statloom.exports import checksums
from statloom.microdata import vault
from statloom.microdata.public_use.suppression import Suppression
from statloom.publication import publish
from statloom.quality.report import look, site
from statloom.quality.report.data import collect
from statloom.quality.report.words import Words
from statloom.release import public_use
from statloom.settings import Settings
from tests.microdata.public_use import survey
from tests.publication.marts import query, run
from tests.release.country import declare, publish_country

pytestmark = pytest.mark.database
SOURCE = survey.SURVEY["source"]


class Office:
    """An office with a published country, and a survey in the vault."""

    def __init__(self, database, project):
        self.database, self.engine, self.project = database, database.engine, project
        self.rows = survey.rows(150)
        publish_country(database.engine, units=3, years=1)

    def declare(self, **changes) -> None:
        """Write and register the contract; ``changes`` as of `survey.declaration`."""
        folder = self.project / "dags" / "sources"
        made = survey.written(folder, survey.declaration(**changes))
        declare(self.engine, SOURCE, as_json(made), {})

    def deliver(self, sha256: str = survey.SHA256, rows=None) -> None:
        """Put rows into the vault, as the accepted delivery."""
        survey.store(survey.contract(), *(rows or self.rows), sha256)
        run(
            self.engine,
            "insert into landing.delivery (source_id, sha256, file_name, fetched_from, fetched_by,"
            " archive_key, size_bytes, status, judged_at)"
            f" values ('{SOURCE}', '{sha256}', 'x', 'x', 'x', 'x', 1, 'accepted', clock_timestamp())",
        )

    def publish(self, factor: int) -> None:
        """Publish other figures."""
        publish_country(self.engine, units=3, years=1, factor=factor)

    def release(self):
        """Release what is published."""
        release.prepare(self.engine, run_id="test")
        return release.write(self.engine, run_id="test")

    def judged(self) -> list[tuple]:
        """Return the newest judgement: passed, failed and warned."""
        return query(
            self.engine,
            "select passed, failed, warned from quality.gate_run where gate = 'release'"
            f" and subject = 'public_use_{SOURCE}' order by gate_run_id desc limit 1",
        )


@pytest.fixture
def office(database, tmp_path, monkeypatch):
    """An office with the test survey's contract, and a delivery of it in the vault."""
    project = tmp_path / "office"
    (project / "dags" / "sources").mkdir(parents=True)
    (project / "dbt_project").symlink_to(settings.PROJECT / "dbt_project")
    here = Settings(project=project, home=database.home)
    monkeypatch.setattr(settings, "load", lambda: here)
    made = Office(database, project)
    made.declare()
    made.deliver()
    return made


def contents(folder) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def data(folder) -> dict[str, bytes]:
    """The data files of the public-use file."""
    return {
        name: content
        for name, content in contents(folder / "microdata" / SOURCE).items()
        if name.endswith((".csv", ".parquet"))
    }


def test_the_file_is_part_of_the_release(office):
    made = office.release()
    target = made.folder / "microdata" / SOURCE
    assert set(contents(target)) == {
        "household.csv", "household.parquet", "person.csv", "person.parquet", "ddi.xml", "public_use.json",
        "index.html", "index.ne.html",
    }  # fmt: skip
    assert checksums.problems(made.folder) == []
    assert office.judged() == [(True, 0, 0)]
    households, persons = (pq.read_table(target / f"{record}.parquet") for record in ("household", "person"))
    assert persons.column_names == [
        "person_number", "household_number", "sex", "age", "illness", "literate"
    ]  # fmt: skip
    assert households.column_names == [
        "household_number", "province", "area", "consumption", "weight", "persons_in_household"
    ]  # fmt: skip
    with (target / "person.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == persons.num_rows
    package = json.loads((made.folder / "datapackage.json").read_text())
    found = {resource["name"]: resource for resource in package["resources"]}[f"{SOURCE}_person"]
    assert found["licenses"][0]["name"] == "CC-BY-4.0"
    assert found["schema"]["primaryKey"] == ["person_number"]
    assert found["schema"]["foreignKeys"][0]["reference"]["resource"] == f"{SOURCE}_household"
    catalogue = json.loads((made.folder / "catalogue.json").read_text())
    entry = next(e for e in catalogue["dcat:dataset"] if e.get("dct:identifier") == f"{SOURCE}_person")
    assert {d["@id"].rpartition("/")[2] for d in entry["dcat:distribution"]} == {
        "person.csv", "person.parquet", "ddi.xml", "public_use.json"
    }  # fmt: skip
    assert all(d["dct:license"]["@id"].endswith("CC-BY-4.0.html") for d in entry["dcat:distribution"])
    assert f'href="microdata/{SOURCE}/index.html"' in (made.folder / "index.html").read_text()
    assert f'href="microdata/{SOURCE}/index.ne.html"' in (made.folder / "index.ne.html").read_text()
    # Nobody of the vault is in the release.
    text = b"".join(contents(made.folder).values())
    assert not any(
        name.encode() in text for name in (*office.rows[0]["phone"], *office.rows[1]["remark"][:50])
    )


def test_the_file_is_described(office):
    target = office.release().folder / "microdata" / SOURCE
    said = json.loads((target / "public_use.json").read_text())
    losses = {loss["variable"]: loss for loss in said["losses"]}
    persons = pq.read_table(target / "person.parquet")
    assert losses["age"]["suppressed"] == persons["age"].null_count > 0
    assert said["measured"]["k"] >= 3
    space = {"d": "ddi:codebook:2_5"}
    book = xml.parse(target / "ddi.xml").getroot()
    variables = {v.get("name"): v for v in book.findall("d:dataDscr/d:var", space)}
    assert set(variables) == {
        *persons.column_names, *pq.read_schema(target / "household.parquet").names
    }  # fmt: skip
    categories = {
        c.find("d:catValu", space).text: int(c.find("d:catStat", space).text)
        for c in variables["sex"].findall("d:catgry", space)
    }
    sexes = persons["sex"].to_pylist()
    assert categories == {sex: sexes.count(sex) for sex in ("Female", "Male")}
    assert [v for v in variables if variables[v].get("wgt") == "wgt"] == ["weight"]
    for name, language in (("index.html", "en"), ("index.ne.html", "ne")):
        page = (target / name).read_text()
        assert f'lang="{language}"' in page
        assert survey.SURVEY["public_use"]["terms"][language] in page
        assert f"{losses['age']['suppressed']:,} / {losses['age']['values']:,}" in page


def test_the_report_shows_risk_and_loss(office):
    said = json.loads((office.release().folder / "microdata" / SOURCE / "public_use.json").read_text())
    report = collect(office.engine)
    (file,) = report["public_use"]
    assert file["risk"] == said["measured"]["risk"]
    assert file["limits"] == {"k": 3, "l": {"distinct": 2}, "maximum_global_risk": 0.03}
    lost = {row["name"]: row["suppressed"] for row in file["variables"]}
    assert lost["age"] == next(x["suppressed"] for x in said["losses"] if x["variable"] == "age") > 0
    schema = json.loads(site.SCHEMA.read_text())["properties"]["public_use"]
    Draft202012Validator(schema).validate(report["public_use"])
    gate = next(gate for gate in report["gates"] if gate["subject"] == f"public_use_{SOURCE}")
    assert (gate["state"], gate["expectations"]) == ("good", 12)
    nepali = Words("ne")
    templates = look.environment(nepali, report)
    page = templates.get_template("public_use_part.html.j2").render()
    assert nepali.missing == set()
    assert nepali.relative(file["risk"]["household"]) in page
    for result in gate["results"]:
        assert not str(nepali.described(result["description"])).startswith("<span"), result["description"]


def test_the_same_delivery_gives_the_same_file_in_every_release(office):
    first = office.release()
    kept = data(first.folder)
    office.publish(factor=2)
    second = office.release()
    assert (second.release_id, second.changed) == (2, True)
    assert data(second.folder) == kept
    # Also where the former file is gone and it is made again.
    for release_id in (1, 2):
        shutil.rmtree(first.folder.parent / str(release_id) / "microdata")
    office.publish(factor=3)
    assert data(office.release().folder) == kept
    # And as if nothing had ever been released.
    run(office.engine, "delete from release.public_use", "delete from release.release")
    first.folder.parent.rename(first.folder.parent.with_name("former"))
    assert data(office.release().folder) == kept


def test_a_newer_delivery_waits_for_an_edition(office):
    kept = data(office.release().folder)
    office.deliver("b" * 64, survey.rows(150, seed=2))
    made = office.release()
    assert (made.release_id, made.changed) == (2, True)
    assert data(made.folder) == kept
    assert office.judged() == [(True, 0, 1)]
    office.declare(edition=2, reason="the first had wrong weights; its persons are others")
    made = office.release()
    assert data(made.folder) != kept
    assert office.judged() == [(True, 0, 0)]


def test_another_declaration_of_an_edition_that_is_out_is_refused(office):
    office.release()
    office.declare(recode={**survey.SURVEY["public_use"]["recode"], "age": {"width": 20, "top": 60}})
    with pytest.raises(GateError, match=r"edition 1 went out with release 1 under another declaration"):
        office.release()
    assert query(office.database.engine_for("portal"), "select max(release_id) from open_data.release") == [
        (1,)
    ]
    office.declare(
        edition=2, reason="coarser", recode={**survey.SURVEY["public_use"]["recode"], "age": {"width": 20}}
    )
    assert office.release().release_id == 2
    office.declare()
    with pytest.raises(GateError, match="edition 2 went out with release 2"):
        office.release()


def test_a_declaration_that_was_not_registered_is_refused(office):
    release.prepare(office.engine, run_id="test")
    survey.written(office.project / "dags" / "sources", survey.declaration(k=2))
    with pytest.raises(
        StatloomError, match=r"survey_2021\.yml: public_use has changed since the contract was"
    ):
        release.write(office.engine, run_id="test")


def test_texts_may_change_within_an_edition(office):
    first = office.release()
    kept = data(first.folder)
    office.declare(terms={"en": "Other words."})
    second = office.release()
    assert second.changed and data(second.folder) == kept
    assert "Other words." in (second.folder / "microdata" / SOURCE / "index.html").read_text()


def test_an_edition_that_waits_for_its_hour_may_be_another_still(office, monkeypatch):
    (office.project / "config").mkdir()
    (office.project / "config" / "release_calendar.csv").write_text(
        "release_at,title,title_ne\n2999-01-01T10:00:00+05:45,Later,पछि\n"
    )
    first = office.release()
    assert first.embargo is not None
    kept = data(first.folder)
    office.declare(k=4)
    second = office.release()
    assert second.release_id == 2 and second.embargo is not None
    assert data(second.folder) != kept


def test_a_file_that_tells_too_much_stops_the_release(office, monkeypatch):
    """Where nothing was left out, the files themselves say so."""
    monkeypatch.setattr(Suppression, "reach", lambda *_: None)
    monkeypatch.setattr(Suppression, "diversify", lambda *_: None)
    with pytest.raises(GateError) as stopped:
        office.release()
    said = str(stopped.value)
    assert re.search(
        rf"microdata/{SOURCE}/person: At least 3 rows have the same keys: \d+ combinations of keys are shared"
        r" by fewer than 3 rows; make coarser \w+ \(without it: \d+ rows\)",
        said,
    )
    assert f"microdata/{SOURCE}/household: At least 3 households have the same keys" in said
    assert "Rows with the same keys are diverse in illness (distinct 2)" in said
    ((passed, failed, _),) = office.judged()
    # The global risk of so small a survey is too high besides.
    assert (passed, failed >= 3) == (False, True)
    assert not list(office.database.home.glob("open_data/[0-9]*"))


def test_a_global_risk_above_the_limit_stops_the_release(office):
    office.declare(maximum_global_risk=0.0001)
    with pytest.raises(GateError) as stopped:
        office.release()
    said = str(stopped.value)
    assert "The global risk of persons is at most 0.01%" in said
    assert "The global risk of households is at most 0.01%" in said
    assert "make coarser" in said
    assert query(office.engine, "select count(*) from release.release where status = 'released'") == [(0,)]
    ((passed, failed, _),) = office.judged()
    assert (passed, failed) == (False, 2)
    unmet = query(
        office.engine,
        "select description, message from quality.expectation_result where not passed order by position",
    )
    assert len(unmet) == 2 and all("persons expected to be " in message for _, message in unmet)
    office.declare()
    assert office.release().changed


def test_files_that_were_changed_after_they_were_written_stop_the_release(office, monkeypatch):
    honest = public_use._make

    def meddled(here, contract, wanted):
        made = honest(here, contract, wanted)
        path = here / "microdata" / SOURCE / "person.csv"
        path.write_text(path.read_text().replace("Female", "Male", 1))
        (path.parent / "names.csv").write_text("name\nHari\n")
        return made

    monkeypatch.setattr(public_use, "_make", meddled)
    with pytest.raises(GateError) as stopped:
        office.release()
    assert "person.csv: column sex differs from the Parquet file" in str(stopped.value)
    assert "names.csv is no file of it" in str(stopped.value)


def test_a_delivery_that_the_vault_lost_is_said_so(office):
    vault.location.of_delivery(SOURCE, survey.SHA256).remove()
    with pytest.raises(StatloomError, match="the vault has no household of this delivery"):
        office.release()


def test_numbers_lead_nowhere(office):
    """Neither numbers nor order follow the source's, and another key of the vault gives others."""
    made = office.release()
    target = made.folder / "microdata" / SOURCE
    households = pq.read_table(target / "household.parquet")
    assert households["household_number"].to_pylist() == list(range(1, households.num_rows + 1))
    above, below = office.rows
    sizes = np.bincount(below["_household"])[1:]
    shown = households["persons_in_household"].to_numpy()
    assert sorted(sizes[sizes <= 6]) == sorted(shown)
    assert abs(np.corrcoef(sizes[sizes <= 6], shown)[0, 1]) < 0.3
    run(office.engine, "delete from release.public_use", "delete from release.release")
    made.folder.parent.rename(made.folder.parent.with_name("former"))
    (office.database.home / "secrets" / "vault.key").write_text("ab" * 32)
    other = pq.read_table(office.release().folder / "microdata" / SOURCE / "household.parquet")
    assert other.num_rows == households.num_rows and not other.equals(households)
    assert above["household_id"].min() == 5000


def test_a_source_without_a_declaration_has_no_file(office):
    data_ = survey.declaration()
    del data_["public_use"]
    made = survey.written(office.project / "dags" / "sources", data_)
    declare(office.engine, SOURCE, as_json(made), {})
    publish(office.engine, run_id="test", code_version="abc")
    assert not (office.release().folder / "microdata").exists()


def test_an_earlier_edition_comes_back_as_it_was(office):
    """Also when a later one was prepared but never seen, and the delivery is another by now."""
    kept = data(office.release().folder)
    (office.project / "config").mkdir()
    hours = office.project / "config" / "release_calendar.csv"
    hours.write_text("release_at,title,title_ne\n2999-01-01T10:00:00+05:45,Later,पछि\n")
    office.declare(edition=2, reason="coarser", k=4)
    unseen = office.release()
    assert unseen.embargo is not None and data(unseen.folder) != kept
    office.deliver("b" * 64, survey.rows(150, seed=2))
    office.declare()
    assert data(office.release().folder) == kept
