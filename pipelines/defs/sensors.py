"""Sensors: what speaks up when no run does.

Belongs here: when to look, in Dagster's terms. Not here: what silence is (warehouse.outbox.TROUBLES) or how it is told.
Both speak through the channels of the subscriptions; neither starts a run, so that a queue that is stuck is no reason for silence.
They read the settings themselves: the resource of a run holds the writer's lock, and a sensor has to say when it cannot have it.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from pipelines.alerts.delivery import Office, Report, deliver
from pipelines.alerts.silence import raise_alarms
from pipelines.alerts.subscriptions import SubscriptionsError, load
from pipelines.defs.automation import DAILY_JOB
from pipelines.settings import Settings, settings_with
from warehouse.captures import finish_run
from warehouse.database import WAREHOUSE, WarehouseBusyError, open_warehouse
from warehouse.lock import only_writer
from warehouse.outbox import add_alerts, alarm_alert, alarms_open, complete_run_at

# Dagster ends a sensor's look after a minute.
_LOOK: Final = timedelta(seconds=30)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@dg.sensor(
    name="staleness",
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Every quarter of an hour: says when nothing was checked for too long, and tries failed deliveries again.",
)
def staleness(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Raise alarms and deliver what is due; a run that is writing does both itself."""
    settings = settings_with({})
    if not (settings.data / WAREHOUSE).exists():
        return dg.SkipReason("Nothing is watched yet.")
    try:
        report, raised = _tell(settings, failed_run=None)
    except WarehouseBusyError as error:
        return dg.SkipReason(str(error))
    except SubscriptionsError as error:
        context.log.error("Nobody can be told: %s", error)
        return dg.SkipReason(f"Nobody can be told: {error}")
    return dg.SkipReason(f"{raised} alarms, {len(report.tried)} messages tried, {len(report.untold)} deliveries to be tried again.")


@dg.run_failure_sensor(
    name="failed_runs",
    monitored_jobs=[DAILY_JOB],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of a run that failed, at once.",
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """A run that Dagster saw fail, even one that died before it could write a row."""
    said = " ".join(str(context.failure_event.message or "").split())[:300]
    report, _ = _tell(settings_with({}), failed_run=(context.dagster_run.run_id, said))
    context.log.info("%d messages tried.", len(report.tried))


def _tell(settings: Settings, failed_run: tuple[str, str] | None) -> tuple[Report, int]:
    loaded, now = load(settings.subscriptions), _now()
    office = Office(data=settings.data, loaded=loaded, public_url=settings.public_url, now=_now)
    with only_writer(settings.data), open_warehouse(settings.data) as db:
        if failed_run:
            run_id, said = failed_run
            if db.rows("SELECT 1 AS one FROM runs WHERE run_id = ? AND status = 'running'", [run_id]):
                finish_run(db, run_id, finished_at=now, status="failed", message=said)
            elif "run_failed" not in {row["topic"] for row in alarms_open(db)}:
                with db.transaction():
                    add_alerts(db, [alarm_alert("run_failed", "opened", f"A run failed. {said}".strip(), now)])
        raised = raise_alarms(db, now, complete_run_at(db))
        return deliver(db, office, is_after_run=False, until=now + _LOOK), raised
