"""The environment in which Airflow's processes run: every setting that differs from Airflow's own default.

Airflow reads ``AIRFLOW__<SECTION>__<KEY>`` before any configuration file, so no file of settings is written.
"""

import base64
import json
import os
import secrets
import sys
from pathlib import Path

from statloom import processes
from statloom.errors import StatloomError
from statloom.settings import Settings
from statloom.warehouse import passwords, setup

HOST = "127.0.0.1"
_OPENLINEAGE = "AIRFLOW__OPENLINEAGE__"
ADMINISTRATOR = "admin"

# No tool reports its use to anybody.
NO_TELEMETRY = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}

_FIXED = {
    "AIRFLOW__API__HOST": HOST,
    "AIRFLOW__API__INSTANCE_NAME": "Statloom",
    "AIRFLOW__API__MAXIMUM_PAGE_LIMIT": "1000",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    # Workers are forked from the scheduler, which has imported what is slow to import: config/.
    "AIRFLOW__CORE__MP_START_METHOD": "fork",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMINISTRATOR}:admin",
    # The migration is run, and remembered, before anything starts.
    "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
    "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    # Every request a line: more than all other lines together.
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "http.access=WARNING airflow.api_fastapi.execution_api=WARNING",
    "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "50",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "50",
    "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "32",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    # A worker tells every second that it lives (below). One that was killed is taken for dead after two
    # minutes, and its task for failed; by default after five. Less, and a busy machine kills living ones.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    # A worker that misses the end of its task's process sleeps until its next heartbeat, 5 s by default: one
    # task in four did.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


def environment(settings: Settings, *, port: int | None = None) -> dict[str, str]:
    """Return the whole environment for Airflow's processes and its command line.

    ``port`` is that of the API server; without it, the one it has or had last. Needs the warehouse's server
    to run. Makes the secrets that are missing: Fernet key, JWT secret, the administrator's password
    (``airflow_admin``). What this process's own environment says of another Airflow (``AIRFLOW_HOME``,
    ``AIRFLOW__*``) is left out, but for ``AIRFLOW__OPENLINEAGE__*``; connections (``AIRFLOW_CONN_*``) and
    variables are passed on. Raises StatloomError when ``STATLOOM_OPENLINEAGE`` is neither a path nor a URL.
    """
    kept = {
        name: text
        for name, text in os.environ.items()
        if (not name.startswith("AIRFLOW__") or name.startswith(_OPENLINEAGE))
        and name not in ("AIRFLOW_HOME", "AIRFLOW_CONFIG")
    }
    port = port or processes.read_json(state_file(settings)).get("port") or processes.free_port(HOST)
    keys = _keys(settings)
    address = f"http://{HOST}:{port}"
    library = Path(__file__).resolve().parents[2]
    paths = [str(library), str(settings.project / "plugins"), str(settings.project / "config")]
    if os.environ.get("PYTHONPATH"):
        paths.append(os.environ["PYTHONPATH"])
    local = ",".join(filter(None, (os.environ.get("NO_PROXY"), HOST, "localhost")))
    return (
        _lineage(settings)
        | kept
        | NO_TELEMETRY
        | _FIXED
        | {
            "AIRFLOW_HOME": str(settings.airflow),
            "AIRFLOW__API__BASE_URL": address,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__SECRET_KEY": keys["secret_key"],
            "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
            "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.project / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_users_file(settings)),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _driver(setup.airflow_url(settings)),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.airflow / "logs"),
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
                settings.airflow / "logs" / "dag_processor"
            ),
            "NO_PROXY": local,
            "no_proxy": local,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            "STATLOOM_HOME": str(settings.home),
            "STATLOOM_PROJECT": str(settings.project),
        }
    )


def _lineage(settings: Settings) -> dict[str, str]:
    """Where Airflow's provider sends OpenLineage events: ``STATLOOM_OPENLINEAGE``, a file or a URL."""
    where = os.environ.get("STATLOOM_OPENLINEAGE")
    usual = {
        f"{_OPENLINEAGE}NAMESPACE": "statloom",
        # What a task does is in the repository, whose commit is known.
        f"{_OPENLINEAGE}DISABLE_SOURCE_CODE": "True",
    }
    if not where:
        return usual
    if where.startswith(("http://", "https://")):
        transport = {"type": "http", "url": where}
        if key := os.environ.get("STATLOOM_OPENLINEAGE_KEY"):
            transport["auth"] = {"type": "api_key", "apiKey": key}
    elif "://" in where:
        raise StatloomError(f"STATLOOM_OPENLINEAGE is {where}: it is a file, or a URL with http or https")
    else:
        file = settings.project / where
        file.parent.mkdir(parents=True, exist_ok=True)
        transport = {"type": "file", "log_file_path": str(file), "append": True}
    return usual | {f"{_OPENLINEAGE}TRANSPORT": json.dumps(transport)}


def state_file(settings: Settings) -> Path:
    """Return the file that says where Airflow runs."""
    return settings.run / "airflow.json"


def _keys(settings: Settings) -> dict[str, str]:
    """The keys of this installation; kept, since what is encrypted with them outlives a restart."""
    file = settings.secrets / "airflow_keys.json"
    known = processes.read_json(file)
    if not known:
        known = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt_secret": secrets.token_urlsafe(48),
            "secret_key": secrets.token_urlsafe(48),
        }
        processes.write_private(file, json.dumps(known, indent=2) + "\n")
    password = passwords.of(settings, "airflow_admin")
    if processes.read_json(_users_file(settings)) != {ADMINISTRATOR: password}:
        processes.write_private(_users_file(settings), json.dumps({ADMINISTRATOR: password}))
    return known


def _users_file(settings: Settings) -> Path:
    return settings.secrets / "airflow_users.json"


def _driver(url: str) -> str:
    """``url`` with the driver that Airflow works with."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}+psycopg2://{rest}"
