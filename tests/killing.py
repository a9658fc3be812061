"""A night's run in a process of its own, killed at a chosen point.

Belongs here: what the process does. Not here: which points, and what must come of it (pipelines.test_kills).
Imported once by the server that the processes are forked from, which itself runs nothing.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from pipelines import backfill
from scrapers.history import Repository
from tests.watching import Watch, night, no_progress
from warehouse.database import open_warehouse

_HOUSE = Path(__file__).parent.parent
# Parsing touches nothing that a kill could leave half-way; most calls are there.
_ROOMS = tuple(f"{_HOUSE / room}{os.sep}" for room in ("pipelines", "warehouse"))
SOURCES = ("api", "page")


def one_night(data: Path, address: str, number: int, run: int, kill_at: int | None, counted: Any) -> None:
    """Watch one night; `kill_at` is the call, of those that pipelines and warehouse make, at which the process dies."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        if frame.f_code.co_filename.startswith(_ROOMS):
            calls += 1
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    watch = Watch(data)
    watch.runs = run
    sys.settrace(count)
    try:
        watch.look(address, sources=SOURCES, at=night(number))
    finally:
        sys.settrace(None)
    counted.value = calls


def one_backfill(data: Path, folder: Path, kill_at: int) -> None:
    """Backfill in small steps; `kill_at` is the call at which the process dies, 0 for never."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        if frame.f_code.co_filename.startswith(_ROOMS):
            calls += 1
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    backfill._NIGHTS = 4  # type: ignore[misc]
    with open_warehouse(data) as db:
        sys.settrace(count if kill_at else None)
        now = night(1)
        backfill.backfill(db, data / "evidence", Repository(folder), no_progress, lambda: now, processes=1)
