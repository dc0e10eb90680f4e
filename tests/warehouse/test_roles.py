"""Each role reads its own schema and nothing else."""

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.database

OWN_SCHEMA = {"analyst": "marts", "portal": "open_data", "monitor": "quality"}


def test_engineer_owns_the_warehouse_and_is_no_superuser(database):
    with database.engine.connect() as connection:
        row = connection.execute(
            text(
                "select current_user, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles"
                " where rolname = current_user"
            )
        ).one()
    assert row == ("statloom_engineer", False, False, False, False)
