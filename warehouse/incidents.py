"""Incidents: opened once, reminded of daily, closed by the first run that no longer meets them.

Belongs here: the rows of incidents from run to run. Not here: what makes an incident (pipelines.incidents).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.tables import INCIDENTS
from warehouse.database import Warehouse
from warehouse.read import Queryable


def open_incidents(db: Queryable, source: str | None = None) -> list[dict[str, Any]]:
    """What is open, of one source or of all, oldest first."""
    return db.rows(
        "SELECT * FROM incidents WHERE closed_at IS NULL AND (?::VARCHAR IS NULL OR source = ?) ORDER BY opened_at, source, rule, subject",
        [source, source],
    )


def write_incidents(
    db: Warehouse, source: str, met: Sequence[dict[str, Any]], *, run_id: str, at: datetime, examined: Mapping[str, int]
) -> None:
    """Open what is new, move on what lasts, close what a look at as much as last time did not meet again.

    `met` holds incident_id, rule, subject, cause, affected, examined and summary; an open incident keeps its id.
    `examined` says by rule how many requests or records this run looked at.
    """
    known = {row["incident_id"]: row for row in open_incidents(db, source)}
    fresh = [row for row in met if row["incident_id"] not in known]
    db.append(
        INCIDENTS,
        [
            row
            | {"source": source, "run_id": run_id, "last_run_id": run_id}
            | {"opened_at": at, "last_met_at": at, "reminded_at": at, "closed_at": None}
            for row in fresh
        ],
    )
    for row in met:
        if row["incident_id"] in known:
            is_due = at.date() > known[row["incident_id"]]["reminded_at"].date()
            db.execute(
                """
                UPDATE incidents SET last_run_id = ?, last_met_at = ?, reminded_at = if(?, ?, reminded_at), cause = ?, affected = ?,
                    examined = ?, summary = ? WHERE incident_id = ?""",
                [run_id, at, is_due, at, row["cause"], row["affected"], row["examined"], row["summary"], row["incident_id"]],
            )
    ids = {row["incident_id"] for row in met}
    # A look at a few standards says nothing of a fault met among all of them.
    over = [ident for ident, row in known.items() if ident not in ids and 2 * examined[row["rule"]] >= row["examined"]]
    db.execute("UPDATE incidents SET closed_at = ? WHERE list_contains(?::VARCHAR[], incident_id)", [at, over])
