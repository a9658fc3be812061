"""Which target is told what, and when."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from pipelines.alerts.addressing import address, digest_of, due_day
from pipelines.alerts.subscriptions import Subscriptions
from tests.watching import night

NOW = night(1)  # a Sunday, 05:00 in London


def subscriptions(*asked: dict[str, Any], **more: Any) -> Subscriptions:
    names = {name for one in asked for name in one.get("targets", ["a"])}
    return Subscriptions.model_validate(
        {
            "targets": {name: {"kind": "file"} for name in sorted(names)},
            "subscriptions": [{"name": f"subscription {index}", "targets": ["a"], **one} for index, one in enumerate(asked, 1)],
            **more,
        }
    )


def change(number: int, reference: str = "ST9001", **told: Any) -> dict[str, Any]:
    row = {
        "change_id": f"change {number}",
        "alert_id": f"alert of {reference}",
        "detected_at": NOW,
        "reference": reference,
        "version": "1.0",
        "route": "Digital",
        "level": 3,
        "family": "content",
        "event": "ksb_added",
        "subject": f"K{number}",
        "before": None,
        "severity": "revision",
        "is_declared": True,
    }
    return row | told


def addressed(changes: list[dict[str, Any]], to: Subscriptions, told: set[tuple[str, str]] = frozenset()) -> list[dict[str, Any]]:  # type: ignore[assignment]
    return address([], changes, told, to, set(), NOW)


def seen(deliveries: list[dict[str, Any]]) -> list[tuple[str, str, str, list[str]]]:
    return [(row["target"], row["frequency"], row["kind"], row["change_ids"]) for row in deliveries]


def test_one_delivery_for_a_standard_and_a_look() -> None:
    found = addressed([change(1), change(2), change(3, "ST9002")], subscriptions({}))
    assert seen(found) == [("a", "immediate", "standard", ["change 1", "change 2"]), ("a", "immediate", "standard", ["change 3"])]
    assert [row["message_id"] == row["delivery_id"] for row in found] == [True, True]


def test_two_subscriptions_of_one_target_do_not_tell_it_twice() -> None:
    to = subscriptions({"events": ["ksb_added"], "frequency": "daily"}, {"references": ["ST9001"]}, {"severities": ["revision"]})
    (one,) = addressed([change(1)], to)
    assert (one["frequency"], one["subscriptions"]) == ("immediate", ["subscription 2", "subscription 3"])


def test_what_only_the_slower_subscription_asks_for_waits() -> None:
    to = subscriptions({"events": ["ksb_added"], "frequency": "weekly"}, {"events": ["ksb_removed"]})
    found = addressed([change(1), change(2, event="ksb_removed")], to)
    assert seen(found) == [("a", "immediate", "standard", ["change 2"]), ("a", "weekly", "standard", ["change 1"])]
    assert [row["state"] for row in found] == ["due", "waiting"]


def test_what_a_target_was_told_is_not_told_again() -> None:
    to = subscriptions({"targets": ["a", "b"]})
    assert seen(addressed([change(1), change(2)], to, {("a", "change 1"), ("a", "change 2"), ("b", "change 1")})) == [
        ("b", "immediate", "standard", ["change 2"])
    ]


def test_the_same_changes_have_the_same_delivery_whatever_alert_they_come_from() -> None:
    (one,), (other,) = (addressed([change(1, alert_id=alert)], subscriptions({})) for alert in ("x", "y"))
    assert one["delivery_id"] == other["delivery_id"]


def test_a_bulk_change_is_one_delivery_and_one_s_own_part_of_it_an_ordinary_one() -> None:
    many = [
        change(number, f"ST9{number:03}", event="attribute_changed", family="attribute", subject="minimum_hours") for number in range(1, 31)
    ]
    to = subscriptions({"targets": ["all"]}, {"references": ["ST9007"], "targets": ["own"]})
    found = addressed(many, to)
    assert [(row["target"], row["kind"], row["reference"], len(row["change_ids"])) for row in found] == [
        ("all", "bulk", None, 30),
        ("own", "standard", "ST9007", 1),
    ]


def test_more_than_twenty_messages_at_once_go_as_one() -> None:
    found = addressed([change(number, f"ST9{number:03}", subject="K1") for number in range(1, 20)], subscriptions({}))
    assert len({row["message_id"] for row in found}) == 19
    events = ["ksb_added", "ksb_removed"]
    found = addressed([change(n, f"ST9{n:03}", subject="K1", event=events[n % 2]) for n in range(1, 31)], subscriptions({}))
    assert len(found) == 30
    assert len({row["message_id"] for row in found}) == 1


@pytest.mark.parametrize(
    ("frequency", "days_done", "due"),
    [
        pytest.param("immediate", [], NOW, id="at once"),
        pytest.param("daily", [], datetime(2026, 3, 1), id="with the first run of the day"),  # noqa: DTZ001 - naive UTC
        pytest.param("daily", [datetime(2026, 3, 1)], datetime(2026, 3, 2), id="once a day"),  # noqa: DTZ001
        pytest.param("weekly", [], datetime(2026, 3, 2), id="on Monday"),  # noqa: DTZ001
        pytest.param("weekly", [datetime(2026, 3, 2)], datetime(2026, 3, 9), id="on the Monday after"),  # noqa: DTZ001
    ],
)
def test_when_a_delivery_is_due(frequency: Any, days_done: list[datetime], due: datetime) -> None:
    assert due_day(frequency, "a", {("a", frequency, day) for day in days_done} | {("b", "daily", NOW)}, NOW) == due


def test_a_day_begins_when_it_begins_in_london() -> None:
    assert due_day("daily", "a", set(), datetime(2026, 6, 8, 23, 30)) == datetime(2026, 6, 8, 23)  # noqa: DTZ001
    assert due_day("weekly", "a", set(), datetime(2026, 6, 14, 23, 30)) == datetime(2026, 6, 14, 23)  # noqa: DTZ001


def test_a_digest_is_one_message_for_a_target_and_a_frequency() -> None:
    waiting = [{"target": t, "frequency": f, "delivery_id": f"{t}{f}{n}"} for t in "ab" for f in ("daily", "weekly") for n in (1, 2)]
    assert sorted(map(sorted, digest_of(waiting).values())) == [
        ["adaily1", "adaily2"],
        ["aweekly1", "aweekly2"],
        ["bdaily1", "bdaily2"],
        ["bweekly1", "bweekly2"],
    ]
    assert digest_of(waiting) == digest_of(waiting)


def test_an_alarm_goes_to_its_targets_but_not_through_the_one_that_fails() -> None:
    to = subscriptions({"targets": ["a", "b", "c"]}, alarms=["a", "b"])
    alarm = {"kind": "alarm", "alert_id": "x", "topic": "deliveries:a"}
    assert [row["target"] for row in address([alarm], [], set(), to, set(), NOW)] == ["b"]
    assert [row["target"] for row in address([alarm | {"topic": "no_run"}], [], set(), to, set(), NOW)] == ["a", "b"]


def test_a_welcome_goes_to_every_target_that_is_subscribed_once() -> None:
    to = subscriptions({"targets": ["a", "b"]}, {"targets": ["b"]})
    welcome = {"kind": "welcome", "alert_id": "x"}
    first = address([welcome], [], set(), to, set(), NOW)
    again = address([welcome], [], set(), to, set(), NOW + timedelta(days=1))
    assert [row["target"] for row in first] == ["a", "b"]
    assert [row["delivery_id"] for row in first] == [row["delivery_id"] for row in again]
