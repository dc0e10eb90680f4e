"""The gate of public-use files: what would go out is read anew from its folder, and measured."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from sqlalchemy import Engine, text

from statloom.contracts.model import Contract
from statloom.errors import GateError
from statloom.exports.formulas import neutralised
from statloom.microdata.public_use import Finding, Layout, examine

_OWN = ("index.html", "index.ne.html", "ddi.xml", "public_use.json")


def read(here: Path, target: Path, layout: Layout) -> tuple[list[Finding], dict[str, pa.Table]]:
    """Return the tables in ``target`` by record, and whether CSV and Parquet hold the same and nothing else
    lies there."""
    frames, found = {}, []
    expected = {*_OWN}
    for record in layout.records:
        columnar = target / f"{record}.parquet"
        plain = next(
            (p for p in (target / f"{record}.csv", target / f"{record}.csv.gz") if p.is_file()), None
        )
        if plain is None or not columnar.is_file():
            found.append(_same(record, 0, f"{record}.csv or {record}.parquet is missing"))
            continue
        expected |= {plain.name, columnar.name}
        frame = pq.read_table(columnar).replace_schema_metadata()
        frames[record] = frame
        found.append(_same(record, frame.num_rows, _differs(plain, frame)))
    strays = sorted({path.name for path in target.iterdir()} - expected)
    if strays:
        found.append(_same(layout.record, 0, f"{', '.join(strays)} is no file of it"))
    return found, frames


def _same(record: str, rows: int, differs: str | None) -> Finding:
    return Finding(
        "same rows",
        record,
        "CSV and Parquet hold the same rows",
        differs is None,
        rows,
        0,
        differs or f"{rows} rows",
        "write the files again" if differs else "",
    )


def _differs(plain: Path, frame: pa.Table) -> str | None:
    """Return how the CSV differs from the Parquet file, None when it does not."""
    wanted = neutralised(frame)
    types = {field.name: field.type for field in wanted.schema}
    options = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    try:
        there = pa_csv.read_csv(plain, convert_options=options)
    except pa.ArrowInvalid as error:
        return f"{plain.name} cannot be read: {str(error).splitlines()[0]}"
    if there.column_names != wanted.column_names:
        return f"{plain.name} has other columns: {', '.join(there.column_names)}"
    if there.num_rows != wanted.num_rows:
        return f"{plain.name} has {there.num_rows} rows, and the Parquet file {wanted.num_rows}"
    differ = [name for name in wanted.column_names if not there[name].equals(wanted[name])]
    return f"{plain.name}: column {differ[0]} differs from the Parquet file" if differ else None


def judge(
    engine: Engine,
    contract: Contract,
    frames: dict[str, pa.Table],
    *,
    run_id: str | None,
    newer_delivery: bool,
    read_back: list[Finding],
) -> dict:
    """Measure the tables read from the files, write what was found to ``quality.gate_run`` and
    ``quality.expectation_result``, and return the measures, ready for JSON.

    Raises GateError, naming file, combinations and what to make coarser, when a finding is not met.
    """
    started = datetime.now(UTC)
    findings, measures = list(read_back), None
    if all(finding.passed for finding in read_back):
        more, measures = examine(contract, frames)
        findings += more
    if newer_delivery:
        findings.append(
            Finding(
                "delivery",
                contract.source,
                "The file is of the delivery in use",
                False,
                0,
                0,
                "there is a newer delivery, and the edition that went out stays as it is",
                "raise the edition in public_use to make a new file",
            )
        )
    _record(engine, contract, findings, run_id, started)
    failed = [finding for finding in findings if not finding.passed and finding.check != "delivery"]
    if failed:
        lines = [f"microdata/{contract.source}/{finding.message}" for finding in failed]
        raise GateError(
            "\n  ".join(
                [
                    f"public-use file of {contract.source}: {len(failed)} of {len(findings)} checks failed",
                    *lines,
                ]
            )
        )
    return dataclasses.asdict(measures)


def _record(
    engine: Engine, contract: Contract, findings: list[Finding], run_id: str | None, started: datetime
) -> None:
    """Write the judgement in a transaction of its own: a release that is stopped is rolled back."""
    warns = [finding.check == "delivery" for finding in findings]
    failed = sum(not f.passed and not warn for f, warn in zip(findings, warns, strict=True))
    warned = sum(not f.passed and warn for f, warn in zip(findings, warns, strict=True))
    with engine.begin() as connection:
        gate_run_id = connection.scalar(
            text(
                "insert into quality.gate_run (gate, subject, run_id, started_at, finished_at, passed,"
                " expectations, failed, warned) values ('release', :subject, :run_id, :started, now(),"
                " :passed,"
                " :expectations, :failed, :warned) returning gate_run_id"
            ),
            {
                "subject": subject(contract.source),
                "run_id": run_id,
                "started": started,
                "passed": not failed,
                "expectations": len(findings),
                "failed": failed,
                "warned": warned,
            },
        )
        connection.execute(
            text(
                "insert into quality.expectation_result (gate_run_id, position, suite, table_name,"
                " expectation_type, column_name, dimension, severity, owner, description, passed,"
                " rows_checked, rows_unexpected, observed, message) values (:gate_run_id, :position,"
                " 'release.public_use',"
                " :table_name, :type, :column, :dimension, :severity, :owner, :description, :passed, :rows,"
                " :unexpected, :observed, :message)"
            ),
            [
                {
                    "gate_run_id": gate_run_id,
                    "position": position,
                    "table_name": f"microdata/{contract.source}/{finding.table}",
                    "type": f"public use: {finding.check}",
                    "column": finding.column,
                    "dimension": "timeliness" if warn else _DIMENSIONS.get(finding.check, "accuracy"),
                    "severity": "warn" if warn else "fail",
                    "owner": contract.owner,
                    "description": finding.description,
                    "passed": finding.passed,
                    "rows": finding.rows,
                    "unexpected": finding.unexpected,
                    "observed": finding.observed,
                    "message": None if finding.passed else finding.message,
                }
                for position, (finding, warn) in enumerate(zip(findings, warns, strict=True), start=1)
            ],
        )


_DIMENSIONS = dict.fromkeys(("structure", "categories", "households", "same rows"), "structure")


def subject(source: str) -> str:
    """Return what judgements of the source's public-use file are called in ``quality.gate_run``."""
    return f"public_use_{source}"
