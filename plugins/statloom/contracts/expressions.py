"""SQL expressions of contracts over declared columns: parsed by sqlglot, checked against a closed list, built
anew.

Nothing of the text reaches an engine: each node that is on the list is made again from its checked parts, so
there is no way to a table, a file, a setting or a second statement. The new tree means the same in DuckDB and
in Apache Spark: types are checked (no implicit casts), a division by zero gives nothing, whole numbers are
wide.

Allowed: columns, numbers, ``'text'``, ``DATE '2021-11-25'``, ``TRUE FALSE NULL``; ``+ - * / // %``;
``= <> != < <= > >=``; ``AND OR NOT``; ``[NOT] IN (…)``, ``[NOT] BETWEEN … AND …``, ``IS [NOT]
NULL|TRUE|FALSE``, ``[NOT] LIKE '…'``, ``||``; ``CASE … END``; ``CAST`` of whole numbers to text or number;
the functions of `FUNCTIONS`.
"""

import datetime
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from statloom.contracts.suggestion import suggestion

FUNCTIONS = (
    "abs",
    "ceil",
    "coalesce",
    "floor",
    "greatest",
    "if",
    "least",
    "length",
    "month",
    "nullif",
    "substring",
    "trim",
    "year",
)
LONGEST = 10_000
DEEPEST = 100
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_NAMES = re.compile(r'"(?:[^"]|"")*"')
_INTEGER = re.compile(r"\d{1,18}")
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NUMERIC = ("integer", "number")


class ExpressionError(ValueError):
    """An expression is refused; the text says why."""


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    ``tree`` is for any engine: ``tree.sql("duckdb")``, ``tree.sql("spark")``. ``kind``: condition, integer,
    number, text or date. ``columns``: the columns that it reads.
    """

    text: str
    tree: exp.Expression
    kind: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Scope:
    """What an expression may name: ``columns``, with their contract types.

    ``personal``: those of them that hold keyed hashes of personal identifiers. For better messages,
    ``dropped``: columns that are declared but kept nowhere; ``elsewhere``: columns of other records.
    """

    columns: Mapping[str, str]
    dropped: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    personal: frozenset[str] = frozenset()


def parse(text: object, scope: Scope) -> Expression:
    """Return ``text``, checked against ``scope``. Raises ExpressionError with the reason."""
    if isinstance(text, bool | int | float):
        text = str(text).lower()
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError("an SQL expression is needed")
    _refuse_hidden(text)
    try:
        statements = sqlglot.parse(text, read="duckdb")
    except SqlglotError as error:
        found = getattr(error, "errors", None)
        where = f" at character {found[0]['col']}" if found and found[0].get("col") else ""
        raise ExpressionError(f"not an SQL expression{where}") from None
    except RecursionError:
        raise ExpressionError(f"nested more than {DEEPEST} deep") from None
    if len(statements) != 1 or statements[0] is None:
        raise ExpressionError("one expression is allowed, not several statements")
    checker = _Checker(scope)
    tree, kind = checker.visit(statements[0])
    if kind == "null":
        raise ExpressionError("NULL alone has no type")
    return Expression(text, tree, kind, frozenset(checker.used))


def _refuse_hidden(text: str) -> None:
    """Refuse what could hide a part of the text from its reader or from the parser."""
    if len(text) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST:,} characters")
    bare = _NAMES.sub('""', _TEXTS.sub("''", text))
    for character in text:
        if character in _BIDIRECTIONAL or (
            unicodedata.category(character) == "Cc" and character not in "\n\r\t"
        ):
            raise ExpressionError(f"the invisible character U+{ord(character):04X} is not allowed")
    for character in bare:
        if unicodedata.category(character) in ("Cf", "Co", "Cs"):
            raise ExpressionError(f"the invisible character U+{ord(character):04X} is not allowed")
    if ";" in bare:
        raise ExpressionError("one expression is allowed: ';' begins a second statement")
    if re.search(r"--|/\*|\*/|#", bare):
        raise ExpressionError("comments are not allowed")
    if bare.count("'") % 2 or bare.count('"') % 2:
        raise ExpressionError("a quotation mark is not closed")
    if re.search(r"[$`\\@{}\[\]]|->|:(?!:)(?<!::)", bare) or re.search(r"\w'", bare):
        raise ExpressionError("only columns, numbers, 'texts', operators and functions are allowed")


_Visited = tuple[exp.Expression, str]


class _Checker:
    """Builds a tree anew from the allowed nodes; ``used`` has the columns seen."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.used: set[str] = set()
        self._depth = 0
        self._visitors: dict[type, Callable[[exp.Expression], _Visited]] = {
            exp.Paren: self._paren,
            exp.Column: self._column,
            exp.Literal: self._literal,
            exp.Boolean: lambda node: (exp.Boolean(this=bool(node.this)), "condition"),
            exp.Null: lambda node: (exp.Null(), "null"),
            exp.And: self._logical,
            exp.Or: self._logical,
            exp.Not: self._not,
            **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), self._comparison),
            exp.In: self._in,
            exp.Between: self._between,
            exp.Is: self._is,
            exp.Like: self._like,
            exp.Add: self._arithmetic,
            exp.Sub: self._arithmetic,
            exp.Mul: self._arithmetic,
            exp.Mod: self._arithmetic,
            exp.Div: self._division,
            exp.IntDiv: self._whole_division,
            exp.Neg: self._negative,
            exp.DPipe: self._joined_texts,
            exp.Case: self._case,
            exp.If: self._if,
            exp.Cast: self._cast,
            exp.Coalesce: self._alike,
            exp.Greatest: self._alike,
            exp.Least: self._alike,
            exp.Nullif: self._nullif,
            exp.Abs: self._abs,
            exp.Floor: self._whole,
            exp.Ceil: self._whole,
            exp.Length: self._length,
            exp.Trim: self._text,
            exp.Substring: self._substring,
            exp.Year: self._part_of_date,
            exp.Month: self._part_of_date,
        }

    def visit(self, node: exp.Expression) -> _Visited:
        visitor = self._visitors.get(type(node))
        if visitor is None:
            raise ExpressionError(_refusal(node))
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"nested more than {DEEPEST} deep (a long chain of OR is written with IN)")
        built = visitor(node)
        self._depth -= 1
        return built

    def _column(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "table")
        if node.args.get("table") is not None:
            raise ExpressionError(f"{_shown(node)}: a column is written without its record's name")
        if not isinstance(node.this, exp.Identifier):
            raise ExpressionError(_refusal(node.this))
        name, columns = node.name, self.scope.columns
        if name not in columns:
            alike = [column for column in columns if column.lower() == name.lower()]
            if len(alike) == 1:
                name = alike[0]
            elif name in self.scope.dropped:
                raise ExpressionError(
                    f"column {name!r} is dropped before anything is stored (its role says so)"
                )
            elif name in self.scope.elsewhere:
                raise ExpressionError(
                    f"column {name!r} belongs to another record, which is not above this one"
                )
            else:
                raise ExpressionError(f"unknown column {name!r}{suggestion(name, columns)}")
        self.used.add(name)
        kind = "condition" if columns[name] == "boolean" else columns[name]
        return exp.column(exp.to_identifier(name, quoted=True)), kind

    def _literal(self, node: exp.Expression) -> _Visited:
        text = node.this
        if node.is_string:
            return exp.Literal.string(text), "text"
        if _INTEGER.fullmatch(text):
            return exp.Literal.number(text), "integer"
        if _NUMBER.fullmatch(text) and not text.isdigit() and math.isfinite(float(text)):
            return exp.cast(exp.Literal.number(text), "double"), "number"
        raise ExpressionError(f"{text} is not a number that is allowed")

    def _paren(self, node: exp.Expression) -> _Visited:
        tree, kind = self.visit(node.this)
        return exp.Paren(this=tree), kind

    def _condition(self, node: exp.Expression) -> exp.Expression:
        tree, kind = self.visit(node)
        if kind not in ("condition", "null"):
            raise ExpressionError(f"a condition is needed, {_shown(node)} is {_article(kind)}")
        return _grouped(tree)

    def _number(self, node: exp.Expression) -> _Visited:
        tree, kind = self.visit(node)
        if kind not in _NUMERIC:
            raise ExpressionError(f"a number is needed, {_shown(node)} is {_article(kind)}")
        # Whole numbers are stored as narrow as they come; sums of them must not overflow.
        return (_wide(tree) if kind == "integer" else _double(tree)), kind

    def _logical(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        return type(node)(
            this=self._condition(node.this), expression=self._condition(node.expression)
        ), "condition"

    def _not(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        return exp.Not(this=self._condition(node.this)), "condition"

    def _comparable(self, nodes: list[exp.Expression], what: str) -> tuple[list[exp.Expression], str]:
        built = [self.visit(node) for node in nodes]
        if any(kind == "null" for _, kind in built):
            raise ExpressionError(f"{what} NULL is never true; IS NULL asks whether a value is missing")
        kinds = {"number" if kind in _NUMERIC else kind for _, kind in built}
        if len(kinds) > 1:
            raise ExpressionError(f"{what} compares {' with '.join(sorted(kind for _, kind in built))}")
        mixed = len({kind for _, kind in built}) > 1
        return [_grouped(_double(tree) if mixed else tree) for tree, _ in built], kinds.pop()

    def _comparison(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        (left, right), kind = self._comparable([node.this, node.expression], _shown(node))
        if kind == "condition" and not isinstance(node, exp.EQ | exp.NEQ):
            raise ExpressionError(f"{_shown(node)}: conditions have no order")
        return type(node)(this=left, expression=right), "condition"

    def _in(self, node: exp.Expression) -> _Visited:
        if node.args.get("query") is not None:
            raise ExpressionError(_refusal(node.args["query"]))
        _only(node, "this", "expressions")
        if not node.expressions:
            raise ExpressionError("IN needs a list of values")
        (tree, *values), _ = self._comparable([node.this, *node.expressions], "IN:")
        return exp.In(this=tree, expressions=values), "condition"

    def _between(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "low", "high")
        (tree, low, high), _ = self._comparable([node.this, node.args["low"], node.args["high"]], "BETWEEN:")
        return exp.Between(this=tree, low=low, high=high), "condition"

    def _is(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        tree, kind = self.visit(node.this)
        if isinstance(node.expression, exp.Null):
            return exp.Is(this=_grouped(tree), expression=exp.Null()), "condition"
        if isinstance(node.expression, exp.Boolean) and kind == "condition":
            return exp.Is(
                this=_grouped(tree), expression=exp.Boolean(this=bool(node.expression.this))
            ), "condition"
        raise ExpressionError(f"{_shown(node)}: IS takes NULL, or TRUE or FALSE after a condition")

    def _like(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string) or "\\" in pattern.this:
            raise ExpressionError("LIKE takes a text in quotes without backslashes")
        return exp.Like(
            this=self._of_kind(node.this, "text"), expression=exp.Literal.string(pattern.this)
        ), "condition"

    def _of_kind(self, node: exp.Expression, wanted: str) -> exp.Expression:
        tree, kind = self.visit(node)
        if kind != wanted:
            raise ExpressionError(f"{_article(wanted)} is needed, {_shown(node)} is {_article(kind)}")
        return _grouped(tree)

    def _arithmetic(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        (left, one), (right, other) = self._number(node.this), self._number(node.expression)
        kind = "integer" if one == other == "integer" else "number"
        if isinstance(node, exp.Mod):
            if kind == "number":
                raise ExpressionError("% takes whole numbers")
            return exp.Mod(this=left, expression=_not_zero(right)), kind
        return type(node)(this=left, expression=right), kind

    def _division(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        left, right = self._number(node.this)[0], self._number(node.expression)[0]
        return exp.Div(this=_double(left), expression=_not_zero(_double(right))), "number"

    def _whole_division(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        left, right = self._number(node.this)[0], self._number(node.expression)[0]
        return _bigint(
            exp.Floor(this=exp.Div(this=_double(left), expression=_not_zero(_double(right))))
        ), "integer"

    def _negative(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        tree, kind = self._number(node.this)
        return exp.Neg(this=_grouped(tree)), kind

    def _joined_texts(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression", "safe")
        left, right = self._of_kind(node.this, "text"), self._of_kind(node.expression, "text")
        return exp.DPipe(this=left, expression=right, safe=True), "text"

    def _same(self, nodes: list[exp.Expression], what: str) -> tuple[list[exp.Expression], str]:
        """Return the trees of ``nodes``, brought to one kind."""
        built = [self.visit(node) for node in nodes]
        kinds = {kind for _, kind in built} - {"null"}
        if not kinds:
            raise ExpressionError(f"{what} has no value but NULL")
        if kinds <= set(_NUMERIC):
            kind = "number" if "number" in kinds else "integer"
            widened = _double if kind == "number" else _wide
            return [tree if one == "null" else widened(tree) for tree, one in built], kind
        if len(kinds) > 1:
            raise ExpressionError(f"{what} gives {' or '.join(sorted(kinds))}: one kind is needed")
        return [_grouped(tree) for tree, _ in built], kinds.pop()

    def _case(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "ifs", "default")
        branches, asked = node.args["ifs"], node.args.get("this")
        conditions = [
            self._condition(branch.this)
            if asked is None
            else self._comparison(exp.EQ(this=asked.copy(), expression=branch.this))[0]
            for branch in branches
        ]
        default = node.args.get("default")
        values = [branch.args["true"] for branch in branches] + ([default] if default is not None else [])
        trees, kind = self._same(values, "CASE")
        ifs = [exp.If(this=c, true=v) for c, v in zip(conditions, trees, strict=False)]
        return exp.Case(ifs=ifs, default=trees[-1] if default is not None else None), kind

    def _if(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "true", "false")
        if node.args.get("false") is None:
            raise ExpressionError("if() takes a condition and two values")
        return self._case(
            exp.Case(ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args["false"])
        )

    def _alike(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expressions", "ignore_nulls")
        what = type(node).__name__.lower()
        if not node.expressions:
            raise ExpressionError(f"{what}() takes at least two values")
        trees, kind = self._same([node.this, *node.expressions], what)
        extra = {} if isinstance(node, exp.Coalesce) else {"ignore_nulls": True}
        return type(node)(this=trees[0], expressions=trees[1:], **extra), kind

    def _nullif(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "expression")
        trees, kind = self._same([node.this, node.expression], "nullif")
        return exp.Nullif(this=trees[0], expression=trees[1]), kind

    def _abs(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        tree, kind = self._number(node.this)
        return exp.Abs(this=tree), kind

    def _whole(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        return _bigint(type(node)(this=_double(self._number(node.this)[0]))), "integer"

    def _length(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        return _bigint(exp.Length(this=self._of_kind(node.this, "text"))), "integer"

    def _text(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        return type(node)(this=self._of_kind(node.this, "text")), "text"

    def _substring(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "start", "length")
        bounds = [node.args.get("start"), node.args.get("length")]
        if not all(
            isinstance(b, exp.Literal) and not b.is_string and _INTEGER.fullmatch(b.this) for b in bounds
        ):
            raise ExpressionError(
                "substring takes a text, the first character (from 1) and a length, as numbers"
            )
        start, length = (int(bound.this) for bound in bounds)
        if start < 1:
            raise ExpressionError("substring counts characters from 1")
        return exp.Substring(
            this=self._of_kind(node.this, "text"),
            start=exp.Literal.number(start),
            length=exp.Literal.number(length),
        ), "text"

    def _part_of_date(self, node: exp.Expression) -> _Visited:
        _only(node, "this")
        return _bigint(type(node)(this=self._of_kind(node.this, "date"))), "integer"

    def _cast(self, node: exp.Expression) -> _Visited:
        _only(node, "this", "to")
        kind = node.args["to"]
        name = kind.this.value if isinstance(kind, exp.DataType) and not kind.expressions else "?"
        if name == "DATE" and isinstance(node.this, exp.Literal) and node.this.is_string:
            try:
                day = datetime.date.fromisoformat(node.this.this)
            except ValueError:
                raise ExpressionError(f"{node.this.this!r} is not a date: DATE 'YYYY-MM-DD'") from None
            return exp.cast(exp.Literal.string(day.isoformat()), "date"), "date"
        tree, given = self.visit(node.this)
        wanted = {
            "BIGINT": "integer",
            "INT": "integer",
            "DOUBLE": "number",
            "TEXT": "text",
            "VARCHAR": "text",
        }.get(name)
        if (given, wanted) in (("condition", "integer"), ("integer", "integer")):
            return _bigint(tree), "integer"
        if given in _NUMERIC and wanted == "number":
            return _double(tree), "number"
        if (given, wanted) in (("integer", "text"), ("text", "text")):
            return exp.cast(_grouped(tree), "text"), "text"
        hint = "; floor() makes a whole number" if given == "number" else ""
        if given == "text":
            hint = "; the column's type in the contract says what a text is read as"
        raise ExpressionError(f"a cast of {_article(given)} to {_shown(kind)} is not allowed{hint}")


def _only(node: exp.Expression, *allowed: str) -> None:
    """Refuse a node with parts beyond ``allowed``."""
    extra = {key for key, value in node.args.items() if value not in (None, False, [])} - set(allowed)
    if extra:
        raise ExpressionError(f"{_shown(node)} is not allowed in this form")


def _refusal(node: exp.Expression) -> str:
    if isinstance(node, exp.Query) or node.find(exp.Query):
        return "a subquery is not allowed"
    if isinstance(node, exp.Window | exp.WithinGroup | exp.Filter):
        return f"{_shown(node)}: window functions are not allowed"
    if isinstance(node, exp.Count) and node.find(exp.Distinct):
        return f"{_shown(node)} is not additive: cells of two parts of the data could not be added up"
    if isinstance(node, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max | exp.CountIf):
        return f"{_shown(node)}: write what holds for one unit; conditions are counted, numbers added up"
    if isinstance(node, exp.AggFunc):
        return (
            f"{_shown(node)} is not additive: cells of two parts of the data could not be added up"
            " (statloom.microdata.survey estimates quantiles)"
        )
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name().lower()
        if isinstance(node, exp.Anonymous) and node.name.lower() in ("mode", "approx_count_distinct", "list"):
            return f"{node.name}() is not additive: cells of two parts of the data could not be added up"
        return f"function {name}() is not allowed; allowed are {', '.join(FUNCTIONS)}"
    return f"{_shown(node)} is not allowed"


def _shown(node: exp.Expression) -> str:
    try:
        text = " ".join(node.sql("duckdb", comments=False).split())
    except (SqlglotError, RecursionError, ValueError):
        text = type(node).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def _article(kind: str) -> str:
    return {"integer": "a whole number", "null": "NULL"}.get(kind, f"a {kind}")


def _grouped(tree: exp.Expression) -> exp.Expression:
    """Return ``tree`` in parentheses unless it stands for itself."""
    return (
        exp.Paren(this=tree)
        if isinstance(tree, exp.Binary | exp.Not | exp.Neg | exp.In | exp.Between)
        else tree
    )


def _wide(tree: exp.Expression) -> exp.Expression:
    return _bigint(tree) if isinstance(tree, exp.Column) else _grouped(tree)


def _bigint(tree: exp.Expression) -> exp.Expression:
    return exp.cast(_grouped(tree), "bigint")


def _double(tree: exp.Expression) -> exp.Expression:
    done = isinstance(tree, exp.Cast) and tree.args["to"].this == exp.DataType.Type.DOUBLE
    return tree if done else exp.cast(_grouped(tree), "double")


def _not_zero(tree: exp.Expression) -> exp.Expression:
    return exp.Nullif(this=tree, expression=exp.Literal.number(0))
