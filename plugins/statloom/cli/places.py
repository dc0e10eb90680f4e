"""``statloom places``: resolve references in a file, check the registry, decide on what was left open."""

import argparse
import csv
import datetime
import getpass
import json
import sys
from pathlib import Path

import pandas as pd

from statloom import places, settings
from statloom.errors import DeliveryError, StatloomError
from statloom.places.registry import REFERENCE

HELP = "resolve place references, check the registry, review what is unresolved"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options to ``parser``."""
    commands = parser.add_subparsers(dest="places_command", required=True, metavar="COMMAND")

    resolve = commands.add_parser(
        "resolve",
        help="resolve the references in a CSV file",
        description="Resolve the references in a CSV file. The output has the columns of the file and "
        "place_id, method, score, margin, candidates (JSON); unresolved references are no error.",
    )
    resolve.add_argument("file", type=Path, metavar="FILE.csv")
    resolve.add_argument(
        "--scheme", required=True, help="the place scheme of the codes, such as NP-LOCAL-2017"
    )
    resolve.add_argument("--level", required=True, help="the level of the places, or the column that has it")
    resolve.add_argument("--date", help="the day on which the places must exist (YYYY-MM-DD)")
    resolve.add_argument("--name", metavar="COLUMN", help="column of the place's name")
    resolve.add_argument("--code", metavar="COLUMN", help="column of the place's code")
    resolve.add_argument("--parent", metavar="COLUMN", help="column of the parent's name or code")
    resolve.add_argument("--source", help="the source whose decisions apply")
    resolve.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: standard output)")

    commands.add_parser(
        "check",
        help="check that the registry holds together",
        description="Check that the registry holds together. Exit code 1 when it does not.",
    )

    compare = commands.add_parser(
        "compare",
        help="say what a new release of a national list changes, and take it in",
        description="Say what a new release of a list of places changes against the registry: units created, "
        "dissolved, moved, recoded, renamed. With --take-in the seeds get it as a new, current vintage.",
    )
    compare.add_argument("file", type=Path, metavar="FILE.csv")
    compare.add_argument("--scheme", required=True, help="the scheme of the release before, as NP-LOCAL-2017")
    compare.add_argument("--date", help="a day on which the release before held (default: today)")
    for column, what in (
        ("level", "the level of a unit"),
        ("code", "its code"),
        ("name", "its name"),
        ("parent", "the code of the unit above"),
    ):
        compare.add_argument(f"--{column}", metavar="COLUMN", default=column, help=f"column of {what}")
    compare.add_argument("--out", type=Path, metavar="FILE", help="where to write the changes as CSV")
    compare.add_argument("--take-in", metavar="VINTAGE", help="the new vintage, such as NP-2027")
    compare.add_argument("--new-scheme", help="the scheme of the new codes, such as NP-LOCAL-2027")
    compare.add_argument("--valid-from", metavar="DATE", help="the first day of the new vintage")
    compare.add_argument("--custodian", help="the body that publishes the list")
    compare.add_argument(
        "--from", dest="origin", metavar="TEXT", help="where the list comes from, with licence"
    )

    review = commands.add_parser(
        "review",
        help="decide on unresolved references, one after the other",
        description="Walk through the unresolved references of the warehouse. Decisions are written to "
        "place_decision.csv at once and are used on the next run.",
    )
    review.add_argument("--source", help="only references of this source")


def execute(arguments: argparse.Namespace) -> int:
    """Run the subcommand; return the exit code."""
    commands = {"resolve": _resolve, "check": _check, "compare": _compare, "review": _review}
    return commands[arguments.places_command](arguments)


def _resolve(arguments: argparse.Namespace) -> int:
    if arguments.name is None and arguments.code is None:
        raise StatloomError("name a column with --name or --code")
    frame = _read(arguments.file)
    found = places.resolve(
        frame,
        scheme=arguments.scheme,
        level=arguments.level,
        date=arguments.date,
        name=arguments.name,
        code=arguments.code,
        parent=arguments.parent,
        source=arguments.source,
    )
    written = found.assign(candidates=[json.dumps(one, ensure_ascii=False) for one in found["candidates"]])
    both = frame.join(written.rename(columns={one: f"{one}_resolved" for one in written if one in frame}))
    if arguments.out is None:
        both.to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        both.to_csv(arguments.out, index=False, lineterminator="\n")
    counts = found["method"].value_counts().sort_index()
    placed = int(found["place_id"].notna().sum())
    summary = ", ".join(f"{method} {count:,}" for method, count in counts.items())
    print(
        f"{placed:,} of {len(found):,} references placed ({summary or 'the file has no rows'})",
        file=sys.stderr,
    )
    return 0


def _read(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise DeliveryError("there is no such file", file=str(file)) from None
    except pd.errors.EmptyDataError:
        raise DeliveryError("the file is empty", file=str(file)) from None
    except (UnicodeDecodeError, pd.errors.ParserError, OSError) as error:
        raise DeliveryError(f"cannot be read as CSV in UTF-8: {error}", file=str(file)) from error


def _check(_arguments: argparse.Namespace) -> int:
    registry = places.load()
    counts = registry.places.groupby(["place_vintage", "place_level"]).size()
    for (vintage, level), count in counts.items():
        print(f"{vintage} {level}: {count:,}")
    codes, links = len(registry.seeds["place_code"]), len(registry.seeds["crosswalk"])
    print(
        f"{codes:,} codes in {len(registry.schemes)} schemes, {len(registry.names):,} names, "
        f"{links:,} crosswalk links: they hold together"
    )
    stale = registry.stale_decisions()
    for decision in stale.itertuples():
        print(f"place_decision.csv, row {decision.row} no longer applies: {decision.problem}")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from statloom.places import release

    taken = {
        "--new-scheme": arguments.new_scheme,
        "--valid-from": arguments.valid_from,
        "--custodian": arguments.custodian,
        "--from": arguments.origin,
    }
    missing = [option for option, value in taken.items() if not value]
    if arguments.take_in and missing:
        raise StatloomError(f"--take-in needs {', '.join(missing)}")
    registry = places.load()
    columns = {role: getattr(arguments, role) for role in ("level", "code", "name", "parent")}
    try:
        listed = release.read(_read(arguments.file), **columns)
    except StatloomError as error:
        raise StatloomError(f"{arguments.file}: {error}") from error
    date = arguments.date or datetime.date.today().isoformat()
    changes = release.compare(registry, listed, scheme=arguments.scheme, date=date)
    counts = changes.groupby(["level", "change"]).size()
    for level in listed.levels:
        said = ", ".join(
            f"{kind} {counts[level, kind]:,}" for kind in release.KINDS if (level, kind) in counts
        )
        print(f"{level}: {said}")
    if arguments.out is not None:
        changes.to_csv(arguments.out, index=False, lineterminator="\n")
    if arguments.take_in:
        seeds = release.take_in(
            registry,
            listed,
            changes,
            scheme=arguments.new_scheme,
            vintage=arguments.take_in,
            valid_from=arguments.valid_from,
            custodian=arguments.custodian,
            source=arguments.origin,
        )
        for name, frame in seeds.items():
            frame.to_csv(registry.folder / f"{name}.csv", index=False, lineterminator="\n")
        print(f"the seeds in {registry.folder} have {arguments.take_in} as their current vintage")
    return 0


def _review(arguments: argparse.Namespace) -> int:
    from sqlalchemy import text

    from statloom.warehouse import connection

    with connection.engine().connect() as warehouse:
        waiting = warehouse.execute(
            text(
                "select source_id, place_scheme, place_level, place_code, place_name, place_parent, method,"
                " candidates from places.place_reference where place_id is null and method <> 'decision'"
                " and (cast(:source as text) is null or source_id = :source)"
                " order by source_id, place_level, place_parent, place_name, place_code"
            ),
            {"source": arguments.source},
        ).mappings()
        queue = [dict(row) for row in waiting]
    return walk(queue, seed=settings.load().dbt_project / "seeds" / "places" / "place_decision.csv")


def walk(queue: list[dict], *, seed: Path, ask=None, today: datetime.date | None = None) -> int:
    """Ask for a decision on each reference of ``queue`` and append it to the file ``seed``.

    ``queue``: rows of ``places.place_reference``. ``ask`` (default: input) gives the person's answer to a
    prompt. Returns the exit code; stops at ``q`` or the end of input, keeping what was decided.
    """
    ask = ask or input
    registry = places.load(seed.parent)
    names = registry.places.set_index("place_id")["place_name"]
    reference = list(REFERENCE)
    decided = registry.seeds["place_decision"].drop(index=registry.stale_decisions().index)
    done = set(decided[reference].itertuples(index=False, name=None))
    queue = [row for row in queue if tuple(row[column] for column in reference) not in done]
    if not queue:
        print("no reference waits for a decision")
        return 0
    who = ""
    for number, row in enumerate(queue, start=1):
        print(
            f"\n[{number} of {len(queue)}] {row['source_id']}: {row['place_level']} in {row['place_scheme']}"
        )
        said = [row[column][:80] or "-" for column in ("place_code", "place_name", "place_parent")]
        print(f"  code {said[0]}, name {said[1]}, in {said[2]}")
        candidates = row["candidates"]
        for position, candidate in enumerate(candidates, start=1):
            likeness = "" if candidate["score"] is None else f", {candidate['score']}"
            why = f"{candidate['place_id']}: {candidate['why']}{likeness}"
            print(f"  {position}  {candidate['place_name']} ({why})")
        try:
            chosen = _choose(ask, candidates, names)
            if chosen == "quit":
                break
            if chosen == "skip":
                continue
            who = who or ask(f"  your name [{getpass.getuser()}]: ").strip() or getpass.getuser()
            reason = ""
            while not reason:
                reason = ask("  why: ").strip()
        except EOFError:
            break
        decision = {
            **{column: row[column] for column in reference},
            "place_id": chosen,
            "decided_by": who,
            "decided_on": (today or datetime.date.today()).isoformat(),
            "reason": reason,
            "expect": names.get(chosen, ""),
        }
        _append(seed, decision)
        print(f"  written to {seed.name}")
    return 0


def _choose(ask, candidates: list[dict], names: pd.Series) -> str:
    """Return a place id, '' for none, or 'skip' or 'quit'."""
    while True:
        answer = ask("  number, place_id, n (no place), s (skip), q (quit): ").strip()
        if answer in ("s", ""):
            return "skip"
        if answer == "q":
            return "quit"
        if answer == "n":
            return ""
        if answer.isdigit() and 1 <= int(answer) <= len(candidates):
            return candidates[int(answer) - 1]["place_id"]
        if answer in names.index:
            return answer
        print(f"  {answer!r} is none of these")


def _append(seed: Path, decision: dict) -> None:
    with seed.open("r", encoding="utf-8", newline="") as file:
        content = file.read()
    header = content.splitlines()[0].split(",")
    with seed.open("a", encoding="utf-8", newline="") as file:
        if not content.endswith("\n"):
            file.write("\n")
        csv.DictWriter(file, header, lineterminator="\n").writerow(decision)
