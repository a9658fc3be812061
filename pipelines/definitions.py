"""The code location: everything Dagster loads, in one explicit list.

Belongs here: the list. Not here: any of its members.
"""

import dagster as dg

from pipelines.defs import assets, automation, checks, sensors
from pipelines.defs.resources import WatchResource
from pipelines.run import Progress


def log_progress(what: str, done: int, total: int) -> None:
    """Say every tenth of a long loop in the run's log."""
    if total >= 20 and done and (done * 10) // total != ((done - 1) * 10) // total:
        dg.get_dagster_logger().info("%s: %d of %d", what, done, total)


def build(progress: Progress) -> dg.Definitions:
    """The definitions, with somebody to tell how far a long loop is."""
    return dg.Definitions(
        assets=[
            assets.api_capture,
            assets.page_captures,
            assets.occupation_captures,
            assets.standard_snapshots,
            assets.standard_changes,
            assets.ksb_planner_captures,
            assets.source_conflicts,
            assets.alert_deliveries,
            assets.change_feed,
            assets.published_warehouse,
            assets.published_parquet,
            assets.standards_site,
        ],
        asset_checks=[checks.schema_checks, checks.rule_checks],
        jobs=[automation.DAILY_JOB],
        schedules=[automation.DAILY_SCHEDULE],
        sensors=[sensors.staleness, sensors.failed_runs],
        resources={"watch": WatchResource(), "progress": progress},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and `dg` load."""
    return build(log_progress)
