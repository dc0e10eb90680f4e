"""``statloom disclosure audit FOLDER``: can anyone work out the cells that a folder of files leaves out?"""

import argparse
import json
from pathlib import Path

SHOWN = 50


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the subcommand ``audit`` with the folder and its options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    audit = actions.add_parser(
        "audit",
        help="compute what the published files of a folder tell about the cells left out",
        description=(
            "Compute for every left-out cell of the CSV files in FOLDER the interval that the "
            "published figures allow it. FOLDER/disclosure.yml says what the files hold and how figures "
            "add up; see docs/disclosure-control.md. Exit code 1 when a cell can be recovered or is "
            "known to be small; they are named."
        ),
    )
    audit.add_argument("folder", type=Path, metavar="FOLDER")
    audit.add_argument(
        "--intervals", action="store_true", help="solve for both ends of every interval (slower)"
    )
    audit.add_argument("--json", action="store_true", help="print the result as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Audit the folder; return 0 when every left-out cell is safe, else 1."""
    from statloom.disclosure.audit import audit, sentence

    result = audit(arguments.folder, exact=arguments.intervals)
    leaks = result.leaks
    if arguments.json:
        shown = result.cells if arguments.intervals else leaks
        print(
            json.dumps(
                {
                    "passed": result.passed,
                    "published": result.published,
                    "left_out": result.left_out,
                    "revised": result.revised,
                    "verdicts": result.cells["verdict"].value_counts().to_dict(),
                    "cells": json.loads(shown.to_json(orient="records")),
                },
                ensure_ascii=False,
                indent=2,
            )
        )
        return 0 if result.passed else 1
    for leak in leaks.head(SHOWN).to_dict("records"):
        print(sentence(leak))
    if len(leaks) > SHOWN:
        print(f"and {len(leaks) - SHOWN} more")
    verdicts = ", ".join(f"{count} {name}" for name, count in leaks["verdict"].value_counts().items())
    print(
        f"{arguments.folder}: {result.published} published cells, {result.left_out} left out: "
        f"{verdicts or 'none can be recovered and none is known to be small'}"
        + (f" ({result.revised} revised between releases)" if result.revised else "")
    )
    return 0 if result.passed else 1
