"""The auditor against brute force on a thousand random small patterns, of four kinds.

Brute force is a linear programme over all cells of a pattern, written from how the pattern was made and
solved by scipy for both ends of every left-out cell; of the smallest, every whole-numbered solution is listed
besides. The programmes of all patterns are solved as one, cell by cell: they have nothing in common.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse
from scipy.optimize import linprog

pytest.importorskip("highspy")

from statloom.disclosure.audit import audit

THRESHOLD = 4
FAR = 1e5  # a left-out cell that can be as large has no upper end


@dataclass
class Pattern:
    """One pattern: its unknowns with their least and most, sums that are zero, and its left-out cells.

    ``cells`` are keys as the auditor names them → unknown; ``part``: cells that are parts of a share;
    ``planted``: cells that are known exactly, by construction.
    """

    kind: str
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)
    sums: list[dict[int, float]] = field(default_factory=list)
    cells: dict[tuple, int] = field(default_factory=dict)
    parts: set[tuple] = field(default_factory=set)
    planted: list[tuple] = field(default_factory=list)

    def unknown(self, value: float, hidden: bool, least: float = 1.0) -> int:
        """Add an unknown; a published one is its value."""
        self.least.append(least if hidden else float(value))
        self.most.append(FAR if hidden else float(value))
        return len(self.least) - 1


def names(count: int, letter: str) -> list[str]:
    return [*(f"{letter}{number}" for number in range(count - 1)), "_T"]


def with_margins(inner: np.ndarray) -> np.ndarray:
    full = np.vstack([inner, inner.sum(axis=0)])
    return np.hstack([full, full.sum(axis=1, keepdims=True)])


def margins(pattern: Pattern, number: np.ndarray) -> None:
    """Add that the last row and column of a table of unknowns are the sums of the others."""
    for line in (*number, *number.T):
        pattern.sums.append({line[-1]: 1.0, **dict.fromkeys(line[:-1].tolist(), -1.0)})


def gaps(random: np.random.Generator, full: np.ndarray, plant: bool) -> tuple[np.ndarray, tuple | None]:
    """Return random gaps; with ``plant`` one of them is alone in its row."""
    hidden = (random.random(full.shape) < 0.4) & (full > 0)
    row, column = random.integers(0, full.shape[0] - 1), random.integers(0, full.shape[1] - 1)
    if not plant or not full[row, column]:
        return hidden, None
    hidden[row] = False
    hidden[row, column] = True
    return hidden, (row, column)


def table(random, name: str, plant: bool, rows: dict) -> Pattern:
    """A table with margins; its second kind shares its rows' totals with another table."""
    linked = random.random() < 0.4
    pattern = Pattern("linked" if linked else "table")
    full = with_margins(random.integers(0, 12, random.integers(2, 4, 2)))
    hidden, planted = gaps(random, full, plant)
    lines, columns = names(len(full), "r"), names(full.shape[1], "c")
    number = np.array(
        [[pattern.unknown(full[r, c], hidden[r, c]) for c in range(len(columns))] for r in range(len(lines))]
    )
    margins(pattern, number)
    for r, c in np.ndindex(full.shape):
        rows["cells"].append((name, lines[r], columns[c], "" if hidden[r, c] else full[r, c]))
        if hidden[r, c]:
            pattern.cells["persons", lines[r], columns[c], "_T"] = number[r, c]
    if planted:
        pattern.planted.append(("persons", lines[planted[0]], columns[planted[1]], "_T"))
    if linked:
        # The same rows by another classification: their totals are the same cells.
        one = np.array([random.integers(0, total + 1) for total in full[:-1, -1]])
        other = with_margins(np.stack([one, full[:-1, -1] - one], axis=1))
        away, _ = gaps(random, other, plant=False)
        away[:, -1] = hidden[:, -1]
        fresh = np.array(
            [
                [number[r, -1] if c == 2 else pattern.unknown(other[r, c], away[r, c]) for c in range(3)]
                for r in range(len(lines))
            ]
        )
        margins(pattern, fresh)
        for r, c in np.ndindex(other.shape):
            code = names(3, "o")[c]
            rows["linked"].append((name, lines[r], code, "" if away[r, c] else other[r, c]))
            if away[r, c] and c < 2:
                pattern.cells["persons", lines[r], "_T", code] = fresh[r, c]
    return pattern


def shares(random, name: str, plant: bool, rows: dict) -> Pattern:
    """Shares with their counts, left out row by row; their denominators are a table of their own."""
    pattern = Pattern("shares")
    count = int(random.integers(2, 4))
    whole = random.integers(1, 14, count)
    part = np.array([random.integers(0, total + 1) for total in whole])
    whole, part = np.append(whole, whole.sum()), np.append(part, part.sum())
    hidden = random.random(count + 1) < 0.5
    away = random.random(count + 1) < 0.3
    lines = names(count + 1, "r")
    if plant:
        hidden[:], away[:] = False, False
        hidden[random.integers(0, count)] = True
    linked = bool((~hidden & ~away).any())
    unknowns = {}
    for r, line in enumerate(lines):
        shown = not hidden[r] or (linked and not away[r])
        unknowns["denominator", r] = pattern.unknown(whole[r], not shown, 1.0 if linked and away[r] else 0.0)
        unknowns["numerator", r] = pattern.unknown(part[r], hidden[r], 0.0)
        unknowns["rest", r] = pattern.unknown(whole[r] - part[r], hidden[r], 0.0)
        unknowns["count", r] = unknowns["denominator", r] if linked else pattern.unknown(whole[r], away[r])
        if linked and hidden[r] != away[r]:
            # Published in one of both tables: known.
            index = unknowns["denominator", r]
            pattern.least[index] = pattern.most[index] = float(whole[r])
        pattern.sums.append(
            {unknowns["numerator", r]: 1.0, unknowns["rest", r]: 1.0, unknowns["denominator", r]: -1.0}
        )
        rate = "" if hidden[r] else f"{100 * part[r] / whole[r]:.2f}"
        shown_part, shown_whole = ("", "") if hidden[r] else (part[r], whole[r])
        rows["shares"].append((name, line, rate, shown_part, shown_whole))
        rows["counts"].append((name, line, "" if away[r] else whole[r]))
        if hidden[r]:
            for side in ("numerator", "rest", "denominator"):
                key = (f"rate ({side})", line, "_T", "_T")
                pattern.cells[key] = unknowns[side, r]
                pattern.parts.add(key)
        if away[r]:
            pattern.cells["count", line, "_T", "_T"] = unknowns["count", r]
    for side in ("numerator", "denominator", "count"):
        pattern.sums.append({unknowns[side, r]: (1.0 if r == count else -1.0) for r in range(count + 1)})
    if plant:
        line = lines[int(np.flatnonzero(hidden)[0])]
        pattern.planted.append(("rate (numerator)", line, "_T", "_T"))
    return pattern


def releases(random, name: str, plant: bool, rows: list[list]) -> Pattern:
    """Three releases of a table with gaps of their own; in the last one a cell may have been revised, which
    its rows say, and with it its margins."""
    pattern = Pattern("releases")
    inner = random.integers(0, 12, random.integers(2, 4, 2))
    full = with_margins(inner)
    lines, columns = names(len(full), "r"), names(full.shape[1], "c")
    touched = np.zeros(full.shape, dtype=bool)
    if random.random() < 0.5:
        r, c = random.integers(0, inner.shape[0]), random.integers(0, inner.shape[1])
        touched[[r, r, -1, -1], [c, -1, c, -1]] = True
    versions = [full, full, full + 3 * touched]
    hiding = [gaps(random, full, plant=False)[0] for _ in versions]
    if plant and full[0, 0] and not touched[0, 0]:
        # Left out in the first release, shown in the second.
        hiding[0][0, 0], hiding[1][0, 0] = True, False
        pattern.planted.append(("persons", lines[0], columns[0], "_T"))
    number = np.empty((3, *full.shape), dtype=int)
    for r, c in np.ndindex(full.shape):
        for group in ([0, 1], [2]) if touched[r, c] else ([0, 1, 2],):
            shown = any(not hiding[k][r, c] for k in group)
            number[group, r, c] = pattern.unknown(versions[group[0]][r, c], not shown)
    for k, values in enumerate(versions):
        margins(pattern, number[k])
        for r, c in np.ndindex(full.shape):
            note = "left as it is; revised" if k == 2 and touched[r, c] else ""
            figure = "" if hiding[k][r, c] else values[r, c]
            rows[k].append((name, lines[r], columns[c], figure, note))
            if hiding[k][r, c]:
                pattern.cells["persons", lines[r], columns[c], "_T", k] = number[k, r, c]
    return pattern


def solve(patterns: list[Pattern]) -> list[dict[int, tuple[float, float]]]:
    """Return both ends of every left-out unknown of each pattern, by linear programmes."""
    offsets = np.cumsum([0, *(len(pattern.least) for pattern in patterns)])
    entries = [
        (line, offset + unknown, sign)
        for line, (offset, terms) in enumerate(
            (offset, terms)
            for offset, pattern in zip(offsets, patterns, strict=False)
            for terms in pattern.sums
        )
        for unknown, sign in terms.items()
    ]
    lines, unknowns, signs = zip(*entries, strict=True)
    matrix = sparse.csr_array((signs, (lines, unknowns)), shape=(max(lines) + 1, offsets[-1]))
    bounds = np.array(
        [pair for pattern in patterns for pair in zip(pattern.least, pattern.most, strict=True)]
    )
    asked = [sorted(set(pattern.cells.values())) for pattern in patterns]
    ends: list[dict[int, list[float]]] = [{unknown: [0.0, 0.0] for unknown in each} for each in asked]
    for turn in range(max(map(len, asked))):
        chosen = [(k, each[turn]) for k, each in enumerate(asked) if turn < len(each)]
        for end, sign in enumerate((1.0, -1.0)):
            cost = np.zeros(offsets[-1])
            cost[[offsets[k] + unknown for k, unknown in chosen]] = sign
            found = linprog(
                cost, A_eq=matrix, b_eq=np.zeros(matrix.shape[0]), bounds=bounds, method="highs-ds"
            )
            assert found.status == 0
            for k, unknown in chosen:
                ends[k][unknown][end] = found.x[offsets[k] + unknown]
    return [
        {u: (low, high if high < FAR / 2 else np.inf) for u, (low, high) in each.items()} for each in ends
    ]


def whole_numbers(pattern: Pattern) -> dict[int, tuple[float, float]] | None:
    """Return the ends over all solutions in whole numbers; None where there are too many to list."""
    open_ = [u for u, (low, high) in enumerate(zip(pattern.least, pattern.most, strict=True)) if high > low]
    # No left-out cell of these patterns is larger than the largest that is shown, where sums bound it at all.
    matrix = np.zeros((len(pattern.sums), len(pattern.least)))
    for line, terms in enumerate(pattern.sums):
        for unknown, sign in terms.items():
            matrix[line, unknown] = sign
    free = _free(matrix[:, open_])
    ceiling = int(max([0, *(high for high in pattern.most if high < FAR)]))
    if not open_ or len(free) > 2 or (ceiling + 1) ** len(free) > 4000:
        return None
    known = matrix @ np.where(np.array(pattern.most) < FAR, pattern.least, 0.0)
    tied = [k for k in range(len(open_)) if k not in free]
    solutions = []
    for given in itertools.product(range(ceiling + 1), repeat=len(free)):
        values = np.zeros(len(open_))
        values[free] = given
        off = -known - matrix[:, open_] @ values
        values[tied] = np.linalg.lstsq(matrix[:, open_][:, tied], off, rcond=None)[0]
        exact = np.abs(matrix[:, open_] @ values + known).max() < 1e-7
        if exact and all(
            abs(v - round(v)) < 1e-7 and v > pattern.least[u] - 1e-7
            for v, u in zip(values, open_, strict=True)
        ):
            solutions.append(values)
    if not solutions:
        return None
    found = np.array(solutions)
    return {
        u: (found[:, k].min(), found[:, k].max()) for k, u in enumerate(open_) if found[:, k].max() < ceiling
    }


def _free(matrix: np.ndarray) -> list[int]:
    """Return columns that may be chosen at will; the others follow."""
    chosen: list[int] = []
    rank = 0
    for column in range(matrix.shape[1]):
        more = np.linalg.matrix_rank(matrix[:, [*chosen, column]])
        if more > rank:
            chosen.append(column)
            rank = more
    return [column for column in range(matrix.shape[1]) if column not in chosen]


DESCRIPTION = {
    "threshold": THRESHOLD,
    "same": "checked",
    "dimensions": {name: {"total": "_T"} for name in ("row", "column", "other")},
}


@pytest.fixture(scope="module")
def patterns(tmp_path_factory):
    """Write a thousand patterns; return them by name, with the folders of single and of several releases."""
    random = np.random.default_rng(2026)
    single, several = tmp_path_factory.mktemp("single"), tmp_path_factory.mktemp("several")
    rows = {name: [] for name in ("cells", "linked", "shares", "counts")}
    chain = [[], [], []]
    made = {}
    for number in range(1000):
        plant, name = number % 3 == 0, str(number)
        if number % 10 < 2:
            made[name] = releases(random, name, plant, chain)
        else:
            made[name] = (shares if number % 10 < 4 else table)(random, name, plant, rows)
    columns = {
        "cells": ["table", "row", "column", "value"],
        "linked": ["table", "row", "other", "value"],
        "shares": ["table", "row", "rate", "part", "whole"],
        "counts": ["table", "row", "value"],
    }
    for name, header in columns.items():
        pd.DataFrame(rows[name], columns=header).to_csv(single / f"{name}.csv", index=False)
    for k, listed in enumerate(chain):
        (several / str(k)).mkdir()
        header = [*columns["cells"], "note"]
        pd.DataFrame(listed, columns=header).to_csv(several / str(k) / "cells.csv", index=False)
    persons = {"value": "value", "quantity": "persons", "apart": ["table"]}
    told = {"value_is": "people", "quantity": "count"}
    rate = {"numerator": "part", "denominator": "whole", "denominator_is": "people", "quantity": "rate"}
    described = {
        single: {
            "tables": [
                persons | {"file": "cells.csv"},
                persons | {"file": "linked.csv"},
                {"file": "counts.csv", "value": "value", "apart": ["table"]} | told,
                {"file": "shares.csv", "value": "rate", "apart": ["table"]} | rate,
            ]
        },
        several: {
            "releases": ["0", "1", "2"],
            "revised": {"column": "note", "values": ["revised"]},
            "tables": [persons | {"file": "cells.csv"}],
        },
    }
    for folder, more in described.items():
        (folder / "disclosure.yml").write_text(yaml.safe_dump(DESCRIPTION | more))
    return made, single, several


def found_by(folder, *, exact: bool) -> dict[tuple, dict]:
    """Return the auditor's cells by pattern and key."""
    found = {}
    for cell in audit(folder, exact=exact).cells.to_dict("records"):
        quantity, name = cell["group"].split("|")
        found[name, (quantity, cell["row"], cell["column"], cell["other"])] = cell
    return found


def test_agrees_with_brute_force_on_a_thousand_patterns_and_finds_every_planted_leak(patterns):
    made, single, several = patterns
    solved = {**found_by(single, exact=True), **found_by(several, exact=True)}
    certified = {**found_by(single, exact=False), **found_by(several, exact=False)}
    assert {key: cell["verdict"] for key, cell in solved.items()} == {
        key: cell["verdict"] for key, cell in certified.items()
    }
    checked = dict.fromkeys(("table", "linked", "shares", "releases"), 0)
    planted = dict.fromkeys(checked, 0)
    listed = leaks = 0
    brute = dict(zip(made, solve(list(made.values())), strict=True))
    for name, pattern in made.items():
        in_whole_numbers = whole_numbers(pattern) if int(name) % 4 == 0 else None
        for key, unknown in pattern.cells.items():
            low, high = brute[name][unknown]
            cell = solved[name, key[:4]]
            if pattern.kind == "releases" and unknown != _newest(pattern, key):
                continue
            # Ends in whole numbers lie within those of the programme.
            assert cell["lower"] >= np.ceil(low - 1e-5) - 1e-6, (name, key)
            assert cell["upper"] <= np.floor(min(high, 1e9) + 1e-5) + 1e-6 or high == np.inf, (name, key)
            if in_whole_numbers and unknown in in_whole_numbers:
                assert cell["lower"] <= in_whole_numbers[unknown][0] + 1e-6, (name, key)
                assert cell["upper"] >= in_whole_numbers[unknown][1] - 1e-6, (name, key)
                listed += 1
            if key in pattern.parts:
                # A part that is known is a leak when it is small, or when all of the row is known.
                row = [
                    brute[name][u] for k, u in pattern.cells.items() if k in pattern.parts and k[1] == key[1]
                ]
                known = all(b - a < 0.5 for a, b in row)
                leak = 0.5 < high < THRESHOLD + 0.5 or known
            else:
                leak = high - low < 0.5 or high < THRESHOLD + 0.5
            if leak:
                assert cell["verdict"] != "safe", (name, key, low, high)
                leaks += 1
            elif cell["lower"] <= np.ceil(low - 1e-5) and cell["upper"] >= min(np.floor(high + 1e-5), 1e9):
                assert cell["verdict"] == "safe", (name, key, low, high)
            checked[pattern.kind] += 1
        for key in pattern.planted:
            assert solved[name, key[:4]]["verdict"] == "exact", (name, key)
            planted[pattern.kind] += 1
    assert min(checked.values()) > 200
    assert min(planted.values()) > 20
    assert sum(checked.values()) > 3000
    assert listed > 100
    assert leaks > 1000


def _newest(pattern: Pattern, key: tuple) -> int:
    """Return the unknown that a cell was last: the auditor names it once."""
    return max((k[4], u) for k, u in pattern.cells.items() if k[:4] == key[:4])[1]
