"""Put what would be released where the release's gate judges it."""

# ruff: noqa: S608  names in these statements are constants of this package or quoted

import hashlib
import json
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from statloom import disclosure, settings
from statloom.errors import StatloomError
from statloom.exports.periods import FREQUENCY
from statloom.publication import shapes
from statloom.publication.sql import literal, names, run
from statloom.release import metadata, portals
from statloom.release.about import texts
from statloom.release.columns import CELL, DATASET, DIMENSIONS, MEASURES, prepare_schema

UNRELIABLE = "not published: too unreliable, by the quality bands of its framework"
PACKAGES = ("release", "exports", "disclosure")
FILES = (".py", ".sql", ".j2", ".css", ".js")


def prepare(engine: Engine, *, run_id: str | None) -> None:
    """Write the current publication's cells, after disclosure control, to ``release.candidate_cell``.

    Columns: those of ``statloom.release.columns.CELL``; besides, ``minimum_respondents`` (the source's rule),
    ``additive`` (a count of units), ``amount`` (what adds up) and ``suppressed``.
    ``release.candidate_dataset`` gets one row a series (columns ``DATASET``). Raises StatloomError when
    nothing is published, a mart lacks a column, or a source is unknown.
    """
    with engine.begin() as connection:
        # Two preparers would drop each other's tables.
        run(connection, "select pg_advisory_xact_lock(1919247472)")
        prepare_schema(connection)
        marts = shapes.read(connection, "marts", "v")
        publication_id = _publication(connection, marts)
        sources = _sources(connection)
        said = metadata.read(connection)
        _cells(connection)
        _leave_out(connection)
        _datasets(connection, marts["indicator"].columns)
        connection.execute(
            text(
                "insert into release.candidate (publication_id, inputs_sha256, sources, metadata, run_id) "
                "values (:publication_id, :inputs, cast(:sources as jsonb), cast(:metadata as jsonb), "
                ":run_id) "
                "on conflict (only_row) do update set publication_id = excluded.publication_id, "
                "inputs_sha256 = excluded.inputs_sha256, sources = excluded.sources, "
                "metadata = excluded.metadata, run_id = excluded.run_id, prepared_at = now()"
            ),
            {
                "publication_id": publication_id,
                "inputs": _fingerprint(publication_id, sources, said),
                "sources": json.dumps(sources),
                "metadata": json.dumps(said),
                "run_id": run_id,
            },
        )


def _publication(connection: Connection, marts: dict[str, shapes.Shape]) -> int:
    there = run(connection, "select to_regclass('publication.current') is not null").scalar_one()
    number = there and run(connection, "select publication_id from publication.current").scalar_one()
    if not number:
        raise StatloomError("nothing is published yet; publish the marts before releasing them")
    needed = {
        "observation": [name for name in CELL if name != "preferred"],
        "indicator_series": ["observation_key"],
        "indicator": ["series_code"],
        "place": ["place_id", "place_code", "place_name", "place_level", "place_vintage", "parent_id"],
    }
    for mart, columns in needed.items():
        if mart not in marts:
            raise StatloomError(f"marts.{mart} is not published; a release is made from it")
        missing = [name for name in columns if name not in marts[mart].columns]
        if missing:
            raise StatloomError(f"marts.{mart} has no column {', '.join(missing)}; a release needs it")
    return number


def _sources(connection: Connection) -> dict[str, dict]:
    """Return what releases need of the contracts of all sources that have cells, by source."""
    rows = run(
        connection,
        "select o.source_id, s.contract from (select distinct source_id from marts.observation) o "
        "left join landing.source s using (source_id) order by source_id",
    ).all()
    unknown = [source_id for source_id, contract in rows if contract is None]
    if unknown:
        raise StatloomError(
            f"marts.observation has figures of {', '.join(map(str, unknown))}, which no contract declares; "
            "without its rules for disclosure nothing is released"
        )
    return {
        source_id: {
            "title": (contract["title"] if isinstance(contract["title"], str) else contract["title"]["en"]),
            "title_ne": None if isinstance(contract["title"], str) else contract["title"].get("ne"),
            "kind": contract.get("kind") or "",
            "custodian": contract["custodian"],
            "licence": contract["licence"],
            "provenance": contract.get("provenance") or "",
            "synthetic": bool(contract.get("synthetic")),
            "minimum_respondents": (contract.get("disclosure") or {}).get("minimum_respondents", 0),
        }
        for source_id, contract in rows
    }


def _cells(connection: Connection) -> None:
    run(connection, "drop table if exists release.candidate_cell, release.candidate_dataset cascade")
    small = disclosure.small(
        minimum="s.minimum_respondents",
        respondents="o.n",
        value="o.value",
        numerator="o.numerator",
        denominator="o.denominator",
        is_count="coalesce(k.additive, true)",
    )
    columns = ", ".join(
        f"{'p.observation_key is not null' if name == 'preferred' else 'o.' + name}::{kind} as {name}"
        for name, kind in CELL.items()
    )
    run(
        connection,
        f"""
        create table release.candidate_cell as
        -- Materialized: contracts are long, and would be taken apart anew for every cell.
        with rules as materialized (
            select source_id, coalesce((contract -> 'disclosure' ->> 'minimum_respondents')::integer, 0)
                as minimum_respondents
            from landing.source
        ),
        -- A series of a source is a count of units when all the columns that it is made of are integers.
        kinds as materialized (
            select m.source_id, m.series_code,
                bool_and(coalesce(s.contract -> 'columns' -> m.measure ->> 'type', 'integer') = 'integer')
                    as additive
            from landing.series_mapping m
            join landing.source s using (source_id)
            group by m.source_id, m.series_code
        )
        select {columns}, s.minimum_respondents,
            coalesce(k.additive, true) and o.se is null and o.n is null as additive,
            coalesce(o.numerator, o.value)::double precision as amount,
            {small} or coalesce(o.quality_rule = 'withhold', false) as suppressed
        from marts.observation o
        join rules s using (source_id)
        left join kinds k using (source_id, series_code)
        left join (select distinct observation_key from marts.indicator_series) p using (observation_key)
        """,
    )
    run(connection, "alter table release.candidate_cell add primary key (observation_key)")
    lost = run(
        connection,
        "select distinct place_id from release.candidate_cell c "
        "where not exists (select from marts.place p where p.place_id = c.place_id) order by 1 limit 3",
    ).scalars()
    if nowhere := ", ".join(lost):
        raise StatloomError(f"marts.observation has figures of places that marts.place lacks: {nowhere}")
    run(connection, "create index on release.candidate_cell (series_code)")
    run(connection, "analyze release.candidate_cell")


def _leave_out(connection: Connection) -> None:
    """Empty the cells that are left out, and companions that would give them away."""
    run(connection, "alter table release.candidate_cell add comment_withheld text")
    reason = disclosure.REASON.format(minimum="%s")
    run(
        connection,
        "update release.candidate_cell "
        "set comment_withheld = case "
        "when quality_rule is distinct from 'withhold' or n < minimum_respondents "
        f"then format({literal(reason)}, minimum_respondents) else {literal(UNRELIABLE)} end "
        "where suppressed",
    )
    companions = (
        f"update release.candidate_cell set suppressed = true, "
        f"comment_withheld = {literal(disclosure.COMPANION_REASON)} "
        f"where observation_key in (select companion::uuid from ({_leaks()}) l)"
    )
    # Each companion can be given away in its turn by another sum; every round leaves out at least one cell.
    while run(connection, companions).rowcount:
        pass
    emptied = ", ".join(f"{name} = null" for name in MEASURES)
    run(
        connection,
        f"update release.candidate_cell set {emptied}, amount = null, obs_status = 'Q', "
        "comment = comment_withheld where suppressed",
    )
    run(connection, "alter table release.candidate_cell drop comment_withheld")


def _leaks() -> str:
    return disclosure.recoverable(
        "release.candidate_cell",
        "marts.place",
        dimensions=DIMENSIONS,
        apart=("series_code", "period", "time_detail", "source_id"),
    )


def _datasets(connection: Connection, indicator: dict[str, str]) -> None:
    described = {
        name: f"i.{name}" if name in indicator else f"null::{DATASET[name]}"
        for name in list(DATASET)[list(DATASET).index("title") : list(DATASET).index("sources")]
    }
    columns = {
        "series_code": "c.series_code",
        "indicator_code": "c.indicator_code",
        "goal": "c.goal",
    } | described
    columns |= {"title": f"coalesce({described['title']}, c.series_code)", "unit": "c.unit"}
    counted = ", ".join(
        f"c.{name}::{DATASET[name]}" for name in list(DATASET)[list(DATASET).index("sources") :]
    )
    run(
        connection,
        f"""
        create table release.candidate_dataset as
        with leaks as ({_leaks()}),
        sources as materialized (
            select source_id, contract ->> 'custodian' as custodian, contract ->> 'licence' as licence,
                coalesce((contract ->> 'synthetic')::boolean, false) as synthetic
            from landing.source
        ),
        parts as materialized (
            select series_code, source_id, place_level, min(indicator_code) as indicator_code,
                min(goal) as goal, min(unit) as unit, min(period_start) as period_start,
                max(period_end) as period_end, {FREQUENCY} as frequency,
                count(*) as cells, count(*) filter (where suppressed) as cells_suppressed,
                count(l.observation_key) as cells_recoverable
            from release.candidate_cell
            left join leaks l on l.observation_key = candidate_cell.observation_key::text
            group by series_code, source_id, place_level, frequency
        ),
        c as (
            select series_code, min(indicator_code) as indicator_code, min(goal) as goal, min(unit) as unit,
                string_agg(distinct source_id, ', ') as sources, min(period_start)::text as period_start,
                max(period_end)::text as period_end, string_agg(distinct place_level, ', ') as place_levels,
                string_agg(distinct frequency, ', ') as frequencies,
                sum(cells) as cells, sum(cells_suppressed) as cells_suppressed,
                sum(cells_recoverable) as cells_recoverable,
                string_agg(distinct custodian, ', ') as custodians,
                string_agg(distinct licence, ', ') as licences, bool_or(synthetic) as synthetic
            from parts
            join sources using (source_id)
            group by series_code
        )
        select {", ".join(f"{value} as {name}" for name, value in columns.items())}, {counted}
        from c
        left join (select distinct on (series_code) * from marts.indicator order by series_code) i
            using (series_code)
        order by series_code
        """,
    )
    run(connection, f"alter table release.candidate_dataset add primary key ({names(['series_code'])})")


def _fingerprint(publication_id: int, sources: dict[str, dict], said: dict) -> str:
    """Return the checksum of all that a release's files depend on."""
    code = hashlib.sha256()
    home = Path(__file__).parents[1]
    for path in sorted(path for package in PACKAGES for path in (home / package).rglob("*")):
        if path.suffix in FILES:
            code.update(path.read_bytes())
    drawn = settings.load().dbt_project / "seeds" / "places" / "boundaries"
    for path in sorted(drawn.glob("*.topojson")):
        code.update(path.read_bytes())
    inputs = {
        "publication": publication_id,
        "sources": sources,
        "metadata": said,
        "texts": texts(),
        "workbooks": portals.chosen_workbooks(),
        "code": code.hexdigest(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
