"""What the report says of places: how references were resolved and figures reached today's units."""

from typing import Any

import pandas as pd
from sqlalchemy import Engine

from statloom import places
from statloom.places import Registry, RegistryError
from statloom.places.registry import REFERENCE
from statloom.quality.report import collisions, shading
from statloom.quality.report.reading import Reader, Rows

# From the strongest to none, as in `statloom.places.resolve`.
METHODS = (
    "decision",
    "exact_code",
    "normalised_code",
    "alias",
    "normalised_name",
    "fuzzy",
    "conflict",
    "unresolved",
)
LARGEST = 120  # sums that differ, of a source
SHOWN = 300  # rows of a list on a source's page; the whole of it is counted

_REFERENCES = """
    select source_id, place_scheme, place_level, place_code, place_name, place_parent, place_id, method,
        score, margin, candidates
    from places.place_reference
    where place_id is null and method <> 'decision'
    order by source_id, place_level, place_parent, place_name, place_code
"""

_METHODS = """
    select source_id, place_scheme, place_level, method, count(*) as place_references,
        count(place_id) as placed
    from places.place_reference
    group by source_id, place_scheme, place_level, method
    order by source_id, place_level, place_scheme
"""

_USED = """
    select distinct source_id, place_scheme, place_level, place_code, place_name, place_parent
    from places.place_reference where method = 'decision'
"""

_CODES = """
    select distinct on (source_id, place_scheme, place_level, place_code)
        source_id, place_scheme, place_level, place_code, place_id, method
    from places.place_reference where place_code <> ''
    order by source_id, place_scheme, place_level, place_code, place_id nulls last
"""

_AGREEMENT = """
    select *
    from (
        select
            place_agreement.*,
            difference / nullif(abs(reported), 0) as relative,
            count(*) over source as differing,
            row_number() over (source order by abs(difference) desc, series_code, place_id, period, breakdown)
                as position
        from quality.place_agreement
        window source as (partition by source_id)
    ) as ordered
    where position <= :shown
    order by source_id, position
"""

_FIGURES = """
    select coalesce(source_id, '') as source_id, place_level, place_id, geo_method, count(*) as figures,
        {error} as error, {split} as split
    from marts.observation
    where place_vintage = :vintage and value is not null
    group by grouping sets (
        (source_id, place_level, place_id, geo_method), (place_level, place_id, geo_method)
    )
"""
# The error of a share is in the unit of the share, so it is always relative to the value.
_ERROR = """percentile_cont(0.5) within group (
            order by geo_se::double precision / nullif(abs(value), 0)::double precision
        )"""
_SPLIT = "percentile_cont(0.5) within group (order by split_share::double precision)"

_NOT_CARRIED = """
    select source_id, place_level, to_vintage, reason, sum(figures)::bigint as figures,
        array_agg(distinct series_code order by series_code) as series, min(example_place_id) as example
    from quality.not_carried
    where to_vintage = :vintage
    group by source_id, place_level, to_vintage, reason
    order by source_id, figures desc
"""


def collect_places(engine: Engine) -> dict[str, Any]:
    """Return what is said of places.

    Keys: ``fault`` (why the registry cannot be read, else None), ``vintage`` (today's), ``methods, queue,
    decisions, collisions, rejected, agreement`` (rows with ``source_id``), ``differing`` (source_id → rows of
    which ``agreement`` has the largest), ``made`` (source_id → how its figures reached today's places, as
    `shading.shades` gives it; '' for all sources together), ``by_method`` (rows of source_id, place_level,
    observed, exact_merge, apportioned), ``not_carried`` (what could not be moved to today's places, and why).
    """
    with engine.connect() as connection:
        return _collected(Reader(connection))


def _collected(read: Reader) -> dict[str, Any]:
    registry, fault = load_registry()
    vintage = today(registry)
    agreement = read.rows(_AGREEMENT, "quality.place_agreement", shown=LARGEST)
    queue = [row | {"decided": False} for row in read.rows(_REFERENCES)]
    said = {
        "fault": fault,
        "vintage": vintage,
        "methods": read.rows(_METHODS),
        "queue": queue,
        "decisions": [],
        "collisions": [],
        "rejected": [],
        "agreement": agreement,
        "differing": {row["source_id"]: row["differing"] for row in agreement},
        "made": {},
        "by_method": [],
        "not_carried": read.rows(_NOT_CARRIED, "quality.not_carried", vintage=vintage),
    }
    if registry is None:
        return said
    found = figures(read, vintage)
    decisions = _decisions(registry, read)
    open_now = decisions[decisions["state"] != "stale"]
    decided = set(open_now[list(REFERENCE)].itertuples(index=False, name=None))
    for row in queue:
        row["decided"] = tuple(row[column] for column in REFERENCE) in decided
    columns = ["source_id", "place_scheme", "place_level", "place_code", "place_id", "method"]
    codes = read.frame(_CODES, columns)
    return said | {
        "decisions": decisions.to_dict("records"),
        "collisions": collisions.colliding(codes, registry).to_dict("records"),
        "rejected": collisions.rejected(codes, rejected_codes(registry)).to_dict("records"),
        "made": shading.shades(found, registry, vintage),
        "by_method": shading.by_method(found, registry, vintage),
    }


def load_registry() -> tuple[Registry | None, str | None]:
    """Return the registry, or None and what is wrong with its seeds."""
    try:
        return places.load(), None
    except RegistryError as error:
        return None, str(error)


def today(registry: Registry | None) -> str | None:
    """Return the current boundary edition; None when the registry cannot be read or names none."""
    if registry is None:
        return None
    vintages = registry.seeds["place_vintage"]
    current = vintages.loc[vintages["is_current"].str.lower().isin(("true", "t", "1")), "place_vintage"]
    return None if current.empty else str(current.iloc[0])


def rejected_codes(registry: Registry) -> pd.DataFrame:
    """Return the seed ``place_rejected`` as text; empty where a country has none."""
    if "place_rejected" in registry.seeds:
        return registry.seeds["place_rejected"]
    columns = ["place_scheme", "place_level", "place_code", "place_code_name", "reason"]
    path = registry.folder / "place_rejected.csv"
    if not path.exists():
        return pd.DataFrame(columns=columns, dtype="str")
    return pd.read_csv(path, dtype="str", keep_default_na=False).reindex(columns=columns, fill_value="")


def figures(read: Reader, vintage: str | None) -> pd.DataFrame:
    """Return how many published figures each place of ``vintage`` has from each source, by ``geo_method``.

    ``source_id`` is '' for all sources together. ``error``: the median of the figures' standard errors from
    moving them, relative to their values; ``split``: the median share of a figure that had to be divided.
    Both are missing where they are not known.
    """
    columns = ["source_id", "place_level", "place_id", "geo_method", "figures", "error", "split"]
    known = read.columns("marts.observation")
    query = _FIGURES.format(
        error=_ERROR if "geo_se" in known else "null::double precision",
        split=_SPLIT if "split_share" in known else "null::double precision",
    )
    return read.frame(query, columns, "marts.observation", vintage=vintage)


def _decisions(registry: Registry, read: Reader) -> pd.DataFrame:
    """Return the decisions with ``row`` (of the file), ``state`` (used, unused, stale) and ``problem``."""
    decisions = registry.seeds["place_decision"]
    decisions = decisions.assign(row=decisions.index + 2, state="unused", problem="")
    key = list(REFERENCE)
    used = read.frame(_USED, key).drop_duplicates()
    everyone = used.assign(source_id="").drop_duplicates()
    known = set(pd.concat([used, everyone])[key].itertuples(index=False, name=None))
    is_used = [row in known for row in decisions[key].itertuples(index=False, name=None)]
    decisions.loc[is_used, "state"] = "used"
    stale = registry.stale_decisions()
    decisions.loc[stale.index, "state"] = "stale"
    decisions.loc[stale.index, "problem"] = stale["problem"]
    names = registry.places.set_index("place_id")["place_name"]
    decisions["chosen"] = decisions["place_id"].map(names).fillna("")
    return decisions


def of_source(rows: Rows, source_id: str) -> Rows:
    """Return the rows of one source."""
    return [row for row in rows if row["source_id"] == source_id]
