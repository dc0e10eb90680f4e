"""What each publication changed, and why; what the newest release has."""

from pathlib import Path
from typing import Any

from statloom.quality.report.reading import Reader, Rows

PUBLICATIONS = 30  # have a page of their own
LARGEST = 40  # changes of a value that are shown
SERIES = 150  # rows of counts by series that are shown

_PUBLICATIONS = """
    select publication_id, published_at, code_version, run_id from publication.publication
    where status = 'published' order by publication_id desc limit :number
"""

_MARTS = """
    select publication_id, mart, rows_added, rows_changed, rows_removed from publication.mart_change
    where publication_id = any(:numbers) and rows_added + rows_changed + rows_removed > 0
    order by publication_id, mart
"""

# A figure stands in several marts; in that of observations it is once.
_REASONS = """
    select publication_id, reason, change, sum(cells)::bigint as cells,
        count(distinct series_code) as series
    from quality.revision_summary
    where publication_id = any(:numbers) and mart = 'observation'
    group by publication_id, reason, change
    order by publication_id, cells desc
"""

_SERIES = """
    select * from (
        select publication_id, series_code, source_id, change, reason, why, cells, largest_difference,
            largest_share, example_place_id, example_period,
            count(*) over of_publication as listed,
            row_number() over (of_publication order by cells desc, series_code, source_id, change, reason)
                as position
        from quality.revision_summary
        where publication_id = any(:numbers) and mart = 'observation'
        window of_publication as (partition by publication_id)
    ) as ordered
    where position <= :shown
    order by publication_id, position
"""

_LARGEST = """
    select wanted.publication_id, cell.*
    from unnest(cast(:numbers as integer[])) as wanted (publication_id)
    cross join lateral (
        select series_code, place_id, period, source_id, value_before, value_after,
            value_after - value_before as difference,
            (value_after - value_before) / nullif(abs(value_before), 0) as relative, reason, why
        from publication.revision_cell
        where publication_id = wanted.publication_id and mart = 'observation'
            and value_before is distinct from value_after
            and value_before is not null and value_after is not null
        order by abs(value_after - value_before) / nullif(abs(value_before), 0) desc nulls last,
            series_code, place_id, period
        limit :shown
    ) as cell
"""

_RELEASES = """
    select release_id, publication_id, status, created_at, released_at, folder, manifest_sha256, datasets,
        cells, cells_suppressed
    from release.release where status in ('released', 'withdrawn') order by release_id desc limit 50
"""


_LOSS = """
    select source_id, place_level, cells, primary_cells, suppressed_cells, not_released_cells,
        primary_value / nullif(value, 0) as primary_value_share,
        suppressed_value / nullif(value, 0) as suppressed_value_share
    from release.loss where release_id = :release_id
    order by source_id, place_level = 'all',
        array_position(array['country', 'province', 'district', 'local_unit'], place_level), place_level
"""


def publications(read: Reader) -> Rows:
    """Return the newest publications, the newest first.

    Each has its columns of ``publication.publication`` and ``marts`` (rows added, changed and removed),
    ``reasons`` (reason, change, cells, series: of figures), ``series`` (counts, of which ``listed`` says how
    many there are in all) and ``largest`` (changes of a value).
    """
    found = read.rows(_PUBLICATIONS, number=PUBLICATIONS)
    numbers = [row["publication_id"] for row in found]
    parts: dict[str, Rows] = {
        "marts": read.rows(_MARTS, numbers=numbers),
        "reasons": read.rows(_REASONS, "quality.revision_summary", numbers=numbers),
        "series": read.rows(_SERIES, "quality.revision_summary", numbers=numbers, shown=SERIES),
        "largest": read.rows(_LARGEST, "publication.revision_cell", numbers=numbers, shown=LARGEST),
    }
    by_number: dict[int, dict[str, Rows]] = {number: {name: [] for name in parts} for number in numbers}
    for name, rows in parts.items():
        for row in rows:
            by_number[row["publication_id"]][name].append(row)
    return [row | by_number[row["publication_id"]] for row in found]


def releases(read: Reader) -> Rows:
    """Return the releases, the newest first; the newest has ``files``, ``contents`` and ``loss``.

    ``files``: rows of name, folder and bytes; ``contents``: what its datasets hold, one row a series;
    ``loss``: what disclosure control took, by source and place level.
    """
    found = read.rows(_RELEASES)
    for row in found:
        row |= {"files": [], "contents": [], "loss": []}
    newest = next((row for row in found if row["status"] == "released"), None)
    if newest:
        newest["files"] = _files(Path(newest["folder"]))
        newest["contents"] = _contents(read, newest["release_id"])
        newest["loss"] = read.rows(_LOSS, "release.loss", release_id=newest["release_id"])
    return found


def _files(folder: Path) -> Rows:
    if not folder.is_dir():
        return []
    return [
        {
            "folder": path.parent.relative_to(folder).as_posix(),
            "name": path.name,
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _contents(read: Reader, release_id: int) -> Rows:
    wanted = (
        "series_code",
        "title",
        "title_ne",
        "cells",
        "cells_suppressed",
        "cells_recoverable",
        "synthetic",
    )
    there = read.columns("release.dataset")
    if not {"series_code", "cells", "cells_suppressed"} <= there:
        return []
    columns = ", ".join(name if name in there else f"null as {name}" for name in wanted)
    query = f"select {columns} from release.dataset where release_id = :release_id"  # noqa: S608
    return read.rows(f"{query} order by cells_suppressed desc, series_code", release_id=release_id)


def by_format(files: Rows) -> list[dict[str, Any]]:
    """Return how many files of each kind there are, and their size, the largest kind first."""
    kinds: dict[str, dict[str, Any]] = {}
    for file in files:
        kind = Path(file["name"]).suffixes[-1:] or [file["name"]]
        name = "".join(kind).lstrip(".")
        entry = kinds.setdefault(name, {"kind": name, "files": 0, "bytes": 0})
        entry["files"] += 1
        entry["bytes"] += file["bytes"]
    return sorted(kinds.values(), key=lambda entry: -entry["bytes"])
