"""A trace as text for a person."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

_SHOWN = 12
_WIDTH = 110


def text(trace: dict[str, Any]) -> str:
    """Return ``trace`` (of `statloom.lineage.trace`) as lines of text, from the value back to the file."""
    return "\n".join(
        line[:_WIDTH].rstrip() if len(line) > 4 * _WIDTH else line.rstrip() for line in _lines(trace)
    )


def _lines(trace: dict[str, Any]) -> Iterable[str]:
    figure, series = trace["figure"], trace["series"] or {}
    yield f"{figure['series_code']}  {series.get('title') or ''}  (indicator {figure['indicator_code']})"
    yield _line("place", f"{figure['place_id']}  {figure['place_name']}, {figure['place_level']}")
    yield _line("period", _period(figure))
    if categories := _categories(figure):
        yield _line("breakdown", categories)
    yield _line("value", _value(figure, series))
    yield from _held_back(trace)
    yield from _publication(trace)
    yield from _gates(trace)
    yield from _made(trace)
    yield from _references(trace)
    yield from _mapping(trace)
    yield from _delivery(trace)
    yield from _rows(trace)
    for note in trace["notes"]:
        yield _line("note", note)
    if trace["last_good"]:
        good = trace["last_good"]["publication"]["publication_id"]
        yield ""
        yield f"last good value of this figure, publication {good}:"
        yield from _lines(trace["last_good"])


def _line(name: str, said: str) -> str:
    return f"  {name:<12}{said}"


def _period(figure: dict[str, Any]) -> str:
    label = figure.get("time_detail")
    return f"{figure['period']} ({label})" if label and label != figure["period"] else figure["period"]


def _categories(figure: dict[str, Any]) -> str:
    usual = ("sex", "age", "urbanisation", "income_wealth_quantile", "education_lev", "occupation")
    more = ("cust_breakdown", "composite_breakdown", "disability_status", "activity", "product")
    return ", ".join(
        f"{name} {figure[name]}" for name in (*usual, *more) if figure.get(name) not in (None, "_T")
    )


def _number(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Decimal | float):
        shown = f"{value:,.6f}".rstrip("0").rstrip(".") if "." in f"{value:,.6f}" else f"{value:,}"
        return shown
    return f"{value:,}" if isinstance(value, int) else str(value)


def _value(figure: dict[str, Any], series: dict[str, Any]) -> str:
    said = f"{_number(figure['value'])} {figure['unit']}"
    if figure.get("denominator") is not None:
        said += (
            f" = {_number(series.get('multiplier', 1))} × {_number(figure['numerator'])} / "
            f"{_number(figure['denominator'])}"
        )
    said += f"; status {figure['obs_status']}, {figure['geo_method']}"
    if figure.get("gate_status"):
        said += f"; {figure['gate_status']}"
    if figure.get("se") is not None:
        said += f", standard error {_number(figure['se'])}"
    return said + (f"; {figure['comment']}" if figure.get("comment") else "")


def _held_back(trace: dict[str, Any]) -> Iterable[str]:
    for why in trace["held_back"]:
        if "expectation" not in why:
            yield _line("held back", why["reason"])
            continue
        rows = f"; {why['rows']:,} rows at fault in this part" if why["rows"] is not None else ""
        yield _line(
            "held back",
            f"by the {why['gate']} gate since {why['since']:%Y-%m-%d %H:%M} (delivery {why['delivery_id']}): "
            f"{why['expectation']}: {why['reason']}{rows}; owner {why['owner'] or 'none'}",
        )


def _publication(trace: dict[str, Any]) -> Iterable[str]:
    read = trace["publication"]
    since = read["since"]
    said = f"{read['publication_id']} of {read['published_at']:%Y-%m-%d %H:%M}, code {read['code_version']}"
    if since["publication_id"] != read["publication_id"]:
        said += f"; so since publication {since['publication_id']} of {since['published_at']:%Y-%m-%d %H:%M}"
    yield _line("publication", f"{said}; in marts.{trace['mart']}")
    for release in trace["releases"]:
        yield _line("release", f"{release['release_id']} of {release['released_at']:%Y-%m-%d %H:%M}")


def _gates(trace: dict[str, Any]) -> Iterable[str]:
    for gate in reversed(trace["gates"]):
        outcome = "passed" if gate["passed"] else "NOT passed"
        yield _line(
            "gate",
            f"{gate['gate']} of {gate['subject']}, run {gate['gate_run_id']}: {outcome}, "
            f"{gate['expectations']} expectations, {gate['failed']} failed, {gate['warned']} warned, "
            f"{gate['finished_at']:%Y-%m-%d %H:%M}",
        )


def _made(trace: dict[str, Any]) -> Iterable[str]:
    parts = trace["contributions"]
    if not parts:
        return
    figure = trace["figure"]
    direct = [part for part in parts if part["to_place_id"] == figure["place_id"]]
    reporters = {part["from_place_id"] for part in parts}
    again = trace["recomputed"]
    how = "1 place" if len(reporters) == 1 else f"{len(reporters):,} places"
    if len(direct) < len(parts):
        below = len({part["to_place_id"] for part in parts})
        how += f", added up over {below} places below it"
    yield _line(
        "made from",
        f"{how} on level {figure['source_level']}; made anew: {_number(again['value'])}"
        + (" = published" if trace["agrees"] else ", which is NOT what is published"),
    )
    for part in parts[:_SHOWN]:
        yield f"      {_contribution(part, figure['place_id'])}"
    if len(parts) > _SHOWN:
        yield f"      … and {len(parts) - _SHOWN} more (--json has all)"


def _contribution(part: dict[str, Any], place: str) -> str:
    said = f"{part['from_place_id']} {part['from_name']}: "
    if part["denominator"] is not None or part["numerator"] is not None:
        said += f"{_number(part['numerator'])} / {_number(part['denominator'])}"
    else:
        said += _number(part["value"])
    said += f" from {_rows_said(part['rows'])}"
    if part["from_place_id"] != part["to_place_id"]:
        weight = "goes on as it is" if part["is_same"] else f"weight {float(part['weight']):.6g}"
        said += f", {weight} (by {part['weight_basis']}) to {part['to_place_id']} {part['to_name']}"
    if part["to_place_id"] != place and part["from_place_id"] == part["to_place_id"]:
        said += ", added up"
    return said


def _rows_said(rows: list[int]) -> str:
    shown = ", ".join(str(number) for number in rows[:_SHOWN])
    more = f" … {len(rows)} in all" if len(rows) > _SHOWN else ""
    return f"row {shown}" if len(rows) == 1 else f"rows {shown}{more}"


def _references(trace: dict[str, Any]) -> Iterable[str]:
    references = trace["references"]
    if not references:
        return
    methods: dict[str, int] = {}
    for reference in references:
        methods[reference["method"]] = methods.get(reference["method"], 0) + 1
    yield _line("places", ", ".join(f"{count} by {method}" for method, count in sorted(methods.items())))
    for reference in references[:_SHOWN]:
        named = [reference["place_code"], reference["place_name"], reference["place_parent"]]
        score = f", score {reference['score']:.3g}" if reference["score"] is not None else ""
        yield (
            f"      {' '.join(filter(None, named))} ({reference['place_scheme']}, "
            f"{reference['place_level']}) is {reference['place_id']} by {reference['method']}{score}"
        )
    if len(references) > _SHOWN:
        yield f"      … and {len(references) - _SHOWN} more (--json has all)"


def _mapping(trace: dict[str, Any]) -> Iterable[str]:
    for one in trace["mapping"]:
        where = " and ".join(f"{name} = {code}" for name, code in sorted(one["categories"].items()))
        by = f"; by {', '.join(sorted(one['breakdown']))}" if one["breakdown"] else ""
        yield _line("mapping", f"{one['role']}: {one['measure']}" + (f" where {where}" if where else "") + by)


def _delivery(trace: dict[str, Any]) -> Iterable[str]:
    delivery, contract = trace["delivery"], trace["contract"]
    if delivery is None:
        return
    yield _line(
        "delivery",
        f"{delivery['delivery_id']} of {delivery['source_id']}: {delivery['file_name']}, "
        f"{delivery['size_bytes']:,} bytes, {delivery['status']}",
    )
    yield _line("sha256", delivery["sha256"])
    yield _line(
        "fetched", f"{delivery['fetched_at']:%Y-%m-%d %H:%M} from {delivery['fetched_from']} "
        f"by {delivery['fetched_by']}"
    )  # fmt: skip
    yield _line("archive", delivery["archive_key"])
    yield _line(
        "read",
        f"{_number(delivery['rows_read'])} rows, {_number(delivery['rows_loaded'])} loaded, "
        f"{_number(delivery['rows_quarantined'])} quarantined, under contract "
        f"{(delivery['contract_sha256'] or '')[:12]}",
    )
    if contract and contract["provenance"]:
        yield _line("provenance", contract["provenance"])
    for record in trace["microdata"]:
        yield _line("microdata", f"{record['rows']:,} unit records of {record['record']} in the vault")


def _rows(trace: dict[str, Any]) -> Iterable[str]:
    numbers, shown = trace["row_numbers"], trace["raw_rows"]
    if not numbers:
        return
    yield _line("rows", f"{len(numbers):,} of the file, row {numbers[0]:,} to row {numbers[-1]:,}")
    for row in shown:
        content = {name: value for name, value in row["content"].items() if value is not None}
        yield f"      row {row['row_number']}: {json.dumps(content, ensure_ascii=False)}"
    left = len(numbers) - len({row["row_number"] for row in shown})
    if left > 0:
        yield f"      … and {left:,} more (--rows all)"
