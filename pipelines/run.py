"""A run: what it was asked to do, handed down through every step.

Belongs here: the values of one run. Not here: the steps.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

AlertMode = Literal["live", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the daily job; `observed_at` (naive UTC) is the time everything it sees stands for.

    `alerts`: live tells what live runs saw, and nothing of a replay of the past; always and never are what they say.
    """

    run_id: str
    observed_at: datetime
    data: Path
    sources: tuple[str, ...]
    only: tuple[str, ...] | None
    alerts: AlertMode = "live"

    @property
    def evidence(self) -> Path:
        """The folder of the evidence packs."""
        return self.data / "evidence"


class Progress(Protocol):
    """Told how far a long loop is; `done` of `total` for one source or step."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say how far it is."""
