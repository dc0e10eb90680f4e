"""A release on a CKAN portal: a small portal here, a real one where ``STATLOOM_TEST_CKAN`` names it.

``STATLOOM_TEST_CKAN=https://token@host/#organization`` runs the main test on a real CKAN too.
"""

import hashlib
import json
import os
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from statloom.cli import main
from statloom.errors import StatloomError
from statloom.exports import checksums, csv, data_package, geo
from statloom.exports.ckan import name_of, packages
from statloom.exports.ckan_api import Portal, Refused
from statloom.exports.ckan_publish import publish
from tests.exports import portal_sample as sample
from tests.exports.ckan_portal import TOKEN, Refusal, serve

REAL = os.environ.get("STATLOOM_TEST_CKAN")


@pytest.fixture(scope="module")
def server():
    made, _ = serve()
    yield made
    made.shutdown()


@pytest.fixture
def ckan(server):
    server.ckan.__init__()
    return server.ckan


@pytest.fixture
def portal(server, ckan):
    with Portal(f"http://127.0.0.1:{server.server_port}/", TOKEN) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    """A release of three series on the disk."""
    folder = tmp_path / "4"
    figures, shapes, tables = sample.release(folder)
    listed(folder, tables)
    geo.write(folder, sample.ABOUT, figures, shapes)
    data_package.write(folder, sample.ABOUT, tables)
    checksums.write(folder, {})
    return folder


def listed(folder, tables):
    rows = [
        {
            "series_code": table.name,
            "title_ne": table.title_ne,
            "indicator_code": table.dataset.indicator_code,
            "goal": table.dataset.goal,
            "unit_title": table.dataset.unit,
            "custodians": table.dataset.sources[0].custodian,
            "synthetic": table.dataset.synthetic,
            "period_start": table.dataset.period_start,
        }
        for table in tables
    ]
    csv.write(pa.Table.from_pylist(rows), folder / "series.csv")


def extras(package: dict) -> dict:
    return {extra["key"]: extra["value"] for extra in package["extras"]}


def test_first_everything_then_nothing_then_what_differs(portal, ckan, folder):
    first = publish(portal, folder, organization="office")
    assert (first.created, first.unchanged) == (4, 0) and first.uploaded == len(ckan.bytes)
    names = sorted(package["name"] for package in ckan.packages.values())
    assert names == ["statloom-release", "x_toilet", "x_water", "x_wells"]
    water = ckan.package("x_water")
    assert (water["title"], water["state"], water["license_id"], water["version"]) == (
        "Water", "active", "cc-by", "4",
    )  # fmt: skip
    assert {resource["name"]: resource["format"] for resource in water["resources"]} == {
        "X_WATER.csv": "CSV", "X_WATER.parquet": "Parquet",
    }  # fmt: skip
    for resource in water["resources"]:
        sent = ckan.bytes[resource["id"]]
        assert sent == (folder / "data" / resource["name"]).read_bytes()
        assert (hashlib.sha256(sent).hexdigest(), len(sent)) == (resource["hash"], resource["size"])
    assert extras(water)["title_ne"] == "पानी" and extras(water)["indicator"] == "6.1.1"
    assert {"name": "synthetic"} in ckan.package("x_toilet")["tags"]
    whole = {resource["name"] for resource in ckan.package("statloom-release")["resources"]}
    assert {"datapackage.json", "places.csv", "geo/figures.gpkg", "SHA256SUMS"} <= whole

    before = len(ckan.asked)
    second = publish(portal, folder, organization="office")
    assert (second.created, second.changed, second.unchanged, second.uploaded) == (0, 0, 4, 0)
    assert set(ckan.asked[before:]) == {"package_show"}

    path = folder / "data" / "X_WELLS.csv"
    path.write_text(path.read_text().replace("7.5", "7.6"))
    checksums.write(folder, {})
    third = publish(portal, folder)
    assert (third.changed, third.unchanged, third.uploaded) == (2, 2, 2)  # the series, and the checksums
    assert ckan.package("x_wells")["resources"][0]["hash"] == checksums.sha256(path)


def complete_and_wrong(ckan, folder) -> list[str]:
    """Datasets that say they are complete and are not, and resources that are there twice."""
    wrong = []
    for package in packages(folder):
        try:
            there = ckan.package(package.name)
        except Refusal:  # not there yet
            continue
        parts = [resource["statloom_part"] for resource in there["resources"]]
        if len(parts) != len(set(parts)):
            wrong.append(f"{package.name}: twice")
        hashes = {resource["statloom_part"]: resource["hash"] for resource in there["resources"]}
        whole = hashes == {resource.part: resource.sha256 for resource in package.resources}
        if extras(there).get("statloom_complete") == package.fields["version"] and not whole:
            wrong.append(f"{package.name}: complete, and is not")
    return wrong


@pytest.mark.parametrize("lost", [False, True], ids=["request", "answer"])
def test_stopped_at_any_request_it_goes_on_where_it_stopped(portal, ckan, folder, lost):
    publish(portal, folder, organization="office")
    writes = sum(action != "package_show" for action in ckan.asked)
    whole = {resource.sha256 for package in packages(folder) for resource in package.resources}
    for number in sorted({0, 1, 2, 3, writes // 2, writes - 2, writes - 1}):
        ckan.__init__()
        ckan.dies_after, ckan.loses_answer = number, lost
        with pytest.raises(StatloomError, match="run it again"):
            publish(portal, folder, organization="office")
        twice = [wrong for wrong in complete_and_wrong(ckan, folder) if "complete" in wrong]
        assert twice == [], number
        drafts = [p for p in ckan.packages.values() if not extras(p).get("statloom_complete")]
        assert all(package["state"] == "draft" for package in drafts), number
        ckan.dies_after = None
        done = publish(portal, folder, organization="office")
        assert done.created + done.changed + done.unchanged == 4
        assert complete_and_wrong(ckan, folder) == [], number
        there = {r["hash"] for package in ckan.packages.values() for r in package["resources"]}
        assert there == whole, number


def test_a_change_that_is_stopped_does_not_claim_to_be_complete(portal, ckan, folder):
    publish(portal, folder, organization="office")
    for name in ("X_WATER.csv", "X_WATER.parquet"):
        path = folder / "data" / name
        path.write_bytes(path.read_bytes() + b"\n")
    checksums.write(folder, {})
    for number in range(1, 4):  # before the first request it is complete, as it was
        ckan.dies_after = number
        try:
            publish(portal, folder)
        except StatloomError:
            assert [wrong for wrong in complete_and_wrong(ckan, folder) if "x_water" in wrong] == []
    ckan.dies_after = None
    publish(portal, folder)
    assert complete_and_wrong(ckan, folder) == []


def test_what_others_added_stays_and_what_is_theirs_is_not_touched(portal, ckan, folder):
    publish(portal, folder, organization="office")
    water = ckan.package("x_water")
    water["extras"].append({"key": "curator", "value": "Asha"})
    water["tags"].append({"name": "rivers"})
    water["resources"].append({"id": "theirs", "name": "Notes", "url": "https://example.org"})
    publish(portal, folder, withdrawn="a wrong table")
    water = ckan.package("x_water")
    assert extras(water)["curator"] == "Asha" and {"name": "rivers"} in water["tags"]
    assert "theirs" in {resource["id"] for resource in water["resources"]}
    foreign = ckan.package("x_wells")
    foreign["extras"] = []
    with pytest.raises(StatloomError, match="x_wells that is not ours"):
        publish(portal, folder)


def test_a_withdrawn_release_is_marked_and_stays(portal, ckan, folder):
    publish(portal, folder, organization="office")
    done = publish(portal, folder, withdrawn="a wrong table")
    assert (done.changed, done.uploaded) == (4, 0)
    water = ckan.package("x_water")
    assert water["notes"].startswith("**Withdrawn: a wrong table**")
    assert extras(water)["withdrawn"] == "a wrong table" and water["state"] == "active"
    publish(portal, folder)
    water = ckan.package("x_water")
    assert "withdrawn" not in extras(water) and "Withdrawn" not in water["notes"]
    # What `statloom release withdraw` wrote into the list of releases is found there.
    entry = {"release": 4, "status": "withdrawn", "withdrawn_reason": "a wrong unit"}
    (folder.parent / "releases.json").write_text(json.dumps({"releases": [{"release": 3}, entry]}))
    publish(portal, folder)
    assert extras(ckan.package("x_water"))["withdrawn"] == "a wrong unit"


def test_a_series_that_is_released_no_more_is_said_so(portal, ckan, folder):
    publish(portal, folder, organization="office")
    for path in folder.glob("data/X_WELLS.*"):
        path.unlink()
    content = json.loads((folder / "datapackage.json").read_text())
    content["version"] = "5.0.0"
    content["resources"] = [r for r in content["resources"] if "X_WELLS" not in r["path"]]
    (folder / "datapackage.json").write_text(json.dumps(content))
    checksums.write(folder, {})
    done = publish(portal, folder)
    assert done.discontinued == ("x_wells",)
    assert extras(ckan.package("x_wells"))["discontinued_in"] == "5"
    assert publish(portal, folder).discontinued == ()


def test_a_file_that_has_another_name_takes_the_place_of_the_old(portal, ckan, folder):
    publish(portal, folder, organization="office")
    (folder / "geo" / "unit.geojson").rename(folder / "geo" / "town.geojson")
    checksums.write(folder, {})
    done = publish(portal, folder)
    assert done.removed == 1
    names = [resource["name"] for resource in ckan.package("statloom-release")["resources"]]
    assert "geo/town.geojson" in names and "geo/unit.geojson" not in names


def test_refusals_say_what_was_refused_and_never_the_token(portal, server, ckan, folder, monkeypatch, capsys):
    with pytest.raises(Refused, match=r"owner_org: .*organization must be provided"):
        publish(portal, folder)
    address = f"http://127.0.0.1:{server.server_port}"
    words = ["release", "publish-ckan", address, "--folder", str(folder), "--organization", "office"]
    monkeypatch.delenv("STATLOOM_CKAN_TOKEN", raising=False)
    assert main(words) == 1
    assert "STATLOOM_CKAN_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("STATLOOM_CKAN_TOKEN", "secret-and-wrong")
    assert main(words) == 1
    said = capsys.readouterr()
    assert "Authorization Error" in said.err and "secret-and-wrong" not in said.err + said.out
    monkeypatch.setenv("STATLOOM_CKAN_TOKEN", TOKEN)
    assert main(words) == 0
    assert "4 datasets new" in capsys.readouterr().out
    path = folder / "places.csv"
    path.write_text(path.read_text() + "x")
    assert main(words) == 1
    assert "places.csv differs from its checksum" in capsys.readouterr().err
    for bad in ("ftp://portal", "https://name:word@portal"):
        with pytest.raises(StatloomError):
            Portal(bad, TOKEN)


def test_a_file_that_is_too_large_is_said_or_linked(portal, ckan, folder):
    large = folder / "data" / "X_WATER.csv"
    ckan.takes = large.stat().st_size - 1
    done = publish(portal, folder, organization="office")
    assert "x_water: X_WATER.csv" in done.too_large
    water = ckan.package("x_water")
    assert water["state"] == "active" and [r["name"] for r in water["resources"]] == ["X_WATER.parquet"]
    assert extras(water)["statloom_missing"] == "X_WATER.csv" and "statloom_complete" not in extras(water)
    again = publish(portal, folder, address="https://data.example.org/releases/")
    assert again.too_large == [] and again.linked >= 1
    water = ckan.package("x_water")
    links = {r["name"]: r["url"] for r in water["resources"]}
    assert links["X_WATER.csv"] == "https://data.example.org/releases/4/data/X_WATER.csv"
    assert extras(water)["statloom_complete"] == "4" and "statloom_missing" not in extras(water)
    assert publish(portal, folder).unchanged == 4


def test_names_are_those_that_ckan_allows():
    assert name_of("NP_Ünï/1", "Office ") == "office-np_-n-1"
    assert len(name_of("A" * 300)) == 100


def test_the_small_portal_answers_as_ckan_does(portal, server, ckan, folder):
    """What the portal of these tests answers has the shape of what a real CKAN 2.12.0 answered."""
    recorded = json.loads((Path(__file__).parent / "ckan_answers.json").read_text())["answers"]
    publish(portal, folder, organization="office")
    package = ckan.package("x_water")
    ours = {
        "package_create": package,
        "package_patch": package,
        "package_show": package,
        "resource_create": package["resources"][0],
    }
    seen = set()
    for entry in recorded:
        action, answer = entry["action"], entry["answer"]
        if answer["success"]:
            assert answer["result"].keys() - {"plugin_data"} <= ours[action].keys() | {"owner_org"}, action
        else:
            assert answer["error"]["__type"] == "Not Found Error" and portal.show("nowhere") is None
        seen.add((action, entry["status"]))
    assert {("package_create", 200), ("resource_create", 200), ("package_show", 404)} <= seen


@pytest.mark.skipif(REAL is None, reason="no CKAN: STATLOOM_TEST_CKAN names none")
def test_a_real_ckan(folder):
    parts = urlsplit(REAL)
    prefix = f"test-{uuid.uuid4().hex[:8]}-"
    address = f"{parts.scheme}://{parts.hostname}:{parts.port or 443}"
    with Portal(address, parts.username) as portal:
        sent = []

        def stop(line: str) -> None:
            sent.append(line)
            if len(sent) == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            publish(portal, folder, organization=parts.fragment, prefix=prefix, report=stop)
        done = publish(portal, folder, organization=parts.fragment, prefix=prefix)
        assert done.created + done.changed + done.unchanged == 4
        assert publish(portal, folder, prefix=prefix).unchanged == 4
        assert publish(portal, folder, prefix=prefix, withdrawn="a test").changed == 4
        for package in packages(folder, prefix=prefix):
            there = portal.show(package.name)
            assert there["state"] == "active" and extras(there)["withdrawn"] == "a test"
            assert {r["statloom_part"]: r["hash"] for r in there["resources"]} == {
                resource.part: resource.sha256 for resource in package.resources
            }
            portal.ask("package_delete", {"id": there["id"]})
