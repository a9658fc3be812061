"""Comparison: work through the transitions and write the changes they hold.

Belongs here: fetching both sides' evidence, reading it with one parser, and joining what several sources
and several nights tell of one change. Not here: comparing (pipelines.changes) or SQL (warehouse.changes).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, Final, Protocol

from pipelines.changes.crosswalk import crosswalk
from pipelines.changes.lifecycle import Step, compare_standard
from pipelines.changes.summary import in_words
from pipelines.run import Run
from schemas.change import Change, Difference, joined
from schemas.record import Record
from scrapers.reading import ParseError
from scrapers.sources import SOURCES
from warehouse.changes import (
    Found,
    Pending,
    Published,
    pending,
    previous_version,
    published_versions,
    times_told,
    versions_left,
    versions_seen,
    write_found,
)
from warehouse.database import Warehouse
from warehouse.outbox import standard_alert, welcome_alert
from warehouse.read import snapshot_record
from warehouse.snapshots import bodies

# A change that is taken back within this time is a flap; later it is news of its own.
FLAP: Final = timedelta(days=30)
_STATUS_EVENTS: Final = frozenset({"version_live", "version_retired", "version_withdrawn", "status_changed"})
_OPPOSITES: Final[Mapping[str, str]] = {
    one: other
    for pair in (
        *((f"{thing}_added", f"{thing}_removed") for thing in ("ksb", "duty", "mapping", "option")),
        ("starts_paused", "starts_resumed"),
        ("version_missing", "version_returned"),
        ("standard_missing", "standard_returned"),
    )
    for one, other in (pair, pair[::-1])
}


def find_changes(db: Warehouse, run: Run) -> list[dict[str, Any]]:
    """Compare every transition that waits, oldest first; returns the changes that are new.

    Each source's look at the site is one transaction, so a run that dies goes on where it was.
    """
    every: list[dict[str, Any]] = []
    for (_, source), group in groupby(pending(db), key=lambda item: (item.detected_at, item.source)):
        found = _look(db, run, source, list(group))
        write_found(db, found)
        every += found.changes
    return every


class Records(Protocol):
    """Records by evidence."""

    def record(self, reference: str, version: str | None, evidence: str | None) -> Record | None:
        """The record under the name its snapshot goes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a look is compared against: the `versions` its source shows, in order, and what is known of each standard and version.

    The warehouse tells it on every night; a backfill keeps it from night to night.
    """

    versions: Sequence[Published]
    is_new_standard: Callable[[str], bool]
    versions_left: Callable[[str], int]
    told: Callable[[str, str], Sequence[Mapping[str, Any]]]


class _Records:
    """Records by evidence, read once each by today's parser."""

    def __init__(self, db: Warehouse, source: str, stored: Mapping[str, bytes]) -> None:
        self._db, self._source, self._stored = db, source, stored
        self._read: dict[str, Record] = {}

    def record(self, reference: str, version: str | None, evidence: str | None) -> Record | None:
        """The record under the name its snapshot goes by."""
        if evidence is None:
            return None
        if evidence not in self._read:
            self._read[evidence] = self._parsed(evidence)
        return replace(self._read[evidence], reference=reference, version=version)

    def _parsed(self, evidence: str) -> Record:
        try:
            return SOURCES[self._source].parse(self._stored[evidence]).record
        except ParseError:
            # A stricter parser refuses what an older one read: what that one read is all there is.
            return snapshot_record(self._db, self._source, evidence)


def _look(db: Warehouse, run: Run, source: str, look: Sequence[Pending]) -> Found:
    """What one source's look at the site gave."""
    seen_at = look[0].detected_at
    versions = published_versions(db, source, {item.reference for item in look}, seen_at)
    news = [item for item in look if not item.is_baseline]
    pairs = list(neighbours(versions, look))
    addresses = {address for item in news for address in (item.before_evidence, item.after_evidence) if address}
    addresses |= {version.evidence_sha256 for pair in pairs for version in pair}
    previous = [previous_version(versions, item.reference, item.version) for item in news]
    addresses |= {version.evidence_sha256 for version in previous if version}
    records = _Records(db, source, bodies(db, run.evidence, addresses))
    background = Background(
        versions=versions,
        is_new_standard=lambda reference: not versions_seen(db, reference, seen_at),
        versions_left=lambda reference: versions_left(db, reference, seen_at),
        told=lambda reference, version: times_told(db, reference, version),
    )
    changes, also = told_by(look, background, records)
    crosswalks = [row for pair in pairs for row in crosswalk_rows(*pair, records)]
    is_told = run.alerts == "always" or (run.alerts == "live" and not any(item.is_replay for item in look))
    alerts = [standard_alert(row["reference"], row["detected_at"]) for row in changes]
    alerts += [welcome_alert(seen_at)] if len(news) < len(look) else []
    return Found(
        changes=changes,
        also=also,
        crosswalks=crosswalks,
        compared=[item.transition_id for item in look],
        alerts=alerts if is_told else [],
    )


def told_by(look: Sequence[Pending], background: Background, records: Records) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The changes a look holds that nobody has told yet, and those that another source has told, each with the source that shows it too."""
    news = [item for item in look if not item.is_baseline]
    changes: list[dict[str, Any]] = []
    also: list[tuple[str, str]] = []
    for reference, group in groupby(news, key=lambda item: item.reference):
        items = {item.version: item for item in group}
        found = compare_standard(
            reference,
            [_step(item, previous_version(background.versions, reference, item.version), records) for item in items.values()],
            is_new_standard=background.is_new_standard(reference),
            versions_left=background.versions_left(reference),
        )
        for version, told in groupby(found, key=lambda change: change.version):
            for change_id, row in _rows(list(told), items[version], background.told(reference, version)):
                if row is None:
                    also.append((change_id, items[version].source))
                else:
                    changes.append(row)
    return changes, also


def _step(item: Pending, previous: Published | None, records: Records) -> Step:
    before = records.record(item.reference, item.before_version, item.before_evidence)
    after = records.record(item.reference, item.version, item.after_evidence)
    if before and after and item.newly_told:
        before, after = _as_if_told(before, after, item.newly_told)
    return Step(
        kind=item.kind,
        version=item.version,
        before=before,
        after=after,
        previous=records.record(item.reference, previous.version, previous.evidence_sha256) if previous else None,
    )


def _as_if_told(before: Record, after: Record, newly_told: Set[str]) -> tuple[Record, Record]:
    """Two records without what differs only because the earlier one had no key to tell it by."""
    if "options" in newly_told:
        before, after = _without_options(before), _without_options(after)
    columns = newly_told - {"options"}
    return replace(before, **{column: getattr(after, column) for column in columns}), after


def _without_options(record: Record) -> Record:
    content = record.content
    return replace(
        record,
        content=replace(
            content,
            ksbs=tuple(replace(ksb, options=()) for ksb in content.ksbs),
            duties=tuple(replace(duty, options=()) for duty in content.duties),
        ),
    )


def neighbours(versions: Sequence[Published], look: Sequence[Pending]) -> Iterator[tuple[Published, Published]]:
    """Neighbouring versions of which one appeared, or teaches something else now. The API tells all versions; a page only some."""
    moved = {(item.reference, item.version) for item in look if item.after_evidence and item.is_other_content and item.source == "api"}
    for older, newer in pairwise(versions):
        if older.reference == newer.reference and {(older.reference, older.version), (newer.reference, newer.version)} & moved:
            yield older, newer


def crosswalk_rows(older: Published, newer: Published, records: Records) -> Iterator[dict[str, Any]]:
    """What became of each item from one version to the next, as rows."""
    before = records.record(older.reference, older.version, older.evidence_sha256)
    after = records.record(newer.reference, newer.version, newer.evidence_sha256)
    if before and after:
        for link in crosswalk(before.content, after.content):
            yield {
                "reference": older.reference,
                "from_version": older.version,
                "to_version": newer.version,
                "kind": link.kind,
                "from_code": link.from_code,
                "to_code": link.to_code,
                "relation": link.relation,
                "similarity": link.similarity,
                "from_text": link.from_text,
                "to_text": link.to_text,
            }


def _rows(changes: Sequence[Change], item: Pending, told: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each change with its id; the row is None where another source has told it already."""
    ids = {row["change_id"] for row in told}
    for change in changes:
        times = sum(_what(row) == _said(change.difference) and item.source in row["sources"] for row in told)
        change_id = change.change_id(times + 1)
        yield change_id, None if change_id in ids else _row(change_id, change, item, reverted(change.difference, told, item.detected_at))


def _what(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return row["event"], row["subject"], joined(row["before"]), joined(row["after"])


def _said(d: Difference) -> tuple[str | None, ...]:
    return d.event, d.subject, joined(d.before), joined(d.after)


def reverted(difference: Difference, told: Iterable[Mapping[str, Any]], detected_at: datetime) -> Mapping[str, Any] | None:
    """The newest change, not older than FLAP and not taken back yet, that this one undoes."""
    rows = list(told)
    undone = {row["reverts"] for row in rows}
    undoes = [
        row for row in rows if _is_opposite(difference, row) and row["change_id"] not in undone and detected_at - row["detected_at"] <= FLAP
    ]
    return undoes[-1] if undoes else None


def _is_opposite(d: Difference, row: Mapping[str, Any]) -> bool:
    events = {d.event, row["event"]}
    if not (row["event"] == _OPPOSITES.get(d.event, d.event) or events <= _STATUS_EVENTS):
        return False
    if d.event.startswith("mapping_"):
        return bool(row["subject"] == d.subject)
    # The code of an item may be another one by now; the subject of a fact is its column.
    same_subject = row["subject"] == d.subject or d.event.startswith(("ksb_", "duty_"))
    return same_subject and (joined(row["before"]), joined(row["after"])) == (joined(d.after), joined(d.before))


def _row(change_id: str, change: Change, item: Pending, undone: Mapping[str, Any] | None) -> dict[str, Any]:
    d = change.difference
    return {
        "change_id": change_id,
        "detected_at": item.detected_at,
        "run_id": item.run_id,
        "reference": change.reference,
        "version": change.version,
        "title": change.title,
        "family": d.family,
        "event": d.event,
        "subject": d.subject,
        "before": d.before,
        "after": d.after,
        "similarity": d.similarity,
        "severity": change.severity,
        "rule": change.rule,
        "is_declared": change.is_declared,
        "effective_on": change.effective_on,
        "reverts": undone["change_id"] if undone else None,
        "sources": [item.source],
        "evidence_before": item.before_evidence,
        "evidence_after": item.after_evidence,
        "summary": f"{change.summary} This takes back the change seen on {in_words(undone['detected_at'])}." if undone else change.summary,
    }
