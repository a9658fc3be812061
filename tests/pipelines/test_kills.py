"""Killed anywhere, as often as one likes: the next run ends in the state of one that was never interrupted."""

import multiprocessing
import os
import random
from pathlib import Path
from typing import Any

import pytest

from pipelines.audit import verify
from pipelines.rebuild import rebuild
from scrapers.sample.server import SampleSite, sample_nights
from tests.killing import one_night
from tests.watching import Watch, no_progress
from warehouse import read
from warehouse.database import open_warehouse

FEW = ("ST9002", "ST9005", "ST9009")
NIGHTS = [[record for record in night if record["referenceNumber"].strip() in FEW] for night in sample_nights()]
# Two hundred kills: KILL_ROUNDS=8 make test.
ROUNDS = int(os.environ.get("KILL_ROUNDS", "2"))
KILLS_EACH = 25

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.killing"])


class Killer:
    """A folder that is worked on by processes that die."""

    def __init__(self, data: Path, address: str) -> None:
        self.data, self.address = data, address
        self.runs = 0

    def run(self, number: int, kill_at: int | None) -> int | None:
        """One night; how many calls it took, or None where it was killed on the way."""
        counted = _SERVER.Value("i", 0)
        process = _SERVER.Process(target=one_night, args=(self.data, self.address, number, self.runs, kill_at, counted))
        self.runs += 1
        process.start()
        process.join(120)
        if process.exitcode == -9:
            return None
        assert process.exitcode == 0, "a run that was not killed has to end well"
        return int(counted.value)


def outcome(watch: Watch) -> dict[str, list[dict[str, Any]]]:
    """What must not depend on how often a run had to be started."""
    return {
        "changes": watch.rows(
            "SELECT change_id, event, reference, version, subject, before, after, sources, reverts FROM changes ORDER BY ALL"
        ),
        "snapshots": watch.rows(
            """
            SELECT * EXCLUDE (snapshot_id, record_id, page_url, run_id) REPLACE (
                CAST(seen_from_at AS DATE) AS seen_from_at, CAST(seen_to_at AS DATE) AS seen_to_at)
            FROM snapshots ORDER BY ALL"""
        ),
        "versions": watch.rows(
            "SELECT source, reference, version, evidence_sha256, absences, is_missing, stale_since_at FROM watched_versions ORDER BY ALL"
        ),
        "quarantine": watch.rows("SELECT reference, rule, status FROM quarantine ORDER BY ALL"),
        "incidents": watch.rows("SELECT source, rule FROM incidents ORDER BY ALL"),
        "waiting": watch.rows("SELECT * FROM transitions WHERE NOT is_compared"),
        "crosswalks": watch.rows("SELECT * FROM version_crosswalk ORDER BY ALL"),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[dict[str, Any]]], list[int]]:
    """How three nights end that nobody disturbs, and how many calls each takes."""
    data = tmp_path_factory.mktemp("undisturbed")
    calls = []
    with SampleSite(NIGHTS) as site:
        killer = Killer(data, site.url)
        for number in (1, 2, 3):
            site.move(number)
            calls.append(killer.run(number, None) or 0)
    found = outcome(Watch(data))
    assert len(found["changes"]) > 5
    assert min(calls) > 500
    return found, calls


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_random_points_every_change_is_told_once(
    tmp_path: Path, undisturbed: tuple[dict[str, list[dict[str, Any]]], list[int]], seed: int
) -> None:
    due, calls = undisturbed
    rng = random.Random(seed)
    kills, replay = 0, 0
    while kills < KILLS_EACH:
        replay += 1
        data = tmp_path / str(replay)
        with SampleSite(NIGHTS) as site:
            killer = Killer(data, site.url)
            for number in (1, 2, 3):
                site.move(number)
                for _ in range(rng.choice((2, 4, 8))):
                    if killer.run(number, rng.randrange(1, calls[number - 1])) is not None:
                        break
                    kills += 1
                else:
                    killer.run(number, None)
        watch = Watch(data)
        assert outcome(watch) == due, f"round {seed}, replay {replay}"
        with read.open_published(data) as reader:
            assert [verdict for verdict in verify(reader, data / "evidence", no_progress) if verdict.wrong] == []
    again = Watch(tmp_path / "again")
    with open_warehouse(again.data, is_replay=True) as db:
        rebuild(db, data, no_progress)
    assert outcome(again) == due
