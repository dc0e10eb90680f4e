"""What Open SDG's build tool (sdg-build 2.3) asks of a data repository, in words of our own.

``problems`` reads a repository as that tool does: the inputs of its configuration by pattern, tables with
pandas, metadata by the schema of ``_prose.yml``, series by all columns that are no attribute.
"""

import json
import re
from pathlib import Path

import jsonschema
import pandas as pd
import yaml

INPUTS = {"InputCsvData", "InputYamlMeta", "InputYamlMdMeta", "InputCsvMeta", "InputExcelMeta"}
TRANSLATIONS = {"TranslationInputYaml", "TranslationInputCsv"}  # those that need no network
CONFIGURED = (
    "reporting_status", "data_non_statistical", "graph_title", "graph_type", "indicator_number",
    "indicator_name", "data_show_map", "national_geographical_coverage",
)  # fmt: skip


def problems(root: Path) -> list[str]:
    """Return what is wrong with the repository ``root``, one sentence each."""
    config = yaml.safe_load((root / "config_data.yml").read_text(encoding="utf-8"))
    found = _of_configuration(config, root)
    tables, said = {}, {}
    for given in config["inputs"]:
        for path in sorted(root.glob(given["path_pattern"])):
            if given["class"] == "InputCsvData":
                name = path.stem.replace("indicator_", "")
                tables[name] = pd.read_csv(path)
            else:
                content = yaml.safe_load(path.read_text(encoding="utf-8"))
                said.setdefault(path.stem, {}).update(content)
    validator = jsonschema.Draft202012Validator(_schema(root / config["schema_file"]))
    ids = _layers(root, config, found)
    for name, content in said.items():
        found += [f"{name}: {error.message}" for error in validator.iter_errors(content)]
        found += [f"{name}: {field} is missing" for field in CONFIGURED if field not in content]
        status = content.get("reporting_status")
        if (status == "complete") != (name in tables):
            found.append(f"{name}: is {status}, and {'has' if name in tables else 'has no'} data")
        if not re.fullmatch(r"[0-9]+-[0-9a-z]+-[0-9a-z-]+", name):
            found.append(f"{name}: is no identifier of an indicator under a goal and target")
    found += [f"{name}: data without metadata" for name in tables.keys() - said.keys()]
    for name, frame in tables.items():
        found += [f"{name}: {fault}" for fault in _of_table(frame, config, ids)]
    if config["map_layers"] and not any("GeoCode" in frame for frame in tables.values()):
        found.append("map layers, but no table has a GeoCode")
    return found


def _of_configuration(config: dict, root: Path) -> list[str]:
    found = [f"unknown input {i['class']}" for i in config["inputs"] if i["class"] not in INPUTS]
    for given in config["translations"]:
        if given["class"] not in TRANSLATIONS:
            found.append(f"{given['class']} is not to be had here")
        elif not (root / given["source"]).is_dir():
            found.append(f"{given['source']} is missing")
    for path in root.rglob("translations/*/*.yml"):
        texts = yaml.safe_load(path.read_text(encoding="utf-8"))
        found += [
            f"{path.name}: {key} is no text" for key, value in texts.items() if not isinstance(value, str)
        ]
    options = config["indicator_options"]
    for column in options["observation_attributes"]:
        # Versions that know no attributes of observations leave them out of disaggregations by this list.
        if column not in options["non_disaggregation_columns"]:
            found.append(f"{column} is an attribute and would be a disaggregation in older versions")
    return found


def _schema(path: Path) -> dict:
    fields = yaml.safe_load(path.read_text(encoding="utf-8"))["prose"]["metadata"]["meta"]
    made = {}
    for given in fields:
        field = given["field"]
        if field["element"] == "checkbox":
            made[given["name"]] = {"type": ["boolean", "null"]}
        elif field["element"] == "select":
            values = [option["value"] for option in field["options"]]
            made[given["name"]] = {"enum": values if given["name"] == "reporting_status" else [*values, None]}
        else:
            made[given["name"]] = {"type": ["string", "integer", "number", "boolean", "null"]}
    complete = {"properties": {"reporting_status": {"enum": ["complete"]}}}
    drawn = {"properties": complete["properties"] | {"data_non_statistical": {"const": False}}}
    return {
        "type": "object",
        "properties": made,
        "required": ["reporting_status"],
        "allOf": [
            {"if": complete, "then": {"required": ["data_non_statistical"]}},
            {"if": drawn, "then": {"required": ["graph_title", "graph_type"]}},
        ],
    }


def _layers(root: Path, config: dict, found: list[str]) -> set[str]:
    ids = set()
    for layer in config["map_layers"]:
        name, code = layer["name_property"], layer["id_property"]
        # The tool writes `name` and `geocode`, then removes the properties that it read.
        if name == "name" or code == "geocode":
            found.append(f"{layer['geojson_file']}: its properties would be removed")
        features = json.loads((root / layer["geojson_file"]).read_text(encoding="utf-8"))["features"]
        for feature in features:
            if name not in feature["properties"] or code not in feature["properties"]:
                found.append(f"{layer['geojson_file']}: a feature lacks {name} or {code}")
            ids.add(feature["properties"].get(code))
    return ids


def _of_table(frame: pd.DataFrame, config: dict, ids: set[str]) -> list[str]:
    found = []
    columns = list(frame.columns)
    if columns[0] != "Year" or columns[-1] != "Value":
        return ["first column is not Year, or last is not Value"]
    if "GeoCode" in columns and columns[-2] != "GeoCode":
        found.append("GeoCode does not stand before Value")
    found += [f"column {name!r} has blanks around it" for name in columns if name != name.strip()]
    found += [
        f"{name} is no number" for name in ("Year", "Value") if not pd.api.types.is_numeric_dtype(frame[name])
    ]
    for name in columns:
        texts = frame[name].dropna()
        if pd.api.types.is_string_dtype(texts.dtype) and (texts != texts.str.strip()).any():
            found.append(f"{name} has blanks around a text")
    if frame.isna().all(axis=1).any():
        found.append("an empty row")
    options = config["indicator_options"]
    naming = {options["series_column"], options["unit_column"], "GeoCode"}
    plain = set(options["non_disaggregation_columns"]) - naming
    series = [name for name in columns if name not in plain] + ["Year"]
    if frame.duplicated(series).any():
        found.append("two values of one year in one series")
    if "GeoCode" in columns:
        codes = frame["GeoCode"].dropna()
        if pd.api.types.is_numeric_dtype(codes):
            found.append("GeoCode would be read as numbers")
        elif unknown := sorted(set(codes) - ids)[:3]:
            found.append(f"GeoCode on no map: {', '.join(unknown)}")
    return found
