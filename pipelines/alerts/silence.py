"""Silence is an alarm: opened once, reminded of daily, and over when it is over.

Belongs here: from what is wrong now to the alerts that say so. Not here: finding what is wrong (warehouse.outbox.TROUBLES).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pipelines.changes.summary import in_words
from warehouse.database import Warehouse
from warehouse.outbox import add_alerts, alarm_alert, alarm_opened_at, alarms_open, troubles

_REMINDER: Final = timedelta(hours=24)


def raise_alarms(db: Warehouse, now: datetime, complete_at: datetime | None) -> int:
    """Write the alerts of what is wrong now and of what is over; returns how many. `complete_at`: end of the last complete run."""
    open_alarms = alarms_open(db)
    since = {row["topic"]: alarm_opened_at(db, row["topic"]) for row in open_alarms}
    wrong = troubles(db, now, complete_at)
    # What only Dagster knew of is over once a run has been complete.
    wrong |= {
        row["topic"]: row["summary"]
        for row in open_alarms
        if row["topic"] == "run_failed" and row["topic"] not in wrong and (complete_at is None or complete_at < since["run_failed"])
    }
    rows = list(alarms(wrong, open_alarms, since, now))
    with db.transaction():
        add_alerts(db, rows)
    return len(rows)


def alarms(
    wrong: Mapping[str, str], open_alarms: Sequence[Mapping[str, Any]], since: Mapping[str, datetime], now: datetime
) -> Iterator[dict[str, Any]]:
    """What is to be said: a new trouble at once, an old one once a day, and when it is over."""
    known = {row["topic"]: row for row in open_alarms}
    for topic, summary in wrong.items():
        if topic not in known:
            yield alarm_alert(topic, "opened", summary, now)
        elif now - known[topic]["detected_at"] >= _REMINDER:
            yield alarm_alert(topic, "reminder", summary, now)
    for topic in known:
        if topic not in wrong:
            yield alarm_alert(topic, "over", f"It began on {in_words(since[topic])} and is over: {_first_sentence(known[topic])}", now)


def _first_sentence(row: Mapping[str, Any]) -> str:
    return str(row["summary"]).split(" Nothing that changed")[0]
