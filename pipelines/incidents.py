"""Incidents: one fault that explains many failures of a source in one run.

Belongs here: telling a fault of the site from faults of single records, pure. Not here: keeping an
incident open from run to run (warehouse.incidents) or telling people of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.record import ATTRIBUTES, KINDS, Record

# Fewer are what goes wrong on any day. Of twenty pages one broken is a broken page; of 845 pages 85 are a broken layout.
MANY: Final = 5
SHARE: Final = 0.1
# An array that lost more than this at once is half an answer; with few versions a share means nothing.
_SHRUNK: Final = 0.95
_FEW_VERSIONS: Final = 40
_KIND_NAMES: Final = {"K": "knowledge", "S": "skills", "B": "behaviours"}
_PART_OF: Final[Mapping[str, tuple[str, ...]]] = {
    **{f"mapping to {name}": (name, "duties") for name in _KIND_NAMES.values()},
    "criteria": ("duties",),
    "core flag": ("duties",),
    "option membership": ("options", "duties"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One request or record that gave nothing, and the rule it broke."""

    rule: str
    reason: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """An incident as one run met it; `subject` is the field that is gone."""

    rule: str
    subject: str | None
    cause: str | None
    affected: int
    examined: int
    summary: str


def is_many(affected: int, examined: int) -> bool:
    """Whether so many failures at once have one cause."""
    return affected >= MANY and affected >= SHARE * examined


def shrunk(what: str, found: int, known: int) -> str | None:
    """Why so few versions are half an answer; None where they are not."""
    if known < _FEW_VERSIONS or found >= _SHRUNK * known:
        return None
    return f"{what} holds {found:,} versions where {known:,} were known: it shrank below {_SHRUNK:.0%}."


def source_down(source: str, failures: Sequence[Failure], asked: int) -> Met | None:
    """The source does not answer: its only request failed, or many of them."""
    if not failures or not (len(failures) == asked == 1 or is_many(len(failures), asked)):
        return None
    # What was not asked any more follows from what was asked in vain.
    asked_in_vain = [failure for failure in failures if failure.rule != "C-DEFERRED"]
    cause, _ = Counter(failure.rule for failure in asked_in_vain or failures).most_common(1)[0]
    example = next(failure for failure in failures if failure.rule == cause)
    return Met(
        rule="S-SOURCE-DOWN",
        subject=None,
        cause=cause,
        affected=len(failures),
        examined=asked,
        summary=(
            f"{source}: {len(failures):,} of {asked:,} requests gave nothing that can be used. {example.url}: {example.reason} "
            "What was known stays; the next run asks again."
        ),
    )


def layout_changed(source: str, failures: Sequence[Failure], examined: int) -> Met | None:
    """Many records of the source broke one rule."""
    for cause, affected in Counter(failure.rule for failure in failures).most_common(1):
        if is_many(affected, examined):
            example = next(failure for failure in failures if failure.rule == cause)
            return Met(
                rule="S-LAYOUT-CHANGED",
                subject=None,
                cause=cause,
                affected=affected,
                examined=examined,
                summary=(
                    f"{source}: {affected:,} of {examined:,} records cannot be read, all for one reason: the source has another shape than "
                    f"we know. {example.url}: {example.reason} What was known stays. A newer version of this program may read it; "
                    "if there is none, please report it."
                ),
            )
    return None


def fields_lost(source: str, lost: Iterable[Sequence[str]], examined: int) -> list[Met]:
    """The fields that many records had and have no more; `lost` are the fields of each record."""
    return [
        Met(
            rule="S-FIELD-LOST",
            subject=name,
            cause=None,
            affected=affected,
            examined=examined,
            summary=(
                f"{source}: {name} is gone from {affected:,} of {examined:,} records at once. They are held back and what was known stays. "
                f"If the publisher really took it away, let it through with `standards-watch quarantine approve`."
            ),
        )
        for name, affected in sorted(Counter(name for names in lost for name in names).items())
        if is_many(affected, examined)
    ]


def lost_fields(before: Record, after: Record) -> tuple[str, ...]:
    """What a record told and tells no more: columns, whole lists, or a part that the items of a list had."""
    shown = _told(after)
    lost = {name for name, is_told in _told(before).items() if is_told and not shown[name]}
    # A part goes with the list it is a part of.
    return tuple(sorted(name for name in lost if not any(whole in lost for whole in _PART_OF.get(name, ()))))


def _told(record: Record) -> Mapping[str, bool]:
    content = record.content
    mapped = {code[0] for duty in content.duties for code in duty.codes}
    return {
        **{name: getattr(record, name) not in (None, ()) for name in ATTRIBUTES},
        **{_KIND_NAMES[kind]: content.count(kind) > 0 for kind in KINDS},
        **{f"mapping to {_KIND_NAMES[kind]}": kind in mapped for kind in KINDS},
        "duties": bool(content.duties),
        "criteria": any(duty.criteria for duty in content.duties),
        "core flag": any(duty.is_core is not None for duty in content.duties),
        "options": bool(content.options),
        "option membership": any(ksb.options for ksb in content.ksbs) or any(duty.options for duty in content.duties),
    }
