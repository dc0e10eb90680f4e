"""Messages about failures, to real receivers on this machine. A real failing DAG is in test_airflow.py."""

import base64
import json
import os
import time

import pytest
from sqlalchemy import text

from statloom import contracts, settings
from statloom.errors import DeliveryError, GateError
from statloom.pipeline import failures
from statloom.services import notify
from tests.services import receivers

SOURCE = "census_2011_toilet"
DAG = f"ingest__{SOURCE}"
PASSWORD = "pass/word:of@ministry"


@pytest.fixture
def posted(monkeypatch):
    with receivers.http() as kept:
        monkeypatch.setenv("STATLOOM_NOTIFY_WEBHOOK", kept.address)
        yield kept


@pytest.fixture
def mailed(monkeypatch):
    with receivers.smtp() as kept:
        monkeypatch.setenv("STATLOOM_NOTIFY_EMAIL", "night@statloom.example, day@statloom.example")
        monkeypatch.setenv("STATLOOM_SMTP", kept.address)
        yield kept


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.setenv("STATLOOM_HOME", str(tmp_path))
    return settings.load()


def test_without_receivers_nothing_is_sent_or_written(here):
    assert failures.tell(DAG, "run", error=GateError("x")) is None
    assert not here.run.exists()


def test_a_held_back_delivery_is_told_to_its_owner_both_ways(posted, mailed, here):
    error = GateError("toilet.csv: 2 expectations failed\nrow 7: total is below 0")
    link = f"http://127.0.0.1:8080/dags/{DAG}/runs/r1/tasks/gate"
    outcomes = failures.tell(DAG, "r1", task="gate", error=error, link=link)
    assert outcomes == {"webhook": "sent", "email": "sent"}
    (message,) = posted.messages
    assert message["kind"] == "held_back"
    assert message["title"] == f"{SOURCE}: the newest delivery is held back"
    assert message["reason"] == str(error)
    assert (message["dag"], message["run"], message["task"]) == (DAG, "r1", "gate")
    assert (message["source"], message["owner"]) == (SOURCE, "census@statloom.example")
    assert all(part in message["text"] for part in (message["title"], str(error), link))
    (mail,) = mailed.mails
    assert mail["To"] == "night@statloom.example, day@statloom.example, census@statloom.example"
    assert mail["Subject"] == f"[Statloom] {message['title']}"
    assert str(error) in mail.get_content().replace("\r\n", "\n")
    recorded = [json.loads(line) for line in (here.logs / "notifications.jsonl").read_text().splitlines()]
    assert [(line["dag"], line["webhook"], line["email"]) for line in recorded] == [(DAG, "sent", "sent")]


@pytest.mark.database
def test_owners_are_told_of_parts_that_are_held_back_once_until_they_change(posted, mailed, database):
    def hold_back(period, owner="poverty@statloom.example", extent="part", gate="raw"):
        with database.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into quality.held_back (extent, source_id, series_code, period, delivery_id,"
                    " gate, expectation, reason, owner)"
                    " values (:extent, 'poverty', 'NP_POV', :period, 1, :gate,"
                    " 'shares add up', 'Kaski: 140 %; postgresql://u:planted@h/db', :owner)"
                ),
                {"period": period, "owner": owner, "extent": extent, "gate": gate},
            )

    def tell(gate="raw", source="poverty"):
        return failures.tell_of_parts(database.engine, gate, run="r", source=source)

    assert tell() == 0
    hold_back("2011")
    hold_back("2012", extent="delivery")
    hold_back("2013", gate="marts", owner="marts@statloom.example")
    assert (tell(), tell()) == (1, 0)
    hold_back("2014")
    hold_back("2011", owner="other@statloom.example")
    assert (tell(), tell()) == (2, 0)
    assert (tell("marts", None), tell("marts", None), tell("raw", "income")) == (1, 0, 0)
    first, *_ = posted.messages
    assert first["title"] == "poverty: 1 part held back, the rest goes on"
    assert first["reason"] == "poverty, NP_POV, 2011: shares add up: Kaski: 140 %; postgresql://u:***@h/db"
    assert (first["kind"], first["owner"]) == ("held_back", "poverty@statloom.example")
    assert [message["owner"].split("@")[0] for message in posted.messages[1:]] == [
        "other",
        "poverty",
        "marts",
    ]
    assert "2 parts held back" in posted.messages[2]["title"]
    assert len(mailed.mails) == 4
    assert "other@statloom.example" in mailed.mails[1]["To"]


def test_a_run_is_told_of_once_and_again_after_it_was_cleared(posted):
    assert failures.tell("warehouse", "r1", task="marts", error=ValueError("first"))
    assert failures.tell("warehouse", "r1") is None
    assert failures.tell("warehouse", "r1", task="marts", error=ValueError("again"), attempt=1)
    assert failures.tell("warehouse", "r2")
    reasons = [message["reason"] for message in posted.messages]
    assert reasons[:2] == ["ValueError: first", "ValueError: again"]
    assert "killed" in reasons[2]
    assert {message["kind"] for message in posted.messages} == {"failed"}


def test_no_secret_is_in_a_message(posted, mailed, here, monkeypatch):
    here.secrets.mkdir(parents=True)
    (here.secrets / "passwords.json").write_text(json.dumps({"statloom_engineer": "generated-one"}))
    monkeypatch.setenv(
        "AIRFLOW_CONN_MINISTRY", f"postgres://reader:{failures.connections.quote(PASSWORD, safe='')}@h/db"
    )
    monkeypatch.setenv("STATLOOM_VAULT_KEY", "key-of-the-vault")
    error = DeliveryError(
        f"postgresql://reader:{PASSWORD}@h/db refused; also generated-one, key-of-the-vault and "
        f"https://h/x?token=abcdef and {failures.connections.quote(PASSWORD, safe='')}"
    )
    failures.tell(DAG, "r", task="fetch", error=error)
    for sent in (json.dumps(posted.messages), mailed.mails[0].as_string()):
        for secret in ("generated-one", "key-of-the-vault", "abcdef", "of@ministry", "word%3Aof"):
            assert secret not in sent
    assert "refused; also ***, *** and" in posted.messages[0]["reason"]


def test_values_of_sensitive_sources_are_not_quoted_and_long_reasons_are_cut(posted):
    sensitive = next(c.source for c in contracts.load_all().values() if c.sensitivity in ("high", "severe"))
    error = DeliveryError("'Sita Rai, Achham' is not an integer", file="p.csv", row=7, column="age")
    failures.tell(f"ingest__{sensitive}", "r", task="load", error=error)
    failures.tell(DAG, "r", task="load", error=DeliveryError("\n".join(f"line {n}" for n in range(50))))
    assert posted.messages[0]["reason"] == "p.csv, row 7, column age: '…' is not an integer"
    assert posted.messages[1]["reason"].splitlines()[-2:] == ["line 7", "…"]


def test_a_receiver_that_refuses_is_no_failure_and_is_asked_again(posted, mailed, here):
    posted.answer, mailed.refuses = 302, True
    outcomes = failures.tell("release", "r", task="gate", error=GateError("x"))
    assert outcomes["webhook"] == "not sent: the receiver answered 302"
    assert outcomes["email"].startswith("not sent: the mail server refuses night@statloom.example")
    assert "secret-part" not in (here.logs / "notifications.jsonl").read_text()
    posted.answer = 200
    assert failures.tell("release", "r")["webhook"] == "sent"


def test_nobody_there(monkeypatch, here):
    monkeypatch.setenv("STATLOOM_NOTIFY_WEBHOOK", "http://127.0.0.1:1/hooks/secret-part")
    monkeypatch.setenv("STATLOOM_NOTIFY_EMAIL", "a@statloom.example")
    outcomes = failures.tell("release", "r")
    assert outcomes["webhook"] == "not sent: the receiver cannot be reached (ConnectionError)"
    assert "connection 'statloom_smtp' is not defined" in outcomes["email"]
    monkeypatch.setenv("STATLOOM_NOTIFY_WEBHOOK", "file:///etc/passwd")
    assert "http:// or https://" in failures.tell("release", "r")["webhook"]


def test_the_mail_server_of_an_airflow_connection_gets_its_password_on_this_machine_only(mailed, monkeypatch):
    monkeypatch.delenv("STATLOOM_SMTP")
    port = mailed.address.rpartition(":")[2]
    uri = f"smtp://post:{failures.connections.quote(PASSWORD, safe='')}@127.0.0.1:{port}"
    monkeypatch.setattr(notify, "lookup", {"statloom_smtp": uri}.__getitem__)
    assert failures.tell("release", "r")["email"] == "sent"
    assert base64.b64decode(mailed.logins[0]).decode() == f"\0post\0{PASSWORD}"
    # As if it were another machine: without encryption it gets no password.
    monkeypatch.setattr(notify, "_LOCAL", ())
    monkeypatch.setenv("STATLOOM_SMTP", uri)
    assert "offers no encryption" in failures.tell("release", "other")["email"]
    assert len(mailed.logins) == 1


def test_a_new_line_in_a_title_makes_no_header(mailed):
    failures.tell("a\nBcc: everybody@elsewhere.example", "r", error="x")
    assert mailed.mails[0]["Bcc"] is None
    assert "everybody" not in mailed.mails[0]["To"]


def test_old_marks_are_removed(posted, here):
    failures.tell("release", "r")
    (mark,) = (here.run / "notified").iterdir()
    old = time.time() - 40 * 86_400
    os.utime(mark, (old, old))
    failures.tell("release", "r2")
    assert mark not in (here.run / "notified").iterdir()
