"""``statloom source``: contracts for new files, and checks of sources without writing."""

import argparse
import json
import re
import sys
from pathlib import Path

from statloom.errors import ContractError, StatloomError

HELP = "make a contract for a new file, or check a source without writing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their arguments to ``parser``."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = commands.add_parser(
        "new", help="look at a file; write a first contract, staging model and suite for it"
    )
    new.add_argument("file", type=Path, help="csv, csv.gz, xlsx, dta or json, as the body hands it over")
    new.add_argument("--source", metavar="NAME", help="name of the source (default: the file's)")
    new.add_argument("--connector", choices=("file", "http"), default="file", help="how it will be fetched")
    new.add_argument("--url", help="where it will be fetched from (default: the file)")
    check = commands.add_parser("check", help="fetch and read a source, and report, without writing anything")
    check.add_argument("name", metavar="NAME", help="the source")
    check.add_argument("--file", type=Path, help="read this file instead of fetching")
    commands.add_parser(
        "list", help="list the sources, with the state of their last delivery when there is one"
    )
    sync = commands.add_parser("sync", help="write what dbt must know of the contracts")
    sync.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    rebuild = commands.add_parser(
        "rebuild", help="make a source's raw table anew, to be filled from the archive"
    )
    rebuild.add_argument("name", metavar="NAME", help="the source")


def execute(arguments: argparse.Namespace) -> int:
    """Run the chosen subcommand; return the exit code."""
    return globals()[f"_{arguments.action}"](arguments)


def _new(arguments: argparse.Namespace) -> int:
    from statloom import settings
    from statloom.contracts import generate
    from statloom.contracts.loading import contract_files, load_file
    from statloom.landing import drafts
    from statloom.landing.sniff import sniff

    here = settings.load()
    source = arguments.source or re.sub(r"[^a-z0-9]+", "_", arguments.file.name.split(".")[0].lower()).strip(
        "_"
    )
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,58}", source):
        raise StatloomError(
            f"{source!r} is no name of a source: small letters, digits and _; give one with --source"
        )
    if source in contract_files():
        raise ContractError(f"there is a contract for {source!r} already: {contract_files()[source]}")
    contract, suite = here.contracts / f"{source}.yml", here.expectations / "raw" / f"{source}.yml"
    model = here.dbt_project / generate.staging_model(source)[0]
    for path in (contract, suite, model):
        if path.exists():
            raise StatloomError(f"{path} is there already")
    url = arguments.url or _relative(arguments.file.resolve(), here.project)
    sniffed = sniff(arguments.file)
    text = drafts.contract(source, sniffed, {"type": arguments.connector, "url": url}, arguments.file)
    _write(contract, text)
    try:
        loaded = load_file(contract)
    except ContractError:
        contract.unlink()
        raise
    _write(suite, drafts.suite(loaded))
    written = generate.write()
    for path in (contract, suite, *(here.dbt_project / p for p in written)):
        print(f"written: {_relative(path, here.project)}")
    print("\nto be checked by a person:")
    for line in sniffed.checks:
        print(f"  - {line}")
    print()
    return _report(loaded, arguments.file)


def _relative(path: Path, project: Path) -> str:
    try:
        return str(path.relative_to(project))
    except ValueError:
        return str(path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _check(arguments: argparse.Namespace) -> int:
    from statloom import connectors, contracts
    from statloom.landing import working
    from statloom.landing.archive import MANIFEST

    contract = contracts.load(arguments.name)
    if arguments.file:
        return _report(contract, arguments.file)
    with working.folder(contract) as folder:
        payload = connectors.fetch(contract, None, folder)
        size = sum(part.path.stat().st_size for part in payload.parts)
        print(f"fetched: {size:,} bytes in {len(payload.parts)} part(s) from {payload.fetched_from}")
        if len(payload.parts) == 1:
            return _report(contract, payload.parts[0].path)
        (folder / MANIFEST).write_text(json.dumps({"parts": [p.name for p in payload.parts]}))
        return _report(contract, folder)


def _report(contract, path: Path) -> int:
    """Read ``path`` by the contract and print what was found; return 1 when it cannot be read."""
    from statloom.landing import microdata, read

    reading = microdata.check(contract, path) if contract.microdata else read(contract, path)
    what = "figures and unit records held out" if contract.microdata else "rows"
    print(f"{contract.source}: {reading.rows_read:,} {what} read, {len(reading.quarantined):,} held out")
    for reason, count in sorted(reading.reasons.items(), key=lambda item: -item[1])[:20]:
        print(f"  {count:,} × {reason}")
    for note in reading.notes:
        print(f"  note: {note}")
    table = reading.table
    _report_categories(contract, table)
    _report_places(contract, table)
    return 0


def _report_categories(contract, table) -> None:
    import pyarrow.compute as pc

    for name in contract.named("dimension"):
        known = contract.raw[name].categories
        if known:
            found = pc.unique(table.column(name)).to_pylist()
            unknown = sorted(str(v) for v in found if v not in known)
            if unknown:
                print(
                    f"  column {name}: not in the contract's categories: {', '.join(map(repr, unknown[:10]))}"
                )


def _report_places(contract, table) -> None:
    from statloom.landing import references

    wanted = references.distinct(contract, table)
    resolved = references.resolve(contract, wanted)
    placed = resolved["place_id"].notna()
    print(f"  {len(resolved):,} places named, {int(placed.sum()):,} found in the registry")
    for method, count in resolved.loc[placed, "method"].value_counts().items():
        print(f"    {count:,} by {method}")
    for row in resolved[~placed].head(20).itertuples():
        named = ", ".join(t for t in (row.place_level, row.place_code, row.place_name, row.place_parent) if t)
        print(f"    not found in {row.place_scheme}: {named}")
    if (~placed).sum() > 20:
        print(f"    and {int((~placed).sum()) - 20:,} more")


def _list(arguments: argparse.Namespace) -> int:
    from statloom import contracts

    broken: list[ContractError] = []
    found = contracts.load_all(broken=broken)
    states = _states()
    width = max((len(name) for name in found), default=6)
    for name, contract in found.items():
        state = states.get(name, "no delivery")
        print(
            f"{name:<{width}}  {contract.kind:<14}  {contract.connector.type:<8}  {state:<28}"
            f"  {contract.title['en']}"
        )
    for error in broken:
        print(f"\n{error}", file=sys.stderr)
    return 1 if broken else 0


def _states() -> dict[str, str]:
    """Return source → state of its newest delivery; nothing when the database is not there."""
    import sqlalchemy.exc
    from sqlalchemy import text

    from statloom.warehouse import connection

    try:
        with connection.engine().connect() as opened:
            rows = opened.execute(
                text(
                    "select distinct on (source_id) source_id, status, fetched_at::date from landing.delivery"
                    " order by source_id, delivery_id desc"
                )
            ).all()
    except (StatloomError, sqlalchemy.exc.SQLAlchemyError):
        return {}
    return {source: f"{status}, fetched {day}" for source, status, day in rows}


def _sync(arguments: argparse.Namespace) -> int:
    from statloom.contracts import generate

    if arguments.check:
        stale = generate.out_of_date()
        for path in stale:
            print(f"out of date: dbt_project/{path}")
        return 1 if stale else 0
    written = generate.write()
    for path in written:
        print(f"written: dbt_project/{path}")
    if not written:
        print("nothing to write: all files are up to date")
    return 0


def _rebuild(arguments: argparse.Namespace) -> int:
    from statloom import contracts
    from statloom.landing.rebuilding import rebuild
    from statloom.warehouse import connection

    count = rebuild(connection.engine(), contracts.load(arguments.name))
    print(
        f"raw.{arguments.name} is empty; the next run reads its deliveries ({count}) again from the archive"
    )
    return 0
