"""The sensors, seen to fire."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import build
from pipelines.defs.sensors import failed_runs, staleness
from tests.watching import Watch, no_progress, sample
from warehouse.lock import only_writer


@pytest.fixture
def data(watch: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANDARDS_WATCH_DATA", str(watch.data))
    return watch.data


def look() -> str:
    with dg.instance_for_test() as instance:
        reason = staleness(dg.build_sensor_context(instance=instance))
    assert isinstance(reason, dg.SkipReason)
    return str(reason.skip_message)


def alarms(watch: Watch) -> list[tuple[str, str]]:
    rows = watch.rows("SELECT topic, phase FROM alerts WHERE kind = 'alarm' ORDER BY detected_at, phase")
    return [(row["topic"], row["phase"]) for row in rows]


def test_before_the_first_run_there_is_nothing_to_say_and_nothing_is_made(data: Path) -> None:
    assert look() == "Nothing is watched yet."
    assert not data.exists()


def test_staleness_fires_once_and_says_when_it_is_over(watch: Watch, data: Path) -> None:
    watch.see(sample("ST9001 1.2"))  # in March
    assert look().startswith("2 alarms, 3 messages tried, 0 ")
    assert alarms(watch) == [("no_run", "opened"), ("stale", "opened")]
    assert len(list((data / "outbox").glob("*alarm*.html"))) == 2
    assert look() == "0 alarms, 0 messages tried, 0 deliveries to be tried again."
    now = datetime.now(UTC).replace(tzinfo=None)
    watch.see(sample("ST9001 1.2"), at=now)
    assert look().startswith("2 alarms")
    assert {("no_run", "over"), ("stale", "over")} <= set(alarms(watch))


def test_while_a_run_is_writing_it_waits(watch: Watch, data: Path) -> None:
    watch.see(sample("ST9001 1.2"))
    with only_writer(data):
        assert "Another run is writing" in look()
    assert alarms(watch) == []


def test_a_broken_file_is_said_in_the_tick(watch: Watch, data: Path, tmp_path: Path) -> None:
    watch.see(sample("ST9001 1.2"))
    (tmp_path / "subscriptions.toml").write_text("[targets", encoding="utf-8")
    assert look().startswith("Nobody can be told: subscriptions.toml")


@dg.op
def break_down() -> None:
    raise ValueError("the disk is full")


@dg.job(name="daily")
def broken() -> None:
    break_down()


def test_a_run_that_fails_is_told_at_once_and_once(watch: Watch, data: Path) -> None:
    watch.see(sample("ST9001 1.2"), at=datetime.now(UTC).replace(tzinfo=None))
    with dg.instance_for_test() as instance:
        for _ in range(2):
            result = broken.execute_in_process(instance=instance, raise_on_error=False)
            context = dg.build_run_status_sensor_context(
                sensor_name="failed_runs",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=result.get_run_failure_event(),
            ).for_run_failure()
            failed_runs(context)
    assert alarms(watch) == [("run_failed", "opened")]
    (page,) = (data / "outbox").glob("*alarm*.txt")
    assert "A run failed." in page.read_text(encoding="utf-8")
    watch.see(sample("ST9001 1.2"), at=datetime.now(UTC).replace(tzinfo=None))
    look()
    assert alarms(watch) == [("run_failed", "opened"), ("run_failed", "over")]


def test_both_are_on_and_part_of_the_code_location() -> None:
    sensors = {sensor.name: sensor for sensor in build(no_progress).sensors or ()}
    assert set(sensors) == {"staleness", "failed_runs"}
    assert all(isinstance(sensor, dg.SensorDefinition) for sensor in sensors.values())
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}
