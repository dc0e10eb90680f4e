"""The design of a survey: which columns say how its cases were drawn, and what was done to their weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from statloom.microdata.survey.errors import SurveyError

LONELY_PSU = ("fail", "remove", "certainty", "adjust", "average")
REPLICATE_METHODS = ("jk1", "jkn", "brr", "fay", "bootstrap", "subbootstrap", "other")
CALIBRATIONS = ("poststratify", "rake", "linear", "raking", "logit")


@dataclass(frozen=True)
class Replicates:
    """Replicate weights: given as columns, or to be made from the strata and PSUs of the design.

    ``method``: ``jk1``, ``jkn``, ``brr``, ``fay``, ``bootstrap`` (of n PSUs in each stratum, Canty and
    Davison), ``subbootstrap`` (of n - 1 PSUs, Rao and Wu), or ``other`` (given columns with ``scale`` and
    ``rscales``). ``columns``: names of the given columns; empty: they are made. ``combined``: given columns
    already hold the sampling weight (else they are factors on it). ``rho``: Fay's factor, 0 <= rho < 1.
    ``scale``, ``rscales``: V = scale * sum_r rscales[r] * (theta_r - centre)^2; by default those of the
    method. ``mse``: centre on the estimate from the full sample (True) or on the mean of the replicates
    (False). ``number``, ``seed``: of bootstrap replicates to be made.
    """

    method: str
    columns: tuple[str, ...] = ()
    combined: bool = True
    rho: float = 0.0
    scale: float | None = None
    rscales: tuple[float, ...] | None = None
    mse: bool = False
    number: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        _tuple(self, "columns", "replicates")
        if self.rscales is not None:
            object.__setattr__(self, "rscales", tuple(float(value) for value in self.rscales))
        if self.method not in REPLICATE_METHODS:
            raise SurveyError(
                f"design, field replicates.method: {self.method!r} is none of {_or(REPLICATE_METHODS)}"
            )
        if not 0 <= self.rho < 1:
            raise SurveyError(f"design, field replicates.rho: {self.rho} is not in [0, 1)")
        if self.method == "other" and (not self.columns or self.scale is None):
            raise SurveyError("design, field replicates: method 'other' needs columns and scale")
        if self.rscales is not None and self.columns and len(self.rscales) != len(self.columns):
            raise SurveyError(
                f"design, field replicates.rscales: {len(self.rscales)} values "
                f"for {len(self.columns)} columns"
            )


@dataclass(frozen=True)
class Calibration:
    """Known population totals that the weights are made to reproduce.

    ``method`` ``poststratify``: ``columns`` cross-classify, ``totals`` maps a category (or a tuple of
    categories, in YAML a list of ``{column: category, …, total: number}``) to its total. ``rake``:
    ``margins`` maps each column to ``{category: total}``; iterative proportional fitting. ``linear`` (GREG),
    ``raking``, ``logit``: ``auxiliaries`` maps an expression over the columns to its population total
    (``"1"``: the population size); generalised calibration with that distance (Deville and Särndal 1992).
    ``bounds``: lowest and highest factor on a weight (linear and logit). ``epsilon``, ``maximum_iterations``:
    when iteration ends.
    """

    method: str
    columns: tuple[str, ...] = ()
    totals: Mapping[Any, float] | Sequence[Mapping[str, Any]] | None = None
    margins: Mapping[str, Mapping[Any, float]] | None = None
    auxiliaries: Mapping[str, float] | None = None
    bounds: tuple[float, float] | None = None
    epsilon: float = 1e-12
    maximum_iterations: int = 200

    def __post_init__(self) -> None:
        _tuple(self, "columns", "calibration")
        if self.method not in CALIBRATIONS:
            raise SurveyError(
                f"design, field calibration.method: {self.method!r} is none of {_or(CALIBRATIONS)}"
            )
        needed = {"poststratify": ("columns", "totals"), "rake": ("margins",)}.get(
            self.method, ("auxiliaries",)
        )
        for name in needed:
            if not getattr(self, name):
                raise SurveyError(f"design, field calibration.{name}: needed for method {self.method!r}")
        if self.bounds is not None:
            low, high = self.bounds
            if not low < 1 < high:
                raise SurveyError(f"design, field calibration.bounds: {low} to {high} does not enclose 1")
            object.__setattr__(self, "bounds", (float(low), float(high)))
        elif self.method == "logit":
            raise SurveyError("design, field calibration.bounds: needed for method 'logit'")


@dataclass(frozen=True)
class Design:
    """How the cases of a survey were drawn. All names are columns of the data.

    ``weight``: the sampling weight (inverse of the inclusion probability); None only with ``fpc``, from which
    it then follows. ``strata``, ``psu``, ``fpc``: one column, or one for each stage of sampling from the
    first on (``psu=("district", "school")``); no psu: every row is its own unit. ``fpc``: number of units in
    the population (of that stratum, or of that unit of the stage above), or the sampled fraction when all
    values are at most 1; without it sampling is taken as with replacement at the first stage, which is also
    the usual approximation for sampling with probability proportional to size. ``nest``: numbers of PSUs
    begin anew in each stratum. ``lonely_psu``: what a stratum with one PSU does: ``fail``, ``remove`` or
    ``certainty`` (adds nothing), ``adjust`` (its total is taken about zero, not about the stratum's mean),
    ``average`` (adds what the other strata add on average). ``lonely_in_domain``: ``adjust`` and ``average``
    also where only the domain has a single unit in a stratum (R's ``survey.adjust.domain.lonely``).
    ``replicates``: variance by replication.
    ``calibration``: one or several, in turn.
    """

    weight: str | None
    strata: tuple[str, ...] = ()
    psu: tuple[str, ...] = ()
    fpc: tuple[str, ...] = ()
    nest: bool = False
    lonely_psu: str = "fail"
    lonely_in_domain: bool = False
    replicates: Replicates | None = None
    calibration: tuple[Calibration, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("strata", "psu", "fpc"):
            _tuple(self, name, "design")
        calibration = self.calibration or ()
        if isinstance(calibration, Calibration):
            calibration = (calibration,)
        object.__setattr__(self, "calibration", tuple(calibration))
        if self.weight is None and not self.fpc:
            raise SurveyError("design, field weight: needed unless fpc says how many units there are")
        if self.lonely_psu not in LONELY_PSU:
            raise SurveyError(f"design, field lonely_psu: {self.lonely_psu!r} is none of {_or(LONELY_PSU)}")
        stages = max(1, len(self.psu))
        for name in ("strata", "fpc"):
            if len(getattr(self, name)) > stages:
                raise SurveyError(
                    f"design, field {name}: {len(getattr(self, name))} columns "
                    f"for {stages} stages of sampling"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the data that the sampling structure reads, each once."""
        names = [self.weight, *self.strata, *self.psu, *self.fpc]
        return tuple(dict.fromkeys(name for name in names if name))

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], where: str = "design") -> "Design":
        """Return the design that a YAML mapping declares; keys are the attributes' names.

        Instead of ``strata``, ``psu`` and ``fpc``, ``stages`` may list ``{unit, strata, fpc}`` for each
        stage. ``where`` begins messages. Raises SurveyError for unknown keys and values.
        """
        values = dict(_mapping(mapping, where))
        if "stages" in values:
            if {"strata", "psu", "fpc"} & set(values):
                raise SurveyError(
                    f"{where}, field stages: takes the place of strata, psu and fpc, give one or the other"
                )
            stages = [dict(_mapping(stage, f"{where}, field stages")) for stage in values.pop("stages")]
            for stage in stages:
                if unknown := set(stage) - {"unit", "strata", "fpc"}:
                    raise SurveyError(f"{where}, field stages: unknown key {sorted(unknown)[0]!r}")
            for key, name in (("unit", "psu"), ("strata", "strata"), ("fpc", "fpc")):
                given = [stage.get(key) for stage in stages]
                while given and given[-1] is None:
                    given.pop()
                if None in given:
                    raise SurveyError(
                        f"{where}, field stages: {key!r} is missing at a stage above one that has it"
                    )
                values[name] = given
        if values.get("replicates") is not None:
            values["replicates"] = _build(Replicates, values["replicates"], f"{where}, field replicates")
        calibration = values.get("calibration") or ()
        if isinstance(calibration, Mapping):
            calibration = [calibration]
        values["calibration"] = tuple(
            _build(Calibration, item, f"{where}, field calibration") for item in calibration
        )
        values.setdefault("weight", None)
        return _build(cls, values, where)


def load_design(path: str | Path) -> Design:
    """Return the design declared in the YAML file ``path``."""
    return Design.from_dict(read_yaml(path), where=f"{Path(path).name}: design")


def read_yaml(path: str | Path) -> Any:
    """Return the content of a YAML file. Raises SurveyError naming file and line when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)
    except OSError as error:
        raise SurveyError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SurveyError(f"{path}: no valid YAML: {' '.join(str(error).split())}") from None


def _build(cls: type, values: Any, where: str) -> Any:
    if isinstance(values, cls):
        return values
    values = _mapping(values, where)
    known = {item.name for item in fields(cls)}
    if unknown := [key for key in values if key not in known]:
        raise SurveyError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")
    try:
        return cls(**values)
    except TypeError as error:
        raise SurveyError(f"{where}: {error}") from None


def _mapping(value: Any, where: str) -> Mapping:
    if not isinstance(value, Mapping):
        raise SurveyError(f"{where}: a mapping of fields is needed, not {type(value).__name__}")
    return value


def _tuple(item: Any, name: str, where: str) -> None:
    value = getattr(item, name)
    value = (value,) if isinstance(value, str) else tuple(value or ())
    if not all(isinstance(part, str) for part in value):
        raise SurveyError(f"{where}, field {name}: column names are needed, not {value!r}")
    object.__setattr__(item, name, value)


def _or(words: Sequence[str]) -> str:
    return ", ".join(words)
