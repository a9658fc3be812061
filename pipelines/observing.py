"""Observing: what a look at a source says, decided on values.

Belongs here: telling good records from bad ones, and for every version whether it was checked, changed, new, missing or back. Not
here: where what is known comes from (pipelines.snapshots asks the warehouse, pipelines.past remembers), nor comparing two records
(pipelines.changes).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import pandera.errors
import polars as pl

from pipelines.incidents import Failure, Met, fields_lost, is_many, layout_changed, lost_fields, source_down
from schemas.change import TransitionKind
from schemas.frames import content_frames, snapshot_frame
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, Record, Snapshot, digest, version_key
from schemas.rules import RULES, Finding
from schemas.tables import SNAPSHOTS
from scrapers.sources import SOURCES
from warehouse.snapshots import CHECKED_SCHEMA, STALE_SCHEMA, Batch, Known, Observed, Shown, Transition

# A version is missing only after this many complete captures in a row without it.
ABSENCES_UNTIL_MISSING: Final = 3
# Below this a standard has too few KSBs for half of them to mean anything.
_FEW_KSBS: Final = 4
_NOT_YET_LIVE: Final = frozenset({IN_DEVELOPMENT, PROPOSAL})
INCIDENT_RULES: Final = tuple(rule.code for rule in RULES.values() if rule.outcome == "incident")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the bytes of one version say: a record, or the rule by which they are refused and why.

    `newly_told` are columns that the bytes before had no key for.
    """

    shown: Shown
    record: Record | None = None
    findings: tuple[Finding, ...] = ()
    refused: tuple[str, str] | None = None
    newly_told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One source's look at its versions: `said` of those that are not as they were known, `same` are those that are.

    `examined` versions were looked at with `asked` requests, of which `failed` gave no body; `absent` proved not to be there.
    """

    batch: Batch
    said: Sequence[Said]
    same: Sequence[Shown]
    examined: int
    asked: int
    failed: Sequence[Mapping[str, Any]]
    absent: Set[Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a source stood before a look; what is seldom asked is a question, so that only who needs it pays for it.

    The warehouse tells it on every night; a backfill keeps it from night to night.
    """

    known: Mapping[Key, Known]
    approved: Set[str]
    incidents: Mapping[tuple[str, str | None], str]
    covered: Callable[[Set[str]], Set[str]]
    seen_before: Callable[[], Set[Key]]
    lost_untold: Callable[[], Set[Key]]
    is_told_elsewhere: Callable[[Key], bool]
    records: Callable[[Sequence[Known]], Mapping[Key, Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A record that could be read, as the snapshot it would be."""

    shown: Shown
    snapshot: Snapshot
    findings: tuple[Finding, ...]

    @property
    def key(self) -> Key:
        return self.snapshot.record.reference, str(self.snapshot.record.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A record that stays out, and the rule it broke."""

    shown: Shown
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What becomes of the records of a batch: `held` go to quarantine one by one, `explained` stay as they were by an incident."""

    good: Sequence[_Read]
    held: Sequence[_Held]
    explained: Sequence[_Held]
    quarantine: tuple[dict[str, Any], ...]
    released: tuple[str, ...]
    incidents: tuple[dict[str, Any], ...]
    examined: Mapping[str, int]


def observe(look: Look, standing: Standing, unfit: Mapping[str, str]) -> Observed:
    """Everything a look says: what is good, new, changed, missing or back, and what is held and why.

    `unfit` tells by record_id what does not fit the tables.
    """
    judged = _judge(look, standing, unfit)
    return _decide(look, standing, judged)


def snapshot_of(batch: Batch, said: Said) -> Snapshot | None:
    """The snapshot that a record would be; None where the bytes were refused."""
    if said.record is None:
        return None
    return Snapshot(
        source=batch.source,
        record=said.record,
        seen_from_at=batch.observed_at,
        run_id=batch.run_id,
        evidence_sha256=said.shown.evidence_sha256,
        parser_version=SOURCES[batch.source].parser_version,
    )


def unfit(snapshots: Iterable[Snapshot], fitting: Set[str] = frozenset()) -> dict[str, str]:
    """Validate all rows at once against their models: by record_id, why a record does not fit; contents that are known to fit are not looked at."""
    every = list(snapshots)
    records: dict[str, str] = {}
    contents: dict[str, str] = {}
    frames = [(SNAPSHOTS, snapshot_frame(every))]
    told = {item.record.content.content_id: item.record.content for item in every}
    frames += content_frames(content for content_id, content in told.items() if content_id not in fitting)
    for table, rows in frames:
        try:
            table.validate(rows)
        except pandera.errors.SchemaErrors as errors:
            for case in errors.failure_cases.iter_rows(named=True):
                row = rows.row(case["index"], named=True)
                reason = f"{table.name}.{case['column']}: {str(case['failure_case'])[:80]!r} fails {case['check']}."
                if table is SNAPSHOTS:
                    records.setdefault(row["record_id"], reason)
                else:
                    contents.setdefault(row["content_id"], reason)
    if contents:
        for item in every:
            if item.record.content.content_id in contents:
                records.setdefault(item.record.record_id, contents[item.record.content.content_id])
    return records


def suspect(
    batch: Batch, read: Sequence[_Read], known: Mapping[Key, Known], approved: Set[str]
) -> tuple[list[_Read], list[_Held], tuple[str, ...]]:
    """Hold what lost too much at once, unless a person approved that very record; with the approvals used."""
    suspects: dict[Key, tuple[str, str]] = {}
    for item in read:
        if item.key in known and (suspicion := _suspicion(batch.source, known[item.key], item.snapshot.record)):
            suspects[item.key] = suspicion
    released = {
        key: ident
        for key in suspects
        for item in read
        if item.key == key and (ident := _quarantine_id(batch, item.shown, suspects[key][0])) in approved
    }
    held = [
        _Held(shown=item.shown, rule=suspects[item.key][0], reason=suspects[item.key][1])
        for item in read
        if item.key in suspects and item.key not in released
    ]
    return [item for item in read if item.key not in suspects or item.key in released], held, tuple(released.values())


def _suspicion(source: str, known: Known, record: Record) -> tuple[str, str] | None:
    """The rule that a record breaks by what it no longer holds, and how."""
    before, after = known.ksb_count, len(record.content.ksbs)
    if before >= _FEW_KSBS and after < before / 2:
        return "G-SHRUNK", f"{before} KSBs became {after}."
    if source == "page" and known.has_log and not (record.change_note or record.earliest_start_on or record.latest_start_on):
        return "G-LOG-GONE", "Change note and start dates were there before."
    return None


def _judge(look: Look, standing: Standing, unfit: Mapping[str, str]) -> _Judged:
    """Tell good records from bad ones, and what one fault of the source explains from what is wrong with one record."""
    batch, known, approved, examined, failed = look.batch, standing.known, standing.approved, look.examined, look.failed
    fitting, bad = [], []
    for said in look.said:
        snapshot = snapshot_of(batch, said)
        if snapshot is None:
            rule, reason = said.refused or ("", "")
            bad.append(_Held(shown=said.shown, rule=rule, reason=reason))
        elif snapshot.record.record_id in unfit:
            bad.append(_Held(shown=said.shown, rule="G-SCHEMA", reason=unfit[snapshot.record.record_id]))
        else:
            fitting.append(_Read(shown=said.shown, snapshot=snapshot, findings=said.findings))
    names = _lost(fitting, standing, examined)

    def incident(met: Met) -> dict[str, Any]:
        known_as = standing.incidents.get((met.rule, met.subject))
        ident = known_as or digest([batch.source, met.rule, met.subject, batch.observed_at.isoformat()])
        return {"incident_id": ident} | {name: getattr(met, name) for name in Met.__slots__}

    lost = [incident(met) for met in fields_lost(batch.source, names.values(), examined)]
    let_through = [row for row in lost if row["incident_id"] in approved]
    lost = [row for row in lost if row not in let_through]
    gone = {row["subject"] for row in lost}
    robbed = [item for item in fitting if gone & set(names.get(item.key, ()))]
    good, suspicious, released = suspect(batch, [item for item in fitting if item not in robbed], known, approved)
    down = source_down(batch.source, [Failure(rule=row["rule"], reason=row["reason"], url=row["url"]) for row in failed], look.asked)
    layout = layout_changed(
        batch.source, [Failure(rule=item.rule, reason=item.reason, url=item.shown.url) for item in (*bad, *suspicious)], examined
    )
    explained = [
        _Held(
            shown=item.shown, rule="S-FIELD-LOST", reason=f"{', '.join(sorted(gone & set(names[item.key])))} is gone, as from many records."
        )
        for item in robbed
    ]
    return _Judged(
        good=good,
        held=suspicious if layout else [*bad, *suspicious],
        explained=[*explained, *bad] if layout else explained,
        quarantine=tuple(_lost_row(batch, row, next(item for item in robbed if row["subject"] in names[item.key])) for row in lost),
        released=(*released, *(row["incident_id"] for row in let_through)),
        incidents=(*lost, *(incident(met) for met in (down, layout) if met)),
        examined={rule: look.asked if rule == "S-SOURCE-DOWN" else examined for rule in INCIDENT_RULES},
    )


def _lost(read: Sequence[_Read], standing: Standing, examined: int) -> dict[Key, tuple[str, ...]]:
    """What each changed record told before and tells no more; nothing where too few changed to matter."""
    known = standing.known
    moved = [item for item in read if item.key in known and not _is_same_record(item, known[item.key])]
    if not is_many(len(moved), examined):
        return {}
    before = standing.records([known[item.key] for item in moved])
    return {item.key: lost_fields(before[item.key], item.snapshot.record) for item in moved if item.key in before}


def _decide(look: Look, standing: Standing, judged: _Judged) -> Observed:
    batch, known, same = look.batch, standing.known, look.same
    by_key: dict[Key, _Read] = {}
    for item in judged.good:
        by_key.setdefault(item.key, item)
    twice = [
        _Held(shown=item.shown, rule="G-WHICH-VERSION", reason=f"{item.shown.url} shows a version that another page shows too.")
        for item in judged.good
        if by_key[item.key] is not item
    ]
    out = [*judged.held, *twice, *judged.explained]
    is_down = any(row["rule"] == "S-SOURCE-DOWN" for row in judged.incidents)
    again = [item for key, item in by_key.items() if _is_same_record(item, known.get(key))]
    fresh = [item for key, item in by_key.items() if not _is_same_record(item, known.get(key))]
    # Pages that are gone by the hundred have moved; no version is missing for that.
    absent = {} if is_down else _absent(look, known, by_key.keys())
    renamed = _renamed(fresh, known, absent)
    gone = {key: version for key, version in absent.items() if version.absences + 1 >= ABSENCES_UNTIL_MISSING or key in renamed.values()}
    return Observed(
        checked=_checked(known, same, again, fresh),
        snapshots=tuple(item.snapshot for item in fresh),
        superseded=tuple(
            [known[item.key].snapshot_id for item in fresh if item.key in known and not known[item.key].is_missing]
            + [version.snapshot_id for version in gone.values()]
        ),
        absent=tuple(version for key, version in absent.items() if key not in gone),
        missing=tuple(gone.values()),
        transitions=tuple(_transitions(batch, standing, fresh, renamed, gone)),
        quarantine=(*judged.quarantine, *(_quarantine_row(batch, item) for item in (*judged.held, *twice))),
        released=judged.released,
        findings=tuple(
            {"snapshot_id": _standing(item, known), "rule": finding.rule, "message": finding.message}
            for item in (*again, *fresh)
            for finding in dict.fromkeys((*item.findings, *oddities(item.snapshot.record)))
        ),
        incidents=judged.incidents,
        examined=judged.examined,
        stale=_stale(batch, known, out, look.failed),
    )


def _is_same_record(item: _Read, known: Known | None) -> bool:
    return known is not None and not known.is_missing and known.record_id == item.snapshot.record.record_id


def _standing(item: _Read, known: Mapping[Key, Known]) -> str:
    """The snapshot that holds after the batch: the one before, where the record says the same."""
    before = known.get(item.key)
    return before.snapshot_id if before and _is_same_record(item, before) else item.snapshot.snapshot_id


def oddities(record: Record) -> Iterator[Finding]:
    """What can be read, is odd, and is the publisher's."""
    for duty in record.content.duties:
        if not duty.codes:
            yield Finding(rule="G-DUTY-WITHOUT-KSBS", message=duty.label)
        if not any(map(str.isalnum, duty.text)):
            yield Finding(rule="G-PLACEHOLDER", message=duty.label)
    for ksb in record.content.ksbs:
        if not any(map(str.isalnum, ksb.text)):
            yield Finding(rule="G-PLACEHOLDER", message=ksb.code)


def _absent(look: Look, known: Mapping[Key, Known], here: Set[Key]) -> dict[Key, Known]:
    """The versions that are absent and were not missing yet, where the look was meant for them."""
    only = look.batch.only
    return {
        key: known[key]
        for key in sorted((look.absent & known.keys()) - here)
        if not known[key].is_missing and (only is None or key[0] in only)
    }


def _renamed(fresh: Sequence[_Read], known: Mapping[Key, Known], absent: Mapping[Key, Known]) -> dict[Key, Key]:
    """New approved versions, each with the version not yet live that vanished as it came: 0.0 goes live as 2.0."""
    pairs: dict[Key, Key] = {}
    for item in fresh:
        if item.key in known or item.snapshot.record.status != APPROVED:
            continue
        vanished = [
            key
            for key, version in absent.items()
            if key[0] == item.key[0] and version.status in _NOT_YET_LIVE and key not in pairs.values()
        ]
        if vanished:
            pairs[item.key] = max(vanished, key=lambda key: version_key(key[1]))
    return pairs


def _transitions(
    batch: Batch, standing: Standing, fresh: Sequence[_Read], renamed: Mapping[Key, Key], gone: Mapping[Key, Known]
) -> Iterator[Transition]:
    known = standing.known
    new = {item.key for item in fresh if item.key not in known and item.key not in renamed}
    # Where nothing could be read yet, all of it is where the watch begins, however often it was asked for.
    asked_before = standing.covered({reference for reference, _ in new}) if new and known else set()
    seen_before = standing.seen_before() if new else set()
    returned = {item.key for item in fresh if item.key in known and known[item.key].is_missing}
    lost_untold = standing.lost_untold() if returned else set()
    for item in fresh:
        key, after = item.key, item.snapshot.snapshot_id
        if key in renamed:
            yield _transition(batch, key, "changed", known[renamed[key]].snapshot_id, after)
        elif key in new:
            yield _transition(batch, key, "new", None, after, is_baseline=key[0] not in asked_before or key in seen_before)
        else:
            kind: TransitionKind = "returned" if key in returned else "changed"
            yield _transition(batch, key, kind, known[key].snapshot_id, after, is_baseline=key in returned & lost_untold)
    for key, version in gone.items():
        if key not in renamed.values() and not standing.is_told_elsewhere(key):
            yield _transition(batch, key, "missing", version.snapshot_id, None)


def _transition(
    batch: Batch, key: Key, kind: TransitionKind, before: str | None, after: str | None, *, is_baseline: bool = False
) -> Transition:
    return Transition(
        transition_id=digest([batch.run_id, batch.source, *key, kind]),
        run_id=batch.run_id,
        source=batch.source,
        reference=key[0],
        version=key[1],
        kind=kind,
        before_snapshot_id=before,
        after_snapshot_id=after,
        detected_at=batch.observed_at,
        is_baseline=is_baseline,
    )


def _checked(known: Mapping[Key, Known], same: Sequence[Shown], again: Sequence[_Read], fresh: Sequence[_Read]) -> pl.DataFrame:
    rows = [(s.reference, s.version, known[s.reference, s.version].snapshot_id, s.evidence_sha256) for s in same]
    rows += [(*item.key, known[item.key].snapshot_id, item.shown.evidence_sha256) for item in again]
    rows += [(*item.key, item.snapshot.snapshot_id, item.shown.evidence_sha256) for item in fresh]
    return pl.DataFrame(rows, schema=CHECKED_SCHEMA, orient="row")


def _quarantine_id(batch: Batch, entry: Shown, rule: str) -> str:
    return digest([batch.source, entry.reference, entry.version, entry.evidence_sha256, rule])


def _lost_row(batch: Batch, incident: Mapping[str, Any], example: _Read) -> dict[str, Any]:
    """One row for all records of an incident that a person can let through, with the evidence of one of them."""
    row = _quarantine_row(batch, _Held(shown=example.shown, rule=incident["rule"], reason=incident["summary"]))
    return row | {"quarantine_id": incident["incident_id"], "reference": None, "version": None}


def _quarantine_row(batch: Batch, item: _Held) -> dict[str, Any]:
    entry = item.shown
    return {
        "quarantine_id": _quarantine_id(batch, entry, item.rule),
        "run_id": batch.run_id,
        "last_run_id": batch.run_id,
        "held_at": batch.observed_at,
        "source": batch.source,
        "reference": entry.reference,
        "version": entry.version,
        "url": entry.url,
        "evidence_sha256": entry.evidence_sha256,
        "rule": item.rule,
        "reason": item.reason,
        "status": "held",
        "decided_at": None,
        "decided_by": None,
        "decision_reason": None,
    }


def _stale(batch: Batch, known: Mapping[Key, Known], held: Sequence[_Held], failed: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """What could not be checked, and why; when the array fails, that is all of it."""
    rows = [(item.shown.reference, item.shown.version, item.reason) for item in held]
    for row in failed:
        keys = [(row["reference"], row["version"])] if row["reference"] else [k for k in known if batch.only is None or k[0] in batch.only]
        rows += [(*key, f"{row['url']}: {row['reason']}") for key in keys]
    return pl.DataFrame(rows, schema=STALE_SCHEMA, orient="row").unique(("reference", "version"), keep="first")
