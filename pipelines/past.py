"""The past: what is known from night to night of a history, so that a night costs what moved in it.

Belongs here: deciding on values what a live run decides on the warehouse, by the same code (pipelines.observing,
pipelines.comparison), and the nights that wait to be written. Not here: reading a history (pipelines.backfill).
A record that says what the one before it said is noise: it is counted, and its bytes stay in the history.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from pipelines.comparison import Background, crosswalk_rows, neighbours, told_by
from pipelines.observing import Key, Look, Said, Standing, observe, unfit
from schemas.record import Record, Snapshot, digest, version_key
from schemas.rules import RULES, Finding
from scrapers import api
from scrapers.history import LIVE_SINCE, File
from warehouse.changes import Pending, Published
from warehouse.database import Warehouse
from warehouse.evidence import sha256
from warehouse.incidents import open_incidents
from warehouse.past import Nights, begun, write_nights
from warehouse.snapshots import SAME_DAY, Batch, Known, Observed, Shown, Transition, approved_ids, bodies, lost_untold

SOURCE: Final = "api"

Rows = list[dict[str, Any]]
Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a backfill did: nights and commits read, files that moved, how many of those were noise, and what came of the rest."""

    nights: int = 0
    commits: int = 0
    moved: int = 0
    noise: int = 0
    new_snapshots: int = 0
    held: int = 0
    missing: int = 0
    new_changes: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NightLook:
    """One night as it is observed.

    `left` are those of the absent that were left behind, `unplaced` rows of what names no version, `remark` what is odd about all of it.
    """

    look: Look
    site: str
    left: Set[Key]
    unplaced: Sequence[dict[str, Any]]
    remark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    record: Record
    findings: tuple[Finding, ...]


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """What the nights since the last write gave."""

    runs: Rows = field(default_factory=list)
    captures: Rows = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    like: dict[str, str] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    ended: dict[str, datetime] = field(default_factory=dict)
    findings: Rows = field(default_factory=list)
    transitions: Rows = field(default_factory=list)
    changes: Rows = field(default_factory=list)
    also: list[tuple[str, str]] = field(default_factory=list)
    pairs: dict[tuple[str, str, str], tuple[Published, Published]] = field(default_factory=dict)
    quarantine: list[tuple[str, Rows]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    incidents: list[tuple[str, datetime, Sequence[Row], Mapping[str, int]]] = field(default_factory=list)
    told: Rows = field(default_factory=list)


class Past:
    """What is known of a source from night to night, and the nights that wait to be written."""

    def __init__(self, db: Warehouse, evidence: Path) -> None:
        self._db, self._evidence = db, evidence
        start = begun(db, SOURCE)
        self.absent: set[Key] = set()
        self.left: set[Key] = set()
        self.is_joined = self.is_weeded = self.is_urgent = False
        self._at = start.latest_at
        self._has_run = start.has_run
        self._known = dict(start.known)
        self._present = {key for key, version in self._known.items() if not version.is_missing}
        self._first_seen = {_key(row): row["first_seen_at"] for row in start.watched}
        self._stale = {_key(row): (row["stale_since_at"], row["stale_reason"]) for row in start.watched if row["stale_since_at"]}
        self._checked = {
            _key(row): row["last_checked_at"] for row in start.watched if row["is_missing"] or row["absences"] or row["stale_since_at"]
        }
        self._held: dict[Key, list[str]] = {}
        for row in start.held:
            self._held.setdefault(_key(row), []).append(row["quarantine_id"])
        self._references = {key[0] for key in self._known} | {row["reference"] for row in start.elsewhere}
        self._seen_elsewhere = {_key(row): row["first_seen_at"] for row in start.elsewhere}
        self._told_elsewhere = {_key(row) for row in start.elsewhere if row["is_told"]}
        self._versions: dict[str, set[str]] = {}
        for reference, version in self._present:
            self._versions.setdefault(reference, set()).add(version)
        self._versions_elsewhere: dict[str, set[str]] = {}
        for reference, version in self._told_elsewhere:
            self._versions_elsewhere.setdefault(reference, set()).add(version)
        self._of_snapshot = {version.snapshot_id: (version.version, version.evidence_sha256) for version in self._known.values()}
        self._address = {version.record_id: version.evidence_sha256 for version in self._known.values()}
        self._changes: dict[Key, Rows] = {}
        for row in start.changes:
            self._changes.setdefault(_key(row), []).append(dict(row))
        self._approved = approved_ids(db, SOURCE)
        self.approved = {_key(row) for row in start.approved}
        self._lost_untold = lost_untold(db, SOURCE)
        self._incidents = self._open_incidents()
        self._unfit: dict[str, str] = {}
        self._readings: dict[str, _Reading] = {}
        self._new_bodies: dict[str, bytes] = {}
        self._stored = set(start.stored)
        self._contents = set(start.contents)
        self._waiting = _Waiting()

    def present(self) -> Set[Key]:
        """The versions that are known and not missing."""
        return self._present

    def lose(self, key: Key, *, is_left: bool) -> None:
        """No file speaks for a version any more, or only one that was left behind."""
        self.absent.add(key)
        self._held.pop(key, None)
        if is_left:
            self.left.add(key)

    def find(self, key: Key) -> None:
        """A file speaks for a version."""
        self.absent.discard(key)
        self.left.discard(key)

    def record_id(self, key: Key) -> str | None:
        """The record that stands for a version."""
        known = self._known.get(key)
        return known.record_id if known else None

    def is_as_known(self, key: Key, record_id: str | None) -> bool:
        """Whether a version is known and said the same last."""
        known = self._known.get(key)
        return known is not None and not known.is_missing and known.record_id == record_id

    def is_doubtful(self, key: Key) -> bool:
        """Whether a version could not be checked, or was absent, last time."""
        return key in self._stale or self._known[key].absences > 0

    def evidence_of(self, record_id: str | None) -> str | None:
        """Where a record is kept that says the same to the letter."""
        return self._address.get(record_id) if record_id else None

    def forget(self) -> None:
        """Let go of bodies that nobody used, and of records that are not in force; those are read again where they are asked for."""
        self._new_bodies = {}
        in_force = {version.evidence_sha256 for version in self._known.values()}
        self._readings = {address: reading for address, reading in self._readings.items() if address in in_force}

    def learn(self, files: Iterable[File], *, anew: bool = False) -> None:
        """Take over what files say, and judge all of it at once by what fits the tables; `anew` where it is to be kept as it is here."""
        probes = []
        for file in files:
            if file.evidence:
                self._new_bodies[file.address] = file.evidence
            if file.record_id is None:
                continue
            if anew:
                self._address[file.record_id] = file.address
            address = self._address.setdefault(file.record_id, file.address)
            if file.record:
                self._readings[address] = _Reading(record=file.record, findings=file.findings)
                probes.append(_probe(file.record, address))
        self._unfit |= unfit(probes, self._contents) if probes else {}

    def is_kept(self, address: str) -> bool:
        """Whether bytes are in the evidence store, or wait to be."""
        return address in self._new_bodies or address in self._stored

    def said(self, shown: Shown, newly_told: frozenset[str]) -> Said:
        """What a version says whose bytes are kept."""
        reading = self._reading(shown.evidence_sha256)
        return Said(shown=shown, record=reading.record, findings=reading.findings, newly_told=newly_told)

    def _reading(self, address: str) -> _Reading:
        if address not in self._readings:
            body = self._new_bodies.get(address) or bodies(self._db, self._evidence, {address})[address]
            reading = api.parse(body)
            self._readings[address] = _Reading(record=reading.record, findings=reading.findings)
        return self._readings[address]

    def read_again(self, address: str) -> str:
        """The record_id of kept bytes, as they are read today. Raises ParseError."""
        record = self._reading(address).record
        self._address[record.record_id] = address
        self._unfit |= unfit([_probe(record, address)], self._contents)
        return record.record_id

    def record(self, reference: str, version: str | None, evidence: str | None) -> Record | None:
        """The record under the name its snapshot goes by."""
        if evidence is None:
            return None
        record = self._reading(evidence).record
        return (
            record if (record.reference, record.version) == (reference, version) else replace(record, reference=reference, version=version)
        )

    def observe(self, night: NightLook, now: datetime, tally: Tally, *, run: Mapping[str, Any] | None = None) -> None:
        """Decide what a night says, and keep it until it is written; `run` tells how the run went where it is a rebuilt one."""
        look, at = night.look, night.look.batch.observed_at
        observed = observe(look, self._standing(at), self._unfit)
        transitions = [
            replace(t, is_baseline=t.is_baseline or (t.kind == "missing" and (t.reference, t.version) in night.left))
            for t in observed.transitions
        ]
        self._lost_untold |= {(t.reference, t.version) for t in transitions if t.kind == "missing" and t.is_baseline}
        self._lost_untold -= {(t.reference, t.version) for t in transitions if t.kind == "returned"}
        held = [
            *(row if self.is_kept(row["evidence_sha256"]) else row | {"evidence_sha256": None} for row in observed.quarantine),
            *night.unplaced,
        ]
        shown = [item.shown for item in look.said]
        before = {
            s.evidence_sha256: self._known[s.reference, s.version].evidence_sha256 for s in shown if (s.reference, s.version) in self._known
        }
        self._apply(observed, look, at)
        newly_told = {(item.shown.reference, item.shown.version): item.newly_told for item in look.said}
        changes = self._compare(transitions, newly_told)
        waiting = self._waiting
        waiting.captures += [_capture(look.batch, item.shown) for item in look.said]
        waiting.snapshots += observed.snapshots
        waiting.ended |= dict.fromkeys(observed.superseded, at)
        waiting.findings += observed.findings
        waiting.transitions += [{f.name: getattr(t, f.name) for f in fields(t)} | {"is_compared": True} for t in transitions]
        waiting.changes += changes
        waiting.released += observed.released
        if held:
            waiting.quarantine.append((look.batch.run_id, held))
        if observed.incidents or self._incidents:
            waiting.incidents.append((look.batch.run_id, at, observed.incidents, observed.examined))
            self.is_urgent = True
        waiting.like |= {address: waiting.like.get(other, other) for address, other in before.items()}
        addresses = {s.evidence_sha256 for s in shown} | {row["evidence_sha256"] for row in night.unplaced}
        waiting.bodies |= {address: self._new_bodies[address] for address in addresses & self._new_bodies.keys()}
        row = dict(run) if run else _run(night, now, held, observed)
        waiting.runs.append(row)
        part = _part(night, self.is_kept)
        waiting.bodies[sha256(part)] = part
        waiting.told.append(
            {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()} | {"parts": [sha256(part)]}
        )
        self._at = at
        self._has_run = self._has_run or bool(look.said)
        tally.new_snapshots += len(observed.snapshots)
        tally.missing += len(observed.missing)
        tally.held += len(held)
        tally.new_changes += len(changes)

    def write(self) -> None:
        """Write the nights that wait."""
        waiting, self._waiting = self._waiting, _Waiting()
        if not waiting.runs:
            return
        crosswalks = {name: list(crosswalk_rows(*pair, self)) for name, pair in waiting.pairs.items()}
        nights = Nights(
            runs=waiting.runs,
            captures=waiting.captures,
            bodies=waiting.bodies,
            like=waiting.like,
            snapshots=waiting.snapshots,
            ended=waiting.ended,
            watched=[self._watched(key) for key in self._known],
            findings=[row for row in waiting.findings if row["snapshot_id"] not in waiting.ended],
            transitions=waiting.transitions,
            changes=waiting.changes,
            also=waiting.also,
            crosswalks=crosswalks,
            quarantine=waiting.quarantine,
            released=waiting.released,
            incidents=waiting.incidents,
            still_held=sorted(ident for idents in self._held.values() for ident in idents),
            told=waiting.told,
        )
        write_nights(self._db, SOURCE, nights)
        self._stored |= waiting.bodies.keys()
        self._contents |= {snapshot.record.content.content_id for snapshot in waiting.snapshots}
        self._incidents = self._open_incidents()
        self.is_urgent = False

    def _open_incidents(self) -> dict[tuple[str, str | None], str]:
        return {(row["rule"], row["subject"]): row["incident_id"] for row in open_incidents(self._db, SOURCE)}

    def _standing(self, at: datetime) -> Standing:
        return Standing(
            known=self._known,
            approved=self._approved,
            incidents=self._incidents,
            covered=lambda references: references if self._has_run else set(),
            lost_untold=lambda: self._lost_untold,
            seen_before=lambda: {key for key, first in self._seen_elsewhere.items() if first < at - SAME_DAY},
            is_told_elsewhere=lambda key: key in self._told_elsewhere,
            records=lambda versions: {
                (version.reference, version.version): self._reading(version.evidence_sha256).record for version in versions
            },
        )

    def _apply(self, observed: Observed, look: Look, at: datetime) -> None:
        """Move on from what was known before a night to what is known after it."""
        for snapshot in observed.snapshots:
            key = snapshot.record.reference, str(snapshot.record.version)
            self._know(key, _known(key, snapshot))
            self._first_seen.setdefault(key, at)
        for entry in look.same:
            key = entry.reference, entry.version
            self._know(key, replace(self._known[key], absences=0))
        for version in (*observed.absent, *observed.missing):
            key = version.reference, version.version
            is_missing = version in observed.missing
            self._known[key] = replace(version, absences=version.absences + 1, is_missing=is_missing)
            self._checked.setdefault(key, self._at or at)
            if is_missing:
                self._present.discard(key)
                self._versions[key[0]].discard(key[1])
        for reference, number, reason in observed.stale.iter_rows():
            key = reference, number
            if key in self._known:
                self._stale[key] = (self._stale[key][0] if key in self._stale else at, reason)
                self._checked.setdefault(key, self._at or at)
        self._held |= {_key(row): [row["quarantine_id"]] for row in observed.quarantine if row["version"]}
        self._approved -= set(observed.released)

    def _know(self, key: Key, version: Known) -> None:
        self._known[key] = version
        self._of_snapshot[version.snapshot_id] = version.version, version.evidence_sha256
        self._present.add(key)
        self._versions.setdefault(key[0], set()).add(key[1])
        self._stale.pop(key, None)
        self._checked.pop(key, None)
        self._held.pop(key, None)

    def _watched(self, key: Key) -> dict[str, Any]:
        version = self._known[key]
        since, reason = self._stale.get(key, (None, None))
        return {
            "source": SOURCE,
            "reference": key[0],
            "version": key[1],
            "snapshot_id": version.snapshot_id,
            "evidence_sha256": version.evidence_sha256,
            "parser_version": version.parser_version,
            "first_seen_at": self._first_seen[key],
            "last_checked_at": self._checked.get(key, self._at),
            "absences": version.absences,
            "is_missing": version.is_missing,
            "stale_since_at": since,
            "stale_reason": reason,
        }

    def _compare(self, transitions: Sequence[Transition], newly_told: Mapping[Key, frozenset[str]]) -> Rows:
        """The changes of a night; what is told in them is known from then on."""
        ordered = sorted(transitions, key=lambda t: (t.reference, version_key(t.version)))
        look = [replace(self._pending(t), newly_told=newly_told.get((t.reference, t.version), frozenset())) for t in ordered]
        references = sorted({item.reference for item in look})
        versions = [
            Published(reference=reference, version=number, status=known.status, evidence_sha256=known.evidence_sha256)
            for reference in references
            for number in sorted(self._versions.get(reference, ()), key=version_key)
            for known in (self._known[reference, number],)
        ]
        background = Background(
            versions=versions,
            is_new_standard=lambda reference: reference not in self._references,
            versions_left=lambda reference: len(self._versions.get(reference, set()) | self._versions_elsewhere.get(reference, set())),
            told=lambda reference, version: self._changes.get((reference, version), []),
        )
        changes, also = told_by(look, background, self)
        for change in changes:
            self._changes.setdefault((change["reference"], change["version"]), []).append(change)
        for change_id, source in also:
            (row,) = (row for rows in self._changes.values() for row in rows if row["change_id"] == change_id)
            row["sources"] = [*row["sources"], source]
        self._references |= set(references)
        self._waiting.also += also
        for older, newer in neighbours(versions, look):
            self._waiting.pairs[older.reference, older.version, newer.version] = older, newer
        return changes

    def _pending(self, transition: Transition) -> Pending:
        before_version, before = self._of_snapshot.get(transition.before_snapshot_id or "", (None, None))
        after = self._of_snapshot[transition.after_snapshot_id][1] if transition.after_snapshot_id else None
        contents = [self._reading(address).record.content.content_id if address else None for address in (before, after)]
        return Pending(
            transition_id=transition.transition_id,
            run_id=transition.run_id,
            source=transition.source,
            reference=transition.reference,
            version=transition.version,
            kind=transition.kind,
            detected_at=transition.detected_at,
            is_baseline=transition.is_baseline,
            is_other_content=contents[0] != contents[1],
            is_replay=True,
            before_version=before_version,
            before_evidence=before,
            after_evidence=after,
        )


def _key(row: Mapping[str, Any]) -> Key:
    return row["reference"], row["version"]


def _probe(record: Record, address: str) -> Snapshot:
    """A record as a row of the tables, to see whether it fits."""
    return Snapshot(
        source=SOURCE, record=record, seen_from_at=LIVE_SINCE, run_id="", evidence_sha256=address, parser_version=api.PARSER_VERSION
    )


def _known(key: Key, snapshot: Snapshot) -> Known:
    record = snapshot.record
    return Known(
        reference=key[0],
        version=key[1],
        status=record.status,
        snapshot_id=snapshot.snapshot_id,
        record_id=record.record_id,
        evidence_sha256=snapshot.evidence_sha256,
        parser_version=snapshot.parser_version,
        absences=0,
        is_missing=False,
        ksb_count=len(record.content.ksbs),
        has_log=bool(record.change_note or record.earliest_start_on or record.latest_start_on),
    )


def _capture(batch: Batch, shown: Shown) -> dict[str, Any]:
    return {
        "capture_id": digest([batch.run_id, batch.source, shown.url]),
        "run_id": batch.run_id,
        "source": batch.source,
        "reference": shown.reference,
        "version": shown.version,
        "url": shown.url,
        "captured_at": batch.observed_at,
        "outcome": "served",
        "is_complete": True,
        "is_read": True,
    }


def _run(night: NightLook, now: datetime, held: Sequence[Mapping[str, Any]], observed: Observed) -> dict[str, Any]:
    """The row of a night's run: it stands for the night, and began now."""
    said = [night.remark] if night.remark else []
    said += [row["summary"] for row in observed.incidents]
    said += [f"{row['url']}: {row['reason']}" for row in held if RULES[row["rule"]].outcome != "incident"]
    more = f" And {len(said) - 3} more." if len(said) > 3 else ""
    return {
        "run_id": night.look.batch.run_id,
        "observed_at": night.look.batch.observed_at,
        "started_at": now,
        "finished_at": now,
        "status": "quarantine" if said else "good",
        "site": night.site,
        "sources": [SOURCE],
        "only_references": None,
        "message": " ".join(said[:3]) + more if said else None,
    }


def _part(night: NightLook, is_kept: Callable[[str], bool]) -> bytes:
    """All that a night said, for the journal."""
    look = night.look
    return orjson.dumps(
        {
            "said": [
                [s.reference, s.version, s.url, s.evidence_sha256, is_kept(s.evidence_sha256), item.refused, *sorted(item.newly_told)]
                for item in look.said
                for s in (item.shown,)
            ],
            "same": [[s.reference, s.version, s.url, s.evidence_sha256] for s in look.same],
            "absent": sorted(look.absent),
            "left": sorted(night.left),
            "examined": look.examined,
            "unplaced": [{name: row[name] for name in _UNPLACED} for row in night.unplaced],
        }
    )


_UNPLACED: Final = ("quarantine_id", "url", "reference", "rule", "reason", "evidence_sha256")
