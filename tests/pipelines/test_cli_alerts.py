"""Telling people, from the command line: real runs, a mail server and a webhook on loopback."""

import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from scrapers.sample.server import SampleSite, sample_nights
from tests.pipelines.alerts.conftest import Mailbox, mail_toml
from tests.pipelines.alerts.conftest import mailbox as mailbox
from tests.pipelines.test_cli import Shell

SECRET = "s3cr3t-t0ken-0815"  # noqa: S105 - invented
EVERYTHING = '[[subscriptions]]\nname = "everything"\ntargets = ["mail", "hook"]\n'


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, httpserver: HTTPServer) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK_TOKEN", SECRET)
    hook = f'[targets.hook]\nkind = "webhook"\nurl = "{httpserver.url_for("/hook")}/${{HOOK_TOKEN}}"\n'
    Path("subscriptions.toml").write_text(mail_toml(mailbox, hook) + EVERYTHING, encoding="utf-8")
    with SampleSite(sample_nights()) as site:
        yield Shell(tmp_path / "data", site)


def posted(httpserver: HTTPServer) -> list[tuple[str, int]]:
    """What the webhook was posted: the subject, and how many changes."""
    bodies = [json.loads(request.data) for request, _ in httpserver.log]
    return [(body["subject"], sum(len(entry["change_ids"]) for s in body["sections"] for entry in s["entries"])) for body in bodies]


def test_two_nights_a_mail_and_a_json_for_each_standard_that_changed(
    shell: Shell, mailbox: Mailbox, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request(f"/hook/{SECRET}").respond_with_data("ok")
    httpserver.expect_request("/beat").respond_with_data("ok")
    assert shell.run("--source", "api").exit_code == 0
    assert mailbox.subjects == ["Standards Watch is watching"]
    shell.site.move(2)
    monkeypatch.setenv("STANDARDS_WATCH_HEARTBEAT_URL", httpserver.url_for("/beat"))
    done = shell.run("--source", "api", "--source", "page")
    assert done.exit_code == 0, done.output
    told = {subject.split(" ")[0] for subject in mailbox.subjects[1:]}
    assert told == {"ST9001", "ST9002", "ST9003", "ST9006"}
    assert len(mailbox.mails) == 5
    beat = httpserver.log.pop()
    assert beat[0].path == "/beat"
    assert [subject for subject, _ in posted(httpserver)] == mailbox.subjects
    assert sum(changes for _, changes in posted(httpserver)) == len(shell.json("changes"))
    mail = next(mail for mail in mailbox.mails if str(mail["Subject"]).startswith("ST9001"))
    text = mail.get_body(("plain",))
    assert isinstance(text, EmailMessage)
    assert "[-temperature-]{+acoustic+}" in text.get_content()

    monkeypatch.delenv("STANDARDS_WATCH_HEARTBEAT_URL")
    assert shell.run("--source", "api").exit_code == 0
    assert len(mailbox.mails) == 5, "the same night again tells nothing"
    assert {row["state"] for row in shell.json("alerts", "list", "--all")} == {"sent"}
    assert shell("alerts", "list").stdout.strip() == "Everything was sent."
    files = [path for path in shell.data.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == [], "no secret in databases, logs or run metadata"


def test_who_could_not_be_told_is_named_and_the_run_exits_1(shell: Shell, mailbox: Mailbox, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/hook/{SECRET}").respond_with_data("", status=500)
    done = shell.run("--source", "api")
    assert done.exit_code == 1
    assert "Not everybody was told. hook: HTTP 500" in " ".join(done.output.split())
    assert len(mailbox.mails) == 1
    (row,) = shell.json("alerts", "list")
    assert (row["target"], row["state"], row["attempts"]) == ("hook", "failed", 1)
    again = shell("alerts", "retry")
    assert again.exit_code == 1
    httpserver.clear()
    httpserver.expect_request(f"/hook/{SECRET}").respond_with_data("ok")
    assert shell("alerts", "retry", "ffffffff").exit_code == 2
    assert shell("alerts", "retry", row["delivery_id"][:8]).exit_code == 0
    assert shell("alerts", "list").stdout.strip() == "Everything was sent."
    assert shell("alerts", "retry").stdout.strip() == "Nothing was due."
    assert len(mailbox.mails) == 1


def test_a_replay_of_the_past_tells_nobody_unless_asked_to(shell: Shell, mailbox: Mailbox, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/hook/{SECRET}").respond_with_data("ok")
    assert shell.run("--source", "api", "--observed-at", "2026-06-08").exit_code == 0
    assert mailbox.mails == []
    shell.site.move(2)
    assert shell.run("--source", "api", "--observed-at", "2026-06-09", "--alerts", "always").exit_code == 0
    assert len(mailbox.mails) == 4


def test_alerts_test_sends_a_sample_through_every_target(shell: Shell, mailbox: Mailbox, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/hook/{SECRET}").respond_with_data("", status=403)
    done = shell("alerts", "test")
    assert done.exit_code == 1
    assert "HTTP 403" in done.stdout
    assert SECRET not in done.output
    assert mailbox.subjects == ["Test: messages of Standards Watch reach mail"]
    assert shell("alerts", "test", "--target", "mail").exit_code == 0
    assert shell("alerts", "test", "--target", "pigeon").exit_code == 2


def test_a_file_that_is_wrong_is_said_before_anything_is_done(shell: Shell) -> None:
    Path("subscriptions.toml").write_text('[targets.me]\nkind = "email"\n\nto = "nobody"\n', encoding="utf-8")
    for words in (("run", "--site", shell.site.url, "--source", "api"), ("alerts", "test"), ("doctor",)):
        done = shell(*words)
        assert done.exit_code == 1
        assert "subscriptions.toml, line 4: targets.me.to: " in " ".join(done.output.split())
    assert not shell.data.exists()


def test_doctor_shows_no_secret(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDARDS_WATCH_HEARTBEAT_URL", f"https://beat.example.org/{SECRET}")
    told = {row["setting"]: row["value"] for row in json.loads(shell("doctor", "--json").stdout)["settings"]}
    assert told["heartbeat_url"] == "**********"
