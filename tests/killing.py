"""A night's run in a process of its own, killed at a chosen point.

Belongs here: what the process does. Not here: which points, and what must come of it (pipelines.test_kills).
Imported once by the server that the processes are forked from, which itself runs nothing.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from pipelines.backfill import Portion, backfill
from scrapers.repository import Repository
from tests.watching import Watch, night, no_progress
from warehouse.database import open_warehouse

_HOUSE = Path(__file__).parent.parent
# Parsing touches nothing that a kill could leave half-way; most calls are there.
_ROOMS = tuple(f"{_HOUSE / room}{os.sep}" for room in ("pipelines", "warehouse"))
SOURCES = ("api", "page")


def one_night(data: Path, address: str, number: int, run: int, kill_at: int | None, counted: Any) -> None:
    """Watch one night; `kill_at` is the call, of those that pipelines and warehouse make, at which the process dies."""
    watch = Watch(data)
    watch.runs = run
    with _dying(kill_at) as calls:
        watch.look(address, sources=SOURCES, at=night(number))
    counted.value = len(calls)


def one_backfill(data: Path, folder: Path, kill_at: int | None) -> None:
    """Backfill in small steps; `kill_at` as above."""
    now = night(1)
    with open_warehouse(data) as db, _dying(kill_at):
        backfill(db, data / "evidence", Repository(folder), no_progress, lambda: now, processes=1, portion=Portion(nights=4))


@contextmanager
def _dying(kill_at: int | None) -> Iterator[list[None]]:
    """Count calls; die at one of them."""
    calls: list[None] = []

    def count(frame: FrameType, event: str, _: object) -> None:
        if frame.f_code.co_filename.startswith(_ROOMS):
            calls.append(None)
            if len(calls) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.settrace(count)
    try:
        yield calls
    finally:
        sys.settrace(None)
