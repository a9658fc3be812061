"""The past: what a backfill has to know to begin with, and many nights of it written together.

Belongs here: the rows of backfilled nights, in as few statements as there are tables. Not here: what a night says
(pipelines.backfill).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from schemas.frames import frame, snapshot_row
from schemas.record import Snapshot
from schemas.tables import (
    CAPTURES,
    CHANGES,
    EVIDENCE,
    FINDINGS,
    RUNS,
    SNAPSHOTS,
    TRANSITIONS,
    VERSION_CROSSWALK,
    WATCHED_VERSIONS,
)
from warehouse.captures import pack_new, refuse_to_look_back
from warehouse.contents import append_contents
from warehouse.database import Warehouse
from warehouse.incidents import write_incidents
from warehouse.journal import flush, note_all
from warehouse.quarantine import hold
from warehouse.snapshots import Known, known_versions

Row = Mapping[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the warehouse knows before the first of some nights."""

    known: Mapping[Key, Known]
    watched: Sequence[Row]
    changes: Sequence[Row]
    stored: Sequence[str]
    contents: Sequence[str]
    elsewhere: Sequence[Row]
    held: Sequence[Row]
    approved: Sequence[Row]
    has_run: bool
    latest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Many nights, decided and ready to be written.

    `ended` tells by snapshot_id when it was superseded, `like` by digest which body was the version's before.
    """

    runs: Sequence[Row]
    captures: Sequence[Row]
    bodies: Mapping[str, bytes]
    like: Mapping[str, str]
    snapshots: Sequence[Snapshot]
    ended: Mapping[str, datetime]
    watched: Sequence[Row]
    findings: Sequence[Row]
    transitions: Sequence[Row]
    changes: Sequence[Row]
    also: Sequence[tuple[str, str]]
    crosswalks: Mapping[tuple[str, str, str], Sequence[Row]]
    quarantine: Sequence[tuple[str, Sequence[dict[str, Any]]]]
    released: Sequence[str]
    incidents: Sequence[tuple[str, datetime, Sequence[dict[str, Any]], Mapping[str, int]]]
    still_held: Sequence[str]
    told: Sequence[Row]


def latest_run(db: Warehouse) -> Row | None:
    """The run that stands for the latest moment."""
    rows = db.rows("SELECT run_id, observed_at, site, status FROM runs ORDER BY observed_at DESC LIMIT 1")
    return rows[0] if rows else None


def begun(db: Warehouse, source: str) -> Begun:
    """Everything that a backfill of a source keeps in memory from night to night."""
    latest = latest_run(db)
    return Begun(
        known=known_versions(db, source),
        watched=db.rows("FROM watched_versions WHERE source = ?", [source]),
        changes=db.rows(
            "SELECT reference, version, change_id, detected_at, event, subject, before, after, reverts, sources FROM changes ORDER BY detected_at"
        ),
        stored=[row["sha256"] for row in db.rows("SELECT sha256 FROM evidence")],
        contents=[row["content_id"] for row in db.rows("SELECT DISTINCT content_id FROM snapshots")],
        elsewhere=db.rows(
            "SELECT reference, version, min(first_seen_at) AS first_seen_at, bool_or(NOT is_missing AND absences = 0) AS is_told "
            "FROM watched_versions WHERE source <> ? GROUP BY ALL",
            [source],
        ),
        held=db.rows(
            "SELECT reference, version, quarantine_id FROM quarantine WHERE source = ? AND status = 'held' AND version IS NOT NULL AND last_run_id = ?",
            [source, latest["run_id"] if latest else None],
        ),
        approved=db.rows(
            "SELECT reference, version FROM quarantine WHERE source = ? AND status = 'approved' AND version IS NOT NULL", [source]
        ),
        has_run=bool(db.rows("FROM captures WHERE source = ? AND is_read AND is_complete AND outcome = 'served' LIMIT 1", [source])),
        latest_at=latest["observed_at"] if latest else None,
    )


def write_nights(db: Warehouse, source: str, nights: Nights) -> None:
    """Write nights in one transaction; what a kill leaves undone is done by whoever goes on."""
    last = nights.runs[-1]
    packed: list[dict[str, Any]] = []
    if db.journal_folder:
        refuse_to_look_back(db, nights.runs[0]["observed_at"])
        packed = pack_new(db, db.journal_folder, last["run_id"], nights.bodies, like=nights.like)
    new = {snapshot.snapshot_id for snapshot in nights.snapshots}
    with db.transaction():
        db.append(EVIDENCE, packed)
        db.append(RUNS, [dict(row) for row in nights.runs])
        db.append(CAPTURES, [dict(row) for row in nights.captures])
        for run_id, rows in nights.quarantine:
            hold(db, run_id, list(rows))
        db.execute("UPDATE quarantine SET status = 'released' WHERE list_contains(?::VARCHAR[], quarantine_id)", [list(nights.released)])
        _end(db, {ident: at for ident, at in nights.ended.items() if ident not in new})
        append_contents(db, (snapshot.record.content for snapshot in nights.snapshots))
        db.append(
            SNAPSHOTS, frame(SNAPSHOTS, [snapshot_row(s) | {"seen_to_at": nights.ended.get(s.snapshot_id)} for s in nights.snapshots])
        )
        db.append(FINDINGS, frame(FINDINGS, nights.findings), or_ignore=True)
        _watch(db, source, nights.watched)
        db.append(TRANSITIONS, [dict(row) for row in nights.transitions])
        db.append(CHANGES, [dict(row) for row in nights.changes])
        for change_id, other in nights.also:
            db.execute("UPDATE changes SET sources = list_append(sources, ?) WHERE change_id = ?", [other, change_id])
        _cross(db, nights.crosswalks)
        for run_id, at, met, examined in nights.incidents:
            write_incidents(db, source, met, run_id=run_id, at=at, examined=examined)
        still = [list(nights.still_held)]
        db.execute(
            "UPDATE quarantine SET last_run_id = ? WHERE status = 'held' AND list_contains(?::VARCHAR[], quarantine_id)",
            [last["run_id"], *still],
        )
        note_all(db, "backfilled", nights.told)
    flush(db)


def _end(db: Warehouse, ended: Mapping[str, datetime]) -> None:
    if not ended:
        return
    table = pl.DataFrame(
        {"snapshot_id": list(ended), "at": list(ended.values())}, schema={"snapshot_id": pl.String, "at": pl.Datetime("us")}
    )
    with db.registered("ended", table):
        db.execute("UPDATE snapshots s SET seen_to_at = ended.at FROM ended WHERE s.snapshot_id = ended.snapshot_id")
        db.execute("DELETE FROM findings WHERE snapshot_id IN (SELECT snapshot_id FROM ended)")


def _watch(db: Warehouse, source: str, rows: Sequence[Row]) -> None:
    """Where every version stands now: known ones are updated, new ones inserted."""
    names = [name for name, *_ in WATCHED_VERSIONS.columns()]
    with db.registered("standing", frame(WATCHED_VERSIONS, rows)):
        fresh = db.frame("SELECT * FROM standing ANTI JOIN (FROM watched_versions WHERE source = ?) USING (reference, version)", [source])
        values = ", ".join(f"{name} = standing.{name}" for name in names if name not in WATCHED_VERSIONS.key)
        db.execute(
            f"UPDATE watched_versions w SET {values} FROM standing "
            "WHERE w.source = standing.source AND w.reference = standing.reference AND w.version = standing.version"
        )
    db.append(WATCHED_VERSIONS, fresh)


def _cross(db: Warehouse, crosswalks: Mapping[tuple[str, str, str], Sequence[Row]]) -> None:
    pairs = pl.DataFrame(list(crosswalks), schema=dict.fromkeys(("reference", "from_version", "to_version"), pl.String), orient="row")
    with db.registered("pairs", pairs):
        db.execute(
            "DELETE FROM version_crosswalk WHERE (reference, from_version, to_version) IN (SELECT (reference, from_version, to_version) FROM pairs)"
        )
    db.append(VERSION_CROSSWALK, [dict(row) for rows in crosswalks.values() for row in rows])
