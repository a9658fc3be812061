"""Capture: ask the site, keep the bytes, write down what came of it.

Belongs here: which addresses a run asks for. Not here: how one is asked (scrapers.site) or what the
bytes say (pipelines.snapshots).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from pipelines.run import Progress, Run
from schemas.record import APPROVED, IN_DEVELOPMENT, digest, version_key
from schemas.rules import Finding
from scrapers import api, page
from scrapers.reading import ParseError
from scrapers.site import Capture, Site
from warehouse.captures import Held, Listed, keep_captures, known_versions_count, listed_versions, paged_versions
from warehouse.database import Warehouse

# An array that lost more than this at once is half an answer; with few versions a share means nothing.
_SHRUNK: Final = 0.95
_FEW_VERSIONS: Final = 40
# A site that is down is left alone: asking 850 pages in vain, three times each, helps nobody.
_UNANSWERED_UNTIL_GIVEN_UP: Final = 5
_GIVEN_UP: Final = "It was not asked: the site had not answered five times in a row. It is left for the next run."
# Pages written in one transaction: validating twenty costs what validating one does.
_KEPT_TOGETHER: Final = 20
_PAGED: Final = frozenset({APPROVED, IN_DEVELOPMENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A version and the path of a page that shows it."""

    reference: str
    version: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What one source gave in one run; `failures` are the captures that gave no body."""

    asked: int
    versions: int
    new_bodies: int
    failures: tuple[Capture, ...]
    findings: tuple[Finding, ...] = ()


def capture_api(db: Warehouse, site: Site, run: Run, progress: Progress) -> Captured:
    """Read the whole array and keep each of its records; `run.only` limits what is kept."""
    progress("api", 0, 1)
    capture, entries, findings = _array(site)
    known = known_versions_count(db)
    if capture.outcome == "served" and known >= _FEW_VERSIONS and len(entries) < _SHRUNK * known:
        reason = f"The array holds {len(entries):,} versions where {known:,} were known: it shrank below {_SHRUNK:.0%}."
        capture, entries = replace(capture, outcome="refused", reason=reason), ()
    held = [
        Held(
            reference=entry.reference,
            version=entry.version,
            body=entry.evidence,
            status=entry.status,
            page_url=entry.page_url,
            occupation_code=entry.occupation_code,
        )
        for entry in entries
        if run.only is None or entry.reference in run.only
    ]
    new_bodies = keep_captures(db, run.evidence, [(_row(run, "api", capture, is_complete=capture.outcome == "served"), held)])
    progress("api", 1, 1)
    failures = () if capture.outcome == "served" else (capture,)
    return Captured(asked=1, versions=len(held), new_bodies=new_bodies, failures=failures, findings=findings)


def capture_pages(db: Warehouse, site: Site, run: Run, progress: Progress) -> Captured:
    """Read the page of every version that is approved or in development."""
    listed, failure = _listed(db, site)
    if failure:
        keep_captures(db, run.evidence, [(_row(run, "page", failure), [])])
        return Captured(asked=1, versions=0, new_bodies=0, failures=(failure,))
    return _capture_each(db, site, run, "page", page_targets(listed, paged_versions(db), run.only), progress)


def capture_occupations(db: Warehouse, site: Site, run: Run, progress: Progress) -> Captured:
    """Read the occupation page of every standard that has a version in force."""
    listed, failure = _listed(db, site)
    if failure:
        keep_captures(db, run.evidence, [(_row(run, "occupation", failure), [])])
        return Captured(asked=1, versions=0, new_bodies=0, failures=(failure,))
    return _capture_each(db, site, run, "occupation", occupation_targets(listed, run.only), progress)


def page_targets(listed: Iterable[Listed], paged: Iterable[Listed], only: Sequence[str] | None) -> list[Target]:
    """The pages to read: versions Approved or In development, and those whose page still says so.

    Several versions can share one address ("in revision"); it is read once, for the newest of them.
    """
    known = {(version.reference, version.version): version for version in listed}
    still = {(version.reference, version.version): version for version in paged if version.status in _PAGED}
    wanted = [version for version in known.values() if version.status in _PAGED]
    wanted += [known.get(key, version) for key, version in still.items() if key not in known or known[key].status not in _PAGED]
    targets = {}
    for version in sorted(wanted, key=lambda version: (version.reference, version_key(version.version))):
        if version.page_url and (only is None or version.reference in only):
            path = urlsplit(version.page_url).path.lower()
            targets[path] = Target(reference=version.reference, version=version.version, path=f"{path}?view=standard")
    return list(targets.values())


def occupation_targets(listed: Iterable[Listed], only: Sequence[str] | None) -> list[Target]:
    """The occupation pages to read: one per standard with an approved version, for the newest such version."""
    targets = {}
    for version in sorted(listed, key=lambda version: (version.reference, version_key(version.version))):
        if version.status == APPROVED and version.occupation_code and (only is None or version.reference in only):
            targets[version.reference] = Target(
                reference=version.reference, version=version.version, path=f"/occupations/{version.occupation_code}"
            )
    return list(targets.values())


def _listed(db: Warehouse, site: Site) -> tuple[Sequence[Listed], Capture | None]:
    """The versions there are: as the warehouse knows them, else as the array says, which then is only looked up."""
    listed = listed_versions(db)
    if listed:
        return listed, None
    capture, entries, _ = _array(site)
    found = [
        Listed(
            reference=entry.reference,
            version=entry.version,
            status=entry.status,
            page_url=entry.page_url,
            occupation_code=entry.occupation_code,
        )
        for entry in entries
    ]
    return found, None if found else capture


def _array(site: Site) -> tuple[Capture, tuple[api.Entry, ...], tuple[Finding, ...]]:
    """The array and its records; an answer that is no array of standards counts as refused."""
    capture = site.fetch(api.PATH)
    if capture.outcome != "served":
        return capture, (), ()
    try:
        entries, findings = api.split(capture.body)
    except ParseError as error:
        return replace(capture, outcome="refused", reason=str(error)), (), ()
    return capture, entries, findings


def _capture_each(db: Warehouse, site: Site, run: Run, source: str, targets: Sequence[Target], progress: Progress) -> Captured:
    failures: list[Capture] = []
    waiting: list[tuple[dict[str, Any], list[Held]]] = []
    new_bodies, unanswered = 0, 0
    progress(source, 0, len(targets))
    for done, target in enumerate(targets, 1):
        is_given_up = unanswered >= _UNANSWERED_UNTIL_GIVEN_UP
        capture = Capture(url=site.url(target.path), outcome="unreachable", reason=_GIVEN_UP) if is_given_up else site.fetch(target.path)
        unanswered = unanswered + 1 if capture.outcome == "unreachable" else 0
        held = []
        if capture.outcome == "served":
            held = [Held(reference=target.reference, version=target.version, body=page.evidence(capture.body))]
        else:
            failures.append(capture)
        waiting.append((_row(run, source, capture, target=target), held))
        if len(waiting) == _KEPT_TOGETHER or done == len(targets):
            new_bodies += keep_captures(db, run.evidence, waiting)
            waiting = []
        progress(source, done, len(targets))
    return Captured(asked=len(targets), versions=len(targets) - len(failures), new_bodies=new_bodies, failures=tuple(failures))


def _row(run: Run, source: str, capture: Capture, *, target: Target | None = None, is_complete: bool = False) -> dict[str, Any]:
    return {
        "capture_id": digest([run.run_id, source, capture.url]),
        "run_id": run.run_id,
        "source": source,
        "reference": target.reference if target else None,
        "version": target.version if target else None,
        "url": capture.url,
        "captured_at": run.observed_at,
        "outcome": capture.outcome,
        "status_code": capture.status_code,
        "size_bytes": len(capture.body) if capture.outcome == "served" else None,
        "etag": capture.etag,
        "reason": capture.reason,
        "is_complete": is_complete,
        "is_read": False,
    }
