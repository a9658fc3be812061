"""A mail server on loopback, and a desk from which alerts are delivered at any time."""

import email.policy
from asyncio.base_events import Server
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from pipelines.alerts.delivery import Office, Report, deliver
from pipelines.alerts.silence import raise_alarms
from pipelines.alerts.subscriptions import parse
from schemas.record import digest
from tests.watching import Watch, night
from warehouse import changes, outbox
from warehouse.changes import Found


class Mailbox:
    """What arrived; `answers` are given to the next messages, then all are taken."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return answer

    @property
    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


class AnyPort(Controller):
    """A mail server on a port the system chooses."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def change(reference: str = "ST9001", **told: Any) -> dict[str, Any]:
    """A row of `changes`, for the columns that are not told; `at` stands for now."""
    row = {
        "detected_at": None,
        "run_id": "run",
        "reference": reference,
        "version": "1.0",
        "title": "Tidal turbine technician",
        "family": "attribute",
        "event": "attribute_changed",
        "subject": "max_funding_gbp",
        "before": "5000",
        "after": "6000",
        "similarity": None,
        "severity": "revision",
        "rule": "R-FUNDING",
        "is_declared": True,
        "effective_on": None,
        "reverts": None,
        "sources": ["api"],
        "evidence_before": None,
        "evidence_after": None,
        "summary": "Maximum funding £5,000 → £6,000.",
    }
    row |= told
    what = [str(row[name]) for name in ("reference", "version", "event", "subject", "before", "after", "reverts")]
    return {"change_id": digest(what)} | row


@dataclass
class Desk:
    """A watch and its subscriptions; the time is what it is set to."""

    watch: Watch
    toml: str = '[targets.outbox]\nkind = "file"\n[[subscriptions]]\nname = "everything"\ntargets = ["outbox"]\n'
    now: datetime = field(default_factory=lambda: night(1))
    environment: dict[str, str] = field(default_factory=dict)

    def office(self) -> Office:
        loaded = parse(self.toml, "subscriptions.toml", self.environment)
        return Office(data=self.watch.data, loaded=loaded, public_url="https://standards.example.org", now=lambda: self.now)

    def find(self, *rows: dict[str, Any], deliver_too: bool = True) -> None:
        """One night on which these changes are found; as the job does, they are delivered."""
        self.watch.runs += 1
        self.now = night(self.watch.runs)
        self.write(*rows)
        if deliver_too:
            self.deliver()

    def write(self, *rows: dict[str, Any]) -> None:
        """Changes of now, with their alerts."""
        dated = [row | {"detected_at": self.now} for row in rows]
        alerts = [outbox.standard_alert(row["reference"], self.now) for row in rows]
        with self.watch.open() as db:
            changes.write_found(db, Found(changes=dated, also=[], crosswalks=[], compared=[], alerts=alerts))

    def see(self, records: Any, *, deliver_too: bool = True, **how: Any) -> list[dict[str, Any]]:
        """One night's run: its changes are found and, as the job does, delivered."""
        found = self.watch.see(records, **how)
        self.now = night(self.watch.runs)
        if deliver_too:
            self.deliver()
        return found

    def deliver(self, *, after: timedelta = timedelta(), is_after_run: bool = True) -> Report:
        self.now += after
        with self.watch.open() as db:
            return deliver(db, self.office(), is_after_run=is_after_run)

    def listen(self, *, after: timedelta = timedelta()) -> Report:
        """The look of the staleness sensor."""
        self.now += after
        with self.watch.open() as db:
            raise_alarms(db, self.now, outbox.complete_run_at(db))
            return deliver(db, self.office(), is_after_run=False)

    @property
    def outbox(self) -> list[str]:
        """The names of the pages in the outbox, without their ids."""
        return sorted(path.name[:-14] for path in (self.watch.data / "outbox").glob("*.html"))

    def states(self) -> list[tuple[str, str, int]]:
        rows = self.watch.rows("SELECT target, state, attempts FROM deliveries ORDER BY created_at, target, delivery_id")
        return [(row["target"], row["state"], row["attempts"]) for row in rows]


@pytest.fixture
def desk(watch: Watch) -> Desk:
    return Desk(watch)


def mail_toml(mailbox: Mailbox, more: str = "") -> str:
    return f"""
        [smtp]
        host = "127.0.0.1"
        port = {mailbox.port}
        security = "none"
        from = "Standards Watch <watch@example.org>"
        [targets.mail]
        kind = "email"
        to = "curriculum@example.org"
        unsubscribe = "https://example.org/leave"
        {more}
        """
