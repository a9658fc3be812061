"""The code location and its graph, as deployed."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import build
from schemas.tables import TABLES
from tests.watching import no_progress
from warehouse.checks import CHECKS

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = build(no_progress)
SPECS = sorted(DEFINITIONS.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_an_asset_explains_itself(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.owners
    assert spec.kinds
    assert spec.group_name not in (None, "default")
    assert spec.freshness_policy


def test_the_graph() -> None:
    graph = {spec.key.to_user_string(): sorted(dep.asset_key.to_user_string() for dep in spec.deps) for spec in SPECS}
    assert graph == {
        "api_capture": [],
        "page_captures": ["api_capture"],
        "occupation_captures": ["api_capture"],
        "standard_snapshots": ["api_capture", "occupation_captures", "page_captures"],
        "standard_changes": ["standard_snapshots"],
        "ksb_planner_captures": ["standard_snapshots"],
        "source_conflicts": ["ksb_planner_captures", "standard_snapshots"],
        "alert_deliveries": ["standard_changes"],
        "change_feed": ["standard_changes"],
        "published_warehouse": ["alert_deliveries", "change_feed", "source_conflicts", "standard_changes"],
        "published_parquet": ["published_warehouse"],
        "standards_site": ["published_warehouse"],
    }


def test_there_is_a_check_for_every_table_and_every_rule() -> None:
    names = {key.name for check in DEFINITIONS.asset_checks or () for key in check.check_keys}
    assert "everyone_was_told" in {key.name for key in DEFINITIONS.resolve_asset_graph().asset_check_keys}
    assert names == {f"{table.name}_rows_fit_their_model" for table in TABLES} | {check.name for check in CHECKS}


def test_every_check_says_what_it_proves() -> None:
    assert all(spec.description for check in DEFINITIONS.asset_checks or () for spec in check.check_specs)


def test_the_schedule_is_on_and_runs_at_six_in_london() -> None:
    schedule = DEFINITIONS.resolve_schedule_def("daily_at_six")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "Europe/London")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "daily"


def test_the_job_runs_in_one_process() -> None:
    assert DEFINITIONS.resolve_job_def("daily").executor_def is dg.in_process_executor


@pytest.mark.parametrize(
    "command",
    [("dg", "check", "defs"), ("dagster", "definitions", "validate", "-w", "workspace.yaml")],
    ids=["dg check defs", "dagster definitions validate"],
)
def test_the_code_location_loads(command: tuple[str, ...], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name(command[0])
    environment = {"PATH": str(program.parent), "HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path), "PYTHONUTF8": "1"}
    done = subprocess.run(  # noqa: S603 - our own programs
        [str(program), *command[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
