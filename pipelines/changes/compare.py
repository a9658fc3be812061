"""Compare two records of one version, from one source, read by one parser.

Belongs here: which differences there are. Not here: matching (align), weight (severity), words (summary),
versions that come and go (lifecycle).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from pipelines.changes.align import Alignment, align
from schemas.change import Difference, joined
from schemas.record import APPROVED, KINDS, RETIRED, WITHDRAWN, Content, Duty, Ksb, Record
from schemas.tables import comparisons

_STATUS_EVENTS: Final = {APPROVED: "version_live", RETIRED: "version_retired", WITHDRAWN: "version_withdrawn"}
# The note of a link that came or went with its item.
FOLLOWS: Final = "with its item"
_MEDIA_RE: Final = re.compile(r"/media/([^/]+)/([^/]+)$")


def compare(before: Record, after: Record) -> tuple[Difference, ...]:
    """Every difference between two records, lifecycle first, then content, attributes and notice."""
    return (
        *_status(before, after),
        *_starts(before, after),
        *compare_content(before.content, after.content),
        *_attributes(before, after),
        *_notice(before, after),
    )


def _status(before: Record, after: Record) -> Iterator[Difference]:
    if before.status != after.status:
        event = _STATUS_EVENTS.get(after.status or "", "status_changed")
        yield Difference(event=event, before=before.status, after=after.status)


def _starts(before: Record, after: Record) -> Iterator[Difference]:
    # The flag is null unless approved: what it does on approval or retirement says nothing of its own.
    if after.is_paused_for_starts and not before.is_paused_for_starts:
        yield Difference(event="starts_paused", before=as_text(before.is_paused_for_starts), after=as_text(True))
    if before.is_paused_for_starts and after.is_paused_for_starts is False:
        yield Difference(event="starts_resumed", before=as_text(True), after=as_text(False))
    for column in ("earliest_start_on", "latest_start_on"):
        old, new = getattr(before, column), getattr(after, column)
        if old != new:
            yield Difference(event="start_dates_moved", subject=column, before=as_text(old), after=as_text(new))


def _attributes(before: Record, after: Record) -> Iterator[Difference]:
    for column, comparison in comparisons().items():
        if comparison in ("lifecycle", "notice"):
            continue
        old, new = getattr(before, column), getattr(after, column)
        if old != new and _meaning(comparison, old) != _meaning(comparison, new):
            yield Difference(event="attribute_changed", subject=column, before=as_text(old), after=as_text(new))


def _notice(before: Record, after: Record) -> Iterator[Difference]:
    if joined(before.notice) != joined(after.notice):
        yield Difference(event="notice_changed", before=before.notice, after=after.notice)


def _meaning(comparison: str, value: Any) -> object:
    """What of a value is compared."""
    if comparison == "set":
        return frozenset(value)
    if comparison == "assessment_plan":
        return assessment_plan(value)
    return value


def assessment_plan(url: str | None) -> tuple[str, str] | None:
    """What identifies an assessment plan: media id and file name, or the view that shows it; hosts and paths move."""
    parts = urlsplit(url or "")
    media = _MEDIA_RE.search(parts.path)
    if media:
        return media[1], media[2]
    return ("view", parts.query) if parts.query else None


def as_text(value: Any) -> str | None:
    """A value as it stands in the changes table; None stays None."""
    if value is None or value == ():
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return "; ".join(value)
    return str(value)


def compare_content(before: Content, after: Content) -> Iterator[Difference]:
    """Differences in KSBs, duties, mapping and options; items are matched by their words."""
    codes: dict[str, str] = {}
    for kind in KINDS:
        old = [ksb for ksb in before.ksbs if ksb.kind == kind]
        new = [ksb for ksb in after.ksbs if ksb.kind == kind]
        matched = align([ksb.text for ksb in old], [ksb.text for ksb in new])
        codes |= {old[i].code: new[j].code for i, j in matched.pairs}
        yield from _ksbs(old, new, matched, before.duties)
    duties = align([duty.text for duty in before.duties], [duty.text for duty in after.duties])
    yield from _duties(before.duties, after.duties, duties)
    for i, j in duties.pairs:
        yield from _mapping(before.duties[i], after.duties[j], codes)
    yield from _options(before.options, after.options)


def _ksbs(old: list[Ksb], new: list[Ksb], matched: Alignment, duties: tuple[Duty, ...]) -> Iterator[Difference]:
    kept = {old[i].text: new[j].code for i, j in matched.pairs}
    for i in matched.removed:
        yield Difference(event="ksb_removed", subject=old[i].code, before=old[i].text, note=_removed_note(old[i], kept, duties))
    for j in matched.added:
        yield Difference(event="ksb_added", subject=new[j].code, after=new[j].text)
    for i, j in matched.pairs:
        if old[i].code != new[j].code:
            yield Difference(event="ksb_relabelled", subject=new[j].code, before=old[i].code, after=new[j].code)
        yield from _membership(new[j].code, old[i].options, new[j].options)


def _removed_note(ksb: Ksb, kept: Mapping[str, str], duties: tuple[Duty, ...]) -> str | None:
    needed = [duty.label for duty in duties if ksb.code in duty.codes]
    notes = [f"a duplicate of {kept[ksb.text]}"] if ksb.text in kept else []
    notes += [f"it was mapped to {', '.join(needed)}"] if needed else []
    return "; ".join(notes) or None


def _duties(old: tuple[Duty, ...], new: tuple[Duty, ...], matched: Alignment) -> Iterator[Difference]:
    for i in matched.removed:
        yield Difference(event="duty_removed", subject=old[i].label, before=old[i].text)
    for j in matched.added:
        yield Difference(event="duty_added", subject=new[j].label, after=new[j].text)
    for i, j in matched.pairs:
        if old[i].number != new[j].number:
            yield Difference(event="duty_relabelled", subject=new[j].label, before=old[i].label, after=new[j].label)
        if old[i].criteria != new[j].criteria:
            yield Difference(event="criteria_changed", subject=new[j].label, before=old[i].criteria or None, after=new[j].criteria or None)
        if old[i].is_core != new[j].is_core:
            yield Difference(event="core_flag_changed", subject=new[j].label, before=as_text(old[i].is_core), after=as_text(new[j].is_core))
        yield from _membership(new[j].label, old[i].options, new[j].options)


def _membership(subject: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Difference]:
    if set(old) != set(new):
        yield Difference(event="option_membership_changed", subject=subject, before=as_text(old), after=as_text(new))


def _mapping(old: Duty, new: Duty, codes: Mapping[str, str]) -> Iterator[Difference]:
    """What a duty that stayed needs now, and no longer; a link that only carries other labels is the same link."""
    kept = {codes[code] for code in old.codes if code in codes}
    matched = set(codes.values())
    for code in old.codes:
        if code not in codes:
            yield Difference(event="mapping_removed", subject=f"{new.label} → {code}", before=f"{old.label} → {code}", note=FOLLOWS)
        elif codes[code] not in new.codes:
            yield Difference(event="mapping_removed", subject=f"{new.label} → {codes[code]}", before=f"{old.label} → {code}")
    for code in new.codes:
        if code not in kept:
            note = None if code in matched else FOLLOWS
            yield Difference(event="mapping_added", subject=f"{new.label} → {code}", after=f"{new.label} → {code}", note=note)


def _options(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Difference]:
    for title in old:
        if title not in new:
            yield Difference(event="option_removed", subject=title, before=title)
    for title in new:
        if title not in old:
            yield Difference(event="option_added", subject=title, after=title)
