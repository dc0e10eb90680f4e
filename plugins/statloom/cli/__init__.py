"""The ``statloom`` command. Each subcommand is one module of this package.

A subcommand's module has ``configure(parser)`` and ``execute(arguments) -> int`` (the exit code). It is
imported only when it is called, so that ``statloom status`` does not pay for dbt.
"""

import argparse
import importlib
import os
import signal
import sys

from statloom.errors import StatloomError

COMMANDS = {
    "run": "run the whole pipeline through Airflow's scheduler and print a summary",
    "setup": "make roles, databases and tables on the database server in use",
    "up": "keep the database and Airflow's user interface running",
    "down": "stop what `up` started",
    "status": "say what is running, and what is published",
    "psql": "open psql on the warehouse as one of its roles",
    "backup": "copy what must not be lost; with --drill, show that it comes back",
    "restore": "bring the database back to a moment",
    "trace": "print the way back from a published value to the rows of its files",
    "source": "make a contract for a new file, or check a source without writing",
    "places": "resolve place references",
    "survey": "estimate from survey microdata",
    "tabulate": "count and add up unit records over places and breakdowns",
    "release": "list or withdraw releases, bring one to a CKAN portal, make workbooks of its places",
    "disclosure": "audit a folder of published files: can anyone work out the cells left out?",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the process's own); return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="statloom", description="A statistics integration warehouse.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if word in COMMANDS), None)
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == chosen:
            module = importlib.import_module(f"statloom.cli.{name}")
            module.configure(subparser)
            subparser.set_defaults(execute=module.execute)
    arguments = parser.parse_args(argv)
    # So that what was started is stopped also when the command is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return arguments.execute(arguments)
    except StatloomError as error:
        print(f"statloom: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has seen enough, as `head` has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("statloom: interrupted", file=sys.stderr)
        return 130
