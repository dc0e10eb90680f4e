"""Tells people of a DAG run that failed, once a run, and owners of what is held back: with the reason,
without secrets.
"""

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text

from statloom import contracts, settings
from statloom.connectors import connections
from statloom.contracts.model import Contract
from statloom.errors import GateError, StatloomError
from statloom.services import notify
from statloom.settings import Settings

INGEST = "ingest__"
SMTP_CONNECTION = "statloom_smtp"
_REASON_LINES, _REASON_LENGTH = 8, 1500
_REMEMBERED_SECONDS = 30 * 86_400
_SHORTEST_SECRET = 6


def tell(
    dag: str,
    run: str,
    *,
    task: str | None = None,
    error: BaseException | str | None = None,
    attempt: int = 0,
    link: str | None = None,
    owner: str | None = None,
) -> dict[str, str] | None:
    """Send one message about a failed run of DAG ``dag``; return its outcomes, see ``notify.send``.

    ``error``: what the task raised, or a text. ``attempt``: how often the run was cleared and run again.
    None: nobody is to be told, or the run was told of already. Raises nothing.
    """
    if not notify.wanted():
        return None
    here = settings.load()
    try:
        mark = _mark(here, f"{dag} {run} {attempt}")
        if not _made(mark):
            return None
        contract = _contract(dag)
        mask = _masking(here)
        message = notify.Message(
            kind="held_back" if isinstance(error, GateError) and contract else "failed",
            title=_title(dag, task, error, contract),
            reason=mask(_reason(error, contract)),
            dag=dag,
            run=run,
            task=task,
            source=contract.source if contract else _source(dag),
            owner=owner or (contract.owner if contract else None),
            link=link,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        outcomes = notify.send(here, message, smtp=_mail_server, mask=mask)
        if "sent" not in outcomes.values():
            mark.unlink(missing_ok=True)
        return outcomes
    except Exception as problem:
        # A task that failed must not fail once more over the message.
        return {"message": f"not sent: {type(problem).__name__}"}


_IN_FORCE = text(
    """
    select owner, source_id, series_code, period, expectation, reason
    from quality.held_back
    where lifted_at is null and extent = 'part' and gate = :gate and owner is not null
        and (cast(:source as text) is null or source_id = :source)
    order by owner, source_id, series_code, period, expectation
    """
)


def tell_of_parts(
    engine: Engine,
    gate: str,
    *,
    run: str | None,
    source: str | None = None,
) -> int:
    """Send each owner one message about the parts that ``gate`` (raw: of ``source``; marts) holds back now,
    while the rest is published; return how many were sent.

    An owner is told again when other parts are held back, or after a month. Raises nothing.
    """
    if not notify.wanted():
        return 0
    try:
        here = settings.load()
        with engine.connect() as connection:
            found = connection.execute(_IN_FORCE, {"gate": gate, "source": source}).all()
        told = 0
        for owner in sorted({part.owner for part in found}):
            parts = [part for part in found if part.owner == owner]
            told += _tell_owner(here, gate, owner, parts, run=run, source=source)
        return told
    except Exception as problem:
        print(f"owners were not told of what is held back: {type(problem).__name__}")
        return 0


def _tell_owner(here: Settings, gate: str, owner: str, parts: list, *, run, source) -> bool:
    named = sorted({f"{part.source_id}, {part.series_code}, {part.period}" for part in parts})
    what = json.dumps([gate, source, owner, [tuple(part)[:5] for part in parts]])
    mark = _mark(here, f"parts {what}")
    if not _made(mark):
        return False
    sources = sorted({part.source_id for part in parts})
    dag = f"{INGEST}{source}" if source else "warehouse"
    mask = _masking(here)
    reasons = [
        f"{part.source_id}, {part.series_code}, {part.period}: "
        f"{_reason(f'{part.expectation}: {part.reason}', _contract(f'{INGEST}{part.source_id}'))}"
        for part in parts[:_REASON_LINES]
    ]
    more = [f"… and {len(parts) - _REASON_LINES} more"] if len(parts) > _REASON_LINES else []
    message = notify.Message(
        kind="held_back",
        title=f"{', '.join(sources[:3])}{' …' if len(sources) > 3 else ''}: {len(named)}"
        f" part{'s' if len(named) > 1 else ''} held back, the rest goes on",
        reason=mask("\n".join(reasons + more)),
        dag=dag,
        run=run or "",
        task="gate",
        source=source,
        owner=owner,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    outcomes = notify.send(here, message, smtp=_mail_server, mask=mask)
    if "sent" not in outcomes.values():
        mark.unlink(missing_ok=True)
        return False
    return True


def _source(dag: str) -> str | None:
    return dag.removeprefix(INGEST) if dag.startswith(INGEST) else None


def _contract(dag: str) -> Contract | None:
    with contextlib.suppress(StatloomError):
        return contracts.load(_source(dag)) if _source(dag) else None
    return None


def _title(dag: str, task: str | None, error: object, contract: Contract | None) -> str:
    if contract is None:
        return f"{dag} failed" + (f" at {task}" if task else "")
    if isinstance(error, GateError):
        return f"{contract.source}: the newest delivery is held back"
    what = {"fetch": "could not be fetched", "load": "could not be read", "gate": "could not be judged"}
    return f"{contract.source}: the newest delivery {what.get(task or '', 'was not taken in')}"


def _reason(error: BaseException | str | None, contract: Contract | None) -> str:
    """The first lines of what was raised; of sensitive sources without the values that it quotes."""
    if error is None:
        return "The task ended without a word: it was killed, or lost its machine. See its log."
    text = str(error).strip() or type(error).__name__
    if isinstance(error, BaseException) and not isinstance(error, StatloomError):
        text = f"{type(error).__name__}: {text}"
    if contract and contract.sensitivity in ("high", "severe"):
        text = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "'…'", text)
    lines = text.splitlines()
    shown = "\n".join(lines[:_REASON_LINES]) + ("\n…" if len(lines) > _REASON_LINES else "")
    return shown[:_REASON_LENGTH] + ("…" if len(shown) > _REASON_LENGTH else "")


def _masking(here: Settings) -> Callable[[str], str]:
    """What replaces every secret that this process can know of by ``***``."""
    known: set[str] = set()
    for file in here.secrets.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            known |= {kept for kept in json.loads(file.read_text()).values() if isinstance(kept, str)}
    for name, given in os.environ.items():
        if name.startswith("AIRFLOW_CONN_"):
            with contextlib.suppress(StatloomError):
                known |= set(connections.parse(given, name).secrets)
        elif re.search("PASSWORD|SECRET|TOKEN|_KEY", name):
            known.add(given)
    # The longest first: a short one may be a part of it. Very short ones would blot out ordinary words.
    secrets = sorted((kept for kept in known if len(kept) >= _SHORTEST_SECRET), key=len, reverse=True)
    return lambda said: connections.without_secrets(said, *secrets)


def _mail_server() -> str:
    """The mail server of Airflow's connection, as a URL."""
    found = connections.find(SMTP_CONNECTION, notify.lookup)
    secure = "s" if str(found.extra.get("disable_ssl", "true")).lower() == "false" else ""
    login = f"{connections.quote(found.login, safe='')}:" if found.login else ""
    login += f"{connections.quote(found.password or '', safe='')}@" if found.login else ""
    scheme = found.kind if found.kind == "smtps" else f"smtp{secure}"
    return f"{scheme}://{login}{found.host}" + (f":{found.port}" if found.port else "")


def _mark(here: Settings, what: str) -> Path:
    """The file that is there once people were told of ``what``; those that are a month old are removed."""
    folder = here.run / "notified"
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.stat().st_mtime < time.time() - _REMEMBERED_SECONDS:
            file.unlink(missing_ok=True)
    return folder / hashlib.sha256(what.encode()).hexdigest()[:32]


def _made(file: Path) -> bool:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True
