"""The last gate of a release: what its files, beside those of all earlier ones, tell about left-out cells.

The auditor (`statloom.disclosure.audit`) reads the files as the public will; from the warehouse come only
the rules that contracts declare, written as a description of these files into a folder of the office.
"""

import csv
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import yaml
from sqlalchemy import Connection, text

from statloom import settings
from statloom.contracts.perturbation import SUPPRESSION, method_of
from statloom.disclosure import audit as auditor
from statloom.disclosure.audit.description import NAME
from statloom.errors import GateError
from statloom.publication.sql import run
from statloom.release import audit_formats, folder
from statloom.release.columns import DIMENSIONS, MEASURES

FOLDER = "audit"
SUBJECT = "release.files"
OWNER = "quality@statloom.example"
NAMED = 5
# What the comment of a row says whose figure is another one than that of an earlier release.
_REVISED = ("revised", "revised since it was left out")
_GAP = {"column": "obs_status", "values": ["Q"], "missing": ["M", "O"]}
_CONTRACTS = """
    select source_id, coalesce(contract -> 'disclosure', '{}'::jsonb) as disclosure,
        coalesce(jsonb_typeof(contract -> 'estimation') = 'object', false) as estimates,
        jsonb_path_exists(contract, '$.columns.*.role ? (@ == "contribution")') as magnitudes
    from landing.source
"""


# What is asked, with the verdicts that say no. What earlier releases gave away no new one can take back.
_BEFORE = ("before", "No left-out figure was given away by earlier releases")
_ASKED = (
    ("recoverable", "No left-out figure can be computed from what is published", ("exact", "contradiction")),
    ("interval", "No left-out figure is known to be small, or too narrowly", ("within threshold", "narrow")),
    ("shown", "No figure is shown that a rule keeps back", ("shown",)),
    ("formats", "No other file of the release shows a left-out figure", (audit_formats.VERDICT,)),
)


@dataclass(frozen=True)
class Verdict:
    """What was found in the files of ``release_id`` beside those of all earlier ones.

    ``leaks``: one row for each figure that is given away, with ``file``, ``line``, ``cell``, ``verdict`` and
    ``sentence``, which alone names the interval. ``given_before``: the same of figures that the earlier
    releases give away by themselves, whatever this one shows.
    """

    release_id: int
    left_out: int
    published: int
    revised: int
    releases: int
    leaks: pd.DataFrame
    given_before: pd.DataFrame
    started_at: datetime
    seconds: float

    @property
    def passed(self) -> bool:
        """True when every left-out cell is safe."""
        return not len(self.leaks)

    @property
    def message(self) -> str:
        """One line for a person; the first figures that are given away by file, row, cell and interval."""
        said = f"{self.left_out:,} cells left out, {self.published:,} published, {self.releases} side by side"
        if len(self.given_before):
            said += f", {len(self.given_before):,} figures given away by earlier releases"
        if self.passed:
            return f"{said}: no left-out cell can be recovered"
        named = "; ".join(self.leaks["sentence"].head(NAMED))
        more = f"; and {len(self.leaks) - NAMED:,} more" if len(self.leaks) > NAMED else ""
        return f"{said}: {len(self.leaks):,} figures are given away: {named}{more}"


def gate(connection: Connection, open_data: Path, release_id: int, here: Path, *, run_id: str | None) -> None:
    """Judge the files in ``here``, of release ``release_id``, beside those of all earlier releases that
    stand, public, under embargo or withdrawn.

    What was found goes to ``quality.gate_run``, in a transaction of its own. Raises GateError, naming file,
    row, cell and interval, when a left-out cell is given away. What the earlier releases give away by
    themselves is a warning: no new release takes it back.
    """
    standing = {n: folder.standing(open_data, n) for n in folder.numbers(open_data)}
    verdict = _judged(connection, standing | {release_id: here}, release_id, excused=True)
    _record(connection, verdict, run_id)
    if not verdict.passed:
        raise GateError(f"release {release_id} is stopped by the auditor: {verdict.message}")


def standing(connection: Connection, open_data: Path) -> Verdict | None:
    """Judge all releases as they stand, public, under embargo and withdrawn; None when there are none."""
    there = {n: folder.standing(open_data, n) for n in folder.numbers(open_data)}
    return _judged(connection, there, max(there)) if there else None


def _judged(
    connection: Connection, releases: dict[int, Path], release_id: int, *, excused: bool = False
) -> Verdict:
    started_at, began = datetime.now(UTC), time.monotonic()
    office = settings.load().home / FOLDER
    office.mkdir(mode=0o700, parents=True, exist_ok=True)
    described = description(connection, [releases[number] for number in sorted(releases)], office)
    result = auditor.nothing()
    if described is not None:
        (office / NAME).write_text(yaml.safe_dump(described, sort_keys=False, allow_unicode=True))
        result = auditor.audit(office, description=described, before=excused)
    found = result.leaks
    rows = found.to_dict("records")
    leaks = pd.DataFrame(
        {
            "file": found["file"].map(lambda path: _within(path, releases)),
            "line": found["line"],
            "cell": [auditor.cell(row) for row in rows],
            "verdict": found["verdict"],
        }
    )
    before = found["before"].to_numpy(dtype=bool)
    leaks["sentence"] = [
        auditor.sentence(row | {"file": file}) for row, file in zip(rows, leaks["file"], strict=True)
    ]
    given_before, leaks = leaks[before], leaks[~before]
    elsewhere = audit_formats.shown(releases[release_id])
    return Verdict(
        release_id,
        result.left_out,
        result.published,
        result.revised,
        len(releases),
        pd.concat([leaks, elsewhere], ignore_index=True) if len(elsewhere) else leaks,
        given_before,
        started_at,
        time.monotonic() - began,
    )


def _within(path: str, releases: dict[int, Path]) -> str:
    """Return a file's path with its release's number in place of its folder."""
    for number, root in releases.items():
        if Path(path).is_relative_to(root.resolve()):
            return f"{number}/{Path(path).relative_to(root.resolve()).as_posix()}"
    return path


def _record(connection: Connection, verdict: Verdict, run_id: str | None) -> None:
    """Write the judgement where the quality report finds it; without intervals, which only the office's log
    may have."""
    by_kind = {kind: verdict.leaks[verdict.leaks["verdict"].isin(no)] for kind, _, no in _ASKED}
    failed = sum(len(leaks) > 0 for leaks in by_kind.values())
    asked = [(kind, description, "fail") for kind, description, _ in _ASKED] + [(*_BEFORE, "warn")]
    by_kind[_BEFORE[0]] = verdict.given_before
    with connection.engine.begin() as own:
        gate_run_id = own.execute(
            text(
                "insert into quality.gate_run (gate, subject, run_id, started_at, finished_at, passed,"
                " expectations, failed, warned) values ('release', :subject, :run_id, :started, now(),"
                " :passed, :expectations, :failed, :warned) returning gate_run_id"
            ),
            {
                "subject": SUBJECT,
                "run_id": run_id,
                "started": verdict.started_at,
                "passed": verdict.passed,
                "expectations": len(asked),
                "failed": failed,
                "warned": int(len(verdict.given_before) > 0),
            },
        ).scalar_one()
        counted = (
            f"{verdict.left_out} left out, {verdict.published} published, {verdict.releases} side by side"
        )
        rows = []
        for position, (kind, description, severity) in enumerate(asked, start=1):
            leaks = by_kind[kind]
            examples = leaks[["file", "line", "cell"]].head(NAMED).to_dict("records")
            observed = f"{counted}: {len(leaks)} figures given away, {verdict.seconds:.1f} seconds"
            first = "; ".join(f"{row['file']}, row {row['line']}: {row['cell']}" for row in examples)
            rows.append(
                {
                    "gate_run_id": gate_run_id,
                    "position": position,
                    "suite": SUBJECT,
                    "table_name": f"release {verdict.release_id}",
                    "type": f"auditor: {kind}",
                    "owner": OWNER,
                    "severity": severity,
                    "description": description,
                    "passed": not len(leaks),
                    "checked": verdict.left_out,
                    "unexpected": len(leaks),
                    "observed": observed,
                    "examples": json.dumps(examples, ensure_ascii=False, default=str),
                    "message": f"{description}: {observed}: {first}" if len(leaks) else None,
                }
            )
        own.execute(
            text(
                "insert into quality.expectation_result (gate_run_id, position, suite, table_name,"
                " expectation_type, dimension, severity, owner, description, passed, rows_checked,"
                " rows_unexpected, observed, examples, message) values (:gate_run_id, :position, :suite,"
                " :table_name, :type, 'accuracy', :severity, :owner, :description, :passed, :checked,"
                " :unexpected, :observed, cast(:examples as jsonb), :message)"
            ),
            rows,
        )


def description(connection: Connection, releases: list[Path], office: Path) -> dict | None:
    """Return how the auditor reads the files of ``releases`` (oldest first); None when there is nothing to
    protect. Lists of sums that the files do not have are written to ``office``.

    Described are the series of sources with a rule, and of all series of which a release leaves out cells.
    """
    contracts = {row.source_id: row for row in run(connection, _CONTRACTS)}
    listed = _series(releases)
    tables = []
    for code, said in sorted(listed.items()):
        sources = [name for name in said["sources"].split(", ") if name]
        ruled = any(_ruled(contracts[name].disclosure) for name in sources if name in contracts)
        if ruled or said["left_out"]:
            for source in sources:
                tables += _tables(code, said, source, contracts.get(source))
    if not tables:
        return None
    _boundaries(connection, office)
    parents = {"file": "places.csv", "sum": "parent_id", "part": "place_id"}
    between = [{"file": f"{name}.csv", "sum": "whole", "part": "part"} for name in ("former", "present")]
    return {
        "title": "Releases, as the public reads them",
        "threshold": 0,
        "integers": "checked",
        "sums": "checked",
        "same": "checked",
        "releases": [str(path.resolve()) for path in releases],
        "suppressed": _GAP,
        "revised": {"column": "comment", "values": list(_REVISED)},
        "dimensions": {
            "place_id": {"sums": [parents, *between]},
            **{name: {"total": "_T"} for name in DIMENSIONS},
        },
        "tables": tables,
    }


def _ruled(disclosure: dict) -> bool:
    return bool(
        disclosure.get("minimum_respondents") or disclosure.get("dominance") or disclosure.get("p_percent")
    )


def _series(releases: list[Path]) -> dict[str, dict]:
    """Return what the releases say of their series, the newest word of each; ``left_out``: one of them leaves
    out cells."""
    found: dict[str, dict] = {}
    for path in releases:
        with (path / "series.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                before = found.get(row["series_code"], {"left_out": False, "sources": ""})
                sources = {*before["sources"].split(", "), *row["sources"].split(", ")} - {""}
                row["left_out"] = before["left_out"] or row["cells_suppressed"] != "0"
                row["sources"] = ", ".join(sorted(sources))
                found[row["series_code"]] = row
    return found


def _tables(code: str, said: dict, source: str, contract) -> list[dict]:
    """Return how one series of one source is read; of totals, how many respondents they have is a count."""
    entry = _table(code, said, source, contract)
    if contract is None or not contract.magnitudes:
        return [entry]
    respondents = {
        name: entry[name] for name in ("file", "quantity_columns", "where", "apart", "threshold", "small")
    }
    respondents |= {"value": "n", "quantity": f"respondents of {entry['quantity']}"}
    return [entry | {"threshold": 0, "small": "allowed"}, respondents]


def _table(code: str, said: dict, source: str, contract) -> dict:
    """Return how one series of one source is read."""
    disclosure = contract.disclosure if contract is not None else {}
    free = [given for given in disclosure.get("free") or () if given["series"] == code]
    threshold = max((disclosure.get("minimum_respondents") or 0) - 1, 0)
    if any(not given.get("periods") for given in free):
        threshold = 0
    method = method_of(disclosure, code)
    suppression = method["method"] == SUPPRESSION
    entry = {
        "file": f"data/{code}.csv",
        "value": "value",
        "quantity": f"{code} of {source}",
        "quantity_columns": ["source_level"],
        "where": {"source_id": [source]},
        "apart": ["period", "time_detail"],
        "empty": list(MEASURES),
        "threshold": threshold,
        "small": "refused" if threshold and suppression and not free else "allowed",
    }
    if contract is not None and contract.estimates:
        entry |= {"additive": False, "small": "allowed"}
        if threshold:
            entry["respondents"] = {"column": "n", "minimum": threshold + 1}
    else:
        entry |= {
            "numerator": "numerator",
            "denominator": "denominator",
            "additive": said["measure_type"] in ("count", ""),
            "whole": said["measure_type"] in ("share", ""),
            "per": 100 if said["unit"] == "PERCENT" else 0,
            "group": bool(disclosure.get("group")),
        }
        for side in ("numerator", "denominator"):
            if said[f"{side}_definition"]:
                entry[f"{side}_is"] = f"{source}: {said[f'{side}_definition']}"
    if not suppression:
        entry["within"] = _distance(method)
    return entry


def _distance(method: dict) -> float:
    """Return how far a published figure may be from the true one; the rest of a share is the difference of
    two that are."""
    return 2.0 * (method["base"] or method["deviation"] or 0)


def _boundaries(connection: Connection, office: Path) -> None:
    """Write which places of one boundary edition make up one of another, as the law says and anyone knows:
    places all of whose parts lie in them alone.
    """
    rows = []
    if run(connection, "select to_regclass('places.crosswalk') is not null").scalar_one():
        rows = run(
            connection, "select distinct from_place_id, to_place_id from places.crosswalk order by 1, 2"
        ).all()
    links = pd.DataFrame(rows, columns=["from", "to"])
    for name, whole, part in (("former", "from", "to"), ("present", "to", "from")):
        alone = links.groupby(part)[whole].transform("size") == 1
        wholly = alone.groupby(links[whole]).transform("all") if len(links) else alone
        pairs = links.loc[wholly, [whole, part]].sort_values([whole, part])
        pairs.to_csv(office / f"{name}.csv", index=False, header=["whole", "part"])
