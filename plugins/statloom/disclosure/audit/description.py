"""The description file of a folder of published figures, ``disclosure.yml``."""

import json
from pathlib import Path

import yaml

from statloom.errors import StatloomError

NAME = "disclosure.yml"
SCHEMA = Path(__file__).with_name("disclosure.schema.json")
# What a table says for itself, or else the whole file.
_OF_TABLES = ("threshold", "minimum_width", "integers", "zeros", "small")


class DescriptionError(StatloomError):
    """The description file is not valid, or does not fit the files. The text names file and field."""


def read(folder: Path) -> dict:
    """Return the description of ``folder`` with its defaults filled in; raise ``DescriptionError``."""
    path = folder / NAME
    if not path.is_file():
        raise DescriptionError(f"{path}: no such file; docs/disclosure-control.md says what it holds")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DescriptionError(f"{path}: {error}") from error
    return filled(content, str(path))


def filled(content: dict, where: str) -> dict:
    """Return a description's ``content`` with its defaults filled in; raise ``DescriptionError``."""
    import jsonschema

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(content):
        field = ".".join(str(part) for part in error.absolute_path) or "the file"
        raise DescriptionError(f"{where}: {field}: {error.message}")
    defaults = {name: of["default"] for name, of in schema["properties"].items() if "default" in of}
    empty = {"suppressed": {}, "revised": {}, "shares": [], "minimum_width": 0.0}
    content = {**empty, **defaults, **content}
    for kind in ("tables", "shares"):
        content[kind] = [dict(entry) for entry in content[kind]]
        for number, entry in enumerate(content[kind]):
            for name in _OF_TABLES:
                entry.setdefault(name, content[name])
            entry.update({name: entry.get(name, {}) for name in ("where", "respondents")})
            entry.update({name: list(entry.get(name, [])) for name in ("apart", "empty", "quantity_columns")})
            entry.setdefault("per", 100)
            _dimensions(content, entry, f"{where}: {kind}.{number}")
    for entry in content["tables"]:
        entry.setdefault("quantity", entry["value"])
    return content


def _dimensions(content: dict, table: dict, where: str) -> None:
    """Fill in ``columns`` and ``fixed``; every dimension has a column, a fixed code or a total."""
    table["fixed"] = dict(table.get("fixed", {}))
    given = table.get("columns")
    for name in [*(given or {}), *table["fixed"]]:
        if name not in content["dimensions"]:
            raise DescriptionError(f"{where}: {name} is not among the dimensions")
    names = [name for name in content["dimensions"] if name not in table["fixed"]]
    table["columns"] = {name: (given or {}).get(name, name) for name in names}
