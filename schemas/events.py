"""The events: every way a standard can change, in the four families of the design.

Belongs here: names and meanings. Not here: how one is found (pipelines.changes.compare), how much
it matters (pipelines.changes.severity) or how it is told (pipelines.changes.summary).
"""

from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["lifecycle", "content", "attribute", "notice"]
Severity = Literal["none", "correction", "adjustment", "revision"]
SEVERITIES: Final[tuple[Severity, ...]] = ("none", "correction", "adjustment", "revision")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One kind of change; `subject` says what stands in the subject column."""

    name: str
    family: Family
    subject: str
    meaning: str


def _event(name: str, family: Family, subject: str, meaning: str) -> tuple[str, Event]:
    return name, Event(name=name, family=family, subject=subject, meaning=meaning)


EVENTS: Final[dict[str, Event]] = dict(
    (
        _event("standard_added", "lifecycle", "", "A standard is published for the first time."),
        _event("standard_missing", "lifecycle", "", "The last version of a standard is no longer published."),
        _event("standard_returned", "lifecycle", "", "A standard that was missing is published again."),
        _event("version_announced", "lifecycle", "", "A new version, in development or proposed, is published."),
        _event("version_added", "lifecycle", "", "A new version is published, already in a later status."),
        _event("version_live", "lifecycle", "", "A version is now approved for delivery."),
        _event("version_retired", "lifecycle", "", "A version takes no new starts any more."),
        _event("version_withdrawn", "lifecycle", "", "A version will not come."),
        _event("status_changed", "lifecycle", "", "The status moved in any other way."),
        _event("version_missing", "lifecycle", "", "Three complete captures in a row did not hold the version."),
        _event("version_returned", "lifecycle", "", "A version that was missing is published again."),
        _event("start_dates_moved", "lifecycle", "column", "The first or the last day for starts moved."),
        _event("starts_paused", "lifecycle", "", "An approved version takes no starts for now."),
        _event("starts_resumed", "lifecycle", "", "A paused version takes starts again."),
        _event("ksb_added", "content", "code", "An item is new."),
        _event("ksb_removed", "content", "code", "An item is gone."),
        _event("ksb_reworded", "content", "code", "An item has other words."),
        _event("ksb_moved", "content", "code", "An item went from one of K, S and B to another."),
        _event("ksb_relabelled", "content", "code", "An item has another code and the same words."),
        _event("duty_added", "content", "duty", "A duty is new."),
        _event("duty_removed", "content", "duty", "A duty is gone."),
        _event("duty_reworded", "content", "duty", "A duty has other words."),
        _event("duty_relabelled", "content", "duty", "A duty has another number and the same words."),
        _event("criteria_changed", "content", "duty", "The criteria for measuring a duty's performance changed."),
        _event("core_flag_changed", "content", "duty", "A duty became core, or is no longer."),
        _event("mapping_added", "content", "duty → code", "A duty now needs an item it did not need."),
        _event("mapping_removed", "content", "duty → code", "A duty no longer needs an item."),
        _event("option_added", "content", "title", "An option is new."),
        _event("option_removed", "content", "title", "An option is gone."),
        _event("option_renamed", "content", "title", "An option has another title."),
        _event("option_membership_changed", "content", "code or duty", "A duty or an item belongs to other options."),
        _event("attribute_changed", "attribute", "column", "A fact of the version changed."),
        _event("notice_changed", "notice", "", "The banner text of the page changed."),
    )
)
