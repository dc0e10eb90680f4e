"""The auditor on planted leaks, and on the tables that it must refuse."""

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

pytest.importorskip("highspy")

from statloom import cli
from statloom.disclosure import audit as auditing
from statloom.disclosure.audit import audit
from statloom.disclosure.audit.description import DescriptionError


def write(folder: Path, files: dict[str, pd.DataFrame], **description) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(folder / name, index=False)
    content = {
        "threshold": 4,
        "dimensions": {"row": {"total": "_T"}, "column": {"total": "_T"}},
        "tables": [{"file": "cells.csv", "value": "value"}],
        **description,
    }
    (folder / "disclosure.yml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return folder


def with_margins(inner: np.ndarray) -> np.ndarray:
    full = np.vstack([inner, inner.sum(axis=0)])
    return np.hstack([full, full.sum(axis=1, keepdims=True)])


def as_frame(full: np.ndarray, hidden: np.ndarray, **more) -> pd.DataFrame:
    rows, columns = full.shape
    frame = pd.DataFrame(
        [
            ("_T" if r == rows - 1 else f"r{r}", "_T" if c == columns - 1 else f"c{c}", full[r, c])
            for r in range(rows)
            for c in range(columns)
        ],
        columns=["row", "column", "value"],
    )
    frame["value"] = frame["value"].astype(str).mask(hidden.ravel(), "")
    return frame.assign(**more)


BRIDGE = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=bool)


def test_nine_gaps_two_in_every_row_and_column_are_refused(tmp_path, capsys):
    inner = np.array([[3, 21, 9, 14], [17, 2, 4, 30], [25, 11, 19, 3], [8, 40, 2, 22]])
    hidden = np.zeros((5, 5), dtype=bool)
    hidden[:4, :4] = BRIDGE
    assert hidden.sum() == 9
    assert (hidden[:4, :4].sum(axis=0) >= 2).all()
    assert (hidden[:4, :4].sum(axis=1) >= 2).all()
    folder = write(tmp_path, {"cells.csv": as_frame(with_margins(inner), hidden)})
    result = audit(folder)
    assert result.leaks[["row", "column", "verdict", "lower"]].values.tolist() == [["r1", "c2", "exact", 4.0]]
    assert cli.main(["disclosure", "audit", str(folder)]) == 1
    assert "row r1, column c2 is exactly 4" in capsys.readouterr().out


def test_a_safe_table_passes_and_the_command_says_so(tmp_path, capsys):
    hidden = np.zeros((4, 4), dtype=bool)
    hidden[:2, :2] = True
    full = with_margins(np.array([[3, 21, 9], [17, 12, 4], [25, 11, 19]]))
    folder = write(tmp_path, {"cells.csv": as_frame(full, hidden)})
    assert cli.main(["disclosure", "audit", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == 4


def test_an_interval_within_the_threshold_is_no_protection(tmp_path):
    hidden = np.zeros((4, 4), dtype=bool)
    hidden[:2, :2] = True
    full = with_margins(np.array([[1, 3, 9], [2, 1, 40], [25, 11, 19]]))
    result = audit(write(tmp_path, {"cells.csv": as_frame(full, hidden)}), exact=True)
    assert set(result.cells["verdict"]) == {"within threshold"}
    assert result.cells["upper"].max() <= 3
    assert result.cells["lower"].min() == 1


def test_a_share_of_a_published_denominator_tells_the_count(tmp_path):
    counts = pd.DataFrame({"place": ["a", "b"], "persons": ["412", "5000"], "cases": ["", ""]})
    shares = pd.DataFrame({"place": ["a", "b"], "rate": ["0.73", "10"]})
    folder = write(
        tmp_path,
        {"counts.csv": counts, "rates.csv": shares},
        dimensions={"place": {}},
        tables=[{"file": "counts.csv", "value": name} for name in ("persons", "cases")],
        shares=[
            {
                "file": "rates.csv",
                "value": "rate",
                "rounded_to": 0.01,
                "numerator": {"quantity": "cases"},
                "denominator": {"quantity": "persons"},
            }
        ],
    )
    result = audit(folder, exact=True).cells.set_index("place")
    assert result.loc["a", ["verdict", "lower", "upper"]].tolist() == ["exact", 3.0, 3.0]
    folder = write(
        tmp_path / "coarse",
        {"counts.csv": counts, "rates.csv": shares},
        **(
            yaml.safe_load((folder / "disclosure.yml").read_text())
            | {
                "shares": [
                    {
                        "file": "rates.csv",
                        "value": "rate",
                        "rounded_to": 2,
                        "numerator": {"quantity": "cases"},
                        "denominator": {"quantity": "persons"},
                    }
                ]
            }
        ),
    )
    coarse = audit(folder, exact=True).cells.set_index("place")
    assert coarse.loc["b", ["verdict", "lower", "upper"]].tolist() == ["safe", 450.0, 550.0]


def two_releases(tmp_path: Path, first: np.ndarray, second: np.ndarray, gaps: list[np.ndarray]) -> Path:
    return write(
        tmp_path,
        {"1/cells.csv": as_frame(first, gaps[0]), "2/cells.csv": as_frame(second, gaps[1])},
        releases=["1", "2"],
    )


def squares() -> list[np.ndarray]:
    one, other = np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    one[:2, :2] = True
    other[0, 0] = other[0, 2] = other[2, 0] = other[2, 2] = True
    return [one, other]


def test_two_releases_each_safe_alone_leak_side_by_side(tmp_path):
    full = with_margins(np.array([[3, 21, 9], [17, 12, 4], [25, 11, 19]]))
    for number, gap in enumerate(squares()):
        assert audit(write(tmp_path / f"alone{number}", {"cells.csv": as_frame(full, gap)})).passed
    together = audit(two_releases(tmp_path / "both", full, full, squares()))
    assert set(together.cells["verdict"]) == {"exact"}
    same = audit(two_releases(tmp_path / "same", full, full, [squares()[0]] * 2))
    assert same.passed


def test_revised_figures_are_not_taken_for_the_same(tmp_path):
    first = with_margins(np.array([[3, 21, 9], [17, 12, 4], [25, 11, 19]]))
    second = with_margins(np.array([[6, 21, 9], [17, 12, 4], [25, 11, 19]]))
    result = audit(two_releases(tmp_path, first, second, [squares()[0]] * 2))
    assert result.passed
    assert result.revised > 4  # the three margins with new figures, and gaps that cannot be the same


def test_a_boundary_change_links_old_and_new_places(tmp_path):
    old = pd.DataFrame({"place": ["A", "B", "_T"], "value": ["7", "", ""]})
    new = pd.DataFrame({"place": ["A1", "A2", "C", "_T"], "value": ["", "", "30", ""]})
    split = pd.DataFrame({"old": ["A", "A"], "new": ["A1", "A2"]})
    parts = {
        "1/sums.csv": pd.DataFrame({"sum": ["_T", "_T"], "part": ["A", "B"]}),
        "2/sums.csv": pd.DataFrame({"sum": ["_T"] * 3, "part": ["A1", "A2", "C"]}),
    }
    base = {
        "releases": ["1", "2"],
        "threshold": 7,
        "dimensions": {"place": {"sums": [{"file": "sums.csv", "sum": "sum", "part": "part"}]}},
    }
    files = {"1/cells.csv": old, "2/cells.csv": new, **parts}
    assert audit(write(tmp_path / "apart", files, **base)).passed
    base["dimensions"]["place"]["sums"].append({"file": "split.csv", "sum": "old", "part": "new"})
    result = audit(write(tmp_path / "linked", {**files, "split.csv": split}, **base), exact=True)
    cells = result.cells.set_index("place")
    assert cells.loc["_T", ["verdict", "lower"]].tolist() == ["exact", 37.0]
    assert cells.loc["A1", ["verdict", "lower", "upper"]].tolist() == ["within threshold", 1.0, 6.0]


def test_a_combination_without_a_row_is_unknown_unless_declared_zero(tmp_path):
    frame = pd.DataFrame({"row": ["a", "b", "_T"], "column": "_T", "value": ["", "9", "40"]})
    frame = pd.concat([frame, pd.DataFrame({"row": ["a", "a"], "column": ["x", "y"], "value": ["", "11"]})])
    other = pd.DataFrame({"row": ["c"], "column": ["x"], "value": ["5"]})
    folder = write(tmp_path, {"cells.csv": pd.concat([frame, other])})
    unknown = audit(folder, exact=True).cells.set_index(["row", "column"])
    assert unknown.loc[("a", "_T"), "verdict"] == "safe"
    folder = write(tmp_path, {"cells.csv": frame})
    assert audit(folder, exact=True).cells.set_index(["row", "column"]).loc[("a", "x"), "lower"] == 20


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"threshold": -1}, "threshold"),
        ({"tables": []}, "tables"),
        ({"tables": [{"file": "none.csv", "value": "value"}]}, "no such file"),
        ({"tables": [{"file": "cells.csv", "value": "amount"}]}, "no column amount"),
        ({"dimensions": {"row": {"total": "_T"}, "colour": {}}}, "no column colour"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_with_the_field(tmp_path, change, said):
    full = with_margins(np.ones((2, 2), dtype=int))
    folder = write(tmp_path, {"cells.csv": as_frame(full, np.zeros((3, 3), dtype=bool))}, **change)
    with pytest.raises(DescriptionError, match=said):
        audit(folder)


def test_an_unreadable_figure_is_named_by_row(tmp_path):
    frame = as_frame(with_margins(np.ones((2, 2), dtype=int)), np.zeros((3, 3), dtype=bool))
    frame.loc[4, "value"] = "n.a."
    with pytest.raises(DescriptionError, match=r"row 6, column value: 'n\.a\.'"):
        audit(write(tmp_path, {"cells.csv": frame}))
    folder = write(tmp_path, {"cells.csv": frame}, suppressed={"markers": ["n.a."]})
    assert len(audit(folder).cells) == 1


def test_shares_no_code_with_the_protector():
    for path in Path(auditing.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("statloom"):
                assert node.module.startswith(("statloom.disclosure.audit", "statloom.errors"))


def test_a_chain_of_twenty_releases_with_revisions_and_one_careless_one(tmp_path):
    random = np.random.default_rng(3)
    inner = random.integers(5, 60, (5, 5))
    inner[0, 0] = 3
    gap = np.zeros((6, 6), dtype=bool)
    gap[:2, :2] = True
    files = {}
    for number in range(20):
        if number % 6 == 5:
            inner = inner.copy()
            inner[3, random.integers(2, 5)] += 2
        files[f"{number}/cells.csv"] = as_frame(with_margins(inner), gap)
    releases = [str(number) for number in range(20)]
    result = audit(write(tmp_path / "good", files, releases=releases))
    assert result.passed
    assert result.revised > 0
    careless = gap.copy()
    careless[1, 1] = False
    files["12/cells.csv"] = as_frame(with_margins(inner), careless)
    leaks = audit(write(tmp_path / "bad", files, releases=releases)).leaks
    assert set(zip(leaks["row"], leaks["column"], strict=True)) >= {("r0", "c0"), ("r0", "c1"), ("r1", "c0")}
    assert set(leaks["verdict"]) == {"exact"}


def released(tmp_path: Path, frame: pd.DataFrame, **more) -> Path:
    """A folder of which nothing is declared but where codes and totals stand, as of our own releases."""
    return write(
        tmp_path,
        {"cells.csv": frame},
        **{
            "dimensions": {
                "place": {"sums": [{"file": "places.csv", "sum": "up", "part": "place"}]},
                "age": {"total": "_T"},
            },
            "sums": "checked",
            "same": "checked",
            "integers": "checked",
        }
        | more,
    )


def ages(codes: dict[str, list[int]], hidden: list[tuple[int, str]]) -> pd.DataFrame:
    """One row per place and age; places stand apart."""
    rows = [
        (f"p{place}", age, "" if (place, age) in hidden else str(count))
        for age, counts in codes.items()
        for place, count in enumerate(counts)
    ]
    return pd.DataFrame(rows, columns=["place", "age", "value"])


def test_code_lists_within_each_other_are_found_from_the_figures(tmp_path):
    random = np.random.default_rng(5)
    young = random.integers(5, 40, (3, 12))
    old = random.integers(5, 40, 12)
    codes = {
        "Y0T4": young[0], "Y5T9": young[1], "Y10T14": young[2],
        "Y0T14": young.sum(axis=0), "Y_GE15": old, "_T": young.sum(axis=0) + old,
    }  # fmt: skip
    places = pd.DataFrame({"up": [], "place": []})
    told = ages(codes, [(0, "Y5T9")])
    folder = released(tmp_path, told)
    places.to_csv(folder / "places.csv", index=False)
    found = audit(folder).cells
    assert found[["place", "age", "verdict", "lower"]].values.tolist() == [
        ["p0", "Y5T9", "exact", float(codes["Y5T9"][0])]
    ]


def test_several_answers_are_not_taken_for_parts_of_a_total(tmp_path):
    random = np.random.default_rng(6)
    total = random.integers(50, 90, 12)
    codes = {"RADIO": random.integers(20, 45, 12), "PHONE": random.integers(20, 45, 12), "_T": total}
    folder = released(tmp_path, ages(codes, [(0, "RADIO")]))
    pd.DataFrame({"up": [], "place": []}).to_csv(folder / "places.csv", index=False)
    result = audit(folder)
    assert result.passed
    assert result.cells["verdict"].tolist() == ["safe"]


def test_one_wrong_figure_does_not_switch_the_auditor_off(tmp_path):
    random = np.random.default_rng(7)
    parts = random.integers(5, 40, (2, 30))
    codes = {"A": parts[0], "B": parts[1], "_T": parts.sum(axis=0)}
    codes["_T"][29] += 1
    folder = released(tmp_path, ages(codes, [(0, "A")]))
    pd.DataFrame({"up": [], "place": []}).to_csv(folder / "places.csv", index=False)
    assert audit(folder).cells["verdict"].tolist() == ["exact"]


def test_cells_without_a_row_are_empty_where_sums_hold_without_them(tmp_path):
    random = np.random.default_rng(8)
    parts = random.integers(5, 40, (3, 12))
    parts[2, ::2] = 0
    codes = {"A": parts[0], "B": parts[1], "C": parts[2], "_T": parts.sum(axis=0)}
    frame = ages(codes, [(0, "A")])
    folder = released(tmp_path, frame[frame["value"] != "0"])
    pd.DataFrame({"up": [], "place": []}).to_csv(folder / "places.csv", index=False)
    # C of p0 has no row: whoever sees that such cells are zero knows A.
    assert audit(folder).cells[["verdict", "lower"]].values.tolist() == [["exact", float(parts[0, 0])]]


def share_rows(numerators: list[int], denominators: list[int], hidden: list[int], **more) -> pd.DataFrame:
    """Shares with their counts, of places that stand apart."""
    frame = pd.DataFrame({"place": [f"p{n}" for n in range(len(numerators))], "age": "_T"})
    shown = [n not in hidden for n in range(len(numerators))]
    frame["rate"] = [
        f"{100 * a / b:.2f}" if s else "" for a, b, s in zip(numerators, denominators, shown, strict=True)
    ]
    frame["part"] = [str(a) if s else "" for a, s in zip(numerators, shown, strict=True)]
    frame["whole"] = [str(b) if s else "" for b, s in zip(denominators, shown, strict=True)]
    return frame.assign(**more)


SHARES = {
    "file": "cells.csv",
    "value": "rate",
    "numerator": "part",
    "denominator": "whole",
    "quantity": "rate",
}


def test_a_denominator_that_another_table_shows_is_known_and_told_by_its_figures(tmp_path):
    numerators, denominators = [3, 30, 21, 17, 40, 9, 12], [50, 80, 70, 33, 90, 41, 25]
    frame = share_rows(numerators, denominators, hidden=[0, 1])
    counts = pd.DataFrame({"place": frame["place"], "age": "_T", "persons": [str(d) for d in denominators]})
    folder = released(tmp_path, frame, tables=[SHARES, {"file": "persons.csv", "value": "persons"}])
    counts.to_csv(folder / "persons.csv", index=False)
    pd.DataFrame({"up": ["p6"], "place": ["none"]}).to_csv(folder / "places.csv", index=False)
    cells = audit(folder, exact=True).cells.set_index(["group", "place"])
    # The denominator is public, and no leak; the numerator lies between none and all.
    assert cells.loc[("rate (denominator)|", "p0"), ["verdict", "lower"]].tolist() == ["safe", 50.0]
    assert cells.loc[("rate (numerator)|", "p0"), ["verdict", "lower", "upper"]].tolist() == [
        "safe",
        0.0,
        50.0,
    ]


def test_shares_without_counts_tell_them_where_the_denominator_is_public(tmp_path):
    numerators, denominators = [3, 30, 21, 17, 40, 9, 12], [412, 80, 70, 33, 90, 41, 25]
    frame = share_rows(numerators, denominators, hidden=[])
    frame.loc[0, ["part", "whole"]] = ""
    folder = released(
        tmp_path, frame, threshold=4, tables=[SHARES, {"file": "persons.csv", "value": "persons"}]
    )
    counts = pd.DataFrame({"place": frame["place"], "age": "_T", "persons": [str(d) for d in denominators]})
    counts.to_csv(folder / "persons.csv", index=False)
    pd.DataFrame({"up": [], "place": []}).to_csv(folder / "places.csv", index=False)
    leaks = audit(folder).leaks
    assert leaks[["group", "place", "verdict", "lower"]].values.tolist() == [
        ["rate (numerator)|", "p0", "exact", 3.0]
    ]


def test_what_a_left_out_row_shows_all_the_same_is_a_leak(tmp_path):
    frame = share_rows([3, 30, 21], [50, 80, 70], hidden=[0], status=["Q", "A", "A"], n=["", "20", "70"])
    frame.loc[0, "part"] = "3"
    folder = released(
        tmp_path,
        frame,
        suppressed={"column": "status", "values": ["Q"]},
        tables=[SHARES | {"empty": ["rate", "part", "whole"], "respondents": {"column": "n", "minimum": 25}}],
    )
    pd.DataFrame({"up": [], "place": []}).to_csv(folder / "places.csv", index=False)
    leaks = audit(folder).leaks
    assert set(zip(leaks["place"], leaks["verdict"], strict=True)) >= {("p0", "shown"), ("p1", "shown")}


def test_small_figures_are_judged_in_the_newest_release(tmp_path):
    old = pd.DataFrame({"place": ["a", "b"], "age": "_T", "value": ["3", "40"]})
    new = pd.DataFrame({"place": ["a", "b"], "age": "_T", "value": ["7", "40"]})
    more = {"releases": ["1", "2"], "small": "refused", "dimensions": {"place": {}, "age": {"total": "_T"}}}
    folder = write(tmp_path / "mended", {"1/cells.csv": old, "2/cells.csv": new}, **more)
    assert audit(folder).passed
    folder = write(tmp_path / "again", {"1/cells.csv": new, "2/cells.csv": old}, **more)
    assert audit(folder).leaks[["place", "verdict", "lower"]].values.tolist() == [["a", "shown", 3.0]]
