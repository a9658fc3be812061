"""Runs and captures: what was asked, what was served, which versions there are to ask for.

Belongs here: the rows of a run up to the point where bytes are kept. Not here: what the bytes say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import polars as pl

from schemas.tables import CAPTURES, EVIDENCE, LISTINGS, RUNS
from warehouse.database import Warehouse, WarehouseError
from warehouse.evidence import sha256, write_pack

_DIED: Final = "It did not end: its process was killed, or the machine stopped. The next run took over what it had captured."


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is needed to find the pages of a version."""

    reference: str
    version: str
    status: str | None
    page_url: str | None
    occupation_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One version in a served body, with its own bytes."""

    reference: str
    version: str
    body: bytes
    status: str | None = None
    page_url: str | None = None
    occupation_code: str | None = None


def start_run(
    db: Warehouse,
    *,
    run_id: str,
    observed_at: datetime,
    started_at: datetime,
    site: str,
    sources: Sequence[str],
    only: Sequence[str] | None,
) -> datetime:
    """Write down that a run began; a run that is started again keeps its first row. Returns the time the run stands for.

    History only grows: two runs never stand for the same moment, and one that would look back is refused
    with a WarehouseError.
    """
    known = db.rows("SELECT observed_at FROM runs WHERE run_id = ?", [run_id])
    if known:
        return cast(datetime, known[0]["observed_at"])
    latest = db.rows("SELECT max(observed_at) AS at FROM runs")[0]["at"]
    # The looks at one moment stand a microsecond apart, in the order they were taken.
    is_same_moment = latest is not None and observed_at <= latest < observed_at + timedelta(seconds=1)
    if latest and observed_at < latest and not is_same_moment:
        raise WarehouseError(
            f"A run cannot look back: {observed_at:%Y-%m-%d %H:%M:%S} is before {latest:%Y-%m-%d %H:%M:%S}, the last one here (both UTC). "
            "Replay into another data folder (--data)."
        )
    observed_at = latest + timedelta(microseconds=1) if is_same_moment else observed_at
    # Whoever starts a run is the only writer: a run that still stands as running has died.
    db.execute("UPDATE runs SET status = 'failed', message = ? WHERE status = 'running'", [_DIED])
    row = {
        "run_id": run_id,
        "observed_at": observed_at,
        "started_at": started_at,
        "finished_at": None,
        "status": "running",
        "site": site,
        "sources": list(sources),
        "only_references": list(only) if only else None,
        "message": None,
    }
    db.append(RUNS, [row])
    return observed_at


def finish_run(db: Warehouse, run_id: str, *, finished_at: datetime, status: str, message: str | None) -> None:
    """Write down how a run ended."""
    db.execute("UPDATE runs SET finished_at = ?, status = ?, message = ? WHERE run_id = ?", [finished_at, status, message, run_id])


def keep_captures(db: Warehouse, evidence: Path, captures: Sequence[tuple[dict[str, Any], Sequence[Held]]]) -> int:
    """Store captures of one run and what they held in one transaction; returns how many bodies were new.

    Bodies are on disk before the rows that name them; a body that is known is not written again.
    """
    addressed = [(capture, entry, sha256(entry.body)) for capture, held in captures for entry in held]
    bodies = {address: entry.body for _, entry, address in addressed}
    with db.registered("addresses", pl.DataFrame({"sha256": list(bodies)}, schema={"sha256": pl.String})):
        known = {row["sha256"] for row in db.rows("SELECT sha256 FROM evidence SEMI JOIN addresses USING (sha256)")}
    fresh = [body for address, body in bodies.items() if address not in known]
    packed = write_pack(evidence, captures[0][0]["run_id"], fresh) if fresh else []
    listings = [
        {
            "capture_id": capture["capture_id"],
            "reference": entry.reference,
            "version": entry.version,
            "evidence_sha256": address,
            "status": entry.status,
            "page_url": entry.page_url,
            "occupation_code": entry.occupation_code,
        }
        for capture, entry, address in addressed
    ]
    with db.transaction():
        db.append(EVIDENCE, packed)
        db.append(CAPTURES, [capture for capture, _ in captures])
        db.append(LISTINGS, listings)
    return len(fresh)


def known_versions_count(db: Warehouse) -> int:
    """How many versions the array is known to hold."""
    return int(db.rows("SELECT count(*) AS n FROM watched_versions WHERE source = 'api' AND NOT is_missing")[0]["n"])


def listed_versions(db: Warehouse) -> list[Listed]:
    """What the newest array says of every version: the one just captured, else what its snapshots hold."""
    rows = db.rows(
        """
        WITH newest AS (
            SELECT capture_id FROM captures WHERE source = 'api' AND is_complete AND NOT is_read ORDER BY captured_at DESC LIMIT 1)
        SELECT reference, version, status, page_url, occupation_code FROM listings SEMI JOIN newest USING (capture_id)
        UNION ALL
        SELECT s.reference, s.version, s.status, s.page_url, s.occupation_code
        FROM watched_versions w JOIN snapshots s USING (snapshot_id)
        WHERE w.source = 'api' AND NOT w.is_missing AND s.reference NOT IN (SELECT reference FROM listings SEMI JOIN newest USING (capture_id))"""
    )
    return [Listed(**row) for row in rows]


def paged_versions(db: Warehouse) -> list[Listed]:
    """What the pages themselves last said of every version that has one."""
    rows = db.rows(
        """
        SELECT s.reference, s.version, s.status, s.page_url, s.occupation_code
        FROM watched_versions w JOIN snapshots s USING (snapshot_id) WHERE w.source = 'page' AND NOT w.is_missing"""
    )
    return [Listed(**row) for row in rows]


def run_outcome(db: Warehouse, run_id: str) -> tuple[str, str | None]:
    """How a run ended, from what it captured and held back: the status, and what went wrong in a sentence.

    failed: no source gave anything; quarantine: some of it could not be read or was held back.
    """
    captures = db.rows("SELECT source, url, outcome, reason FROM captures WHERE run_id = ? ORDER BY source, url", [run_id])
    failures = [row for row in captures if row["outcome"] not in ("served", "not_modified")]
    held = db.rows(
        "SELECT reference, version, url, reason FROM quarantine WHERE last_run_id = ? AND status = 'held' ORDER BY reference, version",
        [run_id],
    )
    incidents = db.rows(
        "SELECT source, rule, summary FROM incidents WHERE last_run_id = ? AND closed_at IS NULL ORDER BY source, rule", [run_id]
    )
    down = {row["source"] for row in incidents if row["rule"] == "S-SOURCE-DOWN"}
    unknown = db.rows(
        """
        SELECT reference FROM (SELECT unnest(only_references) AS reference FROM runs WHERE run_id = ?)
        ANTI JOIN watched_versions USING (reference) ORDER BY reference""",
        [run_id],
    )
    said = [row["summary"] for row in incidents]
    said += [f"{row['url']}: {row['reason']}" for row in failures if row["source"] not in down]
    said += [f"{row['url']} ({row['reference']}): {row['reason']}" for row in held if row["reference"]]
    said += [f"{row['reference']} is not among the standards of the site." for row in unknown]
    more = f" And {len(said) - 3} more." if len(said) > 3 else ""
    message = " ".join(said[:3]) + more if said else None
    if captures and len(failures) == len(captures):
        return "failed", message
    return ("quarantine" if said else "good"), message
