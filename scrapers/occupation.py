"""Read an occupation's web page, `/occupations/OCC0128`: the standard without version, status or log.

Belongs here: what this page leaves out. Not here: anything it shares with a standard's own page.
"""

from typing import Any, Final

from schemas.record import Record
from scrapers.page import detail_values, take_apart
from scrapers.reading import Reading

PARSER_VERSION: Final = "occupation-1"

_USUAL: Final = frozenset(("changed_on", "route", "is_regulated"))


def parse(body: bytes) -> Reading:
    """Read one occupation's page, as `page.evidence` keeps it.

    Raises ParseError (P-NOT-A-STANDARD, P-LOADING, P-MISSING-FIELD, P-BAD-VALUE, P-KSB-CODES,
    P-DUTY-NUMBERS, P-MAPPED-CODE-MISSING).
    """
    sheet = take_apart(body, required=("reference", "level"))
    values: dict[str, Any] = sheet.panel.values()
    sheet.panel.refuse_renamed(_USUAL)
    details = sheet.details(is_draft=False, may_be_empty=False)
    reference = values["reference"]
    record = Record(
        **{**values, "version": None, "status": None},
        title=sheet.title,
        occupation_code=reference if reference.startswith("OCC") else None,
        notice=sheet.notice,
        overview=sheet.overview,
        **detail_values(details),
    )
    return Reading(record=record, findings=(*sheet.panel.findings, *details.findings))
