"""A contract as frozen dataclasses.

Attributes have the names of the YAML keys; absent keys have the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from statloom.contracts.public_use import PublicUse

POSTGRESQL_TYPES = {
    "text": "text",
    "integer": "bigint",
    "number": "numeric",  # exact: a sum does not depend on the order of rows
    "date": "date",
    "boolean": "boolean",
}
DROPPED_ROLES = ("personal_identifier", "ignored")
TOTAL = "_T"
"""SDMX code of a breakdown's total."""


@dataclass(frozen=True)
class Column:
    """One column of a delivery. ``values``: for place_level, the source's word → level; ``codes``: for
    microdata, code in the file → category.
    """

    name: str
    role: str
    type: str = "text"
    label: str | None = None
    description: str | None = None
    unit: str | None = None
    categories: tuple[str, ...] | None = None
    values: Mapping[str, str] | None = None
    level: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True
    optional: bool = False
    date_format: str | None = None
    record: str | None = None
    codes: Mapping[str, str] | None = None
    pseudonymise: bool = False

    @property
    def kept(self) -> bool:
        """True when the column's values may be written anywhere."""
        return self.role not in DROPPED_ROLES

    @property
    def in_vault(self) -> bool:
        """True when the vault has the column: its values, or keyed hashes of them."""
        return self.kept or self.pseudonymise

    @property
    def vault_type(self) -> str:
        """The contract type of the column in the vault; a keyed hash is text."""
        return "text" if self.pseudonymise else self.type


@dataclass(frozen=True)
class Connector:
    """How a delivery is fetched. Which attributes are set depends on ``type``."""

    type: str
    url: str | None = None
    beside: tuple[str, ...] = ()
    connection: str | None = None
    data_set: str | None = None
    period: tuple[str, ...] = ()
    org_unit: str | None = None
    data_elements: tuple[str, ...] = ()
    page_size: int = 1000
    query: str | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Unpivot:
    """Columns that become rows: header → category, and the names of the two new columns."""

    columns: Mapping[str, str]
    name: str
    value: str


@dataclass(frozen=True)
class Format:
    """How the bytes of a delivery are read. Which attributes matter depends on ``type``."""

    type: str
    encoding: str | None = None
    delimiter: str = ","
    decimal: str = "."
    thousands: str | None = None
    compression: str | None = None
    header_row: int = 1
    sheet: str | None = None
    header_rows: tuple[int, ...] = (1,)
    first_row: int | None = None
    stop_at_blank: bool = False
    records: str | None = None
    null_values: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    unpivot: Unpivot | None = None
    value_sets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """The coding system of the places; ``level`` and ``code`` when no column says them."""

    scheme: str
    date: str | None = None
    level: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Period:
    """The period: ``value`` for all rows, or the ``column`` that has it."""

    type: str
    value: str | None = None
    column: str | None = None
    fiscal_year_start: str = "07-01"


@dataclass(frozen=True)
class Selection:
    """Rows that are summed: the measure, and column → categories (any of a list, all of the columns)."""

    measure: str
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Breakdown:
    """A dimension column and its categories' SDMX codes."""

    column: str
    codes: Mapping[str, str]


@dataclass(frozen=True)
class Series:
    """What feeds one series: ``value``, or ``numerator`` and ``denominator``."""

    series: str
    numerator: Selection | None = None
    denominator: Selection | None = None
    value: Selection | None = None
    breakdown: Mapping[str, Breakdown] = field(default_factory=dict)


@dataclass(frozen=True)
class Defect:
    """A known defect: SQL condition, reason, and the number of rows it must match."""

    where: str
    reason: str
    expect_rows: int


@dataclass(frozen=True)
class Tolerance:
    """Shares of rows (0 to 0.5) that may be unreadable; of microdata, also that may be otherwise at fault."""

    unreadable_rows: float = 0.0
    out_of_code_list: float = 0.0
    duplicate_keys: float = 0.0
    orphans: float = 0.0
    missing: float = 0.0
    out_of_range: float = 0.0


UNIT = "unit"
"""Name of the record of microdata that have one type of record only."""


@dataclass(frozen=True)
class Record:
    """One type of record of microdata. ``key``: the columns that identify a row within its parent;
    ``required``: each row of the parent has at least one; ``record``, ``file`` and ``sheet``: where the
    delivery has it (record of a CSPro dictionary, pattern of a file's name, sheet of a workbook).
    """

    name: str
    parent: str | None = None
    key: tuple[str, ...] = ()
    required: bool = True
    record: str | None = None
    file: str | None = None
    sheet: str | None = None

    @property
    def number(self) -> str:
        """The vault's column with the running number of the record's rows."""
        return f"_{self.name}"


@dataclass(frozen=True)
class Dominance:
    """The (n, k) rule: the ``largest`` contributors make more than ``share`` per cent of a total."""

    largest: int
    share: float


@dataclass(frozen=True)
class FreeSeries:
    """A series that is public whatever the rules of its source say, and why; ``periods``: only then."""

    series: str
    reason: str
    periods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coarser:
    """Figures that are not released: of these ``series`` (none: all), on ``place_level`` (none: on any),
    those broken down by one of the dimensions ``without`` (none: all of them)."""

    series: tuple[str, ...] = ()
    place_level: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """How the counts of some ``series`` are protected; see `statloom.contracts.perturbation`."""

    series: tuple[str, ...]
    method: str
    base: int | None = None
    variance: float | None = None
    deviation: int | None = None
    smallest: int = 1


@dataclass(frozen=True)
class Disclosure:
    """The rules of disclosure control: which cells of the source tell about single respondents.

    ``minimum_respondents``: counts below it are left out of releases; 0 without another rule: the source is
    free, for this ``reason``. ``sensitivity``: public, personal or business. ``dominance`` and ``p_percent``
    are for totals with columns of role contribution; ``group``: also all of a group in one category.
    ``method``: suppression, or a perturbation of all counts with its ``base``, or its ``variance``, largest
    ``deviation`` and ``smallest`` count that is shown; ``methods``: of some series, instead.
    """

    minimum_respondents: int = 0
    reason: str = ""
    sensitivity: str | None = None
    dominance: Dominance | None = None
    p_percent: float | None = None
    group: bool = False
    free: tuple[FreeSeries, ...] = ()
    coarser: tuple[Coarser, ...] = ()
    method: str = "suppression"
    base: int | None = None
    variance: float | None = None
    deviation: int | None = None
    smallest: int = 1
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True)
class Estimand:
    """One thing that is estimated. ``category``: the categories of ``column`` that count; ``multiplier``: on
    the estimate, 100 for a percentage.
    """

    measure: str
    type: str
    column: str | None = None
    category: tuple[str, ...] = ()
    expression: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    where: str | None = None
    probability: float | None = None
    interval: str | None = None
    multiplier: float = 1.0
    unit: str | None = None
    record: str | None = None


@dataclass(frozen=True)
class Estimation:
    """Microdata of a survey and its tables of estimates.

    ``design``: as `statloom.microdata.survey.Design` has it; ``record``: whose rows are the cases, unless an
    estimand says otherwise (default: the first record).
    """

    design: Mapping[str, Any]
    domains: tuple[tuple[str, ...], ...]
    estimands: tuple[Estimand, ...]
    record: str | None = None


@dataclass(frozen=True)
class Measure:
    """One thing that is counted or added up. ``part``: numerators or denominators, where it is declared;
    ``population`` and ``expression``: None is everyone.
    """

    name: str
    part: str
    expression: str | None = None
    population: str | None = None
    record: str | None = None
    unit: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Category:
    """A breakdown of a tabulation: the expression that gives a unit's category."""

    expression: str
    categories: tuple[str, ...] | None = None
    description: str | None = None


@dataclass(frozen=True)
class Tabulation:
    """Microdata and the tables made of them; the texts are SQL expressions over the record's columns.

    ``record``: whose rows are the units, unless a measure says otherwise (default: the first record);
    ``places``: level → code (default: the columns of role place_code); ``by``: combinations of breakdowns
    (default: all).
    """

    measures: tuple[Measure, ...]
    populations: Mapping[str, str] = field(default_factory=dict)
    breakdowns: Mapping[str, Category] = field(default_factory=dict)
    by: tuple[tuple[str, ...], ...] | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    record: str | None = None


@dataclass(frozen=True)
class Contract:
    """The declaration of one source. ``path``: its file, relative to the project; ``sha256``: of its content
    with the defaults of its collection."""

    source: str
    title: Mapping[str, str]
    custodian: str
    owner: str
    kind: str
    licence: str
    provenance: str
    sensitivity: str
    schedule: str
    maximum_age_days: int
    connector: Connector
    format: Format
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    place: Place
    period: Period
    description: str = ""
    synthetic: bool = False
    warning_budget: int | None = None
    series: tuple[Series, ...] = ()
    defects: tuple[Defect, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    disclosure: Disclosure = field(default_factory=Disclosure)
    estimation: Estimation | None = None
    tabulation: Tabulation | None = None
    public_use: PublicUse | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    path: str = ""
    sha256: str = ""

    @property
    def microdata(self) -> bool:
        """True when the deliveries hold unit records, which never enter PostgreSQL."""
        return self.estimation is not None or self.tabulation is not None

    def lineage(self, record: str) -> tuple[str, ...]:
        """Return ``record`` and the records above it, the nearest first."""
        names = [record]
        while (parent := self.records[names[-1]].parent) is not None:
            names.append(parent)
        return tuple(names)

    def whole_key(self, record: str) -> tuple[str, ...]:
        """Return the columns that identify a row of ``record`` in a delivery: its parents' keys first."""
        names = [name for each in reversed(self.lineage(record)) for name in self.records[each].key]
        return tuple(dict.fromkeys(names))

    def own(self, record: str) -> dict[str, Column]:
        """Return the columns that are declared for ``record``, also those that are dropped."""
        return {name: column for name, column in self.columns.items() if column.record in (record, None)}

    def visible(self, record: str) -> dict[str, Column]:
        """Return the columns in the vault of ``record`` and the records above it, its own first."""
        return {
            name: column
            for each in self.lineage(record)
            for name, column in self.own(each).items()
            if column.in_vault
        }

    def named(self, role: str) -> tuple[str, ...]:
        """Return the names of the raw table's columns of ``role``, in the contract's order."""
        return tuple(name for name, column in self.raw.items() if column.role == role)

    def first(self, role: str) -> str | None:
        """Return the name of the raw table's column of ``role``, None without one."""
        return next(iter(self.named(role)), None)

    @cached_property
    def raw(self) -> Mapping[str, Column]:
        """The columns of the raw table: the contract's kept ones; for microdata, those of its figures."""
        if self.microdata:
            return MappingProxyType({column.name: column for column in _figure_columns(self)})
        return MappingProxyType({name: column for name, column in self.columns.items() if column.kept})

    @property
    def raw_columns(self) -> dict[str, str]:
        """Return the raw table's columns as name → PostgreSQL type, without the two bookkeeping columns."""
        return {name: POSTGRESQL_TYPES[column.type] for name, column in self.raw.items()}

    @property
    def raw_key(self) -> tuple[str, ...]:
        """Return the columns that identify a row of the raw table within a delivery."""
        if self.microdata:
            return tuple(
                name
                for name, column in self.raw.items()
                if column.role in ("place_level", "place_code", "dimension")
            )
        return self.key


ESTIMAND = "estimand"
"""Dimension of a table with estimates: which estimand, or measure of a tabulation, the row is about."""
MEASURE = "measure"
"""The same of a table of cells alone."""
UNKNOWN = "_U"
"""SDMX code of a category that is missing."""


def subject(contract: Contract) -> str:
    """Return the dimension of a table of figures that says what the row is about."""
    return ESTIMAND if contract.estimation else MEASURE


def _figure_columns(contract: Contract) -> list[Column]:
    """Return the columns of figures made from microdata: places, dimensions, and the figure of one estimand
    or measure.
    """
    estimation, tabulation = contract.estimation, contract.tabulation
    levels = {c.level for c in contract.columns.values() if c.level} | {"country"}
    levels |= set(tabulation.places) if tabulation else set()
    about = [e.measure for e in estimation.estimands] if estimation else []
    about += [measure.name for measure in tabulation.measures] if tabulation else []
    return [
        Column("place_level", "place_level", values={level: level for level in sorted(levels)}),
        Column(
            "place_code", "place_code", description="Code of the place; the nation's is that of the contract"
        ),
        Column(
            subject(contract),
            "dimension",
            categories=tuple(about),
            description="What is estimated" if estimation else "What is counted or added up",
        ),
        *_dimensions(contract),
        *(_ESTIMATE if estimation else _CELL),
    ]


def _dimensions(contract: Contract) -> list[Column]:
    """Return the dimensions of domains and breakdowns, by name."""
    found: dict[str, Column] = {}
    for domain in contract.estimation.domains if contract.estimation else ():
        for name in domain:
            column = contract.columns[name]
            if column.role != "place_code":
                found[name] = _dimension(name, column.categories, (TOTAL,), column.description)
    for name, breakdown in contract.tabulation.breakdowns.items() if contract.tabulation else ():
        found[name] = _dimension(name, breakdown.categories, (UNKNOWN, TOTAL), breakdown.description)
    return [found[name] for name in sorted(found)]


def _dimension(
    name: str, categories: tuple[str, ...] | None, added: tuple[str, ...], description: str | None
) -> Column:
    listed = (*categories, *added) if categories else None
    return Column(name, "dimension", categories=listed, description=description)


_ESTIMATE = (
    Column("value", "measure", "number", description="Estimate"),
    Column("standard_error", "standard_error", "number", description="Standard error of the estimate"),
    Column("cv", "attribute", "number", description="Coefficient of variation: standard error by estimate"),
    Column("ci_low", "attribute", "number", description="Lower limit of the 95 % confidence interval"),
    Column("ci_high", "attribute", "number", description="Upper limit of the 95 % confidence interval"),
    Column("respondents", "respondents", "integer", description="Interviews that the estimate rests on"),
    Column("deff", "attribute", "number", description="Design effect, against sampling without replacement"),
    Column(
        "own_strata",
        "attribute",
        categories=("domain", "place", "none"),
        description="Whose cases alone the strata of the estimate have: its domain's, its place's, none",
    ),
)
_CELL = (
    Column("value", "measure", "number", description="Units counted, or values added up; weighted, if so"),
    Column("respondents", "respondents", "integer", description="Units that the value rests on, unweighted"),
)
