"""Re-reading: when a parser's version moves, what it read before is read again from the stored bytes.

Belongs here: what a better reading alters, as our change and never as theirs. Not here: the comparison of
what the site served (pipelines.comparison).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipelines.changes.compare import compare
from pipelines.run import Progress
from schemas.record import Record, Snapshot
from scrapers.reading import ParseError
from scrapers.sources import SOURCES, Source
from warehouse.contents import drop_unused_contents
from warehouse.database import Warehouse
from warehouse.read import record as stored_record
from warehouse.reparse import Reread, read_by_another, write_reread
from warehouse.snapshots import bodies

# Written in one transaction; a re-reading that is killed goes on where it was.
_TOGETHER: Final = 500


def reparse(db: Warehouse, evidence: Path, progress: Progress, *, run_id: str, at: datetime) -> int:
    """Read everything again that another version of its parser read; returns how many differences that made.

    A snapshot keeps its time and its id; its values become what today's parser reads. Bytes that
    today's parser refuses keep the values they have. Every difference is a row of `reparse_report`.
    """
    differences = 0
    for source in SOURCES.values():
        waiting = read_by_another(db, source.name, source.parser_version)
        for start in range(0, len(waiting), _TOGETHER):
            rows = waiting[start : start + _TOGETHER]
            stored = bodies(db, evidence, {row["evidence_sha256"] for row in rows})
            reread = _reread(db, source, rows, stored, run_id=run_id, at=at)
            write_reread(db, source.name, source.parser_version, reread)
            differences += len(reread.report)
            progress(f"reading {source.name} again", start + len(rows), len(waiting))
    if differences:
        drop_unused_contents(db)
    return differences


def _reread(
    db: Warehouse, source: Source, rows: Sequence[Mapping[str, Any]], stored: Mapping[str, bytes], *, run_id: str, at: datetime
) -> Reread:
    same, altered, findings, report = [], [], [], []
    for row in rows:
        about = {
            "reported_at": at,
            "run_id": run_id,
            "snapshot_id": row["snapshot_id"],
            "source": source.name,
            "reference": row["reference"],
            "version": row["version"],
            "from_parser": row["parser_version"],
            "to_parser": source.parser_version,
        }
        try:
            reading = source.parse(stored[row["evidence_sha256"]])
        except ParseError as error:
            report.append(
                about | {"event": None, "subject": None, "before": None, "after": None, "rule": error.rule, "reason": error.detail}
            )
            continue
        record = named(reading.record, source.name, row)
        if row["seen_to_at"] is None:
            findings += [{"snapshot_id": row["snapshot_id"], "rule": f.rule, "message": f.message} for f in dict.fromkeys(reading.findings)]
        if record.record_id == row["record_id"]:
            same.append(row["snapshot_id"])
            continue
        altered.append((_snapshot(source, row, record), row["seen_to_at"]))
        report += [about | difference | {"rule": None, "reason": None} for difference in _differences(stored_record(db, dict(row)), record)]
    return Reread(same=same, altered=altered, findings=findings, report=report)


def named(record: Record, source: str, row: Mapping[str, Any]) -> Record:
    """A record under the name and address that its snapshot goes by."""
    address = {} if source == "api" else {"page_url": row["page_url"]}
    return replace(record, reference=row["reference"], version=row["version"], **address)


def _snapshot(source: Source, row: Mapping[str, Any], record: Record) -> Snapshot:
    return Snapshot(
        source=source.name,
        record=record,
        seen_from_at=row["seen_from_at"],
        run_id=row["run_id"],
        evidence_sha256=row["evidence_sha256"],
        parser_version=source.parser_version,
    )


def _differences(before: Record, after: Record) -> Iterator[dict[str, Any]]:
    """Every difference, as events name them; what is stored and never compared is named by its column."""
    told = compare(before, after)
    for d in told:
        yield {"event": d.event, "subject": d.subject, "before": d.before, "after": d.after}
    if not told:
        for name, value in before.attributes.items():
            if value != getattr(after, name):
                yield {"event": None, "subject": name, "before": str(value), "after": str(getattr(after, name))}


def misread(row: Mapping[str, Any], body: bytes) -> str | None:
    """What is wrong with a snapshot that today's parser is said to have read; None where nothing is."""
    source = SOURCES[row["source"]]
    try:
        record = source.parse(body).record
    except ParseError as error:
        return f"{row['reference']} {row['version']}: {error}"
    if named(record, source.name, row).record_id == row["record_id"]:
        return None
    return (
        f"{row['reference']} {row['version']}: {source.parser_version} reads other values from the same bytes. A parser that was edited must "
        "have another version."
    )
