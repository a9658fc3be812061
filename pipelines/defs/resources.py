"""Resources: what a run needs from outside, made from settings when it is launched.

Belongs here: settings turned into runtime objects. Not here: their defaults (pipelines.settings).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, cast, get_args
from urllib.parse import urlsplit

import dagster as dg
from platformdirs import user_cache_path

from pipelines.alerts.delivery import Office
from pipelines.alerts.subscriptions import Loaded
from pipelines.run import AlertMode, Run
from pipelines.settings import Settings, settings_with
from scrapers.pace import Pace
from scrapers.site import Site
from warehouse.database import Warehouse, open_warehouse
from warehouse.lock import only_writer

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class WatchResource(dg.ConfigurableResource["WatchResource"]):
    """What to watch and where to keep it; anything left out comes from the settings."""

    data: str | None = None
    site: str | None = None
    contact: str | None = None
    sources: list[str] | None = None
    requests_per_second: float | None = None
    ksb_planner: str | None = None
    only: list[str] | None = None
    observed_at: str | None = None
    alerts: str | None = None
    subscriptions: str | None = None
    public_url: str | None = None

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["WatchResource"]:  # noqa: ARG002 - Dagster's signature
        """For as long as a run lasts, no other one writes to its data folder."""
        with only_writer(self.settings().data):
            yield self

    def settings(self) -> Settings:
        """The settings with what this run was told on top."""
        return settings_with({name: getattr(self, name, None) for name in Settings.model_fields})

    def run(self, run_id: str, started_at: datetime) -> Run:
        """The run as its steps see it."""
        settings = self.settings()
        observed_at = datetime.fromisoformat(self.observed_at) if self.observed_at else started_at
        if observed_at.tzinfo:
            observed_at = observed_at.astimezone(UTC).replace(tzinfo=None)
        if self.alerts not in (None, *get_args(AlertMode)):
            raise dg.Failure(f"alerts: {self.alerts!r} is none of {', '.join(get_args(AlertMode))}.", allow_retries=False)
        return Run(
            run_id=run_id,
            observed_at=observed_at,
            data=settings.data,
            sources=settings.sources,
            only=tuple(self.only) if self.only else None,
            alerts=cast(AlertMode, self.alerts or "live"),
        )

    def office(self, loaded: Loaded, now: Callable[[], datetime]) -> Office:
        """What delivering needs from outside."""
        settings = self.settings()
        return Office(data=settings.data, loaded=loaded, public_url=settings.public_url, now=now)

    @contextmanager
    def open_site(self, address: str | None = None) -> Iterator[Site]:
        """The polite session, with the site to watch or another one. Raises dg.Failure where nobody says who is asking."""
        settings = self.settings()
        address = address or settings.site
        is_local = urlsplit(address).hostname in _LOOPBACK
        if not settings.contact and not is_local:
            raise dg.Failure(
                "Say who is asking: set STANDARDS_WATCH_CONTACT (or --contact) to an address the publisher can write to.",
                allow_retries=False,
            )
        site = Site(
            address=address,
            contact=settings.contact or "loopback test",
            version=version("standards-watch"),
            clock=time.monotonic,
            sleep=time.sleep,
            # A site on this machine is a test's or the demo's own; nobody else asks it.
            pace=Pace(clock=time.time, folder=None if is_local else user_cache_path("standards-watch") / "pace"),
            requests_per_second=settings.requests_per_second,
        )
        with closing(site):
            yield site

    @contextmanager
    def open_warehouse(self) -> Iterator[Warehouse]:
        """The writer's file."""
        with open_warehouse(self.settings().data) as db:
            yield db
