"""Changes: the transitions still to be compared, and writing what comparing them gave.

Belongs here: the queue, the changes table and the crosswalk table. Not here: comparing (pipelines.changes).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.change import TransitionKind
from schemas.record import APPROVED, RETIRED
from schemas.tables import CHANGES, VERSION_CROSSWALK
from warehouse.database import Warehouse
from warehouse.outbox import add_alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A transition still to be compared; evidence is None on the side that has no snapshot.

    `is_replay`: the run that saw it stood for a day that was past when it began. `newly_told` are columns that the publisher's records
    had no key for before: what they say is no change.
    """

    transition_id: str
    run_id: str
    source: str
    reference: str
    version: str
    kind: TransitionKind
    detected_at: datetime
    is_baseline: bool
    is_other_content: bool
    is_replay: bool
    before_version: str | None
    before_evidence: str | None
    after_evidence: str | None
    newly_told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version as a source shows it now."""

    reference: str
    version: str
    status: str | None
    evidence_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look at the site gave, ready to be written, with the alerts that tell it."""

    changes: Sequence[dict[str, Any]]
    also: Sequence[tuple[str, str]]
    crosswalks: Sequence[dict[str, Any]]
    compared: Sequence[str]
    alerts: Sequence[dict[str, Any]]


def pending(db: Warehouse) -> list[Pending]:
    """Every transition not compared yet, in the order it was seen, the API before the pages."""
    rows = db.rows(
        """
        SELECT t.transition_id, t.run_id, t.source, t.reference, t.version, t.kind, t.detected_at, t.is_baseline,
            b.content_id IS DISTINCT FROM a.content_id AS is_other_content,
            coalesce(r.observed_at < r.started_at - INTERVAL 24 HOURS, false) AS is_replay, b.version AS before_version,
            b.evidence_sha256 AS before_evidence, a.evidence_sha256 AS after_evidence
        FROM transitions t LEFT JOIN snapshots b ON b.snapshot_id = t.before_snapshot_id
        LEFT JOIN snapshots a ON a.snapshot_id = t.after_snapshot_id LEFT JOIN runs r ON r.run_id = t.run_id
        WHERE NOT t.is_compared
        ORDER BY t.detected_at, t.source, t.reference, [CAST(part AS INTEGER) FOR part IN string_split(t.version, '.')]"""
    )
    return [Pending(**row) for row in rows]


def published_versions(db: Warehouse, source: str, references: Collection[str], at: datetime) -> list[Published]:
    """The versions of some standards that a source showed at a moment, in the order of their numbers."""
    rows = db.rows(
        """
        SELECT reference, version, status, evidence_sha256 FROM snapshots
        WHERE source = ? AND list_contains(?::VARCHAR[], reference) AND seen_from_at <= ? AND (seen_to_at IS NULL OR seen_to_at > ?)
        ORDER BY reference, [CAST(part AS INTEGER) FOR part IN string_split(version, '.')]""",
        [source, list(references), at, at],
    )
    return [Published(**row) for row in rows]


def previous_version(versions: Sequence[Published], reference: str, version: str) -> Published | None:
    """The version that one takes over from: the last before it that is, or was, in force."""
    before = []
    for other in versions:
        if other.reference == reference:
            if other.version == version:
                break
            before.append(other)
    return next((other for other in reversed(before) if other.status in (APPROVED, RETIRED)), None)


def versions_seen(db: Warehouse, reference: str, before: datetime) -> set[str]:
    """The versions of a standard that any source had shown before a moment."""
    rows = db.rows("SELECT DISTINCT version FROM watched_versions WHERE reference = ? AND first_seen_at < ?", [reference, before])
    return {row["version"] for row in rows}


def versions_left(db: Warehouse, reference: str, at: datetime) -> int:
    """How many versions of a standard some source showed at a moment."""
    rows = db.rows(
        """
        SELECT count(DISTINCT version) AS n FROM snapshots
        WHERE reference = ? AND seen_from_at <= ? AND (seen_to_at IS NULL OR seen_to_at > ?)""",
        [reference, at, at],
    )
    return int(rows[0]["n"])


def times_told(db: Warehouse, reference: str, version: str) -> list[dict[str, Any]]:
    """What is known of every change of a version so far, oldest first."""
    return db.rows(
        """
        SELECT change_id, detected_at, event, subject, before, after, reverts, sources FROM changes
        WHERE reference = ? AND version = ? ORDER BY detected_at""",
        [reference, version],
    )


def write_found(db: Warehouse, found: Found) -> None:
    """Write new changes and their alerts, add a source to known ones, replace crosswalks, and mark the transitions compared, in one transaction."""
    pairs = {(row["reference"], row["from_version"], row["to_version"]) for row in found.crosswalks}
    with db.transaction():
        db.append(CHANGES, list(found.changes))
        add_alerts(db, found.alerts)
        for change_id, source in found.also:
            db.execute("UPDATE changes SET sources = list_append(sources, ?) WHERE change_id = ?", [source, change_id])
        if db.rows("SELECT 1 AS one FROM version_crosswalk LIMIT 1"):
            for pair in pairs:
                db.execute("DELETE FROM version_crosswalk WHERE reference = ? AND from_version = ? AND to_version = ?", list(pair))
        db.append(VERSION_CROSSWALK, list(found.crosswalks))
        db.execute("UPDATE transitions SET is_compared = true WHERE list_contains(?::VARCHAR[], transition_id)", [list(found.compared)])
