"""``statloom release``: list releases, audit them, withdraw one, bring one to a portal, make workbooks."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

SHOWN = 50


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the subcommands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="list releases: public, under embargo and withdrawn")
    actions.add_parser(
        "reveal",
        help="make public what the calendar's hour has come for",
        description=(
            "Make every release public whose hour on the calendar has passed. Airflow does it at each hour."
        ),
    )
    audit = actions.add_parser(
        "audit",
        help="compute what all releases together tell about the cells left out",
        description=(
            "Read the files of all releases that stand, public, under embargo and withdrawn, as the public "
            "does, and compute for every left-out cell the interval that they allow. Exit code 1 when one "
            "can be recovered or is known to be small; each is named. Every release is judged so before it "
            "appears; the description that the auditor reads by is left in the office's folder `audit`."
        ),
    )
    audit.add_argument("--json", action="store_true", help="print the result as JSON")
    withdraw = actions.add_parser(
        "withdraw",
        help="mark a release as withdrawn",
        description=(
            "Mark a release as withdrawn: its files stay at their address, the list of releases says why, "
            "and `latest` leads to the newest that is not."
        ),
    )
    withdraw.add_argument("release", type=int, metavar="NUMBER")
    withdraw.add_argument("--reason", required=True, help="why; the public reads it")
    ckan = actions.add_parser(
        "publish-ckan",
        help="bring a CKAN portal to what a release says",
        description=(
            "Make or change a dataset for each series of a release, and one for the release as a whole, on "
            "the CKAN portal at URL. Only files that differ are sent; a run that was stopped goes on where "
            "it stopped. The API token is read from STATLOOM_CKAN_TOKEN."
        ),
    )
    ckan.add_argument("url", metavar="URL", help="of the portal, as https://data.example.org")
    ckan.add_argument("--folder", type=Path, help="of the release; the newest by default")
    ckan.add_argument("--organization", help="that owns new datasets: its name or id in CKAN")
    ckan.add_argument("--prefix", default="", help="put before the names of datasets")
    ckan.add_argument(
        "--address",
        metavar="URL",
        help="where the folder of releases is served: files larger than the portal takes are linked there "
        "(default: STATLOOM_OPEN_DATA_URL)",
    )
    ckan.add_argument("--withdrawn", metavar="REASON", help="mark the datasets as withdrawn")
    ckan.add_argument("--quiet", action="store_true", help="print the summary only")
    books = actions.add_parser(
        "workbooks",
        help="make Excel workbooks of places",
        description=(
            "Write the workbooks of the newest release's goals and of its places into a folder. A release "
            "itself carries those of the country and of what it is divided into first, unless "
            "STATLOOM_WORKBOOKS says otherwise."
        ),
    )
    books.add_argument("--level", default="all", help="levels of places, separated by commas (default: all)")
    books.add_argument("--into", type=Path, required=True, help="folder to write to")


def execute(arguments: argparse.Namespace) -> int:
    """Do what was asked; return 0."""
    actions = {
        "list": _list,
        "audit": _audit,
        "reveal": _reveal,
        "withdraw": _withdraw,
        "publish-ckan": _publish,
        "workbooks": _workbooks,
    }
    return actions[arguments.action](arguments)


def _list(_: argparse.Namespace) -> int:
    from statloom.release import standing

    with _warehouse() as engine:
        for release in standing.overview(engine):
            print(
                f"{release.release_id:>5}  {release.state:<14}  {release.moment}"
                + (f"  {release.withdrawn_reason}" if release.withdrawn_reason else "")
            )
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    from statloom import settings
    from statloom.release import audit

    with _warehouse() as engine, engine.connect() as connection:
        verdict = audit.standing(connection, settings.load().open_data)
    if verdict is None:
        print("nothing is released yet")
        return 0
    if arguments.json:
        leaks = verdict.leaks.to_dict("records")
        counts = ("releases", "left_out", "published", "revised", "seconds")
        said = {name: getattr(verdict, name) for name in counts}
        print(
            json.dumps(
                {"passed": verdict.passed, **said, "leaks": leaks}, ensure_ascii=False, indent=2, default=str
            )
        )
        return 0 if verdict.passed else 1
    for sentence in verdict.leaks["sentence"][:SHOWN]:
        print(sentence)
    if len(verdict.leaks) > SHOWN:
        print(f"and {len(verdict.leaks) - SHOWN} more")
    print(
        f"releases side by side: {verdict.releases}; {verdict.published} published cells, {verdict.left_out} "
        f"left out, {verdict.revised} revised: "
        + ("none can be recovered" if verdict.passed else f"{len(verdict.leaks)} figures are given away")
    )
    return 0 if verdict.passed else 1


def _reveal(_: argparse.Namespace) -> int:
    from statloom.release import standing

    with _warehouse() as engine:
        shown = standing.reveal_due(engine)
    print(f"made public: {', '.join(map(str, shown))}" if shown else "nothing waits whose hour has come")
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    from statloom.release import standing

    with _warehouse() as engine:
        standing.withdraw(engine, arguments.release, arguments.reason)
    print(f"release {arguments.release} is withdrawn")
    return 0


@contextmanager
def _warehouse() -> Iterator["Engine"]:
    from statloom import settings
    from statloom.warehouse import connection, server, setup

    here = settings.load()
    with server.running(here):
        setup.prepare(here)
        yield connection.engine()


def _publish(arguments: argparse.Namespace) -> int:
    from statloom import settings
    from statloom.exports.ckan_api import Portal
    from statloom.exports.ckan_publish import publish

    folder = arguments.folder or settings.load().open_data / "latest"
    with Portal(arguments.url) as portal:
        done = publish(
            portal,
            folder.resolve(),
            organization=arguments.organization,
            prefix=arguments.prefix,
            withdrawn=arguments.withdrawn,
            address=arguments.address or os.environ.get("STATLOOM_OPEN_DATA_URL") or None,
            report=(lambda line: None) if arguments.quiet else print,
        )
    print(
        f"{portal.url}: {done.created} datasets new, {done.changed} changed, {done.unchanged} as they were; "
        f"{done.uploaded} files sent, {done.linked} linked, {done.removed} removed"
        + (f"; no longer released: {', '.join(done.discontinued)}" if done.discontinued else "")
    )
    if done.too_large:
        print(
            f"{len(done.too_large)} files are larger than the portal takes: {', '.join(done.too_large)}. "
            "Let it take more (ckan.max_resource_size), or say with --address where the release is served",
            file=sys.stderr,
        )
        return 1
    return 0


def _workbooks(arguments: argparse.Namespace) -> int:
    from statloom.release import place_workbooks

    with _warehouse() as engine:
        written = place_workbooks.write(engine, arguments.into, arguments.level)
    print(f"{len(written)} workbooks in {arguments.into}")
    return 0
