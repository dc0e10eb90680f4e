"""The two pages of a release for people: README.md and index.html, made from the same texts."""

from html import escape
from pathlib import Path

from statloom.exports.model import About, File, Table

NOTES = (
    "Each file is one series: one row for a place, a period, a breakdown and a source.",
    "`value` is in the series' unit; `numerator` and `denominator` are the counts behind a share or rate.",
    "`preferred` marks the figure to use where several sources give one.",
    "`obs_status`: A as reported, E apportioned to today's places, U of low reliability, M missing, "
    "Q left out to protect respondents; `comment` says why.",
    "`place_id` leads to `places.csv`, which has each place's code, level and parent; join boundaries by "
    "`place_code` within one `place_level` and `place_vintage`.",
    "In CSV, a text that a spreadsheet would take for a formula has an apostrophe before it.",
    "Check the files with `sha256sum -c SHA256SUMS`, "
    "and their structure with `frictionless validate datapackage.json`.",
)
HEADS = ("series", "title", "unit", "periods", "cells", "left out", "licence", "files")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td:nth-child(5), td:nth-child(6) { text-align: right; font-variant-numeric: tabular-nums; }
"""


def write(folder: Path, about: About, tables: list[Table]) -> list[Path]:
    """Write ``README.md`` and ``index.html`` into ``folder`` and return their paths."""
    readme, index = folder / "README.md", folder / "index.html"
    readme.write_text(_markdown(about, tables), encoding="utf-8")
    index.write_text(_html(about, tables), encoding="utf-8")
    return [readme, index]


def _lead(about: About) -> str:
    return (
        f"Release {about.release_id} of {about.issued.isoformat()}, from publication {about.publication_id}."
    )


def _files(table: Table) -> list[tuple[str, File]]:
    """Return the label (``csv``, ``csv.gz``, ``parquet``) and the file of each form of ``table``."""
    return [(f.path[len(f"data/{table.name}.") :], f) for f in (table.file, table.parquet) if f]


def _row(table: Table) -> tuple[str, ...]:
    """Return the texts under all ``HEADS`` but the last."""
    dataset = table.dataset
    first, last = dataset.period_start or "", dataset.period_end or ""
    return (
        dataset.code,
        table.title,
        dataset.unit,
        first if first == last else f"{first} to {last}",
        f"{dataset.cells:,}",
        f"{dataset.cells_suppressed:,}",
        ", ".join(dataset.licences),
    )


def _markdown(about: About, tables: list[Table]) -> str:
    lines = [f"# {about.title}", "", _lead(about), about.description, ""]
    lines += [f"- {note}" for note in NOTES]
    lines += ["", "| " + " | ".join(HEADS) + " |", "|" + " --- |" * len(HEADS)]
    for table in tables:
        if table.dataset:
            files = ", ".join(f"[{label}]({file.path})" for label, file in _files(table))
            cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in _row(table)]
            lines.append("| " + " | ".join([*cells, files]) + " |")
    return "\n".join(lines) + "\n"


def _html(about: About, tables: list[Table]) -> str:
    def with_code(note: str) -> str:
        return "".join(
            f"<code>{part}</code>" if position % 2 else part
            for position, part in enumerate(escape(note).split("`"))
        )

    body = []
    for table in tables:
        if table.dataset:
            code, *cells = map(escape, _row(table))
            files = " ".join(f'<a href="{escape(f.path)}">{label}</a>' for label, f in _files(table))
            columns = "".join(f"<td>{cell}</td>" for cell in (*cells, files))
            body.append(f'<tr><th scope="row">{code}</th>{columns}</tr>')
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    names = ("places.csv", "series.csv", "datapackage.json", "catalogue.json", "SHA256SUMS")
    links = " ".join(f'<a href="{name}">{name}</a>' for name in names)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(about.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(about.title)}</h1>
<p>{escape(_lead(about))} {escape(about.description)}</p>
<ul>{"".join(f"<li>{with_code(note)}</li>" for note in NOTES)}</ul>
<p>{links}</p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{chr(10).join(body)}
</tbody>
</table>
</body>
</html>
"""
