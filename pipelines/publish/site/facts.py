"""The facts of a version, named and written for people.

Belongs here: which facts stand where, and in which words. Not here: KSBs and duties (mapping), dates to come (upcoming).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.changes.summary import column_words, in_words
from pipelines.publish.site.rendering import many, pounds, web
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, RETIRED, WITHDRAWN
from schemas.rules import RULES

Row = Mapping[str, Any]
SOURCE_WORDS: Final[Mapping[str, str]] = {
    "api": "the publisher’s public JSON",
    "page": "the standard’s web page",
    "occupation": "the occupation page",
    "ksb_planner": "KSB Planner, a third party",
}
_STATUS_MEANINGS: Final[Mapping[str, str]] = {
    APPROVED: "Apprentices can start on this version.",
    IN_DEVELOPMENT: "Published, but not in force yet: it can still change.",
    PROPOSAL: "Proposed only: it may never come.",
    RETIRED: "No new apprentice can start on this version.",
    WITHDRAWN: "Given up before it came into force.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and what is said of it; `address` where it is a link, `note` for what else there is to say."""

    label: str
    value: str
    address: str | None = None
    note: str | None = None


def conflict(row: Row) -> str:
    """A disagreement between two sources in a sentence; each side keeps its own value."""
    what = column_words(row["subject"])
    where = f"{what} of version {row['version']}" if row["version"] else what
    said = [
        f"{SOURCE_WORDS[row[source]]} says {_quoted(row[value])}"
        for source, value in (("source", "value"), ("other_source", "other_value"))
    ]
    return f"{where}: {' and '.join(said)}. {RULES[row['rule']].sentence}"


def _quoted(value: str | None) -> str:
    return f"“{value}”" if value else "nothing"


def status_words(row: Row) -> str:
    """The status as people need it: approved is open or paused."""
    if row["status"] == APPROVED and row["is_paused_for_starts"]:
        return "Approved for delivery, paused for starts"
    return row["status"] or "Status not published"


def status_meaning(row: Row) -> str:
    """What the status means for somebody who wants to start."""
    if row["status"] == APPROVED and row["is_paused_for_starts"]:
        return "In force, but no apprentice can start on it for now."
    return _STATUS_MEANINGS.get(row["status"] or "", "")


def at_a_glance(row: Row) -> list[Fact]:
    """What is asked first, in the order it is asked; what is not published is said to be so."""
    return [
        Fact(label="Maximum funding", value=pounds(row["max_funding_gbp"]) or "Not set"),
        Fact(label="Level", value=str(row["level"] or "Not set")),
        Fact(label="Typical duration", value=_months(row["typical_duration_months"]) or "Not set", note="to gateway"),
        Fact(label="Minimum training", value=_hours(row["minimum_hours"]) or "Not set", note="off the job"),
        Fact(label="Assessment period", value=_months(row["epa_period_months"]) or "Not set", note="typical"),
        Fact(
            label="Knowledge, skills, behaviours",
            value=f"{row['knowledge_count']} · {row['skill_count']} · {row['behaviour_count']}",
            note=f"{many(row['knowledge_count'] + row['skill_count'] + row['behaviour_count'], 'item')}, {many(row['duty_count'], 'duty', 'duties')}",
        ),
    ]


def details(row: Row) -> list[Fact]:
    """Everything else that is known, what is empty left out."""
    return [fact for fact in _details(row) if fact.value]


def _details(row: Row) -> Iterator[Fact]:
    yield Fact(label="Route", value=row["route"] or "")
    yield Fact(label="First day for starts", value=_day(row["earliest_start_on"]))
    yield Fact(label="Last day for starts", value=_day(row["latest_start_on"]) or ("Not set" if row["status"] == APPROVED else ""))
    plan = row["assessment_plan_url"]
    yield Fact(label="Assessment plan", value=_plan(plan) if plan else "", address=web(plan))
    yield Fact(label="Publisher’s note on this version", value=row["change_note"] or "")
    yield Fact(label="Quality assurance of assessment", value=row["eqa_provider"] or "")
    yield Fact(label="Integration of assessment", value=row["integration"] or "")
    yield Fact(label="Integrated degree", value=row["integrated_degree"] or "")
    yield Fact(label="Qualifications to be gained", value="; ".join(row["qualifications"] or ()))
    yield Fact(label="Professional recognition", value="; ".join(row["professional_recognition"] or ()))
    yield Fact(label="Regulated occupation", value=_regulated(row))
    yield Fact(label="Regulation", value="; ".join(row["regulation"] or ()))
    yield Fact(label="Core and options", value={True: "Yes", False: "No"}.get(row["is_core_and_options"], ""))
    yield Fact(label="LARS code", value=str(row["lars_code"] or ""))
    yield Fact(label="Occupation", value=row["occupation_code"] or "")
    yield Fact(label="Sector subject area", value=" › ".join(part for part in (row["ssa_tier_1"], row["ssa_tier_2"]) if part))
    yield Fact(label="Trailblazer group", value=row["trailblazer_reference"] or "")
    yield Fact(label="Template", value=row["template_type"] or "")
    yield Fact(label="First approved for delivery", value=_day(row["approved_on"]))
    yield Fact(label="Publisher’s date of last change", value=_day(row["changed_on"]))
    yield Fact(label="Publisher’s publication date", value=_day(row["published_on"]))
    yield Fact(label="Publisher’s page", value=row["page_url"] or "", address=web(row["page_url"]))


def _day(value: Any) -> str:
    return in_words(value) if value else ""


def _months(count: int | None) -> str:
    return many(count, "month") if count else ""


def _hours(count: int | None) -> str:
    return many(count, "hour") if count else ""


def _regulated(row: Row) -> str:
    said = {True: "Yes", False: "No"}.get(row["is_regulated"], "")
    return f"{said}: {row['regulated_body']}" if said and row["regulated_body"] else said


def _plan(address: str) -> str:
    """The file's name says which edition of the plan it is; a plan on the page itself has none."""
    name = address.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return name if name.lower().endswith((".pdf", ".docx", ".doc")) else "On the publisher’s page"
