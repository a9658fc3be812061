"""Fixtures for every test."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from scrapers.sample.nights import DATES
from scrapers.sample.server import SampleSite, sample_nights
from tests.watching import Watch

# The gate tries the same examples every time, so that what landed lands again; people's runs look further.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """An empty data folder, ready to watch."""
    return Watch(tmp_path / "data")


@pytest.fixture(scope="session")
def sample_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the sample site's three nights have been watched; to be read, not written."""
    watch = Watch(tmp_path_factory.mktemp("sample") / "data")
    with SampleSite(sample_nights()) as site:
        for number, day in enumerate(DATES, 1):
            site.move(number)
            at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC).replace(tzinfo=None)
            watch.look(site.url, sources=("api", "page"), at=at)
    return watch.data


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not depend on who runs them."""
    names = ("DATA", "SITE", "CONTACT", "SOURCES", "REQUESTS_PER_SECOND", "KSB_PLANNER", "SUBSCRIPTIONS", "PUBLIC_URL", "HEARTBEAT_URL")
    for name in names:
        monkeypatch.delenv(f"STANDARDS_WATCH_{name}", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
