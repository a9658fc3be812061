"""Addressing: which target is told what of the alerts that wait, and when.

Belongs here: turning alerts and subscriptions into deliveries. Not here: rows of the outbox (warehouse.outbox)
or words (pipelines.alerts.messages).
A target is told of a change once, at the most urgent frequency that any of its subscriptions asks for; one
standard in one look is one delivery, and so is a move that many standards made.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from pipelines.alerts.subscriptions import Frequency, Subscriptions
from pipelines.changes.bulk import bulk
from schemas.record import digest

Row = Mapping[str, Any]
LONDON: Final = ZoneInfo("Europe/London")
# More messages than this for one target from one look go as one.
_AT_ONCE: Final = 20
_FREQUENCIES: Final[tuple[Frequency, ...]] = get_args(Frequency)


def address(
    alerts: Sequence[Row],
    changes: Sequence[Row],
    told: Collection[tuple[str, str]],
    subscriptions: Subscriptions,
    digests: Collection[tuple[str, str, datetime]],
    now: datetime,
) -> list[dict[str, Any]]:
    """The deliveries of some alerts and their changes (with `alert_id`, `route`, `level`).

    `told`: (target, change) that need not be told again; `digests`: (target, frequency, day) already put together.
    """
    found = []
    for alert in alerts:
        if alert["kind"] == "welcome":
            found += [_whole(alert, name, _names(subscriptions, name), subscriptions, now) for name in _subscribed(subscriptions)]
        elif alert["kind"] == "alarm":
            about = str(alert["topic"]).partition(":")[2]
            targets = [name for name in subscriptions.alarm_targets if name != about]
            found += [_whole(alert, name, ("alarms",), subscriptions, now) for name in targets]
    for _, look in groupby(changes, key=lambda row: row["detected_at"]):
        rows = list(look)
        for target in _subscribed(subscriptions):
            found += _target_deliveries(rows, target, told, subscriptions, digests, now)
    return found


def _target_deliveries(
    rows: Sequence[Row],
    target: str,
    told: Collection[tuple[str, str]],
    subscriptions: Subscriptions,
    digests: Collection[tuple[str, str, datetime]],
    now: datetime,
) -> Iterator[dict[str, Any]]:
    wanted = _wanted(rows, target, subscriptions)
    for frequency in _FREQUENCIES:
        mine = [row for row in rows if wanted.get(row["change_id"], ("", ()))[0] == frequency and (target, row["change_id"]) not in told]
        together, apart = bulk(mine)
        groups: list[tuple[str, Sequence[Row]]] = [("bulk", many.rows) for many in together]
        groups += [("standard", list(group)) for _, group in groupby(apart, key=lambda row: row["reference"])]
        deliveries = [
            _delivery(
                target,
                subscriptions,
                now,
                kind=kind,
                frequency=frequency,
                reference=group[0]["reference"] if kind == "standard" else None,
                alert_ids=sorted({row["alert_id"] for row in group}),
                change_ids=[row["change_id"] for row in group],
                names=sorted({name for row in group for name in wanted[row["change_id"]][1]}),
                due_at=due_day(frequency, target, digests, now),
            )
            for kind, group in groups
        ]
        if frequency == "immediate" and len(deliveries) > _AT_ONCE:
            as_one = digest([delivery["delivery_id"] for delivery in deliveries])
            deliveries = [delivery | {"message_id": as_one} for delivery in deliveries]
        yield from deliveries


def _wanted(rows: Sequence[Row], target: str, subscriptions: Subscriptions) -> dict[str, tuple[Frequency, tuple[str, ...]]]:
    """For each change the target asks for: how urgently, and for which subscriptions."""
    found: dict[str, tuple[Frequency, tuple[str, ...]]] = {}
    asking = [one for one in subscriptions.subscriptions if target in one.targets]
    for _, group in groupby(rows, key=lambda row: row["reference"]):
        standard = list(group)
        for subscription in sorted(asking, key=lambda one: _FREQUENCIES.index(one.frequency)):
            for row in subscription.wanted(standard):
                frequency, names = found.get(row["change_id"], (subscription.frequency, ()))
                if frequency == subscription.frequency:
                    found[row["change_id"]] = (frequency, (*names, subscription.name))
    return found


def due_day(frequency: Frequency, target: str, digests: Collection[tuple[str, str, datetime]], now: datetime) -> datetime:
    """When a delivery written now is to be sent: now, or at the beginning of the next day (or Monday) without a digest yet, London time."""
    if frequency == "immediate":
        return now
    today = now.replace(tzinfo=UTC).astimezone(LONDON).date()
    days = (today + timedelta(days=ahead) for ahead in range(15))
    for day in days:
        begins = datetime.combine(day, time(), LONDON).astimezone(UTC).replace(tzinfo=None)
        if (frequency == "daily" or day.weekday() == 0) and (target, frequency, begins) not in digests:
            return begins
    raise AssertionError("a fortnight holds a Monday without a digest")


def digest_of(waiting: Iterable[Row]) -> dict[str, list[str]]:
    """The waiting deliveries as digests, one for each target and frequency: deliveries by the message's id."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in waiting:
        groups.setdefault((row["target"], row["frequency"]), []).append(row["delivery_id"])
    return {digest(["digest", *key, *sorted(ids)]): ids for key, ids in groups.items()}


def _subscribed(subscriptions: Subscriptions) -> list[str]:
    return [name for name in subscriptions.targets if any(name in one.targets for one in subscriptions.subscriptions)]


def _names(subscriptions: Subscriptions, target: str) -> tuple[str, ...]:
    return tuple(one.name for one in subscriptions.subscriptions if target in one.targets)


def _whole(alert: Row, target: str, names: Sequence[str], subscriptions: Subscriptions, now: datetime) -> dict[str, Any]:
    """The delivery of an alert that has no changes."""
    return _delivery(
        target,
        subscriptions,
        now,
        kind=alert["kind"],
        frequency="immediate",
        reference=None,
        alert_ids=[alert["alert_id"]],
        change_ids=[],
        names=names,
        due_at=now,
    )


def _delivery(
    target: str,
    subscriptions: Subscriptions,
    now: datetime,
    *,
    kind: str,
    frequency: Frequency,
    reference: str | None,
    alert_ids: Sequence[str],
    change_ids: Sequence[str],
    names: Sequence[str],
    due_at: datetime,
) -> dict[str, Any]:
    # What is told is named by the changes, whose ids a rebuild gives back; only what has none is named by its alert.
    delivery_id = digest(["delivery", target, *(sorted(change_ids) or alert_ids)])
    is_now = frequency == "immediate"
    return {
        "delivery_id": delivery_id,
        "message_id": delivery_id if is_now else None,
        "target": target,
        "channel": subscriptions.targets[target].kind,
        "frequency": frequency,
        "kind": kind,
        "reference": reference,
        "alert_ids": list(alert_ids),
        "change_ids": list(change_ids),
        "subscriptions": list(names),
        "state": "due" if is_now else "waiting",
        "attempts": 0,
        "created_at": now,
        "due_at": due_at,
        "next_try_at": now if is_now else None,
        "last_tried_at": None,
        "sent_at": None,
        "last_answer": None,
    }
