"""Counts that go out rounded or perturbed, where the contract says so in place of suppression."""

# ruff: noqa: S608  names in these statements are constants of this package

import hashlib
import json
import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from statloom.contracts.perturbation import CELL_KEY, ROUNDING, method_of
from statloom.disclosure import perturbation
from statloom.disclosure.perturbation import keyed
from statloom.disclosure.tables import Table
from statloom.errors import StatloomError
from statloom.publication.sql import literal, run
from statloom.release import frames
from statloom.release.columns import DIMENSIONS
from statloom.release.protection import cells, pattern, perturb_texts, record_keys, secret

log = logging.getLogger(__name__)

METHODS = (*ROUNDING, CELL_KEY)
SHOWN = "release.rounded_cell"
SECONDS = 60.0
_PARTS = ("value", "numerator", "denominator")
_DECIMALS = 1e-5
_EMPTIED = ("n", "se", "cv", "ci_low", "ci_high", "deff")
_WHAT = ("place_id", "period", "time_detail", *DIMENSIONS)
_SELECT = f"""
    select c.observation_key::text, {cells.NOW} as release, c.source_id, c.series_code, c.source_level,
        c.place_id, p.parent_id, c.place_level, c.place_vintage, c.period, c.time_detail,
        {", ".join(f"c.{name}" for name in DIMENSIONS)}, c.numerator, c.denominator, c.value, c.n, c.kind,
        c.minimum_respondents, c.protection_level, c.is_primary, c.suppressed as left_out,
        false as may_be_left_out
    from release.candidate_cell c
    join marts.place p using (place_id)
    where c.method in ({", ".join(literal(name) for name in METHODS)}) and not c.suppressed
        and num_nonnulls(c.value, c.numerator, c.denominator) > 0
    order by c.observation_key
"""


@dataclass(frozen=True)
class Declared:
    """How one series of one source is perturbed, as its contract declares it."""

    method: str
    base: int | None
    variance: float | None
    deviation: int | None
    smallest: int

    @property
    def least(self) -> int:
        """The smallest count above 0 that is shown."""
        return self.base if self.method in ROUNDING else self.smallest


def perturb(connection: Connection) -> str | None:
    """Round or perturb the candidates whose ``method`` says so; ``perturbed`` is true of them afterwards.

    Counts, numerators and denominators are changed, shares made anew from them; figures that would give the
    true ones away are emptied. Returns a mark of the declared methods and the secret, None where nothing is
    perturbed. Raises StatloomError for series that are no counts, or shares of something else than their
    parts, and when the secret is not that of earlier releases.
    """
    run(connection, "alter table release.candidate_cell add column perturbed boolean not null default false")
    declared = _declared(connection)
    if not declared:
        return None
    rows = frames.read(connection, _SELECT, cells.COLUMNS).to_pandas()
    key = secret.load()
    secret.the_same(connection, key)
    if len(rows):
        _refuse(rows)
        ratio = _ratio(rows)
        figures = cells.figures(rows)
        rows = figures.rows
        ratio = ratio.reindex(rows["observation_key"]).to_numpy()
        signatures = cells.signatures(connection)
        result = rows[list(_PARTS)].copy()
        how = pd.Series([declared[pair] for pair in zip(rows["source_id"], rows["series_code"], strict=True)])
        for (source_id, each), index in rows.groupby([rows["source_id"], how], sort=True).groups.items():
            chosen = rows.loc[index]
            if each.method == "controlled_rounding":
                continue
            result.loc[index] = _independent(connection, source_id, each, chosen, signatures, key)
        _controlled(connection, rows, how, figures, signatures, key, result)
        _write(connection, rows, how, result, ratio)
    settings = sorted((*pair, *map(str, vars(each).values())) for pair, each in declared.items())
    return hashlib.sha256(json.dumps([secret.mark(key), settings]).encode()).hexdigest()


def describe(connection: Connection) -> None:
    """Say of each dataset how its figures are perturbed: a mark in ``perturbation`` and a sentence in each
    language of its definition."""
    rows = run(
        connection,
        "select distinct source_id, series_code from release.candidate_cell where perturbed order by 1, 2",
    ).all()
    declared = _declared(connection) if rows else {}
    found: dict[str, set[tuple[str, int | None]]] = {}
    for pair in map(tuple, rows):
        each = declared[pair]
        found.setdefault(pair[1], set()).add((each.method, each.base))
    for series, methods in found.items():
        said = [perturb_texts.dataset(*each) for each in sorted(methods, key=str)]
        connection.execute(
            text(
                "update release.candidate_dataset set perturbation = :mark, "
                "definition = concat_ws(' ', definition, cast(:en as text)), "
                "definition_ne = definition_ne || ' ' || cast(:ne as text) where series_code = :series"
            ),
            {
                "series": series,
                "mark": ", ".join(perturb_texts.mark(*each) for each in sorted(methods, key=str)),
                "en": " ".join(each.en for each in said),
                "ne": " ".join(each.in_("ne") for each in said),
            },
        )


def _declared(connection: Connection) -> dict[tuple[str, str], Declared]:
    pairs = run(
        connection,
        "select r.source_id, r.series_code, s.contract -> 'disclosure' from release.candidate_rule r "
        "join landing.source s using (source_id) "
        f"where r.method in ({', '.join(literal(name) for name in METHODS)}) order by 1, 2",
    )
    return {(source, series): Declared(**method_of(block, series)) for source, series, block in pairs}


def _refuse(rows: pd.DataFrame) -> None:
    wrong = rows[rows["kind"] != "count"]
    if len(wrong):
        first = wrong.iloc[0]
        raise StatloomError(
            f"{first.series_code} of {first.source_id} is no count of units: it can be protected by "
            "suppression alone; declare so in the contract's 'disclosure', under 'methods'"
        )


def _ratio(rows: pd.DataFrame) -> pd.Series:
    """Return for each share what its value is of numerator by denominator (100: per cent), by key."""
    used = rows[rows["numerator"].gt(0) & rows["denominator"].gt(0)]
    of = used["value"] * used["denominator"] / used["numerator"]
    # The marts' values are rounded to six decimals: the largest numerators tell the ratio best.
    largest = used.sort_values("numerator", kind="stable").drop_duplicates(
        ["source_id", "series_code"], keep="last"
    )
    known = (
        of[largest.index].round(4).set_axis(pd.MultiIndex.from_frame(largest[["source_id", "series_code"]]))
    )
    pairs = pd.MultiIndex.from_frame(rows[["source_id", "series_code"]])
    found = known.reindex(pairs).fillna(100.0).to_numpy() if len(known) else np.full(len(rows), 100.0)
    off = (rows["value"] - found * rows["numerator"] / rows["denominator"]).abs()
    if (off > _DECIMALS * np.maximum(1.0, rows["value"].abs())).any():
        first = rows.loc[off.idxmax()]
        raise StatloomError(
            f"{first.series_code} of {first.source_id} is not its numerator by its denominator: perturbed "
            "parts do not give it; declare suppression for it in the contract's 'disclosure', under 'methods'"
        )
    return pd.Series(found, rows["observation_key"])


def _independent(connection, source_id, each, rows, signatures, key) -> pd.DataFrame:
    """Return value, numerator and denominator of ``rows``, each count rounded or perturbed for itself."""
    draws = None
    if each.method == CELL_KEY:
        table = perturbation.noise_table(
            variance=each.variance, largest=each.deviation, smallest=each.smallest
        )
        draws = record_keys.of_source(connection, source_id, sorted(set(rows["series_code"])), key=key)
    made = rows[list(_PARTS)].copy()
    for part in _PARTS:
        there = rows[rows[part].notna() & ((part != "value") | rows["denominator"].isna())]
        if there.empty:
            continue
        names = _identity(there, part, signatures)
        count = there[part].to_numpy(dtype=float)
        if each.method != CELL_KEY:
            made.loc[there.index, part] = perturbation.random_rounding(count, names, base=each.base, key=key)
            continue
        draw = np.full(len(there), np.nan)
        if draws is not None:
            draw = _by_respondents(there, part, count, draws)
        without = np.flatnonzero(np.isnan(draw))
        named = [names[cell] for cell in without]
        draw[without] = perturbation.aggregate_draws(named, count[without], key=key)
        made.loc[there.index, part] = perturbation.perturbed(count, draw, table)
    return made


def _by_respondents(rows, part, count, draws) -> np.ndarray:
    """Return the keys of the cells whose respondents are known, NaN for the others."""
    names = ["series_code", "place_id", *DIMENSIONS]
    known = rows[names].merge(draws[draws["role"] == part], on=names, how="left")
    # Of other deliveries, or made of other units than were tabulated: the same name, other respondents.
    same = (known["units"].to_numpy(dtype=float) == count) & known["key_sum"].notna().to_numpy()
    if not same.all():
        log.info("%d of %d counts have no respondents of their own in the vault", (~same).sum(), len(same))
    sums = np.where(same, known["key_sum"].fillna(0).to_numpy(), 0).astype(np.int64)
    return np.where(same, perturbation.cell_draws(sums), np.nan)


def _identity(rows: pd.DataFrame, part: str, signatures: dict) -> list[str]:
    """Return what each count is: of which measures and categories of its source, where, when and of whom. A
    count that several series have is one."""
    pairs = zip(rows["source_id"], rows["series_code"], strict=True)
    quantity = [signatures.get((source, series, part)) or f"{series}, {part}" for source, series in pairs]
    return keyed.identities(rows["source_id"], quantity, *(rows[name].fillna("") for name in _WHAT))


def _controlled(connection, rows, how, figures, signatures, key, result) -> None:
    """Write what controlled rounding makes of ``rows`` to ``result``; one table for each base."""
    for base in sorted({each.base for each in how if each.method == "controlled_rounding"}):
        mine = how.map(lambda each, base=base: each.method == "controlled_rounding" and each.base == base)
        inner = cells.figures(rows[mine.to_numpy()])
        system = pattern.System(
            inner, cells.parents(connection), cells.divided(connection), cells.signatures(connection)
        )
        table = Table(
            pd.DataFrame(index=range(len(system.value))), system.value, system.equations, system.blocks()
        )
        marks = _marks(inner, signatures, key)
        keep = np.full(len(system.value), np.nan)
        former = _shown(connection)
        shown = np.array([former.get(mark, np.nan) for mark in marks])
        keep[system.unknown[~np.isnan(shown)]] = shown[~np.isnan(shown)]
        keep[np.nan_to_num(keep) % base != 0] = np.nan
        rounded = perturbation.controlled_rounding(table, base=base, keep=keep, time_limit=SECONDS)
        for note in rounded.notes:
            log.info("controlled rounding to base %d: %s", base, note)
        if len(rounded.further):
            log.warning("%d counts are not at a neighbouring multiple of %d", len(rounded.further), base)
        value = rounded.value[system.unknown]
        _keep(connection, marks, value)
        keys = inner.rows["observation_key"].to_numpy()[inner.parts["row"].to_numpy()]
        position = pd.Series(rows.index, rows["observation_key"])
        for number, part in enumerate(cells.PARTS):
            if part in _PARTS:
                of = inner.parts["part"].to_numpy() == number
                result.loc[position[keys[of]].to_numpy(), part] = value[of]


def _marks(figures, signatures, key) -> list[str]:
    """Return a keyed hash of what each part is and of its figure: the memory of roundings holds no counts."""
    rows = figures.rows.take(figures.parts["row"].to_numpy()).reset_index(drop=True)
    part = figures.parts["part"].to_numpy()
    amount = figures.parts["amount"].to_numpy()
    names = np.empty(len(rows), dtype=object)
    for number, name in enumerate(cells.PARTS):
        of = np.flatnonzero(part == number)
        if len(of):
            names[of] = _identity(rows.take(of), name, signatures)
    secret_of = keyed.derived(key, "marks of rounded cells")
    return keyed.marks(secret_of, keyed.with_value(names, amount))


def _shown(connection: Connection) -> dict[str, float]:
    run(
        connection,
        f"create table if not exists {SHOWN} (mark text primary key, shown double precision not null); "
        f"comment on table {SHOWN} is 'What controlled rounding has made of each figure: under a keyed hash "
        "of cell and figure, so that the same figure stays the same in the next release.'",
    )
    return dict(run(connection, f"select mark, shown from {SHOWN}").all())


def _keep(connection: Connection, marks: list[str], value: np.ndarray) -> None:
    rows = [{"mark": mark, "shown": shown} for mark, shown in zip(marks, value.tolist(), strict=True)]
    connection.execute(
        text(
            f"insert into {SHOWN} (mark, shown) select distinct on (mark) mark, shown "
            "from jsonb_to_recordset(cast(:rows as jsonb)) as r (mark text, shown double precision) "
            "on conflict (mark) do update set shown = excluded.shown "
            "where rounded_cell.shown <> excluded.shown"
        ),
        {"rows": json.dumps(rows)},
    )


def _write(connection, rows, how, result, ratio) -> None:
    share = rows["denominator"].notna().to_numpy()
    whole = (rows["numerator"] == rows["denominator"]).to_numpy()
    numerator, value = perturbation.share(
        result["numerator"].to_numpy(dtype=float),
        result["denominator"].to_numpy(dtype=float),
        whole=whole & share,
        per=ratio,
    )
    changed = pd.DataFrame(
        {
            "observation_key": rows["observation_key"],
            "value": np.where(share, value.round(6), result["value"].to_numpy(dtype=float)),
            "numerator": np.where(share, numerator, np.nan),
            "denominator": result["denominator"],
            "least": [each.least for each in how],
            "said": [perturb_texts.row(each.method, each.base) for each in how],
        }
    )
    run(
        connection,
        "create temporary table perturbed_cell (observation_key uuid, value double precision, "
        "numerator double precision, denominator double precision, least integer, said text) on commit drop",
    )
    connection.execute(
        text(
            "insert into perturbed_cell select * from jsonb_to_recordset(cast(:rows as jsonb)) as r "
            "(observation_key uuid, value double precision, numerator double precision, "
            "denominator double precision, least integer, said text)"
        ),
        {"rows": changed.to_json(orient="records", double_precision=15)},
    )
    emptied = ", ".join(f"{name} = null" for name in _EMPTIED)
    run(
        connection,
        f"""
        update release.candidate_cell c set perturbed = true, value = r.value, numerator = r.numerator,
            denominator = r.denominator, amount = coalesce(r.numerator, r.value),
            minimum_respondents = r.least, {emptied},
            split_share = case when c.split_share = 0 then 0 end,
            geo_se = case when c.geo_se = 0 then 0 end,
            obs_status = case when r.value is null then 'M' else c.obs_status end,
            comment = concat_ws('; ', c.comment, r.said,
                case when r.value is null then {literal(perturb_texts.NO_SHARE)} end)
        from perturbed_cell r where r.observation_key = c.observation_key
        """,
    )
