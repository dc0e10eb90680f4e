"""From candidates that break rules to candidates that can go out."""

# ruff: noqa: S608  names in these statements are constants of this package

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from statloom.errors import StatloomError
from statloom.publication.sql import run
from statloom.release.protection import cells, memory, pattern

_FIGURES = ("numerator", "denominator", "value", "n")
NAMED = 5


def protect(connection: Connection) -> None:
    """Set ``suppressed`` of all candidates that must be left out, ``given_before`` of those of them that
    earlier releases give away whatever this one shows, and ``revised`` of those whose figure was
    another one in an earlier release that left it out.

    Raises StatloomError naming the cells that nothing can protect.
    """
    run(
        connection,
        "alter table release.candidate_cell add column revised boolean not null default false, "
        "add column given_before boolean not null default false",
    )
    if run(
        connection, "select exists (select from release.candidate_rule where method = 'suppression')"
    ).scalar_one():
        now = cells.candidates(connection)
        before = memory.read(connection, now)
        rows = pd.concat([now, before], ignore_index=True) if len(before) else now
        places = (cells.parents(connection), cells.divided(connection), cells.signatures(connection))
        figures, chosen = choose(rows, *places)
        if chosen.unprotected.any():
            raise StatloomError(_refusal(figures.rows, chosen.unprotected, chosen.public))
        current = figures.rows["release"].eq(cells.NOW).to_numpy()
        _mark(connection, "suppressed", figures.rows.loc[current & chosen.left_out, "observation_key"])
        _mark(connection, "given_before", figures.rows.loc[current & chosen.given_before, "observation_key"])
        left_out = pd.Series(chosen.left_out, figures.rows.index)
        _mark(connection, "revised", _revised(figures.rows, left_out))
    memory.prepare(connection)


def choose(rows: pd.DataFrame, *places) -> tuple[cells.Figures, pattern.Chosen]:
    """Return the figures of ``rows`` and what is left out of them; ``places``: as ``pattern.System`` has
    them, from parents to signatures."""
    figures = cells.figures(rows)
    state = _state(figures.rows)
    system = pattern.System(figures, *places)
    return figures, pattern.choose(system, state["shown"].to_numpy(), state["hidden"].to_numpy())


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


def _refusal(rows: pd.DataFrame, refused: np.ndarray, public: np.ndarray) -> str:
    named = rows[refused].sort_values("release", ascending=False).drop_duplicates("observation_key")
    listed = "; ".join(
        f"{row.series_code} of {row.source_id}, {row.place_id}, {row.period}, {_breakdown(row)}"
        + ("" if row.release == cells.NOW else f" (left out of release {row.release})")
        for row in named.head(NAMED).itertuples()
    )
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    why = (
        "A series that is declared free shows the same figures"
        if (refused & public).any()
        else "Whatever else is left out, what free series show gives them away"
    )
    return (
        f"{len(named)} cells of the release cannot be protected: {listed}{more}. {why}. "
        "Nothing is released. Declare in the source's contract, under 'disclosure', the series free with "
        "that reason, or these figures 'coarser', so that they are not released"
    )


def _breakdown(row) -> str:
    given = [
        f"{name} {getattr(row, name)}" for name in cells.DIMENSIONS if getattr(row, name) not in ("_T", None)
    ]
    return ", ".join(given) or "total"
