"""Two versions side by side: which pairs have a page, and what stands on it.

Belongs here: pairs, rows and the CSV. Not here: what is different (pipelines.diff).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, get_args

from pipelines.changes.words import Span
from pipelines.diff import Diff, by_kind, spans
from pipelines.publish.site.sheets import as_csv
from schemas.change import Relation
from schemas.record import APPROVED, RETIRED

Row = Mapping[str, Any]
RELATION_WORDS: Final[Mapping[Relation, str]] = {
    "unchanged": "Unchanged",
    "relabelled": "Renumbered",
    "reworded": "Reworded",
    "moved": "Moved",
    "added": "Added",
    "removed": "Removed",
}
RELATION_MEANINGS: Final[Mapping[Relation, str]] = {
    "unchanged": "same code, same words",
    "relabelled": "another code, same words",
    "reworded": "other words for the same thing",
    "moved": "from one of knowledge, skills and behaviours to another",
    "added": "only in the newer version",
    "removed": "only in the older version",
}
CSV_COLUMNS: Final = (
    "reference",
    "from_version",
    "to_version",
    "kind",
    "from_code",
    "to_code",
    "relation",
    "similarity",
    "from_text",
    "to_text",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One item on both sides: its words on the left with what went, on the right with what came."""

    relation: Relation
    from_code: str | None
    to_code: str | None
    similarity: float | None
    left: tuple[Span, ...]
    right: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The items of one kind, and how many of each relation."""

    heading: str
    lines: tuple[Line, ...]
    counts: Mapping[Relation, int]


def pairs(versions: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The pairs that have a page, of versions in their order: every version against the one it takes over from and against its
    neighbour, and every version that was in force against the one that is."""
    found = {(one["version"], other["version"]): (one, other) for one, other in pairwise(versions)}
    for index, row in enumerate(versions):
        before = previous(versions[:index])
        if before:
            found[before["version"], row["version"]] = (before, row)
    live = [index for index, row in enumerate(versions) if row["status"] == APPROVED]
    for index in live[-1:]:
        found |= {
            (row["version"], versions[index]["version"]): (row, versions[index]) for row in versions[:index] if row["status"] == RETIRED
        }
    order = {row["version"]: index for index, row in enumerate(versions)}
    return sorted(found.values(), key=lambda pair: (-order[pair[1]["version"]], -order[pair[0]["version"]]))


def previous(versions: Sequence[Row]) -> Row | None:
    """Of the versions before one, the one it takes over from: the last that is, or was, in force."""
    return next((row for row in reversed(versions) if row["status"] in (APPROVED, RETIRED)), None)


def tables(found: Diff) -> list[Table]:
    """The crosswalk, kind by kind."""
    return [_table(heading, [_line(link) for link in links]) for heading, links in by_kind(found.links)]


def _table(heading: str, lines: Sequence[Line]) -> Table:
    counts: dict[Relation, int] = {relation: sum(line.relation == relation for line in lines) for relation in get_args(Relation)}
    return Table(heading=heading, lines=tuple(lines), counts=counts)


def _line(link: Any) -> Line:
    words = spans(link)
    return Line(
        relation=link.relation,
        from_code=link.from_code,
        to_code=link.to_code,
        similarity=link.similarity if link.relation in ("reworded", "moved") else None,
        left=tuple(span for span in words if span.kind != "added"),
        right=tuple(span for span in words if span.kind != "removed"),
    )


def crosswalk_csv(found: Diff) -> str:
    """The crosswalk for a spreadsheet; text that reads like a formula is kept from being one."""
    return as_csv(
        CSV_COLUMNS,
        (
            {
                "reference": found.reference,
                "from_version": found.old.version,
                "to_version": found.new.version,
                "kind": link.kind,
                "from_code": link.from_code,
                "to_code": link.to_code,
                "relation": link.relation,
                "similarity": None if link.similarity is None else f"{link.similarity:.1f}",
                "from_text": link.from_text,
                "to_text": link.to_text,
            }
            for link in found.links
        ),
    )
