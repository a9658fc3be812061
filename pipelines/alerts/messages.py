"""Messages: what one target is told at once, as a value, as text, as HTML, as a few lines and as typed JSON.

Belongs here: subjects, opening words and the layouts' names. Not here: what is said of a change
(pipelines.changes.telling) or how a message travels (pipelines.alerts.channels).
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

import orjson
from pydantic import TypeAdapter

from pipelines.changes.telling import Section, when
from pipelines.diff import ATTRIBUTION
from pipelines.rendering import own_page, render

# Raised when a reader of the JSON has to change; what is only added leaves it.
JSON_VERSION: Final = 1
_SUBJECT: Final = 150
# What the smallest of the chat services takes in one message is 2,000 characters.
_BRIEF: Final = 1800
_WIDTH: Final = 78


MessageKind = Literal["standard", "bulk", "digest", "welcome", "alarm", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one target is told at once; `message_id` is the same for every attempt."""

    message_id: str
    kind: MessageKind
    subject: str
    at: datetime
    lead: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    subscriptions: tuple[str, ...] = ()
    public_url: str | None = None
    unsubscribe: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a webhook is posted: the message, whole; `schema_version` moves when a reader has to change."""

    schema_version: int
    message_id: str
    kind: MessageKind
    subject: str
    at: datetime
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    subscriptions: tuple[str, ...]
    links: dict[str, str]
    attribution: str


_PAYLOAD: Final = TypeAdapter(Payload)


def subject_of(sections: Sequence[Section], frequency: str) -> str:
    """What stands in the subject line: the standard and its gravest change, or how much a digest holds."""
    period = {"daily": "Daily digest: ", "weekly": "Weekly digest: "}.get(frequency, "")
    if len(sections) == 1:
        (section,) = sections
        return _line(
            period + (f"{section.reference} {section.title}: {section.headline}" if section.reference else section.entries[0].summary)
        )
    standards = [section for section in sections if section.reference]
    names = ", ".join(str(section.reference) for section in standards[:3])
    more = f" and {len(standards) - 3} more" if len(standards) > 3 else ""
    counted = f"{len(standards)} {'standard' if len(standards) == 1 else 'standards'} changed"
    bulks = sum(section.reference is None for section in sections)
    also = f", and {bulks} {'change' if bulks == 1 else 'changes'} in many standards at once" if bulks else ""
    return _line(f"{period}{counted} ({names}{more}){also}" if standards else f"{period}{bulks} changes in many standards at once")


def _line(text: str) -> str:
    """One line that fits a subject: what the publisher wrote can hold anything."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= _SUBJECT else words[:_SUBJECT].rsplit(" ", 1)[0] + " …"


def digest_lead(sections: Sequence[Section]) -> tuple[str, ...]:
    """A digest's table of contents: a line for each standard."""
    return tuple(
        f"{section.reference} {section.title} ({_grave(section)}): {section.headline}" if section.reference else section.headline
        for section in sections
    )


def _grave(section: Section) -> str:
    return "for information" if section.severity == "none" else section.severity


def as_html(message: Message) -> str:
    """A whole page with inline styles only."""
    return render("message.html", message=message, own_page=partial(own_page, message.public_url))


def as_text(message: Message) -> str:
    """Plain text of 78 columns; deletions and insertions are marked, and a legend says how."""
    has_words = any(entry.words for section in message.sections for entry in section.entries) or any(s.arrivals for s in message.sections)
    text = render("message.txt", message=message, own_page=partial(own_page, message.public_url), has_words=has_words)
    return "\n".join(part for line in text.splitlines() for part in _wrapped(line)) + "\n"


def _wrapped(line: str) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())] + {"| ": "| ", "- ": "  "}.get(line.lstrip()[:2], "")
    if len(line) <= _WIDTH:
        return [line]
    return textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def as_brief(message: Message) -> str:
    """A few lines for a chat: what changed, how serious, and where to read on."""
    lines = list(message.lead) if message.kind in ("welcome", "alarm", "test") else []
    for section in message.sections:
        lines += [f"{section.reference or ''} {section.title}".strip()]
        lines += [f"- {_brief_line(entry.severity)}{entry.summary}" for entry in section.entries]
        lines += [f"- What {one.to_version} changes against {one.from_version}: {one.counts}." for one in section.arrivals]
        lines += [link for link in (own_page(message.public_url, section.reference) or section.page_url,) if link]
    brief, length = [], 0
    for line in lines:
        length += len(line) + 1
        if length > _BRIEF - len(ATTRIBUTION) - 40:
            brief.append("… and more.")
            break
        brief.append(line)
    return "\n".join([*brief, ATTRIBUTION])


def _brief_line(severity: str) -> str:
    return "" if severity == "none" else f"{severity}: "


def as_json(message: Message) -> bytes:
    """The typed JSON of a webhook."""
    links = {str(s.reference): page for s in message.sections if (page := own_page(message.public_url, s.reference))}
    return _PAYLOAD.dump_json(
        Payload(
            schema_version=JSON_VERSION,
            message_id=message.message_id,
            kind=message.kind,
            subject=message.subject,
            at=message.at,
            lead=message.lead,
            sections=message.sections,
            subscriptions=message.subscriptions,
            links=links,
            attribution=ATTRIBUTION,
        )
    )


def json_schema() -> str:
    """The JSON Schema of what a webhook is posted."""
    schema = _PAYLOAD.json_schema(mode="serialization") | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def welcome_lead(tally: Mapping[str, Any], at: datetime, wants: Sequence[str]) -> tuple[str, ...]:
    """The one message of a first run: what is watched from now on, and what this target will hear of."""
    return (
        f"Standards Watch has taken its first look: {tally['standards']:,} standards in {tally['versions']:,} versions, "
        f"with {tally['ksbs']:,} KSBs and {tally['duties']:,} duties, as they stood on {when(at)}.",
        "That is the baseline. From now on you are told what changes, with old and new words side by side.",
        f"You are subscribed to: {', '.join(wants)}.",
    )
