"""Compare what two sources say of one version: the API on the one side, a page or a third party on the other.

Belongs here: which differences are disagreements. Not here: what differs at all (compare), which sides can be
compared (pipelines.conflicts).

A source that says nothing of a column is silent, not of another opinion: pages have no minimum hours, and a
third party shows a few facts.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipelines.changes.compare import as_text, compare
from schemas.change import Difference
from schemas.conflict import Conflict, LogRow, Republished
from schemas.record import APPROVED, ATTRIBUTES, RETIRED, Content, Record

_LONDON: Final = ZoneInfo("Europe/London")
_LOG_COLUMNS: Final = ("change_note", "earliest_start_on", "latest_start_on")
# Never a change by themselves, for they only echo one; but a date that two sources give is one date.
_ECHOES: Final = ("changed_on", "approved_on")
# The subject of an event that has none: there it is the version itself.
_COLUMNS: Final = {"starts_paused": "is_paused_for_starts", "starts_resumed": "is_paused_for_starts", "notice_changed": "notice"}
_TRUNCATED: Final = ("...", "…")
_COUNTS: Final = {"knowledge_count": "K", "skill_count": "S", "behaviour_count": "B"}
# Lines end where a source likes, and a link can take the space before a full stop into it.
_SPACE_RE: Final = re.compile(r"[;\s]+")
_NAMES: Final = ("reference", "version", "last_checked_on")
REVISION: Final = "revised version"


def compare_records(ours: Record, theirs: Record) -> Iterator[Conflict]:
    """What a page says otherwise than the API; the start dates and the change note are its version log's to say."""
    silent = {name: getattr(ours, name) for name in ATTRIBUTES if name in _LOG_COLUMNS or getattr(theirs, name) in (None, ())}
    content = theirs.content if theirs.content.ksbs or theirs.content.duties else ours.content
    for difference in compare(ours, replace(theirs, **silent, content=content)):
        if _is_said(difference, content):
            subject = difference.subject or _COLUMNS.get(difference.event, "status")
            rule = "X-MORE-NOTICES" if difference.event == "notice_changed" and _shows_all(ours.notice, theirs.notice) else "X-VALUE"
            yield Conflict(version=ours.version, subject=subject, value=difference.before, other_value=difference.after, rule=rule)
    for column in _ECHOES:
        one, other = getattr(ours, column), getattr(theirs, column)
        if other is not None and one != other:
            yield Conflict(version=ours.version, subject=column, value=as_text(one), other_value=as_text(other), rule="X-VALUE")


def _shows_all(ours: str | None, theirs: str | None) -> bool:
    """Whether every banner stands among the notices of a page, which has sentences that the API never tells, and parts them otherwise."""
    shown = _SPACE_RE.sub("", theirs or "")
    return all(_SPACE_RE.sub("", banner) in shown for banner in (ours or "").split(";"))


def _is_said(difference: Difference, theirs: Content) -> bool:
    """Whether the other source says anything of the matter; pages show no options, and criteria only where there is a column."""
    if difference.event.startswith("option_"):
        return bool(theirs.options)
    if difference.event == "criteria_changed":
        return any(duty.criteria for duty in theirs.duties)
    if difference.event == "core_flag_changed":
        return difference.after is not None
    return True


def compare_log(log: Sequence[LogRow], records: Mapping[str, Mapping[str, Any]], unknown: Collection[str]) -> Iterator[Conflict]:
    """What a page's version log says otherwise than the API's records.

    `records` are the API's versions with their `status` and the columns of a log; `unknown` are its records that
    cannot be read today: a row without a record may be theirs. A version that has no number yet may stand in the log or not.
    """
    numbered = {version: record for version, record in records.items() if record["status"] in (APPROVED, RETIRED)}
    for row in log:
        if row.version is None or row.version in unknown:
            continue
        if row.version in records:
            yield from _log_row(row, row.version, records[row.version])
        elif not unknown:
            yield Conflict(version=row.version, subject="version log", value=None, other_value=_said(row), rule="X-LOG-UNKNOWN")
    for version in numbered.keys() - {row.version for row in log}:
        yield Conflict(version=version, subject="version log", value=numbered[version]["status"], other_value=None, rule="X-LOG-MISSING")
    if not unknown:
        yield from _revisions(
            [row for row in log if row.version is None],
            {version: record for version, record in records.items() if version not in numbered},
        )


def _revisions(rows: Sequence[LogRow], records: Mapping[str, Mapping[str, Any]]) -> Iterator[Conflict]:
    """Rows without a number, each against a version without one: equal ones first, then the only one that is left."""
    left = dict(records)
    others = []
    for row in rows:
        same = [version for version, record in left.items() if not any(_log_row(row, version, record))]
        if same:
            del left[same[-1]]
        else:
            others.append(row)
    for row in others:
        if len(left) == 1:
            version, record = left.popitem()
            yield from _log_row(row, version, record)
        else:
            yield Conflict(version=None, subject=f"version log: {REVISION}", value=None, other_value=_said(row), rule="X-LOG-UNKNOWN")


def _log_row(row: LogRow, version: str, record: Mapping[str, Any]) -> Iterator[Conflict]:
    for column in _LOG_COLUMNS:
        one, other = record[column], getattr(row, column)
        if one != other:
            yield Conflict(version=version, subject=column, value=as_text(one), other_value=as_text(other), rule="X-LOG-ROW")


def _said(row: LogRow) -> str:
    parts = (row.version or REVISION, row.change_note, as_text(row.earliest_start_on), as_text(row.latest_start_on))
    return "; ".join(part for part in parts if part)


def compare_facts(ours: Record, theirs: Republished) -> Iterator[Conflict]:
    """What a third party says otherwise than the API of the same version."""
    for column in (field.name for field in fields(Republished) if field.name not in _NAMES):
        one, other = _fact(ours, column), getattr(theirs, column)
        if other is None or one == other or (isinstance(other, str) and other.endswith(_TRUNCATED)):
            continue
        rule = "X-SUMMER-TIME" if isinstance(one, date) and is_summer_shift(one, other) else "X-VALUE"
        yield Conflict(version=ours.version, subject=column, value=as_text(one), other_value=as_text(other), rule=rule)


def _fact(record: Record, column: str) -> Any:
    if column == "duty_count":
        return len(record.content.duties)
    kind = _COUNTS.get(column)
    return sum(ksb.kind == kind for ksb in record.content.ksbs) if kind else getattr(record, column)


def is_summer_shift(day: date, shown: date) -> bool:
    """Whether a date is shown one day early because its midnight in London is the day before in UTC.

    That is so from the day after the clocks go forward to the day they go back.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=_LONDON)
    return shown == day - timedelta(days=1) and midnight.utcoffset() == timedelta(hours=1)
