"""The catalogue of a release by DCAT-AP 3, as JSON-LD and as Turtle.

Each series and each mart is a dataset, each of its files a distribution; the series of a goal are a dataset
series. Addresses are relative unless ``about.base_url`` says where releases are served.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from statloom.exports import turtle
from statloom.exports.licences import address
from statloom.exports.model import About, Dataset, File, Goal, Source, Table, Text

NAME = "catalogue.json"
TURTLE = "catalogue.ttl"
CONTEXT = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_EU = "http://publications.europa.eu/resource/authority/"
_LANGUAGES = [{"@id": f"{_EU}language/{code}"} for code in ("ENG", "NEP")]
# The EU's themes of data that are nearest to the goals.
_THEMES = {
    "1": "SOCI", "2": "AGRI", "3": "HEAL", "4": "EDUC", "5": "SOCI", "6": "ENVI", "7": "ENER", "8": "ECON",
    "9": "TECH", "10": "SOCI", "11": "REGI", "12": "ECON", "13": "ENVI", "14": "ENVI", "15": "ENVI",
    "16": "JUST", "17": "SOCI",
}  # fmt: skip
_FORMATS = {
    "text/csv": (Text("CSV: one row a figure", "सीएसभी: हरेक पङ्क्तिमा एक तथ्याङ्क"), "CSV"),
    "application/vnd.apache.parquet": (
        Text("Parquet, with units and descriptions", "पार्केट, एकाइ र विवरणसहित"),
        None,
    ),
}  # fmt: skip
_TABULAR = "https://www.w3.org/TR/tabular-data-model/"


def build(about: About, tables: list[Table], files: Iterable[File] = ()) -> dict:
    """Return the catalogue as JSON-LD. ``files`` hold the figures of all series."""
    series = [table.dataset for table in tables if table.dataset]
    licences = dict.fromkeys(name for dataset in series for name in dataset.licences)
    datasets = [_dataset(about, table, licences) for table in tables]
    if files := list(files):
        datasets.append(_whole(about, series, files, licences))
    return _full(
        {
            "@context": CONTEXT,
            "@id": about.address(NAME),
            "@type": "dcat:Catalog",
            "dct:title": _texts(about.titles),
            "dct:description": _texts(about.descriptions),
            "dct:publisher": _publisher(about),
            "dct:issued": _date(about.issued.isoformat()),
            "dct:modified": _date(about.issued.isoformat()),
            "dct:license": _licence(licences),
            "dct:language": _LANGUAGES,
            "dct:spatial": _spatial(about),
            "foaf:homepage": {"@id": about.address("index.html"), "@type": "foaf:Document"},
            "dcat:themeTaxonomy": [
                {
                    "@id": f"{_EU}data-theme",
                    "@type": "skos:ConceptScheme",
                    "dct:title": _texts(Text("Data theme")),
                }
            ],
            "dcat:version": str(about.release_id),
            "dcat:dataset": [*_goals(about, tables), *datasets],
        }
    )


def write(folder: Path, about: About, tables: list[Table], files: Iterable[File] = ()) -> list[Path]:
    """Write ``catalogue.json`` and ``catalogue.ttl`` into ``folder`` and return their paths."""
    graph = build(about, tables, files)
    written = {
        folder / NAME: json.dumps(graph, ensure_ascii=False) + "\n",
        folder / TURTLE: turtle.write(graph),
    }
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return list(written)


def _full(node: dict) -> dict:
    """Leave out what is not known."""
    return {name: value for name, value in node.items() if value not in (None, [], "")}


def _texts(text: Text) -> list[dict]:
    return [{"@value": said, "@language": language} for language, said in text.each().items() if said]


def _date(text: str) -> dict:
    return {"@value": text, "@type": "xsd:date" if len(text) == 10 else "xsd:gYear"}


def _publisher(about: About) -> dict:
    return {
        "@id": about.address("catalogue.json#publisher"),
        "@type": "foaf:Agent",
        "foaf:name": _texts(about.publishers),
        "dct:type": {"@id": "http://purl.org/adms/publishertype/NationalAuthority"},
    }


def _reference(about: About, name: str) -> dict:
    return {"@id": about.address(f"catalogue.json#{name}")}


def _contact(about: About) -> dict:
    return _full(
        {
            "@type": "vcard:Organization",
            "vcard:fn": about.publisher,
            "vcard:hasEmail": {"@id": f"mailto:{about.contact}"} if about.contact else None,
            "vcard:hasURL": {"@id": about.address("index.html")},
        }
    )


def _spatial(about: About) -> dict | None:
    return {"@id": about.country, "@type": "dct:Location"} if about.country else None


def _licence(names: Iterable[str]) -> dict | None:
    """Return the one licence that a file may have; of several, a document that names them all."""
    known = [(name, address(name)) for name in names]
    if len(known) == 1 and known[0][1]:
        return {"@id": known[0][1], "@type": "dct:LicenseDocument", "dct:title": known[0][0]}
    if not known:
        return None
    return _full(
        {
            "@type": "dct:LicenseDocument",
            "dct:title": "; ".join(name for name, _ in known),
            "dct:relation": [{"@id": page} for _, page in known if page],
        }
    )


def _common(about: About, path: str) -> dict:
    """Return what all datasets of a release have in common."""
    return {
        "@id": about.address(path),
        "dct:publisher": _reference(about, "publisher"),
        "dcat:contactPoint": _contact(about),
        "dct:issued": _date(about.issued.isoformat()),
        "dct:modified": _date(about.issued.isoformat()),
        "dct:accrualPeriodicity": {"@id": f"{_EU}frequency/{about.frequency}"},
        "dct:accessRights": {"@id": f"{_EU}access-right/PUBLIC"},
        "dct:language": _LANGUAGES,
        "dct:spatial": {"@id": about.country} if about.country else None,
        "dcat:version": str(about.release_id),
        "adms:versionNotes": _texts(
            Text(f"Release {about.release_id}, from publication {about.publication_id}.")
        ),
    }


def _temporal(datasets: Iterable[Dataset]) -> dict | None:
    starts = [dataset.period_start for dataset in datasets if dataset.period_start]
    ends = [dataset.period_end for dataset in datasets if dataset.period_end]
    if not starts or not ends:
        return None
    return {
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": _date(min(starts)),
        "dcat:endDate": _date(max(ends)),
    }


def _theme(goal: str | None) -> list[dict]:
    theme = {"@id": f"{_EU}data-theme/{_THEMES.get(goal or '', 'SOCI')}"}
    return [theme, {"@id": f"http://metadata.un.org/sdg/{goal}"}] if goal else [theme]


def _goals(about: About, tables: list[Table]) -> list[dict]:
    """Return a dataset series for each goal that has series."""
    by_goal: dict[str, list[Dataset]] = {}
    named: dict[str, Goal] = {}
    for table in tables:
        if table.dataset and table.dataset.goal:
            by_goal.setdefault(table.dataset.goal, []).append(table.dataset)
            if table.dataset.indicator:
                named[table.dataset.goal] = table.dataset.indicator.target.goal
    return [
        _full(
            _common(about, f"goal/{goal}")
            | {
                "@type": "dcat:DatasetSeries",
                "dct:title": _texts(_goal_title(goal, named.get(goal))),
                "dct:description": _texts(
                    Text(
                        f"The series of Sustainable Development Goal {goal}, one dataset each.",
                        f"दिगो विकास लक्ष्य {goal} का शृङ्खला, हरेक एक तथ्याङ्क समूह।",
                    )
                ),
                "dcat:theme": _theme(goal),
                "dct:temporal": _temporal(datasets),
            }
        )
        for goal, datasets in sorted(by_goal.items(), key=lambda item: int(item[0]))
    ]


def _goal_title(goal: str, named: Goal | None) -> Text:
    title = named.title if named else Text("")
    return Text(
        f"Goal {goal}: {title.en}".removesuffix(": "), f"लक्ष्य {goal}: {title.ne}" if title.ne else None
    )


def _dataset(about: About, table: Table, licences: Iterable[str]) -> dict:
    dataset = table.dataset
    own = [table.source.licence] if table.source else licences
    licence = _licence(dataset.licences if dataset else own)
    described = _common(about, f"data/{table.name}") | {
        "@type": "dcat:Dataset",
        "dct:identifier": table.name,
        "dct:title": _texts(dataset.titles if dataset else table.titles),
        "dct:description": _texts(
            Text(table.description or table.title, dataset.definition_ne if dataset else None)
        ),
        "dcat:distribution": [
            _file(about, file, licence) for file in (table.file, table.parquet, *table.others) if file
        ],
        "dcat:theme": _theme(dataset.goal if dataset else None),
        "dcat:keyword": _keywords(dataset) if dataset else [{"@value": "statistics", "@language": "en"}],
    }
    if table.source:
        described |= {
            "dct:creator": [{"@type": "foaf:Agent", "foaf:name": table.source.custodian}],
            "dct:provenance": [_provenance(table.source)],
            "dcat:landingPage": {
                "@id": about.address(f"microdata/{table.source.source_id}/index.html"),
                "@type": "foaf:Document",
            },
            "dcat:keyword": _texts(Text("microdata", "एकाइ अभिलेख")),
        }
    if dataset:
        described |= {
            "dcat:inSeries": {"@id": about.address(f"goal/{dataset.goal}")} if dataset.goal else None,
            "dct:temporal": _temporal([dataset]),
            "dct:creator": [
                {"@type": "foaf:Agent", "foaf:name": name}
                for name in dict.fromkeys(source.custodian for source in dataset.sources)
            ],
            "dct:provenance": [_provenance(source) for source in dataset.sources],
            "dcat:landingPage": {
                "@id": about.address(f"datasets/{dataset.code}.html"),
                "@type": "foaf:Document",
            },
        }
    return _full(described)


def _whole(about: About, datasets: list[Dataset], files: list[File], licences: Iterable[str]) -> dict:
    """Return the dataset of what holds the figures of all series, such as SDMX."""
    return _full(
        _common(about, "data/all")
        | {
            "@type": "dcat:Dataset",
            "dct:identifier": "all",
            "dct:title": _texts(Text("All series", "सबै शृङ्खला")),
            "dct:description": _texts(about.descriptions),
            "dct:temporal": _temporal(datasets),
            "dcat:theme": _theme(None),
            "dcat:keyword": [{"@value": "statistics", "@language": "en"}],
            "dcat:distribution": [_file(about, file, _licence(licences)) for file in files],
        }
    )


def _provenance(source: Source) -> dict:
    said = source.provenance or source.title
    return {"@type": "dct:ProvenanceStatement", "rdfs:label": said, "dct:description": said}


def _keywords(dataset: Dataset) -> list[dict]:
    words = [Text(f"SDG {dataset.indicator_code}") if dataset.indicator_code else None]
    words += [Text(f"Goal {dataset.goal}", f"लक्ष्य {dataset.goal}") if dataset.goal else None]
    words += [dataset.units if dataset.unit else None]
    words += [Text("synthetic data", "कृत्रिम तथ्याङ्क") if dataset.synthetic else None]
    return [said for word in words if word for said in _texts(word)] or _texts(Text("statistics"))


def _file(about: About, file: File, licence: dict | None) -> dict:
    kind = file.media_type.partition(";")[0]
    title, eu_format = _FORMATS.get(kind, (None, None))
    title = file.title or title or Text(file.path.rpartition("/")[2])
    return _full(
        {
            "@id": about.address(file.path),
            "@type": "dcat:Distribution",
            "dct:title": _texts(title),
            "dct:description": _texts(title),
            "dcat:accessURL": {"@id": about.address(file.path)},
            "dcat:downloadURL": {"@id": about.address(file.path)},
            "dcat:mediaType": {"@id": _MEDIA_TYPES + kind},
            "dct:format": {"@id": f"{_EU}file-type/{eu_format}"}
            if eu_format
            else {"@type": "dct:MediaTypeOrExtent", "rdfs:label": file.media_type},
            "dcat:byteSize": {"@value": str(file.bytes), "@type": "xsd:nonNegativeInteger"},
            "dcat:compressFormat": {"@id": _MEDIA_TYPES + "application/gzip"} if file.compression else None,
            "dct:license": licence,
            "dct:conformsTo": {"@id": file.conforms_to or (_TABULAR if kind == "text/csv" else None)}
            if file.conforms_to or kind == "text/csv"
            else None,
            "dct:issued": _date(about.issued.isoformat()),
            "adms:status": {"@id": f"{_EU}distribution-status/COMPLETED"},
            "spdx:checksum": {
                "@type": "spdx:Checksum",
                "spdx:algorithm": {"@id": "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"},
                "spdx:checksumValue": {"@value": file.sha256, "@type": "xsd:hexBinary"},
            },
        }
    )
