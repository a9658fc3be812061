"""Delivering: alerts are addressed, digests put together, messages sent, and every answer written down.

Belongs here: the order of things and when to try again. Not here: rows (warehouse.outbox), words (messages) or
how a message travels (channels).
A delivery is marked as being sent before it is, and with the answer after. Who dies in between leaves it marked;
the next run sends it again under the same message id. So nothing is lost, and a message is repeated only where a
process died after the target took it and before that was on disk; the file channel writes the same file again.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pipelines.alerts.addressing import address, digest_of
from pipelines.alerts.channels import Answer, channel
from pipelines.alerts.messages import Message, MessageKind, as_html, digest_lead, subject_of, welcome_lead
from pipelines.alerts.subscriptions import EmailTarget, Loaded
from pipelines.changes.telling import MOST, needs_crosswalk, sections
from warehouse import outbox
from warehouse.database import Warehouse
from warehouse.read import tally

Row = Mapping[str, Any]
# After the first attempt, the second, and so on; then it is given up.
BACKOFF: Final = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=24),
    timedelta(hours=24),
)
# A target that failed so often in a row is left alone until the next time.
_PATIENCE: Final = 3
# Gmail shows no more than 102 kB of a message.
_CLIPPED: Final = 95_000
# A digest goes out with the morning's run; where none comes, at eight.
_WITHOUT_A_RUN: Final = timedelta(hours=8)
_ALARM_SUBJECTS: Final = {"opened": "Alarm", "reminder": "Still", "over": "Over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What delivering needs from outside; `now` gives naive UTC, `public_url` is where our own site is published."""

    data: Path
    loaded: Loaded
    public_url: str | None
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one round of delivering did: deliveries addressed, messages by outcome and target, and who is still untold."""

    addressed: int
    recovered: int
    tried: tuple[dict[str, Any], ...]
    untold: tuple[dict[str, Any], ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many messages ended in which state."""
        return dict(Counter(str(row["state"]) for row in self.tried))


def deliver(db: Warehouse, office: Office, *, is_after_run: bool, until: datetime | None = None) -> Report:
    """One round: address what waits, put due digests together, send what is due. The caller is the only writer.

    `is_after_run`: today's digests are complete; `until`: begin no message after this moment.
    """
    began = office.now()
    recovered = outbox.recover(db, began)
    addressed = _address(db, office, began)
    waiting = outbox.waiting_for_digest(db, began if is_after_run else began - _WITHOUT_A_RUN)
    outbox.put_together(db, digest_of(waiting), began)
    tried, failures = [], Counter[str]()
    for deliveries in outbox.due_messages(db, began):
        target = deliveries[0]["target"]
        if failures[target] >= _PATIENCE or (until and office.now() >= until):
            continue
        row = _attempt(db, office, deliveries)
        failures[target] = 0 if row["state"] == "sent" else failures[target] + 1
        tried.append(row)
    return Report(addressed=addressed, recovered=recovered, tried=tuple(tried), untold=tuple(outbox.untold(db, began)))


def _address(db: Warehouse, office: Office, now: datetime) -> int:
    alerts = outbox.unaddressed(db)
    if not alerts:
        return 0
    deliveries = address(alerts, outbox.changes_told(db), outbox.told_changes(db), office.loaded.subscriptions, outbox.digest_days(db), now)
    outbox.write_deliveries(db, deliveries, [alert["alert_id"] for alert in alerts])
    return len(deliveries)


def _attempt(db: Warehouse, office: Office, deliveries: Sequence[Row]) -> dict[str, Any]:
    """Try one message once; returns what came of it."""
    first = deliveries[0]
    target, message_id, attempts = first["target"], first["message_id"], first["attempts"] + 1
    outbox.begin_attempt(db, message_id, office.now())
    subject, is_last = "", attempts > len(BACKOFF)
    if target in office.loaded.subscriptions.targets:
        try:
            message = message_of(db, office, deliveries)
        except Exception as error:  # noqa: BLE001 - one message that cannot be written is not to stop the others
            answer = Answer(is_taken=False, words=f"The message could not be put together ({type(error).__name__}: {error}).")
        else:
            subject = message.subject
            answer = channel(office.loaded, target, office.data, office.now)(message)
    else:
        answer = Answer(is_taken=False, words=f"There is no target {target} in the subscriptions any more.")
        is_last = True
    ended = office.now()
    state = "sent" if answer.is_taken else "dead" if is_last else "failed"
    outbox.end_attempt(
        db,
        message_id,
        state=state,
        answer=answer.words,
        next_try_at=ended + BACKOFF[attempts - 1] if state == "failed" else None,
        sent_at=ended if state == "sent" else None,
    )
    return {"target": target, "channel": first["channel"], "subject": subject, "state": state, "attempts": attempts, "answer": answer.words}


def message_of(db: Warehouse, office: Office, deliveries: Sequence[Row]) -> Message:
    """The message that some deliveries to one target make together; the same at every attempt."""
    first = deliveries[0]
    target = office.loaded.subscriptions.targets[first["target"]]
    rows = outbox.changes_told(db, [change for delivery in deliveries for change in delivery["change_ids"]])
    if not rows and any(delivery["change_ids"] for delivery in deliveries):
        raise LookupError("its changes are not in the warehouse any more")
    walks = outbox.crosswalks_into(db, needs_crosswalk(rows))
    names = dict.fromkeys(name for delivery in deliveries for name in delivery["subscriptions"])
    kind: MessageKind = first["kind"] if first["frequency"] == "immediate" and len(deliveries) == 1 else "digest"
    for most in (MOST, MOST // 3, MOST // 10):
        told = sections(rows, walks, most)
        subject, lead, at = _opening(db, kind, first, told, list(names))
        message = Message(
            message_id=first["message_id"],
            kind=kind,
            subject=subject,
            at=at,
            lead=lead,
            sections=tuple(told),
            subscriptions=tuple(names),
            public_url=office.public_url,
            unsubscribe=target.unsubscribe if isinstance(target, EmailTarget) else None,
        )
        if len(as_html(message).encode()) <= _CLIPPED:
            break
    return message


def _opening(
    db: Warehouse, kind: MessageKind, first: Row, told: Sequence[Any], names: Sequence[str]
) -> tuple[str, tuple[str, ...], datetime]:
    """Subject, opening lines and moment of a message."""
    if kind in ("welcome", "alarm"):
        (alert,) = outbox.alerts(db, first["alert_ids"])
        if kind == "welcome":
            return "Standards Watch is watching", welcome_lead(tally(db), alert["detected_at"], names), alert["detected_at"]
        words = str(alert["summary"])
        head = words if len(words) <= 100 else words[:100].rsplit(" ", 1)[0] + " …"
        return f"{_ALARM_SUBJECTS[alert['phase']]}: {head}", (words,), alert["detected_at"]
    subject = subject_of(told, first["frequency"])
    at = max(entry.detected_at for section in told for entry in section.entries)
    return subject, digest_lead(told) if kind == "digest" and len(told) > 1 else (), at
