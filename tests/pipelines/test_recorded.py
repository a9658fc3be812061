"""Real records, nights and events: what the stand-in site serves from ../shared, which is not part of the project."""

import importlib.util
import json
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines.changes.compare import compare
from pipelines.changes.crosswalk import crosswalk
from schemas.record import version_key
from scrapers import api
from scrapers.reading import Reading
from tests.watching import Watch, told

SHARED = Path(__file__).resolve().parents[3] / "shared"
pytestmark = [pytest.mark.recorded, pytest.mark.skipif(not SHARED.is_dir(), reason="the real records are not here")]


def stand_in() -> ModuleType:
    specification = importlib.util.spec_from_file_location("stand_in", SHARED / "site" / "serve.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@contextmanager
def real_site(day: str, only: set[str] | None = None) -> Iterator[tuple[str, Any]]:
    """The stand-in on a loopback port: its address, and the site to move to another night."""
    module = stand_in()
    data = SHARED / "data"
    records = module.Records(data / "standards-2026-08-22.jsonl.xz", data / "nights-2026-06-01_2026-08-22.jsonl.xz", only)
    site = module.Site(records, date.fromisoformat(day))
    server = module.start(site)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", site
    finally:
        server.shutdown()
        server.server_close()


def case(name: str) -> tuple[Reading | None, Reading]:
    (path,) = (SHARED / "data" / "cases").glob(f"{name}__*") if "__" not in name else (SHARED / "data" / "cases" / f"{name}.json",)
    pair = json.loads(path.read_text(encoding="utf-8"))
    return read(pair["before"]), read(pair["after"])


def read(raw: dict[str, Any] | None) -> Any:
    return api.parse(json.dumps(raw).encode()) if raw else None


def test_three_august_nights_through_the_api(watch: Watch) -> None:
    with real_site("2026-08-12") as (address, site):
        assert watch.look(address) == []
        assert watch.rows("SELECT count(*) AS n FROM current_versions") == [{"n": 1944}]
        assert watch.rows(
            """
            SELECT knowledge_count, skill_count, behaviour_count, duty_count, (
                SELECT count(*) FROM current_duty_ksbs m WHERE m.reference = v.reference AND m.version = v.version) AS links
            FROM current_versions v WHERE reference = 'ST0128' AND version = '1.1'"""
        ) == [{"knowledge_count": 25, "skill_count": 32, "behaviour_count": 5, "duty_count": 15, "links": 178}]
        codes = watch.rows(
            "SELECT code FROM current_duty_ksbs WHERE reference = 'ST0128' AND version = '1.1' AND duty_number = 10 ORDER BY code"
        )
        assert [row["code"] for row in codes] == ["B2", "S31"]

        assert watch.look(address) == []
        assert watch.counts.snapshots == 0
        assert watch.captured["api"].new_bodies == 0

        site.move(date(2026, 8, 13))
        moved = told(watch.look(address))
        assert ("ST0004", "1.1", "version_retired", "") in moved
        assert ("ST0004", "2.0", "version_live", "") in moved

        site.move(date(2026, 8, 14))
        watch.look(address)
        events = watch.rows(
            "SELECT event, subject[1] AS kind, count(*) AS n FROM changes WHERE reference = 'ST1483' GROUP BY ALL ORDER BY event, kind"
        )
        assert [(row["event"], row["kind"], row["n"]) for row in events if row["event"].startswith("ksb_")] == [
            ("ksb_relabelled", "K", 13),
            ("ksb_relabelled", "S", 14),
            ("ksb_removed", "K", 1),
            ("ksb_removed", "S", 1),
        ]
        assert {row["event"] for row in events} == {"ksb_relabelled", "ksb_removed", "mapping_removed"}


ONLY = ("ST0128", "ST0004", "ST0490", "ST0018", "ST0003", "ST0168", "ST0540", "ST1472", "ST1483", "ST0001")


def test_pages_and_occupation_pages_say_the_same_as_the_api(watch: Watch) -> None:
    with real_site("2026-08-14", set(ONLY)) as (address, _):
        watch.look(address, sources=("api", "page", "occupation"))
    assert watch.counts.held == ()
    same = "SELECT {columns} FROM {table} t JOIN snapshots s USING (content_id) WHERE s.source = '{source}'"
    for table, columns in (
        ("content_ksbs", "s.reference, s.version, code, t.text"),
        ("content_duties", "s.reference, s.version, duty_number, t.text, criteria"),
        ("content_duty_ksbs", "s.reference, s.version, duty_number, code"),
    ):
        for source in ("page", "occupation"):
            shown = f"SELECT reference, version FROM snapshots WHERE source = '{source}'"
            theirs = same.format(columns=columns, table=table, source="api") + f" AND (s.reference, s.version) IN ({shown})"
            ours = same.format(columns=columns, table=table, source=source)
            assert watch.rows(f"({theirs}) EXCEPT ({ours})") == []
            assert watch.rows(f"({ours}) EXCEPT ({theirs})") == []
            assert watch.rows(ours)


@pytest.mark.parametrize(
    "name",
    ["noise-cluster-flap__ST0128_1.1__2025-09-25", "noise-cluster-flap__ST0128_1.1__2025-09-27", "url-migration-2", "url-migration-3"],
)
def test_noise_is_no_change(name: str) -> None:
    before, after = case(name)
    assert before
    assert compare(before.record, after.record) == ()


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("url-migration-1", [("attribute_changed", "ssa_tier_1")]),
        ("banner-only", [("notice_changed", None)]),
        ("eqa-change", [("attribute_changed", "eqa_provider")]),
        ("lars-allocated", [("attribute_changed", "lars_code")]),
        ("minimum-hours__ST0774_2.0__2026-07-03", [("attribute_changed", "minimum_hours")]),
        ("minimum-hours-filled", [("attribute_changed", "minimum_hours")]),
        ("title-change", [("attribute_changed", "title"), ("notice_changed", None)]),
        ("start-date-moved__ST1031_1.1__2026-08-13", [("start_dates_moved", "latest_start_on")]),
        ("start-date-moved__ST1031_2.0__2026-08-13", [("start_dates_moved", "earliest_start_on")]),
        (
            "funding-set",
            [("start_dates_moved", "earliest_start_on"), ("attribute_changed", "max_funding_gbp"), ("notice_changed", None)],
        ),
        ("v2-go-live__ST0004_1.1__2026-08-13", [("version_retired", None), ("notice_changed", None)]),
        ("v2-go-live__ST0004_2.0__2026-08-13", [("version_live", None), ("notice_changed", None)]),
    ],
)
def test_a_real_event_is_told_as_what_it_is(name: str, events: list[tuple[str, str | None]]) -> None:
    before, after = case(name)
    assert before
    assert [(difference.event, difference.subject) for difference in compare(before.record, after.record)] == events


def test_the_crosswalk_of_every_neighbouring_pair_holds_its_invariants() -> None:
    with lzma.open(SHARED / "data" / "standards-2026-08-22.jsonl.xz") as lines:
        records = [api.parse(line).record for line in lines]
    ordered = sorted(records, key=lambda record: (record.reference, version_key(str(record.version))))
    pairs = [(one, other) for one, other in pairwise(ordered) if one.reference == other.reference]
    assert len(pairs) == 1031
    for one, other in pairs:
        links = crosswalk(one.content, other.content)
        old, new = ([ksb.code for ksb in r.content.ksbs] + [duty.label for duty in r.content.duties] for r in (one, other))
        assert sorted(link.from_code for link in links if link.from_code) == sorted(old)
        assert sorted(link.to_code for link in links if link.to_code) == sorted(new)
        for link in links:
            is_paired = link.from_code is not None and link.to_code is not None
            assert is_paired is (link.relation not in ("added", "removed")) is (link.similarity is not None)
            if link.relation in ("unchanged", "relabelled"):
                assert link.from_text == link.to_text
                assert link.similarity == 100


def test_the_same_nights_through_pages_and_api_tell_each_change_once_and_name_both(watch: Watch) -> None:
    only = {"ST0004", "ST0002", "ST0120", "ST0198", "ST1031", "ST1483", "ST0267", "ST0490", "ST0537", "ST1502"}
    with real_site("2026-08-12", only) as (address, site):
        watch.look(address, sources=("api", "page"))
        for day in (13, 14):
            site.move(date(2026, 8, day))
            watch.look(address, sources=("api", "page"))
            assert watch.counts.held == ()
    rows = watch.rows("SELECT reference, version, event, subject, sources FROM changes")
    assert len({(r["reference"], r["version"], r["event"], r["subject"]) for r in rows}) == len(rows)
    # What the page does not show, only the API can tell.
    api_only = {"minimum_hours", "assessment_plan_url", "qualifications", "job_titles"}
    alone = [row for row in rows if set(row["sources"]) != {"api", "page"} and row["subject"] not in api_only]
    assert alone == []
