"""``statloom status``: what runs, and what is published. Starts nothing."""

import argparse
import os

from sqlalchemy.exc import SQLAlchemyError

from statloom import processes
from statloom import settings as settings_module
from statloom.services import airflow
from statloom.settings import Settings
from statloom.warehouse import connection, overview, server


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description of ``statloom status``; it has no options."""
    parser.description = (
        "Say what is running, the numbers of the current publication and release, and how many sources have "
        "been taken in. Starts nothing: while the database is stopped, the numbers are those of the last run."
    )


def execute(arguments: argparse.Namespace) -> int:
    """Print the status; the exit code is 0 also when nothing runs."""
    here = settings_module.load()
    print("\n".join(f"{name:<12} {text}" for name, text in _lines(here)))
    return 0


def _lines(settings: Settings) -> list[tuple[str, str]]:
    found = server.current(settings)
    if server.external():
        database = f"external: {connection.address(connection.url())}"
    elif found:
        database = f"running at {found.host}:{found.port}"
    else:
        database = "not running" if settings.home.exists() else "not running; nothing was set up yet"
    web = airflow.current(settings)
    lines = [("database", database), ("Airflow", f"running at {web.url}" if web else "not running")]
    if not processes.unused(settings.run / "run.lock"):
        lines.append(("run", "at work now"))
    numbers, as_of = _numbers(settings, bool(found or server.external()))
    if numbers is None:
        lines.append(("publication", f"none known{_release_hint(settings)}"))
        return lines
    published = f", {numbers['published_at'][:19].replace('T', ' ')}" if numbers["published_at"] else ""
    accepted, sources = numbers["sources_accepted"], numbers["sources"]
    trouble = numbers["sources_in_trouble"]
    lines += [
        ("publication", f"{numbers['publication'] or 'none yet'}{published}{as_of}"),
        ("release", f"{numbers['release'] or 'none yet'}"),
        (
            "sources",
            f"{accepted} of {sources} taken in, {numbers['deliveries']} deliveries"
            + (f"; the newest delivery of {trouble} was not accepted" if trouble else ""),
        ),
        *_held_back(numbers),
        ("rows", f"{numbers['rows_loaded']:,} loaded, {numbers['rows_quarantined']:,} in quarantine"),
    ]
    if (settings.report / "index.html").exists():
        lines.append(("report", str(settings.report / "index.html")))
    if (settings.open_data / "latest").exists():
        lines.append(("open data", str(settings.open_data / "latest")))
    return lines


def _held_back(numbers: dict) -> list[tuple[str, str]]:
    """What gates hold back of deliveries in use, with who answers for it; nothing when all passed."""
    if not numbers.get("parts_held_back"):
        return []
    parts = numbers["parts_held_back"]
    word = "part" if parts == 1 else "parts"
    return [("held back", f"{parts:,} {word} (source × series × period) of {numbers['held_back_of']}")]


def _numbers(settings: Settings, running: bool) -> tuple[dict | None, str]:
    """The numbers, and from when they are if not from now."""
    if running:
        try:
            return overview.remember(settings, connection.engine()), ""
        except SQLAlchemyError:
            # A server that was started but not yet set up has no tables.
            pass
    known = overview.remembered(settings)
    return known, f" (as of {known['at']})" if known else ""


def _release_hint(settings: Settings) -> str:
    """The release that lies in the open data folder, read from the name of the newest."""
    latest = settings.open_data / "latest"
    return f"; release {os.readlink(latest)} is in {settings.open_data}" if latest.is_symlink() else ""
