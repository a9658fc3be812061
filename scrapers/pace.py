"""Pace: when a host may be asked again, agreed on by every process of this user on this machine.

Belongs here: taking turns. Not here: how long apart two requests are (scrapers.site), or asking.

In the shared folder each host has a file with two times of the wall clock: when it was last asked and
when it is free again. A process reads and writes it under a lock that is held for no longer than that
takes, and that the system lets go of when the holder dies; whoever is early waits outside and asks anew.
"""

import fcntl
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

# Below this a difference of two times is rounding, not waiting.
_NO_WAIT_S: Final = 1e-6
# The clock may be set right by a little; a request that lies further ahead was made under another time.
_CLOCK_STEP_S: Final = 1.0
_LOCKED_WAIT_S: Final = 0.05
# Ten seconds: a lock that is held for so long belongs to a process that was stopped.
_LOCKED_UNTIL_GIVEN_UP: Final = 200
_LONGEST_TEXT: Final = 100

Taken = tuple[float, float]


@dataclass(kw_only=True)
class Pace:
    """Hands out the turns of each host; without a folder, or where it cannot be used, to this process alone.

    `clock` is the wall clock where the folder is shared, in seconds. `trouble` says why it is not shared.
    """

    clock: Callable[[], float]
    folder: Path | None = None
    trouble: str | None = None
    _taken: dict[str, Taken] = field(default_factory=dict)
    _locked: int = 0

    def claim(self, host: str, interval_s: float) -> float:
        """Take a host's next turn, which keeps it for `interval_s`; else the seconds after which to ask again."""
        if self.folder is not None:
            try:
                return self._claim_shared(self.folder, host, interval_s)
            except OSError as error:
                self.trouble = (
                    f"The pace is kept by this process alone: {self.folder} cannot be used ({error.strerror or error}). "
                    "Let no second run ask the same site meanwhile."
                )
                self.folder = None
        taken, wait_s = _turn(self._taken.get(host), self.clock(), interval_s)
        self._taken[host] = taken
        return wait_s

    def _claim_shared(self, folder: Path, host: str, interval_s: float) -> float:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The port is part of the host: two sites on loopback are two hosts.
        handle = os.open(folder / quote(host, safe=""), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._locked += 1
                if self._locked > _LOCKED_UNTIL_GIVEN_UP:
                    raise
                return _LOCKED_WAIT_S
            self._locked = 0
            taken, wait_s = _turn(_read(os.pread(handle, _LONGEST_TEXT, 0)), self.clock(), interval_s)
            if not wait_s:
                written = os.pwrite(handle, f"{taken[0]!r} {taken[1]!r}\n".encode("ascii"), 0)
                os.ftruncate(handle, written)
            return wait_s
        finally:
            os.close(handle)


def _turn(taken: Taken | None, now: float, interval_s: float) -> tuple[Taken, float]:
    """Who has the host from now on, and how long it is until then: nothing where the turn is ours."""
    if taken and taken[0] <= now + _CLOCK_STEP_S and taken[1] - now > _NO_WAIT_S:
        return taken, taken[1] - now
    return (now, now + interval_s), 0.0


def _read(text: bytes) -> Taken | None:
    """What a file says; what cannot be read was cut off as it was written, and binds nobody."""
    try:
        asked_at, free_at = (float(part) for part in text.split())
    except ValueError:
        return None
    return (asked_at, free_at) if math.isfinite(asked_at) and math.isfinite(free_at) else None
