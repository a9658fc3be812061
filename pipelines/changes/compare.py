"""Compare two records of one version, from one source, read by one parser.

Belongs here: which differences there are. Not here: matching (align), weight (severity), words (summary),
versions that come and go (lifecycle).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from rapidfuzz import fuzz

from pipelines.changes.align import REWORDED, Alignment, KsbMatch, match_duties, match_ksbs
from schemas.change import FOLLOWS, Difference, joined
from schemas.record import APPROVED, RETIRED, WITHDRAWN, Content, Duty, Ksb, Record
from schemas.tables import comparisons

_STATUS_EVENTS: Final = {APPROVED: "version_live", RETIRED: "version_retired", WITHDRAWN: "version_withdrawn"}
_MEDIA_RE: Final = re.compile(r"/media/([^/]+)/([^/]+)$")


def compare(before: Record, after: Record) -> tuple[Difference, ...]:
    """Every difference between two records, lifecycle first, then content, attributes and notice."""
    return (
        *_status(before, after),
        *_starts(before, after),
        # Matching is most of the work, and most changes leave the content alone.
        *(compare_content(before.content, after.content) if before.content != after.content else ()),
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
            note = came_and_went(old, new) if comparison == "set" else None
            yield Difference(event="attribute_changed", subject=column, before=as_text(old), after=as_text(new), note=note)


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


def came_and_went(old: Sequence[str], new: Sequence[str]) -> str:
    """`+ what came, – what went` of a list that is compared as a set."""
    came, went = [value for value in new if value not in old], [value for value in old if value not in new]
    return ", ".join(f"{sign} {'; '.join(values)}" for sign, values in (("+", came), ("–", went)) if values)


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
    matched, duties = match_ksbs(before, after), match_duties(before, after)
    same = [(old, new) for old, new, _ in matched.pairs], [(before.duties[p.before], after.duties[p.after]) for p in duties.pairs]
    titles = renamed_options(before, after, [*same[0], *same[1]])
    yield from _ksbs(matched, before.duties, titles)
    yield from _duties(before.duties, after.duties, duties, titles)
    codes = {old.code: new.code for old, new in same[0]}
    for was, now in same[1]:
        yield from _mapping(was, now, codes)
    yield from _options(before, after, titles)


def _ksbs(matched: KsbMatch, duties: tuple[Duty, ...], titles: Mapping[str, str]) -> Iterator[Difference]:
    kept = {old.text: new.code for old, new, _ in matched.pairs}
    for ksb in matched.removed:
        yield Difference(event="ksb_removed", subject=ksb.code, before=ksb.text, note=_removed_note(ksb, kept, duties))
    for ksb in matched.added:
        yield Difference(event="ksb_added", subject=ksb.code, after=ksb.text)
    for old, new, similarity in matched.pairs:
        was = f"was {old.code}" if old.code != new.code else None
        if old.kind != new.kind:
            yield Difference(event="ksb_moved", subject=new.code, before=old.text, after=new.text, similarity=similarity, note=was)
        elif old.text != new.text:
            yield Difference(event="ksb_reworded", subject=new.code, before=old.text, after=new.text, similarity=similarity, note=was)
        elif old.code != new.code:
            yield Difference(event="ksb_relabelled", subject=new.code, before=old.code, after=new.code)
        yield from _membership(new.code, old.options, new.options, titles)


def _removed_note(ksb: Ksb, kept: Mapping[str, str], duties: tuple[Duty, ...]) -> str | None:
    needed = [duty.label for duty in duties if ksb.code in duty.codes]
    notes = [f"a duplicate of {kept[ksb.text]}"] if ksb.text in kept else []
    notes += [f"it was mapped to {', '.join(needed)}"] if needed else []
    return "; ".join(notes) or None


def _duties(old: tuple[Duty, ...], new: tuple[Duty, ...], matched: Alignment, titles: Mapping[str, str]) -> Iterator[Difference]:
    for index in matched.removed:
        yield Difference(event="duty_removed", subject=old[index].label, before=old[index].text)
    for index in matched.added:
        yield Difference(event="duty_added", subject=new[index].label, after=new[index].text)
    for pair in matched.pairs:
        was, now = old[pair.before], new[pair.after]
        if was.text != now.text:
            note = f"was {was.label}" if was.number != now.number else None
            yield Difference(
                event="duty_reworded", subject=now.label, before=was.text, after=now.text, similarity=pair.similarity, note=note
            )
        elif was.number != now.number:
            yield Difference(event="duty_relabelled", subject=now.label, before=was.label, after=now.label)
        if was.criteria != now.criteria:
            yield Difference(event="criteria_changed", subject=now.label, before=was.criteria or None, after=now.criteria or None)
        if was.is_core != now.is_core:
            yield Difference(event="core_flag_changed", subject=now.label, before=as_text(was.is_core), after=as_text(now.is_core))
        yield from _membership(now.label, was.options, now.options, titles)


def _membership(subject: str, old: tuple[str, ...], new: tuple[str, ...], titles: Mapping[str, str]) -> Iterator[Difference]:
    if {titles.get(title, title) for title in old} != set(new):
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


def renamed_options(before: Content, after: Content, same: Sequence[tuple[Ksb | Duty, Ksb | Duty]]) -> dict[str, str]:
    """Old title to new, where an option goes on under another one: with the same members, or most of its name."""
    come = [title for title in after.options if title not in before.options]
    renamed: dict[str, str] = {}
    for title in before.options:
        had = {index for index, (old, _) in enumerate(same) if title in old.options}
        heirs = [
            other
            for other in come
            if other not in renamed.values()
            and (
                fuzz.ratio(title, other) >= REWORDED
                or (had and had == {index for index, (_, new) in enumerate(same) if other in new.options})
            )
        ]
        if title not in after.options and heirs:
            renamed[title] = max((fuzz.ratio(title, other), other) for other in heirs)[1]
    return renamed


def _options(before: Content, after: Content, titles: Mapping[str, str]) -> Iterator[Difference]:
    for title in before.options:
        if title in titles:
            similarity = round(fuzz.ratio(title, titles[title]), 1)
            yield Difference(event="option_renamed", subject=titles[title], before=title, after=titles[title], similarity=similarity)
        elif title not in after.options:
            yield Difference(event="option_removed", subject=title, before=title)
    for title in after.options:
        if title not in before.options and title not in titles.values():
            yield Difference(event="option_added", subject=title, after=title)
