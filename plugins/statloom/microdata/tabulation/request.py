"""A tabulation that is asked for in a file of its own, without a contract."""

from pathlib import Path

from statloom.contracts.expressions import Scope
from statloom.contracts.loading import load_file, tabulation_of
from statloom.contracts.source_text import dotted, parse
from statloom.contracts.tabulation import Plan, compiled, plans
from statloom.contracts.validation import request_problems
from statloom.errors import ContractError


def load_request(path: str | Path) -> tuple[Plan, ...]:
    """Return the plans of a YAML file: a contract with ``tabulation``, or ``columns`` (name → type),
    ``tabulation`` and ``country`` (the nation's code; absent: no row of the nation) alone.

    Raises ContractError with every problem, each with file, line and field.
    """
    file = Path(path)
    if not file.is_file():
        raise ContractError(f"{path}: no such file")
    document = parse(file, str(path))
    if "source" in document.data:
        contract = load_file(file)
        if contract.tabulation is None:
            raise ContractError(f"{path}: the contract has no 'tabulation'")
        return plans(contract)
    data = document.data
    problems = request_problems(data)
    made: tuple[Plan, ...] = ()
    if not problems:
        made, problems = compiled(
            tabulation_of(data["tabulation"]),
            ("unit",),
            lambda record: Scope(data["columns"]),
            {},
            country=data.get("country"),
        )
    if problems:
        texts = (
            f"{path}, line {document.line(where)}, {dotted(where)}: {reason}" for where, reason in problems
        )
        raise ContractError("\n".join(dict.fromkeys(texts)))
    return made
