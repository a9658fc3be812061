"""A change in one sentence, for someone who plans a curriculum.

Belongs here: words. Not here: weighing, or how a message is laid out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from pipelines.changes.bulk import Bulk, bulk
from pipelines.changes.claim import claimed
from pipelines.changes.words import word_diff
from schemas.change import FOLLOWS, Difference
from schemas.record import RETIRED, Record

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
_NOUNS: Final = {
    "K": ("knowledge item", "knowledge items"),
    "S": ("skill", "skills"),
    "B": ("behaviour", "behaviours"),
    "D": ("duty", "duties"),
}
_HEADLINE_WORDS: Final[Mapping[str | None, str]] = {
    "max_funding_gbp": "funding",
    "level": "level",
    "typical_duration_months": "duration in months",
    "minimum_hours": "training hours",
    "assessment_plan_url": "assessment plan",
    "epa_period_months": "assessment period in months",
    "integration": "integration",
    "qualifications": "qualifications",
    "title": "title",
    "eqa_provider": "quality assurance by",
}
_HEADLINE_VERBS: Final = {
    **{f"{thing}_{verb}": verb for thing in ("ksb", "duty", "option") for verb in ("added", "removed", "reworded", "renamed")},
    "mapping_removed": "removed",
    "mapping_added": "added",
    "criteria_changed": "given other performance criteria",
    "ksb_moved": "moved between knowledge, skills and behaviours",
    "ksb_relabelled": "renumbered",
    "duty_relabelled": "renumbered",
}
_LONG: Final = 90
_FEW_SPANS: Final = 4
_NOTICE: Final = 300
# Facts of the publisher's own filing.
_HOUSEKEEPING: Final = frozenset({"change_note", "template_type", "trailblazer_reference"})
_PROSE: Final = frozenset({"overview", "occupation_summary", "entry_requirements", "standard_information"})
SILENT: Final = "Edited in place: no version, date or change note moved."


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What else there is to say of a change.

    `since_previous`: an arriving version against the one before it; `is_silent`: edited in place without
    a word from the publisher; `claim`: the publisher's note names less than was seen.
    """

    is_silent: bool = False
    since_previous: Sequence[Difference] = ()
    previous_version: str | None = None
    claim: str | None = None


def summarise(difference: Difference, version: str, record: Record, said: Said) -> str:
    """One change in a sentence or two."""
    sentence = _sentence(difference, version, record, said).replace("….", "…")
    if said.previous_version:
        news = headline(said.since_previous) or _no_headline(said.since_previous, said.previous_version, record.change_note)
        sentence = f"{sentence[:-1]}: {news}."
    return " ".join(part for part in (sentence, SILENT if said.is_silent else "", said.claim or "") if part)


def headline(differences: Sequence[Difference]) -> str:
    """`funding £18,000 → £15,000, 3 knowledge items reworded, 14 skills renumbered`: what a reader asks of a new version first."""
    # What a version does not say yet is no difference a reader can act on.
    told = [d for d in differences if d.event == "attribute_changed" and d.subject in _HEADLINE_WORDS and d.after is not None]
    told.sort(key=lambda d: list(_HEADLINE_WORDS).index(d.subject))
    facts = [f"{_HEADLINE_WORDS[d.subject]}{_values(d).removeprefix(':')}" for d in told]
    counts = Counter((_HEADLINE_VERBS[d.event], _noun(d)) for d in differences if d.event in _HEADLINE_VERBS and d.note != FOLLOWS)
    counted = [f"{n} {singular if n == 1 else plural} {verb}" for (verb, (singular, plural)), n in counts.items()]
    return ", ".join(facts + counted)


def _no_headline(differences: Sequence[Difference], previous_version: str, note: str | None) -> str:
    """What to say where nothing stands out: the source does not tell everything, so the publisher's own note goes along."""
    if claimed(note):
        return f"no difference from {previous_version} is published as data; the publisher's note says “{note}”".replace(".”", "”")
    is_all = all(d.family in ("lifecycle", "notice") or d.subject in _HOUSEKEEPING for d in differences)
    return f"{'nothing else' if is_all else 'nothing that is taught, funded or assessed'} is different from {previous_version}"


def _noun(d: Difference) -> tuple[str, str]:
    if d.event.startswith("mapping"):
        return "mapping link", "mapping links"
    if d.event.startswith("option"):
        return "option", "options"
    return _NOUNS[str(d.subject)[0]]


def _sentence(d: Difference, version: str, record: Record, said: Said) -> str:
    match d.event:
        case "standard_added":
            return f"New standard: {record.title}."
        case "standard_missing":
            return f"{record.title} is no longer published."
        case "standard_returned":
            return f"{record.title} is published again."
        case "version_announced":
            when = f" for starts from {in_words(record.earliest_start_on)}" if record.earliest_start_on else f" ({_lower(record.status)})"
            return f"Version {version} announced{when}."
        case "version_added":
            return f"Version {version} published as {_lower(record.status)}."
        case "version_live":
            if d.before == RETIRED:
                return f"Version {version} is reinstated."
            day = in_words(record.earliest_start_on) if record.earliest_start_on else ""
            if said.previous_version:
                return f"Version {version} takes over{f' on {day}' if day else ''}."
            return f"Version {version} is approved for delivery{f', for starts from {day}' if day else ''}."
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
            return f"{column_words(str(d.subject))} {_dates(d)}."
        case "starts_paused":
            return "Starts paused."
        case "starts_resumed":
            return "Starts resumed."
        case "option_added" | "option_removed":
            return f"Option “{d.subject}” {d.event.removeprefix('option_')}."
        case "ksb_added" | "duty_added":
            return f"{d.subject} added: {_short(d.after)}."
        case "ksb_removed" | "duty_removed":
            return f"{d.subject} removed{f' ({d.note})' if d.note else ''}: {_short(d.before)}."
        case "ksb_reworded" | "duty_reworded":
            return f"{d.subject} reworded{f' ({d.note})' if d.note else ''}: {_reworded(d)}."
        case "ksb_moved":
            is_reworded = d.before != d.after
            return (
                f"{d.subject} moved ({d.note}){' and reworded' if is_reworded else ''}: {_reworded(d) if is_reworded else _short(d.after)}."
            )
        case "ksb_relabelled" | "duty_relabelled":
            return f"{d.before} is now {d.after}."
        case "criteria_changed":
            return f"Performance criteria of {d.subject}{_became(d)}."
        case "core_flag_changed":
            return f"{d.subject} is {'now' if d.after == 'yes' else 'no longer'} a core duty."
        case "mapping_added":
            return f"{d.subject} added to the mapping{f' {d.note}' if d.note else ''}."
        case "mapping_removed":
            was = f" (was {d.before})" if d.before != d.subject and not d.note else ""
            return f"{d.subject}{was} removed from the mapping{f' {d.note}' if d.note else ''}."
        case "option_renamed":
            return f"Option renamed: {_arrow(d)}."
        case "option_membership_changed":
            return f"Options of {d.subject}: {_arrow(d, nothing='core')}."
        case "notice_changed":
            if d.after is None:
                return "Notice taken down."
            return f"Notice reworded: {_reworded(d)}." if d.before else f"Notice: {_short(d.after, _NOTICE)}."
        case _:
            return f"{column_words(str(d.subject))}{_values(d)}."


def column_words(column: str) -> str:
    """A column as people call it: `Maximum funding`."""
    return _COLUMN_WORDS.get(column, column.replace("_", " ").capitalize())


def _reworded(d: Difference) -> str:
    """The words that went and came, where they are few; else the new text."""
    spans = word_diff(d.before or "", d.after or "")
    came = [span for span in spans if span.kind != "same"]
    if len(came) <= _FEW_SPANS and sum(len(span.text) for span in came) <= _LONG:
        changed = ", ".join(f"{'–' if span.kind == 'removed' else '+'} “{span.text.strip()}”" for span in came if span.text.strip())
        if changed:
            return changed
    return _short(d.after)


def _values(d: Difference) -> str:
    """What became of a fact, to follow its name."""
    if d.subject == "max_funding_gbp":
        old, new = (f"£{int(value):,}" if value else "not set" for value in (d.before, d.after))
        return f" {old} → {new}"
    if d.subject == "assessment_plan_url":
        return " published" if d.before is None else " taken down" if d.after is None else " replaced"
    if d.note:
        return f": {_short(d.note, _NOTICE)}"
    if max(len(d.before or ""), len(d.after or "")) > _LONG or d.subject in _PROSE:
        return _became(d)
    return f": {_arrow(d)}"


def _became(d: Difference) -> str:
    """` added: …`, ` removed` or ` reworded: …` for words too long to stand side by side."""
    if d.before is None:
        return f" added: {_short(d.after)}"
    return " removed" if d.after is None else f" reworded: {_reworded(d)}"


def _arrow(d: Difference, nothing: str = "not set") -> str:
    old, new = (
        nothing if value is None else value if value.isdecimal() or value in ("yes", "no") else f"“{value}”"
        for value in (d.before, d.after)
    )
    return f"{old} → {new}"


def _dates(d: Difference) -> str:
    old, new = (in_words(date.fromisoformat(value)) if value else "not set" for value in (d.before, d.after))
    return f"{old} → {new}"


def in_words(day: date | None) -> str:
    """`13 August 2026`."""
    return f"{day.day} {day:%B %Y}" if day else "a day not set"


def _lower(status: str | None) -> str:
    return (status or "status unknown").lower()


def _short(text: str | None, length: int = _LONG) -> str:
    words = text or ""
    if len(words) <= length:
        return words.rstrip(".")
    return words[:length].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def folded(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of changes for reading: a bulk change is one line, and so is what only moved along in a version."""
    together, apart = bulk(rows)
    for many in together:
        yield dict(many.rows[0]) | {
            "reference": f"{many.standards} standards",
            "version": "",
            "subject": many.subject,
            "summary": _many(many),
        }
    for _, group in groupby(apart, key=lambda row: (row["detected_at"], row["reference"], row["version"])):
        every = list(group)
        yield from (dict(row) for row in every if row["rule"] not in _MOVED_ALONG)
        for rule, words in _MOVED_ALONG.items():
            along = [row for row in every if row["rule"] == rule]
            if len(along) == 1:
                yield dict(along[0])
            elif along:
                yield dict(along[0]) | {"subject": None, "summary": words(along)}


def _many(many: Bulk) -> str:
    """`Minimum training hours: the same move in 583 versions of 561 standards, as in ST0128 1.1: not set → 326.`"""
    first = many.rows[0]
    of = f"{many.versions} versions of {many.standards} standards"
    return f"The same move in {of}, such as {first['reference']} {first['version']}: {first['summary']}"


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
