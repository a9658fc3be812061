"""The daily job and when it runs.

Belongs here: jobs and schedules. Not here: what the job does (assets).
"""

from typing import Final

import dagster as dg

DAILY_JOB: Final = dg.define_asset_job(
    name="daily",
    selection=dg.AssetSelection.all(),
    description="Read the site, keep every state, say what changed, publish.",
    executor_def=dg.in_process_executor,
)

DAILY_SCHEDULE: Final = dg.ScheduleDefinition(
    name="daily_at_six",
    job=DAILY_JOB,
    cron_schedule="0 6 * * *",
    execution_timezone="Europe/London",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every morning at six, London time: the publisher's nightly build is done by then.",
)
