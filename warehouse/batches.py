"""Batches: what one source gave in one run, kept so that it can be put back.

Belongs here: a batch as bodies in the evidence store, and as rows again. Not here: when (warehouse.snapshots
keeps, pipelines.rebuild puts back).
A batch is kept in parts of ten standards each. A part in which nothing moved since the last run is a body
that is known, and costs nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.record import digest
from schemas.tables import CAPTURES, LISTINGS
from warehouse.database import Warehouse
from warehouse.evidence import read_body, sha256
from warehouse.quarantine import hold

_PART: Final = len("ST012")
_CAPTURE: Final = ("url", "reference", "version", "outcome", "status_code", "size_bytes", "rule", "reason", "is_complete")
_LISTING: Final = ("url", "reference", "version", "evidence_sha256")
_UNPLACED: Final = ("quarantine_id", "url", "reference", "rule", "reason", "evidence_sha256")


def parts_of(db: Warehouse, run_id: str, source: str) -> dict[str, bytes]:
    """The unread captures of a run, what they held and what could not be placed, as bodies by their digest."""
    captures = db.rows(
        f"SELECT {', '.join(_CAPTURE)} FROM captures WHERE run_id = ? AND source = ? AND NOT is_read ORDER BY url", [run_id, source]
    )
    listings = db.rows(
        """
        SELECT c.url, l.reference, l.version, l.evidence_sha256 FROM listings l JOIN captures c USING (capture_id)
        WHERE c.run_id = ? AND c.source = ? AND NOT c.is_read ORDER BY ALL""",
        [run_id, source],
    )
    unplaced = db.rows(
        f"SELECT {', '.join(_UNPLACED)} FROM quarantine WHERE last_run_id = ? AND source = ? AND version IS NULL AND starts_with(rule, 'P-') ORDER BY ALL",
        [run_id, source],
    )
    parts: dict[str, dict[str, list[list[Any]]]] = defaultdict(lambda: {"captures": [], "listings": [], "unplaced": []})
    for name, rows in (("captures", captures), ("listings", listings), ("unplaced", unplaced)):
        for row in rows:
            parts[(row["reference"] or "")[:_PART]][name].append(list(row.values()))
    bodies = [orjson.dumps(part) for _, part in sorted(parts.items())]
    return {sha256(body): body for body in bodies}


def restore_batch(db: Warehouse, evidence: Path, *, run_id: str, source: str, at: datetime, parts: Sequence[str]) -> None:
    """Put a batch back as it was before it was read. Raises EvidenceError where a part of it is damaged."""
    kept = db.rows("FROM evidence WHERE list_contains(?::VARCHAR[], sha256)", [list(parts)])
    captures: list[dict[str, Any]] = []
    listings: list[dict[str, Any]] = []
    unplaced: list[dict[str, Any]] = []
    for row in kept:
        part = orjson.loads(read_body(evidence, row))
        captures += [dict(zip(_CAPTURE, values, strict=True)) for values in part["captures"]]
        listings += [dict(zip(_LISTING, values, strict=True)) for values in part["listings"]]
        unplaced += [dict(zip(_UNPLACED, values, strict=True)) for values in part["unplaced"]]
    ids = {row["url"]: digest([run_id, source, row["url"]]) for row in captures}
    with db.transaction():
        db.append(
            CAPTURES,
            [
                row | {"capture_id": ids[row["url"]], "run_id": run_id, "source": source, "captured_at": at, "etag": None, "is_read": False}
                for row in captures
            ],
        )
        db.append(
            LISTINGS,
            [
                {name: row[name] for name in _LISTING[1:]}
                | {"capture_id": ids[row["url"]], "status": None, "page_url": None, "occupation_code": None}
                for row in listings
            ],
        )
        hold(
            db,
            run_id,
            [
                row
                | {"run_id": run_id, "last_run_id": run_id, "held_at": at, "source": source, "version": None, "status": "held"}
                | {"decided_at": None, "decided_by": None, "decision_reason": None}
                for row in unplaced
            ],
        )
