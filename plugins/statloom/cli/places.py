"""``statloom places``: resolve references in a file, check the registry, decide on what was left open."""

import argparse
import csv
import datetime
import getpass
import json
import os
import re
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv

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
    _add_common(resolve)
    resolve.add_argument(
        "--scheme", required=True, help="the place scheme of the codes, such as NP-LOCAL-2017"
    )
    resolve.add_argument("--level", required=True, help="the level of the places, or the column that has it")
    resolve.add_argument(
        "--date", help="the day on which the places must exist (YYYY-MM-DD), or the column that has it"
    )
    resolve.add_argument("--name", metavar="COLUMN", help="column of the place's name")
    resolve.add_argument("--code", metavar="COLUMN", help="column of the place's code")
    resolve.add_argument("--parent", metavar="COLUMN", help="column of the parent's name or code")
    resolve.add_argument("--source", help="the source whose decisions apply")
    resolve.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: standard output)")

    check = commands.add_parser(
        "check",
        help="check that the registry holds together",
        description="Check that the registry holds together. Exit code 1 when it does not.",
    )
    _add_registry(check)

    new = commands.add_parser(
        "new",
        help="begin a registry: a folder of empty seeds",
        description="Begin a registry: write seeds without rows into a folder that has none.",
    )
    new.add_argument("folder", type=Path, metavar="FOLDER")

    compare = commands.add_parser(
        "compare",
        help="say what a new release of a national list changes, and take it in",
        description="Say what a new release of a list of places changes against the registry: units created, "
        "dissolved, moved, recoded, renamed. With --take-in the seeds get it as a new, current vintage.",
    )
    compare.add_argument("file", type=Path, metavar="FILE.csv")
    _add_common(compare)
    compare.add_argument(
        "--scheme", help="the scheme of the release before, as NP-LOCAL-2017; none for the first list"
    )
    compare.add_argument("--date", help="a day on which the release before held (default: today)")
    for column, what in (
        ("level", "the level of a unit"),
        ("code", "its code"),
        ("name", "its name"),
        ("parent", "the code of the unit above"),
    ):
        compare.add_argument(f"--{column}", metavar="COLUMN", default=column, help=f"column of {what}")
    compare.add_argument("--type", metavar="COLUMN", help="column of the kind of unit (city, township)")
    compare.add_argument(
        "--other-name",
        metavar="COLUMN=LANGUAGE:SCRIPT",
        action="append",
        default=[],
        help="column of names in another language, as name_my=my:Mymr; may be given several times",
    )
    compare.add_argument(
        "--successors",
        type=Path,
        metavar="FILE.csv",
        help="what became of units that are gone: level, from_code, to_code, and where one is divided its "
        "shares by area, households, population",
    )
    compare.add_argument(
        "--keep-codes", action="store_true", help="codes without leading zeros are new codes, not a mistake"
    )
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


def _add_registry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--registry", type=Path, metavar="FOLDER", help="the folder of the seeds (default: the project's)"
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_registry(parser)
    parser.add_argument(
        "--delimiter", default=",", help="what parts the fields of the file (default: a comma)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run the subcommand; return the exit code."""
    commands = {
        "resolve": _resolve,
        "check": _check,
        "new": _new,
        "compare": _compare,
        "review": _review,
    }
    return commands[arguments.places_command](arguments)


def _resolve(arguments: argparse.Namespace) -> int:
    if arguments.name is None and arguments.code is None:
        raise StatloomError("name a column with --name or --code")
    frame = _read(arguments.file, arguments.delimiter)
    found = places.resolve(
        frame,
        scheme=arguments.scheme,
        level=arguments.level,
        date=arguments.date,
        name=arguments.name,
        code=arguments.code,
        parent=arguments.parent,
        source=arguments.source,
        registry=places.load(arguments.registry),
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


def _read(file: Path, delimiter: str = ",") -> pd.DataFrame:
    """Return a CSV file as text, a row for each line. Raises DeliveryError with file, row and reason."""
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1:
        raise StatloomError(f"--delimiter is one sign or the word tab, not {delimiter!r}")
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DeliveryError("there is no such file", file=str(file)) from None
    except OSError as error:
        raise DeliveryError(f"cannot be read: {error}", file=str(file)) from error
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DeliveryError("the file is empty", file=str(file))
    try:
        content.decode("utf-8")
        if b"\0" in content:
            raise ValueError("it has NUL bytes")
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content.rstrip(b"\r\n") + b"\n"),
            # One block: a field may be as long as the file.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=len(content) + 2),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                default_column_type=pa.string(), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DeliveryError(f"cannot be read as CSV in UTF-8: {reason}", file=str(file)) from error
    header = table.column_names
    if len(header) == 1 and (others := [sign for sign in ";\t|" if sign in header[0]]):
        raise DeliveryError(
            f"the header has one column, {header[0]!r}; give --delimiter {_named(others[0])}", file=str(file)
        )
    return pd.DataFrame({number: table.column(number).to_pandas() for number in range(len(header))}).set_axis(
        header, axis=1
    )


def _named(sign: str) -> str:
    return "tab" if sign == "\t" else f"'{sign}'"


def _new(arguments: argparse.Namespace) -> int:
    from statloom.places.gates import COLUMNS

    there = [name for name in COLUMNS if (arguments.folder / f"{name}.csv").exists()]
    if there:
        raise StatloomError(f"{arguments.folder} has seeds already: {', '.join(there)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, columns in COLUMNS.items():
        (arguments.folder / f"{name}.csv").write_text(",".join(columns) + "\n", encoding="utf-8")
    print(f"{len(COLUMNS)} empty seeds are in {arguments.folder}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    registry = places.load(arguments.registry)
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
    from statloom.places import release, succession

    taken = {
        "--new-scheme": arguments.new_scheme,
        "--valid-from": arguments.valid_from,
        "--custodian": arguments.custodian,
        "--from": arguments.origin,
    }
    missing = [option for option, value in taken.items() if not value]
    if arguments.take_in and missing:
        raise StatloomError(f"--take-in needs {', '.join(missing)}")
    registry = places.load(arguments.registry)
    if not arguments.scheme and not registry.places.empty:
        schemes = ", ".join(sorted(registry.schemes))
        raise StatloomError(f"--scheme names the release before; the registry has {schemes}")
    columns = {role: getattr(arguments, role) for role in ("level", "code", "name", "parent", "type")}
    frame = _read(arguments.file, arguments.delimiter)
    date = arguments.date or datetime.date.today().isoformat()
    try:
        listed = release.read(frame, **columns, names=_other_names(arguments.other_name))
        successors = None
        if arguments.successors:
            known = release.before(registry, arguments.scheme, date)
            successors = _read(arguments.successors)
    except StatloomError as error:
        raise StatloomError(f"{arguments.file}: {error}") from error
    if successors is not None:
        try:
            successors = succession.read(successors, known, listed.units)
        except StatloomError as error:
            raise StatloomError(f"{arguments.successors}: {error}") from error
    try:
        changes = release.compare(
            registry,
            listed,
            scheme=arguments.scheme,
            date=date,
            successors=successors,
            keep_codes=arguments.keep_codes,
        )
    except StatloomError as error:
        raise StatloomError(f"{arguments.file}: {error}") from error
    for level in dict.fromkeys([*listed.levels, *changes["level"]]):
        counted = release.counts(changes, level)
        print(f"{level}: " + ", ".join(f"{kind} {count:,}" for kind, count in counted.items()))
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
            successors=successors,
        )
        _write(registry, seeds)
        print(f"the seeds in {registry.folder} have {arguments.take_in} as their current vintage")
    return 0


def _other_names(given: list[str]) -> dict[str, tuple[str, str]]:
    """Return column → (language, script) of texts such as ``name_my=my:Mymr``."""
    found = {}
    for text in given:
        match = re.fullmatch(r"(.+)=([a-z]{2,3}):([A-Z][a-z]{3})", text)
        if not match:
            raise StatloomError(f"--other-name is COLUMN=LANGUAGE:SCRIPT, as name_my=my:Mymr, not {text!r}")
        found[match[1]] = (match[2], match[3])
    return found


def _write(registry: places.Registry, seeds: dict[str, pd.DataFrame]) -> None:
    """Write the seeds that have changed: all beside the old ones first, then each in its place."""
    written = []
    for name, frame in seeds.items():
        if frame.equals(registry.seeds[name]):
            continue
        path = registry.folder / f"{name}.csv"
        beside = path.with_suffix(".csv.new")
        frame.to_csv(beside, index=False, lineterminator="\n")
        written.append((beside, path))
    for beside, path in written:
        os.replace(beside, path)


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
    who, count = "", 0
    for number, row in enumerate(queue, start=1):
        print(
            f"\n[{number} of {len(queue)}] {row['source_id']}: {row['place_level']} in {row['place_scheme']}"
        )
        said = [_shown(row[column]) or "-" for column in ("place_code", "place_name", "place_parent")]
        print(f"  code {said[0]}, name {said[1]}, in {said[2]}")
        candidates = row["candidates"]
        for position, candidate in enumerate(candidates, start=1):
            likeness = "" if candidate["score"] is None else f", {candidate['score']}"
            why = f"{candidate['place_id']}: {candidate['why']}{likeness}"
            print(f"  {position}  {_shown(candidate['place_name'])} ({why})")
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
        except (EOFError, KeyboardInterrupt):
            print(f"\nthe input has ended: {count} decided, {len(queue) - number + 1} not looked at")
            if not sys.stdin.isatty() and ask is input and not count:
                print(
                    "statloom places review asks a person: run it in a terminal, or give it answers to read"
                )
            break
        decision = {
            **{column: row[column] for column in reference},
            "place_id": chosen,
            "decided_by": who,
            "decided_on": (today or datetime.date.today()).isoformat(),
            "reason": reason,
            # Decided to be none: as long as it resolves to none by itself.
            "expect": names.get(chosen, "") if chosen else row.get("method") or "unresolved",
        }
        _append(seed, decision)
        count += 1
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


def _shown(text: str) -> str:
    """Return a text of a delivery as it may be shown: one short line, without control characters."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\ufffd", text[:80])


def _append(seed: Path, decision: dict) -> None:
    with seed.open("r", encoding="utf-8-sig", newline="") as file:
        content = file.read()
    header = next(csv.reader(content.splitlines()))
    with seed.open("a", encoding="utf-8", newline="") as file:
        if not content.endswith("\n"):
            file.write("\n")
        csv.DictWriter(file, header, lineterminator="\n").writerow(decision)
