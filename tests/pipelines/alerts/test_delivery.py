"""Told once: whatever dies, whoever does not answer, however often it is run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from pipelines.alerts import delivery
from pipelines.alerts.delivery import BACKOFF
from pipelines.cli import app
from tests.pipelines.alerts.conftest import Desk, Mailbox, change, mail_toml
from tests.watching import Watch, night, sample
from warehouse import changes, outbox

ST, OTHER = "ST9001 1.2", "ST9003 1.0"
EVERYTHING = '[[subscriptions]]\nname = "everything"\ntargets = ["mail"]\n'
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """As kill -9 does, nothing gets to clean up: the warehouse has what was committed."""


def kill(*_: Any, **__: Any) -> Any:
    raise Killed


def with_mail(desk: Desk, mailbox: Mailbox, more: str = "", subscriptions: str = EVERYTHING) -> Desk:
    desk.toml = mail_toml(mailbox, more) + subscriptions
    return desk


def test_the_first_run_sends_one_welcome(desk: Desk) -> None:
    desk.see(sample(), sources=("api", "page"))
    assert desk.outbox == ["2026-03-01-welcome"]
    (page,) = (desk.watch.data / "outbox").glob("*.txt")
    assert "9 standards in 16 versions" in page.read_text(encoding="utf-8")
    desk.see(sample(), sources=("api", "page", "occupation"))
    assert desk.outbox == ["2026-03-01-welcome"]


def test_one_message_for_a_standard_and_a_run_whatever_its_sources(desk: Desk) -> None:
    desk.see(sample(ST, OTHER), sources=("api", "page"))
    desk.see(sample(ST, OTHER, maxFunding=1234, title="Another"), sources=("api", "page"))
    assert desk.outbox == ["2026-03-01-welcome", "2026-03-02-ST9001", "2026-03-02-ST9003"]


def test_running_and_delivering_again_tells_nothing_twice(desk: Desk) -> None:
    desk.find(change())
    before = desk.states()
    for _ in range(3):
        desk.find()
    assert desk.states() == before
    assert desk.outbox == ["2026-03-01-ST9001"]


@pytest.mark.parametrize(("mode", "told"), [("live", 0), ("always", 1)])
def test_the_past_is_told_only_where_that_is_asked_for(watch: Watch, mode: Any, told: int) -> None:
    """A run that stands for a day that was past when it began is a replay."""
    watch.see(sample(ST))
    watch.alerts = mode
    watch.capture(sample(ST, maxFunding=1234))
    with watch.open() as db:
        db.execute("UPDATE runs SET started_at = observed_at + INTERVAL 25 HOURS")
    assert len(watch.work()) == 1
    assert watch.rows("SELECT count(*) AS n FROM alerts WHERE kind = 'standard'") == [{"n": told}]


def test_a_live_run_that_is_compared_a_week_late_is_told(watch: Watch) -> None:
    watch.see(sample(ST))
    watch.capture(sample(ST, maxFunding=1234))
    watch.runs += 7
    assert len(watch.work()) == 1
    assert watch.rows("SELECT count(*) AS n FROM alerts WHERE kind = 'standard'") == [{"n": 1}]


def test_a_run_that_died_before_comparing_is_told_by_the_next(desk: Desk) -> None:
    desk.see(sample(ST))
    desk.watch.capture(sample(ST, maxFunding=1234))
    desk.see(sample(ST, maxFunding=1234))
    assert desk.outbox == ["2026-03-01-welcome", "2026-03-02-ST9001"]


def test_a_source_that_is_compared_after_a_kill_tells_only_what_is_new(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's look is written and told, the run dies, the page's look comes later: its own changes are told, no other again."""
    desk.see(sample(ST), sources=("api", "page"))
    original = changes.write_found
    looks: list[Any] = []

    def once(db: Any, found: Any) -> None:
        if looks:
            raise Killed
        looks.append(found)
        original(db, found)

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.comparison.write_found", once)
        with pytest.raises(Killed):
            desk.see(sample(ST, maxFunding=1234), sources=("api", "page"))
    desk.now = night(2)
    desk.deliver()
    desk.watch.work()
    desk.deliver()
    rows = desk.watch.rows("SELECT unnest(change_ids) AS id FROM deliveries")
    assert len(rows) == len({row["id"] for row in rows})
    assert {row["id"] for row in rows} == {row["change_id"] for row in desk.watch.rows("SELECT change_id FROM changes")}


def test_changes_and_their_alerts_are_one_transaction(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(changes, "add_alerts", kill)
        with pytest.raises(Killed):
            desk.find(change())
    assert desk.watch.rows("SELECT (SELECT count(*) FROM changes) + (SELECT count(*) FROM alerts) AS n") == [{"n": 0}]
    desk.find(change())
    assert desk.outbox == ["2026-03-02-ST9001"]


KILLS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], int]] = {
    "between commit and addressing": (lambda p: p.setattr(delivery, "address", kill), 1),
    "while addressing": (lambda p: p.setattr(outbox, "write_deliveries", kill), 1),
    "between addressing and sending": (lambda p: p.setattr(outbox, "due_messages", kill), 1),
    "before the attempt is written": (lambda p: p.setattr(outbox, "begin_attempt", kill), 1),
    "during sending": (lambda p: p.setattr(delivery, "channel", lambda *_: kill), 1),
    # The one window in which a repeat cannot be excluded: the target has it, and that is not on disk yet.
    "after sending, before that is written": (lambda p: p.setattr(outbox, "end_attempt", kill), 2),
}


@pytest.mark.parametrize("moment", KILLS)
def test_killed_at_any_moment_there_is_exactly_one_message_per_key(
    desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with_mail(desk, mailbox, '[targets.outbox]\nkind = "file"\n', EVERYTHING.replace('"mail"', '"mail", "outbox"'))
    desk.find(change(), deliver_too=False)
    killing, arrived = KILLS[moment]
    with monkeypatch.context() as patched:
        killing(patched)
        with pytest.raises(Killed):
            desk.deliver()
    for _ in range(3):
        desk.deliver(after=timedelta(minutes=10))
    assert len(mailbox.mails) == arrived
    assert len(set(mailbox.ids)) == 1
    assert desk.outbox == ["2026-03-01-ST9001"]
    assert {state for _, state, _ in desk.states()} == {"sent"}


def test_a_target_that_is_down_for_a_day_neither_delays_nor_repeats_another(desk: Desk, mailbox: Mailbox, httpserver: HTTPServer) -> None:
    slack = f'[targets.slack]\nkind = "apprise"\nurl = "{httpserver.url_for("/services/T0KEN1").replace("http", "json", 1)}"\n'
    with_mail(desk, mailbox, slack, EVERYTHING.replace('"mail"', '"mail", "slack"'))
    httpserver.expect_request("/services/T0KEN1").respond_with_data("", status=500)
    desk.find(change())
    assert len(mailbox.mails) == 1
    for _ in range(23):
        desk.deliver(after=HOUR, is_after_run=False)
    assert len(mailbox.mails) == 1
    assert desk.states() == [("mail", "sent", 1), ("slack", "failed", 5)], (
        "after 5 minutes, 30 minutes, 2 hours and 6 hours, each at the next look"
    )
    (row,) = desk.watch.rows("SELECT last_answer FROM deliveries WHERE target = 'slack'")
    assert "500" in row["last_answer"]
    assert "T0KEN1" not in row["last_answer"]
    httpserver.clear()
    httpserver.expect_request("/services/T0KEN1").respond_with_data("ok")
    for _ in range(4):
        desk.deliver(after=timedelta(hours=12))
    assert desk.states() == [("mail", "sent", 1), ("slack", "sent", 6)]
    assert len(httpserver.log) == 1
    assert len(mailbox.mails) == 1


def test_what_never_gets_through_is_given_up_and_said(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox)
    mailbox.answers = ["550 5.1.1 curriculum@example.org is unknown here"] * 20
    desk.find(change())
    assert desk.deliver().untold[0]["state"] == "failed"
    for step in BACKOFF:
        report = desk.deliver(after=step)
    assert [row["state"] for row in report.untold] == ["dead"]
    assert desk.deliver(after=timedelta(days=30)).tried == ()
    assert desk.states() == [("mail", "dead", 1 + len(BACKOFF))]
    (row,) = desk.watch.rows("SELECT last_answer, next_try_at FROM deliveries")
    assert "550" in row["last_answer"]
    assert "curriculum@example.org" not in row["last_answer"]
    assert row["next_try_at"] is None
    mailbox.answers = []
    with desk.watch.open() as db:
        assert outbox.try_again(db, desk.now, prefixes=(), with_dead=False) == 0
        assert outbox.try_again(db, desk.now, prefixes=(), with_dead=True) == 1
    desk.deliver()
    assert desk.states() == [("mail", "sent", 1)]


def test_one_message_that_a_server_refuses_does_not_stop_the_next(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox)
    mailbox.answers = ["554 poison"]
    desk.find(change("ST9001"), change("ST9002"))
    assert len(mailbox.mails) == 1
    assert sorted(state for _, state, _ in desk.states()) == ["failed", "sent"]


def test_a_target_that_does_not_answer_is_left_alone_for_the_round(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox)
    mailbox.answers = ["451 later"] * 20
    desk.find(*(change(f"ST900{number}") for number in range(1, 6)), deliver_too=False)
    assert len(desk.deliver().tried) == 3


def test_a_message_that_cannot_be_put_together_is_said_and_stops_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    original = delivery.message_of

    def broken(db: Any, office: Any, deliveries: Any) -> Any:
        if deliveries[0]["reference"] == "ST9001":
            raise ValueError("no words")
        return original(db, office, deliveries)

    monkeypatch.setattr(delivery, "message_of", broken)
    desk.find(change("ST9001"), change("ST9002"))
    assert desk.outbox == ["2026-03-01-ST9002"]
    (row,) = desk.watch.rows("SELECT last_answer FROM deliveries WHERE state = 'failed'")
    assert "no words" in row["last_answer"]


def test_a_target_that_is_gone_from_the_file_is_given_up_with_that_reason(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox)
    mailbox.answers = ["451 later"]
    desk.find(change())
    desk.toml = ""
    (report,) = desk.deliver(after=HOUR).tried
    assert (report["state"], report["answer"]) == ("dead", "There is no target mail in the subscriptions any more.")


def test_who_subscribes_later_is_not_told_of_before(desk: Desk, mailbox: Mailbox) -> None:
    desk.find(change())
    with_mail(desk, mailbox)
    desk.deliver()
    assert mailbox.mails == []
    desk.find(change(after="7000"))
    assert len(mailbox.mails) == 1


def test_a_daily_digest_is_one_message_a_day_by_standard(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox, subscriptions=EVERYTHING + 'frequency = "daily"\n')
    desk.find(change("ST9001"), change("ST9002"))
    assert mailbox.subjects == ["Daily digest: 2 standards changed (ST9001, ST9002)"]
    # A second run of the day adds to the next day's; nobody is told twice.
    desk.now += HOUR
    desk.write(change("ST9001", after="7000"))
    desk.deliver()
    assert len(mailbox.mails) == 1
    desk.find()
    assert len(mailbox.mails) == 2
    assert desk.deliver().tried == ()


def test_a_digest_goes_out_at_eight_where_no_run_comes(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox, subscriptions=EVERYTHING + 'frequency = "weekly"\n')
    desk.find(change())
    desk.now = night(9) + 2 * HOUR  # seven on Monday week
    desk.deliver(is_after_run=False)
    assert mailbox.subjects == ["Weekly digest: ST9001 Tidal turbine technician: Maximum funding £5,000 → £6,000"]


def test_before_eight_there_may_still_come_a_run(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox, subscriptions=EVERYTHING + 'frequency = "weekly"\n')
    desk.find(change())
    desk.now = night(2) + 2 * HOUR  # seven on Monday
    desk.deliver(is_after_run=False)
    assert mailbox.mails == []
    desk.deliver(after=HOUR, is_after_run=False)
    assert len(mailbox.mails) == 1


def test_a_flap_within_a_digest_is_one_note(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox, subscriptions=EVERYTHING + 'frequency = "weekly"\n')
    first = change()
    back = "Maximum funding £6,000 → £5,000. This takes back the change seen on 2 March 2026."
    desk.find()
    desk.find(first, deliver_too=False)
    desk.find(change(before="6000", after="5000", reverts=first["change_id"], summary=back), deliver_too=False)
    desk.now = night(9)
    desk.deliver()
    (mail,) = mailbox.mails
    text = mail.get_body(("plain",))
    assert text is not None
    assert " ".join(text.get_content().split()).count("Maximum funding") == 1
    assert "This takes back the change seen on 2 March 2026." in " ".join(text.get_content().split())


def test_a_rebuild_tells_nothing_twice_and_what_waited_still(desk: Desk, mailbox: Mailbox) -> None:
    with_mail(desk, mailbox)
    desk.see(sample(ST))
    desk.see(sample(ST, maxFunding=1234))
    mailbox.answers = ["451 later"]
    desk.see(sample(ST, maxFunding=1235))
    assert len(mailbox.mails) == 2
    assert CliRunner().invoke(app, ["rebuild", "--data", str(desk.watch.data)]).exit_code == 0
    desk.deliver(after=HOUR)
    assert len(mailbox.mails) == 3, "the one that failed"
    assert desk.deliver(after=HOUR).tried == ()
    desk.see(sample(ST, maxFunding=1236))
    assert len(mailbox.mails) == 4
    assert len(set(mailbox.ids)) == 4


@pytest.mark.parametrize("lost", ["gone", "damaged"])
def test_a_rebuild_without_what_was_told_tells_nothing_of_the_past(desk: Desk, lost: str) -> None:
    desk.see(sample(ST))
    desk.see(sample(ST, maxFunding=1234))
    if lost == "gone":
        (desk.watch.data / "warehouse.duckdb").unlink()
    else:
        (desk.watch.data / "warehouse.duckdb").write_bytes(b"not a database")
    assert CliRunner().invoke(app, ["rebuild", "--data", str(desk.watch.data)]).exit_code == 0
    assert desk.deliver().tried == ()
    assert desk.watch.rows("SELECT count(*) AS n FROM changes") == [{"n": 1}]
