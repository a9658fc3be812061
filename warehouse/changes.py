"""Changes: the transitions still to be compared, and writing what comparing them gave.

Belongs here: the queue and the changes table. Not here: comparing (pipelines.changes).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.change import TransitionKind
from schemas.tables import CHANGES
from warehouse.database import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A transition still to be compared; evidence is None on the side that has no snapshot."""

    transition_id: str
    run_id: str
    source: str
    reference: str
    version: str
    kind: TransitionKind
    detected_at: datetime
    before_version: str | None
    before_evidence: str | None
    after_evidence: str | None


def pending(db: Warehouse) -> list[Pending]:
    """Every transition not compared yet, in the order it was seen, the API before the pages."""
    rows = db.rows(
        """
        SELECT t.transition_id, t.run_id, t.source, t.reference, t.version, t.kind, t.detected_at, b.version AS before_version,
            b.evidence_sha256 AS before_evidence, a.evidence_sha256 AS after_evidence
        FROM transitions t LEFT JOIN snapshots b ON b.snapshot_id = t.before_snapshot_id
        LEFT JOIN snapshots a ON a.snapshot_id = t.after_snapshot_id
        WHERE NOT t.is_compared
        ORDER BY t.detected_at, t.source, t.reference, [CAST(part AS INTEGER) FOR part IN string_split(t.version, '.')]"""
    )
    return [Pending(**row) for row in rows]


def versions_seen(db: Warehouse, reference: str, before: datetime) -> set[str]:
    """The versions of a standard that any source had shown before a moment."""
    rows = db.rows("SELECT DISTINCT version FROM watched_versions WHERE reference = ? AND first_seen_at < ?", [reference, before])
    return {row["version"] for row in rows}


def versions_left(db: Warehouse, reference: str) -> int:
    """How many versions of a standard some source still shows."""
    return int(
        db.rows("SELECT count(DISTINCT version) AS n FROM watched_versions WHERE reference = ? AND NOT is_missing", [reference])[0]["n"]
    )


def times_told(db: Warehouse, reference: str, version: str) -> list[dict[str, Any]]:
    """Event, subject, before, after and sources of every change of a version so far."""
    return db.rows(
        "SELECT change_id, event, subject, before, after, sources FROM changes WHERE reference = ? AND version = ?", [reference, version]
    )


def write_changes(db: Warehouse, found: Sequence[dict[str, Any]], also: Sequence[tuple[str, str]], compared: Sequence[str]) -> None:
    """Write new changes, add a source to known ones, and mark the transitions compared, in one transaction."""
    with db.transaction():
        db.append(CHANGES, list(found))
        for change_id, source in also:
            db.execute("UPDATE changes SET sources = list_append(sources, ?) WHERE change_id = ?", [source, change_id])
        db.execute("UPDATE transitions SET is_compared = true WHERE list_contains(?::VARCHAR[], transition_id)", [list(compared)])
