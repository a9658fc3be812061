"""A change in one sentence, for someone who plans a curriculum.

Belongs here: words. Not here: weighing, or how a message is laid out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

from schemas.change import Difference
from schemas.record import Record

_COLUMN_WORDS: Final = {
    "typical_duration_months": "Typical duration (months)",
    "epa_period_months": "End-point assessment period (months)",
    "minimum_hours": "Minimum training hours",
    "max_funding_gbp": "Maximum funding",
    "lars_code": "LARS code",
    "ssa_tier_1": "Sector subject area (tier 1)",
    "ssa_tier_2": "Sector subject area (tier 2)",
    "eqa_provider": "External quality assurance provider",
    "is_regulated": "Regulated occupation",
    "is_core_and_options": "Core and options",
    "assessment_plan_url": "Assessment plan",
    "earliest_start_on": "First day for starts",
    "latest_start_on": "Last day for starts",
}
_LONG: Final = 90
SILENT: Final = "Edited in place: no version, date or change note moved."


def summarise(difference: Difference, version: str, record: Record, *, is_declared: bool) -> str:
    """One sentence; content changed in place, without a word from the publisher, says so."""
    sentence = _sentence(difference, version, record)
    if difference.family == "content" and not is_declared and not difference.event.endswith("relabelled"):
        sentence += " " + SILENT
    return sentence


def _sentence(d: Difference, version: str, record: Record) -> str:
    match d.event:
        case "standard_added":
            return f"New standard: {record.title}."
        case "standard_missing":
            return f"{record.title} is no longer published."
        case "standard_returned":
            return f"{record.title} is published again."
        case "version_announced":
            when = f", first starts on {in_words(record.earliest_start_on)}" if record.earliest_start_on else ""
            return f"Version {version} announced ({_lower(record.status)}{when})."
        case "version_added":
            return f"Version {version} published as {_lower(record.status)}."
        case "version_live":
            when = f" for starts from {in_words(record.earliest_start_on)}" if record.earliest_start_on else ""
            return f"Version {version} {'reinstated' if d.before == 'Retired' else 'approved for delivery'}{when}."
        case "version_retired":
            when = f"; last starts on {in_words(record.latest_start_on)}" if record.latest_start_on else ""
            return f"Version {version} retired{when}."
        case "version_withdrawn":
            return f"Version {version} withdrawn."
        case "status_changed":
            return f"Status {_arrow(d)}."
        case "version_missing":
            return f"Version {version} is no longer published."
        case "version_returned":
            return f"Version {version} is published again."
        case "start_dates_moved":
            return f"{_COLUMN_WORDS[str(d.subject)]} {_dates(d)}."
        case "starts_paused":
            return "Starts paused."
        case "starts_resumed":
            return "Starts resumed."
        case "ksb_added" | "duty_added" | "option_added":
            return f"{d.subject} added: {_short(d.after)}."
        case "ksb_removed" | "duty_removed" | "option_removed":
            return f"{d.subject} removed{f' ({d.note})' if d.note else ''}: {_short(d.before)}."
        case "ksb_reworded" | "duty_reworded":
            return f"{d.subject} reworded: {_short(d.after)}."
        case "ksb_moved":
            return f"{d.before} moved to {d.after}."
        case "ksb_relabelled" | "duty_relabelled":
            return f"{d.before} is now {d.after}."
        case "criteria_changed":
            return f"Performance criteria of {d.subject} changed."
        case "core_flag_changed":
            return f"{d.subject} is {'now' if d.after == 'yes' else 'no longer'} a core duty."
        case "mapping_added":
            return f"{d.subject} added to the mapping{f' {d.note}' if d.note else ''}."
        case "mapping_removed":
            return f"{d.before} removed from the mapping{f' {d.note}' if d.note else ''}."
        case "option_renamed":
            return f"Option {_arrow(d)}."
        case "option_membership_changed":
            return f"Options of {d.subject}: {_arrow(d, nothing='core')}."
        case "notice_changed":
            return f"Notice: {_short(d.after)}" if d.after else "Notice taken down."
        case _:
            return f"{_COLUMN_WORDS.get(str(d.subject), str(d.subject).replace('_', ' ').capitalize())} {_values(d)}."


def _values(d: Difference) -> str:
    if d.subject == "max_funding_gbp":
        old, new = (f"£{int(value):,}" if value else "not set" for value in (d.before, d.after))
        return f"{old} → {new}"
    if max(len(d.before or ""), len(d.after or "")) > _LONG:
        return "added" if d.before is None else "removed" if d.after is None else "reworded"
    return _arrow(d)


def _arrow(d: Difference, nothing: str = "not set") -> str:
    return f"{d.before or nothing} → {d.after or nothing}"


def _dates(d: Difference) -> str:
    old, new = (in_words(date.fromisoformat(value)) if value else "not set" for value in (d.before, d.after))
    return f"{old} → {new}"


def in_words(day: date | None) -> str:
    """`13 August 2026`."""
    return f"{day.day} {day:%B %Y}" if day else "a day not set"


def _lower(status: str | None) -> str:
    return (status or "status unknown").lower()


def _short(text: str | None) -> str:
    words = text or ""
    if len(words) <= _LONG:
        return words.rstrip(".")
    return words[:_LONG].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def folded(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of changes for reading: what only moved along is one line for each version and look."""
    for _, group in groupby(rows, key=lambda row: (row["detected_at"], row["reference"], row["version"])):
        every = list(group)
        yield from (dict(row) for row in every if row["rule"] not in _MOVED_ALONG)
        for rule, words in _MOVED_ALONG.items():
            along = [row for row in every if row["rule"] == rule]
            if len(along) == 1:
                yield dict(along[0])
            elif along:
                yield dict(along[0]) | {"subject": None, "summary": words(along)}


def _renumbered(rows: Sequence[Mapping[str, Any]]) -> str:
    """`14 skills and 13 knowledge items renumbered (S18 to S31, K21 to K33).`"""
    kinds = [
        (name, [row["before"] for row in rows if str(row["before"]).startswith(letter)])
        for letter, name in (("K", "knowledge items"), ("S", "skills"), ("B", "behaviours"), ("D", "duties"))
    ]
    counted = " and ".join(f"{len(labels)} {name}" for name, labels in kinds if labels)
    spans = ", ".join(f"{labels[0]} to {labels[-1]}" for _, labels in kinds if labels)
    return f"{counted} renumbered with the same words ({spans})."


def _followed(rows: Sequence[Mapping[str, Any]]) -> str:
    return f"{len(rows)} mapping links came or went with their items."


_MOVED_ALONG: Final[Mapping[str, Callable[[Sequence[Mapping[str, Any]]], str]]] = {"R-LABEL": _renumbered, "R-MAPPING-FOLLOWS": _followed}
