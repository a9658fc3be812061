"""Backfill: the nights of a history, observed one after the other as runs would have, and written many at a time.

Belongs here: keeping what is known from night to night, so that a night costs what moved in it. Not here: reading a
history (scrapers.history) or deciding what is new and what changed, which is done by the same code as on a live night
(pipelines.snapshots, pipelines.comparison).
A file that no longer holds a version makes it absent; so does one that was left behind when the live ones got a new key,
and of that no change is told, since nobody knows when it was withdrawn. A record that says what the one before it said is
noise: it is counted, and its bytes stay in the history.
"""

import multiprocessing
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from pipelines.comparison import Background, crosswalk_rows, neighbours, told_by
from pipelines.run import Progress
from pipelines.snapshots import Look, Said, Standing, observe, unfit
from schemas.record import Record, Snapshot, digest, version_key
from schemas.rules import RULES, Finding
from schemas.tables import RUNS
from scrapers import api
from scrapers.history import LIVE_SINCE, Bodies, File, History, Move, Night, read_file
from scrapers.reading import ParseError
from warehouse.changes import Pending, Published
from warehouse.database import Warehouse, WarehouseError
from warehouse.evidence import sha256
from warehouse.incidents import open_incidents
from warehouse.past import Nights, begun, latest_run, write_nights
from warehouse.snapshots import Batch, Known, Observed, Shown, Transition, approved_ids, bodies

SOURCE: Final = "api"
# Nights are read and written together until so many files, or nights, have come together: what a kill costs at most.
_FILES: Final = 600
_NIGHTS: Final = 150
# Records at hand; one that is asked for again later is read again from its evidence.
_RECORDS: Final = 4_000
# Fewer files are read sooner than processes start.
_FEW_FILES: Final = 300

Key = tuple[str, str]
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
    """One night as it is observed; `left` are those of the absent that were left behind, `unplaced` rows of what names no version."""

    look: Look
    site: str
    left: Set[Key]
    unplaced: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Light:
    """What is kept of a file that was read."""

    blob: str
    key: Key | None
    name: str
    created: str
    is_live: bool
    address: str
    is_kept: bool
    record_id: str | None
    refused: tuple[str, str] | None


def backfill(
    db: Warehouse, evidence: Path, history: History, progress: Progress, clock: Callable[[], datetime], *, processes: int | None = None
) -> Tally:
    """Observe every night of a history that the warehouse has not seen; one that was interrupted goes on where it was.

    Raises WarehouseError where the warehouse knows a later moment already, HistoryError where the history cannot be read.
    """
    done, nights = unseen(db, history)
    tally = Tally()
    if not nights:
        return tally
    past = Past(db, evidence)
    tree = _Tree()
    with _Readers(history, processes if processes is not None else min(2, os.cpu_count() or 1)) as readers:
        if done:
            files = history.files(done)
            for file in readers.read(files):
                tree.learn(file)
            tree.move(files)
        finished = 0
        for chunk, files_of in readers.ahead(_chunks(history, done, nights)):
            past.forget()
            past.learn(files_of)
            for file in files_of:
                tree.learn(file)
            for night, moves in chunk:
                tally.nights += 1
                tally.commits += night.commits
                tally.moved += len(moves)
                past.observe(_look(history, night, tree, tree.move(moves), past, readers, tally), clock(), tally)
                if past.is_urgent:
                    past.write()
            past.write()
            finished += len(chunk)
            progress("nights", finished, len(nights))
    return tally


def unseen(db: Warehouse, history: History) -> tuple[Night | None, Sequence[Night]]:
    """The last night that was observed, and those that were not. Raises WarehouseError where the warehouse would have to look back."""
    latest = latest_run(db)
    if latest is None:
        return None, history.nights
    name = latest["site"].rsplit("@", 1)[-1]
    for place, night in enumerate(history.nights):
        if night.name == name:
            return night, history.nights[place + 1 :]
    if history.nights and history.nights[0].at <= latest["observed_at"]:
        raise WarehouseError(
            f"History only grows: the last observation here is of {latest['observed_at']:%Y-%m-%d %H:%M} (UTC), and {history.address} begins on "
            f"{history.nights[0].at:%Y-%m-%d}. Backfill into a new folder (--data), and let the daily run go on there."
        )
    return None, history.nights


Chunk = list[tuple[Night, tuple[Move, ...]]]


def _chunks(history: History, done: Night | None, nights: Sequence[Night]) -> Iterator[Chunk]:
    """Nights with what moved in them, as many as are read and written together."""
    chunk: Chunk = []
    files = 0
    for night, moves in zip(nights, history.moves(done, nights), strict=True):
        chunk.append((night, moves))
        files += len(moves)
        if files >= _FILES or len(chunk) >= _NIGHTS:
            yield chunk
            chunk, files = [], 0
    if chunk:
        yield chunk


class _Readers:
    """Reads files once each, in processes of their own where there are many; a path always goes to the same one."""

    def __init__(self, history: History, processes: int) -> None:
        self._history, self._processes = history, processes
        self._pools: list[ProcessPoolExecutor] = []
        self._known: set[str] = set()
        self._own = ExitStack()
        self._bodies: Bodies | None = None

    def __enter__(self) -> "_Readers":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._own.close()

    def read(self, moves: Iterable[Move]) -> list[File]:
        """The files that were not read yet."""
        return self._result(self._ask(moves))

    def again(self, path: str, blob: str) -> File:
        """One file, whether it was read before or not."""
        return self._here(path, blob)

    def ahead(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, list[File]]]:
        """Each chunk with its files; the next one is being read meanwhile."""
        waiting: tuple[Chunk, Any] | None = None
        for chunk in chunks:
            asked = self._ask(move for _, moves in chunk for move in moves)
            if waiting:
                yield waiting[0], self._result(waiting[1])
            waiting = chunk, asked
        if waiting:
            yield waiting[0], self._result(waiting[1])

    def _ask(self, moves: Iterable[Move]) -> "list[Future[list[File]]] | list[tuple[str, str]]":
        fresh: dict[str, str] = {}
        for move in moves:
            if move.blob and move.blob not in self._known:
                fresh.setdefault(move.blob, move.path)
        self._known |= fresh.keys()
        tasks = [(path, blob) for blob, path in fresh.items()]
        if self._processes < 2 or (not self._pools and len(tasks) < _FEW_FILES):
            return tasks
        if not self._pools:
            context = multiprocessing.get_context("forkserver")
            self._pools = [
                ProcessPoolExecutor(1, context, initializer=_open, initargs=(self._history.bodies(),)) for _ in range(self._processes)
            ]
        shares: list[list[tuple[str, str]]] = [[] for _ in self._pools]
        for path, blob in tasks:
            shares[zlib.crc32(path.encode("utf-8", "surrogateescape")) % len(shares)].append((path, blob))
        return [pool.submit(_read_files, share) for pool, share in zip(self._pools, shares, strict=True)]

    def _result(self, asked: "list[Future[list[File]]] | list[tuple[str, str]]") -> list[File]:
        found: list[File] = []
        for item in asked:
            if isinstance(item, Future):
                found += item.result()
            else:
                found.append(self._here(*item))
        return found

    def _here(self, path: str, blob: str) -> File:
        if self._bodies is None:
            self._bodies = self._own.enter_context(self._history.bodies())
        return read_file(path, blob, self._bodies.read(blob))


_opened: list[Bodies] = []


def _open(source: Bodies) -> None:
    """In a reader's process: its own way to the bytes, for as long as it lives; it does not outlive who started it."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _opened.append(source.__enter__())


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


_handed_out: set[str] = set()


def _read_files(tasks: Sequence[tuple[str, str]]) -> list[File]:
    """In a reader's process: what the files say; a record that was handed out before goes without its words."""
    found = []
    for path, blob in tasks:
        file = read_file(path, blob, _opened[0].read(blob))
        if file.record_id in _handed_out:
            file = replace(file, record=None, evidence=b"", findings=())
        elif file.record_id:
            _handed_out.add(file.record_id)
        found.append(file)
    return found


class _Tree:
    """The files of a history as they stand at the end of a night."""

    def __init__(self) -> None:
        self._read: dict[str, _Light] = {}
        self._files: dict[str, _Light] = {}
        self._paths: dict[Key, dict[str, None]] = {}
        self.unplaced: list[tuple[str, _Light]] = []

    def learn(self, file: File) -> None:
        """Keep what a file says, in short."""
        key = (file.reference, file.version) if file.version else None
        self._read[file.blob] = _Light(
            blob=file.blob,
            key=key,
            name=file.reference,
            created=file.created,
            is_live=file.is_live,
            address=file.address,
            is_kept=bool(file.evidence),
            record_id=file.record_id,
            refused=file.refused,
        )

    def move(self, moves: Iterable[Move]) -> list[Key]:
        """Let files move; returns the versions that may be touched by that, each once."""
        touched: dict[Key, None] = {}
        self.unplaced = []
        for move in moves:
            before = self._files.pop(move.path, None)
            if before and before.key:
                self._paths[before.key].pop(move.path)
                touched[before.key] = None
            if move.blob:
                after = self._files[move.path] = self._read[move.blob]
                if after.key:
                    self._paths.setdefault(after.key, {})[move.path] = None
                    touched[after.key] = None
                else:
                    self.unplaced.append((move.path, after))
        return list(touched)

    def file(self, key: Key) -> tuple[str, _Light] | None:
        """The file that speaks for a version: of several the later created one, then the one that moved last."""
        paths = self._paths.get(key)
        if not paths:
            return None
        path = max(enumerate(paths), key=lambda pair: (self._files[pair[1]].refused is None, self._files[pair[1]].created, pair[0]))[1]
        return path, self._files[path]

    def left_behind(self) -> Iterator[Key]:
        """The versions of which no file has the key that live ones have."""
        for key in self._paths:
            found = self.file(key)
            if found and found[1].refused is None and not found[1].is_live:
                yield key

    def __len__(self) -> int:
        return sum(1 for paths in self._paths.values() if paths)


def _look(history: History, night: Night, tree: _Tree, touched: Sequence[Key], past: "Past", readers: _Readers, tally: Tally) -> NightLook:
    """What a night shows of the versions that moved in it."""
    batch = Batch(run_id=run_id(night), source=SOURCE, observed_at=night.at, only=None, is_complete=False)
    site = f"{history.address}@{night.name}"
    said: list[Said] = []
    same: list[Shown] = []
    is_after = night.at >= LIVE_SINCE
    keys = dict.fromkeys(touched)
    if not past.is_joined:
        keys |= {key: None for key in past.present() if tree.file(key) is None}
        past.is_joined = True
    if is_after and not past.is_weeded:
        keys |= dict.fromkeys(tree.left_behind())
        past.is_weeded = True
    for key in keys:
        found = tree.file(key)
        if found is None or (is_after and found[1].refused is None and not found[1].is_live):
            past.lose(key, is_left=found is not None)
            continue
        past.find(key)
        path, light = found
        address = past.evidence_of(light.record_id) or light.address
        shown = Shown(reference=key[0], version=key[1], url=f"{site}:{path}", evidence_sha256=address)
        if light.refused:
            said.append(Said(shown=shown, refused=light.refused))
        elif past.is_as_known(key, light.record_id):
            tally.noise += 1
            if past.is_doubtful(key):
                same.append(shown)
        else:
            if not past.is_kept(address):
                past.learn([readers.again(path, light.blob)], anew=True)
                shown = replace(shown, evidence_sha256=light.address)
            said.append(past.said(shown))
    absent = past.absent & past.present()
    look = Look(batch=batch, said=said, same=same, examined=max(len(tree), 1), asked=1, failed=(), absent=absent)
    unplaced = [_unplaced(batch, f"{site}:{path}", light) for path, light in tree.unplaced]
    return NightLook(look=look, site=site, left=absent & past.left, unplaced=unplaced)


def _unplaced(batch: Batch, url: str, light: _Light) -> dict[str, Any]:
    rule, reason = light.refused or ("P-BAD-VALUE", "It names no version.")
    return {
        "quarantine_id": digest([batch.source, light.name, None, light.address, rule]),
        "run_id": batch.run_id,
        "last_run_id": batch.run_id,
        "held_at": batch.observed_at,
        "source": batch.source,
        "reference": light.name,
        "version": None,
        "url": url,
        "evidence_sha256": light.address if light.is_kept else None,
        "rule": rule,
        "reason": reason,
        "status": "held",
        "decided_at": None,
        "decided_by": None,
        "decision_reason": None,
    }


def run_id(night: Night) -> str:
    """The run that a night is; the same night is the same run in whichever copy of the history."""
    return f"backfill-{digest([night.name, night.at.isoformat()])}"


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
        self._seen_elsewhere = {_key(row) for row in start.elsewhere}
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
        self._incidents = self._open_incidents()
        self._unfit: dict[str, str] = {}
        self._readings: OrderedDict[str, _Reading] = OrderedDict()
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
        """Let go of bodies that nobody used."""
        self._new_bodies = {}

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
                self._remember(address, _Reading(record=file.record, findings=file.findings))
                probes.append(_probe(file.record, address))
        self._unfit |= unfit(probes, self._contents) if probes else {}

    def is_kept(self, address: str) -> bool:
        """Whether bytes are in the evidence store, or wait to be."""
        return address in self._new_bodies or address in self._stored

    def said(self, shown: Shown) -> Said:
        """What a version says whose bytes are kept."""
        reading = self._reading(shown.evidence_sha256)
        return Said(shown=shown, record=reading.record, findings=reading.findings)

    def _remember(self, address: str, reading: _Reading) -> None:
        self._readings[address] = reading
        self._readings.move_to_end(address)
        if len(self._readings) > _RECORDS + len(self._new_bodies):
            self._readings.popitem(last=False)

    def _reading(self, address: str) -> _Reading:
        if address not in self._readings:
            body = self._new_bodies.get(address) or bodies(self._db, self._evidence, {address})[address]
            reading = api.parse(body)
            self._remember(address, _Reading(record=reading.record, findings=reading.findings))
        self._readings.move_to_end(address)
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
        observed = observe(look, self._standing(), self._unfit)
        transitions = [
            replace(t, is_baseline=t.is_baseline or (t.kind == "missing" and (t.reference, t.version) in night.left))
            for t in observed.transitions
        ]
        held = [
            *(row if self.is_kept(row["evidence_sha256"]) else row | {"evidence_sha256": None} for row in observed.quarantine),
            *night.unplaced,
        ]
        self._apply(observed, look, at)
        changes = self._compare(transitions)
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
        addresses = {item.shown.evidence_sha256 for item in look.said} | {row["evidence_sha256"] for row in night.unplaced}
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
        told = {snapshot.record.content.content_id: snapshot.record.content for snapshot in waiting.snapshots}
        contents = {content_id: content for content_id, content in told.items() if content_id not in self._contents}
        nights = Nights(
            runs=waiting.runs,
            captures=waiting.captures,
            bodies=waiting.bodies,
            snapshots=waiting.snapshots,
            contents=contents,
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
        self._contents |= contents.keys()
        self._incidents = self._open_incidents()
        self.is_urgent = False

    def _open_incidents(self) -> dict[tuple[str, str | None], str]:
        return {(row["rule"], row["subject"]): row["incident_id"] for row in open_incidents(self._db, SOURCE)}

    def _standing(self) -> Standing:
        return Standing(
            known=self._known,
            approved=self._approved,
            incidents=self._incidents,
            covered=lambda references: references if self._has_run else set(),
            seen_before=lambda: self._seen_elsewhere,
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

    def _compare(self, transitions: Sequence[Transition]) -> Rows:
        """The changes of a night; what is told in them is known from then on."""
        ordered = sorted(transitions, key=lambda t: (t.reference, version_key(t.version)))
        look = [self._pending(transition) for transition in ordered]
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
    said = [row["summary"] for row in observed.incidents]
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
                [s.reference, s.version, s.url, s.evidence_sha256, is_kept(s.evidence_sha256), item.refused]
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


def restore_nights(db: Warehouse, evidence: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Observe nights again as the journal tells them. Raises EvidenceError where a part of it is damaged."""
    past = Past(db, evidence)
    past.is_joined = past.is_weeded = True
    for number, entry in enumerate(entries, 1):
        (body,) = bodies(db, evidence, entry["parts"]).values()
        run = {name: entry[name] for name, *_ in RUNS.columns()}
        run |= {name: datetime.fromisoformat(run[name]) for name in ("observed_at", "started_at", "finished_at")}
        past.observe(_told_again(past, run, orjson.loads(body)), run["started_at"], Tally(), run=run)
        if past.is_urgent or number % _NIGHTS == 0:
            past.write()
            past.forget()
    past.write()


def _told_again(past: Past, run: Mapping[str, Any], part: Mapping[str, Any]) -> NightLook:
    batch = Batch(run_id=run["run_id"], source=SOURCE, observed_at=run["observed_at"], only=None, is_complete=False)
    said, same = [], [Shown(reference=r, version=v, url=url, evidence_sha256=address) for r, v, url, address in part["same"]]
    for reference, version, url, address, is_kept, refused in part["said"]:
        shown = Shown(reference=reference, version=version, url=url, evidence_sha256=address)
        past.find((reference, version))
        if refused and (not is_kept or refused[0] == "G-ANOTHER-STANDARD"):
            said.append(Said(shown=shown, refused=(refused[0], refused[1])))
            continue
        try:
            record_id = past.read_again(address)
        except ParseError as error:
            said.append(Said(shown=shown, refused=(error.rule, str(error))))
            continue
        # A better parser may find that nothing changed.
        if not past.is_as_known((reference, version), record_id):
            said.append(past.said(shown))
        elif past.is_doubtful((reference, version)):
            same.append(shown)
    look = Look(
        batch=batch,
        said=said,
        same=same,
        examined=part["examined"],
        asked=1,
        failed=(),
        absent={(reference, version) for reference, version in part["absent"]},
    )
    unplaced = [
        row
        | {"run_id": batch.run_id, "last_run_id": batch.run_id, "held_at": batch.observed_at, "source": SOURCE, "version": None}
        | {"status": "held", "decided_at": None, "decided_by": None, "decision_reason": None}
        for row in part["unplaced"]
    ]
    return NightLook(look=look, site=run["site"], left={(reference, version) for reference, version in part["left"]}, unplaced=unplaced)
