"""The mapping of duties to KSBs as a picture: which items carry most duties, which none.

Belongs here: the grid and what it adds up to. Not here: how it is drawn (templates).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.publish.site.rendering import many
from schemas.record import Content, Duty, Ksb

KIND_WORDS: Final = {"K": "Knowledge", "S": "Skills", "B": "Behaviours"}
_NAMED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """An item, which duties need it (in the order of the duties), and how many do."""

    ksb: Ksb
    cells: tuple[bool, ...]
    duties: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Items against duties."""

    duties: tuple[Duty, ...]
    rows: tuple[GridRow, ...]
    most: str
    unmapped: str


def grid(content: Content) -> Grid | None:
    """The grid of a content; None where no duty is mapped to anything."""
    needed = Counter(code for duty in content.duties for code in duty.codes)
    if not needed:
        return None
    sets = [frozenset(duty.codes) for duty in content.duties]
    rows = tuple(GridRow(ksb=ksb, cells=tuple(ksb.code in codes for codes in sets), duties=needed[ksb.code]) for ksb in content.ksbs)
    top = max(needed.values())
    most = [row.ksb.code for row in rows if row.duties == top]
    none = [row.ksb.code for row in rows if not row.duties]
    return Grid(
        duties=content.duties,
        rows=rows,
        most=f"{_named(most)} {'carries' if len(most) == 1 else 'carry'} the most: {many(top, 'duty', 'duties')} of {len(content.duties)}.",
        unmapped=f"No duty needs {_named(none, last='or')}." if none else "Every item is needed by at least one duty.",
    )


def duties_by_code(content: Content) -> dict[str, list[int]]:
    """Which duties need an item."""
    found: dict[str, list[int]] = {ksb.code: [] for ksb in content.ksbs}
    for duty in content.duties:
        for code in duty.codes:
            found.setdefault(code, []).append(duty.number)
    return found


def by_kind(content: Content) -> list[tuple[str, str, list[Ksb]]]:
    """The items under their headings: letter, heading, items; a kind without items is left out."""
    kinds = [(kind, heading, [ksb for ksb in content.ksbs if ksb.kind == kind]) for kind, heading in KIND_WORDS.items()]
    return [one for one in kinds if one[2]]


def _named(codes: Sequence[str], last: str = "and") -> str:
    shown = list(codes[:_NAMED])
    if len(codes) > _NAMED:
        shown.append(f"{len(codes) - _NAMED} more")
    return f"{', '.join(shown[:-1])} {last} {shown[-1]}" if len(shown) > 1 else shown[0]
