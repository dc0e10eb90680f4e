"""What every release showed and left out, with the true figures: nobody but the engineer reads it.

``release.remembered`` has one row for each version of a cell of a table with rules, and the first and the
last release that had it. Releases that came before there was a memory are taken from the cells that are kept
of the newest, and from the publication that they were made of.
"""

# ruff: noqa: S608  names in these statements are constants of this package

import pandas as pd
from sqlalchemy import Connection

from statloom.publication.sql import names, run
from statloom.release import frames
from statloom.release.columns import DIMENSIONS
from statloom.release.protection.cells import CANDIDATES, COLUMNS

TABLE = "release.remembered"
TRUTH = "release.candidate_truth"
_KEPT = [name for name in COLUMNS if name not in ("release", "may_be_left_out")]
_CONTENT = ("numerator", "denominator", "value", "n", "left_out")
_SAME = " and ".join(f"m.{name} is not distinct from t.{name}" for name in _CONTENT)
# Releases that were public, or may have become so; one that was replaced before its hour never was.
_OUT = "(r.status in ('released', 'withdrawn') or (r.status = 'writing' and r.manifest_sha256 is not null))"

_SCHEMA = f"""
    create table if not exists {TABLE} (
        first_release integer not null,
        last_release integer not null,
        {", ".join(f"{name} {'uuid' if name == 'observation_key' else COLUMNS[name]}" for name in _KEPT)},
        primary key (observation_key, first_release)
    );
    comment on table {TABLE} is
        'What releases showed and left out, with the true figures. Read by disclosure control alone.';
    alter table release.candidate add column if not exists known_release integer not null default 0;
"""


def make(connection: Connection) -> None:
    """Make the table where it is missing."""
    run(connection, _SCHEMA)


def known(connection: Connection) -> int:
    """Return the number of the newest release that is remembered, or would be; 0 without one."""
    return run(
        connection, f"select coalesce(max(release_id), 0) from release.release r where {_OUT}"
    ).scalar_one()


def read(connection: Connection, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the remembered rows that matter for the candidates' ``rows``: ``COLUMNS``, one a cell and
    release.

    A release matters in the tables (source and period) in which some cell has changed since, and, where
    nothing has, once, to say what was shown and left out.
    """
    _reconstruct(connection)
    listed = ", ".join(f"m.{name}" for name in _KEPT)
    versions = frames.read(
        connection,
        f"select m.first_release, m.last_release, {listed} from {TABLE} m where exists "
        f"(select from release.release r where r.release_id between m.first_release and m.last_release "
        f"and {_OUT})",
        {"first_release": "bigint", "last_release": "bigint"} | {name: COLUMNS[name] for name in _KEPT},
    ).to_pandas()
    if versions.empty:
        return rows.head(0)
    figures = list(_CONTENT[:-1])
    both = versions.merge(
        rows[["observation_key", *figures]],
        on="observation_key",
        how="left",
        suffixes=("", "_now"),
        indicator=True,
    )
    changed = both["_merge"].ne("both")
    for name in figures:
        changed |= both[name].ne(both[f"{name}_now"]) & ~(both[name].isna() & both[f"{name}_now"].isna())
    table = versions["source_id"] + "|" + versions["period"]
    moved = table.isin(set(table[changed.to_numpy()]))
    # Unchanged tables: the last version of each cell says all.
    still = versions[~moved].assign(release=lambda found: found["last_release"])
    starts = sorted(versions.loc[moved, "first_release"].unique())
    pieces = [still] + [
        versions[moved & versions["first_release"].le(release) & versions["last_release"].ge(release)].assign(
            release=release
        )
        for release in starts
    ]
    found = pd.concat(pieces, ignore_index=True).assign(may_be_left_out=False)
    return found[list(COLUMNS)]


def prepare(connection: Connection) -> None:
    """Keep the candidates with their true figures beside those that go out, until they are released."""
    run(connection, f"drop table if exists {TRUTH}")
    run(
        connection,
        f"create table {TRUTH} as select c.observation_key::uuid as observation_key, "
        f"{', '.join(f'c.{name}' for name in _KEPT if name != 'observation_key')} from ({CANDIDATES}) c",
    )


def remember(connection: Connection, release_id: int) -> None:
    """Remember what the prepared release shows and leaves out as that of ``release_id``."""
    forget(connection, release_id)
    newest = (
        f"select distinct on (observation_key) * from {TABLE} order by observation_key, first_release desc"
    )
    run(
        connection,
        f"update {TABLE} m set last_release = {release_id:d} from {TRUTH} t "
        f"where t.observation_key = m.observation_key and {_SAME} and m.first_release = "
        f"(select max(o.first_release) from {TABLE} o where o.observation_key = m.observation_key)",
    )
    run(
        connection,
        f"insert into {TABLE} (first_release, last_release, {names(_KEPT)}) "
        f"select {release_id:d}, {release_id:d}, {names(_KEPT, 't')} from {TRUTH} t "
        f"left join ({newest}) m using (observation_key) "
        f"where m.last_release is distinct from {release_id:d}",
    )


def forget(connection: Connection, release_id: int) -> None:
    """Forget a release whose files nobody saw."""
    run(
        connection,
        f"delete from {TABLE} where first_release = {release_id:d} and last_release = {release_id:d}",
    )
    run(
        connection,
        f"update {TABLE} set first_release = first_release + (first_release = {release_id:d})::integer, "
        f"last_release = last_release - (last_release = {release_id:d})::integer "
        f"where {release_id:d} in (first_release, last_release)",
    )


def _reconstruct(connection: Connection) -> None:
    """Remember what the newest releases showed of sources that had no rules, or no memory, then.

    Shown figures are those of the release; left-out ones those of its publication, where it still has them.
    """
    missing = run(
        connection,
        f"select r.release_id, r.publication_id, array_agg(distinct c.source_id) as sources "
        f"from release.release r join release.cell c using (release_id) "
        f"where {_OUT} and c.source_id in (select source_id from release.candidate_rule "
        f"where method = 'suppression') and not exists (select from {TABLE} m "
        "where m.source_id = c.source_id and r.release_id between m.first_release and m.last_release) "
        "group by 1, 2 order by 1",
    ).all()
    for release_id, publication_id, sources in missing:
        run(connection, f"set local statloom.publication = '{publication_id:d}'")
        run(connection, _as_it_was(release_id, sources))
        run(connection, "set local statloom.publication = ''")


def _as_it_was(release_id: int, sources: list[str]) -> str:
    listed = ", ".join("'" + source.replace("'", "''") + "'" for source in sources)
    coordinates = ("source_id", "series_code", "source_level", "place_id")
    after = ("place_level", "place_vintage", "period", "time_detail", *DIMENSIONS)
    return f"""
        insert into {TABLE} (first_release, last_release, {names(_KEPT)})
        select {release_id:d}, {release_id:d}, c.observation_key, {names(coordinates, "c")}, p.parent_id,
            {names(after, "c")}, coalesce(c.numerator, o.numerator), coalesce(c.denominator, o.denominator),
            coalesce(c.value, o.value), coalesce(c.n, o.n), coalesce(k.kind, 'count'),
            coalesce(k.minimum_respondents, 0), k.protection_level, coalesce(k.is_primary, false),
            c.obs_status = 'Q'
        from release.cell c
        left join marts.observation o using (observation_key)
        left join marts.place p on p.place_id = c.place_id
        left join release.candidate_cell k using (observation_key)
        where c.release_id = {release_id:d} and c.source_id in ({listed})
            and coalesce(k.additive, c.se is null and o.se is null)
        on conflict do nothing
    """
