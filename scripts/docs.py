"""Writes the dictionary of all tables and checks the links between the pages in docs/.

The dictionary is dbt's own documentation site as one file, ``build/docs/tables.html``: models, columns, their
descriptions, tests and lineage. Run by ``make docs``.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from statloom import settings as settings_module
from statloom.warehouse import server, setup, transform

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)\s]+)\)")


def broken_links(project: Path) -> list[str]:
    """Return the links of README and docs/ that lead to no file: ``page, line: link``."""
    found = []
    for page in (project / "README.md", *sorted((project / "docs").rglob("*.md"))):
        for number, line in enumerate(page.read_text().splitlines(), start=1):
            for link in (text or image for text, image in LINK.findall(line)):
                if "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists():
                    found.append(f"{page.relative_to(project)}, line {number}: {link}")
    return found


def write_dictionary(target: Path) -> None:
    """Write dbt's documentation of the warehouse to ``target``; starts the server if it is not running."""
    from dbt.cli.main import dbtRunner

    here = settings_module.load()
    folder = here.home / "dbt" / "docs"
    with server.running(here):
        setup.prepare(here)
        arguments = ["docs", "generate", "--static", "--no-version-check", "--log-level", "error"]
        for option in ("--project-dir", "--profiles-dir"):
            arguments += [option, str(here.dbt_project)]
        for option in ("--target-path", "--log-path"):
            arguments += [option, str(folder)]
        with transform.environment():
            outcome = dbtRunner().invoke(arguments)
    if not outcome.success:
        raise SystemExit(f"dbt could not write the dictionary: {outcome.exception}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "static_index.html", target)


def main() -> int:
    """Write and check; return 1 when a link is broken."""
    os.environ.update(DBT_SEND_ANONYMOUS_USAGE_STATS="false", DO_NOT_TRACK="1")
    project = settings_module.PROJECT
    target = project / "build" / "docs" / "tables.html"
    write_dictionary(target)
    print(f"tables: {target}")
    broken = broken_links(project)
    print("\n".join(f"broken link: {link}" for link in broken) or "every link leads somewhere")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
