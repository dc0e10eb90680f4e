"""What the files of a public-use file tell, measured on the files alone: nothing of how they were made."""

import dataclasses
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from statloom.contracts.model import Contract
from statloom.microdata.public_use import diversity, risk
from statloom.microdata.public_use.frequencies import MISSING, Combinations, frequencies
from statloom.microdata.public_use.layout import Layout
from statloom.microdata.public_use.recoding import allowed
from statloom.microdata.public_use.risk import Risk

_BAND = re.compile(r"-?[\d.e+]+(-|\+$| to under )?-?[\d.e+]*|under -?[\d.e+]+")
_PLACE = re.compile(r"[0-9A-Za-z.:_-]{1,24}")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``rows``: rows looked at; ``unexpected``: rows at fault; ``observed``:
    what was found, with no value of a row; ``advice``: what to do about it, empty when all is well.
    """

    check: str
    table: str
    description: str
    passed: bool
    rows: int
    unexpected: int
    observed: str
    advice: str = ""
    column: str | None = None

    @property
    def message(self) -> str:
        """The finding as one line for a person."""
        return f"{self.table}: {self.description}: {self.observed}" + (
            f"; {self.advice}" if self.advice else ""
        )


@dataclass(frozen=True)
class Measures:
    """What was measured. ``k``: the fewest rows that have the same keys; ``k_households``: the same of
    households by what they have in common; ``l``: sensitive variable → measure → lowest; ``risk``: of the
    file by its weights (`risk.Risk`)."""

    rows: int
    households: int
    combinations: int
    k: int
    k_households: int | None
    l: dict[str, dict[str, float]]  # noqa: E741
    risk: Risk


def examine(contract: Contract, tables: dict[str, pa.Table]) -> tuple[list[Finding], Measures | None]:
    """Return what was found in ``tables`` (record → rows as read from the files), and the measures.

    Files that do not have the declared structure are not measured: no measures are returned then.
    """
    layout = Layout(contract)
    found = [finding for name in layout.records for finding in _structure(layout, name, tables.get(name))]
    if not all(finding.passed for finding in found):
        return found, None
    return _measured(layout, tables, found)


def _structure(layout: Layout, name: str, table: pa.Table | None) -> list[Finding]:
    expected = layout.expected(name)
    there = table.column_names if table is not None else []
    others = [column for column in there if column not in expected]
    missing = [column for column in expected if column not in there]
    said = [f"{_what(layout, column)}" for column in others] + [f"no column {column}" for column in missing]
    head = Finding(
        "structure",
        name,
        "The file has the declared columns and no others",
        not said,
        table.num_rows if table is not None else 0,
        len(others),
        ", ".join(said) or f"{len(there)} columns",
        "list what goes out in public_use, and nothing else" if said else "",
    )
    if said:
        return [head]
    columns = [_column(layout, name, column, table[column]) for column in layout.own(name)]
    wrong = [finding for finding in columns if not finding.passed]
    whole = (
        dataclasses.replace(columns[0], column=None, observed=f"{len(columns)} columns") if columns else None
    )
    return [head, *(wrong or ([whole] if whole else []))]


def _what(layout: Layout, column: str) -> str:
    declared = layout.contract.columns.get(column)
    if declared is not None and declared.role == "personal_identifier":
        return f"{column} is a personal identifier"
    return f"{column} is not declared"


def _column(layout: Layout, table: str, name: str, values: pa.ChunkedArray) -> Finding:
    """Judge whether a column has what its declaration allows: no free text, no number of its own a row."""
    column, rule = layout.contract.columns[name], layout.public.recode.get(name)
    known = values.drop_null()
    listed = allowed(column, rule)
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    wrong = 0
    if text:
        if listed is not None:
            wrong = int(pc.sum(pc.invert(pc.is_in(known, pa.array(listed, pa.string())))).as_py() or 0)
        else:
            extra = rule.missing if rule else None
            form = _PLACE if column.role == "place_code" else _BAND
            counted = pc.value_counts(known)
            wrong = sum(
                count["counts"].as_py()
                for count in counted
                if not form.fullmatch(count["values"].as_py()) and count["values"].as_py() != extra
            )
        observed = (
            f"{wrong} values are in no list of categories: {name} is free text"
            if wrong
            else "categories only"
        )
    elif listed is not None or column.role == "place_code":
        wrong, observed = len(known), "numbers, where categories are declared"
    else:
        step = layout.public.weight_round if name == layout.weight else (rule.round if rule else None)
        numbers = pc.cast(known, pa.float64()).to_numpy()
        if step:
            wrong = int((np.abs(numbers / step - np.round(numbers / step)) > 1e-9).sum())
        if rule is not None and rule.top is not None:
            wrong += int((numbers > rule.top + (rule.round or 0)).sum())
        if rule is not None and rule.bottom is not None:
            wrong += int((numbers < rule.bottom - (rule.round or 0)).sum())
        different = len(np.unique(numbers))
        if name != layout.weight and not wrong and different > max(50, len(numbers) / 2):
            wrong, observed = different, f"{different} different values in {len(numbers)} rows: it identifies"
        else:
            observed = (
                f"{wrong} numbers are not recoded as declared" if wrong else f"{different} different values"
            )
    return Finding(
        "categories",
        table,
        "Every value is one that the declaration allows",
        not wrong,
        len(values),
        wrong,
        observed,
        f"recode {name}, or take it out" if wrong else "",
        column=name,
    )


def _measured(
    layout: Layout, tables: dict[str, pa.Table], found: list[Finding]
) -> tuple[list[Finding], Measures | None]:
    public, rows = layout.public, tables[layout.record]
    of, parents, households = np.arange(rows.num_rows), None, 0
    if layout.household is not None:
        households = tables[layout.household].num_rows
        linked = _linked(layout, tables)
        found.append(linked[0])
        if linked[1] is None:
            return found, None
        of = parents = linked[1]

    def column(name: str) -> np.ndarray:
        if layout.of_household(name):
            return _codes(tables[layout.household][name])[parents]
        return _codes(rows[name])

    codes = np.column_stack([column(name) for name in layout.keys])
    weights = None
    if layout.weight is not None:
        weights = tables[layout.of(layout.weight)][layout.weight].to_numpy()
        weights = weights[parents] if layout.of_household(layout.weight) else weights
        weights = weights.astype(float)
    fk, population = frequencies(codes, weights)
    found.append(_k(layout, layout.keys, codes, fk, public.k, of="rows"))
    theirs = None
    if layout.household is not None:
        names = [name for name in layout.keys if layout.of_household(name)]
        own = np.column_stack([_codes(tables[layout.household][name]) for name in names])
        their_fk, _ = frequencies(own)
        theirs = int(their_fk.min())
        found.append(_k(layout, names, own, their_fk, public.k, of="households"))
    for size, k in sorted(public.subsets.items()):
        found.append(_subsets(layout, codes[:, : len(public.keys)], int(size), k))
    lowest = {}
    for name in public.sensitive:
        finding, lowest[name] = _l(layout, codes, column(name), name)
        found.append(finding)
    measured = risk.measure(fk, population if weights is not None else None, of)
    found += _risks(layout, codes, weights, of, measured)
    measures = Measures(
        rows=rows.num_rows,
        households=households,
        combinations=len(np.unique(codes, axis=0)),
        k=int(fk.min()),
        k_households=theirs,
        l=lowest,
        risk=measured,
    )
    return found, measures


def _codes(values: pa.ChunkedArray) -> np.ndarray:
    """Return a column's values as codes, in the order of their first row; `MISSING` for a missing one."""
    encoded = values.combine_chunks().dictionary_encode()
    return encoded.indices.fill_null(MISSING).to_numpy(zero_copy_only=False).astype(np.int32)


def _linked(layout: Layout, tables: dict[str, pa.Table]) -> tuple[Finding, np.ndarray | None]:
    """Judge whether rows and households belong together; return the household's row of each row."""
    above, rows = tables[layout.household], tables[layout.record]
    number = layout.number(layout.household)
    numbers, wanted = (each[number].to_numpy(zero_copy_only=False) for each in (above, rows))
    fresh = (np.sort(numbers) == np.arange(1, len(numbers) + 1)).all()
    order = np.argsort(numbers, kind="stable")
    at = order[np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)]
    lost = int((numbers[at] != wanted).sum())
    counted = np.bincount(at, minlength=len(numbers))
    wrong = 0 if lost else int((counted != above[layout.size].to_numpy(zero_copy_only=False)).sum())
    large = int((counted > layout.public.largest_household).sum())
    passed = bool(fresh and not lost and not wrong and not large)
    said = [
        "" if fresh else f"{number} does not run from 1 to the number of rows",
        f"{lost} rows have no {layout.household}" if lost else "",
        f"{wrong} households have another number of rows than {layout.size} says" if wrong else "",
        f"{large} households are larger than {layout.public.largest_household}" if large else "",
    ]
    finding = Finding(
        "households",
        layout.record,
        "Every row belongs to a household, which has as many rows as it says",
        passed,
        len(wanted),
        lost + wrong + large,
        ", ".join(filter(None, said)) or f"{len(numbers)} households",
    )
    return finding, at if passed else None


def _k(layout: Layout, names: list[str], codes: np.ndarray, fk: np.ndarray, k: int, of: str) -> Finding:
    """Judge the keys ``names`` of the rows or households (``of``)."""
    rare = fk < k
    count = len(np.unique(codes[rare], axis=0)) if rare.any() else 0
    return Finding(
        "k-anonymity",
        layout.household if of == "households" else layout.record,
        f"At least {k} {of} have the same keys",
        not count,
        len(fk),
        int(rare.sum()),
        f"{count} combinations of keys are shared by fewer than {k} {of}"
        if count
        else f"the rarest combination of keys is shared by {int(fk.min())} {of}",
        _advice(layout, names, codes, lambda left: int((frequencies(left)[0] < k).sum())) if count else "",
    )


def _subsets(layout: Layout, codes: np.ndarray, size: int, k: int) -> Finding:
    from itertools import combinations

    rare = np.zeros(len(codes), bool)
    count = 0
    for chosen in combinations(range(codes.shape[1]), size):
        found = Combinations(codes[:, list(chosen)])
        low = np.rint(found.matched()[:, 0]) < k
        count += int(low.sum())
        rare |= low[found.of_row]
    return Finding(
        "k-anonymity",
        layout.record,
        f"At least {k} rows have the same values in any {size} keys",
        not count,
        len(codes),
        int(rare.sum()),
        f"{count} combinations of {size} keys are shared by fewer than {k} rows"
        if count
        else "none is rarer",
    )


def _l(layout: Layout, codes: np.ndarray, values: np.ndarray, name: str) -> tuple[Finding, dict[str, float]]:
    wanted = layout.public.l
    found = Combinations(codes, values=values)
    counts = np.rint(found.matched()[:, 1:])
    low = diversity.violated(counts, wanted)
    known = counts.sum(axis=1) > 0
    lowest: dict[str, float] = {}
    if known.any():
        if "distinct" in wanted:
            lowest["distinct"] = int(diversity.distinct(counts[known]).min())
        if "entropy" in wanted:
            lowest["entropy"] = float(diversity.entropy(counts[known]).min())
        if "recursive" in wanted:
            lowest["recursive"] = int(diversity.recursive(counts[known], wanted.get("c", 2)).min())
    said = ", ".join(f"{measure} {value:g}" for measure, value in lowest.items())
    asked = ", ".join(f"{measure} {value:g}" for measure, value in wanted.items())

    def remaining(left: np.ndarray) -> int:
        again = Combinations(left, values=values)
        return int(diversity.violated(np.rint(again.matched()[:, 1:]), wanted)[again.of_row].sum())

    finding = Finding(
        "l-diversity",
        layout.record,
        f"Rows with the same keys are diverse in {name} ({asked})",
        not low.any(),
        len(codes),
        int(low[found.of_row].sum()),
        f"{int(low.sum())} combinations of keys are less diverse; the lowest: {said}"
        if low.any()
        else f"the lowest: {said}",
        _advice(layout, layout.keys, codes, remaining) if low.any() else "",
        column=name,
    )
    return finding, lowest


def _risks(
    layout: Layout, codes: np.ndarray, weights: np.ndarray | None, of: np.ndarray, measured: Risk
) -> list[Finding]:
    limit = layout.public.maximum_global_risk
    who = {
        "individual": "persons expected to be recognised",
        "household": "persons expected to be of a household of which somebody is recognised",
    }
    kinds = [("individual", measured.individual, "global risk of persons")]
    if layout.household is not None:
        kinds.append(("household", measured.household, "global risk of households"))

    def remaining(kind: str):
        def value(left: np.ndarray) -> float:
            fk, population = frequencies(left, weights)
            return getattr(risk.measure(fk, population if weights is not None else None, of), kind)

        return value

    return [
        Finding(
            "global risk",
            layout.record,
            f"The {name} is at most {limit:.2%}",
            value <= limit,
            len(codes),
            0 if value <= limit else round(value * len(codes)),
            f"{value:.3%}, {value * len(codes):.1f} {who[kind]}",
            "" if value <= limit else _advice(layout, layout.keys, codes, remaining(kind)),
        )
        for kind, value, name in kinds
    ]


def _advice(layout: Layout, names: list[str], codes: np.ndarray, remaining) -> str:
    """Say which key to make coarser: that without which least remains."""
    left = {
        name: remaining(np.delete(codes, i, axis=1))
        for i, name in enumerate(names)
        if name != layout.size and len(names) > 1
    }
    best = sorted(left, key=lambda name: left[name])[:2]
    said = " or ".join(
        f"{name} (without it: {left[name]:.3%})"
        if isinstance(left[name], float)
        else f"{name} (without it: {left[name]} rows)"
        for name in best
    )
    if layout.size is None:
        return f"make coarser {said or names[0]}"
    return f"make coarser {said}, or lower largest_household" if said else "lower largest_household"
