"""Comparison: work through the transitions and write the changes they hold.

Belongs here: fetching both sides' evidence, reading it with one parser, and joining what several sources
tell of one change. Not here: comparing (pipelines.changes) or SQL (warehouse.changes).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from pipelines.changes.lifecycle import Step, compare_standard
from pipelines.run import Run
from schemas.change import Change, joined
from schemas.record import Record
from scrapers.sources import SOURCES
from warehouse.changes import Pending, pending, times_told, versions_left, versions_seen, write_changes
from warehouse.database import Warehouse
from warehouse.snapshots import bodies


def find_changes(db: Warehouse, run: Run) -> list[dict[str, Any]]:
    """Compare every transition that waits, oldest first; returns the changes that are new.

    Each source's look at the site is one transaction, so a run that dies goes on where it was.
    """
    found: list[dict[str, Any]] = []
    for _, group in groupby(pending(db), key=lambda item: (item.detected_at, item.source)):
        look = list(group)
        new, also = _look(db, run, look)
        write_changes(db, new, also, [item.transition_id for item in look])
        found += new
    return found


def _look(db: Warehouse, run: Run, look: Sequence[Pending]) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The new changes of one look, and the known ones (change id, source) that it shows too."""
    addresses = {address for item in look for address in (item.before_evidence, item.after_evidence) if address}
    stored = bodies(db, run.evidence, addresses)
    new: list[dict[str, Any]] = []
    also: list[tuple[str, str]] = []
    for reference, group in groupby(look, key=lambda item: item.reference):
        items = {item.version: item for item in group}
        steps = [_step(item, stored) for item in items.values()]
        changes = compare_standard(
            reference,
            steps,
            is_new_standard=not versions_seen(db, reference, look[0].detected_at),
            versions_left=versions_left(db, reference),
        )
        for version, told in groupby(changes, key=lambda change: change.version):
            for change_id, row in _rows(list(told), items[version], times_told(db, reference, version)):
                if row is None:
                    also.append((change_id, items[version].source))
                else:
                    new.append(row)
    return new, also


def _step(item: Pending, stored: dict[str, bytes]) -> Step:
    before = _record(item, item.before_version, item.before_evidence, stored)
    after = _record(item, item.version, item.after_evidence, stored)
    return Step(kind=item.kind, version=item.version, before=before, after=after)


def _record(item: Pending, version: str | None, evidence: str | None, stored: dict[str, bytes]) -> Record | None:
    """The record as today's parser reads it, under the name its snapshot goes by."""
    if evidence is None:
        return None
    return replace(SOURCES[item.source].parse(stored[evidence]).record, reference=item.reference, version=version)


def _rows(changes: Sequence[Change], item: Pending, told: Sequence[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each change with its id; the row is None where another source has told it already."""
    ids = {row["change_id"] for row in told}
    for change in changes:
        d = change.difference
        what = (d.event, d.subject, joined(d.before), joined(d.after))
        times = sum(
            (row["event"], row["subject"], joined(row["before"]), joined(row["after"])) == what and item.source in row["sources"]
            for row in told
        )
        change_id = change.change_id(times + 1)
        yield change_id, None if change_id in ids else _row(change_id, change, item)


def _row(change_id: str, change: Change, item: Pending) -> dict[str, Any]:
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
        "reverts": None,
        "sources": [item.source],
        "evidence_before": item.before_evidence,
        "evidence_after": item.after_evidence,
        "summary": change.summary,
    }
