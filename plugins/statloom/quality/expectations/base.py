"""What Statloom's own expectations have in common."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.validator.metric_configuration import MetricConfiguration

from statloom.quality import sql
from statloom.quality.expectations import metrics as own


@dataclass(frozen=True)
class Fault:
    """The rows of the table judged that an unmet expectation is about, in SQL.

    ``condition``: on the table's columns (``judged`` is its alias); ``relation``: query with a boolean
    ``unexpected``, whose unexpected rows share ``columns`` with the rows at fault (None: all columns of it
    that the table has too); ``match``: a further condition on ``judged`` and ``fault``.
    """

    condition: str = "true"
    relation: str | None = None
    columns: tuple[str, ...] | None = ()
    match: str | None = None


class OwnExpectation(BatchExpectation, ABC):
    """An expectation that counts what it checked and what was unexpected in it.

    Parameters of every one: ``tolerated_rows`` and ``tolerated_share`` (of what was checked) may be
    unexpected, the larger of the two counts; ``may_be_empty``: nothing to check is not an error. Without it
    a filter that matches nothing, such as a misspelt category, fails.
    """

    tolerated_rows: int = 0
    tolerated_share: float = 0.0
    may_be_empty: bool = False

    # What is counted, for messages: rows, groups, places ...
    counted: ClassVar[str] = "rows"

    @abstractmethod
    def metrics_needed(self) -> dict[str, MetricConfiguration]:
        """Return the metrics this expectation is judged by, by name."""

    @abstractmethod
    def counts(self, metrics: dict) -> tuple[int, int, list[dict]]:
        """Return number checked, number unexpected and examples, from the computed metrics."""

    @abstractmethod
    def fault(self) -> Fault | None:
        """Return which rows are at fault; None when it is no rows of the table, but the whole of it."""

    def get_validation_dependencies(self, execution_engine=None, runtime_configuration=None):
        """Return the metrics needed, for Great Expectations."""
        dependencies = super().get_validation_dependencies(execution_engine, runtime_configuration)
        for name, metric in self.metrics_needed().items():
            dependencies.set_metric_configuration(name, metric)
        return dependencies

    def metrics_validate(self, metrics, runtime_configuration=None, execution_engine=None, **kwargs):
        """Judge with counts and examples, whatever result format the run asks of the others."""
        runtime_configuration = {**(runtime_configuration or {}), "result_format": "SUMMARY"}
        return super().metrics_validate(metrics, runtime_configuration, execution_engine, **kwargs)

    def _validate(self, metrics, runtime_configuration=None, execution_engine=None):
        checked, unexpected, examples = self.counts(metrics)
        tolerated = max(self.tolerated_rows, int(self.tolerated_share * checked))
        success = unexpected <= tolerated and (checked > 0 or self.may_be_empty)
        if not checked:
            observed = f"no {self.counted} to check"
        else:
            observed = f"{unexpected} of {checked} {self.counted} unexpected"
            if tolerated:
                observed += f", {tolerated} tolerated"
        return {
            "success": success,
            "result": {
                "element_count": checked,
                "unexpected_count": unexpected,
                "unexpected_percent": 100 * unexpected / checked if checked else 0,
                "observed_value": observed,
                "partial_unexpected_list": examples,
            },
        }


class RowExpectation(OwnExpectation, ABC):
    """An SQL condition on single rows. Rows for which ``violation`` is true are unexpected.

    Parameter ``where``: SQL; only such rows are checked.
    """

    where: str | None = None

    @abstractmethod
    def violation(self) -> str:
        """Return an SQL condition over the table's columns."""

    def metrics_needed(self) -> dict[str, MetricConfiguration]:
        """Return the counts of rows checked and violating, and examples."""
        scope = f"({self.where})" if self.where else "true"
        violation = f"({self.violation()})" + (f" and ({self.where})" if self.where else "")
        return {
            "checked": _metric(own.RowsMatching, condition=scope),
            "unexpected": _metric(own.RowsMatching, condition=violation),
            "examples": _metric(own.MatchingRows, condition=violation),
        }

    def counts(self, metrics: dict) -> tuple[int, int, list[dict]]:
        """Return number of rows checked, number violating and examples."""
        return int(metrics["checked"]), int(metrics["unexpected"]), metrics["examples"]

    def fault(self) -> Fault:
        """Return the violating rows."""
        return Fault(condition=sql.both(self.violation(), self.where))


class RelationExpectation(OwnExpectation, ABC):
    """A query whose rows are what is checked, with a boolean column ``unexpected``."""

    counted: ClassVar[str] = "groups"
    # A row of the group that is wrong by itself is reason enough for the group not to be as expected.
    explained_by_rows: ClassVar[bool] = True
    # Aggregates over the query, and the order in which examples are picked.
    checked: ClassVar[str] = "count(*)"
    unexpected: ClassVar[str] = "count(*) filter (where unexpected)"
    order_by: ClassVar[str | None] = None

    @abstractmethod
    def relation(self) -> str:
        """Return the query, with placeholders of `statloom.quality.bindings`."""

    def metrics_needed(self) -> dict[str, MetricConfiguration]:
        """Return the counts and examples of the query."""
        parts = {"query": self.relation(), "checked": self.checked, "unexpected": self.unexpected}
        return {
            "counts": _metric(own.RelationCounts, **parts),
            "examples": _metric(own.RelationExamples, **parts, order_by=self.order_by),
        }

    def counts(self, metrics: dict) -> tuple[int, int, list[dict]]:
        """Return number checked, number unexpected and examples."""
        return metrics["counts"]["checked"], metrics["counts"]["unexpected"], metrics["examples"]

    def fault(self) -> Fault | None:
        """Return the rows of the unexpected groups; None: what is unexpected leads to no rows.

        Without columns of a group it is all the rows that were looked at.
        """
        return Fault(
            relation=self.relation(),
            columns=tuple(getattr(self, "by", ())),
            condition=sql.both(getattr(self, "where", None)),
        )


def _metric(provider: type, **value_kwargs) -> MetricConfiguration:
    return MetricConfiguration(
        metric_name=provider.metric_name, metric_domain_kwargs={}, metric_value_kwargs=value_kwargs
    )
