"""A release as datasets of a CKAN portal: one for each series, and one for the release as a whole.

Made from the release's folder alone (``datapackage.json``, ``series.csv``, ``SHA256SUMS``), so that a portal
job needs no database. What Statloom looks after carries extras whose keys begin with ``statloom_``.
"""

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from statloom.errors import StatloomError
from statloom.exports import checksums

SERIES, RELEASE, COMPLETE, CHECKSUM = (
    "statloom_series",
    "statloom_release",
    "statloom_complete",
    "statloom_description",
)
MISSING = "statloom_missing"  # files that the portal finds too large
PART = "statloom_part"  # of a resource: which of the dataset's files it is
WHOLE = "release"
_LICENCES = {
    "CC-BY-3.0": "cc-by", "CC-BY-4.0": "cc-by", "CC-BY-SA-3.0": "cc-by-sa", "CC-BY-SA-4.0": "cc-by-sa",
    "CC0-1.0": "cc-zero", "CC-BY-NC-4.0": "cc-nc", "ODbL-1.0": "odc-odbl", "ODC-By-1.0": "odc-by",
    "PDDL-1.0": "odc-pddl", "OGL-UK-3.0": "uk-ogl", "MIT": "other-open", "Apache-2.0": "other-open",
}  # fmt: skip
_FORMATS = {
    "csv": ("CSV", "text/csv"),
    "csv.gz": ("CSV", "application/gzip"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "geojson": ("GeoJSON", "application/geo+json"),
    "gpkg": ("GeoPackage", "application/geopackage+sqlite3"),
    "xlsx": ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "json": ("JSON", "application/json"),
    "jsonld": ("JSON-LD", "application/ld+json"),
    "ttl": ("TTL", "text/turtle"),
    "xml": ("XML", "application/xml"),
    "xml.gz": ("XML", "application/gzip"),
    "html": ("HTML", "text/html"),
}


@dataclass(frozen=True)
class Resource:
    """A file of a dataset: ``part`` stays the same from release to release."""

    part: str
    path: Path
    sha256: str
    address: str  # within the release
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Package:
    """A dataset: ``fields`` as CKAN's ``package_create`` takes them, but for resources."""

    name: str
    fields: dict
    resources: tuple[Resource, ...]


def packages(folder: Path, *, prefix: str = "", withdrawn: str | None = None) -> list[Package]:
    """Return the datasets of the release in ``folder``, that of the whole release last.

    ``prefix`` goes before every name; ``withdrawn``: the reason, if the release is withdrawn; without it the
    list of releases beside the folder (``releases.json``) is asked. Raises StatloomError when the folder is
    no release, or differs from its checksums.
    """
    withdrawn = withdrawn or _withdrawn(folder)
    descriptor = folder / "datapackage.json"
    if not descriptor.is_file() or not (folder / "series.csv").is_file():
        raise StatloomError(f"{folder} is no release: it has no datapackage.json and series.csv")
    if wrong := checksums.problems(folder):
        raise StatloomError(f"{folder} is not as it was released: {'; '.join(wrong[:5])}")
    known = dict(
        reversed(line.split("  ", 1))
        for line in (folder / checksums.NAME).read_text(encoding="utf-8").splitlines()
    )
    whole = json.loads(descriptor.read_text(encoding="utf-8"))
    with (folder / "series.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["series_code"]: row for row in csv.DictReader(file)}
    by_series: dict[str, list[dict]] = {}
    for resource in whole["resources"]:
        code = _stem(resource["path"])
        if code in rows and resource["path"].startswith(("data/", "sdmx/")):
            by_series.setdefault(code, []).append(resource)
    made = [
        _series(folder, whole, rows[code], code, members, known, prefix, withdrawn)
        for code, members in sorted(by_series.items())
    ]
    names = [package.name for package in made]
    return [*made, _whole(folder, whole, names, set(by_series), known, prefix, withdrawn)]


def _withdrawn(folder: Path) -> str | None:
    listed = folder.parent / "releases.json"
    if not listed.is_file():
        return None
    for release in json.loads(listed.read_text(encoding="utf-8")).get("releases", ()):
        if str(release.get("release")) == folder.name and release.get("status") == "withdrawn":
            return release.get("withdrawn_reason") or "withdrawn"
    return None


def name_of(text: str, prefix: str = "") -> str:
    """Return ``text`` as a name that CKAN allows: at most 100 lower case letters, digits, ``-``, ``_``."""
    return re.sub(r"[^a-z0-9_-]+", "-", f"{prefix}{text}".lower()).strip("-")[:100]


def _release(whole: dict) -> str:
    return whole["version"].split(".")[0]


def _people(whole: dict) -> dict[str, str]:
    publisher = next(iter(whole.get("contributors", ())), {})
    return {"maintainer": publisher.get("title", ""), "maintainer_email": publisher.get("email", "")}


def _licence(names: list[str]) -> str:
    known = {_LICENCES.get(name) for name in names}
    if len(known) == 1 and None not in known:
        return known.pop()
    return "notspecified"  # several, or one that CKAN has no word for: the extra says which


def _tag(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[^\w \-.]", " ", text)).strip()[:100]


def _fields(
    whole: dict, withdrawn: str | None, extras: dict[str, str], tags: list[str], **fields: str
) -> dict:
    notes = fields.pop("notes")
    if withdrawn:
        notes = f"**Withdrawn: {withdrawn}**\n\n{notes}"
    extras = {
        "release": _release(whole),
        "issued": whole.get("created", "")[:10],
        "withdrawn": withdrawn or "",
        **extras,
    }
    return {
        **fields,
        "notes": notes,
        "version": _release(whole),
        **_people(whole),
        "tags": [{"name": tag} for tag in sorted({_tag(tag) for tag in tags if len(_tag(tag)) > 1})],
        "extras": [{"key": key, "value": value} for key, value in sorted(extras.items()) if value],
    }


def _series(
    folder: Path, whole: dict, row: dict, code: str, members: list[dict], known: dict, prefix: str, withdrawn
) -> Package:
    table = next((member for member in members if member.get("type") == "table"), members[0])
    licences = [licence.get("title") or licence["name"] for licence in table.get("licenses", ())]
    sources = [source["title"] for source in table.get("sources", ())]
    synthetic = row.get("synthetic") == "true"
    extras = {
        SERIES: code,
        "title_ne": row.get("title_ne", ""),
        "indicator": row.get("indicator_code", ""),
        "goal": row.get("goal", ""),
        "unit": row.get("unit_title", ""),
        "period_start": row.get("period_start", ""),
        "period_end": row.get("period_end", ""),
        "place_levels": row.get("place_levels", ""),
        "licences": "; ".join(licences),
        "sources": "; ".join(sources),
        "cells": row.get("cells", ""),
        "cells_left_out": row.get("cells_suppressed", ""),
    }
    goal = f"SDG {row['goal']}" if row.get("goal") else ""
    tags = [goal, row.get("indicator_code", ""), row.get("unit_title", ""), "synthetic" if synthetic else ""]
    fields = _fields(
        whole,
        withdrawn,
        extras,
        tags,
        title=table.get("title", code),
        notes=table.get("description", ""),
        author=row.get("custodians", ""),
        license_id=_licence([licence["name"] for licence in table.get("licenses", ())]),
    )
    resources = tuple(_resource(folder, member["path"], _part(member["path"]), known) for member in members)
    return Package(name_of(code, prefix), fields, resources)


def _whole(
    folder: Path,
    whole: dict,
    names: list[str],
    codes: set[str],
    known: dict,
    prefix: str,
    withdrawn: str | None,
) -> Package:
    fields = _fields(
        whole,
        withdrawn,
        {SERIES: f"_{WHOLE}", "statloom_datasets": " ".join(names)},
        ["official statistics"],
        title=f"{whole['title']} {_release(whole)}",
        notes=whole.get("description", ""),
        author=_people(whole)["maintainer"],
        license_id=_licence([licence["name"] for licence in whole.get("licenses", ())]),
    )
    series = {entry["path"] for entry in whole["resources"] if entry["path"].startswith(("data/", "sdmx/"))}
    paths = [
        path
        for path in known
        if "/" not in path or path.startswith(("geo/", "workbooks/goals/", "marts/", "sdmx/"))
        if path not in series or _stem(path) not in codes
        if not path.endswith((".html", ".md")) or path.startswith("changes")
    ]
    resources = tuple(_resource(folder, path, path, known) for path in sorted(paths))
    sums = folder / checksums.NAME
    known = known | {checksums.NAME: checksums.sha256(sums)}
    listed = _resource(folder, checksums.NAME, checksums.NAME, known)
    return Package(name_of(WHOLE, prefix or "statloom-"), fields, (*resources, listed))


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _part(path: str) -> str:
    """Return what a file is of its series: ``csv``, ``parquet``, ``sdmx/3.0/data/xml``."""
    where = path.rpartition("/")[0].removeprefix("data")
    return f"{where}/{_ending(path).removesuffix('.gz')}".strip("/")


def _ending(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[2].lower()


def _resource(folder: Path, path: str, part: str, known: dict[str, str]) -> Resource:
    return Resource(part, folder / path, known[path], path, _described(path, folder / path))


def _described(path: str, file: Path) -> dict[str, str]:
    name = path.rpartition("/")[2]
    kind, media_type = _FORMATS.get(_ending(path), ("TXT", "text/plain"))
    return {
        "name": path if "/" in path and not path.startswith("data/") else name,
        "format": kind,
        "mimetype": media_type,
        "size": str(file.stat().st_size),
    }
