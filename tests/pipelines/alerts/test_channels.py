"""How a message reaches a target, and that no secret is ever shown."""

import json
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from pipelines.alerts.channels import Answer, call_heartbeat, channel
from pipelines.alerts.messages import Message
from pipelines.alerts.sample import sample_message
from pipelines.alerts.subscriptions import parse
from tests.pipelines.alerts.conftest import Mailbox, mail_toml
from tests.watching import night

FIRST = night(1)
SAMPLE = sample_message("me", FIRST, None)


def send(toml: str, target: str, data: Path = Path(), message: Message = SAMPLE, now: datetime = FIRST) -> Answer:
    return channel(parse(toml, "x", {"TOKEN": "s3cr3t-t0ken"}), target, data, lambda: now)(message)


def test_an_e_mail_has_text_and_html_and_headers_that_stay(mailbox: Mailbox) -> None:
    for now in (night(1), night(2)):
        assert send(mail_toml(mailbox), "mail", now=now) == Answer(is_taken=True, words="127.0.0.1 took it.")
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{SAMPLE.message_id}@example.org>"
    assert (str(first["From"]), str(first["To"])) == ("Standards Watch <watch@example.org>", "curriculum@example.org")
    assert first["List-Unsubscribe"] == "<https://example.org/leave>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert str(first["Subject"]) == SAMPLE.subject
    text, page = first.get_body(("plain",)), first.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(page, EmailMessage)
    assert "{+ and document+}" in text.get_content()
    assert "https://example.org/leave" not in text.get_content()
    assert page.get_content().startswith("<!DOCTYPE html>")


def test_a_subject_keeps_its_spaces(mailbox: Mailbox) -> None:
    from dataclasses import replace

    subject = "ST9001: Maximum funding £5,000 → £6,000 – and “quoted” words"
    send(mail_toml(mailbox), "mail", message=replace(SAMPLE, subject=subject))
    assert mailbox.subjects == [subject]


def test_a_webhook_is_posted_the_json_with_the_key_of_the_message(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/s3cr3t-t0ken").respond_with_data("ok")
    toml = f'[targets.hook]\nkind = "webhook"\nurl = "{httpserver.url_for("/")}${{TOKEN}}"\n'
    assert send(toml, "hook") == Answer(is_taken=True, words="HTTP 200 OK")
    ((request, _),) = httpserver.log
    assert request.headers["Idempotency-Key"] == SAMPLE.message_id
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.data)["schema_version"] == 1


@pytest.mark.parametrize(("status", "is_taken"), [(200, True), (204, True), (301, False), (404, False), (500, False)])
def test_only_a_yes_is_a_yes(httpserver: HTTPServer, status: int, is_taken: bool) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=status, headers={"Location": "/elsewhere"})
    toml = f'[targets.hook]\nkind = "webhook"\nurl = "{httpserver.url_for("/hook")}"\n'
    assert send(toml, "hook").is_taken == is_taken
    assert len(httpserver.log) == 1, "a redirect is not followed"


@pytest.mark.parametrize(("status", "is_taken"), [(200, True), (500, False)])
def test_apprise_answers_for_one_target(httpserver: HTTPServer, status: int, is_taken: bool) -> None:
    httpserver.expect_request("/s3cr3t-t0ken").respond_with_data("", status=status)
    toml = f'[targets.chat]\nkind = "apprise"\nurl = "json://127.0.0.1:{httpserver.port}/${{TOKEN}}"\n'
    answer = send(toml, "chat")
    assert answer.is_taken == is_taken
    assert is_taken or "500" in answer.words
    assert "s3cr3t-t0ken" not in answer.words
    body = json.loads(httpserver.log[0][0].data)
    assert body["title"] == SAMPLE.subject
    assert "K8 reworded" in body["message"]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        pytest.param('kind = "webhook"\nurl = "http://127.0.0.1:9/${TOKEN}"', "ConnectionError", id="nobody there"),
        pytest.param('kind = "webhook"\nurl = "gopher://example.org/${TOKEN}"', "InvalidSchema", id="no webhook"),
        pytest.param('kind = "apprise"\nurl = "nothing-at-all://${TOKEN}"', "Apprise does not know", id="no service"),
        pytest.param('kind = "file"\nfolder = "/proc/nowhere"', "OSError|FileNotFoundError|PermissionError", id="no folder"),
    ],
)
def test_whatever_goes_wrong_is_an_answer_without_a_secret(toml: str, said: str) -> None:
    answer = send(f"[targets.x]\n{toml}\n", "x")
    assert not answer.is_taken
    assert any(one in answer.words for one in said.split("|")), answer.words
    assert "s3cr3t-t0ken" not in answer.words


def test_a_refused_password_is_not_shown(mailbox: Mailbox) -> None:
    toml = mail_toml(mailbox).replace('security = "none"', 'security = "none"\nuser = "watch"\npassword = "${TOKEN}"')
    answer = send(toml, "mail")
    assert not answer.is_taken
    assert "s3cr3t-t0ken" not in answer.words


def test_a_file_is_written_again_under_its_own_name(tmp_path: Path) -> None:
    for _ in range(2):
        assert send('[targets.outbox]\nkind = "file"\n', "outbox", tmp_path).is_taken
    names = sorted(path.name for path in (tmp_path / "outbox").iterdir())
    stem = f"2026-03-01-test-{SAMPLE.message_id[:8]}"
    assert names == [f"{stem}.html", f"{stem}.txt"]


def test_the_heartbeat(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/beat").respond_with_data("ok")
    assert call_heartbeat(httpserver.url_for("/beat")) == "HTTP 200"
    assert call_heartbeat("http://127.0.0.1:9/t0ken") == "no answer (ConnectionError)"
