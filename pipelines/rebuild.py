"""Rebuilding: the warehouse again, from nothing but the evidence folder.

Belongs here: replaying the journal in its order. Not here: what a night means (snapshots, comparison), which is
decided by the same code as on the night itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from pipelines.backfill import restore_nights
from pipelines.comparison import find_changes
from pipelines.conflicts import find_conflicts
from pipelines.run import Progress, Run
from pipelines.snapshots import take_snapshots
from schemas.tables import EVIDENCE, JOURNAL
from warehouse.batches import restore_batch
from warehouse.captures import finish_run, start_run
from warehouse.conflicts import restore_facts
from warehouse.database import Warehouse, WarehouseError
from warehouse.evidence import scan_packs
from warehouse.journal import entries
from warehouse.quarantine import restore_decision


def rebuild(db: Warehouse, data: Path, progress: Progress) -> int:
    """Fill an empty warehouse, opened as a replay, with what the journal tells; returns how many runs that were.

    The same evidence and the same parsers give the same history and the same change ids. A better parser
    reads all of it as if it had been there from the first night.
    Raises WarehouseError where there is no journal, EvidenceError where a line or a body is damaged.
    """
    evidence = data / "evidence"
    told = list(entries(evidence))
    if not told:
        raise WarehouseError(f"{evidence} holds no journal, so there is nothing to rebuild from.")
    db.append(EVIDENCE, list({row["sha256"]: row for row in scan_packs(evidence)}.values()))
    runs: dict[str, Run] = {}
    done = backfilled = 0
    for is_backfill, group in groupby(told, key=lambda entry: entry["kind"] == "backfilled"):
        every = list(group)
        if is_backfill:
            restore_nights(db, evidence, every)
            backfilled += len(every)
        for entry in () if is_backfill else every:
            _replay(db, data, runs, entry)
            done += 1
            progress("journal", done + backfilled, len(told))
    for run in list(runs.values())[-1:]:
        # What a run that died had seen was never told; it is news yet.
        find_changes(db, replace(run, alerts="live"))
    db.append(JOURNAL, [{"number": told[-1]["number"], "entry": ""}])
    return backfilled + len(runs)


def _replay(db: Warehouse, data: Path, runs: dict[str, Run], entry: Mapping[str, Any]) -> None:
    match entry["kind"]:
        case "started":
            runs[entry["run_id"]] = _start(db, data, entry)
        case "observed":
            run = runs[entry["run_id"]]
            restore_batch(db, run.evidence, run_id=run.run_id, source=entry["source"], at=run.observed_at, parts=entry["parts"])
            take_snapshots(db, run, _unwatched)
        case "heard":
            restore_facts(db, entry)
        case "decided":
            restore_decision(db, entry)
        case "finished":
            run = runs[entry["run_id"]]
            find_changes(db, run)
            find_conflicts(db, run, _unwatched)
            finish_run(
                db,
                run.run_id,
                finished_at=datetime.fromisoformat(entry["finished_at"]),
                status=entry["status"],
                message=entry["message"],
            )


def _start(db: Warehouse, data: Path, entry: Mapping[str, Any]) -> Run:
    run = Run(
        run_id=entry["run_id"],
        observed_at=datetime.fromisoformat(entry["observed_at"]),
        data=data,
        sources=tuple(entry["sources"]),
        only=tuple(entry["only"]) if entry["only"] else None,
        # Who is told, and what of the past was, is not in the evidence (warehouse.outbox.keep_told).
        alerts="never",
    )
    start_run(
        db,
        run_id=run.run_id,
        observed_at=run.observed_at,
        started_at=datetime.fromisoformat(entry["started_at"]),
        site=entry["site"],
        sources=run.sources,
        only=run.only,
    )
    return run


def _unwatched(what: str, done: int, total: int) -> None:
    """A night is over too soon to be watched; the journal is what takes time."""
