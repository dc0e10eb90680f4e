"""One warehouse for all tests of the dbt project: real deliveries through landing, real seeds, all stages."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from demo.bodies import dhis2_server
from statloom import contracts, landing, settings
from statloom.warehouse import transform
from tests.warehouse.rows import Warehouse

SOURCES = (
    "census_2011_age",
    "census_2011_disability",
    "census_2011_religion",
    "census_2011_toilet",
    "census_2021_population",
    "hmis_deliveries",
    "life_expectancy",
    "poverty",
    "registered_companies",
    "synthetic_household_survey_2021",
    "voters",
)


@pytest.fixture(scope="session")
def _built(postgres_server) -> Iterator[Warehouse]:
    name = f"dbt_{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix="statloom-dbt-"))
    with postgres_server.administrator() as connection:
        connection.execute(
            f"create database {name} template statloom_template owner statloom_engineer strategy file_copy"
        )
    url = postgres_server.url("statloom_engineer", name).render_as_string(hide_password=False)
    environment = {"STATLOOM_DATABASE_URL": url, "STATLOOM_HOME": str(folder / "home")}
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    patch = pytest.MonkeyPatch()
    try:
        with dhis2_server.Dhis2Server(users={dhis2_server.USER: "secret"}) as health:
            address = health.url.replace("http://", f"http://{dhis2_server.USER}:secret@")
            for variable, value in {**environment, "AIRFLOW_CONN_HMIS": address}.items():
                patch.setenv(variable, value)
            contracts.register(engine)
            for source in SOURCES:
                deliver(engine, source)
            odd_rows(engine)
        for stage in transform.STAGES:
            transform.run_stage(stage)
            if stage == "reference":
                third_vintage(engine)
        patch.undo()
        yield Warehouse(engine, environment)
    finally:
        patch.undo()
        engine.dispose()
        with postgres_server.administrator() as connection:
            connection.execute(f"drop database if exists {name} with (force)")
        shutil.rmtree(folder, ignore_errors=True)


def deliver(engine: Engine, source: str) -> None:
    """Fetch, load and accept the demo's delivery of ``source``."""
    contract, archive = contracts.load(source), settings.load().archive
    fetched = landing.fetch(contract, archive=archive, engine=engine, run_id=None)
    landing.load(contract, fetched.delivery_id, engine=engine, archive=archive)
    landing.accept(engine, fetched.delivery_id)


def odd_rows(engine: Engine) -> None:
    """Give the voters' delivery three rows more: of unknown places, and with an empty cell."""
    with engine.begin() as connection:
        delivery = connection.scalar(
            text("select delivery_id from landing.current_delivery where source_id = 'voters'")
        )
        connection.execute(
            text(
                "insert into raw.voters (geo_level, geo_code, voter_sex, total, _delivery_id, _row_number)"
                " values ('district', '99', 'male', 5, :d, 9001),"
                " ('district', '01', 'alien', null, :d, 9002), ('village', '01', 'male', 5, :d, 9003)"
            ),
            {"d": delivery},
        )
        connection.execute(
            text("update landing.delivery set rows_read = rows_read + 3 where delivery_id = :d"),
            {"d": delivery},
        )


def third_vintage(engine: Engine) -> None:
    """Add an older boundary edition, as rows of the seeds would."""
    with engine.begin() as connection:
        connection.exec_driver_sql(Path(__file__).with_name("third_vintage.sql").read_text())


@pytest.fixture
def built(_built: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """The built warehouse; the environment of the test leads to it."""
    for name, value in _built.environment.items():
        monkeypatch.setenv(name, value)
    return _built
