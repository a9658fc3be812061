"""What the publisher's change note claims, against what was seen.

Belongs here: reading a note. Not here: finding what changed (compare).
The notes are free text in some 260 spellings ("End-point assessment plan, standard and funding band
revised."); "Retired", "Approved for delivery" and the like claim nothing of a change.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

from schemas.change import Difference

Component = Literal["standard", "assessment", "funding", "classification"]

# The publisher's own name is no claim about skills.
_PUBLISHER_RE: Final = re.compile(r"\bskills england\b", re.IGNORECASE)
_COMPONENTS: Final[tuple[tuple[Component, re.Pattern[str]], ...]] = (
    (
        "standard",
        re.compile(
            r"\b(?:occupational standard|standard|ksbs?|knowledge|skills?|behaviours?|dut(?:y|ies)|content|options?)\b", re.IGNORECASE
        ),
    ),
    ("assessment", re.compile(r"\b(?:assessment|epa|eqa|end[- ]point)\b", re.IGNORECASE)),
    ("funding", re.compile(r"\bfund(?:ing|ed|s)?\b", re.IGNORECASE)),
    ("classification", re.compile(r"\b(?:ssa|sector subject|lars|route|title)\b", re.IGNORECASE)),
)


def claimed(note: str | None) -> frozenset[Component]:
    """The components a change note says were changed."""
    words = _PUBLISHER_RE.sub("", note or "")
    return frozenset(component for component, pattern in _COMPONENTS if pattern.search(words))


def discrepancy(note: str | None, differences: Iterable[Difference]) -> str | None:
    """A sentence where the note names what was changed and leaves out that the content was; else None."""
    claims = claimed(note)
    taught = [d for d in differences if d.family == "content" and not d.event.endswith("relabelled")]
    if not claims or "standard" in claims or not taught:
        return None
    return f"The publisher's note says only “{note}”, yet the content changed."
