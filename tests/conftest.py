"""Fixtures for every test."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.watching import Watch

# The gate tries the same examples every time, so that what landed lands again; people's runs look further.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """An empty data folder, ready to watch."""
    return Watch(tmp_path / "data")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not depend on who runs them."""
    names = ("DATA", "SITE", "CONTACT", "SOURCES", "REQUESTS_PER_SECOND", "KSB_PLANNER", "SUBSCRIPTIONS", "PUBLIC_URL", "HEARTBEAT_URL")
    for name in names:
        monkeypatch.delenv(f"STANDARDS_WATCH_{name}", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
