"""The value objects of a comparison.

Belongs here: a difference and its address. Not here: finding one (pipelines.changes.compare).
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from schemas.events import EVENTS, Family, Severity
from schemas.record import digest

TransitionKind = Literal["new", "changed", "missing", "returned"]
Relation = Literal["unchanged", "relabelled", "reworded", "moved", "added", "removed"]
# The note of a link that came or went with its item.
FOLLOWS: Final = "with its item"
# Sources part the same banner lines differently; that is no other text.
_PARTED_RE: Final = re.compile(r"[;\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One typed difference between two records; `note` is what else a person should know of it."""

    event: str
    subject: str | None = None
    before: str | None = None
    after: str | None = None
    similarity: float | None = None
    note: str | None = None

    @property
    def family(self) -> Family:
        """lifecycle, content, attribute or notice."""
        return EVENTS[self.event].family


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference with all that is said of it, but when and by whom it was seen."""

    reference: str
    version: str
    title: str
    difference: Difference
    severity: Severity
    rule: str
    is_declared: bool
    effective_on: date | None
    summary: str

    def change_id(self, occurrence: int) -> str:
        """A function of what changed; `occurrence` counts how often the same source has shown this very change, from 1."""
        d = self.difference
        return digest([self.reference, self.version, d.event, d.subject, joined(d.before), joined(d.after), occurrence])


def joined(text: str | None) -> str | None:
    """A text without what parts its lines."""
    return None if text is None else _PARTED_RE.sub(" ", text).strip()
