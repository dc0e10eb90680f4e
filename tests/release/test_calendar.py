"""Releases under embargo, at their hour, withdrawn; the calendar as a file."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from statloom import release
from statloom.errors import StatloomError
from statloom.exports import checksums
from statloom.publication import publish
from statloom.release import calendar, standing
from tests.publication.marts import query, run
from tests.release.country import build_country, publish_country

SEEN = "select release_id, status, withdrawn_reason from open_data.release order by release_id"


@pytest.fixture
def hours(tmp_path, monkeypatch):
    """Write the calendar: each call replaces it by hours that many minutes from now."""
    file = tmp_path / "calendar.csv"
    monkeypatch.setenv("STATLOOM_RELEASE_CALENDAR", str(file))

    def write(*minutes: float) -> None:
        moments = [(datetime.now(UTC) + timedelta(minutes=m)).isoformat() for m in minutes]
        file.write_text("release_at,title,title_ne\n" + "".join(f"{at},Annual figures,\n" for at in moments))

    return write


def made(database, **country):
    publish_country(database.engine, **country)
    return released(database)


def released(database):
    release.prepare(database.engine, run_id="test")
    return release.write(database.engine, run_id="test")


def next_made(database, factor: int):
    build_country(database.engine, factor=factor)
    publish(database.engine, run_id="test", code_version="abc")
    return released(database)


def come(database, release_id: int) -> None:
    """The hour of a release comes."""
    run(
        database.engine,
        "update release.release set visible_from = now(), released_at = now()"
        f" where release_id = {release_id}",
    )


def total(database, role: str = "portal"):
    return query(database.engine_for(role), "select count(*), sum(value) from open_data.observation")[0]


def test_nothing_is_readable_before_its_hour(database, hours):
    first = made(database)
    portal, before = database.engine_for("portal"), total(database)
    hours(-10, 30, 90)
    second = next_made(database, 2)
    open_data = first.folder.parent
    assert second.changed and timedelta(minutes=29) < second.embargo - datetime.now(UTC) < timedelta(
        minutes=30
    )
    assert second.folder.parent != open_data and second.folder.parent.stat().st_mode & 0o077 == 0
    assert checksums.problems(second.folder) == []
    assert not (open_data / "2").exists() and (open_data / "latest").resolve() == first.folder
    assert query(portal, SEEN) == [(1, "released", None)]
    assert total(database) == before
    assert query(portal, "select count(*) from open_data.dataset") == [(2,)]
    assert [r["release"] for r in json.loads((open_data / "releases.json").read_text())["releases"]] == [1]
    assert release.reveal_due(database.engine) == []

    come(database, 2)
    # The portal role sees it from that second on, whoever is late.
    assert total(database) != before
    assert release.reveal_due(database.engine) == [2]
    assert (open_data / "latest").resolve() == open_data / "2"
    assert checksums.problems(open_data / "2") == [] and (open_data / "2").stat().st_mode & 0o005 == 0o005
    assert query(portal, SEEN) == [(1, "released", None), (2, "released", None)]
    assert first.folder.is_dir() and checksums.problems(first.folder) == []
    assert release.reveal_due(database.engine) == []


def test_a_release_is_dated_by_its_hour(database, hours):
    hours(60 * 24 * 40)
    folder = made(database).folder
    day = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    assert day in (folder / "catalogue.json").read_text()


def test_what_waits_is_replaced_by_what_is_made_later(database, hours):
    hours(30)
    first = made(database)
    second = next_made(database, 2)
    assert second.release_id == 2 and not first.folder.exists()
    come(database, 2)
    assert release.reveal_due(database.engine) == [2]
    assert query(database.engine_for("portal"), SEEN) == [(2, "released", None)]
    states = [(r.release_id, r.state) for r in standing.overview(database.engine)]
    assert states == [(1, "replaced"), (2, "released")]
    assert released(database).changed is False


def test_without_an_hour_to_come_a_release_waits_for_one(database, hours):
    hours(-10)
    waiting = made(database)
    assert waiting.embargo.year == 9999
    assert "until the calendar has an hour" in standing.overview(database.engine)[0].moment
    hours(-10, 20)
    release.reveal_due(database.engine)
    assert "UTC" in standing.overview(database.engine)[0].moment
    assert query(database.engine_for("portal"), SEEN) == []


def test_a_withdrawn_release_is_marked_and_stays_at_its_address(database):
    first = made(database)
    sums = total(database)
    second = next_made(database, 3)
    open_data, portal = first.folder.parent, database.engine_for("portal")
    assert total(database) != sums
    release.withdraw(database.engine, 2, "the census counted a district twice")
    assert checksums.problems(second.folder) == []
    assert (open_data / "latest").resolve() == first.folder
    assert total(database) == sums
    assert query(portal, SEEN)[1] == (2, "withdrawn", "the census counted a district twice")
    listed = json.loads((open_data / "releases.json").read_text())
    assert listed["latest"] == 1
    assert [(r["release"], r["status"], r["withdrawn_reason"]) for r in listed["releases"]] == [
        (2, "withdrawn", "the census counted a district twice"),
        (1, "released", None),
    ]
    for name in ("index.html", "index.ne.html"):
        assert "the census counted a district twice" in (open_data / name).read_text()
    # The same figures do not come out again under another number.
    again = released(database)
    assert (again.release_id, again.changed) == (2, False)
    assert next_made(database, 4).release_id == 3
    assert (open_data / "latest").resolve() == open_data / "3"

    for number, reason, message in (
        (2, "again", "release 2 cannot be withdrawn: it is withdrawn"),
        (9, "why", "there is none of that number"),
        (3, " ", "for a reason"),
    ):
        with pytest.raises(StatloomError, match=message):
            release.withdraw(database.engine, number, reason)


def test_with_all_withdrawn_none_is_in_force(database):
    only = made(database)
    release.withdraw(database.engine, 1, "wrong")
    assert not (only.folder.parent / "latest").exists()
    assert total(database)[0] == 0


def test_what_changed_is_said_in_figures_and_words(database):
    first = made(database)
    assert json.loads((first.folder / "changes.json").read_text())["former_release"] is None
    build_country(database.engine)
    run(
        database.engine,
        "update candidate.observation set value = value + 5"
        " where series_code = 'NP_POP' and sex = '_T' and place_level = 'district'",
        "update candidate.observation set comment = 'checked' where series_code = 'NP_TOILET'"
        " and place_level = 'country'",
        "delete from candidate.observation where series_code = 'NP_POP' and sex = 'M' and place_code = '101'",
        "delete from candidate.indicator_series",
        "insert into candidate.indicator_series select * from candidate.observation",
    )
    publish(database.engine, run_id="test", code_version="abc")
    second = released(database)
    said = json.loads((second.folder / "changes.json").read_text())
    assert (said["former_release"], said["release"], said["series_new"], said["series_gone"]) == (
        1,
        2,
        [],
        [],
    )
    population, toilet = said["series_changed"]
    kinds = ("series_code", "new", "gone", "revised", "left_out", "shown_again", "described_anew")
    assert [population[k] for k in kinds] == ["NP_POP", 0, 2, 2, 0, 0, 0]
    assert [toilet[k] for k in kinds] == ["NP_TOILET", 0, 0, 0, 0, 0, 2]
    assert [(c["difference"], c["place_id"]) for c in population["largest"]] == [
        (5, "NP-2017:district:1"),
        (5, "NP-2017:district:1"),
    ]
    for name in ("changes.html", "changes.ne.html"):
        assert "NP_POP" in (second.folder / name).read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("at,title,title_ne\n", "row 1: the columns are release_at, title, title_ne"),
        (
            "release_at,title,title_ne\n2027-01-15,x,\n",
            "row 2, column release_at: '2027-01-15' has no offset",
        ),
        ("release_at,title,title_ne\nsoon,x,\n", "row 2, column release_at: 'soon' is no moment"),
        ("release_at,title,title_ne\n2027-01-15T10:00:00+05:45\n", "row 2: a row has 3 fields"),
        (
            "release_at,title,title_ne\n2027-01-15T10:00:00+05:45,x,\n2027-01-15T04:15:00Z,x,\n",
            "row 3, column release_at: 2027-01-15T04:15:00Z stands there twice",
        ),
    ],
)
def test_a_calendar_that_cannot_be_read_is_said(tmp_path, content, message):
    file = tmp_path / "release_calendar.csv"
    file.write_text(content)
    with pytest.raises(StatloomError, match=message):
        calendar.read(file)


def test_hours_are_put_in_order(tmp_path):
    file = tmp_path / "release_calendar.csv"
    file.write_text("release_at,title,title_ne\n2027-05-01T00:00Z,b,\n2027-01-15T10:00+05:45,a,\n")
    hours = calendar.read(file)
    assert [hour.title for hour in hours] == ["a", "b"]
    assert calendar.hour_after(hours[0].at, hours).title == "b"
    assert calendar.hour_after(hours[1].at, hours) is None
    assert calendar.read(tmp_path / "none.csv") == ()
