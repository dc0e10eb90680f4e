"""From candidates that break rules to candidates that can go out."""

# ruff: noqa: S608  names in these statements are constants of this package

import pandas as pd
from sqlalchemy import Connection, text

from statloom.errors import StatloomError
from statloom.publication.sql import run
from statloom.release.protection import cells, memory, pattern

_FIGURES = ("numerator", "denominator", "value", "n")
NAMED = 5


def protect(connection: Connection) -> None:
    """Set ``suppressed`` of all candidates that must be left out, and ``revised`` of those whose figure was
    another one in an earlier release that left it out.

    Raises StatloomError naming the cells that nothing can protect.
    """
    run(connection, "alter table release.candidate_cell add column revised boolean not null default false")
    if run(
        connection, "select exists (select from release.candidate_rule where method = 'suppression')"
    ).scalar_one():
        now = cells.candidates(connection)
        before = memory.read(connection, now)
        rows = pd.concat([now, before], ignore_index=True) if len(before) else now
        figures = cells.figures(rows)
        state = _state(figures.rows)
        system = pattern.System(
            figures, cells.parents(connection), cells.divided(connection), cells.signatures(connection)
        )
        chosen = pattern.choose(system, state["shown"].to_numpy(), state["hidden"].to_numpy())
        if chosen.unprotected.any():
            raise StatloomError(_refusal(figures.rows, chosen))
        current = figures.rows["release"].eq(cells.NOW).to_numpy()
        _mark(connection, "suppressed", figures.rows.loc[current & chosen.left_out, "observation_key"])
        left_out = pd.Series(chosen.left_out, figures.rows.index)
        _mark(connection, "revised", _revised(figures.rows, left_out))
    memory.prepare(connection)


def _mark(connection: Connection, column: str, keys: pd.Series) -> None:
    connection.execute(
        text(
            f"update release.candidate_cell set {column} = true where observation_key = any(:keys ::uuid[])"
        ),
        {"keys": keys.tolist()},
    )


def _state(rows: pd.DataFrame) -> pd.DataFrame:
    """Return over the rows whether each is ``shown`` and ``hidden`` whatever happens."""
    now = rows["release"].eq(cells.NOW)
    shown = ~rows["left_out"] & ~(now & rows["may_be_left_out"])
    hidden = rows["left_out"].copy()
    # What was left out, and is still the same, stays so.
    former = rows[~now].sort_values("release").drop_duplicates("observation_key", keep="last")
    both = (
        rows.loc[now]
        .reset_index()
        .merge(
            former[["observation_key", "left_out", *_FIGURES]], on="observation_key", suffixes=("", "_before")
        )
    )
    same = _equal(both, "_before")
    kept = both.loc[same & both["left_out_before"] & both["may_be_left_out"], "index"]
    hidden.loc[kept] = True
    return pd.DataFrame({"shown": shown, "hidden": hidden})


def _equal(both: pd.DataFrame, suffix: str) -> pd.Series:
    same = pd.Series(True, both.index)
    for name in _FIGURES:
        one, other = both[name], both[f"{name}{suffix}"]
        same &= one.eq(other) | (one.isna() & other.isna())
    return same


def _revised(rows: pd.DataFrame, left_out: pd.Series) -> pd.Series:
    """Return the keys of candidates whose figures differ from those of the newest release that had the cell,
    where one of both is left out: nobody sees there that it is another figure."""
    now = rows["release"].eq(cells.NOW)
    former = rows[~now].sort_values("release").drop_duplicates("observation_key", keep="last")
    both = (
        rows[now]
        .assign(out=left_out[now])
        .merge(
            former[["observation_key", "left_out", *_FIGURES]], on="observation_key", suffixes=("", "_before")
        )
    )
    unseen = both["out"] | both["left_out_before"]
    return both.loc[~_equal(both, "_before") & unseen, "observation_key"]


def _refusal(rows: pd.DataFrame, chosen: pattern.Chosen) -> str:
    cells_named = rows[chosen.unprotected & rows["release"].eq(cells.NOW).to_numpy()]
    open_ = rows[chosen.public]["observation_key"]
    told = cells_named["observation_key"].isin(set(open_))
    listed = "; ".join(
        f"{row.series_code} of {row.source_id}, {row.place_id}, {row.period}, {_breakdown(row)}"
        for row in cells_named.head(NAMED).itertuples()
    )
    more = f" and {len(cells_named) - NAMED} more" if len(cells_named) > NAMED else ""
    why = (
        "an earlier release or a source that is declared free shows the same figures"
        if told.any()
        else "whatever else is left out, what an earlier release or a free series shows gives them away"
    )
    return (
        f"{len(cells_named)} cells of the release cannot be protected: {listed}{more}. {why.capitalize()}. "
        "Nothing is released. Declare in the source's contract, under 'disclosure', the series free with "
        "that reason, or these figures 'coarser', so that they are not released"
    )


def _breakdown(row) -> str:
    given = [
        f"{name} {getattr(row, name)}" for name in cells.DIMENSIONS if getattr(row, name) not in ("_T", None)
    ]
    return ", ".join(given) or "total"
