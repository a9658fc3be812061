"""KSB Planner: ask a third party what it says of the versions in force, politely, and keep its facts.

Belongs here: which of its addresses a run asks for, and the rows of the captures. Not here: how one is asked
(scrapers.site), how a page is read (scrapers.ksb_planner), or what its facts are worth (pipelines.conflicts).
"""

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from pipelines.capture import Captured
from pipelines.run import Progress, Run
from schemas.record import digest
from scrapers import ksb_planner
from scrapers.reading import ParseError
from scrapers.site import Capture, Site
from warehouse.conflicts import InForce, keep_facts, standards_in_force
from warehouse.database import Warehouse

_UNANSWERED_UNTIL_GIVEN_UP: Final = 5
_KEPT_TOGETHER: Final = 20
_GIVEN_UP: Final = "It was not asked: the site had not answered five times in a row. It is left for the next run."


def capture_planner(db: Warehouse, site: Site, template: str, run: Run, progress: Progress) -> Captured:
    """Read the page of every standard that has a version in force; `template` says where it stands."""
    targets = standards_in_force(db, run.only)
    failures: list[Capture] = []
    waiting: list[tuple[dict[str, Any], bytes | None]] = []
    new_bodies, unanswered = 0, 0
    progress(ksb_planner.NAME, 0, len(targets))
    for done, target in enumerate(targets, 1):
        url = ksb_planner.address(template, target.reference, target.title)
        if unanswered < _UNANSWERED_UNTIL_GIVEN_UP:
            capture, facts = _read(site, url, target)
        else:
            capture, facts = Capture(url=url, outcome="unreachable", rule="C-DEFERRED", reason=_GIVEN_UP), None
        unanswered = unanswered + 1 if capture.outcome == "unreachable" else 0
        # What a third party does not have is no failure.
        if capture.outcome not in ("served", "gone"):
            failures.append(capture)
        waiting.append((_row(run, url, capture, target), facts))
        if len(waiting) == _KEPT_TOGETHER or done == len(targets):
            new_bodies += keep_facts(db, run.evidence, waiting)
            waiting = []
        progress(ksb_planner.NAME, done, len(targets))
    return Captured(
        asked=len(targets), versions=len(targets) - len(failures), new_bodies=new_bodies, failures=tuple(failures), notes=site.notes
    )


def _read(site: Site, url: str, target: InForce) -> tuple[Capture, bytes | None]:
    """The facts of one page; a page that cannot be read, or is another standard's, counts as refused."""
    parts = urlsplit(url)
    capture = site.fetch(parts.path + (f"?{parts.query}" if parts.query else ""))
    if capture.outcome != "served":
        return capture, None
    try:
        facts = ksb_planner.parse(capture.body)
        if facts.reference != target.reference:
            raise ParseError("P-BAD-VALUE", f"reference: it shows {facts.reference}, not {target.reference}.")
    except ParseError as error:
        return replace(capture, outcome="refused", rule=error.rule, reason=str(error)), None
    return capture, ksb_planner.evidence(facts)


def _row(run: Run, url: str, capture: Capture, target: InForce) -> dict[str, Any]:
    return {
        "capture_id": digest([run.run_id, ksb_planner.NAME, target.reference]),
        "run_id": run.run_id,
        "source": ksb_planner.NAME,
        "reference": target.reference,
        "version": target.version,
        "url": url,
        "captured_at": run.observed_at,
        "outcome": capture.outcome,
        "status_code": capture.status_code,
        "size_bytes": len(capture.body) if capture.outcome == "served" else None,
        "etag": capture.etag,
        "rule": capture.rule,
        "reason": capture.reason,
        "is_complete": False,
    }
