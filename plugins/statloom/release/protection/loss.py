"""What disclosure control takes from the users of a release, by source and place level."""

# ruff: noqa: S608  names in these statements are constants of this package

import json
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection, text

from statloom.disclosure.information_loss import ALL, information_loss
from statloom.publication.sql import run
from statloom.release import frames

TABLE = "release.candidate_loss"
NAME = "disclosure.json"
# Not the numbers of dominance and noise: they help who wants to undo the protection.
_SAID = ("minimum_respondents", "reason", "sensitivity", "method", "group", "free", "coarser")
COLUMNS = {
    "source_id": "text",
    "place_level": "text",
    "cells": "bigint",
    "primary_cells": "bigint",
    "suppressed_cells": "bigint",
    "not_released_cells": "bigint",
    "value": "double precision",
    "primary_value": "double precision",
    "suppressed_value": "double precision",
}
"""``place_level`` ``all`` is the whole source. Values are sums of what adds up: counts, numerators of shares,
totals. ``primary``: what the rules alone would hide. ``not_released``: declared too fine for releases."""

_LISTED = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
_KEPT = f"""
    create table if not exists release.loss (
        release_id integer not null references release.release on delete cascade,
        {_LISTED},
        primary key (release_id, source_id, place_level)
    );
    comment on table release.loss is
        'What disclosure control took from each release, by source and level.';
"""
_CELLS = {
    "source_id": "text",
    "place_level": "text",
    "amount": "double precision",
    "is_primary": "boolean",
    "suppressed": "boolean",
}


def measure(connection: Connection) -> None:
    """Write what the candidates lose, of every source with rules, to ``release.candidate_loss``: before what
    is left out is emptied."""
    found = frames.read(
        connection,
        "select source_id, place_level, case when additive then abs(amount) else 0 end, "
        "is_primary and method = 'suppression', suppressed from release.candidate_cell where source_id in "
        "(select source_id from release.candidate_rule where method <> 'free') "
        "order by source_id, "
        "array_position(array['country', 'province', 'district', 'local_unit'], place_level)",
        _CELLS,
    ).to_pandas()
    fine = {
        (source, level): cells
        for source, level, cells in run(
            connection, "select source_id, place_level, cells from release.candidate_not_released"
        )
    }
    pieces = [
        information_loss(
            part["place_level"],
            part["amount"].fillna(0.0).to_numpy(),
            part["is_primary"].to_numpy(),
            (part["suppressed"] & ~part["is_primary"]).to_numpy(),
        ).assign(source_id=source)
        for source, part in found.groupby("source_id", sort=True)
    ]
    loss = (
        pd.concat(pieces, ignore_index=True)
        if pieces
        else pd.DataFrame(columns=["level", *COLUMNS.keys() - {"place_level"}])
    )
    loss = loss.rename(columns={"level": "place_level"})
    loss["not_released_cells"] = [
        sum(cells for (source, level), cells in fine.items() if source == row.source_id)
        if row.place_level == ALL
        else fine.get((row.source_id, row.place_level), 0)
        for row in loss.itertuples()
    ]
    rows = json.loads(loss[list(COLUMNS)].to_json(orient="records"))
    run(connection, f"drop table if exists {TABLE}")
    run(connection, f"create table {TABLE} ({_LISTED}, primary key (source_id, place_level))")
    connection.execute(
        text(f"insert into {TABLE} select * from jsonb_to_recordset(cast(:rows as jsonb)) r ({_LISTED})"),
        {"rows": json.dumps(rows)},
    )


def make(connection: Connection) -> None:
    """Make the table of all releases' losses where it is missing."""
    run(connection, _KEPT)


def keep(connection: Connection, release_id: int) -> None:
    """Keep what the prepared release loses as that of ``release_id``."""
    run(connection, f"delete from release.loss where release_id = {release_id:d}")
    run(connection, f"insert into release.loss select {release_id:d}, l.* from {TABLE} l")


def write(connection: Connection, here: Path) -> None:
    """Write ``disclosure.json`` into the release's folder ``here``: how each source with rules is protected,
    and what that takes from its users, by place level."""
    protected = run(
        connection,
        "select r.source_id, array_agg(r.series_code order by r.series_code) as series, "
        "s.contract -> 'disclosure' as declared "
        "from release.candidate_rule r join landing.source s using (source_id) "
        "where r.method <> 'free' group by 1, 3 order by 1",
    )
    losses = run(
        connection,
        f"select {', '.join(COLUMNS)} from {TABLE} order by source_id, place_level = 'all', "
        "array_position(array['country', 'province', 'district', 'local_unit'], place_level), place_level",
    ).mappings()
    by_source: dict[str, list[dict]] = {}
    for row in losses:
        found = dict(row)
        by_source.setdefault(found.pop("source_id"), []).append(found)
    free = run(
        connection,
        "select r.source_id, coalesce(f ->> 'reason', s.contract -> 'disclosure' ->> 'reason') as reason, "
        "array_agg(r.series_code order by r.series_code) as series from release.candidate_rule r "
        "join landing.source s using (source_id) left join lateral jsonb_array_elements("
        "coalesce(s.contract -> 'disclosure' -> 'free', '[]')) f on f ->> 'series' = r.series_code "
        "where r.method = 'free' group by 1, 2 order by 1, 2",
    ).mappings()
    document = {
        "protected": [
            {
                "source": row.source_id,
                "series": list(row.series),
                "rules": {name: row.declared[name] for name in _SAID if row.declared.get(name)},
                "loss": by_source.get(row.source_id, []),
            }
            for row in protected
        ],
        "free": [
            {"source": row["source_id"], "reason": row["reason"], "series": list(row["series"])}
            for row in free
        ],
    }
    (here / NAME).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
