"""Snapshots as frames of the tables they fill.

Belongs here: the projection from value objects to rows. Not here: writing them (warehouse).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from schemas.record import Content, Snapshot
from schemas.tables import CONTENT_DUTIES, CONTENT_DUTY_KSBS, CONTENT_KSBS, CONTENT_OPTIONS, SNAPSHOTS, Table


def frame(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with exactly the table's columns and types."""
    return pl.DataFrame(rows, schema=table.schema(), orient="row")


def snapshot_row(snapshot: Snapshot) -> dict[str, Any]:
    """The row of a snapshot that is in force."""
    record = snapshot.record
    return {
        "snapshot_id": snapshot.snapshot_id,
        "source": snapshot.source,
        "seen_from_at": snapshot.seen_from_at,
        "seen_to_at": None,
        "run_id": snapshot.run_id,
        "evidence_sha256": snapshot.evidence_sha256,
        "parser_version": snapshot.parser_version,
        "record_id": record.record_id,
        "content_id": record.content.content_id,
        **record.attributes,
        "knowledge_count": record.content.count("K"),
        "skill_count": record.content.count("S"),
        "behaviour_count": record.content.count("B"),
        "duty_count": len(record.content.duties),
    }


def snapshot_frame(snapshots: Iterable[Snapshot]) -> pl.DataFrame:
    """One row per snapshot."""
    return frame(SNAPSHOTS, [snapshot_row(snapshot) for snapshot in snapshots])


def content_frames(contents: Iterable[Content]) -> Iterator[tuple[Table, pl.DataFrame]]:
    """The four content tables of some contents."""
    every = list(contents)
    yield CONTENT_KSBS, frame(CONTENT_KSBS, [row for content in every for row in _ksb_rows(content)])
    yield CONTENT_DUTIES, frame(CONTENT_DUTIES, [row for content in every for row in _duty_rows(content)])
    yield CONTENT_DUTY_KSBS, frame(CONTENT_DUTY_KSBS, [row for content in every for row in _mapping_rows(content)])
    yield CONTENT_OPTIONS, frame(CONTENT_OPTIONS, [row for content in every for row in _option_rows(content)])


def _ksb_rows(content: Content) -> Iterator[dict[str, Any]]:
    for ksb in content.ksbs:
        yield {
            "content_id": content.content_id,
            "code": ksb.code,
            "kind": ksb.kind,
            "position": ksb.position,
            "text": ksb.text,
            "options": ksb.options,
        }


def _duty_rows(content: Content) -> Iterator[dict[str, Any]]:
    for duty in content.duties:
        yield {
            "content_id": content.content_id,
            "duty_number": duty.number,
            "text": duty.text,
            "criteria": duty.criteria or None,
            "is_core": duty.is_core,
            "options": duty.options,
        }


def _mapping_rows(content: Content) -> Iterator[dict[str, Any]]:
    for duty in content.duties:
        for code in duty.codes:
            yield {"content_id": content.content_id, "duty_number": duty.number, "code": code}


def _option_rows(content: Content) -> Iterator[dict[str, Any]]:
    for position, title in enumerate(content.options, 1):
        yield {"content_id": content.content_id, "position": position, "title": title}
