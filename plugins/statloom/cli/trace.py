"""``statloom trace``: the way back from a published value to the rows of the files it came from."""

import argparse
import datetime
import json
import sys
from decimal import Decimal
from uuid import UUID

from statloom import lineage
from statloom import settings as settings_module
from statloom.errors import StatloomError
from statloom.lineage import readable
from statloom.warehouse import connection, server, setup


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``statloom trace``."""
    parser.description = (
        "Print the way back from a published value to the deliveries it came from (file, sha256, rows) and "
        "every step between: gates, mapping to the series, places, crosswalk, sums, publication."
    )
    parser.epilog = "example: statloom trace NP_TOILET_NONE 30301 2011 --rows 5"
    parser.add_argument("what", metavar="INDICATOR_OR_SERIES", help="a series or an indicator, such as 6.2.1")
    parser.add_argument("place", metavar="PLACE", help="identifier, code or name of a place")
    parser.add_argument("period", metavar="PERIOD", help="2011, or as the source names it: 2071/72")
    parser.add_argument(
        "--breakdown",
        action="append",
        default=[],
        metavar="NAME=CODE",
        help="a category in place of the total, such as sex=F; may be given more than once",
    )
    parser.add_argument(
        "--source", metavar="SOURCE", help="the figure of this source (default: the preferred one)"
    )
    parser.add_argument(
        "--source-level", metavar="LEVEL", help="the figure made from what this level reported"
    )
    parser.add_argument("--publication", type=int, metavar="N", help="as of publication N (default: current)")
    parser.add_argument(
        "--rows", default="20", metavar="N", help="how many rows of the file to show, or: all (20)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with all row numbers")


def execute(arguments: argparse.Namespace) -> int:
    """Print the trace; the exit code is 0 when every value, made anew from its rows, is the published one,
    2 when one is not.
    """
    here = settings_module.load()
    with server.running(here):
        setup.prepare(here)
        traces = lineage.trace(
            connection.engine(),
            arguments.what,
            arguments.place,
            arguments.period,
            breakdown=_breakdown(arguments.breakdown),
            source=arguments.source,
            source_level=arguments.source_level,
            publication=arguments.publication,
            rows=_rows(arguments.rows),
        )
    if arguments.json:
        json.dump(traces, sys.stdout, default=_plain, ensure_ascii=False, indent=2)
        print()
    else:
        print("\n\n".join(readable.text(one) for one in traces))
    return 0 if all(one["agrees"] for one in traces) else 2


def _breakdown(given: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in given]
    for name, equals, code in pairs:
        if not (name and equals and code):
            raise StatloomError(f"--breakdown {name}{equals}{code}: it is NAME=CODE, such as sex=F")
    return {name: code for name, _, code in pairs}


def _rows(given: str) -> int | None:
    if given == "all":
        return None
    if not given.isdigit():
        raise StatloomError(f"--rows {given}: it is a number, or all")
    return int(given)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value)} in a trace")
