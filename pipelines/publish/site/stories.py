"""Changes as stories: what happened to a standard on a day, for somebody who has never heard of it.

Belongs here: grouping, headlines, leads, and which words stand beside each other. Not here: the sentence of a single change
(changes.summary) or how much it matters (changes.severity).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final

from pipelines.changes.bulk import bulk
from pipelines.changes.severity import RULES
from pipelines.changes.summary import column_words, folded, in_words
from pipelines.changes.words import Span, word_diff
from pipelines.diff import Diff
from pipelines.publish.site import addresses
from pipelines.publish.site.rendering import is_silent, many, pounds, unsaid
from schemas.events import EVENTS, SEVERITIES
from schemas.record import version_key

Row = Mapping[str, Any]
ARRIVALS: Final = frozenset({"version_live", "version_announced", "version_added"})
# Told as a table: each by itself says nothing.
_ALONG: Final = ("R-LABEL", "R-MAPPING-FOLLOWS")
# Below this share of words that stayed, old and new are read one after the other, without marks.
_MOSTLY_NEW: Final = 0.3
_EVENT_ORDER: Final = {event: index for index, event in enumerate(EVENTS)}
# The most letters that a headline, and a sentence in a list, may have.
_HEADLINE: Final = 110
_LINE: Final = 240
_EVENT_WORDS: Final[Mapping[str, str]] = {
    "standard_added": "New standard",
    "standard_missing": "Standard no longer published",
    "standard_returned": "Standard published again",
    "version_announced": "New version announced",
    "version_added": "New version published",
    "version_live": "New version in force",
    "version_retired": "Version retired",
    "version_withdrawn": "Version withdrawn",
    "status_changed": "Status changed",
    "version_missing": "Version no longer published",
    "version_returned": "Version published again",
    "starts_paused": "Starts paused",
    "starts_resumed": "Starts resumed",
    "notice_changed": "Notice on the page",
}
_VERBS: Final[Mapping[str, str]] = {
    f"{thing}_{verb}": verb
    for thing in ("ksb", "duty", "mapping", "option")
    for verb in ("added", "removed", "reworded", "moved", "renamed")
} | {
    "criteria_changed": "measured otherwise",
    "core_flag_changed": "made core or optional",
    "option_membership_changed": "given to other options",
}
_NOUNS: Final = {
    "K": ("knowledge item", "knowledge items"),
    "S": ("skill", "skills"),
    "B": ("behaviour", "behaviours"),
    "D": ("duty", "duties"),
    "mapping": ("mapping link", "mapping links"),
    "option": ("option", "options"),
}
_COUNTS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# What a summary says after the words it quotes.
_AFTERWORD_RE: Final = re.compile(r" (?:The publisher's note|This takes back).*$")
_SUBJECT_WORDS: Final[Mapping[str, str]] = {
    "ksb_added": "{} added",
    "ksb_removed": "{} removed",
    "ksb_reworded": "{} reworded",
    "ksb_moved": "{} moved",
    "ksb_relabelled": "{} renumbered",
    "duty_added": "{} added",
    "duty_removed": "{} removed",
    "duty_reworded": "{} reworded",
    "duty_relabelled": "{} renumbered",
    "criteria_changed": "Performance criteria of {}",
    "core_flag_changed": "{}: core or not",
    "mapping_added": "{} added to the mapping",
    "mapping_removed": "{} removed from the mapping",
    "option_added": "Option “{}” added",
    "option_removed": "Option “{}” removed",
    "option_renamed": "Option “{}” renamed",
    "option_membership_changed": "Options of {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A change, or several that moved together, in a list: one sentence and where to read on."""

    severity: str
    is_silent: bool
    version: str
    standards: str | None
    summary: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The lines of one standard on one day; of a move that many standards made there is no reference, and `members` are its changes."""

    reference: str | None
    title: str
    address: str
    lines: tuple[Line, ...]
    members: tuple[Row, ...] = ()

    @property
    def severity(self) -> str:
        """The gravest of its lines."""
        return max((line.severity for line in self.lines), key=SEVERITIES.index)

    @property
    def is_silent(self) -> bool:
        """Whether any line was edited in place."""
        return any(line.is_silent for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Everything seen on a day, what many standards did first, then standard by standard, the gravest first."""

    day: date
    changes: int
    standards: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change in full. `left` and `right` are its old and new words with what went and came; both empty where the sentence says it all."""

    change_id: str
    heading: str
    severity: str
    is_silent: bool
    is_declared: bool
    summary: str
    rule: str
    rule_sentence: str
    detected_at: datetime
    effective_on: date | None
    sources: tuple[str, ...]
    similarity: float | None
    reverts: str | None
    evidence_before: str | None
    evidence_after: str | None
    left: tuple[Span, ...]
    right: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What happened to one version."""

    version: str
    entries: tuple[Entry, ...]
    renumbered: tuple[Row, ...]
    followed: tuple[Row, ...]
    has_arrived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened to a standard on a day."""

    reference: str
    title: str
    day: date
    headline: str
    lead: tuple[str, ...]
    severity: str
    is_silent: bool
    changes: int
    chapters: tuple[Chapter, ...]


def days(rows: Iterable[Row]) -> list[Day]:
    """Rows of changes (newest first, by standard within a look) day by day."""
    return [_day(day, list(group)) for day, group in groupby(rows, key=lambda row: row["detected_at"].date())]


def _day(day: date, rows: Sequence[Row]) -> Day:
    together, apart = bulk(rows)
    by_id = {row["change_id"]: row for row in apart}
    shared = [
        Item(
            reference=None,
            title=f"The same change in {many.standards} standards",
            address=addresses.day(day),
            lines=tuple(_line(row, many.rows[0]) for row in folded(many.rows)),
            members=many.rows,
        )
        for many in together
    ]
    own = groupby(sorted(folded(apart), key=_by_standard), key=lambda row: row["reference"])
    items = [
        _item([_line(row, by_id[row["change_id"]]) for row in group], by_id[group[0]["change_id"]]) for group in (list(g) for _, g in own)
    ]
    items.sort(key=lambda item: (-SEVERITIES.index(item.severity), not item.is_silent, item.reference))
    return Day(day=day, changes=len(rows), standards=len({row["reference"] for row in rows}), items=(*shared, *items))


def _by_standard(row: Row) -> Any:
    return row["reference"], -SEVERITIES.index(row["severity"]), _EVENT_ORDER[row["event"]], version_key(row["version"])


def _item(lines: Sequence[Line], row: Row) -> Item:
    return Item(
        reference=row["reference"],
        title=row["title"],
        address=addresses.story(row["reference"], row["detected_at"].date()),
        lines=tuple(lines),
    )


def _line(row: Row, original: Row) -> Line:
    """`original` is the change that a folded row is named after."""
    is_bulk = not row["version"]
    day = original["detected_at"].date()
    return Line(
        severity=row["severity"],
        is_silent=is_silent(original["summary"]),
        version=row["version"],
        standards=row["reference"] if is_bulk else None,
        summary=_shortened(unsaid(row["summary"]), _LINE),
        address=addresses.day(day) if is_bulk else f"{addresses.story(original['reference'], day)}#{original['change_id']}",
    )


def story(rows: Sequence[Row], notes: Mapping[str, str | None], reverted: Mapping[str, date], arrivals: Mapping[str, Diff]) -> Story:
    """The story of one standard on one day.

    `notes` are the publisher's words on each version, `reverted` says on which day a change that was taken back was seen, `arrivals` what a version that arrived changes against the
    one it takes over from.
    """
    first = rows[0]
    by_version = groupby(sorted(rows, key=lambda row: version_key(row["version"]), reverse=True), key=lambda row: row["version"])
    chapters = [_chapter(version, list(group), reverted) for version, group in by_version]
    chapters.sort(key=lambda chapter: not chapter.has_arrived)
    newest = max(rows, key=lambda row: version_key(row["version"]))
    return Story(
        reference=first["reference"],
        title=newest["title"],
        day=first["detected_at"].date(),
        headline=_headline(rows),
        lead=tuple(_lead(rows, notes, arrivals)),
        severity=max((row["severity"] for row in rows), key=SEVERITIES.index),
        is_silent=any(is_silent(row["summary"]) for row in rows),
        changes=len(rows),
        chapters=tuple(chapters),
    )


def _chapter(version: str, rows: Sequence[Row], reverted: Mapping[str, date]) -> Chapter:
    along = {rule: [row for row in rows if row["rule"] == rule] for rule in _ALONG}
    apart = [row for row in rows if row["rule"] not in _ALONG]
    apart.sort(key=lambda row: (-SEVERITIES.index(row["severity"]), _EVENT_ORDER[row["event"]]))
    return Chapter(
        version=version,
        entries=tuple(_entry(row, reverted) for row in apart),
        renumbered=tuple(along["R-LABEL"]),
        followed=tuple(along["R-MAPPING-FOLLOWS"]),
        has_arrived=any(row["event"] in ARRIVALS for row in rows),
    )


def _entry(row: Row, reverted: Mapping[str, date]) -> Entry:
    left, right = _words(row)
    summary = unsaid(row["summary"])
    day = reverted.get(row["reverts"] or "")
    return Entry(
        change_id=row["change_id"],
        heading=_heading(row),
        severity=row["severity"],
        is_silent=is_silent(row["summary"]),
        is_declared=row["is_declared"],
        summary=_unquoted(summary, left, right) if left or right else summary,
        rule=row["rule"],
        rule_sentence=RULES[row["rule"]].sentence,
        detected_at=row["detected_at"],
        effective_on=row["effective_on"],
        sources=tuple(row["sources"]),
        similarity=row["similarity"] if row["before"] and row["after"] else None,
        reverts=f"{addresses.story(row['reference'], day)}#{row['reverts']}" if day else None,
        evidence_before=row["evidence_before"],
        evidence_after=row["evidence_after"],
        left=left,
        right=right,
    )


def _unquoted(summary: str, left: Sequence[Span], right: Sequence[Span]) -> str:
    """A sentence without the words that stand below it in full."""
    if left and right:
        return summary
    head, quoted, _ = summary.partition(": " + (left or right)[0].text[:40])
    afterword = _AFTERWORD_RE.search(summary)
    return f"{head}.{afterword[0] if afterword else ''}" if quoted else summary


def _heading(row: Row) -> str:
    if row["event"] in _SUBJECT_WORDS:
        return _SUBJECT_WORDS[row["event"]].format(row["subject"])
    return _EVENT_WORDS.get(row["event"]) or column_words(row["subject"] or row["event"])


def _words(row: Row) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Old and new words with what went and came; nothing where the sentence shows both already."""
    if row["family"] == "lifecycle" or row["event"].startswith(("mapping_", "option_")):
        return (), ()
    before, after = (_value(row["subject"], value) for value in (row["before"], row["after"]))
    if before == after:
        return (), ()
    if not before or not after:
        return tuple(Span(kind="removed", text=before) for _ in (1,) if before), tuple(
            Span(kind="added", text=after) for _ in (1,) if after
        )
    spans = word_diff(before, after)
    stayed = sum(len(span.text) for span in spans if span.kind == "same" and span.text.strip())
    if stayed < _MOSTLY_NEW * max(len(before), len(after)):
        return (Span(kind="removed", text=before),), (Span(kind="added", text=after),)
    return tuple(span for span in spans if span.kind != "added"), tuple(span for span in spans if span.kind != "removed")


def _value(column: str | None, value: str | None) -> str:
    if value and column == "max_funding_gbp":
        return pounds(int(value))
    return value or ""


def _headline(rows: Sequence[Row]) -> str:
    """The gravest news in a line."""
    ranked = sorted(rows, key=lambda row: (-SEVERITIES.index(row["severity"]), _EVENT_ORDER[row["event"]]))
    first = ranked[0]
    same = [row for row in ranked if (row["severity"], row["family"]) == (first["severity"], first["family"])]
    words = _counted(same) if first["family"] == "content" else " and ".join(unsaid(row["summary"]).rstrip(".") for row in same[:2])
    if first["family"] == "lifecycle" or not words:
        words = unsaid(first["summary"]).split(": ")[0]
    return f"{_shortened(words, _HEADLINE).rstrip('.')}{' without notice' if is_silent(first['summary']) else ''}"


def _counted(rows: Sequence[Row]) -> str:
    """`One knowledge item and one skill removed`."""
    groups: dict[str, Counter[tuple[str, str]]] = {}
    for row in rows:
        if row["event"] in _VERBS:
            groups.setdefault(_VERBS[row["event"]], Counter())[_NOUNS.get(_thing(row), ("item", "items"))] += 1
    parts = [
        _listed([f"{_COUNTS[n] if n < len(_COUNTS) else f'{n:,}'} {one if n == 1 else more}" for (one, more), n in counts.items()])
        + f" {verb}"
        for verb, counts in groups.items()
    ]
    words = ", ".join(parts)
    return words[:1].upper() + words[1:]


def _thing(row: Row) -> str:
    return row["event"].split("_")[0] if row["event"].startswith(("mapping", "option")) else str(row["subject"])[:1]


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _shortened(words: str, length: int) -> str:
    return words if len(words) <= length else words[:length].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"


def _lead(rows: Sequence[Row], notes: Mapping[str, str | None], arrivals: Mapping[str, Diff]) -> Iterator[str]:
    """What a stranger needs to know before the changes one by one."""
    newest_first = sorted(rows, key=lambda row: version_key(row["version"]), reverse=True)
    for version, group in groupby(newest_first, key=lambda row: row["version"]):
        every = list(group)
        events = {row["event"]: row for row in every}
        if "version_live" in events:
            day = events["version_live"]["effective_on"]
            yield f"New apprentices now start on version {version}{f', from {in_words(day)} on' if day else ''}. {_news(arrivals.get(version), notes.get(version))}"
        if "version_announced" in events:
            day = events["version_announced"]["effective_on"]
            when = f"starts on it are planned from {in_words(day)} on" if day else "no first day for starts is set"
            yield f"Version {version} is published but not in force: {when}, and it can still change. {_news(arrivals.get(version), notes.get(version))}"
        silent = [row for row in every if is_silent(row["summary"])]
        if silent:
            yield (
                f"The publisher edited version {version} in place: {_what(silent)} changed, while the version number, the dates and the "
                "publisher’s own change note stayed as they were. Whoever follows version numbers alone could not notice."
            )
        renumbered = [row for row in every if row["rule"] == "R-LABEL"]
        if renumbered and len(renumbered) < len(every):
            theirs = "its words but not its code" if len(renumbered) == 1 else "their words but not their codes"
            yield (
                f"{many(len(renumbered), 'item')} kept {theirs}: a code such as {renumbered[0]['before']} is only a place in a list, "
                "so curricula and assessment papers that quote the old codes now point at other words."
            )


def _news(arrival: Diff | None, note: str | None) -> str:
    """What a version changes against the one it takes over from."""
    if arrival is None:
        return "It is the first version of this standard."
    old, counts = arrival.old.version, arrival.counts
    says = f" The publisher’s own note on it says “{note.rstrip('.')}”." if note else ""
    kept = counts["unchanged"] + counts["relabelled"]
    if not arrival.links:
        return f"Neither it nor version {old} lists knowledge, skills, behaviours or duties.{says}"
    if kept == len(arrival.links) and not arrival.details:
        return f"All {kept} knowledge items, skills, behaviours and duties of version {old} stand in it with the same words.{says}"
    return f"Of {len(arrival.links)} items of version {old} and of this one, {kept} keep their words; the others are listed below.{says}"


def _what(rows: Sequence[Row]) -> str:
    families = {row["family"] for row in rows}
    if families == {"content"}:
        return "what is to be learnt"
    names = list(dict.fromkeys(column_words(row["subject"]).lower() for row in rows if row["family"] == "attribute"))
    words = [*(["what is to be learnt"] if "content" in families else []), *names[:3]]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0] if words else "something"
