"""Re-reading: which snapshots another parser read, and putting a better reading in their place.

Belongs here: the rows of snapshots whose reading moves, and the report of it. Not here: reading
(pipelines.reparse).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.frames import frame, snapshot_frame
from schemas.record import Snapshot
from schemas.tables import FINDINGS, REPARSE_REPORT, SNAPSHOTS
from warehouse.contents import append_contents
from warehouse.database import Warehouse
from warehouse.read import Queryable

# A version that is still there is read from the bytes it was seen in last: they said the same to the parser of that day.
_READ_FROM: Final = """
    SELECT s.* REPLACE (coalesce(w.evidence_sha256, s.evidence_sha256) AS evidence_sha256)
    FROM snapshots s LEFT JOIN watched_versions w ON w.snapshot_id = s.snapshot_id AND s.seen_to_at IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """Some snapshots read again: those that read the same, those that do not (with their end), and what is said of it."""

    same: Sequence[str]
    altered: Sequence[tuple[Snapshot, datetime | None]]
    findings: Sequence[dict[str, Any]]
    report: Sequence[dict[str, Any]]


def read_by_another(db: Warehouse, source: str, parser_version: str) -> list[dict[str, Any]]:
    """The snapshots of a source that another parser read, but for those this one has refused already; bytes that lie together follow each other."""
    return db.rows(
        f"""
        SELECT r.* FROM ({_READ_FROM}) r JOIN evidence e ON e.sha256 = r.evidence_sha256
        WHERE r.source = ? AND r.parser_version <> ?
          AND r.snapshot_id NOT IN (SELECT snapshot_id FROM reparse_report WHERE to_parser = ? AND rule IS NOT NULL)
        ORDER BY e.pack, e.offset_bytes""",
        [source, parser_version, parser_version],
    )


def read_by(db: Queryable, source: str, parser_version: str) -> list[dict[str, Any]]:
    """The snapshots of a source that this parser read, with where their bytes are."""
    return db.rows(
        "SELECT * FROM snapshots s JOIN evidence e ON e.sha256 = s.evidence_sha256 WHERE s.source = ? AND s.parser_version = ? "
        "ORDER BY e.pack, e.offset_bytes",
        [source, parser_version],
    )


def write_reread(db: Warehouse, source: str, parser_version: str, reread: Reread) -> None:
    """Put the new reading in the place of the old one, and say what it altered, in one transaction."""
    ids = [*reread.same, *(snapshot.snapshot_id for snapshot, _ in reread.altered)]
    with db.transaction():
        append_contents(db, (snapshot.record.content for snapshot, _ in reread.altered))
        _replace(db, reread.altered)
        db.execute("UPDATE snapshots SET parser_version = ? WHERE list_contains(?::VARCHAR[], snapshot_id)", [parser_version, ids])
        db.execute(
            "UPDATE watched_versions SET parser_version = ? WHERE source = ? AND list_contains(?::VARCHAR[], snapshot_id)",
            [parser_version, source, ids],
        )
        db.execute("DELETE FROM findings WHERE list_contains(?::VARCHAR[], snapshot_id)", [ids])
        db.append(FINDINGS, frame(FINDINGS, reread.findings), or_ignore=True)
        db.append(REPARSE_REPORT, list(reread.report))


def _replace(db: Warehouse, altered: Sequence[tuple[Snapshot, datetime | None]]) -> None:
    if not altered:
        return
    rows = snapshot_frame(snapshot for snapshot, _ in altered)
    SNAPSHOTS.validate(rows)
    ends = [end for _, end in altered]
    with db.registered("reread", rows.with_columns(seen_to_at=frame(SNAPSHOTS, [{"seen_to_at": end} for end in ends])["seen_to_at"])):
        db.execute("INSERT OR REPLACE INTO snapshots BY NAME SELECT * FROM reread")


def reparse_report(db: Queryable) -> list[dict[str, Any]]:
    """What reading again has altered, newest first."""
    return db.rows("SELECT * FROM reparse_report ORDER BY reported_at DESC, source, reference, version, event, subject")
