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
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from bs4 import BeautifulSoup

from pipelines.capture import capture_api
from pipelines.comparison import find_changes
from pipelines.conflicts import find_conflicts
from pipelines.run import Run
from pipelines.snapshots import take_snapshots
from scrapers import page
from scrapers.pace import Pace
from scrapers.sample.pages import standard_page
from scrapers.sample.records import sample_records
from scrapers.site import Capture, Site
from tests.watching import no_progress
from warehouse.captures import start_run
from warehouse.database import Warehouse, open_warehouse
from warehouse.publish import publish

SNAPSHOT = Path(__file__).resolve().parents[2] / "shared" / "data" / "standards-2026-08-22.jsonl.xz"
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


def main() -> None:
    """Measure and print."""
    body = array()
    site = Canned(
        address="http://127.0.0.1", contact="bench", version="0", clock=time.monotonic, sleep=time.sleep, pace=Pace(clock=time.monotonic)
    )
    site.body = body
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as folder, open_warehouse(Path(folder)) as db:
        data = Path(folder)
        first = timed(lambda: night(db, site, data, 0), 1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        versions = db.rows("SELECT count(*) AS n FROM current_versions")[0]["n"]
        rows.append((f"first load of {versions:,} records", f"{first:.1f} s, peak {peak:,.0f} MB", "≤ 30 s, ≤ 1 GB"))
        numbers = iter(range(1, 100))
        loads = timed(lambda: orjson.loads(body), 5)
        unchanged = timed(lambda: night(db, site, data, next(numbers)), 5)
        rows.append(
            ("a night on which nothing changed ÷ orjson.loads", f"{unchanged / loads:.2f} ({unchanged:.2f} s ÷ {loads:.2f} s)", "≤ 3")
        )
        rows.append(("publishing", f"{timed(lambda: publish(db, data), 3):.2f} s", "≤ 1 s"))
        moment = START + timedelta(hours=12)
        as_of = timed(lambda: db.rows("SELECT count(*) FROM ksbs_as_of(?)", [moment]), 5)
        rows.append(("an as-of query", f"{as_of * 1000:.0f} ms", "≤ 200 ms"))
    records = sample_records()
    html = page.evidence(standard_page(records["ST9001 1.2"], [records["ST9001 1.2"]], records["ST9001 1.2"]).encode())
    tree = timed(lambda: [BeautifulSoup(html, "lxml") for _ in range(20)], 7)
    parse = timed(lambda: [page.parse(html) for _ in range(20)], 7)
    rows.append(("parsing a page ÷ building its tree", f"{parse / tree:.2f} ({parse / 20 * 1000:.1f} ms)", "≤ 1.5"))
    width = max(len(name) for name, _, _ in rows)
    for name, figure, budget in rows:
        sys.stdout.write(f"{name:<{width}}  {figure:<32}  budget {budget}\n")


if __name__ == "__main__":
    main()
