"""The assets of the daily job: captures → snapshots → changes and conflicts, and the published copy.

Belongs here: calling a step and showing what it did. Not here: the steps (pipelines.capture,
pipelines.snapshots, pipelines.comparison, pipelines.conflicts, warehouse.publish). Loops live inside a step; there is no
Dagster step per page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from pipelines.alerts.channels import call_heartbeat
from pipelines.alerts.delivery import deliver
from pipelines.alerts.silence import raise_alarms
from pipelines.alerts.subscriptions import SubscriptionsError, load
from pipelines.capture import Captured, capture_api, capture_occupations, capture_pages
from pipelines.comparison import find_changes
from pipelines.conflicts import find_conflicts
from pipelines.defs.resources import WatchResource
from pipelines.planner import capture_planner
from pipelines.publish.exports import PARQUET, refresh_parquet
from pipelines.publish.feeds import FEEDS, write_feeds
from pipelines.publish.site.build import SITE, build_site
from pipelines.run import Progress, Run
from pipelines.snapshots import take_snapshots
from schemas.tables import CHANGES, DELIVERIES, SNAPSHOTS, SOURCE_CONFLICTS, Table
from scrapers import ksb_planner
from warehouse.captures import finish_run, run_outcome, start_run
from warehouse.conflicts import unresolved
from warehouse.ddl import column_type
from warehouse.outbox import every_change
from warehouse.publish import publish
from warehouse.read import open_published

OWNERS: Final = ["team:standards-watch"]
# The job runs at 06:00; by noon every asset must have been made since the midnight before.
DAILY: Final = dg.FreshnessPolicy.cron(deadline_cron="0 12 * * *", lower_bound_delta=timedelta(hours=12), timezone="Europe/London")
EVERYONE_WAS_TOLD: Final = "everyone_was_told"
_ROWS_SHOWN: Final = 50


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _begin(context: dg.AssetExecutionContext, watch: WatchResource) -> Run:
    """The run, written down by whichever asset comes first, so that all of them share its time."""
    run = watch.run(context.run.run_id, _now())
    settings = watch.settings()
    with watch.open_warehouse() as db:
        began = start_run(
            db,
            run_id=run.run_id,
            observed_at=run.observed_at,
            started_at=_now(),
            site=settings.site,
            sources=run.sources,
            only=run.only,
        )
    return replace(run, observed_at=began)


def _is_live(run: Run) -> bool:
    """Whether the run stands for now: a replay is no sign of life, and its silences are those of another day."""
    return run.alerts == "live" and run.observed_at >= _now() - timedelta(hours=24)


def _schema(table: Table) -> Mapping[str, Any]:
    """The table's columns as Dagster shows them."""
    columns = [
        dg.TableColumn(name, column_type(dtype), description, dg.TableColumnConstraints(nullable=nullable))
        for name, dtype, nullable, description in table.columns()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": table.name}


def _captured(context: dg.AssetExecutionContext, captured: Captured) -> dg.MaterializeResult[None]:
    for failure in captured.failures[:_ROWS_SHOWN]:
        context.log.warning("%s was not served: %s", failure.url, failure.reason)
    for note in captured.notes:
        context.log.warning("%s", note)
    columns = ("url", "outcome", "rule", "reason")
    failures = [{name: getattr(failure, name) for name in columns} for failure in captured.failures]
    return dg.MaterializeResult(
        metadata={
            "requests": captured.asked,
            "dagster/row_count": captured.versions,
            "new_bodies": captured.new_bodies,
            "not_modified": captured.not_modified,
            "taken_over": captured.taken_over,
            "failures": len(failures),
            "failed": dg.MetadataValue.md(markdown_table(failures, columns)),
            "odd": dg.MetadataValue.md(
                markdown_table([{"rule": f.rule, "message": f.message} for f in captured.findings], ("rule", "message"))
            ),
            "pace": " ".join(captured.notes) or "as usual",
        }
    )


def _off(source: str) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/row_count": 0, "off": f"{source} is not among the sources of this run"})


@dg.asset(group_name="capture", owners=OWNERS, kinds={"python", "json"}, freshness_policy=DAILY)
def api_capture(
    context: dg.AssetExecutionContext, watch: WatchResource, progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult[None]:
    """The public JSON: one array with every version of every standard, each record kept as evidence.

    A source that does not answer never stops another one; the check on this asset says so.
    """
    run = _begin(context, watch)
    if "api" not in run.sources:
        return _off("api")
    with watch.open_site() as site, watch.open_warehouse() as db:
        return _captured(context, capture_api(db, site, run, progress))


@dg.asset(group_name="capture", owners=OWNERS, kinds={"python", "beautifulsoup"}, freshness_policy=DAILY, deps=["api_capture"])
def page_captures(
    context: dg.AssetExecutionContext, watch: WatchResource, progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult[None]:
    """The web page of every version that is approved or in development, at the pace the site is owed."""
    run = _begin(context, watch)
    if "page" not in run.sources:
        return _off("page")
    with watch.open_site() as site, watch.open_warehouse() as db:
        return _captured(context, capture_pages(db, site, run, progress))


@dg.asset(group_name="capture", owners=OWNERS, kinds={"python", "beautifulsoup"}, freshness_policy=DAILY, deps=["api_capture"])
def occupation_captures(
    context: dg.AssetExecutionContext, watch: WatchResource, progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult[None]:
    """The occupation page of every standard with a version in force; off unless it is among the sources."""
    run = _begin(context, watch)
    if "occupation" not in run.sources:
        return _off("occupation")
    with watch.open_site() as site, watch.open_warehouse() as db:
        return _captured(context, capture_occupations(db, site, run, progress))


@dg.asset(
    group_name="history",
    owners=OWNERS,
    kinds={"duckdb", "pandera"},
    freshness_policy=DAILY,
    deps=["api_capture", "page_captures", "occupation_captures"],
    metadata=_schema(SNAPSHOTS),
)
def standard_snapshots(
    context: dg.AssetExecutionContext, watch: WatchResource, progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult[None]:
    """Every state of every version: a row where a record differs from the one before it.

    Unchanged records only have their time of last check moved. Records that fail a rule are held in
    quarantine; the last good one stays current.
    """
    run = _begin(context, watch)
    with watch.open_warehouse() as db:
        counts = take_snapshots(db, run, progress)
        status, message = run_outcome(db, run.run_id)
        if status == "failed":
            finish_run(db, run.run_id, finished_at=_now(), status=status, message=message)
            # Readers are to see that what they have could not be checked.
            publish(db, run.data)
            build_site(run.data, run.data / SITE, progress)
            raise dg.Failure(f"Nothing could be read, and what was known stays current. {message}", allow_retries=False)
        total = db.rows("SELECT count(*) AS n FROM snapshots")[0]["n"]
    for row in counts.held[:_ROWS_SHOWN]:
        context.log.warning("%s %s is held back: %s (%s)", row["reference"], row["version"], row["reason"], row["url"])
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "checked": counts.checked,
            "new_snapshots": counts.snapshots,
            "missing": counts.missing,
            "oddities": counts.findings,
            "held_back": len(counts.held),
            "held": dg.MetadataValue.md(markdown_table(counts.held, ("reference", "version", "source", "rule", "reason"))),
        }
    )


@dg.asset(
    group_name="history", owners=OWNERS, kinds={"duckdb"}, freshness_policy=DAILY, deps=["standard_snapshots"], metadata=_schema(CHANGES)
)
def standard_changes(context: dg.AssetExecutionContext, watch: WatchResource) -> dg.MaterializeResult[None]:
    """What changed: one row per typed difference between two snapshots of a version."""
    run = _begin(context, watch)
    with watch.open_warehouse() as db:
        found = find_changes(db, run)
        total = db.rows("SELECT count(*) AS n FROM changes")[0]["n"]
    events = Counter(row["event"] for row in found)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "new_changes": len(found),
            "events": dg.MetadataValue.md(
                markdown_table([{"event": e, "changes": n} for e, n in events.most_common()], ("event", "changes"))
            ),
            "changes": dg.MetadataValue.md(markdown_table(found, ("reference", "version", "event", "severity", "summary"))),
        }
    )


@dg.asset(group_name="capture", owners=OWNERS, kinds={"python", "beautifulsoup"}, freshness_policy=DAILY, deps=["standard_snapshots"])
def ksb_planner_captures(
    context: dg.AssetExecutionContext, watch: WatchResource, progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult[None]:
    """A second opinion: what a site that republishes the standards says of the versions in force. Facts, no prose.

    Off unless it is among the sources and its address is set.
    """
    run = _begin(context, watch)
    template = watch.settings().ksb_planner
    if ksb_planner.NAME not in run.sources or template is None:
        return _off(ksb_planner.NAME)
    with watch.open_site(ksb_planner.root_of(template)) as site, watch.open_warehouse() as db:
        return _captured(context, capture_planner(db, site, template, run, progress))


@dg.asset(
    group_name="history",
    owners=OWNERS,
    kinds={"duckdb"},
    freshness_policy=DAILY,
    deps=["standard_snapshots", "ksb_planner_captures"],
    metadata=_schema(SOURCE_CONFLICTS),
)
def source_conflicts(
    context: dg.AssetExecutionContext, watch: WatchResource, progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult[None]:
    """Where the sources disagree: the pages and their version logs, and a third party, each against the API.

    Each side keeps its own value: nothing of it moves a snapshot or makes a change.
    """
    run = _begin(context, watch)
    with watch.open_warehouse() as db:
        counts = find_conflicts(db, run, progress)
        still = unresolved(db)
        total = db.rows("SELECT count(*) AS n FROM source_conflicts")[0]["n"]
    columns = ("reference", "version", "subject", "other_source", "value", "other_value", "rule", "first_seen_at")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "compared": counts.compared,
            "opened": counts.opened,
            "resolved": counts.resolved,
            "open": len(still),
            "explained": sum(row["is_explained"] for row in still),
            "disagreements": dg.MetadataValue.md(markdown_table([row for row in still if not row["is_explained"]], columns)),
        }
    )


@dg.asset(
    group_name="tell",
    owners=OWNERS,
    kinds={"email", "slack"},
    freshness_policy=DAILY,
    deps=["standard_changes"],
    metadata=_schema(DELIVERIES),
    check_specs=[
        dg.AssetCheckSpec(
            EVERYONE_WAS_TOLD,
            asset="alert_deliveries",
            description="Every message that was due was taken by its target; none was given up.",
        )
    ],
)
def alert_deliveries(  # Dagster knows a result with checks only by the bare name.
    context: dg.AssetExecutionContext, watch: WatchResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Who was told of what: one row per alert and target, each sent once, tried again where a target does not answer.

    A target that fails stops neither the others nor the run; the check on this asset says so.
    """
    run = _begin(context, watch)
    try:
        loaded = load(watch.settings().subscriptions)
    except SubscriptionsError as error:
        context.log.error("Nobody can be told: %s", error)
        return _told(f"Nobody can be told, and what there is to tell waits. {error}", {"dagster/row_count": 0})
    # The past is told as it would have been told then.
    clock = (lambda: run.observed_at) if run.alerts == "always" else _now
    with watch.open_warehouse() as db:
        if _is_live(run) and run.only is None:
            raise_alarms(db, _now(), _now())
        report = deliver(db, watch.office(loaded, clock), is_after_run=True)
        total = db.rows("SELECT count(*) AS n FROM deliveries")[0]["n"]
    for row in report.untold[:_ROWS_SHOWN]:
        context.log.warning("%s was not told (%s, %d attempts): %s", row["target"], row["state"], row["attempts"], row["last_answer"])
    columns = ("target", "channel", "subject", "state", "attempts", "answer")
    untold = "; ".join(dict.fromkeys(f"{row['target']}: {row['last_answer']}" for row in report.untold))
    return _told(
        f"Not everybody was told. {untold} `standards-watch alerts list` shows what is tried again." if untold else None,
        {
            "dagster/row_count": total,
            "subscriptions": loaded.origin,
            "addressed": report.addressed,
            "taken_up_again": report.recovered,
            **{f"messages_{state}": report.counts.get(state, 0) for state in ("sent", "failed", "dead")},
            "delivery_report": dg.MetadataValue.md(markdown_table(report.tried, columns)),
        },
    )


def _told(problem: str | None, metadata: Mapping[str, Any]) -> dg.MaterializeResult[None]:
    result = dg.AssetCheckResult(
        passed=problem is None,
        check_name=EVERYONE_WAS_TOLD,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"untold": problem or "nobody"},
    )
    return dg.MaterializeResult(metadata=metadata, check_results=[result])


@dg.asset(group_name="publish", owners=OWNERS, kinds={"xml"}, freshness_policy=DAILY, deps=["standard_changes"])
def change_feed(context: dg.AssetExecutionContext, watch: WatchResource) -> dg.MaterializeResult[None]:
    """Atom feeds of every change: all, by route and by standard, with archives; only what moved is written."""
    run = _begin(context, watch)
    with watch.open_warehouse() as db:
        written = write_feeds(every_change(db), run.data / FEEDS, watch.settings().public_url)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path((run.data / FEEDS).absolute()),
            "feeds": written.feeds,
            "dagster/row_count": written.entries,
            "documents_written": written.documents,
        }
    )


@dg.asset(
    group_name="publish",
    owners=OWNERS,
    kinds={"duckdb"},
    freshness_policy=DAILY,
    deps=["standard_changes", "source_conflicts", "alert_deliveries", "change_feed"],
)
def published_warehouse(context: dg.AssetExecutionContext, watch: WatchResource) -> dg.MaterializeResult[None]:
    """The copy that everyone reads: it replaces the last one atomically and is never locked."""
    run = _begin(context, watch)
    with watch.open_warehouse() as db:
        status, message = run_outcome(db, run.run_id)
        finish_run(db, run.run_id, finished_at=_now(), status=status, message=message)
        path = publish(db, run.data)
        tables = db.rows("SELECT table_name AS name, estimated_size AS rows FROM duckdb_tables() WHERE NOT internal ORDER BY table_name")
    heartbeat = watch.settings().heartbeat_url
    said = call_heartbeat(heartbeat.get_secret_value()) if heartbeat and _is_live(run) and status != "failed" else "not called"
    return dg.MaterializeResult(
        metadata={
            "heartbeat": said,
            "path": dg.MetadataValue.path(path.absolute()),
            "size_bytes": path.stat().st_size,
            "run_status": status,
            "tables": dg.MetadataValue.md(markdown_table(tables, ("name", "rows"))),
        }
    )


@dg.asset(group_name="publish", owners=OWNERS, kinds={"parquet"}, freshness_policy=DAILY, deps=["published_warehouse"])
def published_parquet(watch: WatchResource) -> dg.MaterializeResult[None]:
    """What is published as Parquet too, written anew where more than the times of looking has changed."""
    data = watch.settings().data
    with open_published(data) as reader:
        written = refresh_parquet(reader, data)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path((data / PARQUET).absolute()),
            "is_new": written is not None,
            "files": sum(len(one.paths) for one in written or ()),
            "dagster/row_count": sum(one.rows for one in written or ()),
        }
    )


@dg.asset(group_name="publish", owners=OWNERS, kinds={"html"}, freshness_policy=DAILY, deps=["published_warehouse"])
def standards_site(watch: WatchResource, progress: dg.ResourceParam[Progress]) -> dg.MaterializeResult[None]:
    """The pages that people look at: standards, versions, changes, days to come. Only what moved is made anew."""
    data = watch.settings().data
    built = build_site(data, data / SITE, progress)
    return dg.MaterializeResult(
        metadata={
            "home": dg.MetadataValue.path((data / SITE / "index.html").absolute()),
            "dagster/row_count": built.pages,
            "pages_written": built.written,
            "pages_with_a_later_check": built.checked,
            "pages_removed": built.removed,
        }
    )


def markdown_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows for people: untrusted text stays text, and a long table says how much it leaves out."""
    if not rows:
        return "none"
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(row[column]) for column in columns) + " |" for row in rows[:_ROWS_SHOWN]]
    if len(rows) > _ROWS_SHOWN:
        lines += ["", f"and {len(rows) - _ROWS_SHOWN:,} more"]
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).split())
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, "\\" + mark)
    return text
