"""Run the daily job in this process, as Dagster's history knows it.

Belongs here: launching the job from outside Dagster. Not here: the job (pipelines.defs.automation) or
what is printed (pipelines.cli).
"""

import logging
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg

import pipelines
from pipelines.definitions import build
from pipelines.defs.assets import EVERYONE_WAS_TOLD
from pipelines.run import AlertMode, Progress
from pipelines.settings import Settings
from warehouse import read
from warehouse.captures import finish_run
from warehouse.database import open_warehouse
from warehouse.lock import only_writer

# Errors whose words are meant for whoever started the run; what caused them is in Dagster's history.
_OUR_ERRORS: Final = frozenset({"Failure", "WarehouseError", "WarehouseBusyError", "EvidenceError"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What one run was told; `observed_at` is naive UTC, None means now."""

    settings: Settings
    only: tuple[str, ...] | None
    observed_at: datetime | None
    alerts: AlertMode = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How a run ended: its row with `counts`, its changes, and in a sentence who was not told (None: nobody)."""

    run: dict[str, Any]
    changes: list[dict[str, Any]]
    untold: str | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"run": self.run, "changes": self.changes, "untold": self.untold}


def run_job(request: JobRequest, progress: Progress) -> JobOutcome:
    """Execute the job in process; a failure is an outcome, not an exception."""
    settings = request.settings
    config = {
        "data": str(settings.data),
        "site": settings.site,
        "sources": list(settings.sources),
        "requests_per_second": settings.requests_per_second,
        **({"contact": settings.contact} if settings.contact else {}),
        **({"ksb_planner": settings.ksb_planner} if settings.ksb_planner else {}),
        **({"only": list(request.only)} if request.only else {}),
        **({"subscriptions": str(settings.subscriptions)} if settings.subscriptions else {}),
        **({"public_url": settings.public_url} if settings.public_url else {}),
        "alerts": request.alerts,
        **({"observed_at": request.observed_at.isoformat()} if request.observed_at else {}),
    }
    # Whoever cannot write here, or not now, is told before Dagster's own files are touched.
    with only_writer(settings.data):
        pass
    # The outcome is printed by the caller; Dagster's own lines stay in its history.
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    job = build(progress).resolve_job_def("daily")
    with dagster_instance(settings.data) as instance:
        result = job.execute_in_process(
            run_config={"resources": {"watch": {"config": config}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            raise_on_error=False,
        )
        failure = None if result.success else _failure(result)
    return _outcome(settings.data, result.run_id, failure, _untold(result))


def dagster_instance(data: Path) -> dg.DagsterInstance:
    """The instance that `dagster dev` shows: DAGSTER_HOME, else a folder beside the data."""
    home = Path(os.environ.get("DAGSTER_HOME") or data / "dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = Path(pipelines.__file__).parent.parent / "dagster.yaml"
    if config.is_file() and not (home / "dagster.yaml").exists():
        shutil.copy(config, home / "dagster.yaml")
    return dg.DagsterInstance.from_config(str(home))


def _failure(result: dg.ExecuteInProcessResult) -> str:
    """The first thing that went wrong, in its own words."""
    for event in result.all_events:
        error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error if event.is_job_failure else None
        if error and error.cls_name == "DagsterExecutionInterruptedError":
            return "It was interrupted. What had been captured is kept; run it again."
        if error:
            chain = [error]
            while chain[-1].cause:
                chain.append(chain[-1].cause)
            said = [link for link in chain if link.cls_name in _OUR_ERRORS] or chain
            return " ".join(said[-1].message.split(": ", 1)[-1].split())[:600]
    return "The run failed; its history in Dagster says why."


def _untold(result: dg.ExecuteInProcessResult) -> str | None:
    """Who was not told, as the check says."""
    for check in result.get_asset_check_evaluations():
        if check.check_name == EVERYONE_WAS_TOLD and not check.passed:
            return str(check.metadata["untold"].value)
    return None


def _outcome(data: Path, run_id: str, failure: str | None, untold: str | None) -> JobOutcome:
    with open_warehouse(data) as db:
        row = next(iter(db.rows("SELECT * FROM runs WHERE run_id = ?", [run_id])), None) or {
            "run_id": run_id,
            "status": "failed",
            "message": None,
        }
        if failure and row["status"] != "failed":
            now = datetime.now(UTC).replace(tzinfo=None)
            finish_run(db, run_id, finished_at=now, status="failed", message=failure)
            row |= {"status": "failed", "finished_at": now, "message": failure}
        row["message"] = row["message"] or failure
        counts = read.tally(db)
        counts["new_snapshots"] = db.rows("SELECT count(*) AS n FROM snapshots WHERE run_id = ?", [run_id])[0]["n"]
        counts["is_baseline"] = not db.rows("FROM transitions WHERE run_id = ? AND NOT is_baseline LIMIT 1", [run_id]) and bool(
            counts["new_snapshots"]
        )
        return JobOutcome(run=row | {"counts": counts}, changes=read.changes(db, run_id=run_id), untold=untold)
