"""Drawings of the pages: charts in SVG, and the boundaries that their maps are drawn from."""

import json
from dataclasses import dataclass
from html import escape

import numpy as np
import shapely

from statloom.exports.figures import Figures
from statloom.exports.shapes import Shapes

_SHEET = 1000  # units across a map
_WIDTH, _LEFT = 720, 170
_CLASSES = 5


@dataclass(frozen=True)
class Drawn:
    """The boundaries as a script of the pages, and the places of each level in its order."""

    script: str
    ids: dict[str, list[str]]


def boundaries(figures: Figures, shapes: Shapes) -> Drawn | None:
    """Return the outlines of today's places on a sheet of ``_SHEET`` units across (equirectangular, true to
    scale at the middle latitude), level by level; None when there are none.
    """
    kept = {
        level: [
            place
            for place in figures.places.values()
            if place.level == level and place.depth and place.place_id in shapes.by_place
        ]
        for level in figures.levels
    }
    kept = {level: places for level, places in kept.items() if len(places) > 1}
    if not kept:
        return None
    low_x, low_y, high_x, high_y = shapely.total_bounds(list(shapes.by_place.values()))
    squeeze = np.cos(np.radians((low_y + high_y) / 2))
    scale = _SHEET / max((high_x - low_x) * squeeze, 1e-9)

    def outline(polygon: shapely.Geometry) -> str:
        drawn = []
        for part in shapely.get_parts(polygon):
            for ring in (part.exterior, *part.interiors):
                points = shapely.get_coordinates(ring)
                sheet = np.rint((points - [low_x, high_y]) * [scale * squeeze, -scale]).astype(int)
                steps = np.diff(sheet, axis=0)
                steps = steps[(steps != 0).any(axis=1)]
                if len(steps) > 2:
                    moves = " ".join(map(str, steps[:-1].ravel().tolist()))
                    drawn.append(f"M{sheet[0, 0]} {sheet[0, 1]}l{moves}z")
        return "".join(drawn)

    levels = {
        level: {
            "ids": [place.place_id for place in places],
            "names": {
                "en": [place.name.en for place in places],
                "ne": [place.name.in_("ne") for place in places],
            },
            "paths": [outline(shapes.by_place[place.place_id]) for place in places],
        }
        for level, places in kept.items()
    }
    sheet = {"width": _SHEET, "height": int(np.ceil((high_y - low_y) * scale)), "levels": levels}
    text = json.dumps(sheet, ensure_ascii=False, separators=(",", ":"))
    return Drawn(
        f"window.BOUNDARIES = {text};\n",
        {level: [place.place_id for place in places] for level, places in kept.items()},
    )


def classes(values: list[float]) -> list[float]:
    """Return the upper limits of all classes but the last: about as many places in each."""
    parts = np.quantile(values, np.arange(1, _CLASSES) / _CLASSES)
    top = max(values)
    return sorted({float(f"{limit:.4g}") for limit in parts if limit < top})


def chart(
    figures: Figures, totals: list[dict], latest: list[dict], unit: str, language: str
) -> tuple[str, str]:
    """Return a chart in SVG and its caption: of the nation over time when it has several periods, else of the
    places' last figures. ``totals``: figures that nothing divides; ``latest``: the last of each place.
    """
    nation = sorted(
        (row for row in totals if row["place_id"] == figures.nation and row["value"] is not None),
        key=lambda row: row["period"],
    )
    if len({row["period"] for row in nation}) > 2:
        name = figures.places[figures.nation].name.in_(language)
        return _line(nation, f"{name}, {unit}"), f"{name}, {unit}"
    bars = [row for row in latest if row["value"] is not None]
    if not bars:
        return "", ""
    named = [(figures.places[row["place_id"]].name.in_(language), row) for row in bars]
    spans = sorted({row["period"] for row in bars})
    caption = f"{spans[0] if len(spans) == 1 else f'{spans[0]}–{spans[-1]}'}, {unit}"
    return _bars(named, caption), caption


def _ticks(low: float, high: float) -> list[float]:
    """Return four to seven round numbers from at most ``low`` to at least ``high``."""
    span = max(high - low, abs(high) * 1e-6, 1e-9)
    step = 10 ** np.floor(np.log10(span / 4))
    step = next(step * k for k in (1, 2, 5, 10) if span / (step * k) <= 6)
    return [
        float(f"{n * step:.10g}") for n in range(int(np.floor(low / step)), int(np.ceil(high / step)) + 1)
    ]


def _label(value: float) -> str:
    return f"{value:,.10g}"


def _bars(named: list[tuple[str, dict]], caption: str) -> str:
    highs = [max(row["value"], row["ci_high"] or row["value"]) for _, row in named]
    ticks = _ticks(min(0.0, *(row["value"] for _, row in named)) if named else 0.0, max(0.0, *highs))
    first, last = ticks[0], ticks[-1]
    span = (last - first) or 1.0

    def at(value: float) -> float:
        return round(_LEFT + (value - first) / span * (_WIDTH - _LEFT - 60), 1)

    height = 26 * len(named) + 30
    parts = [
        f'<line class="grid" x1="{at(t)}" y1="0" x2="{at(t)}" y2="{height - 24}"/>'
        f'<text x="{at(t)}" y="{height - 6}" text-anchor="middle">{_label(t)}</text>'
        for t in ticks
    ]
    for number, (name, row) in enumerate(named):
        top, value = 26 * number, row["value"]
        left, right = sorted((at(0.0), at(value)))
        parts.append(
            f'<text x="{_LEFT - 8}" y="{top + 17}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="{left}" y="{top + 4}" width="{round(right - left, 1)}" height="17">'
            f"<title>{escape(name)}: {value:,.6g}</title></rect>"
        )
        if row["ci_low"] is not None and row["ci_high"] is not None:
            parts.append(
                f'<line class="error" x1="{at(row["ci_low"])}" y1="{top + 12.5}" x2="{at(row["ci_high"])}" '
                f'y2="{top + 12.5}"/>'
            )
    return _svg(height, caption, parts)


def _line(rows: list[dict], caption: str) -> str:
    height, bottom = 320, 286
    ticks = _ticks(min(0.0, *(row["value"] for row in rows)), max(row["value"] for row in rows))
    first, span = ticks[0], (ticks[-1] - ticks[0]) or 1.0
    periods = [row["period"] for row in rows]
    places = [float(period[:4]) for period in periods] if all(p[:4].isdigit() for p in periods) else None
    if places is None or len(set(places)) < len(places):
        places = [float(number) for number in range(len(rows))]
    begin, length = places[0], (places[-1] - places[0]) or 1.0

    def x(place: float) -> float:
        return round(80 + (place - begin) / length * (_WIDTH - 110), 1)

    def y(value: float) -> float:
        return round(bottom - (value - first) / span * (bottom - 14), 1)

    parts = [
        f'<line class="grid" x1="80" y1="{y(t)}" x2="{_WIDTH - 30}" y2="{y(t)}"/>'
        f'<text x="72" y="{y(t) + 4}" text-anchor="end">{_label(t)}</text>'
        for t in ticks
    ]
    every = max(1, -(-len(rows) // 8))
    points = list(zip(places, rows, strict=True))
    parts += [
        f'<text x="{x(place)}" y="{height - 10}" text-anchor="middle">{escape(row["period"])}</text>'
        for place, row in points[::every]
    ]
    line = " ".join(f"{x(place)},{y(row['value'])}" for place, row in points)
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts += [
        f'<circle class="dot" cx="{x(place)}" cy="{y(row["value"])}" r="3"><title>{escape(row["period"])}: '
        f"{row['value']:,.6g}</title></circle>"
        for place, row in points
    ]
    return _svg(height, caption, parts)


def _svg(height: int, caption: str, parts: list[str]) -> str:
    head = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(caption)}">'
    return head + "".join(parts) + "</svg>"
