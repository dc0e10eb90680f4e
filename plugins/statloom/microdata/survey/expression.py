"""Expressions over the columns of a survey: parsed by a closed grammar, then written anew as DuckDB SQL.

What the grammar does not name cannot pass: there is no way to a table, a file, a setting or a second
statement.

Allowed: columns (``sex`` or ``"household size"``), numbers, ``'text'``, ``TRUE FALSE NULL``; ``+ - * / %``;
``= <> != < <= > >=``; ``AND OR NOT``; ``[NOT] IN (…)``, ``[NOT] BETWEEN … AND …``, ``IS [NOT] NULL``;
``CASE [x] WHEN … THEN … [ELSE …] END``; the functions ``coalesce abs least greatest``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from statloom.microdata.survey.errors import SurveyError

FUNCTIONS = {"coalesce": (1, None), "abs": (1, 1), "least": (1, None), "greatest": (1, None)}
KEYWORDS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "between",
        "is",
        "null",
        "case",
        "when",
        "then",
        "else",
        "end",
        "true",
        "false",
    ]
)
COMPARISONS = frozenset(["=", "<>", "!=", "<", "<=", ">", ">="])
DEEPEST = 60

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<word>[^\W\d]\w*)
      | (?P<sign><=|>=|<>|!=|[-+*/%(),=<>])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Expression:
    """A checked expression: ``text`` as written, ``sql`` for DuckDB, the ``columns`` it reads."""

    text: str
    sql: str
    columns: frozenset[str]


def quote(name: str) -> str:
    """Return ``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def parse(text: object, columns: Iterable[str], field: str) -> Expression:
    """Check ``text`` against the grammar and the data's ``columns``.

    ``field`` is how messages call the place where the expression stands, such as
    ``estimand 'literacy', field expression``. Numbers and booleans are taken as literals.
    Raises SurveyError for anything that the grammar does not have, and for unknown columns.
    """
    if isinstance(text, bool | int | float):
        text = str(text)
    if not isinstance(text, str) or not text.strip():
        raise SurveyError(f"{field}: an expression is needed, not {text!r}")
    parser = _Parser(text, list(columns), field)
    return Expression(text, parser.whole(), frozenset(parser.used))


class _Parser:
    def __init__(self, text: str, columns: list[str], field: str) -> None:
        self.text, self.field = text, field
        self.columns = set(columns)
        self.folded: dict[str, list[str]] = {}
        for column in columns:
            self.folded.setdefault(column.lower(), []).append(column)
        self.used: set[str] = set()
        self.tokens = list(self._tokens())
        self.position = 0
        self.depth = 0

    def _fail(self, reason: str) -> SurveyError:
        return SurveyError(f"{self.field}: {reason} (in: {self.text.strip()})")

    def _tokens(self) -> Iterable[tuple[str, str]]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if not found:
                rest = self.text[at:].lstrip()
                if rest.startswith(";"):
                    raise self._fail("only one expression is allowed, ';' begins a second statement")
                raise self._fail(
                    f"not allowed at character {len(self.text) - len(rest) + 1}: {rest.strip()[:12]!r}"
                )
            kind = found.lastgroup or ""
            value = found.group(kind)
            if kind == "sign" and self.text.startswith(("--", "/*", "//"), found.start(kind)):
                raise self._fail(f"comments and '//' are not allowed, at character {found.start(kind) + 1}")
            if kind == "word" and value.lower() in KEYWORDS:
                kind, value = "keyword", value.lower()
            yield kind, value
            at = found.end()

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "the end")

    def _take(self, *values: str) -> str | None:
        kind, value = self._peek()
        if kind in ("keyword", "sign") and value in values:
            self.position += 1
            return value
        return None

    def _need(self, value: str) -> None:
        if not self._take(value):
            raise self._fail(f"{value.upper()!r} expected, found {self._peek()[1]!r}")

    def whole(self) -> str:
        sql = self._or()
        if self._peek()[0] != "end":
            raise self._fail(f"not allowed here: {self._peek()[1]!r}")
        return sql

    def _chain(self, operand: Callable[[], str], *operators: str) -> str:
        sql = operand()
        while operator := self._take(*operators):
            sql = f"({sql} {operator.upper()} {operand()})"
        return sql

    def _or(self) -> str:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._fail(f"nested more than {DEEPEST} deep")
        sql = self._chain(self._and, "or")
        self.depth -= 1
        return sql

    def _and(self) -> str:
        return self._chain(self._not, "and")

    def _not(self) -> str:
        negations = 0
        while self._take("not"):
            negations += 1
        sql = self._predicate()
        return f"(NOT {sql})" if negations % 2 else sql

    def _predicate(self) -> str:
        sql = self._sum()
        if operator := self._take(*COMPARISONS):
            return f"({sql} {operator} {self._sum()})"
        if self._take("is"):
            negated = " NOT" if self._take("not") else ""
            self._need("null")
            return f"({sql} IS{negated} NULL)"
        negated = "NOT " if self._take("not") else ""
        if self._take("between"):
            low = self._sum()
            self._need("and")
            return f"({sql} {negated}BETWEEN {low} AND {self._sum()})"
        if self._take("in"):
            return f"({sql} {negated}IN ({', '.join(self._list(self._sum))}))"
        if negated:
            raise self._fail(f"IN or BETWEEN expected after NOT, found {self._peek()[1]!r}")
        return sql

    def _list(self, item: Callable[[], str]) -> list[str]:
        self._need("(")
        items = [item()]
        while self._take(","):
            items.append(item())
        self._need(")")
        return items

    def _sum(self) -> str:
        return self._arithmetic(self._product, "+", "-")

    def _product(self) -> str:
        return self._arithmetic(self._signed, "*", "/", "%")

    def _arithmetic(self, operand: Callable[[], str], *operators: str) -> str:
        sql = operand()
        while operator := self._take(*operators):
            # In DOUBLE: a column of small integers would overflow, 100 * 2 is none of its type.
            sql = f"(1e0 * {sql} {operator} {operand()})"
        return sql

    def _signed(self) -> str:
        negative = False
        while sign := self._take("-", "+"):
            negative ^= sign == "-"
        sql = self._primary()
        return f"(-1e0 * {sql})" if negative else sql

    def _primary(self) -> str:
        kind, value = self._peek()
        self.position += 1
        if kind == "number":
            # DuckDB takes 1.5 for a DECIMAL, whose products can overflow; 1.5e0 is a DOUBLE.
            return value + "e0" if "." in value and "e" not in value.lower() else value
        if kind == "text":
            return value
        if kind == "quoted":
            return self._column(value[1:-1].replace('""', '"'))
        if kind == "word":
            return self._function(value) if self._peek() == ("sign", "(") else self._column(value)
        if kind == "keyword" and value in ("true", "false", "null"):
            return value.upper()
        if kind == "keyword" and value == "case":
            return self._case()
        if (kind, value) == ("sign", "("):
            sql = self._or()
            self._need(")")
            return f"({sql})"
        raise self._fail(f"a column, a number or a text expected, found {value!r}")

    def _function(self, name: str) -> str:
        if name.lower() not in FUNCTIONS:
            raise self._fail(f"function {name!r} is not allowed; allowed are {', '.join(sorted(FUNCTIONS))}")
        arguments = self._list(self._or)
        most = FUNCTIONS[name.lower()][1]
        if most is not None and len(arguments) > most:
            raise self._fail(f"function {name!r} takes {most} argument, not {len(arguments)}")
        return f"{name.lower()}({', '.join(arguments)})"

    def _case(self) -> str:
        parts = ["CASE"]
        if self._peek() != ("keyword", "when"):
            parts.append(self._or())
        self._need("when")
        while True:
            condition = self._or()
            self._need("then")
            parts.append(f"WHEN {condition} THEN {self._or()}")
            if not self._take("when"):
                break
        if self._take("else"):
            parts.append(f"ELSE {self._or()}")
        self._need("end")
        return f"({' '.join([*parts, 'END'])})"

    def _column(self, name: str) -> str:
        if name not in self.columns:
            alike = self.folded.get(name.lower(), [])
            if len(alike) != 1:
                raise self._fail(f"unknown column {name!r}")
            name = alike[0]
        self.used.add(name)
        return quote(name)
