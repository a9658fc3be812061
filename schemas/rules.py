"""The coded rules: what can be wrong with a capture or a record, and how loud that is.

Belongs here: the one table of codes. Not here: the code that applies a rule (it sits where the
rule can be seen to hold: scrapers for C and P, pipelines for G, S, X and what only more than one answer shows).
"""

from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["hold", "warn", "stale", "distrust", "incident", "flag", "note"]
QuarantineStatus = Literal["held", "approved", "released", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What follows from a rule that is met.

    Of a record, hold: it is kept out and the last good one stays current; warn: it is said.
    Of a capture, stale: it gave nothing, and what is known of its versions stays and cannot be checked;
    distrust: its body counts, what the site calls unchanged no longer does.
    Of a source, incident: one fault explains many records, which all stay as they were.
    Of two sources, each of which keeps what it says, flag: they disagree; note: they differ for a known reason.

    `can_be_approved`: a person may let the record through, because it can be read and only is suspicious.
    `is_known_oddity`: the publisher does it here and there, and nobody needs to look; else KNOWN_ODDITIES says where.
    """

    code: str
    outcome: Outcome
    sentence: str
    can_be_approved: bool = False
    is_known_oddity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule met by one record."""

    rule: str
    message: str


RULES: Final[dict[str, Rule]] = {
    rule.code: rule
    for rule in (
        Rule(code="C-GONE", outcome="stale", sentence="The site says that there is no such page (404 or 410)."),
        Rule(
            code="C-UNREACHABLE",
            outcome="stale",
            sentence="No connection, no answer in time, or a failure that may pass (408, 425, 429, 5xx).",
        ),
        Rule(code="C-CUT-OFF", outcome="stale", sentence="The body ended too early, or what it was compressed with is damaged."),
        Rule(code="C-TOO-LARGE", outcome="stale", sentence="The body is larger, once unpacked, than is read."),
        Rule(code="C-TOO-SLOW", outcome="stale", sentence="The body was still arriving when its time was up."),
        Rule(code="C-ROBOTS", outcome="stale", sentence="robots.txt does not allow the address."),
        Rule(code="C-OFF-SITE", outcome="stale", sentence="The address redirects to another site, or to what is no address."),
        Rule(
            code="C-REFUSED",
            outcome="stale",
            sentence="The site gave an answer that cannot be used: another status, or redirects without end.",
        ),
        Rule(code="C-SHRUNK", outcome="stale", sentence="The array lost more than a twentieth of its versions at once."),
        Rule(code="C-DEFERRED", outcome="stale", sentence="It was not asked, to leave the site alone; the next run asks it first."),
        Rule(
            code="C-WRONG-304",
            outcome="distrust",
            sentence="The site gave another body under the validator of an earlier one; its addresses are read in full from now on.",
        ),
        Rule(code="P-NOT-JSON", outcome="hold", sentence="The body is not the JSON that was asked for."),
        Rule(code="P-NOT-A-STANDARD", outcome="hold", sentence="The body says nothing of a standard."),
        Rule(code="P-LOADING", outcome="hold", sentence="The page only promises its content (“Content loading...”)."),
        Rule(code="P-MISSING-FIELD", outcome="hold", sentence="A field that every record has is missing."),
        Rule(code="P-BAD-VALUE", outcome="hold", sentence="A value does not have the form its field always has."),
        Rule(code="P-KSB-CODES", outcome="hold", sentence="The KSB codes have a gap, a duplicate or a code without words."),
        Rule(code="P-DUTY-NUMBERS", outcome="hold", sentence="The duty numbers have a gap or a duplicate."),
        Rule(code="P-MAPPED-CODE-MISSING", outcome="hold", sentence="A duty is mapped to a KSB code that the page does not list."),
        Rule(code="P-UNKNOWN-FIELD", outcome="warn", sentence="A key or label is not known; it was kept as evidence and not read."),
        Rule(code="P-MAPPED-ID-MISSING", outcome="warn", sentence="A duty is mapped to an id that no KSB of the record has."),
        Rule(code="P-REPEATED-ID", outcome="warn", sentence="Two items of one record share the publisher's id."),
        Rule(code="P-REPEATED-RECORD", outcome="warn", sentence="The array holds one version twice; the later created one counts."),
        Rule(code="P-VERSION-LOG", outcome="warn", sentence="A row of the version log cannot be read; the log is not compared."),
        Rule(code="G-SCHEMA", outcome="hold", sentence="A row does not fit its table's model."),
        Rule(
            code="G-SHRUNK",
            outcome="hold",
            sentence="More than half of the KSBs are gone at once.",
            can_be_approved=True,
        ),
        Rule(
            code="G-LOG-GONE",
            outcome="hold",
            sentence="A page no longer shows anything that its version log said.",
            can_be_approved=True,
        ),
        Rule(
            code="G-DUTY-WITHOUT-KSBS",
            outcome="warn",
            sentence="A duty names no KSB.",
            is_known_oddity=True,
        ),
        Rule(
            code="G-PLACEHOLDER", outcome="warn", sentence="A duty or an item has no word, only a sign such as “.”.", is_known_oddity=True
        ),
        Rule(code="G-ANOTHER-STANDARD", outcome="hold", sentence="The address of one standard served another one."),
        Rule(code="G-WHICH-VERSION", outcome="hold", sentence="The page shows no version number and fits no single version."),
        Rule(code="S-SOURCE-DOWN", outcome="incident", sentence="Many requests to one source gave nothing that can be used."),
        Rule(code="S-LAYOUT-CHANGED", outcome="incident", sentence="Many records of one source cannot be read, all for the same reason."),
        Rule(
            code="S-FIELD-LOST",
            outcome="incident",
            sentence="A field that was always there is gone from many records of one source at once.",
            can_be_approved=True,
        ),
        Rule(code="X-VALUE", outcome="flag", sentence="Two sources say different things of one version."),
        Rule(code="X-SUMMER-TIME", outcome="note", sentence="A summer date is one day early: a midnight in London, printed in UTC."),
        Rule(code="X-MORE-NOTICES", outcome="note", sentence="A page shows all of the API's banners, and notices of its own."),
        Rule(code="X-NO-PAGE", outcome="flag", sentence="A version that the API tells as approved or in development has no page."),
        Rule(code="X-SHARED-PAGE", outcome="note", sentence="Two versions share the address of one page, which shows the other one."),
        Rule(code="X-NO-RECORD", outcome="flag", sentence="A page shows a version that the API does not tell."),
        Rule(code="X-LOG-ROW", outcome="flag", sentence="A row of a page's version log differs from the API's record of that version."),
        Rule(
            code="X-LOG-MISSING",
            outcome="flag",
            sentence="A page's version log leaves out a version that the API tells as approved or retired.",
        ),
        Rule(code="X-LOG-UNKNOWN", outcome="flag", sentence="A page's version log lists a version that the API does not tell."),
    )
}

# Where the publisher is known to break a rule that is worth a look anywhere else: by rule, the standards.
KNOWN_ODDITIES: Final[dict[str, frozenset[str]]] = {
    "P-MAPPED-ID-MISSING": frozenset(("ST0414",)),
    "P-REPEATED-ID": frozenset(("ST0332",)),
}
