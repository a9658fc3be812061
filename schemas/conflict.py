"""The value objects of a second opinion: what a page or a third party says, to hold beside the API.

Belongs here: shapes. Not here: comparing them (pipelines.changes.sources) or reading them (scrapers).
"""

from dataclasses import dataclass
from datetime import date

from schemas.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One row of a page's version log; `version` is None for the row of a revision that has no number yet."""

    version: str | None
    change_note: str | None
    earliest_start_on: date | None
    latest_start_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Republished:
    """What a site that republishes a standard says of it: facts under the names of a snapshot's columns, and no prose.

    None is what it does not say. `last_checked_on` is the day the site itself last looked at the source.
    """

    reference: str
    version: str
    level: int | None = None
    typical_duration_months: int | None = None
    minimum_hours: int | None = None
    max_funding_gbp: int | None = None
    ssa_tier_2: str | None = None
    eqa_provider: str | None = None
    trailblazer_reference: str | None = None
    change_note: str | None = None
    changed_on: date | None = None
    approved_on: date | None = None
    earliest_start_on: date | None = None
    knowledge_count: int | None = None
    skill_count: int | None = None
    behaviour_count: int | None = None
    duty_count: int | None = None
    last_checked_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One thing that two sources say differently of a version; the value is None where a side says nothing of it.

    `version` is None where neither side gives it a number.
    """

    version: str | None
    subject: str
    value: str | None
    other_value: str | None
    rule: str

    @property
    def is_explained(self) -> bool:
        """Whether the difference has a known reason and is no disagreement."""
        return RULES[self.rule].outcome == "note"
