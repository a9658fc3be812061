"""Evidence that can be shown: where a value came from, and whether everything kept is whole.

Belongs here: re-reading stored bytes on request. Not here: the daily checks (pipelines.defs.checks),
which share their rules with this (warehouse.checks).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.changes.compare import as_text
from pipelines.reparse import misread
from schemas.record import ATTRIBUTES, Record
from scrapers.reading import ParseError
from scrapers.sources import SOURCES
from warehouse import read
from warehouse.checks import CHECKS, failing_rows
from warehouse.evidence import EvidenceError, read_body
from warehouse.journal import entries
from warehouse.reparse import read_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A value as it stands, and as its bytes read today; `is_same` where they agree."""

    reference: str
    version: str
    item: str
    value: str | None
    reread: str | None
    source: str
    url: str | None
    seen_from_at: datetime
    evidence_sha256: str
    size_bytes: int
    parser_version: str
    parser_version_now: str
    run_id: str

    @property
    def is_same(self) -> bool:
        """Whether the stored value is what the bytes say."""
        return self.value == self.reread


def explain(reader: read.Queryable, evidence: Path, row: read.Row, item: str) -> Explanation:
    """Where one value of a version came from: a KSB (`K7`), a duty (`Duty 3`) or a column.

    Raises KeyError for an item the version does not have, EvidenceError for damaged bytes.
    """
    origin = read.provenance(reader, row["snapshot_id"])
    source = SOURCES[origin["source"]]
    body = read_body(evidence, origin)
    try:
        reread = value_of(source.parse(body).record, item)
    except ParseError as error:
        reread = f"{source.parser_version} refuses the bytes: {error}"
    return Explanation(
        reference=row["reference"],
        version=row["version"],
        item=item,
        value=value_of(read.record(reader, row), item),
        reread=reread,
        source=source.name,
        url=origin["url"],
        seen_from_at=origin["seen_from_at"],
        evidence_sha256=origin["sha256"],
        size_bytes=origin["size_bytes"],
        parser_version=origin["parser_version"],
        parser_version_now=source.parser_version,
        run_id=origin["run_id"],
    )


def value_of(record: Record, item: str) -> str | None:
    """The words of a KSB or duty, or a column as text. Raises KeyError where there is no such thing."""
    items = {ksb.code: ksb.text for ksb in record.content.ksbs} | {duty.label.upper(): duty.text for duty in record.content.duties}
    if item.upper() in items:
        return items[item.upper()]
    if item.lower() in ATTRIBUTES:
        return as_text(record.attributes[item.lower()])
    raise KeyError(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One thing that was verified, and what was found wrong with it."""

    what: str
    checked: int | None
    wrong: tuple[str, ...]


def verify(reader: read.Queryable, evidence: Path, progress: Callable[[str, int, int], None]) -> Iterator[Verdict]:
    """Every stored body against its digest, every snapshot against its bytes, then every rule between tables."""
    rows = reader.rows("SELECT * FROM evidence ORDER BY pack, offset_bytes")
    wrong = []
    for done, row in enumerate(rows, 1):
        try:
            read_body(evidence, row)
        except EvidenceError as error:
            wrong.append(str(error))
        progress("evidence", done, len(rows))
    yield Verdict(what="Every stored body is what its digest says.", checked=len(rows), wrong=tuple(wrong))
    yield _journal(evidence)
    for source in SOURCES.values():
        rows = read_by(reader, source.name, source.parser_version)
        found: list[str] = []
        for done, row in enumerate(rows, 1):
            found += _misread(evidence, row)
            progress(f"reading {source.name} again", done, len(rows))
        yield Verdict(what=f"Every snapshot of {source.name} is what its bytes say.", checked=len(rows), wrong=tuple(found))
    for check in CHECKS:
        if check.severity == "error" and "$run_id" not in check.sql:
            yield Verdict(what=check.description, checked=None, wrong=tuple(_said(row) for row in failing_rows(reader, check, "")))


def _journal(evidence: Path) -> Verdict:
    count, wrong = 0, []
    try:
        for _ in entries(evidence):
            count += 1
    except EvidenceError as error:
        wrong.append(str(error))
    return Verdict(what="Every line of the journal is what was written, in its place.", checked=count, wrong=tuple(wrong))


def _misread(evidence: Path, row: dict[str, Any]) -> Iterator[str]:
    # A damaged body has been named already.
    with suppress(EvidenceError):
        wrong = misread(row, read_body(evidence, row))
        if wrong:
            yield wrong


def _said(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())
