"""Asks an advisory service (OSV, through pip-audit) for known vulnerabilities of what the locks install.

Exit code 0: none that counts, or nobody could be asked; 1: at least one; 2: nobody could be asked, and
``STATLOOM_AUDIT=require`` says that somebody must be. ``STATLOOM_AUDIT=skip`` asks nobody.
``STATLOOM_OSV_URL`` names another service that speaks OSV's language. A vulnerability that is no danger here
stands in ``scripts/accepted_vulnerabilities.txt``: its id, the day until which it is accepted, and why.
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
ACCEPTED = SCRIPTS / "accepted_vulnerabilities.txt"
LOCKS = ("requirements.lock", "requirements-spark.lock", "scripts/uv.lock")
_AT_A_TIME = 16
_SECONDS = 10


def locked(folder: Path) -> list[tuple[str, str]]:
    """Return (package, version) of every pin of the locks in ``folder``, without those repeated."""
    found = set()
    for name in LOCKS:
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            found |= set(
                re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
            )
    return sorted(found)


def accepted(file: Path, today: date) -> dict[str, str]:
    """Return {id: reason} of the vulnerabilities that are accepted today."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    entries = [line.split(maxsplit=2) for line in lines if line.strip() and not line.startswith("#")]
    return {name: reason for name, until, reason in entries if date.fromisoformat(until) >= today}


def ask(packages: list[tuple[str, str]], url: str | None) -> list[tuple[str, str, str, str]]:
    """Return (package, version, ids, versions that repair it) of each known vulnerability.

    Raises ConnectionError when the service does not answer for every package.
    """
    from packaging.version import Version
    from pip_audit._service.interface import ResolvedDependency
    from pip_audit._service.osv import OsvService

    service = OsvService(timeout=_SECONDS, **({"osv_url": url} if url else {}))

    def one(package: tuple[str, str]):
        name, version = package
        return package, service.query(ResolvedDependency(name, Version(version)))[1]

    found = []
    try:
        # The first alone: where there is no network, one wait is enough.
        answers = [one(packages[0])]
        with ThreadPoolExecutor(_AT_A_TIME) as workers:
            answers += workers.map(one, packages[1:])
    except Exception as error:
        raise ConnectionError(type(error).__name__) from None
    for (name, version), results in answers:
        for result in results:
            ids = " ".join(dict.fromkeys((result.id, *sorted(result.aliases))))
            found.append((name, version, ids, ", ".join(map(str, result.fix_versions))))
    return found


def main() -> int:
    """Ask, print what was found, return the exit code."""
    mode = os.environ.get("STATLOOM_AUDIT", "ask")
    packages = locked(SCRIPTS.parent)
    if mode == "skip":
        print("vulnerable dependencies: NOT CHECKED (STATLOOM_AUDIT=skip)", file=sys.stderr)
        return 0
    try:
        found = ask(packages, os.environ.get("STATLOOM_OSV_URL"))
    except ConnectionError as error:
        print(
            "vulnerable dependencies: NOT CHECKED, the advisory service cannot be reached from here"
            f" ({error}); STATLOOM_AUDIT=require makes that a failure",
            file=sys.stderr,
        )
        return 2 if mode == "require" else 0
    known = accepted(ACCEPTED, date.today())
    open_ones = [entry for entry in found if not set(entry[2].split()) & set(known)]
    for name, version, ids, repaired in open_ones:
        repair = f"; repaired in {repaired}" if repaired else "; no version repairs it yet"
        print(f"{name} {version}: {ids}{repair}", file=sys.stderr)
    print(
        f"vulnerable dependencies: {len(open_ones)} in {len(packages)} packages"
        + (f", {len(found) - len(open_ones)} accepted" if len(found) > len(open_ones) else "")
    )
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
