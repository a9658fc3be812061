"""The tables: one Pandera model each, every column declared once.

Belongs here: columns, types, checks, descriptions, and how a column is compared. Not here: SQL (the
warehouse projects it from these models) and Dagster metadata (pipelines.defs does the same).
`_at` = UTC timestamp without zone, `_on` = plain date, `_gbp` = whole pounds, `is_` = boolean.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

import pandera.polars as pa
import polars as pl

from schemas.change import Relation, TransitionKind
from schemas.events import EVENTS, SEVERITIES
from schemas.record import KINDS, STATUSES
from schemas.rules import RULES, QuarantineStatus

Timestamp = Annotated[pl.Datetime, "us", None]
Texts = Annotated[pl.List, pl.String]

SOURCES: Final = ("api", "page", "occupation")
# Who is asked but never believed over the publisher: its facts stand in no snapshot.
SECOND_OPINIONS: Final = ("ksb_planner",)
RELATIONS: Final = get_args(Relation)
OUTCOMES: Final = ("served", "not_modified", "gone", "unreachable", "refused")
RUN_STATUSES: Final = ("running", "good", "quarantine", "failed")
ALERT_KINDS: Final = ("standard", "welcome", "alarm")
ALARM_PHASES: Final = ("opened", "reminder", "over")
CHANNELS: Final = ("email", "apprise", "webhook", "file")
FREQUENCIES: Final = ("immediate", "daily", "weekly")
DELIVERY_STATES: Final = ("waiting", "due", "sending", "sent", "failed", "dead")

_REFERENCE: Final = r"^(?:ST|FA|AU)\d{4}$"
REFERENCE_RE: Final = re.compile(_REFERENCE)
_VERSION: Final = r"^\d+\.\d+$"
_DIGEST: Final = r"^[0-9a-f]{32}$"
_SHA256: Final = r"^[0-9a-f]{64}$"
_CODE: Final = r"^[KSB][1-9]\d*$"


def _reference(**more: Any) -> Any:
    return pa.Field(str_matches=_REFERENCE, description="The standard: ST0128, FA0001 (foundation), AU0009 (unit)", **more)


def _version(**more: Any) -> Any:
    return pa.Field(str_matches=_VERSION, description="The version of the standard: 1.1", **more)


def _source(**more: Any) -> Any:
    return pa.Field(isin=SOURCES, description="Where it was read: api (the public JSON), page (the standard's page), occupation", **more)


def _any_source(description: str, **more: Any) -> Any:
    return pa.Field(isin=(*SOURCES, *SECOND_OPINIONS), description=f"{description}: api, page, occupation, ksb_planner", **more)


def _run_id(**more: Any) -> Any:
    return pa.Field(description="The run, as Dagster names it", **more)


def _evidence(**more: Any) -> Any:
    return pa.Field(str_matches=_SHA256, description="sha256 of the bytes it was read from", **more)


def _attribute(description: str, compared: str | None = None, **more: Any) -> Any:
    """A column of a version; `compared` names the comparison, None is stored and never a change by itself."""
    return pa.Field(nullable=True, description=description, metadata={"compared": compared}, **more)


def _figure(description: str, **more: Any) -> Any:
    return _attribute(f"{description}; NULL where none is told, or 0", "text", ge=1, **more)


class Runs(pa.DataFrameModel):
    """One row per run of the daily job."""

    run_id: str = _run_id()
    observed_at: Timestamp = pa.Field(description="The time the run stands for; captures and snapshots carry it")
    started_at: Timestamp = pa.Field(description="When the run began")
    finished_at: Timestamp = pa.Field(nullable=True, description="When it ended; NULL while it runs or where it died")
    status: str = pa.Field(
        isin=RUN_STATUSES, description="running, good, quarantine (done, with records held back or a source down), failed"
    )
    site: str = pa.Field(description="The address that was read")
    sources: Texts = pa.Field(description="The sources that were asked for")
    only_references: Texts = pa.Field(nullable=True, description="The standards the run was limited to; NULL = all")
    message: str = pa.Field(nullable=True, description="What went wrong, in a sentence; NULL where nothing did")


class Captures(pa.DataFrameModel):
    """One row per request and its outcome."""

    capture_id: str = pa.Field(str_matches=_DIGEST, description="Address of the capture")
    run_id: str = _run_id()
    source: str = _any_source("What was read")
    reference: str = _reference(nullable=True)
    version: str = _version(nullable=True)
    url: str = pa.Field(description="The address asked for")
    captured_at: Timestamp = pa.Field(description="The time the capture stands for")
    outcome: str = pa.Field(isin=OUTCOMES, description="served, not_modified, gone, unreachable or refused")
    status_code: pl.Int32 = pa.Field(nullable=True, description="HTTP status; NULL where no answer came")
    size_bytes: pl.Int64 = pa.Field(nullable=True, ge=0, description="Size of the decoded body")
    etag: str = pa.Field(nullable=True, description="The validator the site gave with the body")
    evidence_sha256: str = pa.Field(
        nullable=True,
        str_matches=_SHA256,
        description="sha256 of the bytes that were kept of it; NULL where they are kept record by record: the API's array, a history's files",
    )
    rule: str = pa.Field(
        nullable=True,
        isin=[code for code in RULES if code[0] in "CP"],
        description="The rule it met: why it was not served, or what was odd about it",
    )
    reason: str = pa.Field(nullable=True, description="Why it was not served, or what was odd about it, in a sentence")
    is_complete: bool = pa.Field(
        description="Whether it was read whole (the API's array, a file of a history), so that absence means something"
    )
    is_read: bool = pa.Field(description="Whether its records have been turned into snapshots")


class Evidence(pa.DataFrameModel):
    """One row per stored body, content-addressed; the bytes are in the evidence folder."""

    sha256: str = pa.Field(str_matches=_SHA256, description="sha256 of the bytes as kept")
    pack: str = pa.Field(description="File in the evidence folder that holds the bytes")
    offset_bytes: pl.Int64 = pa.Field(ge=0, description="Where the compressed bytes begin in the pack")
    stored_bytes: pl.Int64 = pa.Field(gt=0, description="Length of the compressed bytes")
    size_bytes: pl.Int64 = pa.Field(ge=0, description="Length of the bytes themselves")
    run_id: str = _run_id()


class Listings(pa.DataFrameModel):
    """What a capture held, one row per version: of those not read yet, and of the newest with a validator at each address."""

    capture_id: str = pa.Field(str_matches=_DIGEST, description="The capture that held it")
    reference: str = _reference()
    version: str = _version()
    evidence_sha256: str = _evidence()
    status: str = pa.Field(nullable=True, description="Status as the array said, to know which pages to read")
    page_url: str = pa.Field(nullable=True, description="Address of the version's page, as the array said")
    occupation_code: str = pa.Field(nullable=True, description="Occupation, as the array said")


class WatchedVersions(pa.DataFrameModel):
    """One row per source and version: where it stands now and when that was last checked."""

    source: str = _source()
    reference: str = _reference()
    version: str = _version()
    snapshot_id: str = pa.Field(str_matches=_DIGEST, description="The snapshot in force")
    evidence_sha256: str = _evidence()
    parser_version: str = pa.Field(description="The parser that last read it")
    first_seen_at: Timestamp = pa.Field(description="When this source first showed the version")
    last_checked_at: Timestamp = pa.Field(description="When it was last seen to hold, changed or not")
    absences: pl.Int32 = pa.Field(ge=0, description="Complete captures in a row that did not hold it")
    is_missing: bool = pa.Field(description="Whether it was missing three times in a row and has not returned")
    stale_since_at: Timestamp = pa.Field(nullable=True, description="Since when it could not be checked; NULL = checked by the last run")
    stale_reason: str = pa.Field(nullable=True, description="Why it could not be checked")


class Snapshots(pa.DataFrameModel):
    """A record that differs from the one before it, with the time it was first seen and superseded."""

    snapshot_id: str = pa.Field(str_matches=_DIGEST, description="Address of the snapshot")
    source: str = _source()
    seen_from_at: Timestamp = pa.Field(description="When this state was first seen")
    seen_to_at: Timestamp = pa.Field(nullable=True, description="When it was superseded or found missing; NULL = now")
    run_id: str = _run_id()
    evidence_sha256: str = _evidence()
    parser_version: str = pa.Field(description="The parser that read it")
    record_id: str = pa.Field(str_matches=_DIGEST, description="Address of everything the record says")
    content_id: str = pa.Field(str_matches=_DIGEST, description="Address of its KSBs, duties, mapping and options")
    reference: str = _reference()
    version: str = _version()
    title: str = pa.Field(str_length={"min_value": 1}, description="Title of the version", metadata={"compared": "text"})
    status: str = _attribute("Status in the publisher's words", "lifecycle", isin=STATUSES)
    is_paused_for_starts: bool = _attribute("Approved, but taking no starts for now; NULL unless approved", "lifecycle")
    level: pl.Int32 = _figure("Level of the standard", le=8)
    route: str = _attribute("Occupational route", "text")
    typical_duration_months: pl.Int32 = _figure("Typical duration to gateway, in months")
    epa_period_months: pl.Int32 = _figure("Typical end-point assessment period, in months")
    minimum_hours: pl.Int32 = _figure("Minimum off-the-job training hours")
    max_funding_gbp: pl.Int32 = _figure("Maximum funding, in whole pounds")
    lars_code: pl.Int32 = _figure("LARS standard code")
    occupation_code: str = _attribute("Occupation the standard belongs to: OCC0128", "text")
    ssa_tier_1: str = _attribute("Sector subject area, first tier", "text")
    ssa_tier_2: str = _attribute("Sector subject area, second tier", "text")
    eqa_provider: str = _attribute("External quality assurance provider", "text")
    is_regulated: bool = _attribute("Whether the occupation is regulated", "text")
    regulated_body: str = _attribute("Body that regulates the occupation", "text")
    integration: str = _attribute("How the assessment is integrated with a qualification", "text")
    integrated_degree: str = _attribute("Degree or qualification the apprenticeship includes", "text")
    is_core_and_options: bool = _attribute("Whether it has a core and options", "text")
    template_type: str = _attribute("Publisher's template; the oldest has neither KSB codes nor duties", "text")
    trailblazer_reference: str = _attribute("Trailblazer group reference", "text")
    change_note: str = _attribute("Publisher's own words on what this version changed", "text")
    changed_on: pl.Date = _attribute("Publisher's date of the last change")
    approved_on: pl.Date = _attribute("First approval for delivery, kept over versions")
    published_on: pl.Date = _attribute("Publisher's publish date; often the start or end date, even in the future")
    earliest_start_on: pl.Date = _attribute("First day apprentices can start on this version", "lifecycle")
    latest_start_on: pl.Date = _attribute("Last day apprentices can start on this version", "lifecycle")
    assessment_plan_url: str = _attribute("Assessment plan; only media id and file name, or the view, are compared", "assessment_plan")
    page_url: str = _attribute("Address of the version's page")
    notice: str = _attribute("Banner text of the page", "notice")
    overview: str = _attribute("Overview of the role", "text")
    occupation_summary: str = _attribute("Occupation summary, as visible text", "text")
    entry_requirements: str = _attribute("Entry requirements, as visible text", "text")
    standard_information: str = _attribute("The standard's prose in the oldest template, as visible text", "text")
    job_titles: Texts = pa.Field(description="Typical job titles, in alphabetical order", metadata={"compared": "set"})
    qualifications: Texts = pa.Field(description="Qualifications that must be gained", metadata={"compared": "set"})
    professional_recognition: Texts = pa.Field(description="Professional recognition it aligns with", metadata={"compared": "set"})
    regulation: Texts = pa.Field(description="Who must be approved by the regulator", metadata={"compared": "set"})
    knowledge_count: pl.Int32 = pa.Field(ge=0, description="How many knowledge items")
    skill_count: pl.Int32 = pa.Field(ge=0, description="How many skills")
    behaviour_count: pl.Int32 = pa.Field(ge=0, description="How many behaviours")
    duty_count: pl.Int32 = pa.Field(ge=0, description="How many duties")


class ContentKsbs(pa.DataFrameModel):
    """The KSBs of one content; written once, shared by every snapshot with that content."""

    content_id: str = pa.Field(str_matches=_DIGEST, description="The content it belongs to")
    code: str = pa.Field(str_matches=_CODE, description="K1, S17, B3: its position in the list, nothing more")
    kind: str = pa.Field(isin=KINDS, description="K knowledge, S skill, B behaviour")
    position: pl.Int32 = pa.Field(ge=1, description="Place in the list of its kind")
    text: str = pa.Field(str_length={"min_value": 1}, description="The words, with white space normalised")
    options: Texts = pa.Field(description="Options it belongs to; empty = core, or a standard without options")


class ContentDuties(pa.DataFrameModel):
    """The duties of one content."""

    content_id: str = pa.Field(str_matches=_DIGEST, description="The content it belongs to")
    duty_number: pl.Int32 = pa.Field(ge=1, description="Place in the list of duties")
    text: str = pa.Field(description="The words, with white space normalised")
    criteria: str = pa.Field(nullable=True, description="Criteria for measuring performance")
    is_core: bool = pa.Field(nullable=True, description="Whether every option needs it; NULL where the source does not say")
    options: Texts = pa.Field(description="Options it belongs to; empty = core")


class ContentDutyKsbs(pa.DataFrameModel):
    """The mapping of one content: which KSBs a duty needs."""

    content_id: str = pa.Field(str_matches=_DIGEST, description="The content it belongs to")
    duty_number: pl.Int32 = pa.Field(ge=1, description="The duty")
    code: str = pa.Field(str_matches=_CODE, description="The KSB the duty needs")


class ContentOptions(pa.DataFrameModel):
    """The options of one content."""

    content_id: str = pa.Field(str_matches=_DIGEST, description="The content it belongs to")
    position: pl.Int32 = pa.Field(ge=1, description="Place in the list of options")
    title: str = pa.Field(description="Title of the option")


class Transitions(pa.DataFrameModel):
    """What happened to the snapshots and is, or is still to be, compared: the queue between the two."""

    transition_id: str = pa.Field(str_matches=_DIGEST, description="Address of the transition")
    run_id: str = _run_id()
    source: str = _source()
    reference: str = _reference()
    version: str = _version()
    kind: str = pa.Field(isin=get_args(TransitionKind), description="new, changed, missing or returned")
    before_snapshot_id: str = pa.Field(nullable=True, str_matches=_DIGEST, description="The snapshot before")
    after_snapshot_id: str = pa.Field(nullable=True, str_matches=_DIGEST, description="The snapshot after; NULL where it is missing")
    detected_at: Timestamp = pa.Field(description="When it was seen")
    is_baseline: bool = pa.Field(description="First sight of what was there before we looked: no change, no alert")
    is_compared: bool = pa.Field(description="Whether its changes have been written")


class Changes(pa.DataFrameModel):
    """One typed difference between two snapshots of the same version."""

    change_id: str = pa.Field(str_matches=_DIGEST, description="A function of what changed: same change, same id")
    detected_at: Timestamp = pa.Field(description="When it was first seen")
    run_id: str = _run_id()
    reference: str = _reference()
    version: str = _version()
    title: str = pa.Field(description="Title of the version")
    family: str = pa.Field(isin=sorted({event.family for event in EVENTS.values()}), description="lifecycle, content, attribute or notice")
    event: str = pa.Field(isin=list(EVENTS), description=f"What kind of change it is: {', '.join(EVENTS)}")
    subject: str = pa.Field(nullable=True, description="What changed: a code, `Duty 3`, `Duty 3 → K17`, a column's name")
    before: str = pa.Field(nullable=True, description="The value before, as text")
    after: str = pa.Field(nullable=True, description="The value after, as text")
    similarity: pl.Float64 = pa.Field(nullable=True, ge=0, le=100, description="How alike the two texts are, 0 to 100")
    severity: str = pa.Field(isin=SEVERITIES, description="The publisher's scale: correction, adjustment, revision; none = information")
    rule: str = pa.Field(str_startswith="R-", description="The rule that decided the severity")
    is_declared: bool = pa.Field(description="Whether the publisher said so: a version, date or change note moved with it")
    effective_on: pl.Date = pa.Field(nullable=True, description="The day from which it counts, where it is known")
    reverts: str = pa.Field(nullable=True, str_matches=_DIGEST, description="The change this one takes back")
    sources: Texts = pa.Field(description="The sources that showed it")
    evidence_before: str = pa.Field(nullable=True, str_matches=_SHA256, description="sha256 of the bytes before")
    evidence_after: str = pa.Field(nullable=True, str_matches=_SHA256, description="sha256 of the bytes after")
    summary: str = pa.Field(str_length={"min_value": 1}, description="The change in one sentence")


class VersionCrosswalk(pa.DataFrameModel):
    """What became of each item from one version to the next: every old and every new code exactly once."""

    reference: str = _reference()
    from_version: str = pa.Field(str_matches=_VERSION, description="The older version")
    to_version: str = pa.Field(str_matches=_VERSION, description="The version after it")
    kind: str = pa.Field(isin=(*KINDS, "D"), description="K knowledge, S skill, B behaviour, D duty")
    from_code: str = pa.Field(nullable=True, description="Code in the older version, or `Duty 3`; NULL where it was added")
    to_code: str = pa.Field(nullable=True, description="Code in the newer version; NULL where it was removed")
    relation: str = pa.Field(isin=RELATIONS, description="unchanged, relabelled, reworded, moved, added or removed")
    similarity: pl.Float64 = pa.Field(nullable=True, ge=0, le=100, description="How alike the two texts are, 0 to 100")
    from_text: str = pa.Field(nullable=True, description="The words in the older version")
    to_text: str = pa.Field(nullable=True, description="The words in the newer version")


class Quarantine(pa.DataFrameModel):
    """Records that failed a rule, kept out; the last good record stays current.

    One that cannot be placed has no reference or no version.
    """

    quarantine_id: str = pa.Field(str_matches=_DIGEST, description="Address of the held record")
    run_id: str = _run_id()
    last_run_id: str = pa.Field(description="The last run that met it; the site still serves it while this moves on")
    held_at: Timestamp = pa.Field(description="When it was first held back")
    source: str = _source()
    reference: str = _reference(nullable=True)
    version: str = _version(nullable=True)
    url: str = pa.Field(description="The address it came from")
    evidence_sha256: str = _evidence(nullable=True)
    rule: str = pa.Field(
        isin=[rule.code for rule in RULES.values() if rule.outcome == "hold" or rule.can_be_approved], description="The rule it failed"
    )
    reason: str = pa.Field(description="What was wrong, in a sentence")
    status: str = pa.Field(isin=get_args(QuarantineStatus), description="held, approved (goes through at the next run), released, rejected")
    decided_at: Timestamp = pa.Field(nullable=True, description="When somebody decided")
    decided_by: str = pa.Field(nullable=True, description="Who decided")
    decision_reason: str = pa.Field(nullable=True, description="Why, in their words")


class Incidents(pa.DataFrameModel):
    """One fault that explains many failures of a source: opened once, closed by the first run that no longer meets it."""

    incident_id: str = pa.Field(str_matches=_DIGEST, description="Address of the incident")
    source: str = _source()
    rule: str = pa.Field(isin=[rule.code for rule in RULES.values() if rule.outcome == "incident"], description="What kind of fault it is")
    subject: str = pa.Field(nullable=True, description="The field that is gone; NULL for other faults")
    run_id: str = pa.Field(description="The run that met it first, as Dagster names it")
    last_run_id: str = pa.Field(description="The run that met it last")
    opened_at: Timestamp = pa.Field(description="When it was first met")
    last_met_at: Timestamp = pa.Field(description="When it was last met")
    reminded_at: Timestamp = pa.Field(description="When it was last news: at its opening, and again each day it lasts")
    closed_at: Timestamp = pa.Field(nullable=True, description="When a run no longer met it; NULL = open")
    cause: str = pa.Field(nullable=True, description="The rule that the failures broke; NULL where a field is lost")
    affected: pl.Int64 = pa.Field(ge=1, description="How many requests or records failed, when it was last met")
    examined: pl.Int64 = pa.Field(ge=1, description="Of how many")
    summary: str = pa.Field(str_length={"min_value": 1}, description="The fault in a sentence or two, with an example")


class ReparseReport(pa.DataFrameModel):
    """What a better parser made of bytes that were read before: our change, never the publisher's."""

    reported_at: Timestamp = pa.Field(description="When the bytes were read again")
    run_id: str = _run_id()
    snapshot_id: str = pa.Field(str_matches=_DIGEST, description="The snapshot whose reading moved")
    source: str = _source()
    reference: str = _reference()
    version: str = _version()
    from_parser: str = pa.Field(description="The parser that read it before")
    to_parser: str = pa.Field(description="The parser that read it now")
    event: str = pa.Field(nullable=True, isin=list(EVENTS), description="What it would be called, had the publisher done it")
    subject: str = pa.Field(nullable=True, description="What reads differently: a code, `Duty 3`, a column's name")
    before: str = pa.Field(nullable=True, description="As it was read before")
    after: str = pa.Field(nullable=True, description="As it is read now")
    rule: str = pa.Field(
        nullable=True, str_startswith="P-", description="The rule by which the new parser refuses the bytes; the old reading stays"
    )
    reason: str = pa.Field(nullable=True, description="What it says of them")


class Journal(pa.DataFrameModel):
    """What is still to be written to the journal in the evidence folder, and the last entry that was."""

    number: pl.Int64 = pa.Field(ge=1, description="Place in the journal, from 1")
    entry: str = pa.Field(description="The entry as JSON")


class Findings(pa.DataFrameModel):
    """What was odd about a record that was let through: one row per rule and place, for the newest snapshot."""

    snapshot_id: str = pa.Field(str_matches=_DIGEST, description="The snapshot it was found in")
    rule: str = pa.Field(isin=[rule.code for rule in RULES.values() if rule.outcome == "warn"], description="The rule it met")
    message: str = pa.Field(description="Where and what")


class SourceConflicts(pa.DataFrameModel):
    """One disagreement between two sources, open or past; each side keeps its own value."""

    conflict_id: str = pa.Field(str_matches=_DIGEST, description="Address of the disagreement")
    reference: str = _reference()
    version: str = _version(nullable=True)
    subject: str = pa.Field(str_length={"min_value": 1}, description="What they differ in: a column, K7, `Duty 3`, `page`, `version log`")
    source: str = _any_source("One side")
    other_source: str = _any_source("The other side")
    value: str = pa.Field(nullable=True, description="What the one side says, as text; NULL = nothing")
    other_value: str = pa.Field(nullable=True, description="What the other side says, as text; NULL = nothing")
    rule: str = pa.Field(isin=[rule.code for rule in RULES.values() if rule.outcome in ("flag", "note")], description="The rule it met")
    is_explained: bool = pa.Field(description="Whether the rule names a known reason: kept, and not flagged")
    first_seen_at: Timestamp = pa.Field(description="When the sides were first seen to differ so")
    last_seen_at: Timestamp = pa.Field(description="When they were last seen to")
    resolved_at: Timestamp = pa.Field(nullable=True, description="When they were first seen not to any more; NULL = open")
    evidence_sha256: str = pa.Field(nullable=True, str_matches=_SHA256, description="sha256 of the one side's bytes when first seen")
    other_evidence_sha256: str = pa.Field(
        nullable=True, str_matches=_SHA256, description="sha256 of the other side's bytes when first seen"
    )


class SourceComparisons(pa.DataFrameModel):
    """What a source was last compared with the API on: one row per standard, so that only what moved is compared again."""

    source: str = _any_source("The source that was compared with the API")
    reference: str = _reference()
    basis: str = pa.Field(str_matches=_DIGEST, description="Address of all that was compared, on both sides")
    compared_at: Timestamp = pa.Field(description="When it was compared")


class Alerts(pa.DataFrameModel):
    """One thing to tell, written with what it tells: the changes of a standard in one look, a welcome, or an alarm of the house."""

    alert_id: str = pa.Field(str_matches=_DIGEST, description="A function of what is told")
    kind: str = pa.Field(isin=ALERT_KINDS, description="standard, welcome (the first run) or alarm (silence, failures)")
    detected_at: Timestamp = pa.Field(description="When it was seen; with the reference it names the changes")
    reference: str = _reference(nullable=True)
    topic: str = pa.Field(nullable=True, description="What an alarm is about, the same from its opening to its end")
    phase: str = pa.Field(nullable=True, isin=ALARM_PHASES, description="opened, reminder or over, of an alarm")
    summary: str = pa.Field(nullable=True, str_length={"min_value": 1}, description="The words of an alarm")
    is_addressed: bool = pa.Field(description="Whether its deliveries have been written")


class Deliveries(pa.DataFrameModel):
    """One alert for one target: what of it the target asked for, and how far it got."""

    delivery_id: str = pa.Field(str_matches=_DIGEST, description="A function of what is told and to which target: told once")
    message_id: str = pa.Field(
        nullable=True, str_matches=_DIGEST, description="The message that carries it; a digest carries several; NULL while it waits for one"
    )
    target: str = pa.Field(description="Name of the target in the subscriptions")
    channel: str = pa.Field(isin=CHANNELS, description="email, apprise, webhook or file")
    frequency: str = pa.Field(isin=FREQUENCIES, description="immediate, daily or weekly")
    kind: str = pa.Field(isin=(*ALERT_KINDS, "bulk"), description="standard, bulk (the same move in many standards), welcome or alarm")
    reference: str = _reference(nullable=True)
    alert_ids: Texts = pa.Field(description="The alerts it comes from")
    change_ids: Texts = pa.Field(description="The changes it tells")
    subscriptions: Texts = pa.Field(description="The subscriptions that asked for it")
    state: str = pa.Field(
        isin=DELIVERY_STATES, description="waiting (for a digest), due, sending, sent, failed (will be tried again), dead (given up)"
    )
    attempts: pl.Int32 = pa.Field(ge=0, description="How often it was tried")
    created_at: Timestamp = pa.Field(description="When it was addressed")
    due_at: Timestamp = pa.Field(description="When it is to be sent; of a digest the beginning of its day, London time")
    next_try_at: Timestamp = pa.Field(nullable=True, description="When it is tried next; NULL once sent or dead")
    last_tried_at: Timestamp = pa.Field(nullable=True, description="When it was last tried")
    sent_at: Timestamp = pa.Field(nullable=True, description="When the channel took it")
    last_answer: str = pa.Field(nullable=True, description="What the channel last said, without secrets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its name, its model and the columns that name a row (none where some of them can be NULL).

    `is_internal`: it stands in the schema `internal`, no part of what is promised to readers. `is_indexed`: DuckDB holds the key to it.
    """

    name: str
    model: type[pa.DataFrameModel]
    key: tuple[str, ...]
    is_internal: bool = False
    is_indexed: bool = True

    @property
    def qualified(self) -> str:
        """The name with its schema, as views and DDL need it."""
        return f"internal.{self.name}" if self.is_internal else self.name

    @property
    def description(self) -> str:
        """What one row is."""
        return " ".join((self.model.__doc__ or "").split())

    def columns(self) -> Iterator[tuple[str, pl.DataType, bool, str]]:
        """Name, polars type, whether it can be NULL, and description of every column, in order."""
        for name, column in self.model.to_schema().columns.items():
            zone = " (UTC)" if column.dtype.type == pl.Datetime("us") else ""
            yield name, column.dtype.type, column.nullable, f"{column.description or ''}{zone}"

    def validate(self, frame: pl.DataFrame) -> None:
        """Check a frame against the model. Raises pandera.errors.SchemaErrors with every failing value."""
        # Each column is checked by a query of its own; the streaming engine takes longer to start than most of them run.
        with pl.Config(engine_affinity="in-memory"):
            self.model.validate(frame, lazy=True)

    def schema(self) -> dict[str, pl.DataType]:
        """The polars schema of a frame of this table."""
        return {name: dtype for name, dtype, _, _ in self.columns()}


RUNS: Final = Table(name="runs", model=Runs, key=("run_id",))
CAPTURES: Final = Table(name="captures", model=Captures, key=("capture_id",))
EVIDENCE: Final = Table(name="evidence", model=Evidence, key=("sha256",), is_internal=True)
LISTINGS: Final = Table(name="listings", model=Listings, key=("capture_id", "reference", "version"), is_internal=True)
WATCHED_VERSIONS: Final = Table(name="watched_versions", model=WatchedVersions, key=("source", "reference", "version"), is_internal=True)
SNAPSHOTS: Final = Table(name="snapshots", model=Snapshots, key=("snapshot_id",), is_internal=True)
CONTENT_KSBS: Final = Table(name="content_ksbs", model=ContentKsbs, key=("content_id", "code"), is_internal=True, is_indexed=False)
CONTENT_DUTIES: Final = Table(
    name="content_duties", model=ContentDuties, key=("content_id", "duty_number"), is_internal=True, is_indexed=False
)
CONTENT_DUTY_KSBS: Final = Table(
    name="content_duty_ksbs", model=ContentDutyKsbs, key=("content_id", "duty_number", "code"), is_internal=True, is_indexed=False
)
CONTENT_OPTIONS: Final = Table(
    name="content_options", model=ContentOptions, key=("content_id", "position"), is_internal=True, is_indexed=False
)
TRANSITIONS: Final = Table(name="transitions", model=Transitions, key=("transition_id",), is_internal=True)
CHANGES: Final = Table(name="changes", model=Changes, key=("change_id",))
VERSION_CROSSWALK: Final = Table(name="version_crosswalk", model=VersionCrosswalk, key=())
QUARANTINE: Final = Table(name="quarantine", model=Quarantine, key=("quarantine_id",))
INCIDENTS: Final = Table(name="incidents", model=Incidents, key=("incident_id",))
JOURNAL: Final = Table(name="journal", model=Journal, key=("number",), is_internal=True)
REPARSE_REPORT: Final = Table(name="reparse_report", model=ReparseReport, key=())
FINDINGS: Final = Table(name="findings", model=Findings, key=("snapshot_id", "rule", "message"), is_internal=True)
SOURCE_CONFLICTS: Final = Table(name="source_conflicts", model=SourceConflicts, key=("conflict_id",))
SOURCE_COMPARISONS: Final = Table(name="source_comparisons", model=SourceComparisons, key=("source", "reference"), is_internal=True)
ALERTS: Final = Table(name="alerts", model=Alerts, key=("alert_id",), is_internal=True)
DELIVERIES: Final = Table(name="deliveries", model=Deliveries, key=("delivery_id",))

TABLES: Final = (
    RUNS,
    CAPTURES,
    EVIDENCE,
    LISTINGS,
    WATCHED_VERSIONS,
    SNAPSHOTS,
    CONTENT_KSBS,
    CONTENT_DUTIES,
    CONTENT_DUTY_KSBS,
    CONTENT_OPTIONS,
    TRANSITIONS,
    CHANGES,
    VERSION_CROSSWALK,
    QUARANTINE,
    INCIDENTS,
    REPARSE_REPORT,
    JOURNAL,
    FINDINGS,
    SOURCE_CONFLICTS,
    SOURCE_COMPARISONS,
    ALERTS,
    DELIVERIES,
)


def comparisons() -> Mapping[str, str]:
    """How each compared column of a version is compared, in column order: text, set, lifecycle, notice, assessment_plan."""
    columns = SNAPSHOTS.model.to_schema().columns
    return {name: column.metadata["compared"] for name, column in columns.items() if (column.metadata or {}).get("compared")}
