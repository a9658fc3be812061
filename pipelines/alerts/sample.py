"""The message that `alerts test` sends: an invented change, shown as a real one would be.

Belongs here: the sample. Not here: sending it.
"""

from datetime import datetime

from pipelines.alerts.messages import Message
from pipelines.changes.telling import Entry, Section, spans
from schemas.record import digest


def sample_message(target: str, at: datetime, public_url: str | None) -> Message:
    """A message to one target that says it is a test; each one has an id of its own."""
    before = "How to plan work so that it is finished on time."
    after = "How to plan and document work so that it is finished safely and on time."
    entry = Entry(
        change_ids=(),
        version="1.2",
        event="ksb_reworded",
        subject="K8",
        severity="revision",
        rule="R-CONTENT",
        rule_sentence="What is learnt changes: an item, a duty, an option or a link between them.",
        is_declared=False,
        is_taken_back=False,
        detected_at=at,
        effective_on=None,
        summary="K8 reworded: + “and document”, + “safely and”.",
        words=spans(before, after),
    )
    section = Section(
        reference="ST9001",
        title="Tidal turbine technician (invented)",
        facts="Route: Engineering and manufacturing. Level 3",
        page_url=None,
        entries=(entry,),
    )
    return Message(
        message_id=digest(["test", target, at.isoformat()]),
        kind="test",
        subject=f"Test: messages of Standards Watch reach {target}",
        at=at,
        lead=("This is a test. Nothing has changed; a real message looks like this:",),
        sections=(section,),
        subscriptions=("alerts test",),
        public_url=public_url,
    )
