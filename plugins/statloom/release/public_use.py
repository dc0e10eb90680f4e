"""Public-use files in a release: made once an edition, judged each time, kept from release to release.

Two files of the same persons, recoded or left out differently, can be intersected. So an edition, once the
public has seen it, goes into every later release, byte for byte, until the contract declares the next.
"""

import dataclasses
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, text

from statloom import contracts
from statloom.contracts.model import Contract
from statloom.contracts.registration import as_json
from statloom.errors import GateError, StatloomError
from statloom.exports import checksums, csv, ddi, microdata, microdata_page, parquet
from statloom.exports.model import About, File, Source, Table
from statloom.microdata import vault
from statloom.microdata.public_use import Layout, Loss, Made, make
from statloom.microdata.vault import keys
from statloom.release import folder, public_use_gate, public_use_texts

GZIP_ABOVE = 20_000_000
MEASURES = "public_use.json"
_NOT_OF_THE_FILE = ("licence", "terms", "reason", "edition", "maximum_global_risk")
_TEXTS = ("public_use", "columns", "title", "custodian", "provenance", "kind", "synthetic")
_TABLE = """
    create table if not exists release.public_use (
        release_id integer not null,
        source_id text not null,
        edition integer not null,
        delivery_sha256 text not null,
        declaration_sha256 text not null,
        files jsonb not null,      -- path of a data file -> sha256
        measures jsonb not null,   -- as in public_use.json
        primary key (release_id, source_id)
    )
"""


@dataclass(frozen=True)
class Declared:
    """A public-use file that a contract declares: of which delivery, and the checksums of what the file
    depends on, and of all that is said of it."""

    source: str
    edition: int
    delivery_sha256: str
    declaration_sha256: str
    texts_sha256: str


@dataclass(frozen=True)
class _Former:
    """A source's public-use file in a release. ``public``: somebody may have seen this edition."""

    release_id: int
    edition: int
    delivery_sha256: str
    declaration_sha256: str
    files: dict[str, str]
    measures: dict
    public: bool


def declared(connection: Connection) -> list[dict]:
    """Return the public-use files that the registered contracts declare of deliveries in use, by source:
    the fields of `Declared`, ready for JSON.
    """
    rows = connection.execute(
        text(
            "select source_id, contract, sha256 from landing.source join landing.current_delivery "
            "using (source_id) where jsonb_typeof(contract -> 'public_use') = 'object' order by source_id"
        )
    ).all()
    return [
        dataclasses.asdict(
            Declared(
                source_id,
                contract["public_use"].get("edition", 1),
                sha256,
                _declaration(contract),
                _checksum({name: contract.get(name) for name in _TEXTS}),
            )
        )
        for source_id, contract, sha256 in rows
    ]


def _declaration(contract: dict) -> str:
    """Return the checksum of what a file depends on besides its delivery: neither texts nor the limit."""
    given = {name: value for name, value in contract["public_use"].items() if name not in _NOT_OF_THE_FILE}
    listed = {*given["keys"], *given.get("sensitive", ()), *given.get("variables", ())}
    columns = {
        name: {key: column.get(key) for key in ("type", "role", "categories", "codes", "level", "record")}
        for name, column in contract["columns"].items()
        if name in listed
    }
    return _checksum([given, columns])


def _checksum(said: dict | list) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def write(connection: Connection, here: Path, about: About) -> list[Table]:
    """Write the public-use files that were prepared to ``here/microdata/<source>/``; return their tables.

    Each is read anew from the folder and judged; what was found goes to ``quality.gate_run``. Raises
    GateError when a file tells too much, or an edition would not be the one that the public has;
    StatloomError when the vault lacks the delivery.
    """
    prepared = connection.execute(
        text("select coalesce(metadata -> 'public_use', '[]'), run_id from release.candidate")
    ).one_or_none()
    connection.execute(text(_TABLE))
    # Of a writer that died.
    connection.execute(
        text("delete from release.public_use where release_id >= :release_id"),
        {"release_id": about.release_id},
    )
    if prepared is None:
        return []
    written = []
    for each in prepared[0]:
        written += _write(connection, here, about, Declared(**each), prepared[1])
    return written


def _write(
    connection: Connection, here: Path, about: About, wanted: Declared, run_id: str | None
) -> list[Table]:
    contract = contracts.load(wanted.source)
    if contract.public_use is None:
        raise StatloomError(
            f"{contract.path}: public_use has gone since the release was prepared; prepare it again"
        )
    if _declaration(json.loads(as_json(contract))) != wanted.declaration_sha256:
        raise StatloomError(
            f"{contract.path}: public_use has changed since the contract was registered; run the warehouse"
        )
    layout = Layout(contract)
    target = here / microdata.FOLDER / wanted.source
    target.mkdir(parents=True)
    former = _former(contract, wanted, _editions(connection, wanted.source))
    if former is not None:
        measures, delivery = _kept(here, contract, wanted, former), former.delivery_sha256
    else:
        measures, delivery = _make(here, contract, wanted), wanted.delivery_sha256
    tables, frames = public_use_gate.read(here, target, layout)
    found = public_use_gate.judge(
        connection.engine,
        contract,
        frames,
        run_id=run_id,
        newer_delivery=delivery != wanted.delivery_sha256,
        read_back=tables,
    )
    measures |= {"measured": found}
    return _describe(connection, here, about, contract, wanted, delivery, measures, frames)


def _editions(connection: Connection, source: str) -> list[_Former]:
    """Return the public-use files of the source in all releases that stand, the newest first."""
    rows = connection.execute(
        text(
            "select p.*, exists (select from release.public_use o join release.visible v using (release_id)"
            "  where o.source_id = p.source_id and o.edition = p.edition) as public"
            " from release.public_use p join release.release r using (release_id)"
            " where p.source_id = :source and r.status in ('released', 'withdrawn')"
            " order by p.release_id desc"
        ),
        {"source": source},
    ).mappings()
    return [_Former(**{field.name: row[field.name] for field in dataclasses.fields(_Former)}) for row in rows]


def _former(contract: Contract, wanted: Declared, there: list[_Former]) -> _Former | None:
    """Return the release whose file goes into this one too; None when a file is to be made.

    Raises GateError where the public has this edition otherwise declared, or a later one.
    """
    where = f"{contract.path}: public_use"
    seen = [each for each in there if each.public]
    if later := [each for each in seen if each.edition > wanted.edition]:
        raise GateError(
            f"{where}: edition {later[0].edition} went out with release {later[0].release_id}; a file of "
            f"edition {wanted.edition} would be one more beside it. Raise it, and say why that is safe"
        )
    for each in seen:
        if each.edition == wanted.edition:
            if each.declaration_sha256 != wanted.declaration_sha256:
                raise GateError(
                    f"{where}: edition {each.edition} went out with release {each.release_id} under another "
                    "declaration; two files of the same persons can be intersected. Take the change back, or "
                    "raise the edition and say why both may lie side by side"
                )
            return each
    same = (wanted.edition, wanted.delivery_sha256, wanted.declaration_sha256)
    unseen = (each for each in there if not each.public)
    return next((e for e in unseen if (e.edition, e.delivery_sha256, e.declaration_sha256) == same), None)


def _kept(here: Path, contract: Contract, wanted: Declared, former: _Former) -> dict:
    """Put the files of the former release into this one; make them again where they are gone."""
    source = folder.standing(here.parent, former.release_id)
    there = {path: source / path for path in former.files}
    if all(path.is_file() and checksums.sha256(path) == former.files[name] for name, path in there.items()):
        for name, path in there.items():
            shutil.copyfile(path, here / name)
        return {"losses": former.measures["losses"], "made": former.measures["made"]}
    what = f"{contract.source}: the public-use file of release {former.release_id}"
    if wanted.delivery_sha256 != former.delivery_sha256:
        raise GateError(f"{what} is damaged or gone, and its delivery is no longer in use; restore {source}")
    measures = _make(here, contract, wanted)
    differ = [name for name in former.files if _sha256(here / name) != former.files[name]]
    if differ:
        raise GateError(
            f"{what} is damaged or gone, and would not be the same again ({differ[0]}); restore {source}"
        )
    return measures


def _sha256(path: Path) -> str | None:
    return checksums.sha256(path) if path.is_file() else None


def _make(here: Path, contract: Contract, wanted: Declared) -> dict:
    """Make the files of a new edition in ``here``; return what was lost."""
    purpose = f"public use {wanted.source} {wanted.delivery_sha256} {wanted.edition}"
    made = make(vault.stored(contract, wanted.delivery_sha256), contract, keys.derived(purpose))
    target = here / microdata.FOLDER / wanted.source
    for record, table in made.tables.items():
        csv.write(table, target / f"{record}.csv", gzip_above=GZIP_ABOVE)
        fields = public_use_texts.fields(Layout(contract), record, table.schema)
        parquet.write_table(
            table, target / f"{record}.parquet", about=public_use_texts.about(contract, record), fields=fields
        )
    return {"losses": [dataclasses.asdict(loss) for loss in made.losses], "made": _facts(made)}


def _facts(made: Made) -> dict:
    return {
        "rows_in_the_delivery": made.rows,
        "rows_of_too_large_households": made.left_out,
        "rows_not_drawn": made.not_drawn,
        "sum_of_weights": made.weights[0] if made.weights else None,
        "sum_of_published_weights": made.weights[1] if made.weights else None,
    }


def _describe(
    connection: Connection,
    here: Path,
    about: About,
    contract: Contract,
    wanted: Declared,
    delivery: str,
    measures: dict,
    frames: dict[str, pa.Table],
) -> list[Table]:
    """Write the descriptions beside the data files, and remember the edition; return the tables."""
    layout, target = Layout(contract), here / microdata.FOLDER / wanted.source
    source = Source(
        contract.source,
        contract.title["en"],
        contract.custodian,
        contract.public_use.licence,
        contract.provenance,
        contract.synthetic,
        contract.title.get("ne"),
        contract.kind,
    )
    files = {path.name: path for path in sorted(target.iterdir())}
    tables = [_table(here, layout, record, files, source, frames[record]) for record in layout.records]
    losses = [Loss(**loss) for loss in measures["losses"]]
    described = public_use_texts.describe(layout, source, tables, frames, losses, measures)
    said = {
        "title": described.title.en,
        "title_ne": described.title.ne,
        "source": contract.source,
        "edition": wanted.edition,
        "keys": layout.keys,
        "limits": {
            "k": layout.public.k,
            "l": dict(layout.public.l),
            "maximum_global_risk": layout.public.maximum_global_risk,
        },
        **measures,
    }
    (target / MEASURES).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    others = [
        checksums.describe(
            here,
            ddi.write(here, about, described),
            ddi.MEDIA_TYPE,
            title=public_use_texts.DDI_TITLE,
            conforms_to=ddi.STANDARD,
        ),
        checksums.describe(
            here, target / MEASURES, "application/json", title=public_use_texts.MEASURES_TITLE
        ),
    ]
    data = [file for table in tables for file in (table.file, table.parquet) if file]
    microdata_page.write(here, about, described, [*data, *others])
    _remember(connection, about, wanted, delivery, data, said)
    return [*tables[:-1], dataclasses.replace(tables[-1], others=tuple(others))]


def _table(
    here: Path, layout: Layout, record: str, files: dict[str, Path], source: Source, frame: pa.Table
) -> Table:
    text_ = files.get(f"{record}.csv") or files[f"{record}.csv.gz"]
    packed = "gz" if text_.suffix == ".gz" else None
    references = ()
    if record != layout.household and layout.household:
        number = layout.number(layout.household)
        references = ((number, f"{source.source_id}_{layout.household}", number),)
    said = public_use_texts.table(layout, record, source)
    return Table(
        name=f"{source.source_id}_{record}",
        title=said.en,
        description=public_use_texts.description(layout, record),
        fields=public_use_texts.fields(layout, record, frame.schema),
        key=(layout.number(record),),
        file=checksums.describe(here, text_, csv.MEDIA_TYPE, packed),
        references=references,
        parquet=checksums.describe(here, files[f"{record}.parquet"], parquet.MEDIA_TYPE),
        title_ne=said.ne,
        source=source,
    )


def _remember(
    connection: Connection, about: About, wanted: Declared, delivery: str, files: list[File], said: dict
) -> None:
    connection.execute(
        text(
            "insert into release.public_use (release_id, source_id, edition, delivery_sha256,"
            " declaration_sha256, files, measures) values (:release_id, :source, :edition, :delivery,"
            " :declaration, cast(:files as jsonb), cast(:measures as jsonb))"
            " on conflict (release_id, source_id) do update set edition = excluded.edition,"
            " delivery_sha256 = excluded.delivery_sha256, declaration_sha256 = excluded.declaration_sha256,"
            " files = excluded.files, measures = excluded.measures"
        ),
        {
            "release_id": about.release_id,
            "source": wanted.source,
            "edition": wanted.edition,
            "delivery": delivery,
            "declaration": wanted.declaration_sha256,
            "files": json.dumps({file.path: file.sha256 for file in files}),
            "measures": json.dumps(said, ensure_ascii=False),
        },
    )
