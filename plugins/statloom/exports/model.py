"""What a release is made of, as the exporters see it."""

import datetime
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

LANGUAGES = ("en", "ne")


@dataclass(frozen=True)
class Text:
    """A text in English and, where there is one, in Nepali."""

    en: str
    ne: str | None = None

    def __str__(self) -> str:
        return self.en

    def in_(self, language: str) -> str:
        """Return the text in ``language``, or in English where it is missing there."""
        return (self.ne if language == "ne" else None) or self.en

    def each(self) -> dict[str, str]:
        """Return the texts that there are, by language."""
        return {"en": self.en} | ({"ne": self.ne} if self.ne else {})


@dataclass(frozen=True)
class Category:
    """A code of a code list with its name. ``sdmx``: its code in the global SDG lists, where that differs."""

    code: str
    title: Text
    sdmx: str | None = None

    @property
    def sdmx_code(self) -> str:
        """The code as SDMX files have it."""
        return self.sdmx or self.code


@dataclass(frozen=True)
class CodeList:
    """The codes of a column or concept, in their order."""

    name: str
    title: Text
    categories: tuple[Category, ...] = ()

    def label(self, code: str, language: str = "en") -> str:
        """Return the name of ``code``, or the code itself where it is not listed."""
        found = self._by_code.get(code)
        return found.title.in_(language) if found else code

    @cached_property
    def _by_code(self) -> dict[str, Category]:
        return {category.code: category for category in self.categories}


@dataclass(frozen=True)
class Goal:
    """A Sustainable Development Goal; ``code`` is its number."""

    code: str
    title: Text


@dataclass(frozen=True)
class Target:
    """A target of a goal."""

    code: str
    title: Text
    goal: Goal


@dataclass(frozen=True)
class Indicator:
    """An indicator: global, or an addition of the country (``scope``), which is near to a global one."""

    code: str
    title: Text
    target: Target
    global_code: str | None = None
    scope: str = "national"
    custodian: str = ""
    note: str = ""


@dataclass(frozen=True)
class Metadata:
    """Names of everything that is coded: what seeds and dbt YAML say, once.

    ``dimensions``: breakdowns by their column (``sex`` …). ``terms``: other coded columns (``place_level``,
    ``place_vintage``, ``geo_method``, ``obs_status``, ``freq`` …) and words of the files. ``columns``: titles
    of columns; ``descriptions``: what they hold, in English (dbt YAML).
    """

    dimensions: dict[str, CodeList] = field(default_factory=dict)
    units: CodeList = CodeList("unit", Text("Unit of measure"))
    terms: dict[str, CodeList] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    columns: dict[str, Text] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def label(self, kind: str, code: str | None, language: str = "en") -> str:
        """Return the name of ``code`` in the code list ``kind``: a breakdown's column, ``unit`` or a term."""
        if code is None:
            return ""
        listed = self.units if kind == "unit" else self.dimensions.get(kind) or self.terms.get(kind)
        return listed.label(code, language) if listed else code

    def column(self, name: str) -> Text:
        """Return the title of a column; its name where none is given."""
        return self.columns.get(name) or Text(name)


@dataclass(frozen=True)
class Field:
    """One column: ``type`` is a Table Schema type (string, number, integer, boolean, date)."""

    name: str
    type: str
    description: str = ""
    required: bool = False
    title: Text | None = None
    unit: str | None = None  # of the values, where all have the same


@dataclass(frozen=True)
class Source:
    """A data collection that figures come from. ``synthetic``: made by a generator, and to be said so."""

    source_id: str
    title: str
    custodian: str
    licence: str
    provenance: str = ""
    synthetic: bool = False
    title_ne: str | None = None
    kind: str = ""  # census, survey, administrative, register


@dataclass(frozen=True)
class Dataset:
    """One series with its metadata. ``period_start`` and ``period_end`` are ISO dates or years, or None."""

    code: str
    title: str
    description: str  # the definition, and how it differs from the indicator
    unit: str  # in words
    sources: tuple[Source, ...]
    title_ne: str | None = None
    indicator_code: str | None = None
    goal: str | None = None
    period_start: str | None = None
    period_end: str | None = None
    place_levels: tuple[str, ...] = ()
    cells: int = 0
    cells_suppressed: int = 0
    definition: str = ""
    definition_ne: str | None = None
    approximation: str = ""
    unit_code: str = ""
    unit_ne: str | None = None
    unit_multiplier: int = 0
    measure_type: str = ""  # count, share, rate, mean, index or ratio
    numerator: str = ""
    denominator: str = ""
    direction: str = ""
    custodian: str = ""
    breakdowns: tuple[str, ...] = ()  # columns
    frequencies: tuple[str, ...] = ()  # SDMX: A, Q, M …
    indicator: Indicator | None = None

    @property
    def synthetic(self) -> bool:
        """Whether any of its sources is made by a generator."""
        return any(source.synthetic for source in self.sources)

    @property
    def licences(self) -> tuple[str, ...]:
        """The licences of its sources, each once, in the sources' order."""
        return tuple(dict.fromkeys(source.licence for source in self.sources))

    @property
    def titles(self) -> Text:
        """Its title in both languages."""
        return Text(self.title, self.title_ne)

    @property
    def definitions(self) -> Text:
        """Its definition in both languages."""
        return Text(self.definition or self.description, self.definition_ne)

    @property
    def units(self) -> Text:
        """Its unit in words, in both languages."""
        return Text(self.unit, self.unit_ne)


@dataclass(frozen=True)
class File:
    """A written file: ``path`` relative to the release's folder, with its size and checksum."""

    path: str
    media_type: str
    bytes: int
    sha256: str
    compression: str | None = None
    title: Text | None = None
    conforms_to: str | None = None  # address of the standard that it follows


@dataclass(frozen=True)
class Table:
    """A table as it is written: its columns, its key, and which column leads to another table's key."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    file: File
    references: tuple[tuple[str, str, str], ...] = ()  # (column, other table, its column)
    dataset: Dataset | None = None
    parquet: File | None = None
    title_ne: str | None = None
    others: tuple[File, ...] = ()  # the same figures in other formats
    source: Source | None = None  # of unit records, whose licence is their own

    @property
    def titles(self) -> Text:
        """Its title in both languages."""
        return Text(self.title, self.title_ne)


@dataclass(frozen=True)
class About:
    """The release as a whole."""

    release_id: int
    publication_id: int
    issued: datetime.date
    title: str
    description: str
    publisher: str
    contact: str | None = None
    base_url: str | None = None  # where the folder of releases is served, when it is
    title_ne: str | None = None
    description_ne: str | None = None
    publisher_ne: str | None = None
    agency: str = "NSO"  # the office's identifier as a maintainer of SDMX structures
    country: str = ""  # address of the country in a register of places
    frequency: str = "IRREG"  # how often releases come: a code of the EU's frequency list
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def titles(self) -> Text:
        """Its title in both languages."""
        return Text(self.title, self.title_ne)

    @property
    def descriptions(self) -> Text:
        """What it is, in both languages."""
        return Text(self.description, self.description_ne)

    @property
    def publishers(self) -> Text:
        """The office's name in both languages."""
        return Text(self.publisher, self.publisher_ne)

    def address(self, path: str) -> str:
        """Return where ``path`` of this release is served, or the path itself where that is not known."""
        return f"{self.base_url.rstrip('/')}/{self.release_id}/{path}" if self.base_url else path


_ARROW_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_date, "date"),
)


def fields_of(
    schema: pa.Schema,
    descriptions: dict[str, str],
    required: tuple[str, ...] = (),
    titles: dict[str, Text] | None = None,
    units: dict[str, str] | None = None,
) -> tuple[Field, ...]:
    """Return the fields of an Arrow schema, with the descriptions, titles and units that are known."""
    return tuple(
        Field(
            column.name,
            next((name for test, name in _ARROW_TYPES if test(column.type)), "string"),
            descriptions.get(column.name, ""),
            column.name in required,
            (titles or {}).get(column.name),
            (units or {}).get(column.name),
        )
        for column in schema
    )
