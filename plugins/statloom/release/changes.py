"""What a release changes against the one that the public had before, and why."""

# ruff: noqa: S608  names in these statements are constants of this package or quoted

from pathlib import Path

from sqlalchemy import Connection

from statloom.exports import changes as exported
from statloom.exports.model import About
from statloom.publication.sql import run

# What of a cell may change; its names, place and period are its key.
_SAID = (
    "value",
    "numerator",
    "denominator",
    "se",
    "ci_low",
    "ci_high",
    "unit",
    "obs_status",
    "comment",
    "quality_band",
    "preferred",
)
LARGEST = 10
_KINDS = "new", "gone", "revised", "left_out", "shown_again", "described_anew"


def write(connection: Connection, here: Path, about: About) -> None:
    """Write ``changes.json``, ``changes.html`` and ``changes.ne.html`` into the release's folder ``here``.

    The former release is the newest that the public sees and that is not withdrawn. Counts are of cells, by
    series: `new`, `gone`, `revised` (another value), `left_out` (had a value, is now left out to protect
    respondents or missing), `shown_again`, `described_anew` (the value is the same, what is said of it is
    not). The largest changes of a value are listed, and the reasons that the revisions of the publications in
    between give.
    """
    former = run(
        connection,
        "select release_id, publication_id, (released_at at time zone 'UTC')::date as issued "
        "from release.visible where status = 'released' order by release_id desc limit 1",
    ).one_or_none()
    series = _series(connection, former) if former else []
    exported.write(
        here,
        about,
        {
            "release": about.release_id,
            "publication": about.publication_id,
            "former_release": former.release_id if former else None,
            "former_publication": former.publication_id if former else None,
            "former_issued": former.issued.isoformat() if former else None,
            **_listed(connection, former),
            "series_changed": series,
        },
    )


def _listed(connection: Connection, former) -> dict:
    """Return codes of the series that are new and gone, and how many there are in all."""
    now = run(
        connection, 'select series_code from release.candidate_dataset order by series_code collate "C"'
    )
    now = now.scalars().all()
    before = (
        run(connection, f"select series_code from release.dataset where release_id = {former.release_id:d}")
        .scalars()
        .all()
        if former
        else []
    )
    return {
        "series": len(now),
        "series_new": [code for code in now if code not in set(before)],
        "series_gone": sorted(set(before) - set(now)),
    }


def _series(connection: Connection, former) -> list[dict]:
    said = ", ".join(f"{{side}}.{name}" for name in _SAID)
    run(connection, "drop table if exists pg_temp.release_change")
    run(
        connection,
        f"""
        create temporary table release_change on commit drop as
        select coalesce(n.series_code, o.series_code) as series_code,
            coalesce(n.place_id, o.place_id) as place_id, coalesce(n.place_name, o.place_name) as place_name,
            coalesce(n.period, o.period) as period, coalesce(n.sex, o.sex) as sex,
            coalesce(n.age, o.age) as age,
            coalesce(n.cust_breakdown, o.cust_breakdown) as cust_breakdown,
            coalesce(n.source_id, o.source_id) as source_id,
            o.value as before, n.value as after,
            case
                when o.observation_key is null then 'new'
                when n.observation_key is null then 'gone'
                when o.value is not null and n.value is null then 'left_out'
                when o.value is null and n.value is not null then 'shown_again'
                when o.value is distinct from n.value then 'revised'
                else 'described_anew'
            end as kind
        from release.candidate_cell n
        full join (select * from release.cell where release_id = {former.release_id:d}) o
            using (observation_key)
        where n.observation_key is null or o.observation_key is null
            or ({said.format(side="n")}) is distinct from ({said.format(side="o")})
        """,
    )
    counted = ", ".join(f"count(*) filter (where kind = '{kind}') as {kind}" for kind in _KINDS)
    found = {
        row["series_code"]: dict(row) | {"largest": [], "reasons": []}
        for row in run(
            connection,
            f"select series_code, {counted} from release_change group by series_code "
            'order by series_code collate "C"',
        ).mappings()
    }
    largest = run(
        connection,
        f"""
        select series_code, place_id, place_name, period, sex, age, cust_breakdown, source_id, before, after,
            after - before as difference
        from (
            select *, row_number() over (
                partition by series_code
                order by abs(after - before) desc, place_id, period, sex, age, cust_breakdown, source_id
            ) as rank
            from release_change where kind = 'revised'
        ) ranked
        where rank <= {LARGEST} order by series_code collate "C", rank
        """,
    ).mappings()
    for row in largest:
        found[row["series_code"]]["largest"].append({k: v for k, v in row.items() if k != "series_code"})
    for row in _reasons(connection, former):
        if row["series_code"] in found:
            found[row["series_code"]]["reasons"].append({k: v for k, v in row.items() if k != "series_code"})
    return list(found.values())


def _reasons(connection: Connection, former) -> list[dict]:
    """Return why figures changed in the publications since that of the former release, by series."""
    if run(connection, "select to_regclass('quality.revision_summary') is null").scalar():
        return []
    rows = run(
        connection,
        "select series_code, reason, why, source_id, sum(cells)::bigint as cells "
        f"from quality.revision_summary where publication_id > {former.publication_id:d} "
        "and mart = 'observation' and series_code is not null "
        "group by series_code, reason, why, source_id "
        'order by series_code collate "C", sum(cells) desc, reason, why, source_id',
    ).mappings()
    return [dict(row) for row in rows]
