"""Conflicts: hold what the other sources say beside the API, and write down where they disagree.

Belongs here: which sides of a run can be compared, what must be compared again, what is over. Not here: comparing
(pipelines.changes.sources) or SQL (warehouse.conflicts). Snapshots and changes are left alone: each side keeps
its own value.

A standard in one source is compared again only when something moved on either side. Only sides that were both
checked in this run are compared; a side that could not be checked leaves what is open as it is.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

from pipelines.changes.sources import compare_facts, compare_log, compare_records
from pipelines.run import Progress, Run
from schemas.conflict import Conflict
from schemas.record import APPROVED, IN_DEVELOPMENT, Record, digest
from scrapers import api, ksb_planner
from scrapers.sources import SOURCES
from warehouse.conflicts import (
    Settled,
    Side,
    answered,
    compared_on,
    open_conflicts,
    second_opinions,
    see_again,
    sides,
    write_settled,
)
from warehouse.database import Warehouse
from warehouse.snapshots import bodies

# Moves with what counts as a disagreement, so that everything is compared again.
_COMPARED_BY: Final = "conflicts-1"
_OTHERS: Final = ("page", "occupation", ksb_planner.NAME)
_LIVE: Final = frozenset({APPROVED, IN_DEVELOPMENT})
# Any page of a standard can show its log, and any record that cannot be read may be the one that is missed.
_OF_THE_STANDARD: Final = frozenset({"X-NO-RECORD", "X-LOG-ROW", "X-LOG-MISSING", "X-LOG-UNKNOWN"})
_SAYS: Final = tuple(field.name for field in fields(Conflict))
Sides = Mapping[str, Mapping[str, Side]]
# A disagreement and the evidence of the other side that shows it.
Told = tuple[Conflict, str | None]
# Standards compared in one transaction: their bodies are in memory together.
_COMPARED_TOGETHER: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the step did, for people: standards compared (in one source each), disagreements that came and that went."""

    compared: int = 0
    opened: int = 0
    resolved: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(compared=self.compared + other.compared, opened=self.opened + other.opened, resolved=self.resolved + other.resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One standard, as the API and one other source stand with its versions in a run."""

    source: str
    reference: str
    ours: Mapping[str, Side]
    theirs: Mapping[str, Side]

    @property
    def basis(self) -> str:
        """Address of everything a comparison depends on."""
        # A page says more than its record: the log of all versions.
        what = "record_id" if self.source == "occupation" else "evidence_sha256"
        theirs = [[side.version, side.state, getattr(side, what), side.parser_version] for side in self.theirs.values()]
        return digest([_COMPARED_BY, [[side.version, side.state, side.record_id] for side in self.ours.values()], theirs])

    @property
    def stale(self) -> frozenset[str]:
        """The versions that a side could not check."""
        return frozenset(side.version for side in (*self.ours.values(), *self.theirs.values()) if side.state == "stale")

    def is_checked(self, version: str) -> bool:
        """Whether both sides were seen to show the version."""
        return all(version in sides and sides[version].state == "checked" for sides in (self.ours, self.theirs))


def find_conflicts(db: Warehouse, run: Run, progress: Progress) -> Counts:
    """Compare every other source that answered in this run with the API, where either has moved."""
    total = Counts()
    others = [source for source in _OTHERS if source in answered(db, run.run_id, _OTHERS)]
    if not others or not answered(db, run.run_id, ["api"]):
        return total
    ours = _by_reference(sides(db, "api", run.run_id, run.observed_at))
    for source in others:
        told = second_opinions(db, source, run.run_id) if source == ksb_planner.NAME else sides(db, source, run.run_id, run.observed_at)
        total += _compare_all(db, run, source, (ours, _by_reference(told)), progress)
    return total


def _by_reference(every: Sequence[Side]) -> Sides:
    found: dict[str, dict[str, Side]] = {}
    for side in every:
        found.setdefault(side.reference, {})[side.version] = side
    return found


def _compare_all(db: Warehouse, run: Run, source: str, both: tuple[Sides, Sides], progress: Progress) -> Counts:
    before = compared_on(db, source)
    pairs = list(_pairs(run, source, both, before))
    still = {pair.reference for pair in pairs if before.get(pair.reference) == pair.basis and not pair.stale}
    see_again(db, source, still, run.observed_at)
    moved = [pair for pair in pairs if pair.reference not in still]
    total = Counts()
    for begin in range(0, len(moved), _COMPARED_TOGETHER):
        some = moved[begin : begin + _COMPARED_TOGETHER]
        stored = bodies(db, run.evidence, {address for pair in some for address in _needed(pair)})
        known = open_conflicts(db, source, [pair.reference for pair in some])
        settled = [_settle(run, pair, judge(pair, stored), [row for row in known if row["reference"] == pair.reference]) for pair in some]
        write_settled(db, source, settled, run.observed_at)
        total += Counts(
            compared=len(settled), opened=sum(len(one.opened) for one in settled), resolved=sum(len(one.resolved) for one in settled)
        )
        progress(f"comparing {source}", total.compared, len(moved))
    return total


def _pairs(run: Run, source: str, both: tuple[Sides, Sides], before: Collection[str]) -> Iterator[Pair]:
    """The standards of the run of which the other source said something, or should have, or once did."""
    ours, theirs = both
    for reference in sorted({*theirs, *before, *(ours if source == "page" else ())}):
        if run.only is None or reference in run.only:
            yield Pair(source=source, reference=reference, ours=ours.get(reference, {}), theirs=theirs.get(reference, {}))


def _needed(pair: Pair) -> Iterator[str]:
    """The evidence that a comparison reads."""
    for side in pair.theirs.values():
        if side.state == "checked" and side.evidence_sha256:
            yield side.evidence_sha256
    for side in pair.ours.values():
        is_read = pair.source == ksb_planner.NAME or pair.is_checked(side.version)
        if side.state == "checked" and is_read and side.evidence_sha256:
            yield side.evidence_sha256


def judge(pair: Pair, stored: Mapping[str, bytes]) -> dict[Conflict, str | None]:
    """Every disagreement, with the evidence of the other side that shows it; two pages that say the same of a version are one."""
    if pair.source == ksb_planner.NAME:
        found = _facts(pair, stored)
    elif pair.source == "page":
        found = chain(_missing(pair), _shown(pair, stored))
    else:
        found = _shown(pair, stored)
    told: dict[Conflict, str | None] = {}
    for conflict, evidence in found:
        told.setdefault(conflict, evidence)
    return told


def _missing(pair: Pair) -> Iterator[Told]:
    """Versions that the API tells and no page shows, and the other way round."""
    for version, ours in pair.ours.items():
        state = pair.theirs[version].state if version in pair.theirs else "unasked"
        if ours.state == "checked" and ours.status in _LIVE and state not in ("checked", "stale"):
            path = _path(ours)
            sharing = [other for other in pair.ours.values() if other is not ours and other.state == "checked" and _path(other) == path]
            if not path:
                answer, rule = "it has no address", "X-NO-PAGE"
            elif state == "absent":
                answer, rule = "there is no such page", "X-NO-PAGE"
            else:
                answer, rule = "its address shows another version", "X-SHARED-PAGE" if sharing else "X-NO-PAGE"
            yield Conflict(version=version, subject="page", value=ours.status, other_value=answer, rule=rule), None
    is_whole = not any(side.state == "stale" for side in pair.ours.values())
    for version, theirs in pair.theirs.items():
        if is_whole and theirs.state == "checked" and (version not in pair.ours or pair.ours[version].state == "absent"):
            conflict = Conflict(version=version, subject="record", value=None, other_value=theirs.status, rule="X-NO-RECORD")
            yield conflict, theirs.evidence_sha256


def _path(side: Side) -> str:
    return urlsplit(side.page_url or "").path.lower()


def _shown(pair: Pair, stored: Mapping[str, bytes]) -> Iterator[Told]:
    """What the pages say of their own versions, and in their logs of all versions."""
    records = {version: asdict(side) for version, side in pair.ours.items() if side.state == "checked"}
    unknown = {version for version, side in pair.ours.items() if side.state not in ("checked", "absent")}
    for version, theirs in pair.theirs.items():
        if theirs.state != "checked" or not theirs.evidence_sha256:
            continue
        reading = SOURCES[pair.source].parse(stored[theirs.evidence_sha256])
        found: list[Conflict] = []
        if pair.is_checked(version):
            found += compare_records(_record(pair.ours[version], stored), reading.record)
        if reading.log:
            found += compare_log(reading.log, records, unknown)
        yield from ((conflict, theirs.evidence_sha256) for conflict in found)


def _facts(pair: Pair, stored: Mapping[str, bytes]) -> Iterator[Told]:
    """What a third party says of the version it takes for the one in force."""
    in_force = [version for version, side in pair.ours.items() if side.state == "checked" and side.status == APPROVED]
    for side in pair.theirs.values():
        if side.state != "checked" or not side.evidence_sha256:
            continue
        facts = ksb_planner.facts_of(stored[side.evidence_sha256])
        found: list[Conflict] = []
        if in_force and facts.version not in in_force:
            version = in_force[-1]
            found.append(Conflict(version=version, subject="version", value=version, other_value=facts.version, rule="X-VALUE"))
        ours = pair.ours.get(facts.version)
        if ours and ours.state == "checked":
            found += compare_facts(_record(ours, stored), facts)
        yield from ((conflict, side.evidence_sha256) for conflict in found)


def _record(side: Side, stored: Mapping[str, bytes]) -> Record:
    return replace(api.parse(stored[side.evidence_sha256 or ""]).record, version=side.version)


def _settle(run: Run, pair: Pair, found: Mapping[Conflict, str | None], known: Sequence[Mapping[str, Any]]) -> Settled:
    """What is new, what is still there, and what is over; what could not be checked stays open as it is."""
    rows = {Conflict(**{name: row[name] for name in _SAYS}): row["conflict_id"] for row in known}
    return Settled(
        reference=pair.reference,
        basis=pair.basis,
        opened=[_row(run, pair, conflict, evidence) for conflict, evidence in found.items() if conflict not in rows],
        seen_again=[address for conflict, address in rows.items() if conflict in found],
        resolved=[address for conflict, address in rows.items() if conflict not in found and _is_over(pair, conflict)],
    )


def _is_over(pair: Pair, conflict: Conflict) -> bool:
    """Whether both sides were asked; a third party can show any version."""
    if conflict.rule in _OF_THE_STANDARD or pair.source == ksb_planner.NAME:
        return not pair.stale
    return conflict.version not in pair.stale


def _row(run: Run, pair: Pair, conflict: Conflict, evidence: str | None) -> dict[str, Any]:
    says = asdict(conflict)
    ours = pair.ours.get(conflict.version or "")
    return {
        "conflict_id": digest([pair.reference, "api", pair.source, *says.values(), run.observed_at.isoformat()]),
        "reference": pair.reference,
        "source": "api",
        "other_source": pair.source,
        **says,
        "is_explained": conflict.is_explained,
        "first_seen_at": run.observed_at,
        "last_seen_at": run.observed_at,
        "resolved_at": None,
        "evidence_sha256": ours.evidence_sha256 if ours else None,
        "other_evidence_sha256": evidence,
    }
