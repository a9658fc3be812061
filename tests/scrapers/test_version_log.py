"""The version log of a page: every row of it, in any mark-up, and none where one of them cannot be read."""

import json
import lzma
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipelines.changes.sources import compare_log
from schemas.conflict import LogRow
from schemas.rules import Finding
from scrapers import api, page
from scrapers.reading import Reading
from tests.skins import FACTS, LOG, LOG_ROWS, PANEL, RECORD, SKINS, Skin, render

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
REVISION = ("Revised version awaiting implementation", "Plan revised", "01/11/2026", "Not set")
ROWS = (
    LogRow(version=None, change_note="Plan revised", earliest_start_on=date(2026, 11, 1), latest_start_on=None),
    *LOG_ROWS,
)


def read(skin: Skin, *log: tuple[str, ...], version: str = "1.1") -> Reading:
    panel = tuple((label, version if label == "Version" else words) for label, words in PANEL)
    return page.parse(page.evidence(render(replace(FACTS, log=log, panel=panel), skin)))


@pytest.mark.parametrize("skin", SKINS, ids=lambda skin: skin.name)
def test_every_row_is_read_in_any_mark_up(skin: Skin) -> None:
    reading = read(skin, REVISION, *LOG)
    assert reading.log == ROWS
    assert reading.record == RECORD
    assert reading.findings == read(skin, *LOG).findings


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("1.0", "New", "soon", "Not set"), "1.0: version log, earliest start date: 'soon'"),
        (("first", "New", "06/05/2018", "Not set"), "first: version 'first'"),
    ],
    ids=["a date", "a version"],
)
def test_a_row_that_cannot_be_read_costs_the_log_but_not_the_record(row: tuple[str, ...], said: str) -> None:
    reading = read(SKINS[0], LOG[0], row)
    assert reading.record == RECORD
    assert reading.log == ()
    assert Finding(rule="P-VERSION-LOG", message=said) in reading.findings


def test_a_page_without_a_log_has_none() -> None:
    assert read(SKINS[0]).log == ()


@pytest.mark.recorded
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real records are not here")
def test_the_logs_of_fifteen_real_pages_agree_with_the_api() -> None:
    logs = {path.stem: json.loads(path.read_text(encoding="utf-8"))["version_log"][1:] for path in (SHARED / "version-logs").glob("*.json")}
    assert len(logs) == 15
    told: dict[str, dict[str, Mapping[str, Any]]] = {}
    for line in lzma.decompress((SHARED / "standards-2026-08-22.jsonl.xz").read_bytes()).splitlines():
        if orjson.loads(line)["referenceNumber"].strip() in logs:
            record = api.parse(line).record
            told.setdefault(record.reference, {})[record.version or ""] = record.attributes
    for reference, rows in logs.items():
        newest = next(version for version, *_ in rows if version[0].isdigit())
        reading = read(SKINS[0], *map(tuple, rows), version=newest)
        assert len(reading.log) == len(rows), reference
        assert list(compare_log(reading.log, told[reference], ())) == [], reference
