"""What the quality report costs in a large office: many sources, runs and expectations.

.venv/bin/python -m benchmarks.quality_report [--sources 200] [--runs 30] [--expectations 40]
"""

import argparse
import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.machine import describe

RESULTS = Path(__file__).parent / "results" / "quality_report.md"

CONTRACT = """
source: {name}
title: {{en: "Source {name}, with a title of common length", ne: "ठूलो कार्यालयको स्रोत {name}"}}
custodian: Ministry
owner: owner{owner}@office.example
kind: administrative
licence: MIT
provenance: made for the benchmark
sensitivity: low
schedule: "@daily"
maximum_age_days: 30
connector: {{type: file, url: x.csv}}
format: {{type: csv}}
columns:
  code: {{type: text, role: place_code}}
  total: {{type: integer, role: measure, unit: births, minimum: 0}}
key: [code]
place: {{scheme: TEST, date: 2020-01-01, level: district}}
period: {{type: year, value: "2020"}}
series: [{{series: NP_BIRTHS, value: {{measure: total}}}}]
"""

_FILL = (
    "insert into landing.source (source_id, contract, contract_sha256)"
    " select format('source_%s', s), '{{}}', 'x' from generate_series(1, {sources}) s",
    "insert into landing.delivery (source_id, sha256, size_bytes, file_name, archive_key, fetched_from,"
    " fetched_by, status, rows_read, judged_at) select format('source_%s', s), md5(s::text), 1, 'x.csv', 'x',"
    " 'x', 'x', 'accepted', 100, now() from generate_series(1, {sources}) s",
    # A judgement of every source, and one of the marts, in each run.
    "insert into quality.gate_run (gate, subject, started_at, finished_at, passed, expectations, failed,"
    " warned) select case s when 0 then 'marts' else 'raw' end,"
    " case s when 0 then 'marts' else format('source_%s', s) end, at, at, s % 20 <> 1,"
    " {expectations}, (s % 20 = 1)::integer, s % 5"
    " from (select r, s, now() - interval '1 day' * ({runs} - r) as at from generate_series(1, {runs}) r"
    " cross join generate_series(0, {sources}) s) as one order by r, s = 0, s",
    # The first of a source's expectations fails in every twentieth source, the last ones warn.
    "insert into quality.expectation_result (gate_run_id, position, suite, table_name, expectation_type,"
    " column_name, dimension, severity, owner, description, passed, rows_checked, rows_unexpected, examples,"
    " message) select gate_run_id, p, 'raw.' || subject, 'raw.' || subject, 'expect_x', 'total',"
    " (array['structure', 'completeness', 'accuracy', 'coherence', 'timeliness', 'comparability'])"
    "[1 + p % 6],"
    " case when p = 1 then 'fail' else 'warn' end, 'owner@office.example',"
    " format('Expectation number %s of this source says what must hold', p), ok, 100, (not ok)::integer,"
    """ case when ok then '[]' else '[{{"_row_number": 17, "total": -1}}]' end::jsonb,"""
    " case when ok then null else '1 of 100 rows unexpected' end"
    " from (select *, not ((p = 1 and failed > 0) or p > {expectations} - warned) as ok from quality.gate_run"
    " cross join generate_series(1, {expectations}) p) as one",
    "analyze",
)


def main() -> None:
    """Fill a warehouse, write the report twice, write down what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--expectations", type=int, default=40)
    chosen = vars(parser.parse_args())
    folder = Path(tempfile.mkdtemp(prefix="statloom-report-"))
    folder.chmod(0o711)
    sources = folder / "project" / "dags" / "sources"
    sources.mkdir(parents=True)
    for number in range(1, chosen["sources"] + 1):
        name = f"source_{number}"
        (sources / f"{name}.yml").write_text(CONTRACT.format(name=name, owner=number % 10))
    os.environ |= {"STATLOOM_PROJECT": str(folder / "project"), "STATLOOM_HOME": str(folder / "home")}
    from statloom import settings
    from statloom.warehouse import server, setup

    here = settings.load()
    try:
        with server.running(here):
            setup.prepare(here)
            lines = _measure(chosen, folder / "site")
    finally:
        server.remove(here)
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines) + "\n")


def _measure(chosen: dict[str, int], site: Path) -> list[str]:
    from statloom.quality import report
    from statloom.quality.report import data
    from statloom.warehouse import connection

    engine = connection.engine()
    with engine.begin() as session:
        for statement in _FILL:
            session.exec_driver_sql(statement.format(**chosen).replace("%", "%%"))
        judgements = session.exec_driver_sql("select count(*) from quality.gate_run").scalar_one()
        results = session.exec_driver_sql("select count(*) from quality.expectation_result").scalar_one()
    wall, processor = time.perf_counter(), time.process_time()
    data.collect(engine)
    collected = time.perf_counter() - wall, time.process_time() - processor
    wall, processor = time.perf_counter(), time.process_time()
    report.write(engine, site)
    written = time.perf_counter() - wall, time.process_time() - processor
    pages = [path.stat().st_size for path in site.rglob("*.html")]
    front = (site / "index.html").stat().st_size
    return [
        "# What the quality report costs",
        "",
        f"{date.today()}, {describe()}",
        "",
        f"{chosen['sources']} sources, {judgements:,} judgements, {results:,} results of expectations; both "
        "languages.",
        "",
        "| step | wall, s | processor of the report, s |",
        "| --- | ---: | ---: |",
        f"| collecting all that it says | {collected[0]:.1f} | {collected[1]:.1f} |",
        f"| collecting and writing {len(pages):,} pages | {written[0]:.1f} | {written[1]:.1f} |",
        "",
        f"The front page has {front / 1000:,.0f} kB, the largest page {max(pages) / 1000:,.0f} kB, all pages "
        f"{sum(pages) / 1e6:,.1f} MB, report.json {(site / 'report.json').stat().st_size / 1e6:,.1f} MB.",
    ]


if __name__ == "__main__":
    main()
