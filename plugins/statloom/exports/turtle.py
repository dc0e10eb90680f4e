"""A graph in JSON-LD, as catalogues are built here, written as Turtle."""

import json
import re


def write(graph: dict) -> str:
    """Return the Turtle of ``graph``, whose ``@context`` has prefixes alone.

    Values are nodes, references or literals. Nodes with an ``@id`` stand on their own; others stand where
    they are used.
    """
    prefixes = graph["@context"]
    lines = [f"@prefix {prefix}: <{address}> ." for prefix, address in prefixes.items()]
    waiting = [{name: value for name, value in graph.items() if name != "@context"}]
    written = []
    while waiting:
        node = waiting.pop(0)
        written.append(f"\n{_reference(node)} {_statements(node, waiting, 1)} .")
    return "\n".join([*lines, *written]) + "\n"


def _statements(node: dict, waiting: list[dict], depth: int) -> str:
    inside = []
    for name, value in node.items():
        if name == "@id":
            continue
        values = value if isinstance(value, list) else [value]
        if name == "@type":
            inside.append(f"a {', '.join(values)}")
        elif values:
            inside.append(f"{name} " + ", ".join(_object(each, waiting, depth) for each in values))
    return (" ;\n" + "    " * depth).join(inside)


def _object(value: object, waiting: list[dict], depth: int) -> str:
    if not isinstance(value, dict):
        return _text(value)
    if "@value" in value:
        if "@language" in value:
            return f"{_text(value['@value'])}@{value['@language']}"
        return f"{_text(value['@value'])}^^{value['@type']}" if "@type" in value else _text(value["@value"])
    if "@id" in value:
        if len(value) > 1:
            waiting.append(value)
        return _reference(value)
    return f"[ {_statements(value, waiting, depth + 1)} ]"


def _reference(node: dict) -> str:
    # In an address these characters are not allowed.
    return "<" + re.sub(r'[\x00-\x20<>"{}|^`\\]', lambda c: f"%{ord(c[0]):02X}", node["@id"]) + ">"


def _text(value: object) -> str:
    # JSON escapes as Turtle does, but for characters beyond its own.
    return json.dumps(str(value), ensure_ascii=False)
