"""What the warehouse holds, in a few numbers, remembered for the time when its server is stopped."""

from datetime import datetime

from sqlalchemy import Engine, text

from statloom import processes
from statloom.settings import Settings

_QUERY = text(
    """
    select
        (select publication_id from publication.pointer) as publication,
        (select p.published_at from publication.publication p join publication.pointer using (publication_id))
            as published_at,
        (select max(release_id) from release.release where status = 'released') as release,
        (select count(*) from landing.source) as sources,
        (select count(*) from landing.current_delivery) as sources_accepted,
        (select count(distinct source_id) from landing.delivery where status in ('held_back', 'rejected')
            and delivery_id in (select max(delivery_id) from landing.delivery group by source_id))
            as sources_in_trouble,
        (select count(*) from quality.held_back_now where extent = 'part') as parts_held_back,
        (select string_agg(distinct source_id || ' (' || coalesce(nullif(owner, ''), 'no owner') || ')', ', ')
            from quality.held_back_now where extent = 'part') as held_back_of,
        (select count(*) from landing.delivery) as deliveries,
        (select coalesce(sum(rows_loaded), 0) from landing.current_delivery) as rows_loaded,
        (select coalesce(sum(rows_quarantined), 0) from landing.current_delivery) as rows_quarantined
    """
)


def collect(engine: Engine) -> dict:
    """Return the numbers of the warehouse now.

    Keys: ``publication, published_at, release, sources, sources_accepted, sources_in_trouble,
    parts_held_back, held_back_of, deliveries, rows_loaded, rows_quarantined``; rows are those of the
    deliveries that the marts are built from, ``held_back_of`` names the sources of the parts (source ×
    series × period) that a gate holds back, each with who answers for it.
    Publication 0 and release None: there is none yet.
    """
    with engine.connect() as connection:
        found = dict(connection.execute(_QUERY).mappings().one())
        # dbt makes this table: rows held out at reading and those that found no place or no series.
        if connection.scalar(text("select to_regclass('quality.row_account')")) is not None:
            found["rows_quarantined"] = connection.scalar(
                text("select coalesce(sum(rows_quarantined), 0) from quality.row_account")
            )
    found["published_at"] = found["published_at"].isoformat() if found["published_at"] else None
    return {name: int(value) if name.startswith("rows") else value for name, value in found.items()}


def remember(settings: Settings, engine: Engine) -> dict:
    """Collect the numbers and keep them, with the time, for ``remembered``; return them."""
    found = collect(engine) | {"at": datetime.now().astimezone().isoformat(timespec="seconds")}
    processes.write_json(settings.run / "overview.json", found)
    return found


def remembered(settings: Settings) -> dict | None:
    """Return what was last remembered, with its time as ``at``; None when nothing was."""
    return processes.read_json(settings.run / "overview.json") or None
