"""The budgets, measured as ratios within one run: `make bench`.

Belongs here: what is timed and against what. Not here: assertions; these machines are noisy, a person
reads the table. With the real records in ../shared they are used, else the sample's, many times over.
Garbage collector: on, as in production; each figure is the median of several runs in this process,
which by then holds the records, so decoding is slower than in a fresh one. Both sides pay that.
"""

import copy
import gc
import lzma
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from bs4 import BeautifulSoup

from pipelines.backfill import backfill
from pipelines.capture import capture_api
from pipelines.comparison import find_changes
from pipelines.conflicts import find_conflicts
from pipelines.publish.exports import PARQUET, export, refresh_parquet
from pipelines.run import Run
from pipelines.snapshots import take_snapshots
from schemas.tables import CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_KSBS, CONTENT_OPTIONS
from scrapers import page
from scrapers.pace import Pace
from scrapers.repository import Repository as History
from scrapers.sample.pages import standard_page
from scrapers.sample.records import sample_records
from scrapers.site import Capture, Site
from tests.histories import Repository, many_nights
from tests.watching import no_progress
from warehouse.captures import start_run
from warehouse.database import Warehouse, open_warehouse
from warehouse.publish import publish, shrink
from warehouse.read import open_published

SCALES = (1, 4, 16)
REFERENCE_LOADS = 0.26
SNAPSHOT = Path(__file__).resolve().parents[2] / "shared" / "data" / "standards-2026-08-22.jsonl.xz"
COMMITS = 40_000
START = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Canned(Site):
    """A site whose every answer is there already: fetching is not what is measured."""

    body = b""

    def fetch(self, path: str, *, etag: str | None = None) -> Capture:
        return Capture(url=self.url(path), outcome="served", status_code=200, body=self.body)


def array() -> bytes:
    """All records as the API serves them."""
    if SNAPSHOT.is_file():
        return b"[" + b",".join(lzma.open(SNAPSHOT).read().splitlines()) + b"]"
    many = [
        copy.deepcopy(dict(record)) | {"referenceNumber": f"ST{number:03d}{record['referenceNumber'][-1]}"}
        for number in range(130)
        for record in sample_records().values()
    ]
    return orjson.dumps(many)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: seconds, the budget in seconds on the machine it was set on, and MB; `against` is another unit than decoding.

    `memory` is a budget too; `disk` is measured, and `disk_budget` what it may be.
    """

    what: str
    seconds: float
    budget: float | None = None
    memory: float | None = None
    against: float | None = None
    disk: float | None = None
    disk_budget: float | None = None


@dataclass(slots=True, kw_only=True)
class Bench:
    """What the measures share: a data folder, a site that answers from memory, and the number of the last night."""

    data: Path
    site: Canned
    body: bytes
    nights: int = 0

    def next_night(self) -> int:
        """The number of a night that was not yet."""
        self.nights += 1
        return self.nights


def timed(work: Callable[[], Any], times: int) -> float:
    """Median seconds."""
    taken = []
    for _ in range(times):
        gc.collect()
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def night(db: Warehouse, site: Site, data: Path, number: int) -> None:
    """One run over the API, without publishing."""
    run = Run(run_id=f"bench-{number}", observed_at=START + timedelta(days=number), data=data, sources=("api",), only=None)
    start_run(
        db, run_id=run.run_id, observed_at=run.observed_at, started_at=run.observed_at, site=site.address, sources=run.sources, only=None
    )
    capture_api(db, site, run, no_progress)
    take_snapshots(db, run, no_progress)
    find_changes(db, run)
    find_conflicts(db, run, no_progress)


def peak() -> float:
    """The most memory this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def with_changes(body: bytes, count: int, amount: int) -> bytes:
    """The array with another funding in the first so many records."""
    records = orjson.loads(body)
    for record in records[:count]:
        record["maxFunding"] = amount
    return orjson.dumps(records)


def grow(db: Warehouse, begin: int, end: int) -> None:
    """History as if every version had had these states too, counted back from the first one."""
    for table in (CONTENT_KSBS, CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_OPTIONS):
        db.execute(
            f"INSERT INTO {table.name} SELECT t.* REPLACE (md5(content_id || n) AS content_id) FROM {table.name} t, range({begin}, {end}) r(n) "
            "WHERE content_id IN (SELECT content_id FROM snapshots WHERE seen_to_at IS NULL)"
        )
    db.execute(
        f"""
        INSERT INTO snapshots SELECT s.* REPLACE (md5(snapshot_id || n) AS snapshot_id, md5(content_id || n) AS content_id,
            seen_from_at - INTERVAL (n + 1) DAY AS seen_from_at, seen_from_at - INTERVAL (n) DAY AS seen_to_at)
        FROM snapshots s, range({begin}, {end}) r(n) WHERE seen_to_at IS NULL"""
    )


def loading(bench: Bench) -> Iterator[Row]:
    """The first load, and nights on which nothing or little changed."""
    with open_warehouse(bench.data) as db:
        seconds = timed(lambda: night(db, bench.site, bench.data, bench.next_night()), 1)
        versions = db.rows("SELECT count(*) AS n FROM current_versions")[0]["n"]
        yield Row(what=f"first load of {versions:,} records", seconds=seconds, budget=30, memory=1000)
        # The first night after a baseline has more to look at than any other.
        night(db, bench.site, bench.data, bench.next_night())
        yield Row(
            what="a night without change",
            seconds=timed(lambda: night(db, bench.site, bench.data, bench.next_night()), 5),
            budget=3 * REFERENCE_LOADS,
        )
        for times in SCALES:
            bodies = iter([with_changes(bench.body, 10 * times, 1000 + n) for n in range(3)])

            def changed(bodies: Iterator[bytes] = bodies) -> None:
                bench.site.body = next(bodies)
                night(db, bench.site, bench.data, bench.next_night())

            yield Row(what=f"a night with {10 * times} changes ({times}×)", seconds=timed(changed, 3))
        bench.site.body = bench.body
        night(db, bench.site, bench.data, bench.next_night())


def storing(bench: Bench) -> Iterator[Row]:
    """What grows with the history, and what must not."""
    grown = 1
    for times in SCALES:
        with open_warehouse(bench.data) as db:
            grow(db, grown, times)
            grown = times
            stored = db.rows("SELECT count(*) AS n FROM snapshots")[0]["n"]
            label = f"{times}× history, {stored:,} states:"
            yield Row(
                what=f"{label} a night without change",
                seconds=timed(lambda: night(db, bench.site, bench.data, bench.next_night()), 3),
                budget=3 * REFERENCE_LOADS,
            )
            yield Row(what=f"{label} publishing", seconds=timed(lambda: publish(db, bench.data), 3), budget=1)
        with open_published(bench.data) as reader:
            moment = START + timedelta(days=2) - timedelta(days=times // 2 + times // 4)
            for macro in ("versions", "ksbs", "duties", "duty_ksbs"):
                sql = f"FROM {macro}_as_of('{moment}')"
                yield Row(what=f"{label} {macro}_as_of, all of it", seconds=timed(lambda: reader.frame(sql), 5), budget=0.2)  # noqa: B023
            sql = f"FROM ksbs_as_of('{moment}') WHERE reference = 'ST0128'"
            yield Row(what=f"{label} ksbs_as_of, one standard", seconds=timed(lambda: reader.frame(sql), 5), budget=0.2)  # noqa: B023
            yield Row(what=f"{label} every quality finding", seconds=timed(lambda: reader.frame("FROM quality_findings"), 3))
            yield Row(what=f"{label} Parquet, all of it", seconds=timed(lambda: export(reader, bench.data / PARQUET, "parquet"), 1))
            yield Row(what=f"{label} Parquet, nothing changed", seconds=timed(lambda: refresh_parquet(reader, bench.data), 3), budget=1)


def parsing(_: Bench) -> Iterator[Row]:
    """A page against the building of its tree, twenty at a time."""
    records = sample_records()
    html = page.evidence(standard_page(records["ST9001 1.2"], [records["ST9001 1.2"]], records["ST9001 1.2"]).encode())
    tree = timed(lambda: [BeautifulSoup(html, "lxml") for _ in range(20)], 7)
    parse = timed(lambda: [page.parse(html) for _ in range(20)], 7)
    yield Row(what="parsing a page, against building its tree", seconds=parse / 20, against=tree / 20, budget=1.5 * tree / 20)


def backfilling(bench: Bench) -> Iterator[Row]:
    """A made-up history of 40,000 commits over a fifth of the records: as deep as the 216,887 commits, and a fifth as wide."""
    folder = bench.data / "history"
    repository = Repository(folder / "repository")
    for at, name, body in many_nights(orjson.loads(bench.body)[::5], commits=COMMITS, each_night=COMMITS // 2_130):
        repository.commit(at, {name: body})
    share = COMMITS / 216_887
    history = History(repository.save())
    data = folder / "data"
    with open_warehouse(data) as db:
        seconds = timed(lambda: backfill(db, data / "evidence", history, no_progress, lambda: history.nights[-1].at), 1)
        yield Row(what=f"backfilling {COMMITS:,} commits", seconds=seconds, budget=180 * share)
        publish(db, data)
    shrink(data)
    with open_warehouse(data) as db:
        publishing = timed(lambda: publish(db, data), 3)
    disk = sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / 1e6
    yield Row(what="that history: publishing", seconds=publishing, budget=1, disk=disk, disk_budget=300 * share)
    with open_published(data) as reader:
        for macro in ("versions", "ksbs", "duties", "duty_ksbs"):
            sql = f"FROM {macro}_as_of('2024-02-29')"
            yield Row(what=f"that history: {macro}_as_of, all of it", seconds=timed(lambda: reader.frame(sql), 5), budget=0.2)  # noqa: B023


MEASURES: tuple[Callable[[Bench], Iterator[Row]], ...] = (loading, storing, parsing, backfilling)


def main() -> None:
    """Measure and print, each line as soon as it is known."""
    body = array()
    site = Canned(
        address="http://127.0.0.1", contact="bench", version="0", clock=time.monotonic, sleep=time.sleep, pace=Pace(clock=time.monotonic)
    )
    site.body = body
    loads = timed(lambda: orjson.loads(body), 5)
    sys.stdout.write(
        f"Decoding the array ({len(body) / 1e6:.0f} MB) takes {loads:.2f} s here; the budgets were set where it takes {REFERENCE_LOADS} s.\n"
        "Garbage collector on. Ratios are to decoding unless the line says to what.\n"
        f"{'':<58}{'seconds':>9}{'ratio':>8}{'budget':>8}{'peak MB':>9}{'disk MB':>9}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(data=Path(folder), site=site, body=body)
        for measure in MEASURES:
            for row in measure(bench):
                # A budget in seconds is so many decodings on the machine it was set on.
                unit, scale = (row.against, row.against) if row.against else (loads, REFERENCE_LOADS)
                budget = f"≤ {row.budget / scale:.1f}" if row.budget else ""
                over = " over" if row.budget and row.seconds / unit > row.budget / scale else ""
                memory = peak()
                over += " (memory)" if row.memory and memory > row.memory else ""
                over += " (disk)" if row.disk and row.disk_budget and row.disk > row.disk_budget else ""
                disk = f"{row.disk:,.0f}" if row.disk else ""
                sys.stdout.write(f"{row.what:<58}{row.seconds:>9.3f}{row.seconds / unit:>8.2f}{budget:>8}{memory:>9,.0f}{disk:>9}{over}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
