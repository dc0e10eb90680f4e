"""A file that says what is to be estimated, where and how."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from statloom.microdata.survey.design import read_yaml
from statloom.microdata.survey.errors import SurveyError
from statloom.microdata.survey.estimand import load_estimands

OPTIONS = ("by", "level", "degrees_of_freedom", "design_effect")


def load_request(path: str | Path) -> dict[str, Any]:
    """Return the arguments of `estimate` that a YAML file gives: ``estimands``, and ``by`` and options where
    it has them.

    The file is a list of estimands, or a mapping with ``estimands`` and any of ``by``, ``level``,
    ``degrees_of_freedom``, ``design_effect``. Raises SurveyError for anything else.
    """
    content, name = read_yaml(path), Path(path).name
    request = {"estimands": load_estimands(path)}
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key in OPTIONS:
                request[key] = value
            elif key != "estimands":
                raise SurveyError(f"{name}: unknown field {key!r}; known are estimands, {', '.join(OPTIONS)}")
    return request
