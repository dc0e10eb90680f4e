"""The expectations that follow from a contract: what it declares is what its deliveries must be."""

from dataclasses import replace

from statloom.contracts import Contract
from statloom.quality.suites import Check, Suite

# More rows without a place are no slips of single rows: the codes are not those of the scheme.
MOST_ROWS_UNPLACED = 0.05
# Columns without which a row has no meaning.
_NEVER_EMPTY = ("place_code", "place_level", "period", "measure")


def suite(contract: Contract) -> Suite:
    """Return the suite of a contract's own expectations, for the rows of one delivery in its raw table.

    Structure: the declared columns have their types; there are rows; the key is unique; key, place, period
    and measures are not empty; rows name places of the contract's scheme. Accuracy: minimum and maximum.
    Timeliness: the contract's maximum age. Comparability: categories that the contract does not list, and
    categories new or gone since the delivery before (both warn).
    """
    checks = [*_structure(contract), *_places(contract), *_values(contract), *_categories(contract)]
    return Suite(
        name=f"raw.{contract.source}",
        table=contract.source,
        checks=tuple(replace(c, owner=contract.owner) for c in checks),
        warning_budget=_budget(contract),
        example_columns=("_row_number", *contract.raw_columns),
    )


def extended(contract: Contract, declared: Suite | None) -> Suite:
    """Return the contract's suite with the checks of the source's own file behind it."""
    generated = suite(contract)
    if declared is None:
        return generated
    return replace(
        generated,
        checks=(
            *generated.checks,
            *(replace(c, owner=c.owner or contract.owner) for c in declared.checks),
        ),
        warning_budget=declared.warning_budget
        if contract.warning_budget is None
        else contract.warning_budget,
        most_held_back=declared.most_held_back,
        example_columns=declared.example_columns or generated.example_columns,
    )


def _budget(contract: Contract) -> int:
    return Suite.warning_budget if contract.warning_budget is None else contract.warning_budget


def _structure(contract: Contract) -> list[Check]:
    def check(type_: str, description: str, **kwargs) -> Check:
        return Check(type_, "structure", "fail", description, where=contract.path, kwargs=kwargs)

    never_empty = dict.fromkeys(
        [*contract.raw_key]
        + [n for n, c in contract.raw.items() if c.role in _NEVER_EMPTY and c.required and not c.optional]
    )
    return [
        check(
            "expect_columns_to_have_types",
            "The columns that the contract declares are there, with their types",
            columns=contract.raw_columns,
        ),
        check("expect_table_row_count_to_be_between", "The delivery has rows", min_value=1),
        check(
            "expect_keys_to_be_unique",
            f"No two rows have the same {', '.join(contract.raw_key)}",
            columns=list(contract.raw_key),
        ),
        *(
            check("expect_column_values_to_not_be_null", f"{column} is never empty", column=column)
            for column in never_empty
        ),
    ]


def _places(contract: Contract) -> list[Check]:
    if not contract.place.scheme:
        return []
    scheme = contract.place.scheme
    return [
        Check(
            "expect_rows_to_satisfy",
            "structure",
            "fail",
            f"95 % of the rows name places of scheme {scheme}: a code of another scheme is none of them",
            where=contract.path,
            kwargs={"condition": "_place_id is not null", "tolerated_share": MOST_ROWS_UNPLACED},
        )
    ]


def _values(contract: Contract) -> list[Check]:
    ranges = [
        Check(
            "expect_column_values_to_be_between",
            "accuracy",
            "fail",
            f"{name} is {_range(column.minimum, column.maximum)}",
            where=contract.path,
            kwargs={"column": name, "min_value": column.minimum, "max_value": column.maximum},
        )
        for name, column in contract.raw.items()
        if column.minimum is not None or column.maximum is not None
    ]
    age = Check(
        "expect_delivery_to_be_fresh",
        "timeliness",
        "warn",
        f"The delivery was fetched at most {contract.maximum_age_days} days ago",
        where=contract.path,
        kwargs={"maximum_age_days": contract.maximum_age_days},
    )
    return [*ranges, age]


def _categories(contract: Contract) -> list[Check]:
    checks = []
    for name, column in contract.raw.items():
        if not column.categories:
            continue
        listed = Check(
            "expect_column_values_to_be_in_set",
            "comparability",
            "warn",
            f"{name} has only the categories that the contract lists",
            where=contract.path,
            kwargs={"column": name, "value_set": list(column.categories)},
        )
        same = Check(
            "expect_categories_to_be_unchanged",
            "comparability",
            "warn",
            f"{name} has the categories of the delivery before",
            where=contract.path,
            kwargs={"column": name},
        )
        checks += [listed, same]
    return checks


def _range(minimum: float | None, maximum: float | None) -> str:
    if maximum is None:
        return f"at least {minimum}"
    if minimum is None:
        return f"at most {maximum}"
    return f"between {minimum} and {maximum}"
