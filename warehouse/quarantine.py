"""Quarantine: what is held back, and what a person decides about it.

Belongs here: the rows of held records. Not here: holding one back (pipelines.snapshots).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from schemas.rules import RULES
from schemas.tables import QUARANTINE
from warehouse.database import Warehouse, WarehouseError
from warehouse.journal import flush, note
from warehouse.read import Queryable

Decision = Literal["approved", "rejected"]
_COLUMNS: Final = """quarantine_id, status, held_at, source, reference, version, rule, reason, url, evidence_sha256, run_id, last_run_id,
    decided_at, decided_by, decision_reason"""


class DecisionError(WarehouseError):
    """Raised when a decision cannot be taken, from deciding."""


def hold(db: Warehouse, run_id: str, rows: Sequence[dict[str, Any]]) -> None:
    """Keep records out, or note that this run met them again."""
    db.append(QUARANTINE, rows, or_ignore=True)
    _met_again(db, run_id, "list_contains(?::VARCHAR[], quarantine_id)", [[row["quarantine_id"] for row in rows]])


def unplaced_references(db: Warehouse, run_id: str, source: str) -> set[str | None]:
    """The standards of the records that a run's array held and that could not be placed; None for one that names no standard."""
    which = "source = ? AND last_run_id = ? AND version IS NULL AND starts_with(rule, 'P-')"
    rows = db.rows(f"SELECT reference FROM quarantine WHERE {which}", [source, run_id])
    return {row["reference"] for row in rows}


def meet_unplaced_again(db: Warehouse, run_id: str, source: str, earlier_run_id: str) -> None:
    """Note that this run was served what an earlier one was: the records that cannot be placed are in it still."""
    since = "last_run_id IN (SELECT run_id FROM runs WHERE observed_at >= (SELECT observed_at FROM runs WHERE run_id = ?))"
    _met_again(db, run_id, f"source = ? AND starts_with(rule, 'P-') AND version IS NULL AND {since}", [source, earlier_run_id])


def _met_again(db: Warehouse, run_id: str, which: str, parameters: Sequence[Any]) -> None:
    db.execute(f"UPDATE quarantine SET last_run_id = ? WHERE {which}", [run_id, *parameters])


def held(db: Queryable, *, is_open: bool) -> list[dict[str, Any]]:
    """Held records, newest first; `is_open` leaves out what is decided."""
    return db.rows(f"SELECT {_COLUMNS} FROM quarantine WHERE status = 'held' OR NOT ? ORDER BY held_at DESC, reference, version", [is_open])


def one(db: Queryable, prefix: str) -> dict[str, Any]:
    """The held record whose id begins so. Raises DecisionError when there is none, or more than one."""
    found = db.rows(f"SELECT {_COLUMNS} FROM quarantine WHERE starts_with(quarantine_id, ?)", [prefix])
    if len(found) != 1:
        raise DecisionError(
            f"{len(found) or 'No'} held records have an id that begins with {prefix!r}. `standards-watch quarantine list` names them."
        )
    return found[0]


def decide(db: Warehouse, prefix: str, decision: Decision, *, reason: str, who: str, at: datetime) -> dict[str, Any]:
    """Write down a decision; the same one twice changes nothing. Returns the row as it is then.

    An approved record goes through once, as a normal observation of the next run that meets it.
    Raises DecisionError for what cannot be let through, or is decided already.
    """
    row = one(db, prefix)
    if row["status"] == decision or (row["status"] == "released" and decision == "approved"):
        return row
    if row["status"] != "held":
        raise DecisionError(f"{row['quarantine_id'][:8]} is {row['status']} already, by {row['decided_by']}: {row['decision_reason']}.")
    if decision == "approved" and not RULES[row["rule"]].can_be_approved:
        raise DecisionError(
            f"{row['rule']} cannot be approved: {RULES[row['rule']].sentence} Only another answer of the site, or another parser, helps."
        )
    with db.transaction():
        _write_decision(db, row["quarantine_id"], decision, reason=reason, who=who, at=at)
        note(db, "decided", quarantine_id=row["quarantine_id"], status=decision, reason=reason, who=who, at=at.isoformat())
    flush(db)
    return one(db, row["quarantine_id"])


def restore_decision(db: Warehouse, entry: Mapping[str, Any]) -> None:
    """Write down a decision again, as the journal tells it."""
    at = datetime.fromisoformat(entry["at"])
    _write_decision(db, entry["quarantine_id"], entry["status"], reason=entry["reason"], who=entry["who"], at=at)


def _write_decision(db: Warehouse, quarantine_id: str, decision: Decision, *, reason: str, who: str, at: datetime) -> None:
    db.execute(
        "UPDATE quarantine SET status = ?, decided_at = ?, decided_by = ?, decision_reason = ? WHERE quarantine_id = ?",
        [decision, at, who, reason, quarantine_id],
    )
