"""How much a change matters, on the publisher's own scale.

Belongs here: the table of rules and choosing one. Not here: finding differences, or what kind of edit
turned one text into another (words).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipelines.changes.words import Edit, edit
from schemas.change import FOLLOWS, Difference
from schemas.events import Severity
from schemas.record import APPROVED, RETIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """A rule's code, what it decides, and the sentence that says when."""

    code: str
    severity: Severity
    sentence: str


def _rule(code: str, severity: Severity, sentence: str) -> tuple[str, SeverityRule]:
    return code, SeverityRule(code=code, severity=severity, sentence=sentence)


RULES: Final[Mapping[str, SeverityRule]] = dict(
    (
        _rule("R-LABEL", "none", "Only a code or a number moved; the words stayed."),
        _rule("R-MAPPING-FOLLOWS", "none", "A link came or went with its item, whose own change says what matters."),
        _rule("R-SPACING", "correction", "The same letters in the same order: glued words set right, or spaces moved."),
        _rule("R-CASE", "correction", "Only capitals changed."),
        _rule("R-PUNCTUATION", "correction", "Only punctuation changed, and none beside a figure."),
        _rule("R-TYPING", "correction", "A letter or two in long words changed; no word came or went."),
        _rule("R-ANNOUNCED", "adjustment", "A standard or version is announced, withdrawn or moves on before it is in force."),
        _rule("R-NOTICE", "adjustment", "The banner says something else: the early warning of what is planned."),
        _rule("R-DATES", "adjustment", "The first or last day for starts moved; what is taught stays."),
        _rule("R-FACT", "adjustment", "A fact changed that has no effect on what is learnt, funded or assessed."),
        _rule("R-IN-FORCE", "revision", "The version in force changes."),
        _rule("R-STARTS", "revision", "Starts are paused or resumed."),
        _rule("R-CONTENT", "revision", "What is learnt changes: an item, a duty, an option or a link between them."),
        _rule("R-FUNDING", "revision", "The funding changes."),
        _rule("R-LEVEL", "revision", "The level changes."),
        _rule("R-TRAINING", "revision", "The duration or the hours of training change."),
        _rule("R-ASSESSMENT", "revision", "The assessment changes: its plan, its period, or a qualification or degree that comes with it."),
    )
)

_BY_EVENT: Final = {
    "standard_added": "R-ANNOUNCED",
    "version_announced": "R-ANNOUNCED",
    "standard_missing": "R-IN-FORCE",
    "standard_returned": "R-IN-FORCE",
    "version_live": "R-IN-FORCE",
    "version_retired": "R-IN-FORCE",
    "start_dates_moved": "R-DATES",
    "starts_paused": "R-STARTS",
    "starts_resumed": "R-STARTS",
    "ksb_relabelled": "R-LABEL",
    "duty_relabelled": "R-LABEL",
    "notice_changed": "R-NOTICE",
}
_BY_COLUMN: Final = {
    "max_funding_gbp": "R-FUNDING",
    "level": "R-LEVEL",
    "typical_duration_months": "R-TRAINING",
    "minimum_hours": "R-TRAINING",
    "assessment_plan_url": "R-ASSESSMENT",
    "epa_period_months": "R-ASSESSMENT",
    "integration": "R-ASSESSMENT",
    "integrated_degree": "R-ASSESSMENT",
    "qualifications": "R-ASSESSMENT",
}
_BY_EDIT: Final[Mapping[Edit, str | None]] = {
    "spacing": "R-SPACING",
    "case": "R-CASE",
    "punctuation": "R-PUNCTUATION",
    "typing": "R-TYPING",
    "wording": None,
}
# Events whose before and after are the words of one thing.
_TEXTUAL: Final = frozenset({"ksb_reworded", "duty_reworded", "criteria_changed", "option_renamed"})
_PROSE_COLUMNS: Final = frozenset({"title", "overview", "occupation_summary", "entry_requirements", "standard_information", "change_note"})


def weigh(difference: Difference, *, is_prose_taught: bool) -> tuple[Severity, str]:
    """The severity of a difference and the code of the rule that decided.

    `is_prose_taught`: the version has no KSBs, so that what is learnt stands in its prose.
    """
    rule = RULES[_code(difference, is_prose_taught=is_prose_taught)]
    return rule.severity, rule.code


def _code(d: Difference, *, is_prose_taught: bool) -> str:
    if d.event in _BY_EVENT:
        return _BY_EVENT[d.event]
    if d.note == FOLLOWS:
        return "R-MAPPING-FOLLOWS"
    if d.before is not None and d.after is not None and (d.event in _TEXTUAL or d.subject in _PROSE_COLUMNS):
        correction = _BY_EDIT[edit(d.before, d.after)]
        if correction:
            return correction
    if d.subject == "standard_information" and is_prose_taught:
        return "R-CONTENT"
    if d.event == "attribute_changed":
        return _BY_COLUMN.get(str(d.subject), "R-FACT")
    if d.family == "lifecycle":
        # Any other move of a status counts where it makes or ends the version in force.
        return "R-IN-FORCE" if {d.before, d.after} & {APPROVED, RETIRED} else "R-ANNOUNCED"
    return "R-CONTENT"
