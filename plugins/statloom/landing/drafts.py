"""The text of a first contract and suite, with comments that say what a person must check."""

import json
from pathlib import Path

from statloom.contracts.model import Contract
from statloom.landing.sniff import Guess, Sniffed


def contract(source: str, sniffed: Sniffed, connector: dict, file: Path) -> str:
    """Return the YAML of a first contract for ``source``, as `sniffed` from ``file``."""
    title = source.replace("_", " ").capitalize()
    lines = [
        f"# First contract, made by looking at {file.name} ({sniffed.rows:,} rows). To be checked:",
        "# - title, custodian, owner, licence, provenance and sensitivity: the file does not say them",
        *(f"# - {check}" for check in sniffed.checks),
        "# - roles and units of the columns; `series` then says what feeds which series of the framework",
        f"source: {source}",
        f"title: {{en: {_quoted(title)}}}",
        "custodian: Unknown",
        "owner: unknown",
        f"kind: {'survey' if _has(sniffed, 'weight') else 'administrative'}",
        "synthetic: false",
        "licence: Unknown",
        f"provenance: {_quoted(f'File {file.name}')}",
        f"sensitivity: {'high' if _has(sniffed, 'personal_identifier') else 'moderate'}",
        'schedule: "@daily"',
        "maximum_age_days: 400",
        f"connector: {_flow(connector)}",
        f"format: {_flow(sniffed.format)}",
        "columns:",
        *(line for column in sniffed.columns for line in _column(column)),
        f"key: {_flow(sniffed.key)}",
        f"place: {_flow(sniffed.place)}",
        f"period: {_flow(sniffed.period)}",
        *_estimation(sniffed),
        "series: []",
        "tolerance: {unreadable_rows: 0}",
        "disclosure: {minimum_respondents: 0, reason: not decided yet}",
    ]
    return "\n".join(lines) + "\n"


def _has(sniffed: Sniffed, role: str) -> bool:
    return any(column.role == role for column in sniffed.columns)


def _estimation(sniffed: Sniffed) -> list[str]:
    if sniffed.estimation is None:
        return []
    found = sniffed.estimation
    return [
        "estimation:",
        f"  design: {_flow(found['design'])}",
        f"  domains: {_flow(found['domains'])}",
        "  estimands:",
        *(f"    - {_flow(estimand)}" for estimand in found["estimands"]),
    ]


def _column(column: Guess) -> list[str]:
    given: dict = {"type": column.type, "role": column.role}
    if column.values:
        given["values"] = column.values
    if column.categories:
        given["categories"] = column.categories
    if not column.required and column.role not in ("personal_identifier", "ignored"):
        given["required"] = False
    if column.level:
        given["level"] = column.level
    return [f"  # {column.why}", f"  {column.name}: {_flow(given)}"]


def suite(loaded: Contract) -> str:
    """Return the YAML of a first suite for the raw gate of ``loaded``."""
    level = loaded.place.level
    levels = (
        dict.fromkeys((loaded.raw[loaded.first("place_level")].values or {}).values())
        if level is None
        else {}
    )
    lines = [
        "# Columns, types, key, ranges and categories are judged by the contract; this file adds the rest.",
        f"suite: raw.{loaded.source}",
    ]
    wanted = [one for one in ([level] if level else levels) if one != "country"]
    if not wanted:
        return "\n".join([*lines, "expectations: []"]) + "\n"
    lines.append("expectations:")
    for one in wanted:
        lines += [
            "  - type: expect_all_places_to_report",
            "    kwargs:",
            f"      level: {one}",
            "    dimension: completeness",
            "    severity: warn",
            f"    description: Every {one.replace('_', ' ')} reports",
        ]
    return "\n".join(lines) + "\n"


def _flow(value) -> str:
    """Return ``value`` as YAML in one line, every text that could be read as another thing in quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return (
            value
            if value.isidentifier() and value.isascii() and value.lower() not in _WORDS
            else _quoted(value)
        )
    return json.dumps(value)


_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
