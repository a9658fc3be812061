"""Silence is an alarm: opened once, reminded of daily, over when it is over."""

from datetime import timedelta
from typing import Any

import pytest

from pipelines.alerts.silence import alarms
from schemas.record import digest
from schemas.rules import RULES
from tests.pipelines.alerts.conftest import Desk, Mailbox, change, mail_toml
from tests.watching import night, sample
from warehouse.incidents import write_incidents

HOUR = timedelta(hours=1)
NOW = night(3)


INCIDENT: dict[str, Any] = {
    "incident_id": digest(["incident"]),
    "rule": next(rule.code for rule in RULES.values() if rule.outcome == "incident"),
    "subject": None,
    "cause": None,
    "affected": 20,
    "examined": 20,
    "summary": "20 of 20 pages have another layout.",
}


def opened(topic: str = "no_run", hours_ago: int = 1, phase: str = "opened") -> dict[str, Any]:
    return {"topic": topic, "summary": "Nothing ran.", "detected_at": NOW - hours_ago * HOUR, "phase": phase}


@pytest.mark.parametrize(
    ("wrong", "known", "said"),
    [
        pytest.param({}, [], [], id="all is well"),
        pytest.param({"no_run": "Nothing ran."}, [], [("no_run", "opened")], id="at once"),
        pytest.param({"no_run": "Nothing ran."}, [opened()], [], id="not again"),
        pytest.param({"no_run": "Nothing ran."}, [opened(hours_ago=24)], [("no_run", "reminder")], id="daily"),
        pytest.param({"no_run": "Nothing ran."}, [opened(hours_ago=23, phase="reminder")], [], id="not more than daily"),
        pytest.param({}, [opened(hours_ago=2)], [("no_run", "over")], id="over"),
        pytest.param({"stale": "Old."}, [opened()], [("stale", "opened"), ("no_run", "over")], id="one after the other"),
    ],
)
def test_what_is_said(wrong: dict[str, str], known: list[dict[str, Any]], said: list[tuple[str, str]]) -> None:
    since = {row["topic"]: row["detected_at"] for row in known}
    assert [(row["topic"], row["phase"]) for row in alarms(wrong, known, since, NOW)] == said


def run(desk: Desk, status: str, message: str | None = None, only: list[str] | None = None) -> None:
    """A run of now, that is over."""
    row = {"run_id": digest([str(desk.now)]), "observed_at": desk.now, "started_at": desk.now, "finished_at": desk.now, "status": status}
    with desk.watch.open() as db:
        db.execute(
            "INSERT INTO runs BY NAME SELECT * FROM (SELECT ? AS run_id, ? AS observed_at, ? AS started_at, ? AS finished_at, ? AS status,"
            " 'x' AS site, ['api'] AS sources, ? AS only_references, ? AS message)",
            [*row.values(), only, message],
        )


def told(desk: Desk) -> list[tuple[str, str]]:
    return [
        (row["topic"], row["phase"]) for row in desk.watch.rows("SELECT topic, phase FROM alerts WHERE kind = 'alarm' ORDER BY detected_at")
    ]


def test_no_complete_run_for_26_hours(desk: Desk, mailbox: Mailbox) -> None:
    desk.toml = mail_toml(mailbox)  # nobody subscribes to changes; alarms go to every target
    run(desk, "good")
    desk.listen(after=26 * HOUR)
    assert mailbox.mails == []
    desk.now += HOUR
    run(desk, "good", only=["ST9001"])
    desk.listen()
    assert len(mailbox.mails) == 1, "a run of one standard is not a complete one"
    assert mailbox.subjects == [
        "Alarm: The last complete run ended on 1 March 2026 at 05:00 UTC. Nothing that changed since then is known."
    ]
    for _ in range(23):
        desk.listen(after=HOUR)
    assert len(mailbox.mails) == 1
    desk.listen(after=HOUR)
    assert mailbox.subjects[1].startswith("Still: ")
    run(desk, "quarantine")
    desk.listen()
    assert mailbox.subjects[2].startswith("Over: It began on 2 March 2026 and is over: The last complete run ended on 1 March 2026")
    desk.listen(after=HOUR)
    assert len(mailbox.mails) == 3


def test_a_run_that_failed_until_one_is_good(desk: Desk) -> None:
    run(desk, "good")
    desk.listen(after=HOUR)
    run(desk, "failed", "The site did not answer.")
    desk.listen()
    desk.listen(after=HOUR)
    run(desk, "good")
    desk.listen()
    assert told(desk) == [("run_failed", "opened"), ("run_failed", "over")]
    (row,) = desk.watch.rows("SELECT summary FROM alerts WHERE phase = 'opened'")
    assert row["summary"] == "The run of 1 March 2026 at 06:00 UTC failed. The site did not answer."


def test_a_standard_that_was_not_checked_for_three_days(desk: Desk) -> None:
    desk.see(sample("ST9001 1.2", "ST9003 1.0"))
    for _ in range(3):
        desk.see(sample("ST9001 1.2", "ST9003 1.0"), only=["ST9001"])
    desk.now = night(4) + HOUR
    run(desk, "good")
    desk.listen()
    assert told(desk) == [("stale", "opened")]
    (row,) = desk.watch.rows("SELECT summary FROM alerts WHERE kind = 'alarm'")
    assert row["summary"] == "1 standard was last checked more than three days ago, the first on 1 March 2026: ST9003."
    desk.watch.see(sample("ST9001 1.2", "ST9003 1.0"))
    desk.now = night(5) + HOUR
    desk.listen()
    assert told(desk)[-1] == ("stale", "over")


def test_a_target_that_takes_nothing_is_told_through_the_others(desk: Desk, mailbox: Mailbox) -> None:
    desk.toml = mail_toml(mailbox, '[targets.outbox]\nkind = "file"\n') + '[[subscriptions]]\nname = "all"\ntargets = ["mail"]\n'
    mailbox.answers = ["451 later"] * 3
    desk.find(change())
    run(desk, "good")
    for _ in range(2):
        desk.listen(after=HOUR)
    assert told(desk) == []
    desk.listen(after=HOUR)
    assert told(desk) == [("deliveries:mail", "opened")]
    (page,) = (desk.watch.data / "outbox").glob("*alarm*.txt")
    assert "1 message for mail could not be delivered since 1 March 2026" in " ".join(page.read_text(encoding="utf-8").split())
    desk.listen(after=2 * HOUR)
    desk.listen()
    assert told(desk)[-1] == ("deliveries:mail", "over")
    assert mailbox.subjects == ["ST9001 Tidal turbine technician: Maximum funding £5,000 → £6,000"]


def test_an_incident_is_one_alarm_until_it_is_closed(desk: Desk) -> None:
    run(desk, "good")
    with desk.watch.open() as db:
        write_incidents(db, "api", [INCIDENT], run_id="run", at=desk.now, examined={})
    for _ in range(2):
        desk.listen(after=HOUR)
    with desk.watch.open() as db:
        write_incidents(db, "api", [], run_id="next", at=desk.now, examined={INCIDENT["rule"]: 20})
    desk.listen()
    topic = f"incident:{INCIDENT['incident_id']}"
    assert told(desk) == [(topic, "opened"), (topic, "over")]
    assert "20 of 20 pages" in desk.watch.rows("SELECT summary FROM alerts WHERE phase = 'opened'")[0]["summary"]


def test_who_has_not_begun_is_not_silent(desk: Desk) -> None:
    desk.listen(after=100 * HOUR)
    assert told(desk) == []
