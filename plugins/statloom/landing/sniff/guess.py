"""What sniffing finds."""

import re
from dataclasses import dataclass, field

PLACE = re.compile(r"code|id$|geo|place|district|province|vdc|municip|palika|local_unit|area|(^|_)unit")
STRATUM = re.compile(r"^strat(um|a)")
PSU = re.compile(r"^(psu|cluster|ea)(_|$)")


@dataclass
class Guess:
    """What one column seems to be; ``why``: for the person who checks it."""

    name: str
    header: str
    role: str
    type: str
    categories: list[str] | None = None
    values: dict[str, str] | None = None
    level: str | None = None
    required: bool = True
    why: str = ""


@dataclass
class Sniffed:
    """What a file seems to be."""

    format: dict
    columns: list[Guess]
    key: list[str]
    place: dict
    period: dict
    rows: int
    checks: list[str] = field(default_factory=list)
    estimation: dict | None = None
