"""What Open SDG's files say of an indicator: its configuration, its metadata, and texts in Nepali."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from statloom.exports.figures import Figures
from statloom.exports.licences import address
from statloom.exports.model import About, Indicator, Source, Table, Text


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """YAML without aliases: every file stands alone and is read by other tools."""

    def ignore_aliases(self, data: object) -> bool:
        """Write every value where it is."""
        return True


def configuration(
    indicator: Indicator, tables: list[Table], frame: pa.Table, *, mapped: bool, coverage: str
) -> dict:
    """Return ``indicator-config`` of ``indicator``, whose figures are ``frame`` (empty where there are none).

    ``mapped``: whether a map can be drawn of it; ``coverage``: the name of the country.
    """
    title = indicator.title.en
    config = {
        "reporting_status": "complete" if len(frame) else "notstarted",
        "data_non_statistical": False,
        "indicator_number": indicator.code,
        "indicator_name": title,
        "graph_title": title,
        "graph_type": "line" if len(frame) and _years_of_total(frame) > 1 else "bar",
        "computation_units": ", ".join(dict.fromkeys(table.dataset.unit for table in tables)),
        "data_show_map": mapped,
        "national_geographical_coverage": coverage,
        "goal_number": indicator.target.goal.code,
        "goal_name": indicator.target.goal.title.en,
        "target_number": indicator.target.code,
        "target_name": indicator.target.title.en,
        "data_footnote": _footnote(tables),
        "standalone": not indicator.target.goal.code.isdigit(),  # of no goal that the platform knows
    }
    return {key: value for key, value in config.items() if value != ""}


def _years_of_total(frame: pa.Table) -> int:
    if "GeoCode" in frame.column_names:
        nation = frame.filter(pc.is_null(frame["GeoCode"]))
        frame = nation if len(nation) else frame
    return len(pc.unique(frame["Year"]))


def _footnote(tables: list[Table]) -> str:
    notes = [
        f"{table.title}: {table.dataset.approximation}" for table in tables if table.dataset.approximation
    ]
    if any(table.dataset.synthetic for table in tables):
        notes.append("Series marked as synthetic are made by a generator for demonstration.")
    if left_out := sum(table.dataset.cells_suppressed for table in tables):
        notes.append(f"{left_out:,} figures are left out to protect respondents.")
    return " ".join(note if note.endswith(".") else f"{note}." for note in notes)


def metadata(
    about: About, indicator: Indicator, tables: list[Table], levels: tuple[str, ...], coverage: str
) -> dict:
    """Return ``meta`` of ``indicator``: the fields of the SDG metadata structure, and its sources."""
    datasets = [table.dataset for table in tables]

    def each(text: Callable) -> str:
        parts = dict.fromkeys(part for part in map(text, datasets) if part)
        return "\n\n".join(parts)

    def of_series(text: Callable) -> str:
        if len(datasets) == 1:
            return text(datasets[0]) or ""
        return each(lambda dataset: text(dataset) and f"{dataset.title}: {text(dataset)}")

    goal, target = indicator.target.goal, indicator.target
    fields = {
        "SDG_GOAL": f"Goal {goal.code}: {goal.title.en}",
        "SDG_TARGET": f"Target {target.code}: {target.title.en}",
        "SDG_INDICATOR": f"Indicator {indicator.code}: {indicator.title.en}",
        "SDG_SERIES_DESCR": each(lambda dataset: f"{dataset.title} ({dataset.code})"),
        "META_LAST_UPDATE": about.issued.isoformat(),
        "SDG_RELATED_INDICATORS": indicator.global_code if indicator.global_code != indicator.code else "",
        "SDG_CUSTODIAN_AGENCIES": indicator.custodian,
        "CONTACT_ORGANISATION": about.publisher,
        "CONTACT_EMAIL": about.contact or "",
        "STAT_CONC_DEF": of_series(lambda dataset: dataset.definition or dataset.description),
        "UNIT_MEASURE": of_series(lambda dataset: dataset.unit),
        "SOURCE_TYPE": each(lambda dataset: "\n".join(source.title for source in dataset.sources)),
        "DATA_SOURCE": each(lambda dataset: "\n".join(_custodians(dataset.sources))),
        "COMPILING_ORG": about.publisher,
        "DATA_COMP": of_series(_computation),
        "COMPARABILITY": of_series(lambda dataset: dataset.approximation),
        "COVERAGE": each(lambda dataset: ", ".join(_levels(about, dataset.place_levels, levels))),
        "OTHER_DOC": indicator.note,
    }
    sources = {source.source_id: source for dataset in datasets for source in dataset.sources}
    for number, source in enumerate(sources.values(), 1):
        using = [dataset for dataset in datasets if source in dataset.sources]
        earliest = min((dataset.period_start or "" for dataset in using), default="")
        fields |= _source(about, source, number, earliest, coverage)
    return {key: value for key, value in fields.items() if value != ""}


def _custodians(sources: tuple[Source, ...]) -> list[str]:
    return list(dict.fromkeys(source.custodian for source in sources))


def _computation(dataset) -> str:
    if dataset.numerator and dataset.denominator:
        return f"{dataset.numerator} / {dataset.denominator}"
    return dataset.numerator or ""


def _levels(about: About, mine: tuple[str, ...], levels: tuple[str, ...]) -> list[str]:
    ordered = [level for level in levels if level in mine] + [level for level in mine if level not in levels]
    return [about.metadata.label("place_level", level) for level in ordered]


def _source(about: About, source: Source, number: int, earliest: str, coverage: str) -> dict:
    page = address(source.licence)
    other = (
        source.provenance,
        f"Licence: {source.licence}" + (f" ({page})" if page else ""),
        "Synthetic." if source.synthetic else "",
    )
    fields = {
        "active": True,
        "organisation": source.custodian,
        "earliest_available": earliest[:4],
        "geographical_coverage": coverage,
        "url_text": source.title,
        "url": about.base_url or "",
        "release_date": about.issued.isoformat(),
        "statistical_classification": source.kind.capitalize(),
        "contact": about.contact or "",
        "other_info": " ".join(part for part in other if part),
    }
    return {f"source_{name}_{number}": value for name, value in fields.items()}


_FIELDS = {
    "reporting_status": ("select", "Reporting status", "data"),
    "data_non_statistical": ("checkbox", "Non-statistical indicator", "data"),
    "data_footnote": ("text", "Footnote", "data"),
    "data_show_map": ("checkbox", "Show the map when GeoCodes are present?", "data"),
    "graph_type": ("select", "Graph type", "graph"),
    "graph_title": ("text", "Graph title", "graph"),
    "indicator_name": ("text", "Indicator name", "page"),
    "indicator_number": ("text", "Indicator number", "page"),
    "goal_name": ("text", "Goal name", "page"),
    "goal_number": ("text", "Goal number", "page"),
    "target_name": ("text", "Target name", "page"),
    "target_number": ("text", "Target number", "page"),
    "standalone": ("checkbox", "Standalone", "page"),
    "computation_units": ("text", "Unit of measurement", "national"),
    "national_geographical_coverage": ("text", "Geographical coverage", "national"),
    "SDG_GOAL": ("text", "Goal", "national"),
    "SDG_TARGET": ("text", "Target", "national"),
    "SDG_INDICATOR": ("text", "Indicator", "national"),
    "SDG_SERIES_DESCR": ("textarea", "Series", "national"),
    "META_LAST_UPDATE": ("text", "Metadata update", "national"),
    "SDG_RELATED_INDICATORS": ("text", "Related indicators", "national"),
    "SDG_CUSTODIAN_AGENCIES": (
        "text",
        "International organisations responsible for global monitoring",
        "national",
    ),
    "CONTACT_ORGANISATION": ("text", "Organisation", "national"),
    "CONTACT_EMAIL": ("text", "Contact email", "national"),
    "STAT_CONC_DEF": ("textarea", "Definition and concepts", "national"),
    "UNIT_MEASURE": ("textarea", "Unit of measure", "national"),
    "SOURCE_TYPE": ("textarea", "Data sources", "national"),
    "DATA_SOURCE": ("textarea", "Data providers", "national"),
    "COMPILING_ORG": ("text", "Data compilers", "national"),
    "DATA_COMP": ("textarea", "Method of computation", "national"),
    "COMPARABILITY": ("textarea", "Comparability", "national"),
    "COVERAGE": ("textarea", "Data availability and disaggregation", "national"),
    "OTHER_DOC": ("textarea", "References and documentation", "national"),
}
_SOURCE_FIELDS = {
    "active": ("checkbox", "Source active"),
    "organisation": ("text", "Organisation"),
    "earliest_available": ("text", "Earliest available data"),
    "geographical_coverage": ("text", "Geographical coverage"),
    "url_text": ("text", "Link to data source text"),
    "url": ("text", "Link to data source"),
    "release_date": ("text", "Release date"),
    "statistical_classification": ("text", "Statistical classification"),
    "contact": ("text", "Contact details"),
    "other_info": ("textarea", "Other information"),
}
_OPTIONS = {
    "reporting_status": {
        "complete": "status.reported_online",
        "inprogress": "status.statistics_in_progress",
        "notstarted": "status.exploring_data_sources",
        "notapplicable": "status.not_applicable",
    },
    "graph_type": {"line": "line", "bar": "bar"},
}


def schema(sources: int) -> dict:
    """Return the schema of the metadata, as Prose's configuration has it, with ``sources`` sources."""
    fields = []
    for name, (element, label, scope) in _FIELDS.items():
        field = {
            "element": element,
            "label": label,
            "translation_key": f"metadata_fields.{name}",
            "scope": scope,
        }
        if name in _OPTIONS:
            field["options"] = [
                {"name": value, "value": value, "translation_key": key}
                for value, key in _OPTIONS[name].items()
            ]
        fields.append({"name": name, "field": field})
    for number in range(1, sources + 1):
        for name, (element, label) in _SOURCE_FIELDS.items():
            key = f"metadata_fields.source_{name}_1"
            field = {"element": element, "label": label, "translation_key": key, "scope": f"source_{number}"}
            fields.append({"name": f"source_{name}_{number}", "field": field})
    return {"prose": {"metadata": {"meta": fields}}}


def translations(
    about: About, indicators: list[Indicator], figures: Figures, identifier: Callable[[Indicator], str]
) -> dict[str, dict[str, dict]]:
    """Return the texts that the build tool puts for keys, by language and group.

    Group ``data`` has the Nepali of every English text in the data; the other groups those of the platform's
    own keys (``global_goals.1-short`` …).
    """
    known: list[Text] = [table.titles for table in figures.tables]
    known += [table.dataset.units for table in figures.tables]
    known += [listed.title for listed in about.metadata.dimensions.values()]
    known += [
        category.title
        for listed in (*about.metadata.dimensions.values(), about.metadata.units)
        for category in listed.categories
    ]
    known += [place.name for place in figures.places.values()]
    for indicator in indicators:
        known += [indicator.title, indicator.target.title, indicator.target.goal.title]
    found: dict[str, dict[str, dict]] = {}
    for language in ("en", "ne"):
        groups: dict[str, dict] = {"global_goals": {}, "global_targets": {}, "global_indicators": {}}
        for indicator in indicators:
            target, goal = indicator.target, indicator.target.goal
            groups["global_goals"][f"{goal.code}-short"] = goal.title.in_(language)
            groups["global_goals"][f"{goal.code}-title"] = goal.title.in_(language)
            dashed = target.code.replace(".", "-")
            groups["global_targets"][f"{dashed}-title"] = target.title.in_(language)
            groups["global_indicators"][f"{identifier(indicator)}-title"] = indicator.title.in_(language)
        groups["data"] = {text.en: text.in_(language) for text in known if text.in_(language) != text.en}
        found[language] = {group: texts for group, texts in groups.items() if texts}
    return found
