"""Suites of expectations, as declared in YAML files and as Great Expectations runs them.

Great Expectations logs an expectation type that it does not know and leaves it out; a suite would pass
without it. Here whatever is not exactly understood is an error that names the file and the line.
"""

import difflib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import great_expectations as gx
import yaml
from great_expectations.exceptions import ExpectationNotFoundError
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)

from statloom import settings
from statloom.errors import GateError
from statloom.quality import context, expectations  # noqa: F401  (both register or set up on import)

DIMENSIONS = ("structure", "completeness", "accuracy", "coherence", "timeliness", "comparability")
SEVERITIES = {"fail": "critical", "warn": "warning"}

_SUITE_KEYS = {
    "suite",
    "table",
    "owner",
    "warning_budget",
    "most_held_back",
    "example_columns",
    "expectations",
}
_CHECK_KEYS = {"type", "kwargs", "dimension", "severity", "description", "owner"}


@dataclass(frozen=True)
class Check:
    """One expectation. ``where`` says where it is declared, for messages."""

    type: str
    dimension: str
    severity: str
    description: str
    where: str
    kwargs: dict = field(default_factory=dict)
    owner: str | None = None

    @property
    def column(self) -> str | None:
        """The column the expectation is about, when it is about one."""
        for key in ("column", "value"):
            if isinstance(self.kwargs.get(key), str):
                return self.kwargs[key]
        return None


@dataclass(frozen=True)
class Suite:
    """The expectations of one table. ``warning_budget``: as many warnings are borne, more fail the gate.

    ``most_held_back``: at the raw gate, the share of a delivery's parts that may be held back while the rest
    is accepted; all of them never may.
    """

    name: str
    table: str
    checks: tuple[Check, ...]
    warning_budget: int = 5
    most_held_back: float = 1.0
    example_columns: tuple[str, ...] = ()


def load(path: Path) -> Suite:
    """Return the suite declared in the file at ``path``.

    Raises GateError, naming file and line, for what is not YAML, for keys that are unknown, missing or
    given twice, for unknown expectation types or arguments, and when there is no expectation at all, except
    at the raw gate, where the contract has some.
    """
    shown = _shown(path)
    try:
        suite = _read(path, shown)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise GateError(f"{shown}: {error}") from error
    if suite.checks:
        build(suite)
    return suite


def _read(path: Path, shown: str) -> Suite:
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    document = _mapping(root, shown, _SUITE_KEYS, required={"suite", "expectations"})
    listed = document["expectations"]
    if not isinstance(listed, yaml.SequenceNode):
        raise GateError(f"{shown}: expectations must be a list")
    # At the raw gate the contract's own expectations come before these.
    if not listed.value and path.parent.name != "raw":
        raise GateError(f"{shown}: a suite without expectations checks nothing")
    plain = {key: _plain(node) for key, node in document.items() if key != "expectations"}
    suite = Suite(
        name=str(plain["suite"]),
        table=str(plain.get("table") or path.stem),
        checks=tuple(
            _check(node, shown, number, plain.get("owner"))
            for number, node in enumerate(listed.value, start=1)
        ),
        warning_budget=plain.get("warning_budget", Suite.warning_budget),
        most_held_back=plain.get("most_held_back", Suite.most_held_back),
        example_columns=tuple(plain.get("example_columns", ())),
    )
    expected = f"{path.parent.name}.{path.stem}"
    if suite.name != expected:
        raise GateError(f"{shown}: suite is called {suite.name!r}, and the file's place says {expected!r}")
    if not isinstance(suite.warning_budget, int) or suite.warning_budget < 0:
        raise GateError(f"{shown}: warning_budget must be a number of warnings, not {suite.warning_budget!r}")
    share = suite.most_held_back
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise GateError(f"{shown}: most_held_back must be a share from 0 to 1, not {share!r}")
    if "most_held_back" in plain and path.parent.name != "raw":
        raise GateError(f"{shown}: most_held_back is for deliveries, at the raw gate")
    return suite


def find(gate: str, subject: str) -> list[Suite]:
    """Return the suites declared for a gate: of one source for `raw`, else all of the gate's folder.

    An empty list when nothing is declared. Raises GateError as `load` does, and when nobody owns a warning:
    the contract's owner answers for those of a source, and the suite must name one elsewhere.
    """
    folder = settings.load().expectations / gate
    files = [folder / f"{subject}.yml"] if gate == "raw" else sorted(folder.glob("*.yml"))
    found = [load(path) for path in files if path.exists()]
    for suite in found if gate != "raw" else []:
        unowned = [check for check in suite.checks if check.severity == "warn" and not check.owner]
        if unowned:
            raise GateError(f"{unowned[0].where}: a warning needs an owner; give the suite one")
    return found


def digest(gate: str, subject: str) -> str:
    """Return the sha256 of the files of a gate's suites; for `raw` those of one source, perhaps none."""
    folder = settings.load().expectations / gate
    pattern = f"{subject}*.yml" if gate == "raw" else "*.yml"
    total = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        # Of a source itself and of its profile, not of another whose name begins like it.
        if gate != "raw" or path.name in (f"{subject}.yml", f"{subject}.profile.yml"):
            total.update(path.name.encode() + b"\x1f" + path.read_bytes())
    return total.hexdigest()


def build(suite: Suite) -> gx.ExpectationSuite:
    """Return the Great Expectations suite. Meta of an expectation: ``position`` from 1, dimension, severity.

    Raises GateError when an expectation cannot be built, or a suite is empty.
    """
    if not suite.checks:
        raise GateError(f"suite {suite.name}: a suite without expectations checks nothing")
    built = gx.ExpectationSuite(name=suite.name)
    built.expectations = [
        _expectation(check, position) for position, check in enumerate(suite.checks, start=1)
    ]
    if len(built.expectations) != len(suite.checks):
        raise GateError(
            f"suite {suite.name}: {len(suite.checks)} expectations are declared,"
            f" Great Expectations has built {len(built.expectations)}"
        )
    return built


def _expectation(check: Check, position: int):
    try:
        implementation = get_expectation_impl(check.type)
    except ExpectationNotFoundError as error:
        near = difflib.get_close_matches(check.type, list_registered_expectation_implementations(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise GateError(f"{check.where}: there is no expectation {check.type!r}{hint}") from error
    unknown = sorted(set(check.kwargs) - set(implementation.__fields__))
    if unknown:
        raise GateError(f"{check.where}: {check.type} has no argument {', '.join(unknown)}")
    try:
        return implementation(
            **check.kwargs,
            severity=SEVERITIES[check.severity],
            description=check.description,
            meta={"position": position, "dimension": check.dimension, "severity": check.severity},
        )
    except (ValueError, TypeError) as error:
        reasons = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in (error.errors() if hasattr(error, "errors") else [])
        )
        raise GateError(f"{check.where}: {check.type}: {reasons or error}") from error


def _check(node: yaml.Node, shown: str, number: int, owner: str | None) -> Check:
    where = f"{shown}, line {node.start_mark.line + 1}, expectation {number}"
    content = _mapping(node, where, _CHECK_KEYS, required=_CHECK_KEYS - {"kwargs", "owner"})
    plain = {key: _plain(value) for key, value in content.items()}
    for key, allowed in (("dimension", DIMENSIONS), ("severity", tuple(SEVERITIES))):
        if plain[key] not in allowed:
            raise GateError(f"{where}: {key} is {plain[key]!r}, and must be one of {', '.join(allowed)}")
    if not isinstance(plain.get("kwargs") or {}, dict):
        raise GateError(f"{where}: kwargs must be a mapping")
    plain["kwargs"] = plain.get("kwargs") or {}
    plain["owner"] = plain.get("owner") or owner
    return Check(where=where, **plain)


def _mapping(
    node: yaml.Node | None, where: str, allowed: set[str], *, required: Iterable[str]
) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise GateError(f"{where}: a mapping is needed, with the keys {', '.join(sorted(allowed))}")
    found: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise GateError(f"{where}: unknown key {key!r} in line {line}{hint}")
        if key in found:
            raise GateError(f"{where}: key {key!r} is given a second time in line {line}")
        found[key] = value
    missing = sorted(set(required) - set(found))
    if missing:
        raise GateError(f"{where}: key {missing[0]!r} is missing")
    return found


def _plain(node: yaml.Node):
    """Return the value of a YAML node; tags beyond plain YAML are refused by the safe loader."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _shown(path: Path) -> str:
    project = settings.load().project
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
