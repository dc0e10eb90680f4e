"""What a release is made of, as the exporters see it."""

import datetime
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Field:
    """One column: ``type`` is a Table Schema type (string, number, integer, boolean, date)."""

    name: str
    type: str
    description: str = ""
    required: bool = False


@dataclass(frozen=True)
class Source:
    """A data collection that figures come from. ``synthetic``: made by a generator, and to be said so."""

    source_id: str
    title: str
    custodian: str
    licence: str
    provenance: str = ""
    synthetic: bool = False


@dataclass(frozen=True)
class Dataset:
    """One series with its metadata. ``period_start`` and ``period_end`` are ISO dates or years, or None."""

    code: str
    title: str
    description: str
    unit: str
    sources: tuple[Source, ...]
    title_ne: str | None = None
    indicator_code: str | None = None
    goal: str | None = None
    period_start: str | None = None
    period_end: str | None = None
    place_levels: tuple[str, ...] = ()
    cells: int = 0
    cells_suppressed: int = 0

    @property
    def synthetic(self) -> bool:
        """Whether any of its sources is made by a generator."""
        return any(source.synthetic for source in self.sources)

    @property
    def licences(self) -> tuple[str, ...]:
        """The licences of its sources, each once, in the sources' order."""
        return tuple(dict.fromkeys(source.licence for source in self.sources))


@dataclass(frozen=True)
class File:
    """A written file: ``path`` relative to the release's folder, with its size and checksum."""

    path: str
    media_type: str
    bytes: int
    sha256: str
    compression: str | None = None


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


_ARROW_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_date, "date"),
)


def fields_of(
    schema: pa.Schema, descriptions: dict[str, str], required: tuple[str, ...] = ()
) -> tuple[Field, ...]:
    """Return the fields of an Arrow schema, with the descriptions that are known."""
    return tuple(
        Field(
            column.name,
            next((name for test, name in _ARROW_TYPES if test(column.type)), "string"),
            descriptions.get(column.name, ""),
            column.name in required,
        )
        for column in schema
    )
