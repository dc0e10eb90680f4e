"""A catalogue in JSON-LD with the terms of DCAT: a series is a dataset, a file a distribution."""

import json
from pathlib import Path

from statloom.exports.licences import address
from statloom.exports.model import About, Dataset, File, Table

NAME = "catalogue.json"
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"


def build(about: About, tables: list[Table]) -> dict:
    """Return the catalogue; its addresses are relative unless ``about.base_url`` says where it is served."""
    return {
        "@context": CONTEXT,
        "@id": _address(about, NAME),
        "@type": "dcat:Catalog",
        "dct:title": {"@value": about.title, "@language": "en"},
        "dct:description": {"@value": about.description, "@language": "en"},
        "dct:publisher": _publisher(about),
        "dct:issued": _date(about.issued.isoformat()),
        "dcat:version": str(about.release_id),
        "dct:language": {"@id": "http://publications.europa.eu/resource/authority/language/ENG"},
        "dcat:dataset": [_dataset(about, table) for table in tables if table.dataset],
    }


def write(folder: Path, about: About, tables: list[Table]) -> Path:
    """Write ``catalogue.json`` into ``folder`` and return its path."""
    path = folder / NAME
    text = json.dumps(build(about, tables), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _address(about: About, path: str) -> str:
    return f"{about.base_url.rstrip('/')}/{about.release_id}/{path}" if about.base_url else path


def _date(text: str) -> dict:
    return {"@value": text, "@type": "xsd:date" if len(text) == 10 else "xsd:gYear"}


def _publisher(about: About) -> dict:
    return {"@type": "foaf:Agent", "foaf:name": about.publisher}


def _dataset(about: About, table: Table) -> dict:
    dataset: Dataset = table.dataset
    titles = [{"@value": dataset.title, "@language": "en"}]
    if dataset.title_ne:
        titles.append({"@value": dataset.title_ne, "@language": "ne"})
    described = {
        "@id": _address(about, f"data/{dataset.code}"),
        "@type": "dcat:Dataset",
        "dct:identifier": dataset.code,
        "dct:title": titles,
        "dct:description": {"@value": table.description, "@language": "en"},
        "dct:license": [_licence(name) for name in dataset.licences],
        "dct:publisher": _publisher(about),
        "dct:creator": [
            {"@type": "foaf:Agent", "foaf:name": name}
            for name in dict.fromkeys(source.custodian for source in dataset.sources)
        ],
        "dct:provenance": [
            {"@type": "dct:ProvenanceStatement", "dct:description": source.provenance or source.title}
            for source in dataset.sources
        ],
        "dct:issued": _date(about.issued.isoformat()),
        "dcat:version": str(about.release_id),
        "dcat:keyword": _keywords(dataset),
        "dct:spatial": {"@type": "dct:Location", "dcat:keyword": list(dataset.place_levels)},
        "dcat:distribution": [
            _distribution(about, file, dataset) for file in (table.file, table.parquet) if file
        ],
    }
    if dataset.goal:
        described["dcat:theme"] = {"@id": f"http://metadata.un.org/sdg/{dataset.goal}"}
    if dataset.period_start and dataset.period_end:
        described["dct:temporal"] = {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _date(dataset.period_start),
            "dcat:endDate": _date(dataset.period_end),
        }
    if about.contact:
        described["dcat:contactPoint"] = {
            "@type": "vcard:Organization",
            "vcard:fn": about.publisher,
            "vcard:hasEmail": {"@id": f"mailto:{about.contact}"},
        }
    return described


def _keywords(dataset: Dataset) -> list[str]:
    words = [f"SDG {dataset.indicator_code}" if dataset.indicator_code else None]
    words += [f"Goal {dataset.goal}" if dataset.goal else None, dataset.unit or None]
    words += ["synthetic data" if dataset.synthetic else None]
    return [word for word in words if word]


def _licence(name: str) -> dict:
    page = address(name)
    return {"@id": page} if page else {"@type": "dct:LicenseDocument", "dct:title": name}


def _distribution(about: About, file: File, dataset: Dataset) -> dict:
    described = {
        "@id": _address(about, file.path),
        "@type": "dcat:Distribution",
        "dct:title": file.path.rpartition("/")[2],
        "dcat:accessURL": {"@id": _address(about, file.path)},
        "dcat:downloadURL": {"@id": _address(about, file.path)},
        "dcat:mediaType": {"@id": _MEDIA_TYPES + file.media_type},
        "dcat:byteSize": {"@value": str(file.bytes), "@type": "xsd:nonNegativeInteger"},
        "dct:license": [_licence(name) for name in dataset.licences],
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"},
            "spdx:checksumValue": {"@value": file.sha256, "@type": "xsd:hexBinary"},
        },
    }
    if file.compression:
        described["dcat:compressFormat"] = {"@id": _MEDIA_TYPES + "application/gzip"}
    return described
