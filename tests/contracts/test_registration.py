"""Contracts made known to the warehouse."""

import threading

import pytest
from sqlalchemy import text

from statloom import contracts
from statloom.contracts.loading import load_file
from statloom.errors import ContractError

pytestmark = pytest.mark.database


def columns(database, table):
    with database.engine.connect() as connection:
        return dict(
            connection.execute(
                text(
                    "select column_name, data_type from information_schema.columns"
                    " where table_schema = 'raw' and table_name = :t"
                ),
                {"t": table},
            ).all()
        )


def test_registering_makes_tables_once_and_adds_columns_later(database, write):
    contract = load_file(write())
    assert contracts.register(database.engine, [contract]) == ["toilets"]
    assert columns(database, "toilets")["total"] == "bigint"
    assert contracts.register(database.engine, [contract]) == []
    more = load_file(write(("  total:", "  households: {type: number, role: measure}\n  total:")))
    assert contracts.register(database.engine, [more]) == ["toilets"]
    assert columns(database, "toilets")["households"] == "numeric"
    with database.engine.connect() as connection:
        known = connection.execute(text("select contract, contract_sha256 from landing.source")).one()
        series = connection.execute(
            text("select role, categories from landing.series_mapping order by 1")
        ).all()
    assert known.contract_sha256 == more.sha256 and known.contract["title"]["en"] == "Toilets"
    assert [tuple(row) for row in series] == [("denominator", {}), ("numerator", {"toilet": "NONE"})]


def test_a_retyped_column_is_a_clear_error_and_changes_nothing(database, write):
    contracts.register(database.engine, [load_file(write())])
    with pytest.raises(
        ContractError, match=r"total is bigint there and numeric in the contract.*rebuild toilets"
    ):
        contracts.register(database.engine, [load_file(write(("type: integer", "type: number")))])
    assert columns(database, "toilets")["total"] == "bigint"


def test_a_lost_table_is_made_again(database, write):
    contract = load_file(write())
    contracts.register(database.engine, [contract])
    with database.engine.begin() as connection:
        connection.execute(text("drop table raw.toilets"))
    assert contracts.register(database.engine, [contract]) == ["toilets"]
    assert columns(database, "toilets")


def test_two_processes_may_register_at_once(database, write):
    contract, found, failures = load_file(write()), [], []

    def register():
        try:
            found.append(contracts.register(database.engine, [contract]))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(map(len, found)) == [0, 0, 0, 1]


def test_all_contracts_of_the_project_can_be_registered(database):
    found = contracts.register(database.engine)
    assert sorted(found) == sorted(contracts.load_all())
    assert contracts.register(database.engine) == []
