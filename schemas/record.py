"""The value objects: one version of one standard as parsed from one capture.

Belongs here: shapes and the digests that follow from them. Not here: where a value came from
(scrapers) or how it is stored (tables, warehouse).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final, Literal

import orjson

Kind = Literal["K", "S", "B"]
KINDS: Final[tuple[Kind, ...]] = ("K", "S", "B")

APPROVED: Final = "Approved for delivery"
IN_DEVELOPMENT: Final = "In development"
PROPOSAL: Final = "Proposal in development"
RETIRED: Final = "Retired"
WITHDRAWN: Final = "Withdrawn"
STATUSES: Final = (PROPOSAL, IN_DEVELOPMENT, APPROVED, RETIRED, WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ksb:
    """One knowledge, skill or behaviour item; its code is its position and nothing more."""

    kind: Kind
    position: int
    text: str
    options: tuple[str, ...] = ()
    publisher_id: str | None = field(default=None, compare=False)

    @property
    def code(self) -> str:
        """`K1`, `S17`, `B3`."""
        return f"{self.kind}{self.position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One duty with the codes of the KSBs it needs, in the order K, S, B and position.

    `is_core` is None where the source does not say.
    """

    number: int
    text: str
    codes: tuple[str, ...] = ()
    criteria: str = ""
    is_core: bool | None = None
    options: tuple[str, ...] = ()
    publisher_id: str | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Duty 3`."""
        return f"Duty {self.number}"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is taught: KSBs, duties, mapping and options. Immutable, addressed by its hash."""

    ksbs: tuple[Ksb, ...] = ()
    duties: tuple[Duty, ...] = ()
    options: tuple[str, ...] = ()

    @cached_property
    def content_id(self) -> str:
        """The first 32 hex digits of a sha256; publisher ids, which name nothing, do not count."""
        return digest(
            [
                [[ksb.code, ksb.text, ksb.options] for ksb in self.ksbs],
                [[d.number, d.text, d.codes, d.criteria, d.is_core, d.options] for d in self.duties],
                self.options,
            ]
        )

    def count(self, kind: Kind) -> int:
        """How many items of one kind there are."""
        return sum(ksb.kind == kind for ksb in self.ksbs)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One version of one standard as one source tells it; None is what the source does not say.

    `version` is None only where a page shows no number ("in revision"), `status` only on the
    occupation page. Months are whole months, `_gbp` whole pounds, `_on` plain dates without a zone.
    """

    reference: str
    version: str | None
    title: str
    status: str | None = None
    is_paused_for_starts: bool | None = None
    level: int | None = None
    route: str | None = None
    typical_duration_months: int | None = None
    epa_period_months: int | None = None
    minimum_hours: int | None = None
    max_funding_gbp: int | None = None
    lars_code: int | None = None
    occupation_code: str | None = None
    ssa_tier_1: str | None = None
    ssa_tier_2: str | None = None
    eqa_provider: str | None = None
    is_regulated: bool | None = None
    regulated_body: str | None = None
    integration: str | None = None
    integrated_degree: str | None = None
    is_core_and_options: bool | None = None
    template_type: str | None = None
    trailblazer_reference: str | None = None
    change_note: str | None = None
    changed_on: date | None = None
    approved_on: date | None = None
    published_on: date | None = None
    earliest_start_on: date | None = None
    latest_start_on: date | None = None
    assessment_plan_url: str | None = None
    page_url: str | None = None
    notice: str | None = None
    overview: str | None = None
    occupation_summary: str | None = None
    entry_requirements: str | None = None
    standard_information: str | None = None
    job_titles: tuple[str, ...] = ()
    qualifications: tuple[str, ...] = ()
    professional_recognition: tuple[str, ...] = ()
    regulation: tuple[str, ...] = ()
    content: Content = Content()

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Every value but the content, by column name, in column order."""
        return {name: getattr(self, name) for name in ATTRIBUTES}

    @cached_property
    def record_id(self) -> str:
        """Two records with the same id say the same, to the letter."""
        return digest([list(self.attributes.values()), self.content.content_id])


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A record as one source told it from a moment on; its version is known."""

    source: str
    record: Record
    seen_from_at: datetime
    run_id: str
    evidence_sha256: str
    parser_version: str

    @cached_property
    def snapshot_id(self) -> str:
        """Address of the snapshot: which version, where, and since when. A better reading of the same bytes is the same snapshot."""
        return digest([self.source, self.record.reference, self.record.version, self.seen_from_at.isoformat()])


ATTRIBUTES: Final = tuple(f.name for f in fields(Record) if f.name != "content")
# Columns that hold several values; empty is what the API says, or what no other source can be asked.
LISTS: Final = tuple(f.name for f in fields(Record) if f.default == ())


def digest(value: object) -> str:
    """A short, stable address for a value: 32 hex digits of the sha256 of its JSON."""
    return hashlib.sha256(orjson.dumps(value)).hexdigest()[:32]


def version_key(version: str) -> tuple[int, ...]:
    """Order versions as numbers: 1.11 comes after 1.2."""
    return tuple(int(part) for part in version.split("."))
