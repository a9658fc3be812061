"""Changes as a reader meets them: what is said of each, standard by standard, in the order it matters.

Belongs here: choosing and grouping what is said, as values. Not here: how it is laid out (pipelines.rendering)
or who reads it (pipelines.alerts, pipelines.publish).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final

from pipelines.changes.bulk import Bulk, bulk
from pipelines.changes.severity import RULES
from pipelines.changes.summary import SILENT, folded, in_words
from pipelines.changes.words import Span, word_diff
from schemas.events import EVENTS, SEVERITIES, Severity

Row = Mapping[str, Any]

# Where a sentence of the summary says all there is: figures, dates, switches, file names.
_SHORT: Final = 90
# Words left standing on each side of what changed in a long text.
_AROUND: Final = 12
_LONG_TEXT: Final = 600
# Below this share of words that stayed, old and new are easier to read one after the other.
_MOSTLY_NEW: Final = 0.4
# More than this of one standard is read on a screen, not in a message.
MOST: Final = 60
_ARRIVALS: Final = frozenset({"version_live", "version_announced", "version_added"})
_EVENTS: Final = list(EVENTS)
_RELATIONS: Final = {"relabelled": "renumbered"}
_WORD_RE: Final = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change, or several that moved together; `words` are what stayed, came and went, where the summary does not say it all."""

    change_ids: tuple[str, ...]
    version: str
    event: str
    subject: str | None
    severity: Severity
    rule: str
    rule_sentence: str
    is_declared: bool
    is_taken_back: bool
    detected_at: datetime
    effective_on: date | None
    summary: str
    words: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a crosswalk: `K4 → K5`, what became of it, and its words."""

    codes: str
    relation: str
    words: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a new version changes against the one before it: how many items of each relation, and those whose words differ."""

    from_version: str
    to_version: str
    counts: str
    items: tuple[Item, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What is said of one standard, or of one move that many standards made (`reference` is None, `standards` lists them)."""

    reference: str | None
    title: str
    facts: str
    page_url: str | None
    entries: tuple[Entry, ...]
    left_out: int = 0
    arrivals: tuple[Arrival, ...] = ()
    standards: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """The gravest of its entries."""
        return max((entry.severity for entry in self.entries), key=SEVERITIES.index)

    @property
    def headline(self) -> str:
        """Its gravest change in a few words, and how many more there are."""
        first = self.entries[0].summary.rstrip(".")
        words = first if len(first) <= _SHORT else first[:_SHORT].rsplit(" ", 1)[0].rstrip(" ,;:“") + " …"
        more = len(self.entries) + self.left_out - 1
        return f"{words} (and {more} more)" if more else words


def sections(rows: Iterable[Row], crosswalks: Iterable[Row] = (), most: int = MOST) -> list[Section]:
    """What is said of some changes (with `route`, `level`, `page_url`): what many standards did first, then each standard by its name.

    A change and its own undoing among the rows are one note. Of one standard, and of what a version changes, `most` are told.
    """
    together, apart = bulk(_settled(rows))
    walks: dict[tuple[str, str], list[Row]] = {}
    for row in crosswalks:
        walks.setdefault((row["reference"], row["to_version"]), []).append(row)
    by_standard = groupby(sorted(apart, key=lambda row: row["reference"]), key=lambda row: row["reference"])
    return [_many(one) for one in together] + [_standard(list(group), walks, most) for _, group in by_standard]


def needs_crosswalk(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """The versions (reference, version) that arrived among some changes."""
    return {(row["reference"], row["version"]) for row in rows if row["event"] in _ARRIVALS}


def _settled(rows: Iterable[Row]) -> list[Row]:
    """The rows, with a change that was taken back among them told once, by what took it back."""
    every = list(rows)
    ids = {row["change_id"] for row in every}
    undone = {row["reverts"] for row in every if row["reverts"] in ids}
    return [row for row in every if row["change_id"] not in undone]


def _standard(rows: Sequence[Row], walks: Mapping[tuple[str, str], Sequence[Row]], most: int) -> Section:
    in_order = sorted(rows, key=lambda row: (row["detected_at"], row["version"]))
    ranked = sorted(folded(in_order), key=lambda row: (-SEVERITIES.index(row["severity"]), _EVENTS.index(row["event"])))
    entries = [_entry(row, _ids(row, rows)) for row in ranked]
    newest = max(rows, key=lambda row: row["detected_at"])
    facts = [f"Route: {newest['route']}" if newest["route"] else "", f"Level {newest['level']}" if newest["level"] else ""]
    arrivals = [_arrival(walks[key], most) for key in sorted(needs_crosswalk(rows)) if key in walks]
    return Section(
        reference=newest["reference"],
        title=newest["title"],
        facts=". ".join(fact for fact in facts if fact),
        page_url=next((row["page_url"] for row in ranked if str(row["page_url"]).startswith(("https://", "http://"))), None),
        entries=tuple(entries[:most]),
        left_out=len(entries[most:]),
        arrivals=tuple(arrival for arrival in arrivals if arrival.counts),
    )


def _ids(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    """The changes a line stands for: itself, or all of its rule where they were folded into one."""
    (own,) = (other for other in rows if other["change_id"] == row["change_id"])
    if own["summary"] == row["summary"]:
        return (row["change_id"],)
    look = ("detected_at", "version", "rule")
    return tuple(other["change_id"] for other in rows if all(other[name] == row[name] for name in look))


def _many(many: Bulk) -> Section:
    (row,) = folded(many.rows)
    names = [f"{one['reference']} {one['version']} {one['title']}: {_moved(one)}" for one in many.rows]
    return Section(
        reference=None,
        title=f"The same change in {many.versions} versions of {many.standards} standards",
        facts="",
        page_url=None,
        entries=(_entry(row, tuple(one["change_id"] for one in many.rows)),),
        left_out=0,
        standards=tuple(names),
    )


def _moved(row: Row) -> str:
    """`not set → 326` where that says it, else the summary."""
    values = [row["before"], row["after"]]
    if row["event"] == "attribute_changed" and max(len(value or "") for value in values) <= _SHORT // 2:
        return " → ".join(value or "not set" for value in values)
    return str(row["summary"])


def _entry(row: Row, change_ids: tuple[str, ...]) -> Entry:
    return Entry(
        change_ids=change_ids,
        version=row["version"],
        event=row["event"],
        subject=row["subject"],
        severity=row["severity"],
        rule=row["rule"],
        rule_sentence=RULES[row["rule"]].sentence,
        is_declared=row["is_declared"],
        is_taken_back=bool(row["reverts"]),
        detected_at=row["detected_at"],
        effective_on=row["effective_on"],
        # Whether it is silent stands with it already.
        summary=row["summary"].replace(f" {SILENT}", ""),
        words=_words(row) if len(change_ids) == 1 and not row["reverts"] else (),
    )


def _words(row: Row) -> tuple[Span, ...]:
    """Old and new words, where the summary could not quote them whole."""
    before, after = row["before"] or "", row["after"] or ""
    if row["family"] == "lifecycle" or row["subject"] == "assessment_plan_url" or row["event"].startswith(("mapping_", "option_")):
        return ()
    if row["event"].endswith("_relabelled") or (before == after):
        return ()
    if row["event"] == "attribute_changed" and max(len(before), len(after)) <= _SHORT:
        return ()
    if not before or not after:
        whole = before or after
        return () if len(whole) <= _SHORT else (Span(kind="removed" if before else "added", text=whole),)
    return spans(before, after)


def spans(before: str, after: str) -> tuple[Span, ...]:
    """What stayed, came and went, for reading: a text that is mostly new is told as old and new, a long one only around its changes."""
    found = word_diff(before, after)
    stayed = sum(len(span.text) for span in found if span.kind == "same")
    if stayed < _MOSTLY_NEW * max(len(before), len(after)):
        found = (Span(kind="removed", text=before), Span(kind="added", text=after))
    if sum(len(span.text) for span in found) <= _LONG_TEXT:
        return found
    return tuple(_excerpts(found))


def _excerpts(found: Sequence[Span]) -> Iterator[Span]:
    last = len(found) - 1
    for index, span in enumerate(found):
        words = _WORD_RE.findall(span.text) if span.kind == "same" else []
        if len(words) <= 2 * _AROUND + 4:
            yield span
            continue
        head = "" if index == 0 else span.text[: len(span.text) - len(span.text.lstrip())] + "".join(words[:_AROUND])
        tail = "" if index == last else "".join(words[-_AROUND:])
        yield Span(kind="same", text=f"{head}… {tail}")


def _arrival(walk: Sequence[Row], most: int) -> Arrival:
    relations = Counter(row["relation"] for row in walk)
    told = [row for row in walk if row["relation"] in ("added", "removed", "reworded", "moved")]
    order = ("added", "removed", "reworded", "moved", "relabelled", "unchanged")
    # A version that lists nothing yet takes nothing away.
    is_told = any(row["to_code"] for row in walk) and any(row["from_code"] for row in walk)
    return Arrival(
        from_version=walk[0]["from_version"],
        to_version=walk[0]["to_version"],
        counts=", ".join(f"{relations[name]} {_RELATIONS.get(name, name)}" for name in order if relations[name]) if is_told else "",
        items=tuple(_item(row) for row in told[:most]),
        left_out=len(told[most:]),
    )


def _item(row: Row) -> Item:
    old, new = row["from_code"], row["to_code"]
    if old is None or new is None:
        one = Span(kind="added", text=row["to_text"] or "") if old is None else Span(kind="removed", text=row["from_text"] or "")
        return Item(codes=new or old, relation=row["relation"], words=(one,))
    return Item(
        codes=old if old == new else f"{old} → {new}",
        relation=row["relation"],
        words=spans(row["from_text"] or "", row["to_text"] or ""),
    )


def when(moment: datetime) -> str:
    """`13 August 2026`."""
    return in_words(moment.date())
