"""Snapshots: read what was captured, hold back what is wrong, keep what is new.

Belongs here: from the warehouse to a look and back. Not here: deciding what a look says (pipelines.observing) or SQL
(warehouse.snapshots).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any
from urllib.parse import urlsplit

from pipelines.incidents import shrunk
from pipelines.observing import Key, Look, Said, Standing, observe, snapshot_of, unfit
from pipelines.reparse import reparse
from pipelines.run import Progress, Run
from schemas.record import Record
from scrapers.reading import ParseError
from scrapers.sources import SOURCES
from warehouse.database import Warehouse
from warehouse.incidents import open_incidents
from warehouse.quarantine import unplaced_references
from warehouse.snapshots import (
    Batch,
    Known,
    Shown,
    approved_ids,
    asked_count,
    bodies,
    candidates,
    covered,
    failed_captures,
    known_before,
    known_versions,
    lost_untold,
    shown,
    told_elsewhere,
    unread_batches,
    write_observed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the step did, for people: versions checked, snapshots new, records held back, versions missing."""

    checked: int = 0
    snapshots: int = 0
    held: tuple[dict[str, Any], ...] = ()
    missing: int = 0
    findings: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            checked=self.checked + other.checked,
            snapshots=self.snapshots + other.snapshots,
            held=self.held + other.held,
            missing=self.missing + other.missing,
            findings=self.findings + other.findings,
        )


def take_snapshots(db: Warehouse, run: Run, progress: Progress) -> Counts:
    """Turn every unread capture into snapshots and transitions, oldest first; each batch is one transaction.

    What another version of a parser read is read again first, so that a better parser makes no change.
    """
    reparse(db, run.evidence, progress, run_id=run.run_id, at=run.observed_at)
    total = Counts()
    for batch in unread_batches(db):
        total += _take(db, run, batch, progress)
    return total


def _take(db: Warehouse, run: Run, batch: Batch, progress: Progress) -> Counts:
    source = SOURCES[batch.source]
    known = known_versions(db, batch.source)
    every = shown(db, batch)
    same = [entry for entry in every if _is_unchanged(entry, known.get((entry.reference, entry.version)), source.parser_version)]
    unchanged = {(entry.reference, entry.version) for entry in same}
    others = [entry for entry in every if (entry.reference, entry.version) not in unchanged]
    stored = bodies(db, run.evidence, {entry.evidence_sha256 for entry in others})
    said: list[Said] = []
    for done, entry in enumerate(others, 1):
        try:
            reading = source.parse(stored[entry.evidence_sha256])
            record = identify(db, batch.source, entry, reading.record)
        except ParseError as error:
            said.append(Said(shown=entry, refused=(error.rule, str(error))))
        else:
            said.append(Said(shown=entry, record=record, findings=reading.findings))
        progress(f"reading {batch.source}", done, len(others))
    failed = failed_captures(db, batch)
    is_history_whole = shrunk("What was known", len(known), len(every)) is None
    look = Look(
        batch=batch,
        said=said,
        same=same,
        examined=len(every),
        asked=asked_count(db, batch),
        failed=failed,
        absent=_not_there(batch, known, every, failed, unplaced_references(db, batch.run_id, batch.source)),
    )
    standing = Standing(
        known=known,
        approved=approved_ids(db, batch.source),
        incidents={(row["rule"], row["subject"]): row["incident_id"] for row in open_incidents(db, batch.source)},
        covered=lambda references: covered(db, batch, references, is_history_whole=is_history_whole),
        seen_before=lambda: known_before(db, batch),
        lost_untold=lambda: lost_untold(db, batch.source),
        is_told_elsewhere=lambda key: told_elsewhere(db, batch.source, *key),
        records=lambda versions: _records(db, run, batch.source, versions),
    )
    observed = observe(look, standing, unfit(item for item in map(snapshot_of, repeat(batch), said) if item))
    write_observed(db, batch, observed, source.parser_version)
    return Counts(
        checked=len(observed.checked),
        snapshots=len(observed.snapshots),
        held=observed.quarantine,
        missing=len(observed.missing),
        findings=len(observed.findings),
    )


def _not_there(
    batch: Batch, known: Mapping[Key, Known], every: Sequence[Shown], failed: Iterable[Mapping[str, Any]], unplaced: Set[str | None]
) -> Set[Key]:
    """The versions a batch proves absent: not in a complete array, or whose page answered that there is none.

    A record that could not be placed is one of the versions that else would count as absent.
    """
    if batch.is_complete:
        absent = known.keys() - {(entry.reference, entry.version) for entry in every}
    else:
        absent = known.keys() & {(row["reference"], row["version"]) for row in failed if row["outcome"] == "gone"}
    return {key for key in absent if not {key[0], None} & unplaced}


def _records(db: Warehouse, run: Run, source: str, versions: Sequence[Known]) -> dict[Key, Record]:
    """What some versions told before, as today's parser reads it; what it refuses is left out."""
    stored = bodies(db, run.evidence, {version.evidence_sha256 for version in versions})
    found = {}
    for version in versions:
        with suppress(ParseError):
            found[version.reference, version.version] = SOURCES[source].parse(stored[version.evidence_sha256]).record
    return found


def _is_unchanged(entry: Shown, known: Known | None, parser_version: str) -> bool:
    return (
        known is not None
        and known.evidence_sha256 == entry.evidence_sha256
        and known.parser_version == parser_version
        and not known.is_missing
    )


def identify(db: Warehouse, source: str, entry: Shown, record: Record) -> Record:
    """The record under the name it goes by here.

    A page in revision shows no version number and several versions can share its address: then the
    facts the page shows decide. The occupation page names no version and may name the occupation.
    Raises ParseError (G-ANOTHER-STANDARD, G-WHICH-VERSION).
    """
    if source == "api":
        return record
    address = entry.url.split("?")[0]
    if record.reference != entry.reference and not (source == "occupation" and address.upper().endswith("/" + record.reference)):
        raise ParseError("G-ANOTHER-STANDARD", f"{entry.url} shows {record.reference}, not {entry.reference}.")
    version = record.version or entry.version
    if source == "page" and record.version is None:
        version = _version_by_facts(candidates(db, entry.reference, urlsplit(entry.url).path), entry, record)
    return replace(record, reference=entry.reference, version=version, page_url=address)


def _version_by_facts(rivals: Sequence[Mapping[str, Any]], entry: Shown, record: Record) -> str:
    if len(rivals) <= 1:
        return entry.version
    # What the page does not say counts for nobody.
    facts = [name for name in rivals[0] if name != "version" and getattr(record, name) is not None]
    scores: dict[str, int] = {rival["version"]: sum(rival[name] == getattr(record, name) for name in facts) for rival in rivals}
    best = [version for version, score in scores.items() if score == max(scores.values())]
    if len(best) > 1:
        raise ParseError("G-WHICH-VERSION", f"{entry.url} fits {' and '.join(sorted(best))} equally.")
    return best[0]
