"""The metrics under Statloom's own expectations: counts and examples, computed by PostgreSQL."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

import sqlalchemy
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.validator.metric_configuration import MetricConfiguration

from statloom.quality import bindings, sql

EXAMPLES = 5


def _text(statement: str) -> sqlalchemy.TextClause:
    """Return ``statement`` as it stands: a colon in it never begins a parameter."""
    return sqlalchemy.text(bindings.current().bind(statement).replace(":", r"\:"))


class RowsMatching(TableMetricProvider):
    """Number of rows for which an SQL condition is true; bundled with all other aggregates of the table."""

    metric_name = "statloom.rows_matching"
    value_keys = ("condition",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(cls, metric_domain_kwargs, metric_value_kwargs, **_):
        count = f"count(*) filter (where {metric_value_kwargs['condition']})"
        return sqlalchemy.literal_column(count), metric_domain_kwargs, {}


class MatchingRows(TableMetricProvider):
    """Some of the rows for which an SQL condition is true, as dictionaries; no query when there are none."""

    metric_name = "statloom.matching_rows"
    value_keys = ("condition",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine, metric_value_kwargs, metrics, **_):
        if not metrics[RowsMatching.metric_name]:
            return []
        now = bindings.current()
        columns = sql.names(list(now.example_columns)) or "*"
        statement = _text(
            f"select row_to_json(example) from (select {columns} from {{batch}} as batch"
            f" where {metric_value_kwargs['condition']} limit {EXAMPLES}) as example"
        )
        return [row[0] for row in execution_engine.execute_query(statement)]

    @classmethod
    def _get_evaluation_dependencies(cls, metric, **_):
        return {
            RowsMatching.metric_name: MetricConfiguration(
                metric_name=RowsMatching.metric_name,
                metric_domain_kwargs=metric.metric_domain_kwargs,
                metric_value_kwargs=metric.metric_value_kwargs,
            )
        }


class RelationCounts(TableMetricProvider):
    """``{"checked": int, "unexpected": int}`` of a query that has a boolean column ``unexpected``.

    ``checked`` and ``unexpected`` are aggregates over that query.
    """

    metric_name = "statloom.relation_counts"
    value_keys = ("query", "checked", "unexpected")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine, metric_value_kwargs, **_):
        statement = _text(
            f"select {metric_value_kwargs['checked']}, {metric_value_kwargs['unexpected']}"
            f" from ({metric_value_kwargs['query']}) as relation"
        )
        checked, unexpected = execution_engine.execute_query(statement).one()
        return {"checked": int(checked or 0), "unexpected": int(unexpected or 0)}


class RelationExamples(TableMetricProvider):
    """Some of the unexpected rows of such a query, as dictionaries; not run when there are none."""

    metric_name = "statloom.relation_examples"
    value_keys = ("query", "checked", "unexpected", "order_by")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine, metric_value_kwargs, metrics, **_):
        if not metrics[RelationCounts.metric_name]["unexpected"]:
            return []
        order_by = metric_value_kwargs["order_by"]
        statement = _text(
            f"select row_to_json(example) from (select * from ({metric_value_kwargs['query']})"
            f" as relation where unexpected {f'order by {order_by}' if order_by else ''} limit"
            f" {EXAMPLES}) as example"
        )
        rows = [row[0] for row in execution_engine.execute_query(statement)]
        return [{key: value for key, value in row.items() if key != "unexpected"} for row in rows]

    @classmethod
    def _get_evaluation_dependencies(cls, metric, **_):
        return {
            RelationCounts.metric_name: MetricConfiguration(
                metric_name=RelationCounts.metric_name,
                metric_domain_kwargs=metric.metric_domain_kwargs,
                metric_value_kwargs={
                    key: metric.metric_value_kwargs[key] for key in ("query", "checked", "unexpected")
                },
            )
        }
