"""The marts of a release: what analysts query, after disclosure control.

A mart that has figures takes them from ``release.candidate_cell``, where the left-out ones are empty; a row
that compares two figures goes out when both do as they are. ``former_observation`` does not go out: its
figures, on places that are no more, have not been through disclosure control.
"""

# ruff: noqa: S608  names in these statements are constants of this package or quoted

from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from statloom.exports import checksums, csv, packing, parquet
from statloom.exports.model import About, Field, Table, Text, fields_of
from statloom.publication import shapes
from statloom.publication.sql import quote
from statloom.release import frames
from statloom.release.columns import DIMENSIONS, MEASURES

FOLDER = "marts"
_BYTES_A_ROW = 330
_ROWS_AT_ONCE = 200_000
_TOTALS = " and ".join(f"{{0}}.{name} = '_T'" for name in DIMENSIONS)


@dataclass(frozen=True)
class _Mart:
    """A mart besides the figures: its key, the released cells that it is joined to, and what they replace."""

    title: Text
    key: tuple[str, ...]
    joins: str = ""
    instead: dict[str, str] = field(default_factory=dict)
    where: str = "true"
    hidden: tuple[str, ...] = ()


# What a mart says of two figures it has from the true ones: not of figures that are perturbed.
_BOTH = "not c.suppressed and not d.suppressed and not c.perturbed and not d.perturbed"
_MARTS = {
    "place_profile": _Mart(
        Text("Latest figures of each place, with the country's", "हरेक ठाउँका पछिल्ला तथ्याङ्क, देशको समेत"),
        ("observation_key",),
        "join release.candidate_cell c on c.observation_key = m.observation_key "
        "left join release.candidate_cell d on d.place_level = 'country' and d.preferred "
        "and d.place_vintage = m.place_vintage and d.series_code = m.series_code and d.period = m.period and "
        + " and ".join(f"d.{name} = m.{name}" for name in DIMENSIONS),
        {name: f"c.{name}" for name in (*MEASURES, "obs_status", "comment")} | {"country_value": "d.value"},
        # It may have been left out by disclosure control; where it was not, an earlier release has it.
        hidden=("last_good_value", "last_good_period", "last_good_publication"),
    ),
    "sdg_progress": _Mart(
        Text("Change of each series since its first period", "पहिलो अवधिदेखि हरेक शृङ्खलाको परिवर्तन"),
        ("series_code", "place_id"),
        "join release.candidate_cell c on c.preferred and c.series_code = m.series_code "
        f"and c.place_id = m.place_id and c.period = m.baseline_period and {_TOTALS.format('c')} "
        "join release.candidate_cell d on d.preferred and d.series_code = m.series_code "
        f"and d.place_id = m.place_id and d.period = m.latest_period and {_TOTALS.format('d')}",
        where=_BOTH,
    ),
    "source_comparison": _Mart(
        Text("Figures that differ between sources", "स्रोतपिच्छे फरक पर्ने तथ्याङ्क"),
        ("observation_key", "other_observation_key"),
        "join release.candidate_cell c on c.observation_key = m.observation_key "
        "join release.candidate_cell d on d.observation_key = m.other_observation_key",
        where=_BOTH,
    ),
    "change": _Mart(
        Text("Differences with their tests", "भिन्नता र तिनको परीक्षण"),
        ("change_key",),
        "join release.candidate_cell c on c.observation_key = m.from_observation_key "
        "join release.candidate_cell d on d.observation_key = m.to_observation_key",
        where=_BOTH,
    ),
    "data_gap": _Mart(
        Text("What the framework promises and the sources have", "ढाँचाले माग्ने र स्रोतमा भएको तथ्याङ्क"),
        ("series_code", "place_level", "breakdown", "period"),
        instead={"period": "case when m.period = '' then '_Z' else m.period end"},
    ),
    "source": _Mart(
        Text("Sources", "स्रोतहरू"),
        ("source_id",),
        hidden=("owner", "delivery_file_name"),
    ),
}
_LEADS = {
    "place_id": ("places", "place_id"),
    "series_code": ("series", "series_code"),
    "source_id": ("source", "source_id"),
}


def write(connection: Connection, here: Path, about: About, gzip_above: int) -> list[Table]:
    """Write the marts besides ``observation`` and ``indicator_series`` to ``here/marts`` as CSV and Parquet.

    A mart that is not published, or lacks a column that it is joined by, is passed over.
    """
    (here / FOLDER).mkdir(exist_ok=True)
    there = shapes.read(connection, "marts", "v")
    written = []
    for name, mart in _MARTS.items():
        shape = there.get(name)
        if shape is None or not set(mart.key) <= shape.columns.keys():
            continue
        columns = {column: kind for column, kind in shape.columns.items() if column not in mart.hidden}
        selected = ", ".join(
            f"{mart.instead.get(column) or 'm.' + quote(column)} as {quote(column)}" for column in columns
        )
        order = ", ".join(f'm.{quote(column)}::text collate "C"' for column in mart.key)
        frame = frames.read(
            connection,
            f"select {selected} from marts.{quote(name)} m {mart.joins} where {mart.where} order by {order}",
            columns,
        )
        text = csv.save(csv.render(frame), here / FOLDER / f"{name}.csv", gzip_above=gzip_above)
        always = tuple(name for name in _LEADS if name in columns and not frame[name].null_count)
        fields = fields_of(frame.schema, shape.column_comments, (*mart.key, *always), about.metadata.columns)
        columnar = parquet.write_table(
            frame,
            here / FOLDER / f"{name}.parquet",
            about={"title": mart.title.en, "title_ne": mart.title.ne, "description": shape.comment},
            fields=fields,
        )
        written.append(_table(here, name, mart.title, shape.comment or "", fields, mart.key, text, columnar))
    known = {table.name for table in written} | {"places", "series"}
    return [
        _with_references(table, {c: lead for c, lead in _LEADS.items() if lead[0] in known - {table.name}})
        for table in written
    ]


def _table(
    here: Path,
    name: str,
    title: Text,
    description: str,
    fields: tuple[Field, ...],
    key: tuple[str, ...],
    text: Path,
    columnar: Path,
) -> Table:
    return Table(
        name=name,
        title=title.en,
        description=description,
        fields=fields,
        key=key,
        file=checksums.describe(here, text, csv.MEDIA_TYPE, "gz" if text.suffix == ".gz" else None),
        parquet=checksums.describe(here, columnar, parquet.MEDIA_TYPE),
        title_ne=title.ne,
    )


def _with_references(table: Table, leads: dict[str, tuple[str, str]]) -> Table:
    there = {column.name for column in table.fields}
    references = tuple((column, *lead) for column, lead in leads.items() if column in there)
    return replace(table, references=references)


class Figures:
    """A mart of figures, written series by series, as CSV (packed when large) and as Parquet."""

    def __init__(self, here: Path, name: str, title: Text, *, packed: bool) -> None:
        (here / FOLDER).mkdir(exist_ok=True)
        self.here, self.name, self.title = here, name, title
        self._kept: list[pa.Table] = []
        path = here / FOLDER / (f"{name}.csv.gz" if packed else f"{name}.csv")
        self._text = packing.File(path, packed=packed)
        self._columnar: pq.ParquetWriter | None = None
        self._fields: tuple = ()
        self._description = ""

    def begin(self, schema: pa.Schema, description: str, fields: tuple) -> None:
        """Say what columns the figures have, before the first of them."""
        about = {"title": self.title.en, "title_ne": self.title.ne, "description": description}
        described = parquet.described(schema.empty_table(), about, fields).schema
        self._fields, self._description = fields, description
        options = {name: value for name, value in parquet.OPTIONS.items() if name != "row_group_size"}
        self._columnar = pq.ParquetWriter(self.here / FOLDER / f"{self.name}.parquet", described, **options)
        self._text.write(csv.render(schema.empty_table()))

    def add(self, frame: pa.Table) -> None:
        """Append figures."""
        self._kept.append(frame)
        # Many series are small: they are written together.
        if sum(map(len, self._kept)) > _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        together = pa.concat_tables(self._kept).combine_chunks()
        self._kept = []
        text = csv.render(together)
        head = len(bytes(text[:65536]).partition(b"\n")[0]) + 1
        self._text.write(text[head:])
        self._columnar.write_table(together.cast(self._columnar.schema))

    def finish(self, references: tuple[tuple[str, str, str], ...]) -> Table:
        """Close the files and return the table that they hold."""
        if self._kept:
            self._flush()
        self._text.close()
        self._columnar.close()
        table = _table(
            self.here,
            self.name,
            self.title,
            self._description,
            self._fields,
            ("observation_key",),
            self._text.path,
            self.here / FOLDER / f"{self.name}.parquet",
        )
        return replace(table, references=references)


def packed(cells: int, gzip_above: int) -> bool:
    """Say whether a file of so many figures is packed: it is decided before they are written."""
    return cells * _BYTES_A_ROW > gzip_above
