"""docker-compose.yml: valid, without default secrets, and in step with what the code needs."""

import re
import subprocess
import sys

import pytest
import yaml

from statloom.services import airflow_environment
from statloom.settings import PROJECT
from statloom.warehouse import roles

FILE = PROJECT / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(FILE.read_text())


def test_it_is_a_valid_compose_file():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    run = subprocess.run(check, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_no_secret_has_a_default():
    secrets = re.findall(r"\$\{([A-Z_]*(?:PASSWORD|KEY|SECRET)[A-Z_]*)([^}]*)\}", FILE.read_text())
    assert {name for name, _ in secrets} >= {
        "STATLOOM_ADMIN_PASSWORD",
        "STATLOOM_ENGINEER_PASSWORD",
        "STATLOOM_AIRFLOW_PASSWORD",
        "STATLOOM_FERNET_KEY",
        "STATLOOM_JWT_SECRET",
    }
    demanded = {name for name, rest in secrets if rest.startswith(":?")}
    may_be_missing = {name for name, rest in secrets if rest == ":-"}
    assert may_be_missing == {"STATLOOM_NOTIFY_WEBHOOK_KEY"}
    assert {name for name, _ in secrets} == demanded | may_be_missing


def test_every_service_is_watched(compose):
    once = {"setup"}
    for name, service in compose["services"].items():
        if name not in once:
            assert "test" in service["healthcheck"], name


def test_the_services_are_those_of_a_run(compose):
    assert set(compose["services"]) >= {
        "postgres",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
        "site",
    }


def test_ports_are_open_to_this_machine_alone(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_airflow_is_told_what_the_code_tells_it(compose):
    """What `make run` sets for Airflow is set here too, but for what belongs to one small machine."""
    here = set(compose["services"]["airflow-scheduler"]["environment"])
    for name in airflow_environment.NO_TELEMETRY:
        assert name in here, name
    needed = {
        "STATLOOM_HOME",
        "STATLOOM_DATABASE_URL",
        "AIRFLOW_HOME",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__CORE__LOAD_EXAMPLES",
        "AIRFLOW__CORE__PLUGINS_FOLDER",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    }
    assert needed <= here


def test_every_variable_that_the_library_reads_is_given_or_has_a_default(compose):
    """A STATLOOM_ variable that compose sets must be one that the code knows."""
    code = "".join(path.read_text() for path in (PROJECT / "plugins" / "statloom").rglob("*.py"))
    # Passwords are named after their login.
    code += " ".join(f"{login.upper()}_PASSWORD" for login in roles.logins())
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            if name.startswith("STATLOOM_"):
                assert name in code, name
