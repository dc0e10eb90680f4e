"""SQL is put together from quoted names and escaped texts: a rule by which the code is read."""

import ast
import re

import pytest

from statloom.settings import PROJECT

LIBRARY = PROJECT / "plugins" / "statloom"
_SQL = re.compile(
    r"(?is)\b(select\b.+\bfrom\b|insert into\b|update\b.+\bset\b|delete from\b|where\b|grant\b|revoke\b"
    r"|(create|drop|alter)\s+(or replace\s+)?(table|view|schema|function|index|trigger|role|database)\b"
    r"|copy\b.+\b(from|to)\b|comment on\b|\bcase when\b)"
)
_EXECUTES = {"execute", "exec_driver_sql", "text", "sql", "copy", "scalar", "scalars"}


# Quotes that a person has looked at: the value is escaped just before, or is one of a fixed list, or the text
# is a message.
LOOKED_AT = {
    "cli/survey.py": {"target"},
    "exports/formulas.py": {"formula", "number"},
    "publication/publisher.py": {"mart"},
    "quality/profile.py": {"fault"},
    "release/changes.py": {"kind"},
    "release/standing.py": {"_quoted(files)", "_quoted(str(rows))"},
}


def _plain(node: ast.expr) -> bool:
    """Is this a value that nobody outside the code can choose: a constant of the module, or a number?"""
    if isinstance(node, ast.Constant):
        return True
    return isinstance(node, ast.Name) and node.id.isupper()


def faults(source: str, name: str) -> list[str]:
    """Where SQL is put together by hand: ``name:line: why``."""
    found = []
    known = LOOKED_AT.get(name, ())
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
            if not _SQL.search(texts):
                continue
            parts = [*node.values, ast.Constant("")]
            for before, value, after in zip(parts, parts[1:], parts[2:], strict=False):
                if not isinstance(value, ast.FormattedValue) or not isinstance(before, ast.Constant):
                    continue
                quote = before.value[-1:] if isinstance(before.value, str) else ""
                closed = isinstance(after, ast.Constant) and str(after.value).startswith(quote)
                shown = ast.unparse(value.value)
                by_hand = quote in ("'", '"') and closed and value.format_spec is None
                if by_hand and not _plain(value.value) and shown not in known:
                    found.append(f"{name}:{node.lineno}: {quote}{{{shown}}}{quote}: quoted by hand")
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute | ast.Name)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) in _EXECUTES
            and node.args
        ):
            first = node.args[0]
            joined = isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mod)
            if joined and isinstance(first.left, ast.Constant) and isinstance(first.left.value, str):
                found.append(f"{name}:{node.lineno}: values are put into a statement by %")
    return found


def test_no_statement_of_the_library_is_quoted_by_hand():
    found = []
    for path in sorted(LIBRARY.rglob("*.py")):
        found += faults(path.read_text(encoding="utf-8"), str(path.relative_to(LIBRARY)))
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "connection.execute(f\"select * from place where name = '{name}'\")",
        "connection.execute(f'select * from \"{table}\" where true')",
        "connection.execute(text(\"delete from t where a = '%s'\" % name))",
        "run(f\"insert into t values ('{a}', '{b.c}')\")",
    ],
)
def test_what_is_quoted_by_hand_is_found(planted):
    assert faults(planted, "planted.py")


@pytest.mark.parametrize(
    "sound",
    [
        "connection.execute(text('select * from place where name = :name'), {'name': name})",
        "run(f'select * from {quote(table)} where name = {literal(name)}')",
        "run(f\"select 'x' as {quote(name)} from t where kind = '{KIND}'\")",
        "print(f\"no table '{name}' where one was expected\" % 3)",
    ],
)
def test_what_is_sound_passes(sound):
    assert not [fault for fault in faults(sound, "sound.py") if "print" not in sound]
