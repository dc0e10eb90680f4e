"""Releases side by side: what one showed and left out binds the next."""

import pytest

from statloom import release
from statloom.errors import StatloomError
from tests.publication.marts import query, run
from tests.release.protection.attacker import largest
from tests.release.protection.tables import census, left_out, publish_cells, released, rules

pytestmark = pytest.mark.database

FIRST = {"11": 3, "12": 40, "13": 50, "14": 60, "1": 153, "NP": 153}


def publish(engine, cells: dict[str, int]) -> None:
    publish_cells(engine, [{"place": place, "value": value} for place, value in cells.items()])


def hidden(engine) -> set[str]:
    return {place for (place,) in left_out(engine, columns="place_code")}


def test_what_was_shown_stays_shown_and_what_was_left_out_stays_out(database):
    publish(database.engine, FIRST)
    census(database.engine)
    released(database.engine)
    first = hidden(database.engine)
    assert first == {"11", "12"}
    # A cheaper companion than 12 comes: the pattern of before is kept all the same.
    publish(database.engine, FIRST | {"13": 20, "1": 123, "NP": 123})
    released(database.engine)
    assert hidden(database.engine) == first
    # Without memory the cheaper one is chosen: 11 is then known, 12 stands in the first release beside it.
    run(database.engine, "delete from release.remembered", "delete from release.release")
    run(database.engine, "delete from release.cell")
    release.prepare(database.engine, run_id="test")
    assert hidden(database.engine) == {"11", "13"}


def test_a_revision_does_not_open_what_an_earlier_release_left_out(database):
    publish(database.engine, FIRST)
    census(database.engine)
    released(database.engine)
    # 11 is no longer small; its former figure is still protected: 12 is the same in both.
    second = FIRST | {"11": 9, "1": 159, "NP": 159}
    publish(database.engine, second)
    released(database.engine)
    out = hidden(database.engine)
    values = {(1, place): value for place, value in FIRST.items()} | {
        (2, place): value for place, value in second.items()
    }
    # Cells that were not revised are one and the same in both releases.
    for place in ("12", "13", "14"):
        values[2, place] = values[1, place]

    def cell(number: int, place: str) -> tuple:
        return (number if place in ("11", "1", "NP") else 1, place)

    unknown = {cell(1, "11"), cell(1, "12")} | {cell(2, place) for place in out}
    unknown -= {cell(1, place) for place in ("13", "14") if place not in out}
    sums = [
        (cell(number, whole), [cell(number, part) for part in parts])
        for number in (1, 2)
        for whole, parts in (("1", ("11", "12", "13", "14")), ("NP", ("1",)))
    ]
    assert "12" in out
    assert largest(values, unknown, sums, (1, "11"), least=1) >= 5
    # A third one, with what is left of the freedom.
    publish(database.engine, second | {"14": 61, "1": 160, "NP": 160})
    released(database.engine)
    assert "12" in hidden(database.engine)


def test_a_revision_that_would_open_an_earlier_release_is_covered(database):
    """The sum of two hidden cells is the same in both releases, one of them is no longer hidden by itself."""
    publish(database.engine, FIRST)
    census(database.engine)
    released(database.engine)
    assert hidden(database.engine) == {"11", "12"}
    # 12 is revised and would be shown; nothing is small but what was. The whole is revised with it.
    second = FIRST | {"12": 45, "1": 158, "NP": 158}
    publish(database.engine, second)
    released(database.engine)
    out = hidden(database.engine)
    # 11 is 3 in both; shown beside the second release's other figures it would be read off.
    assert "11" in out and len(out) > 1
    said = dict(
        query(database.engine, "select place_code, comment from release.candidate_cell where suppressed")
    )
    assert said["11"] == "suppressed: to protect respondents"
    if "12" in out:
        assert said["12"] == "suppressed: to protect respondents; revised"


def test_a_small_cell_that_was_shown_before_is_left_out_and_said_to_be_given_away(database):
    publish(database.engine, FIRST)
    census(database.engine, rules(0, reason="public at first"))
    released(database.engine)
    census(database.engine, rules(5))
    released(database.engine)
    # Nothing is left out beside it: nothing could hide it any more.
    assert hidden(database.engine) == {"11"}
    [(passed, warned, message)] = query(
        database.engine,
        "select g.passed, g.warned, e.message from quality.gate_run g "
        "join quality.expectation_result e using (gate_run_id) "
        "where g.subject = 'release.files' and not e.passed",
    )
    assert (passed, warned) == (True, 1)
    assert message.startswith("No left-out figure was given away by earlier releases")
    assert "1 figures given away" in message and "V:local_unit:11" in message
    # A cell that has become small since is protected: of what is new, its sums go with it.
    publish(database.engine, FIRST | {"14": 2, "1": 95, "NP": 95})
    released(database.engine)
    assert hidden(database.engine) == {"11", "14", "1", "NP"}


def test_releases_from_before_there_was_a_memory_count(database):
    publish(database.engine, FIRST)
    census(database.engine)
    released(database.engine)
    first = hidden(database.engine)
    run(database.engine, "drop table release.remembered")
    publish(database.engine, FIRST | {"13": 20, "1": 123, "NP": 123})
    released(database.engine)
    assert hidden(database.engine) == first
    [(true, out)] = query(
        database.engine,
        "select m.value, left_out from release.remembered m "
        "join release.candidate_cell c using (observation_key) "
        "where c.place_code = '11' and m.first_release = 1",
    )
    assert (true, out) == (3, True)


def test_who_died_leaves_no_memory_and_who_was_withdrawn_does(database, monkeypatch):
    publish(database.engine, FIRST)
    census(database.engine)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("statloom.release.folder.appear", die)
        patch.setattr("statloom.release.writer.checksums.sha256", lambda _: "other")
        with pytest.raises(KeyboardInterrupt):
            released(database.engine)
        remembered = "select count(*) from release.remembered"
        assert query(database.engine, remembered) == [(6,)]
        patch.setattr("statloom.release.writer._prepared", die)
        with pytest.raises(KeyboardInterrupt):
            release.write(database.engine, run_id="test")
    assert query(database.engine, remembered) == [(0,)]
    made = released(database.engine)
    release.withdraw(database.engine, made.release_id, "a mistake")
    publish(database.engine, FIRST | {"13": 20, "1": 123, "NP": 123})
    released(database.engine)
    assert hidden(database.engine) == {"11", "12"}


def test_what_was_prepared_before_another_release_is_not_written(database):
    publish(database.engine, FIRST)
    census(database.engine)
    release.prepare(database.engine, run_id="test")
    run(database.engine, "update release.candidate set known_release = -1")
    release.write(database.engine, run_id="test")
    run(database.engine, "update release.candidate set inputs_sha256 = 'other'")
    with pytest.raises(StatloomError, match=r"release 1 came after this one was prepared.*Prepare it again"):
        release.write(database.engine, run_id="test")


def test_an_old_place_is_the_sum_of_those_that_it_was_divided_into(database):
    cells = {"11": 40, "12": 40, "13": 50, "14": 60, "1": 190, "NP": 190}
    publish(database.engine, cells)
    census(database.engine)
    released(database.engine)
    run(
        database.engine,
        "create schema if not exists places",
        "create table if not exists places.place_change "
        "(from_place_id text, to_place_id text, change_type text)",
        "insert into places.place_change values ('V:local_unit:11', 'V:local_unit:15', 'split'), "
        "('V:local_unit:11', 'V:local_unit:16', 'split')",
    )
    # 15 and 16 make 11, which is known: to hide 15 another unit of the district is not enough.
    publish(database.engine, {"15": 2, "16": 38} | {k: v for k, v in cells.items() if k != "11"})
    released(database.engine)
    assert {"15", "16"} <= hidden(database.engine)


def test_nobody_else_reads_what_is_remembered(database):
    publish(database.engine, FIRST)
    census(database.engine)
    released(database.engine)
    for role in ("portal", "analyst", "monitor"):
        for table in ("remembered", "candidate_truth", "loss"):
            with pytest.raises(Exception, match="permission denied"):
                query(database.engine_for(role), f"select * from release.{table}")
