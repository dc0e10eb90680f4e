"""The description file of a folder of published figures, ``disclosure.yml``."""

import json
from pathlib import Path

import yaml

from statloom.errors import StatloomError

NAME = "disclosure.yml"
SCHEMA = Path(__file__).with_name("disclosure.schema.json")


class DescriptionError(StatloomError):
    """The description file is not valid, or does not fit the files. The text names file and field."""


def read(folder: Path) -> dict:
    """Return the description of ``folder`` with its defaults filled in; raise ``DescriptionError``."""
    import jsonschema

    path = folder / NAME
    if not path.is_file():
        raise DescriptionError(f"{path}: no such file; docs/disclosure-control.md says what it holds")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DescriptionError(f"{path}: {error}") from error
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(content):
        field = ".".join(str(part) for part in error.absolute_path) or "the file"
        raise DescriptionError(f"{path}: {field}: {error.message}")
    defaults = {name: of["default"] for name, of in schema["properties"].items() if "default" in of}
    content = {"suppressed": {}, "shares": [], "minimum_width": 0.0, **defaults, **content}
    for number, table in enumerate(content["tables"]):
        table.setdefault("quantity", table["value"])
        _dimensions(content, table, f"{path}: tables.{number}")
    for number, share in enumerate(content["shares"]):
        share.setdefault("per", 100)
        _dimensions(content, share, f"{path}: shares.{number}")
    return content


def _dimensions(content: dict, table: dict, where: str) -> None:
    """Fill in ``columns``, ``fixed`` and ``apart``; every dimension has a column, a fixed code or a total."""
    table["apart"] = list(table.get("apart", []))
    table["fixed"] = dict(table.get("fixed", {}))
    given = table.get("columns")
    for name in [*(given or {}), *table["fixed"]]:
        if name not in content["dimensions"]:
            raise DescriptionError(f"{where}: {name} is not among the dimensions")
    names = [name for name in content["dimensions"] if name not in table["fixed"]]
    table["columns"] = {name: (given or {}).get(name, name) for name in names}
