"""Capture: ask the site, keep the bytes, write down what came of it.

Belongs here: which addresses a run asks for. Not here: how one is asked (scrapers.site) or what the
bytes say (pipelines.snapshots).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from pipelines.incidents import shrunk
from pipelines.run import Progress, Run
from schemas.record import APPROVED, IN_DEVELOPMENT, digest, version_key
from schemas.rules import Finding
from scrapers import api, page
from scrapers.reading import ParseError
from scrapers.site import Capture, Site
from warehouse.captures import (
    Held,
    Listed,
    Promise,
    Unplaced,
    deferred_urls,
    keep_captures,
    known_versions_count,
    listed_versions,
    paged_versions,
    promises,
    take_over,
)
from warehouse.database import Warehouse
from warehouse.evidence import sha256
from warehouse.quarantine import meet_unplaced_again
from warehouse.snapshots import bodies

# A site that is down is left alone: asking 850 pages in vain, three times each, helps nobody.
_UNANSWERED_UNTIL_GIVEN_UP: Final = 5
_GIVEN_UP: Final = "It was not asked: the site had not answered five times in a row. It is left for the next run."
# Pages written in one transaction: validating twenty costs what validating one does.
_KEPT_TOGETHER: Final = 20
# An address is read in full at least so often, whatever the site says of it.
_FULL_READ_DAYS: Final = 7
# What a run that died was answered within this time need not be asked again.
_STILL_GOOD: Final = timedelta(hours=12)
_PAGED: Final = frozenset({APPROVED, IN_DEVELOPMENT})
_SEEN: Final = frozenset({"served", "not_modified"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A version and the path of a page that shows it."""

    reference: str
    version: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What one source gave in one run; `failures` are the captures that gave nothing.

    `not_modified` of the answers said that nothing changed; `taken_over` addresses had answered a run that
    died; `notes` say what was not as usual about the way of asking.
    """

    asked: int
    versions: int
    new_bodies: int
    failures: tuple[Capture, ...]
    findings: tuple[Finding, ...] = ()
    not_modified: int = 0
    taken_over: int = 0
    notes: tuple[str, ...] = ()


def capture_api(db: Warehouse, site: Site, run: Run, progress: Progress) -> Captured:
    """Read the whole array and keep each of its records; `run.only` limits what is kept."""
    progress("api", 0, 1)
    url = site.url(api.PATH)
    promise = _promises(db, site, run, "api").get(url)
    capture, array = _array(site, etag=_validator(promise, url, run.observed_at))
    reason = shrunk("The array", len(array.entries), known_versions_count(db))
    if capture.outcome == "served" and reason:
        capture, array = replace(capture, outcome="refused", rule="C-SHRUNK", reason=reason), _Array()
    held: Sequence[Held] = [
        Held(
            reference=entry.reference,
            version=entry.version,
            body=entry.evidence,
            status=entry.status,
            page_url=entry.page_url,
            occupation_code=entry.occupation_code,
        )
        for entry in array.entries
        if run.only is None or entry.reference in run.only
    ]
    if promise and capture.outcome == "not_modified":
        capture, held = replace(capture, rule=promise.rule, reason=promise.reason), promise.held
        meet_unplaced_again(db, run.run_id, "api", promise.run_id)
    elif promise and _is_broken(db, run, promise, capture, held, api.evidence):
        capture = _distrusted(capture, promise)
    elif capture.outcome == "served" and array.findings:
        repeated = ", ".join(finding.message for finding in array.findings[:10])
        capture = replace(capture, rule="P-REPEATED-RECORD", reason=f"{len(array.findings):,} records repeat a version: {repeated}.")
    unplaced = [_unplaced(run, capture, record) for record in array.unplaced if run.only is None or record.reference in run.only]
    row = _row(run, "api", url, capture, is_complete=capture.outcome in _SEEN)
    new_bodies = keep_captures(db, run.evidence, [(row, held)], unplaced)
    progress("api", 1, 1)
    odd = [Finding(rule=record.row["rule"], message=record.row["reason"]) for record in unplaced]
    return Captured(
        asked=1,
        versions=len(held),
        new_bodies=new_bodies,
        failures=() if capture.outcome in _SEEN else (capture,),
        findings=(*array.findings, *odd, *_doubt(capture)),
        not_modified=int(capture.outcome == "not_modified"),
        notes=site.notes,
    )


def capture_pages(db: Warehouse, site: Site, run: Run, progress: Progress) -> Captured:
    """Read the page of every version that is approved or in development."""
    listed, failure = _listed(db, site)
    if failure:
        return _nowhere(db, site, run, "page", failure)
    return _capture_each(db, site, run, "page", page_targets(listed, paged_versions(db), run.only), progress)


def capture_occupations(db: Warehouse, site: Site, run: Run, progress: Progress) -> Captured:
    """Read the occupation page of every standard that has a version in force."""
    listed, failure = _listed(db, site)
    if failure:
        return _nowhere(db, site, run, "occupation", failure)
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
    """The occupation pages to read: one per standard with an approved version, for the newest such version.

    Standards that share an occupation share its page, which is read once, for the first of them.
    """
    targets: dict[str, Target] = {}
    for version in sorted(listed, key=lambda version: (version.reference, version_key(version.version))):
        if version.status == APPROVED and version.occupation_code and (only is None or version.reference in only):
            targets[version.reference] = Target(
                reference=version.reference, version=version.version, path=f"/occupations/{version.occupation_code}"
            )
    pages: dict[str, Target] = {}
    for target in targets.values():
        pages.setdefault(target.path, target)
    return list(pages.values())


def _listed(db: Warehouse, site: Site) -> tuple[Sequence[Listed], Capture | None]:
    """The versions there are: as the warehouse knows them, else as the array says, which then is only looked up."""
    listed = listed_versions(db)
    if listed:
        return listed, None
    capture, array = _array(site)
    found = [
        Listed(
            reference=entry.reference,
            version=entry.version,
            status=entry.status,
            page_url=entry.page_url,
            occupation_code=entry.occupation_code,
        )
        for entry in array.entries
    ]
    return found, None if found else capture


def _nowhere(db: Warehouse, site: Site, run: Run, source: str, failure: Capture) -> Captured:
    """Nothing says which pages there are: what went wrong with the array is what came of them."""
    keep_captures(db, run.evidence, [(_row(run, source, failure.url, failure), [])])
    return Captured(asked=1, versions=0, new_bodies=0, failures=(failure,), notes=site.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Array:
    """The array taken apart."""

    entries: tuple[api.Entry, ...] = ()
    findings: tuple[Finding, ...] = ()
    unplaced: tuple[api.Unplaced, ...] = ()


def _array(site: Site, *, etag: str | None = None) -> tuple[Capture, _Array]:
    """The array and its records; an answer that is no array of standards counts as refused."""
    capture = site.fetch(api.PATH, etag=etag)
    if capture.outcome != "served":
        return capture, _Array()
    try:
        entries, findings, unplaced = api.split(capture.body)
    except ParseError as error:
        return replace(capture, outcome="refused", rule=error.rule, reason=str(error)), _Array()
    return capture, _Array(entries=entries, findings=findings, unplaced=unplaced)


def _capture_each(db: Warehouse, site: Site, run: Run, source: str, targets: Sequence[Target], progress: Progress) -> Captured:
    urls = {target: site.url(target.path) for target in targets}
    taken_over = take_over(db, run.run_id, source, urls.values(), run.observed_at, _STILL_GOOD)
    deferred = deferred_urls(db, source)
    promised = _promises(db, site, run, source)
    left = sorted((target for target in targets if urls[target] not in taken_over), key=lambda target: urls[target] not in deferred)
    own = set(urls.values())
    failures: list[Capture] = []
    doubts: list[Finding] = []
    waiting: list[tuple[dict[str, Any], list[Held]]] = []
    new_bodies, unanswered, not_modified = 0, 0, 0
    left_alone: str | None = None
    progress(source, 0, len(left))
    try:
        for done, target in enumerate(left, 1):
            url = urls[target]
            promise = promised.get(url)
            if left_alone:
                capture = Capture(url=url, outcome="unreachable", rule="C-DEFERRED", reason=left_alone)
            else:
                capture = site.fetch(target.path, etag=_validator(promise, url, run.observed_at))
            unanswered = unanswered + 1 if capture.outcome == "unreachable" else 0
            if capture.rule == "C-DEFERRED":
                left_alone = capture.reason
            elif unanswered >= _UNANSWERED_UNTIL_GIVEN_UP:
                left_alone = _GIVEN_UP
            if capture.outcome == "served" and capture.url != url:
                capture = _moved(capture, url) if capture.url in own else capture
                own.add(capture.url)
            held = []
            if promise and capture.outcome == "not_modified":
                held = [Held(reference=target.reference, version=target.version, evidence_sha256=promise.held[0].address)]
                not_modified += 1
            elif capture.outcome == "served":
                held = [Held(reference=target.reference, version=target.version, body=page.evidence(capture.body))]
                if promise and _is_broken(db, run, promise, capture, held, page.evidence):
                    capture = _distrusted(capture, promise)
                    doubts += _doubt(capture)
            else:
                failures.append(capture)
            waiting.append((_row(run, source, url, capture, target=target), held))
            if len(waiting) == _KEPT_TOGETHER:
                batch, waiting = waiting, []
                new_bodies += keep_captures(db, run.evidence, batch)
            progress(source, done, len(left))
    finally:
        # Whoever is interrupted keeps what the site has answered so far.
        if waiting:
            new_bodies += keep_captures(db, run.evidence, waiting)
    return Captured(
        asked=len(left),
        versions=len(targets) - len(failures),
        new_bodies=new_bodies,
        failures=tuple(failures),
        findings=tuple(doubts),
        not_modified=not_modified,
        taken_over=len(taken_over),
        notes=site.notes,
    )


def _moved(capture: Capture, url: str) -> Capture:
    """An address that only leads to a page which is asked for itself: the version has no page of its own any more."""
    reason = f"It redirects to {capture.url}, which is the page of another version."
    return replace(capture, url=url, outcome="gone", body=b"", etag=None, rule="C-GONE", reason=reason)


def _promises(db: Warehouse, site: Site, run: Run, source: str) -> Mapping[str, Promise]:
    """What may be asked for conditionally. A run limited to some standards is somebody's question: it reads all it asks for."""
    return {} if run.only else promises(db, source, site.url(""))


def is_due_in_full(url: str, read_at: datetime, at: datetime) -> bool:
    """Whether an address is to be read whatever its validator says: at least every seven days.

    Each address has its own day in seven, so that not all are read on the day on which the first run was.
    """
    is_its_day = (at.toordinal() + int(digest([url])[:8], 16)) % _FULL_READ_DAYS == 0
    return is_its_day or (at.date() - read_at.date()).days >= _FULL_READ_DAYS


def _validator(promise: Promise | None, url: str, at: datetime) -> str | None:
    return promise.etag if promise and not is_due_in_full(url, promise.read_at, at) else None


def _is_broken(
    db: Warehouse, run: Run, promise: Promise, capture: Capture, held: Sequence[Held], evidence: Callable[[bytes], bytes]
) -> bool:
    """Whether a body came that is not the one its validator came with before.

    What was kept then is kept anew for the comparison: that we keep something else of a body today is not the site's doing.
    """
    if capture.outcome != "served" or capture.etag != promise.etag:
        return False
    before, now = {entry.address for entry in promise.held}, {entry.address for entry in held}
    return before != now and {sha256(evidence(body)) for body in bodies(db, run.evidence, before).values()} != now


def _distrusted(capture: Capture, promise: Promise) -> Capture:
    reason = (
        f"The body is not the one of {promise.read_at:%d %B %Y}, and yet the site gives both the same validator: that nothing changed "
        "in between cannot be relied on. It is read in full from now on."
    )
    return replace(capture, rule="C-WRONG-304", reason=reason)


def _doubt(capture: Capture) -> list[Finding]:
    is_doubtful = capture.rule == "C-WRONG-304"
    return [Finding(rule="C-WRONG-304", message=f"{capture.url}: {capture.reason}")] if is_doubtful else []


def _unplaced(run: Run, capture: Capture, record: api.Unplaced) -> Unplaced:
    address = sha256(record.evidence)
    row = {
        "quarantine_id": digest(["api", record.reference, None, address, record.rule]),
        "run_id": run.run_id,
        "last_run_id": run.run_id,
        "held_at": run.observed_at,
        "source": "api",
        "reference": record.reference,
        "version": None,
        "url": capture.url,
        "evidence_sha256": address,
        "rule": record.rule,
        "reason": record.reason,
        "status": "held",
        "decided_at": None,
        "decided_by": None,
        "decision_reason": None,
    }
    return Unplaced(row=row, body=record.evidence)


def _row(run: Run, source: str, asked: str, capture: Capture, *, target: Target | None = None, is_complete: bool = False) -> dict[str, Any]:
    return {
        "capture_id": digest([run.run_id, source, asked]),
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
        "rule": capture.rule,
        "reason": capture.reason,
        "is_complete": is_complete,
        "is_read": False,
    }
