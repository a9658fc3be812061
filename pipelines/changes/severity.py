"""How much a change matters, on the publisher's own scale.

Belongs here: the table of rules and choosing one. Not here: finding differences.
"""

from dataclasses import dataclass
from typing import Final

from pipelines.changes.compare import FOLLOWS
from schemas.change import Difference
from schemas.events import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """A rule by event, and for attributes by column; None stands for every other column."""

    code: str
    severity: Severity
    sentence: str


_IN_FORCE: Final = SeverityRule(code="R-IN-FORCE", severity="revision", sentence="The version in force changes.")
_COMING: Final = SeverityRule(
    code="R-COMING", severity="adjustment", sentence="A version comes, goes or moves its dates; what is taught now stays."
)
_STARTS: Final = SeverityRule(code="R-STARTS", severity="revision", sentence="Starts are paused or resumed.")
_CONTENT: Final = SeverityRule(code="R-CONTENT", severity="revision", sentence="What is learnt or assessed changes.")
_LABEL: Final = SeverityRule(code="R-LABEL", severity="none", sentence="Only a code or a number moved; the words stayed.")
_FOLLOWS: Final = SeverityRule(
    code="R-MAPPING-FOLLOWS", severity="none", sentence="A link came or went with its item; the item's own change says what matters."
)
_FUNDING: Final = SeverityRule(code="R-FUNDING", severity="revision", sentence="Funding, level or assessment changes.")
_FACT: Final = SeverityRule(
    code="R-FACT", severity="adjustment", sentence="A fact changes that has no effect on what is learnt, funded or assessed."
)
_NOTICE: Final = SeverityRule(
    code="R-NOTICE", severity="none", sentence="The banner says something else; what it announces is told when it comes."
)

RULES: Final = (_IN_FORCE, _COMING, _STARTS, _CONTENT, _LABEL, _FOLLOWS, _FUNDING, _FACT, _NOTICE)

_BY_EVENT: Final = {
    "standard_added": _COMING,
    "standard_missing": _IN_FORCE,
    "standard_returned": _IN_FORCE,
    "version_announced": _COMING,
    "version_added": _IN_FORCE,
    "version_live": _IN_FORCE,
    "version_retired": _IN_FORCE,
    "version_withdrawn": _COMING,
    "status_changed": _COMING,
    "version_missing": _COMING,
    "version_returned": _COMING,
    "start_dates_moved": _COMING,
    "starts_paused": _STARTS,
    "starts_resumed": _STARTS,
    "ksb_relabelled": _LABEL,
    "duty_relabelled": _LABEL,
    "notice_changed": _NOTICE,
}
_REVISED_COLUMNS: Final = frozenset(
    {"max_funding_gbp", "level", "assessment_plan_url", "minimum_hours", "typical_duration_months", "epa_period_months", "integration"}
)


def weigh(difference: Difference) -> tuple[Severity, str]:
    """The severity of a difference and the code of the rule that decided."""
    rule = _BY_EVENT.get(difference.event)
    if rule is None and difference.event == "attribute_changed":
        rule = _FUNDING if difference.subject in _REVISED_COLUMNS else _FACT
    if rule is None and difference.note == FOLLOWS:
        rule = _FOLLOWS
    rule = rule or _CONTENT
    return rule.severity, rule.code
