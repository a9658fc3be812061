"""Rebuilding: the warehouse again, from nothing but the evidence folder.

Belongs here: replaying the journal in its order. Not here: what a night means (snapshots, comparison), which is
decided by the same code as on the night itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson

from pipelines.comparison import find_changes
from pipelines.conflicts import find_conflicts
from pipelines.observing import Look, Said
from pipelines.past import SOURCE, NightLook, Past, Tally
from pipelines.run import Progress, Run
from pipelines.snapshots import take_snapshots
from schemas.tables import EVIDENCE, JOURNAL, RUNS
from scrapers.reading import ParseError
from warehouse.batches import restore_batch
from warehouse.captures import finish_run, start_run
from warehouse.conflicts import restore_facts
from warehouse.database import Warehouse, WarehouseError
from warehouse.evidence import scan_packs
from warehouse.journal import entries
from warehouse.quarantine import restore_decision
from warehouse.snapshots import Batch, Shown, bodies

# Nights of a history are written together, so many at a time.
_NIGHTS: Final = 150


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
    done = nights = 0
    for is_of_history, group in groupby(told, key=lambda entry: entry["kind"] == "backfilled"):
        every = list(group)
        nights += len(every) if is_of_history else 0
        for _ in _replay_nights(db, evidence, every) if is_of_history else _replay_runs(db, data, runs, every):
            done += 1
            progress("journal", done, len(told))
    for run in list(runs.values())[-1:]:
        # What a run that died had seen was never told; it is news yet.
        find_changes(db, replace(run, alerts="live"))
    db.append(JOURNAL, [{"number": told[-1]["number"], "entry": ""}])
    return nights + len(runs)


def _replay_runs(db: Warehouse, data: Path, runs: dict[str, Run], told: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    for entry in told:
        _replay(db, data, runs, entry)
        yield


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


def _replay_nights(db: Warehouse, evidence: Path, told: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    past = Past(db, evidence)
    past.is_joined = past.is_weeded = True
    for number, entry in enumerate(told, 1):
        (body,) = bodies(db, evidence, entry["parts"]).values()
        run = {name: entry[name] for name, *_ in RUNS.columns()}
        run |= {name: datetime.fromisoformat(run[name]) for name in ("observed_at", "started_at", "finished_at")}
        past.observe(_look_again(past, run, orjson.loads(body)), run["started_at"], Tally(), run=run)
        if past.is_urgent or number % _NIGHTS == 0:
            past.write()
            past.forget()
        yield
    past.write()


def _look_again(past: Past, run: Mapping[str, Any], part: Mapping[str, Any]) -> NightLook:
    batch = Batch(run_id=run["run_id"], source=SOURCE, observed_at=run["observed_at"], only=None, is_complete=False)
    said, same = [], [Shown(reference=r, version=v, url=url, evidence_sha256=address) for r, v, url, address in part["same"]]
    for reference, version, url, address, is_kept, refused, *newly_told in part["said"]:
        shown = Shown(reference=reference, version=version, url=url, evidence_sha256=address)
        past.find((reference, version))
        if refused and (not is_kept or refused[0] == "G-ANOTHER-STANDARD"):
            said.append(Said(shown=shown, refused=(refused[0], refused[1])))
            continue
        try:
            record_id = past.read_again(address)
        except ParseError as error:
            said.append(Said(shown=shown, refused=(error.rule, str(error))))
            continue
        # A better parser may find that nothing changed.
        if not past.is_as_known((reference, version), record_id):
            said.append(past.said(shown, frozenset(newly_told)))
        elif past.is_doubtful((reference, version)):
            same.append(shown)
    look = Look(
        batch=batch,
        said=said,
        same=same,
        examined=part["examined"],
        asked=1,
        failed=(),
        absent={(reference, version) for reference, version in part["absent"]},
    )
    unplaced = [
        row
        | {"run_id": batch.run_id, "last_run_id": batch.run_id, "held_at": batch.observed_at, "source": SOURCE, "version": None}
        | {"status": "held", "decided_at": None, "decided_by": None, "decision_reason": None}
        for row in part["unplaced"]
    ]
    return NightLook(look=look, site=run["site"], left={(reference, version) for reference, version in part["left"]}, unplaced=unplaced)


def _unwatched(what: str, done: int, total: int) -> None:
    """A night is over too soon to be watched; the journal is what takes time."""
