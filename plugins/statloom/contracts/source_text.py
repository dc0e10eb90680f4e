"""YAML as people write contracts: safe, strict, and each value knows its line."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from statloom.errors import ContractError

MAXIMUM_BYTES = 1_048_576
_MAXIMUM_DEPTH = 30
_MAXIMUM_NODES = 100_000

Path_ = tuple[str | int, ...]


@dataclass
class Document:
    """Parsed YAML: ``data`` as plain Python values, ``lines`` as path → line number (1-based)."""

    file: str
    data: dict = field(default_factory=dict)
    lines: dict[Path_, int] = field(default_factory=dict)
    nodes: int = 0

    def line(self, path: Path_) -> int:
        """Return the line of ``path``, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {_PREFIX + kind for kind in ("map", "seq", "str", "int", "float", "bool", "null")}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The scalars of YAML 1.2: NO, 01 and 2011-06-22 are text, as the people who write them mean."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - PyYAML's own shape


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(_PREFIX + _tag, re.compile(_pattern), [*_first, ""])


def parse(path: Path, name: str) -> Document:
    """Read the YAML mapping in ``path``; ``name`` is how messages call the file.

    Raises ContractError for a file that is too large, is not UTF-8, or uses tags or duplicate keys.
    """
    if path.stat().st_size > MAXIMUM_BYTES:
        raise ContractError(f"{name}: larger than {MAXIMUM_BYTES:,} bytes")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError(f"{name}: not UTF-8 (byte {error.start + 1})") from None
    return parse_text(text, name)


def parse_text(text: str, name: str) -> Document:
    """As `parse`, from a string."""
    document = Document(name)
    try:
        _refuse_deep(text, name)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise ContractError(f"{name}: empty")
        if not isinstance(node, yaml.MappingNode):
            raise ContractError(f"{name}, line {node.start_mark.line + 1}: a contract is a mapping of keys")
        document.data = _construct(loader, node, (), document)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{name}, line {line}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ContractError(f"{name}: not YAML: {str(error)[:200]}") from None
    return document


def _refuse_deep(text: str, name: str) -> None:
    """Raise when ``text`` is nested so deeply that the composer could run out of stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAXIMUM_DEPTH:
            raise ContractError(f"{name}, line {event.start_mark.line + 1}: nested too deeply")


def _construct(loader: yaml.SafeLoader, node: yaml.Node, path: Path_, document: Document):
    document.lines.setdefault(path, node.start_mark.line + 1)
    if len(path) > _MAXIMUM_DEPTH:
        raise ContractError(f"{document.file}, line {node.start_mark.line + 1}: nested too deeply")
    # Aliases repeat what they name: without a limit a small file could grow beyond all memory.
    document.nodes += 1
    if document.nodes > _MAXIMUM_NODES:
        raise ContractError(f"{document.file}: more than {_MAXIMUM_NODES:,} values")
    if node.tag not in _PLAIN:
        raise ContractError(
            f"{document.file}, line {node.start_mark.line + 1}: tags are not allowed ({node.tag})"
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, child, (*path, i), document) for i, child in enumerate(node.value)]
    try:
        if node.tag == _PREFIX + "int":
            return int(node.value)
        if node.tag == _PREFIX + "float":
            return float(node.value)
    except ValueError:
        raise ContractError(f"{document.file}, line {node.start_mark.line + 1}: {node.value!r}?") from None
    return loader.construct_object(node)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path_, document: Document) -> dict:
    result = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        # A pattern's $ matches before a line's end too, so that a name with one would pass for a name.
        if not isinstance(key_node, yaml.ScalarNode) or "\n" in key_node.value:
            raise ContractError(f"{document.file}, line {line}: a key must be a word")
        key = key_node.value
        if key in result:
            raise ContractError(f"{document.file}, line {line}, {dotted((*path, key))}: given twice")
        document.lines[(*path, key)] = line
        result[key] = _construct(loader, value_node, (*path, key), document)
    return result


def dotted(path: Path_) -> str:
    """Return ``path`` as a person writes it: ``series[0].numerator.measure``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
