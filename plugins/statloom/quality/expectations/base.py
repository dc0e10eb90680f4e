"""What Statloom's own expectations have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar

from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.validator.metric_configuration import MetricConfiguration

from statloom.quality.expectations import metrics as own


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


class RelationExpectation(OwnExpectation, ABC):
    """A query whose rows are what is checked, with a boolean column ``unexpected``."""

    counted: ClassVar[str] = "groups"
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


def _metric(provider: type, **value_kwargs) -> MetricConfiguration:
    return MetricConfiguration(
        metric_name=provider.metric_name, metric_domain_kwargs={}, metric_value_kwargs=value_kwargs
    )
