"""Conflicts: how each source stands in one run, and writing what comparing them gave.

Belongs here: the rows behind a second opinion. Not here: comparing (pipelines.changes.sources) or what follows
from it (pipelines.conflicts).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from schemas.frames import frame
from schemas.record import APPROVED
from schemas.tables import CAPTURES, EVIDENCE, SOURCE_COMPARISONS, SOURCE_CONFLICTS
from warehouse.captures import pack_new
from warehouse.database import Warehouse
from warehouse.evidence import sha256
from warehouse.journal import flush, note
from warehouse.read import Queryable, Row

State = Literal["checked", "stale", "absent", "elsewhere", "unasked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How a source stands with a version in one run; what is not `checked` has nothing to compare.

    stale: it could not be checked. absent: the source proved that it is not there. elsewhere: its address was
    served and shows another version. unasked: the source was not asked for it. The version of a record that
    cannot be placed is ''.
    """

    reference: str
    version: str
    state: State
    status: str | None
    page_url: str | None
    change_note: str | None
    earliest_start_on: date | None
    latest_start_on: date | None
    record_id: str | None
    evidence_sha256: str | None
    parser_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What comparing one standard in one source gave, ready to be written."""

    reference: str
    basis: str
    opened: Sequence[Row]
    seen_again: Sequence[str]
    resolved: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A standard with a version in force."""

    reference: str
    version: str
    title: str


def answered(db: Warehouse, run_id: str, sources: Collection[str]) -> set[str]:
    """Which of these sources gave anything in a run, be it only word that a page is gone; the API's array counts only whole."""
    rows = db.rows(
        """
        SELECT DISTINCT source FROM captures
        WHERE run_id = ? AND list_contains(?::VARCHAR[], source) AND outcome IN ('served', 'not_modified', 'gone')
          AND (source <> 'api' OR (is_complete AND outcome <> 'gone'))""",
        [run_id, list(sources)],
    )
    return {row["source"] for row in rows}


def sides(db: Warehouse, source: str, run_id: str, at: datetime) -> list[Side]:
    """How a source stands, in the run of that moment, with every version that it knows or was asked for."""
    rows = db.rows(
        """
        WITH asked AS (SELECT reference, version, any_value(outcome) AS outcome FROM captures
                       WHERE run_id = $run_id AND source = $source AND reference IS NOT NULL GROUP BY ALL),
             held AS (SELECT DISTINCT reference, coalesce(version, '') AS version FROM quarantine
                      WHERE last_run_id = $run_id AND source = $source AND status <> 'released' AND reference IS NOT NULL),
             watched AS (FROM watched_versions WHERE source = $source),
             named AS (SELECT reference, version FROM watched UNION SELECT reference, version FROM asked UNION FROM held)
        SELECT reference, version,
            CASE WHEN w.last_checked_at = $at THEN 'checked'
                 WHEN h.reference IS NOT NULL OR a.outcome IN ('unreachable', 'refused') THEN 'stale'
                 WHEN a.outcome = 'gone' OR w.is_missing OR w.absences > 0 THEN 'absent'
                 WHEN a.outcome IS NOT NULL THEN 'elsewhere'
                 ELSE 'unasked' END AS state,
            s.status, s.page_url, s.change_note, s.earliest_start_on, s.latest_start_on, s.record_id, w.evidence_sha256, w.parser_version
        FROM named LEFT JOIN watched w USING (reference, version) LEFT JOIN snapshots s USING (snapshot_id, reference, version)
        LEFT JOIN asked a USING (reference, version) LEFT JOIN held h USING (reference, version)
        ORDER BY reference, [TRY_CAST(part AS INTEGER) FOR part IN string_split(version, '.')]""",
        {"run_id": run_id, "source": source, "at": at},
    )
    return [Side(**row) for row in rows]


def second_opinions(db: Warehouse, source: str, run_id: str) -> list[Side]:
    """The same for a source of which there are no snapshots: its facts are the evidence of its captures."""
    rows = db.rows(
        """
        SELECT reference, version, evidence_sha256,
            CASE outcome WHEN 'served' THEN 'checked' WHEN 'gone' THEN 'absent' ELSE 'stale' END AS state
        FROM captures WHERE run_id = ? AND source = ? ORDER BY reference""",
        [run_id, source],
    )
    nothing: dict[str, Any] = dict.fromkeys(
        ("status", "page_url", "change_note", "earliest_start_on", "latest_start_on", "record_id", "parser_version"),
    )
    return [Side(**nothing, **row) for row in rows]


def compared_on(db: Warehouse, source: str) -> dict[str, str]:
    """What each standard was last compared on, by reference."""
    rows = db.rows("SELECT reference, basis FROM source_comparisons WHERE source = ?", [source])
    return {row["reference"]: row["basis"] for row in rows}


def open_conflicts(db: Warehouse, source: str, references: Collection[str]) -> list[Row]:
    """The disagreements of a source about some standards that are not resolved."""
    return db.rows(
        """
        SELECT * FROM source_conflicts WHERE resolved_at IS NULL AND other_source = ? AND list_contains(?::VARCHAR[], reference)
        ORDER BY reference, conflict_id""",
        [source, list(references)],
    )


def unresolved(db: Queryable, reference: str | None = None, at: datetime | None = None) -> list[Row]:
    """The disagreements of all sources, or about one standard, that are open now, or were at a moment."""
    return db.rows(
        """
        SELECT * FROM source_conflicts
        WHERE (?::VARCHAR IS NULL OR reference = ?)
          AND (?::TIMESTAMP IS NULL OR first_seen_at <= ?::TIMESTAMP) AND (resolved_at IS NULL OR resolved_at > ?::TIMESTAMP)
        ORDER BY is_explained, reference, [CAST(part AS INTEGER) FOR part IN string_split(version, '.')], rule,
            subject[1], length(subject), subject, other_source, conflict_id""",
        [reference, reference, at, at, at],
    )


def see_again(db: Warehouse, source: str, references: Collection[str], at: datetime) -> None:
    """Nothing moved on either side: what they disagreed on, they still do."""
    db.execute(
        "UPDATE source_conflicts SET last_seen_at = ? WHERE resolved_at IS NULL AND other_source = ? AND list_contains(?::VARCHAR[], reference)",
        [at, source, list(references)],
    )


def write_settled(db: Warehouse, source: str, settled: Sequence[Settled], at: datetime) -> None:
    """Write what was compared, in one transaction: new disagreements, those still there, those that are over."""
    by_id = "WHERE list_contains(?::VARCHAR[], conflict_id)"
    compared = frame(
        SOURCE_COMPARISONS, [{"source": source, "reference": one.reference, "basis": one.basis, "compared_at": at} for one in settled]
    )
    with db.transaction():
        db.append(SOURCE_CONFLICTS, [row for one in settled for row in one.opened])
        db.execute(
            f"UPDATE source_conflicts SET last_seen_at = ? {by_id}", [at, [address for one in settled for address in one.seen_again]]
        )
        db.execute(f"UPDATE source_conflicts SET resolved_at = ? {by_id}", [at, [address for one in settled for address in one.resolved]])
        with db.registered("compared", compared):
            db.execute(
                """
                UPDATE source_comparisons c SET basis = compared.basis, compared_at = compared.compared_at FROM compared
                WHERE c.source = compared.source AND c.reference = compared.reference"""
            )
        db.append(SOURCE_COMPARISONS, compared, or_ignore=True)


def standards_in_force(db: Warehouse, only: Sequence[str] | None) -> list[InForce]:
    """The version in force of every standard that has one."""
    rows = db.rows(
        """
        SELECT reference, version, title FROM current_standards
        WHERE status = ? AND (?::VARCHAR[] IS NULL OR list_contains(?::VARCHAR[], reference)) ORDER BY reference""",
        [APPROVED, *[list(only) if only else None] * 2],
    )
    return [InForce(**row) for row in rows]


def keep_facts(db: Warehouse, evidence: Path, captures: Sequence[tuple[Row, bytes | None]]) -> int:
    """Store captures of one run, each with its facts, in one transaction; returns how many facts were new.

    They name their evidence themselves: nothing of them is to be turned into snapshots.
    """
    run_id = captures[0][0]["run_id"]
    packed = pack_new(db, evidence, run_id, {sha256(body): body for _, body in captures if body is not None})
    rows = [row | {"evidence_sha256": None if body is None else sha256(body), "is_read": True} for row, body in captures]
    with db.transaction():
        db.append(EVIDENCE, packed)
        db.append(CAPTURES, rows)
        note(db, "heard", run_id=run_id, captures=[row | {"captured_at": row["captured_at"].isoformat()} for row in rows])
    flush(db)
    return len(packed)


def restore_facts(db: Warehouse, entry: Mapping[str, Any]) -> None:
    """Put captures back as the journal tells them."""
    db.append(CAPTURES, [row | {"captured_at": datetime.fromisoformat(row["captured_at"])} for row in entry["captures"]])
