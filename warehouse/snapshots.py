"""Snapshots: what is not read yet, and writing what was found.

Belongs here: the rows between a capture and its transitions. Not here: parsing, or deciding what is
new (pipelines.snapshots).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from schemas.change import TransitionKind
from schemas.frames import frame, snapshot_frame
from schemas.record import Snapshot
from schemas.tables import EVIDENCE, FINDINGS, SNAPSHOTS, TRANSITIONS, WATCHED_VERSIONS
from warehouse.batches import parts_of
from warehouse.captures import forget_listings, pack_new
from warehouse.contents import append_contents
from warehouse.database import Warehouse
from warehouse.evidence import read_body
from warehouse.incidents import write_incidents
from warehouse.journal import flush, note
from warehouse.quarantine import hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The unread captures of one source in one run."""

    run_id: str
    source: str
    observed_at: datetime
    only: tuple[str, ...] | None
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One version in an unread capture, as its address names it."""

    reference: str
    version: str
    url: str
    evidence_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Where a source stood with a version before the batch."""

    reference: str
    version: str
    status: str | None
    snapshot_id: str
    record_id: str
    evidence_sha256: str
    parser_version: str
    absences: int
    is_missing: bool
    ksb_count: int
    has_log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What happened to a version in one source."""

    transition_id: str
    run_id: str
    source: str
    reference: str
    version: str
    kind: TransitionKind
    before_snapshot_id: str | None
    after_snapshot_id: str | None
    detected_at: datetime
    is_baseline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything one batch says, decided and ready to be written."""

    checked: pl.DataFrame
    snapshots: tuple[Snapshot, ...]
    superseded: tuple[str, ...]
    absent: tuple[Known, ...]
    missing: tuple[Known, ...]
    transitions: tuple[Transition, ...]
    quarantine: tuple[dict[str, Any], ...]
    released: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]
    incidents: tuple[dict[str, Any], ...]
    examined: Mapping[str, int]
    stale: pl.DataFrame


SAME_DAY: Final = timedelta(hours=12)
CHECKED_SCHEMA = {
    "reference": pl.String(),
    "version": pl.String(),
    "snapshot_id": pl.String(),
    "evidence_sha256": pl.String(),
}
STALE_SCHEMA = {"reference": pl.String(), "version": pl.String(), "reason": pl.String()}


def unread_batches(db: Warehouse) -> list[Batch]:
    """What waits to be turned into snapshots, oldest first, the API before the pages."""
    rows = db.rows(
        """
        SELECT c.run_id, c.source, r.observed_at, r.only_references, bool_or(c.is_complete) AS is_complete
        FROM captures c JOIN runs r USING (run_id) WHERE NOT c.is_read
        GROUP BY ALL ORDER BY r.observed_at, c.source"""
    )
    return [
        Batch(
            run_id=row["run_id"],
            source=row["source"],
            observed_at=row["observed_at"],
            only=tuple(row["only_references"]) if row["only_references"] else None,
            is_complete=row["is_complete"],
        )
        for row in rows
    ]


def covered(db: Warehouse, batch: Batch, references: Collection[str], *, is_history_whole: bool) -> set[str]:
    """The standards this source was asked for, and answered, in an earlier run: only there is a new version news.

    A backfilled night answered for all of them where its history is whole; of one that is not, nobody knows what it left out.
    """
    return {
        row["reference"]
        for row in db.rows(
            """
            SELECT DISTINCT reference FROM (SELECT unnest(?::VARCHAR[]) AS reference), runs r
            WHERE r.run_id <> ? AND r.observed_at <= ? AND (r.only_references IS NULL OR list_contains(r.only_references, reference))
              AND EXISTS (FROM captures c WHERE c.run_id = r.run_id AND c.source = ? AND c.is_read AND c.outcome IN ('served', 'not_modified')
                          AND ((c.is_complete AND (c.reference IS NULL OR ?)) OR (c.source <> 'api' AND r.status IN ('good', 'quarantine'))))""",
            [list(references), batch.run_id, batch.observed_at, batch.source, is_history_whole],
        )
    }


def lost_untold(db: Warehouse, source: str) -> set[tuple[str, str]]:
    """The versions of a source that went missing last without a word being told of it."""
    rows = db.rows(
        "SELECT reference, version FROM transitions WHERE source = ? AND kind = 'missing' "
        "QUALIFY row_number() OVER (PARTITION BY reference, version ORDER BY detected_at DESC) = 1 AND is_baseline",
        [source],
    )
    return {(row["reference"], row["version"]) for row in rows}


def known_before(db: Warehouse, batch: Batch) -> set[tuple[str, str]]:
    """The versions that any source had shown before this batch's day, or this one had been asked for before its run.

    What another source showed first on the same day is the same news: it is told once, with both sources.
    """
    rows = db.rows(
        """
        SELECT reference, version FROM watched_versions WHERE first_seen_at < ?
        UNION SELECT reference, version FROM captures
        WHERE source = ? AND source <> 'api' AND captured_at < ? AND reference IS NOT NULL AND version IS NOT NULL""",
        [batch.observed_at - SAME_DAY, batch.source, batch.observed_at],
    )
    return {(row["reference"], row["version"]) for row in rows}


def shown(db: Warehouse, batch: Batch) -> list[Shown]:
    """Every version the batch's captures held."""
    rows = db.rows(
        """
        SELECT l.reference, l.version, c.url, l.evidence_sha256 FROM listings l JOIN captures c USING (capture_id)
        WHERE c.run_id = ? AND c.source = ? AND NOT c.is_read ORDER BY l.reference, l.version""",
        [batch.run_id, batch.source],
    )
    return [Shown(**row) for row in rows]


def known_versions(db: Warehouse, source: str) -> dict[tuple[str, str], Known]:
    """Every version a source has ever shown, by reference and version."""
    rows = db.rows(
        """
        SELECT w.reference, w.version, s.status, w.snapshot_id, s.record_id, w.evidence_sha256, w.parser_version, w.absences, w.is_missing,
            s.knowledge_count + s.skill_count + s.behaviour_count AS ksb_count,
            coalesce(s.change_note, s.earliest_start_on::VARCHAR, s.latest_start_on::VARCHAR) IS NOT NULL AS has_log
        FROM watched_versions w JOIN snapshots s USING (snapshot_id) WHERE w.source = ?""",
        [source],
    )
    return {(row["reference"], row["version"]): Known(**row) for row in rows}


def approved_ids(db: Warehouse, source: str) -> set[str]:
    """The held records of a source that a person has approved and that have not gone through yet."""
    return {
        row["quarantine_id"] for row in db.rows("SELECT quarantine_id FROM quarantine WHERE source = ? AND status = 'approved'", [source])
    }


def asked_count(db: Warehouse, batch: Batch) -> int:
    """How many requests the batch is made of."""
    rows = db.rows("SELECT count(*) AS n FROM captures WHERE run_id = ? AND source = ? AND NOT is_read", [batch.run_id, batch.source])
    return int(rows[0]["n"])


def failed_captures(db: Warehouse, batch: Batch) -> list[dict[str, Any]]:
    """The batch's captures that gave no body: reference, version (NULL for the array), outcome and reason."""
    return db.rows(
        "SELECT reference, version, url, outcome, rule, reason FROM captures WHERE run_id = ? AND source = ? AND NOT is_read "
        "AND outcome NOT IN ('served', 'not_modified')",
        [batch.run_id, batch.source],
    )


def told_elsewhere(db: Warehouse, source: str, reference: str, version: str) -> bool:
    """Whether another source still shows a version."""
    return bool(
        db.rows(
            "FROM watched_versions WHERE source <> ? AND reference = ? AND version = ? AND NOT is_missing AND absences = 0",
            [source, reference, version],
        )
    )


def candidates(db: Warehouse, reference: str, page_url_end: str) -> list[dict[str, Any]]:
    """The API's versions of a standard whose page has this address, with the facts a page also shows."""
    return db.rows(
        """
        SELECT s.version, s.title, s.changed_on, s.max_funding_gbp, s.typical_duration_months, s.earliest_start_on, s.change_note
        FROM watched_versions w JOIN snapshots s USING (snapshot_id)
        WHERE w.source = 'api' AND NOT w.is_missing AND s.reference = ? AND ends_with(lower(s.page_url), lower(?))""",
        [reference, page_url_end],
    )


def bodies(db: Warehouse, evidence: Path, addresses: Collection[str]) -> dict[str, bytes]:
    """Stored bytes by digest. Raises EvidenceError when some are damaged."""
    rows = db.rows("FROM evidence WHERE list_contains(?::VARCHAR[], sha256) ORDER BY pack, offset_bytes", [list(addresses)])
    return {row["sha256"]: read_body(evidence, row) for row in rows}


def write_observed(db: Warehouse, batch: Batch, observed: Observed, parser_version: str) -> None:
    """Write what a batch says and mark it read, all in one transaction."""
    now = batch.observed_at
    parts = parts_of(db, batch.run_id, batch.source) if db.journal_folder else {}
    packed = pack_new(db, db.journal_folder, batch.run_id, parts) if db.journal_folder else []
    with db.transaction():
        db.append(EVIDENCE, packed)
        note(db, "observed", run_id=batch.run_id, source=batch.source, parts=list(parts))
        hold(db, batch.run_id, observed.quarantine)
        db.execute("UPDATE quarantine SET status = 'released' WHERE list_contains(?::VARCHAR[], quarantine_id)", [list(observed.released)])
        if observed.superseded:
            db.execute(
                "UPDATE snapshots SET seen_to_at = ? WHERE list_contains(?::VARCHAR[], snapshot_id)", [now, list(observed.superseded)]
            )
            db.execute("DELETE FROM findings WHERE list_contains(?::VARCHAR[], snapshot_id)", [list(observed.superseded)])
        append_contents(db, (snapshot.record.content for snapshot in observed.snapshots))
        db.append(SNAPSHOTS, snapshot_frame(observed.snapshots))
        db.append(FINDINGS, frame(FINDINGS, observed.findings), or_ignore=True)
        _mark_checked(db, batch, observed.checked, parser_version)
        _mark_absent(db, batch, observed.absent, observed.missing)
        _mark_stale(db, batch, observed.stale)
        write_incidents(db, batch.source, observed.incidents, run_id=batch.run_id, at=now, examined=observed.examined)
        transitions = [{name: getattr(t, name) for name in Transition.__slots__} | {"is_compared": False} for t in observed.transitions]
        db.append(TRANSITIONS, transitions)
        db.execute("UPDATE captures SET is_read = true WHERE run_id = ? AND source = ?", [batch.run_id, batch.source])
        forget_listings(db, batch.source)
    flush(db)


def _mark_checked(db: Warehouse, batch: Batch, checked: pl.DataFrame, parser_version: str) -> None:
    """Versions seen in this batch, changed or not: known ones are updated, new ones inserted."""
    with db.registered("checked", checked):
        fresh = db.frame(
            "SELECT * FROM checked ANTI JOIN (FROM watched_versions WHERE source = ?) USING (reference, version)", [batch.source]
        )
        db.execute(
            """
            UPDATE watched_versions w SET snapshot_id = checked.snapshot_id, evidence_sha256 = checked.evidence_sha256, parser_version = ?,
                last_checked_at = ?, absences = 0, is_missing = false, stale_since_at = NULL, stale_reason = NULL
            FROM checked WHERE w.source = ? AND w.reference = checked.reference AND w.version = checked.version""",
            [parser_version, batch.observed_at, batch.source],
        )
    rows = [
        row
        | {
            "source": batch.source,
            "parser_version": parser_version,
            "first_seen_at": batch.observed_at,
            "last_checked_at": batch.observed_at,
            "absences": 0,
            "is_missing": False,
            "stale_since_at": None,
            "stale_reason": None,
        }
        for row in fresh.iter_rows(named=True)
    ]
    db.append(WATCHED_VERSIONS, rows)


def _mark_absent(db: Warehouse, batch: Batch, absent: Sequence[Known], missing: Sequence[Known]) -> None:
    for which, is_missing in ((absent, False), (missing, True)):
        for version in which:
            db.execute(
                "UPDATE watched_versions SET absences = absences + 1, is_missing = ? WHERE source = ? AND reference = ? AND version = ?",
                [is_missing, batch.source, version.reference, version.version],
            )


def _mark_stale(db: Warehouse, batch: Batch, stale: pl.DataFrame) -> None:
    if stale.is_empty():
        return
    with db.registered("stale", stale):
        db.execute(
            """
            UPDATE watched_versions w SET stale_since_at = coalesce(w.stale_since_at, ?), stale_reason = stale.reason
            FROM stale WHERE w.source = ? AND w.reference = stale.reference AND w.version = stale.version""",
            [batch.observed_at, batch.source],
        )
