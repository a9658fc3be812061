"""Bulk changes: one hand on many records in one night is one piece of news, not hundreds.

Belongs here: finding them among the changes of one run. Not here: who is told.
In the record: minimum hours filled in on 583 records on 2026-02-17, the core flag of 396 version files
set in three nights of November 2024. In the 46 nights of summer 2026 minimum hours moved in 60, 19 and 10
standards, the integrated degree in 20, and no other field of more than nine on one night.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

# Standards that must show the same move in one run.
BULK: Final = 20
# What happens to each version for reasons of its own, however many do it on one day.
_OF_THEIR_OWN: Final = frozenset({"version_live", "version_retired", "version_announced", "version_added", "standard_added"})


Move = tuple[datetime, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """The same move in many standards: its rows, in the order they came."""

    event: str
    subject: str | None
    rows: tuple[Mapping[str, Any], ...]

    @property
    def standards(self) -> int:
        """How many standards moved."""
        return len({row["reference"] for row in self.rows})

    @property
    def versions(self) -> int:
        """How many versions moved."""
        return len({(row["reference"], row["version"]) for row in self.rows})


def bulk(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Bulk], list[Mapping[str, Any]]]:
    """The bulk changes among some changes, and the rest in their order."""
    every = list(rows)
    groups: defaultdict[Move, list[Mapping[str, Any]]] = defaultdict(list)
    for row in every:
        if row["event"] not in _OF_THEIR_OWN:
            groups[_move(row)].append(row)
    found = {
        move: Bulk(event=move[1], subject=move[2], rows=tuple(group))
        for move, group in groups.items()
        if len({row["reference"] for row in group}) >= BULK
    }
    return list(found.values()), [row for row in every if _move(row) not in found]


def _move(row: Mapping[str, Any]) -> Move:
    """What makes two changes the same move: the look, the event, and the column where there is one; codes and duties are each standard's own."""
    is_column = row["event"] in ("attribute_changed", "start_dates_moved")
    return row["detected_at"], row["event"], row["subject"] if is_column else None
