"""How the report's templates say things: filters and word lists, in one language."""

# ruff: noqa: S704  (what is not escaped is escaped piece by piece)

import functools
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from statloom.quality.report import charts, judged
from statloom.quality.report.attention import SENTENCES
from statloom.quality.report.changes import by_format
from statloom.quality.report.places import METHODS, SHOWN, of_source
from statloom.quality.report.reading import Rows
from statloom.quality.report.shading import ERROR_CLASSES, MADE
from statloom.quality.report.words import Words, name_of

PAGES = {
    "index": "Overview",
    "gates": "Gates",
    "held_back": "Held back",
    "data_gaps": "Data gaps",
    "publications": "Publications",
    "release": "Release",
    "reliability": "Reliability",
    "places": "Places",
    "registry": "Registry",
    "backup": "Backup",
}
"""The pages of the navigation, with their names."""

# Of sources and gates, and of single expectations and dimensions.
STATES = {
    "bad": "held back",
    "part": "held back in part",
    "warn": "warnings",
    "good": "good",
    "none": "no data",
}
RESULTS = {"bad": "failed", "warn": "warned", "good": "met", "none": "nothing judged"}
ORDER = {"bad": 0, "part": 1, "warn": 2, "good": 3, "none": 4}
PUBLIC_USE = "public_use_"  # before the source: what judgements of a public-use file are about
WHOLE = {
    "marts": "all marts",
    "release": "the release",
    "release.files": "the release's files",
    "backup": "backups",
}
STAGES = {
    "read": "reading",
    "defect": "known defect",
    "place": "place",
    "map": "mapping",
    "crosswalk": "crosswalk",
}
LOOKS = {
    "new": "a new delivery",
    "unchanged": "nothing new",
    "failed": "could not be fetched",
    "never": "never looked at",
}
FILES = 600  # of a release
COLLISIONS = 120  # rows of colliding codes on a source's page
_TEMPLATES = Path(__file__).parent / "templates"


def environment(words: Words, report: dict[str, Any]) -> jinja2.Environment:
    """Return the templates, with everything said in the language of ``words``."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    other = next(one for one in ("ne", "en") if one != words.language)
    made.globals.update(
        _=words.text,
        LANGUAGE=words.language,
        OTHER=other,
        PAGES=PAGES,
        STATES=STATES,
        RESULTS=RESULTS,
        ORDER=ORDER,
        WHOLE=WHOLE,
        STAGES=STAGES,
        LOOKS=LOOKS,
        DIMENSIONS=judged.DIMENSIONS,
        SENTENCES=SENTENCES,
        METHODS=METHODS,
        MADE=MADE,
        ERROR_CLASSES=ERROR_CLASSES,
        SHOWN=SHOWN,
        COLLISIONS=COLLISIONS,
        FILES=FILES,
        report=report,
    )
    made.filters.update(_numbers(words) | _names(words, report) | _lists(words, report) | _charts(words))
    return made


def _numbers(words: Words) -> dict[str, Callable]:
    return {
        "number": words.number,
        "share": words.share,
        "relative": words.relative,
        "signed": words.signed,
        "moment": words.moment,
        "day": words.day,
        "size": words.size,
        "digits": words.digits,
        "count_or_none": lambda value: words.number(value) if value else words.text("none yet"),
    }


def _names(words: Words, report: dict[str, Any]) -> dict[str, Callable]:
    sources = {source["source_id"]: source for source in report["sources"]}
    series, goals, places = report["series"], report["goals"], report["place_names"]

    def source_title(source: dict[str, Any]) -> Markup:
        return words.either(source["title"], source["title_ne"])

    def subject(name: str | None) -> Markup:
        """Say what something is about: a source by its title, or a whole."""
        if name in WHOLE:
            return escape(words.text(WHOLE[name]))
        if name is None:
            return escape(words.text("the whole"))
        if name.startswith(PUBLIC_USE) and (of := name.removeprefix(PUBLIC_USE)) in sources:
            return Markup("{}: {}").format(words.text("public-use file"), source_title(sources[of]))
        return source_title(sources[name]) if name in sources else name_of(name)

    def series_title(code: str | None) -> Markup:
        known = series.get(code)
        return words.either(known["title"], known["title_ne"]) if known else name_of(code or "–")

    def place_name(place_id: str | None) -> Markup:
        known = places.get(place_id)
        return (
            words.either(known["place_name"], known["place_name_ne"]) if known else name_of(place_id or "–")
        )

    def goal_title(code: str) -> Markup:
        known = goals.get(code)
        return words.either(known["title"], known["title_ne"]) if known else Markup("")

    def choice(value: str, known: dict[str, Any] | None, before: str = "") -> tuple[str, str, str]:
        """Return a choice: its value, what is said of it, and the language of that."""
        nepali = known["title_ne"] if known and words.language == "ne" else None
        title = nepali or (known["title"] if known else value)
        return value, f"{before}{title}", words.language if nepali else "en"

    def goal_choices(codes: Iterable[str]) -> list[tuple[str, str, str]]:
        return [choice(code, goals.get(code), f"{words.digits(code)} ") for code in codes]

    def sources_named(names: Iterable[str]) -> list[tuple[str, str, str]]:
        return [choice(name, sources.get(name)) for name in names]

    return {
        "source_title": source_title,
        "source_title_of": lambda name: subject(name),
        "subject": subject,
        "series_title": series_title,
        "place_name": place_name,
        "goal_choices": goal_choices,
        "goal_title": goal_title,
        "sources_named": sources_named,
        "sources_of": lambda rows: sources_named(row["source_id"] for row in rows),
        "described": words.described,
        "english": words.english,
    }


def _lists(words: Words, report: dict[str, Any]) -> dict[str, Callable]:
    def translated(codes: dict[str, str] | Iterable[str]) -> list[tuple[str, str, str]]:
        pairs = codes.items() if isinstance(codes, dict) else [(code, code) for code in codes]
        return [(code, words.text(said), words.language) for code, said in pairs]

    return {
        "translated": translated,
        "of_source": of_source,
        "by_format": by_format,
        "worst_first": lambda rows: sorted(rows, key=lambda row: ORDER[row["state"]]),
        "largest": lambda rows: sorted(rows, key=lambda row: -abs(row["difference"]))[:120],
        # A level, or a change from one level to another: "vdc → local_unit".
        "levels": lambda text: " → ".join(words.text(level) for level in text.split(" → ")) if text else "–",
        "gate_state": judged.state,
        "runs": _runs,
        "grouped": _grouped,
        "finding": _finding,
        "as_rows": lambda rows: [row if isinstance(row, dict) else {"": row} for row in rows],
        "first_line": lambda text: str(text).splitlines()[0] if text else "",
        "tojson_plain": lambda value: json.dumps(value, ensure_ascii=False, default=str),
    }


def _runs(cells: list[int | None]) -> Iterator[tuple[int | None, int]]:
    """Yield each cell with the number of columns that it takes: neighbouring gaps are one cell."""
    for is_gap, run in groupby(cells, key=lambda cell: cell is None):
        if is_gap:
            yield None, len(list(run))
        else:
            yield from ((cell, 1) for cell in run)


def _finding(result: dict[str, Any]) -> str:
    """Return what was found, without what stands beside it: table, description and examples."""
    message = (result["message"] or "").removeprefix(f"{result['table_name']}: {result['description']}: ")
    return message.partition("; for example ")[0] if result["examples"] else message


def _grouped(rows: Rows) -> Rows:
    """Return what needs somebody, the warnings of one kind and owner as one row; its ``rows`` has them.

    What is severe stays one by one.
    """
    shown, groups = [], {}
    for row in rows:
        key = (row["kind"], row["owner"])
        if row["state"] == "bad" or row["kind"] == "too_old":
            shown.append(row | {"rows": [row]})
        elif key in groups:
            group = groups[key]
            group["rows"].append(row)
            group["numbers"] = {
                name: group["numbers"][name] + number for name, number in row["numbers"].items()
            }
            group["since"] = min(filter(None, (group["since"], row["since"])), default=None)
        else:
            groups[key] = row | {"rows": [row]}
            shown.append(groups[key])
    return shown


def _charts(words: Words) -> dict[str, Callable]:
    def strip(outcomes: str) -> Markup:
        """Draw judgements, and say them: how many of each, and the last one."""
        told = [(letter, outcomes.count(letter)) for letter in "gwpb"]
        names = {"g": "met", "w": "warned", "p": "held back in part", "b": "failed"}
        said = ", ".join(
            f"{words.text(names[letter])} {words.number(count)}" for letter, count in told if count
        )
        last = names.get(outcomes[-1:], "nothing judged")
        return charts.strip(
            outcomes, words.text("{counts}; last: {last}", counts=said or "–", last=words.text(last))
        )

    def bar(parts: list[tuple[str, float]], label: str) -> Markup:
        return charts.bar(parts, label)

    def band_bar(row: dict[str, Any], bands: list[str]) -> Markup:
        parts = [(f"band-{at}", row["bands"].get(band, 0)) for at, band in enumerate(bands)]
        said = ", ".join(
            f"{words.text(band)} {words.share(row['bands'].get(band, 0), row['figures'])}" for band in bands
        )
        return charts.bar(parts, said)

    def made_bar(counts: dict[str, Any]) -> Markup:
        whole = sum(counts[one] for one in MADE)
        said = ", ".join(
            f"{words.text(one.replace('_', ' '))} {words.share(counts[one], whole)}" for one in MADE
        )
        return charts.bar([(one, counts[one]) for one in MADE], said)

    return {
        "strip": strip,
        "bar": bar,
        "band_bar": band_bar,
        "made_bar": made_bar,
        "unit_rows": lambda made: _unit_rows(words, made),
        "charts": lambda runs: trend_charts(words, runs),
    }


_UNIT_WORDS = {"none": "no figure"} | {one: one.replace("_", " ") for one in MADE}


def _unit_rows(words: Words, made: dict[str, Any]) -> Markup:
    """Return the rows of the map's table. Made here, since there are hundreds on every page."""
    said = {method: words.text(text) for method, text in _UNIT_WORDS.items()}
    number, relative = functools.cache(words.number), functools.cache(words.relative)
    quoted = functools.cache(escape)
    lines = []
    for row in made["rows"]:
        cells = "".join(f"<td>{number(row[one])}" for one in MADE)
        if made["has_errors"]:
            error = "" if row["error"] is None else f"{row['error']:.6g}"
            cells += f'<td>{relative(row["split"])}<td data-value="{error}">{relative(row["error"])}'
        lines.append(
            f'<tr data-place="{quoted(row["place_id"])}" data-method="{row["method"]}"'
            f' data-error="{row["error_class"]}"><th scope="row">{quoted(row["name"])}'
            f"<td>{quoted(row['above'])}<td>{said[row['method']]}{cells}"
        )
    return Markup("\n".join(lines))


# Title, and the parts of each column: class, name, column of `trend.trend`.
_TREND = (
    (
        "Expectations not met",
        (("bad", "failed", "failed"), ("warn", "warned", "warned")),
    ),
    ("Gates failed", (("bad", "failed", "gates_failed"),)),
    ("Parts held back", (("bad", "held back", "held_back"),)),
    ("Rows quarantined", (("rows", "rows", "quarantined"),)),
)


def trend_charts(words: Words, runs: Rows) -> list[dict[str, Any]]:
    """Return the charts of the last runs: title, drawn, ``highest``, ``last`` (value) and ``classes``."""
    missing = judged.REMEMBERED - len(runs)
    found = []
    for title, parts in _TREND:
        stacks: list[list[float | None]] = [[None] * len(parts)] * missing
        titles = [""] * missing
        for run in runs:
            stacks.append([run[column] for _, _, column in parts])
            said = ", ".join(f"{words.text(name)} {words.number(run[column])}" for _, name, column in parts)
            titles.append(f"{words.moment(run['at'])}: {said}")
        totals = [sum(part or 0 for part in stack) for stack in stacks[missing:]]
        highest, last = max(totals, default=0), totals[-1] if totals else None
        label = words.text(
            "{title}, last 30 runs: highest {highest}, last {last}",
            title=words.text(title),
            highest=highest,
            last=last if last is not None else "–",
        )
        found.append(
            {
                "title": title,
                "classes": [(name, label_) for name, label_, _ in parts],
                "drawn": charts.columns(stacks, [name for name, _, _ in parts], label, titles),
                "highest": words.number(highest),
                "last": words.number(last),
            }
        )
    return found
