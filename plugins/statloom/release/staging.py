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
from statloom.release.protection import apply, coarser, contributions, loss, memory, perturb, primary, rules

PACKAGES = ("release", "exports", "disclosure")
FILES = (".py", ".sql", ".j2", ".css", ".js")


def prepare(engine: Engine, *, run_id: str | None) -> None:
    """Write the current publication's cells, after disclosure control, to ``release.candidate_cell``.

    Columns: those of ``statloom.release.columns.CELL``; besides, ``method`` (how it is protected) and
    ``minimum_respondents``, as its contract says, ``kind`` (count, magnitude, other), ``additive``,
    ``amount`` (what adds up), ``is_primary`` (it breaks a rule itself) and ``suppressed``.
    ``release.candidate_dataset`` gets one row a series (columns ``DATASET``). Raises StatloomError when
    nothing is published, a mart lacks a column, or a source is unknown.
    """
    with engine.begin() as connection:
        # Two preparers would drop each other's tables.
        run(connection, "select pg_advisory_xact_lock(1919247472)")
        prepare_schema(connection)
        memory.make(connection)
        marts = shapes.read(connection, "marts", "v")
        publication_id = _publication(connection, marts)
        sources = _sources(connection)
        said = metadata.read(connection)
        _cells(connection)
        _leave_out(connection)
        perturbed = perturb.perturb(connection)
        _datasets(connection, marts["indicator"].columns)
        perturb.describe(connection)
        coarser.describe(connection, said)
        connection.execute(
            text(
                "insert into release.candidate "
                "(publication_id, inputs_sha256, sources, metadata, run_id, known_release) "
                "values (:publication_id, :inputs, cast(:sources as jsonb), cast(:metadata as jsonb), "
                ":run_id, :known_release) "
                "on conflict (only_row) do update set publication_id = excluded.publication_id, "
                "inputs_sha256 = excluded.inputs_sha256, sources = excluded.sources, "
                "metadata = excluded.metadata, run_id = excluded.run_id, "
                "known_release = excluded.known_release, prepared_at = now()"
            ),
            {
                "publication_id": publication_id,
                "inputs": _fingerprint(publication_id, sources, said, perturbed),
                "sources": json.dumps(sources),
                "metadata": json.dumps(said),
                "run_id": run_id,
                "known_release": memory.known(connection),
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
    """Make the cells that may go out, with the rule of each and whether it breaks it."""
    run(connection, "drop table if exists release.candidate_cell, release.candidate_dataset cascade")
    rules.read(connection)
    coarser.read(connection)
    contributions.read(connection)
    columns = ", ".join(
        f"{'p.observation_key is not null' if name == 'preferred' else 'o.' + name}::{kind} as {name}"
        for name, kind in CELL.items()
    )
    run(
        connection,
        f"""
        create table release.candidate_cell as
        -- Materialized: contracts are long, and would be taken apart anew for every cell.
        with kinds as materialized ({primary.KINDS}),
        observation as (
            select {columns},
                case when o.period = any(r.free_periods) then 'free' else r.method end as method,
                case when r.method = 'free' or o.period = any(r.free_periods) then 0
                    else r.minimum_respondents end as minimum_respondents,
                r.dominance_largest, r.dominance_share, r.p_percent, r.group_rule,
                coalesce(k.kind, 'other') as kind, coalesce(k.tabulated, false) as tabulated
            from marts.observation o
            join release.candidate_rule r using (source_id, series_code)
            left join kinds k using (source_id, series_code)
            left join (select distinct observation_key from marts.indicator_series) p using (observation_key)
            where not ({coarser.CONDITION})
        )
        select {", ".join(f"o.{name}" for name in CELL)}, o.method, o.minimum_respondents, o.kind,
            {primary.ADDITIVE} as additive, coalesce(o.numerator, o.value)::double precision as amount,
            {primary.PROTECTION}::double precision as protection_level,
            o.method <> 'free' and ({primary.BROKEN}) as is_primary,
            (o.method = 'suppression' and ({primary.BROKEN}))
                or coalesce(o.quality_rule = 'withhold', false) as suppressed
        from observation o
        left join release.candidate_contribution x using (observation_key)
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
    """Choose what else is left out, and empty all that is."""
    apply.protect(connection)
    coarser.count(connection)
    loss.measure(connection)
    # A second look, by other means: before the amounts are gone, by which sums that do not hold are told.
    run(connection, "drop table if exists release.candidate_leak")
    run(
        connection,
        f"create table release.candidate_leak as select l.* from ({_leaks()}) l "
        "join release.candidate_cell c on c.observation_key::text = l.observation_key "
        "where not c.given_before",
    )
    emptied = ", ".join(f"{name} = null" for name in MEASURES)
    run(
        connection,
        f"update release.candidate_cell set {emptied}, amount = null, obs_status = 'Q', "
        f"comment = {primary.COMMENT} where suppressed",
    )
    run(
        connection,
        f"update release.candidate_cell set comment = concat_ws('; ', comment, {literal(primary.REVISED)}) "
        "where revised and not suppressed",
    )


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
        with sources as materialized (
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
            left join release.candidate_leak l on l.observation_key = candidate_cell.observation_key::text
            group by series_code, source_id, place_level, frequency
        ),
        c as (
            select series_code, min(indicator_code) as indicator_code, min(goal) as goal, min(unit) as unit,
                string_agg(distinct source_id, ', ') as sources, min(period_start)::text as period_start,
                max(period_end)::text as period_end, string_agg(distinct place_level, ', ') as place_levels,
                string_agg(distinct frequency, ', ') as frequencies,
                sum(cells) as cells, sum(cells_suppressed) as cells_suppressed,
                sum(cells_recoverable) as cells_recoverable, null::text as perturbation,
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


def _fingerprint(publication_id: int, sources: dict[str, dict], said: dict, perturbed: str | None) -> str:
    """Return the checksum of all that a release's files depend on; ``perturbed``: how counts are changed."""
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
        "perturbed": perturbed,
        "sources": sources,
        "metadata": said,
        "texts": texts(),
        "workbooks": portals.chosen_workbooks(),
        "code": code.hexdigest(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
