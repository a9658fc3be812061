"""What a parser gives back, and how it refuses.

Belongs here: the result every source's parser shares. Not here: any parser.

    ParseError      the body is not shaped as we know it; reading it again cannot help
"""

from dataclasses import dataclass

from schemas.conflict import LogRow
from schemas.record import Record
from schemas.rules import RULES, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A record and what was odd about it.

    `log` is the page's version log, empty where it has none that can be compared. `untold` are the columns (`options` for who belongs to
    which option) that a record of its age has no key for: they are empty because nobody was asked, not because nothing was said.
    """

    record: Record
    findings: tuple[Finding, ...] = ()
    log: tuple[LogRow, ...] = ()
    untold: frozenset[str] = frozenset()


class ParseError(Exception):
    """Raised when a body breaks a rule that holds it back, from any parser."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{RULES[rule].sentence} {detail}")
        self.rule = rule
        self.detail = detail
