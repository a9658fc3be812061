"""The daily job's steps over a sample site, without Dagster: what the pipeline tests are written in.

Belongs here: replaying nights and asking what came of them. Not here: any expectation.
"""

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.capture import Captured, capture_api, capture_occupations, capture_pages
from pipelines.comparison import find_changes
from pipelines.conflicts import Counts as Compared
from pipelines.conflicts import find_conflicts
from pipelines.planner import capture_planner
from pipelines.run import AlertMode, Run
from pipelines.snapshots import Counts, take_snapshots
from scrapers.pace import Pace
from scrapers.sample.records import sample_records
from scrapers.sample.server import SampleSite
from scrapers.site import Limits, Site
from warehouse.captures import finish_run, run_outcome, start_run
from warehouse.database import Warehouse, open_warehouse
from warehouse.publish import publish

ApiRecord = dict[str, Any]
Rows = list[dict[str, Any]]


def night(number: int) -> datetime:
    """The moment the given night's run stands for, naive UTC."""
    return datetime(2026, 3, 1, 5, tzinfo=UTC).replace(tzinfo=None) + timedelta(days=number - 1)


def no_progress(what: str, done: int, total: int) -> None:
    """Nobody watches a test."""


def sample(*names: str, **changed: Any) -> list[ApiRecord]:
    """Sample records by name ("ST9001 1.2"), all with the same keys changed."""
    records = sample_records()
    return [copy.deepcopy(dict(records[name])) | copy.deepcopy(changed) for name in names or records]


class Watch:
    """A data folder and a site that serves whatever it is told; one call of `see` is one run."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.runs = 0
        self.limits = Limits()
        self.alerts: AlertMode = "live"
        self.captured: dict[str, Captured] = {}
        self.counts = Counts()
        self.compared = Compared()
        self._latest = self._run((), None)
        self._address = ""

    def see(
        self,
        records: Sequence[Mapping[str, Any]],
        *,
        sources: Sequence[str] = ("api",),
        only: Sequence[str] | None = None,
        faults: Sequence[Any] = (),
        at: datetime | None = None,
    ) -> Rows:
        """One run over these records; returns its new changes."""
        with SampleSite([records]) as sample_site:
            sample_site.misbehave(*faults)
            return self.look(sample_site.url, sources=sources, only=only, at=at)

    def look(
        self, address: str, *, sources: Sequence[str] = ("api",), only: Sequence[str] | None = None, at: datetime | None = None
    ) -> Rows:
        """One run over a site that is already there."""
        self._capture(address, sources, only, at)
        return self.work()

    def capture(self, records: Sequence[Mapping[str, Any]], *, sources: Sequence[str] = ("api",)) -> None:
        """The first half of a run: it dies before anything is read."""
        with SampleSite([records]) as sample_site:
            self._capture(sample_site.url, sources, None, None)

    def work(self) -> Rows:
        """The second half, for everything that waits; returns the new changes."""
        run = self._latest
        with self.open() as db:
            self.counts = take_snapshots(db, run, no_progress)
            found = find_changes(db, run)
            if "ksb_planner" in run.sources:
                with closing(self._site()) as site:
                    self.captured["ksb_planner"] = capture_planner(db, site, f"{self._address}/planner/{{reference}}", run, no_progress)
            self.compared = find_conflicts(db, run, no_progress)
            for row in db.rows("SELECT run_id, observed_at FROM runs WHERE status = 'running'"):
                status, message = run_outcome(db, row["run_id"])
                finish_run(db, row["run_id"], finished_at=row["observed_at"], status=status, message=message)
            publish(db, self.data)
        return found

    def _run(self, sources: Sequence[str], only: Sequence[str] | None, at: datetime | None = None) -> Run:
        return Run(
            run_id=f"run-{self.runs}",
            observed_at=at or night(self.runs),
            data=self.data,
            sources=tuple(sources),
            only=tuple(only) if only else None,
            alerts=self.alerts,
        )

    def _capture(self, address: str, sources: Sequence[str], only: Sequence[str] | None, at: datetime | None) -> None:
        self.runs += 1
        run = self._latest = self._run(sources, only, at)
        self._address = address
        with closing(self._site()) as site, self.open() as db:
            began = start_run(
                db,
                run_id=run.run_id,
                observed_at=run.observed_at,
                started_at=run.observed_at,
                site=address,
                sources=run.sources,
                only=run.only,
            )
            run = self._latest = replace(run, observed_at=began)
            for source, capture in (("api", capture_api), ("page", capture_pages), ("occupation", capture_occupations)):
                if source in sources:
                    self.captured[source] = capture(db, site, run, no_progress)

    def _site(self) -> Site:
        return Site(
            address=self._address,
            contact="tests@example.org",
            version="0",
            clock=time.monotonic,
            sleep=lambda _: None,
            pace=Pace(clock=time.monotonic),
            requests_per_second=1e9,
            limits=self.limits,
        )

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        """The warehouse between two runs."""
        with open_warehouse(self.data) as db:
            yield db

    def rows(self, sql: str) -> Rows:
        """What the warehouse answers."""
        with self.open() as db:
            return db.rows(sql)


def told(changes: Rows) -> list[tuple[str, str, str, str | None]]:
    """Changes as (reference, version, event, subject), in order."""
    return sorted((row["reference"], row["version"], row["event"], row["subject"] or "") for row in changes)
