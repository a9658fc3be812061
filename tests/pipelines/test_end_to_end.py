"""Three nights of the sample site through the real job: Dagster, HTTP, Pandera, DuckDB."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from pipelines.job import JobRequest, dagster_instance, run_job
from pipelines.settings import Settings
from scrapers.sample.nights import DATES
from scrapers.sample.server import SampleSite, sample_nights
from tests.watching import no_progress

Told = set[tuple[str, str, str, str | None]]

SECOND_NIGHT: Told = {
    ("ST9001", "1.2", "ksb_reworded", "K8"),
    ("ST9002", "2.0", "version_announced", None),
    ("ST9002", "1.1", "start_dates_moved", "latest_start_on"),
    ("ST9002", "1.1", "notice_changed", None),
    ("ST9003", "1.0", "attribute_changed", "max_funding_gbp"),
    ("ST9006", "1.1", "notice_changed", None),
}
THIRD_NIGHT: Told = {
    ("ST9002", "2.0", "version_live", None),
    ("ST9002", "2.0", "notice_changed", None),
    ("ST9002", "1.1", "version_retired", None),
    ("ST9002", "1.1", "notice_changed", None),
    ("ST9005", "1.1", "ksb_removed", "S7"),
    ("ST9005", "1.1", "ksb_relabelled", "S7"),
    ("ST9005", "1.1", "ksb_relabelled", "S8"),
    ("ST9005", "1.1", "ksb_relabelled", "S9"),
    ("ST9005", "1.1", "mapping_removed", "Duty 3 → S7"),
    ("ST9007", "0.0", "version_withdrawn", None),
    ("ST9007", "0.0", "attribute_changed", "change_note"),
    ("ST9008", "1.0", "start_dates_moved", "latest_start_on"),
    ("ST9008", "2.0", "start_dates_moved", "earliest_start_on"),
    ("ST9009", "1.0", "starts_paused", None),
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[dict[str, Any]]]]:
    """The data folder after three nights, and the changes of each."""
    data = tmp_path_factory.mktemp("watched")
    changes = []
    with pytest.MonkeyPatch.context() as patched, SampleSite(sample_nights()) as site:
        patched.delenv("DAGSTER_HOME", raising=False)
        for number, day in enumerate(DATES, 1):
            site.move(number)
            settings = Settings(data=data, site=site.url, sources=("api", "page", "occupation"), requests_per_second=1000)
            moment = datetime(day.year, day.month, day.day, 5, tzinfo=UTC).replace(tzinfo=None)
            outcome = run_job(JobRequest(settings=settings, only=None, observed_at=moment), no_progress)
            assert outcome.run["status"] == "good", outcome.run["message"]
            changes.append(outcome.changes)
    return data, changes


def told(rows: list[dict[str, Any]]) -> Told:
    return {(row["reference"], row["version"], row["event"], row["subject"]) for row in rows}


def test_each_night_says_what_happened_and_nothing_else(watched: tuple[Path, list[list[dict[str, Any]]]]) -> None:
    _, (first, second, third) = watched
    assert first == []
    assert told(second) == SECOND_NIGHT
    assert told(third) == THIRD_NIGHT
    assert len(second) == len(SECOND_NIGHT)
    assert len(third) == len(THIRD_NIGHT)


def test_silence_is_heard(watched: tuple[Path, list[list[dict[str, Any]]]]) -> None:
    _, (_, second, third) = watched
    silent = {(row["reference"], row["event"]) for row in second + third if not row["is_declared"]}
    assert {("ST9001", "ksb_reworded"), ("ST9005", "ksb_removed"), ("ST9006", "notice_changed")} <= silent
    assert ("ST9003", "attribute_changed") not in silent


def test_changes_are_told_once_by_all_their_sources(watched: tuple[Path, list[list[dict[str, Any]]]]) -> None:
    data, _ = watched
    with duckdb.connect(str(data / "published" / "standards.duckdb"), read_only=True) as published:
        rows = published.execute(
            "SELECT reference, event, list_sort(sources) FROM changes WHERE event IN ('ksb_reworded', 'ksb_removed')"
        ).fetchall()
    assert {tuple(sources) for _, _, sources in rows} == {("api", "occupation", "page")}


def test_the_runs_and_their_checks_are_in_dagster_s_history(watched: tuple[Path, list[list[dict[str, Any]]]]) -> None:
    data, _ = watched
    with dagster_instance(data) as instance:
        runs = instance.get_runs()
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 3
        records = instance.get_records_for_run(runs[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [record.event_log_entry.get_dagster_event().asset_check_evaluation_data for record in records]
    failing = {evaluation.check_name for evaluation in evaluations if not evaluation.passed}
    assert len(evaluations) > 20
    assert failing == set()


def test_what_the_published_file_holds(watched: tuple[Path, list[list[dict[str, Any]]]]) -> None:
    data, _ = watched
    with duckdb.connect(str(data / "published" / "standards.duckdb"), read_only=True) as published:
        one = published.execute("SELECT version, status, source FROM current_standards WHERE reference = 'ST9002'").fetchall()
        old = published.execute("SELECT count(*) FROM current_ksbs WHERE reference = 'ST9009'").fetchall()
        options = published.execute("SELECT DISTINCT unnest(options) FROM current_ksbs WHERE reference = 'ST9004'").fetchall()
        prose = published.execute("SELECT length(standard_information) FROM current_versions WHERE reference = 'ST9009'").fetchall()
        people = published.execute("SELECT count(*) FROM current_versions WHERE current_versions::VARCHAR LIKE '%@%'").fetchall()
    assert one == [("2.0", "Approved for delivery", "api")]
    assert old == [(0,)]
    assert len(options) >= 2
    assert prose[0][0] > 100
    assert people == [(0,)]
