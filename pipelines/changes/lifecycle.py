"""Compare two observations of one standard: versions that come, go, return, or change.

Belongs here: events that need more than two records of one version. Not here: the rest (compare).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pipelines.changes.claim import discrepancy
from pipelines.changes.compare import compare
from pipelines.changes.severity import weigh
from pipelines.changes.summary import Said, summarise
from schemas.change import Change, Difference, TransitionKind
from schemas.record import IN_DEVELOPMENT, PROPOSAL, RETIRED, Record, version_key

# Events that bring a version before the reader, who asks what is different in it.
_ARRIVALS: Final = frozenset({"version_announced", "version_added", "version_live"})
# Edits in place that a reader has to know were not announced.
_SPOKEN_OF: Final = frozenset({("content", "revision"), ("content", "correction"), ("content", "adjustment"), ("attribute", "revision")})
# What moves when the publisher says so.
_SAID: Final = ("version", "status", "changed_on", "published_on", "approved_on", "change_note", "earliest_start_on", "latest_start_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happened to one version in one observation; `new` has no before, `missing` no after.

    `previous` is the version it takes over from, as the same source tells it.
    """

    kind: TransitionKind
    version: str
    before: Record | None
    after: Record | None
    previous: Record | None = None


def compare_standard(reference: str, steps: Iterable[Step], *, is_new_standard: bool, versions_left: int) -> Iterator[Change]:
    """Every change of one standard in one observation of one source.

    `versions_left`: how many of its versions are still published after the observation.
    """
    ordered = sorted(steps, key=lambda step: version_key(step.version))
    has_all_returned = versions_left == len(ordered) and all(step.kind == "returned" for step in ordered)
    for index, step in enumerate(ordered):
        differences = list(_differences(step))
        if step.after and index == 0 and (has_all_returned or (is_new_standard and step.kind == "new")):
            event = "standard_returned" if has_all_returned else "standard_added"
            differences.insert(0, Difference(event=event, after=step.after.title))
        if step.before and step.kind == "missing" and versions_left == 0 and step is ordered[-1]:
            differences.append(Difference(event="standard_missing", before=step.before.title))
        yield from _changes(reference, step, differences)


def _differences(step: Step) -> Iterator[Difference]:
    if step.before is None and step.after is not None:
        is_announced = step.after.status in (IN_DEVELOPMENT, PROPOSAL)
        yield Difference(event="version_announced" if is_announced else "version_added", after=step.after.status)
    elif step.after is None and step.before is not None:
        yield Difference(event="version_missing", before=step.before.status)
    elif step.before is not None and step.after is not None:
        if step.kind == "returned":
            yield Difference(event="version_returned", after=step.after.status)
        yield from compare(step.before, step.after)


def _changes(reference: str, step: Step, differences: Sequence[Difference]) -> Iterator[Change]:
    record = step.after or step.before
    if record is None:
        raise ValueError(f"{reference} {step.version}: a step needs a record before or after")
    arrivals = [difference for difference in differences if _is_arrival(difference)]
    since_previous = compare(step.previous, step.after) if arrivals and step.previous and step.after else ()
    declared = is_declared(step.before, step.after)
    has_new_note = bool(step.before and step.after and step.before.change_note != step.after.change_note)
    in_place = discrepancy(record.change_note, _revisions(differences)) if has_new_note else None
    for difference in differences:
        severity, rule = weigh(difference, is_prose_taught=not record.content.ksbs)
        is_arrival = difference in arrivals
        if is_arrival:
            claim = discrepancy(record.change_note, _revisions(since_previous))
        else:
            claim = in_place if difference.family == "content" and severity != "none" else None
        said = Said(
            is_silent=not declared and (difference.family, severity) in _SPOKEN_OF,
            since_previous=since_previous if is_arrival else (),
            previous_version=step.previous.version if step.previous and is_arrival else None,
            claim=claim,
        )
        yield Change(
            reference=reference,
            version=step.version,
            title=record.title,
            difference=difference,
            severity=severity,
            rule=rule,
            is_declared=declared,
            effective_on=_effective_on(difference, record),
            summary=summarise(difference, step.version, record, said),
        )


def _is_arrival(difference: Difference) -> bool:
    # One that was in force before brings nothing new.
    return difference.event in _ARRIVALS and difference.before != RETIRED


def _revisions(differences: Iterable[Difference]) -> list[Difference]:
    return [difference for difference in differences if weigh(difference, is_prose_taught=False)[0] == "revision"]


def is_declared(before: Record | None, after: Record | None) -> bool:
    """Whether the publisher said so: a version, a date or the change note moved in the same observation."""
    if before is None or after is None:
        return after is not None
    return any(getattr(before, name) != getattr(after, name) for name in _SAID)


def _effective_on(difference: Difference, record: Record) -> date | None:
    """The day from which a change counts: a start date for what begins with it, none for what counts from now."""
    if difference.event == "start_dates_moved":
        return record.latest_start_on if difference.subject == "latest_start_on" else record.earliest_start_on
    if difference.event == "version_retired":
        return record.latest_start_on
    is_coming = record.status == IN_DEVELOPMENT and difference.family in ("content", "attribute")
    if is_coming or (difference.event in (*_ARRIVALS, "standard_added") and difference.before != RETIRED):
        return record.earliest_start_on
    return None
