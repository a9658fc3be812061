"""One pace per host, kept by every process of the machine."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scrapers.pace import Pace
from scrapers.sample.records import sample_records
from scrapers.sample.server import SampleSite

HOST = "skillsengland.education.gov.uk"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["shared", "alone"])
def pace(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Pace:
    return Pace(clock=clock, folder=tmp_path / "pace" if request.param == "shared" else None)


def test_a_host_is_free_again_after_the_interval(pace: Pace, clock: Clock) -> None:
    assert pace.claim(HOST, 1.0) == 0
    assert pace.claim(HOST, 1.0) == 1
    clock.now += 0.75
    assert pace.claim(HOST, 1.0) == 0.25
    clock.now += 0.25
    assert pace.claim(HOST, 1.0) == 0
    assert pace.trouble is None


def test_two_ports_are_two_hosts(pace: Pace) -> None:
    assert [pace.claim(f"127.0.0.1:{port}", 1.0) for port in (8001, 8002, 8001)] == [0, 0, 1]


def test_a_clock_that_is_set_back_holds_nobody_up(pace: Pace, clock: Clock) -> None:
    pace.claim(HOST, 1.0)
    clock.now -= 3600
    assert pace.claim(HOST, 1.0) == 0
    assert pace.claim(HOST, 1.0) == 1


def test_a_clock_that_is_set_right_by_little_costs_little(pace: Pace, clock: Clock) -> None:
    pace.claim(HOST, 1.0)
    clock.now -= 0.5
    assert pace.claim(HOST, 1.0) == 1.5


def test_a_clock_that_is_set_forward_holds_nobody_up(pace: Pace, clock: Clock) -> None:
    pace.claim(HOST, 1.0)
    clock.now += 3600
    assert [pace.claim(HOST, 1.0), pace.claim(HOST, 1.0)] == [0, 1]


def test_whoever_shares_the_folder_shares_the_pace(clock: Clock, tmp_path: Path) -> None:
    one, another = (Pace(clock=clock, folder=tmp_path) for _ in range(2))
    assert [one.claim(HOST, 5.0), another.claim(HOST, 1.0), another.claim("example.org", 1.0)] == [0, 5, 0]


@pytest.mark.parametrize("text", ["", "1000000.0", "soon later", "nan nan", "inf inf", "1000000.0 1000", "\x00" * 500])
def test_a_file_that_was_cut_off_binds_nobody(clock: Clock, tmp_path: Path, text: str) -> None:
    (tmp_path / HOST).write_text(text)
    pace = Pace(clock=clock, folder=tmp_path)
    assert [pace.claim(HOST, 1.0), pace.claim(HOST, 1.0)] == [0, 1]
    assert pace.trouble is None


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of a file until it is killed."""
    script = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_holder_that_is_killed_lets_go(clock: Clock, tmp_path: Path) -> None:
    pace = Pace(clock=clock, folder=tmp_path)
    with holder(tmp_path / HOST) as process:
        assert 0 < pace.claim(HOST, 1.0) < 1
        process.kill()
        process.wait()
        assert pace.claim(HOST, 1.0) == 0


def test_a_holder_that_was_stopped_is_not_waited_for_for_ever(clock: Clock, tmp_path: Path) -> None:
    pace = Pace(clock=clock, folder=tmp_path)
    with (tmp_path / HOST).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waits = [pace.claim(HOST, 1.0) for _ in range(201)]
    assert sum(waits[:-1]) == pytest.approx(10)
    assert waits[-1] == 0
    assert "this process alone" in str(pace.trouble)


@pytest.mark.parametrize("trouble", ["no folder", "a link"])
def test_a_folder_that_cannot_be_used_is_said_and_the_pace_kept_alone(clock: Clock, tmp_path: Path, trouble: str) -> None:
    folder = tmp_path / "pace"
    if trouble == "a link":
        folder.mkdir()
        (folder / HOST).symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("in the way")
    pace = Pace(clock=clock, folder=folder)
    assert [pace.claim(HOST, 1.0), pace.claim(HOST, 1.0)] == [0, 1]
    assert str(folder) in str(pace.trouble)
    assert not (tmp_path / "elsewhere").exists()


FETCH = """
import sys, time
from pathlib import Path
from scrapers.pace import Pace
from scrapers.site import Site
site = Site(address=sys.argv[1], contact="tests@example.org", version="0", clock=time.monotonic, sleep=time.sleep,
            pace=Pace(clock=time.time, folder=Path(sys.argv[2])), requests_per_second=5)
for _ in range(5):
    assert site.fetch("/apprenticeships/st9003-v1-0?view=standard").outcome == "served"
assert site.notes == (), site.notes
"""


def test_two_processes_keep_one_pace(tmp_path: Path) -> None:
    with SampleSite([[sample_records()["ST9003 1.0"]]]) as site:
        began = time.monotonic()
        both = [
            subprocess.Popen([sys.executable, "-c", FETCH, site.url, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT)})  # noqa: S603
            for _ in range(2)
        ]
        assert [process.wait(timeout=60) for process in both] == [0, 0]
        times = sorted(request.time for request in site.requests)
    assert len(times) == 12
    # How late a request arrives is the machine's doing; the last is never before the turns of all the others.
    assert times[-1] - times[0] > 11 * 0.2 - 0.1
    assert times[-1] - began < 30
