"""One fault of the site is one incident: opened once, reminded of daily, closed by itself, and no history is touched."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from pipelines.incidents import Failure, is_many, layout_changed, lost_fields, source_down
from scrapers.api import parse
from scrapers.sample.server import Fault
from tests.watching import ApiRecord, Watch, night, sample
from warehouse.quarantine import decide

BOTH = ("api", "page")
HISTORY = ("snapshots", "transitions", "changes", "content_ksbs", "content_duties", "content_duty_ksbs")


def standards(number: int) -> list[ApiRecord]:
    """So many standards, each with one version in force."""
    (one,) = sample("ST9001 1.2")
    found = []
    for index in range(1, number + 1):
        reference = f"ST91{index:02d}"
        address = re.sub("st9001", reference.lower(), one["standardPageUrl"], flags=re.IGNORECASE)
        found.append(one | {"referenceNumber": reference, "standardPageUrl": address, "larsCode": 5000 + index})
    return found


def history(watch: Watch) -> list[Any]:
    return [watch.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in HISTORY]


def incidents(watch: Watch, columns: str = "source, rule, affected, examined, opened_at, closed_at") -> list[dict[str, Any]]:
    return watch.rows(f"SELECT {columns} FROM incidents ORDER BY opened_at, source, rule, subject")


def renamed(records: Sequence[ApiRecord], old: str, new: str) -> list[ApiRecord]:
    return [{new if key == old else key: value for key, value in record.items()} for record in records]


@pytest.mark.parametrize(
    ("affected", "examined", "is_one"),
    [(1, 1, False), (1, 20, False), (4, 4, False), (5, 5, True), (5, 50, True), (5, 51, False), (84, 845, False), (85, 845, True)],
)
def test_many_is_five_and_a_tenth(affected: int, examined: int, is_one: bool) -> None:
    assert is_many(affected, examined) is is_one


def test_a_source_whose_only_request_failed_is_down() -> None:
    failure = Failure(rule="C-UNREACHABLE", reason="The site answered 503.", url="http://site/api")
    met = source_down("api", [failure], 1)
    assert met
    assert (met.rule, met.affected, met.examined) == ("S-SOURCE-DOWN", 1, 1)
    assert "The site answered 503." in met.summary
    assert source_down("page", [failure], 2) is None
    assert source_down("page", [], 0) is None


def test_the_most_frequent_reason_names_the_layout_incident() -> None:
    failures = [Failure(rule="P-MISSING-FIELD", reason="no level", url=f"http://site/{n}") for n in range(6)]
    failures += [Failure(rule="P-KSB-CODES", reason="a gap", url="http://site/other")]
    met = layout_changed("page", failures, 20)
    assert met
    assert (met.cause, met.affected) == ("P-MISSING-FIELD", 6)
    assert "no level" in met.summary


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"maxFunding": None}, ("max_funding_gbp",)),
        ({"typicalJobTitles": []}, ("job_titles",)),
        ({"maxFunding": 1}, ()),
        ({"behaviours": []}, ("behaviours",)),
        ({"duties": []}, ("duties",)),
    ],
)
def test_what_a_record_tells_no_more(change: Mapping[str, Any], lost: tuple[str, ...]) -> None:
    before, after = (parse(orjson.dumps(record)).record for record in (*sample("ST9001 1.2"), *sample("ST9001 1.2", **change)))
    assert set(lost_fields(before, after)) == set(lost)


def page_says(words: bytes) -> Fault:
    return Fault(path="/apprenticeships/", body=words)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            page_says(b"<html><body><h1>Sorry, the service is unavailable</h1></body></html>"), id="a maintenance page with status 200"
        ),
        pytest.param(
            page_says(b"<html><body><h1>Checking your browser</h1><p>Please enable JavaScript</p></body></html>"), id="a bot check"
        ),
        pytest.param(page_says(b"<html><body><h1>Sign in</h1><form><input name=user></form></body></html>"), id="a login"),
        pytest.param(page_says(b"<html><body><h1>X</h1><p>Content loading...</p></body></html>"), id="tabs that load"),
    ],
)
def test_every_page_broken_the_same_way_is_one_incident_and_no_history_is_touched(watch: Watch, fault: Fault) -> None:
    records = standards(8)
    watch.see(records, sources=BOTH)
    before = history(watch)
    for _ in range(4):
        assert watch.see(records, sources=BOTH, faults=[fault]) == []
    assert history(watch) == before
    assert watch.rows("FROM quarantine") == []
    assert incidents(watch) == [
        {"source": "page", "rule": "S-LAYOUT-CHANGED", "affected": 8, "examined": 8, "opened_at": night(2), "closed_at": None}
    ]
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE source = 'page' AND stale_since_at IS NOT NULL") == [{"n": 8}]
    assert watch.rows("SELECT status FROM runs ORDER BY observed_at DESC LIMIT 1") == [{"status": "quarantine"}]
    assert watch.see(records, sources=BOTH) == []
    assert incidents(watch, "closed_at") == [{"closed_at": night(6)}]
    assert watch.rows("FROM watched_versions WHERE stale_since_at IS NOT NULL") == []
    assert history(watch) == before


def test_one_of_twenty_broken_is_held_and_nineteen_load(watch: Watch) -> None:
    records = standards(20)
    watch.see(records, sources=BOTH, faults=[Fault(path="/apprenticeships/st9107", body=b"<html><h1>Oops</h1></html>")])
    assert incidents(watch) == []
    assert watch.rows("SELECT reference, rule FROM quarantine") == [{"reference": "ST9107", "rule": "P-NOT-A-STANDARD"}]
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE source = 'page'") == [{"n": 19}]


def test_the_array_down_and_the_pages_up(watch: Watch) -> None:
    records = standards(6)
    watch.see(records, sources=BOTH)
    moved = [record | {"maxFunding": 4321} for record in records]
    found = watch.see(moved, sources=BOTH, faults=[Fault(path="^/api/", status=503)])
    assert {(row["event"], *row["sources"]) for row in found} == {("attribute_changed", "page")}
    assert incidents(watch) == [
        {"source": "api", "rule": "S-SOURCE-DOWN", "affected": 1, "examined": 1, "opened_at": night(2), "closed_at": None}
    ]
    assert watch.rows("SELECT DISTINCT source FROM watched_versions WHERE stale_since_at IS NOT NULL") == [{"source": "api"}]
    assert watch.see(moved, sources=BOTH) == []
    assert incidents(watch, "closed_at") == [{"closed_at": night(3)}]
    assert watch.rows("SELECT DISTINCT sources FROM changes") == [{"sources": ["page", "api"]}]


@pytest.mark.parametrize("status", [404, 403, 500])
def test_the_pages_down_and_the_array_up(watch: Watch, status: int) -> None:
    records = standards(6)
    watch.see(records, sources=BOTH)
    before = history(watch)
    for _ in range(4):
        assert watch.see(records, sources=BOTH, faults=[Fault(path="^/apprenticeships/", status=status)]) == []
    assert history(watch) == before
    assert [(row["source"], row["rule"], row["affected"]) for row in incidents(watch)] == [("page", "S-SOURCE-DOWN", 6)]
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE source = 'page' AND absences > 0") == [{"n": 0}]
    assert watch.see(records, sources=BOTH) == []
    assert incidents(watch, "closed_at") == [{"closed_at": night(6)}]


def without(key: str) -> Callable[[Sequence[ApiRecord]], list[ApiRecord]]:
    return lambda records: [{name: value for name, value in record.items() if name != key} for record in records]


def emptied(key: str, value: Any) -> Callable[[Sequence[ApiRecord]], list[ApiRecord]]:
    return lambda records: [record | {key: value} for record in records]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(without("duties"), id="a list that every record has is gone"),
        pytest.param(without("status"), id="the status is gone"),
        pytest.param(emptied("level", "three"), id="numbers have become words"),
        pytest.param(emptied("knowledges", {}), id="a list has become an object"),
        pytest.param(emptied("status", "Live"), id="the statuses have other names"),
    ],
)
def test_an_array_of_another_shape_is_one_incident(watch: Watch, shape: Callable[[Sequence[ApiRecord]], list[ApiRecord]]) -> None:
    records = standards(6)
    watch.see(records)
    before = history(watch)
    assert watch.see(shape(records)) == []
    assert history(watch) == before
    assert [(row["rule"], row["affected"]) for row in incidents(watch)] == [("S-LAYOUT-CHANGED", 6)]
    assert watch.rows("FROM quarantine") == []
    assert watch.see(records) == []
    assert incidents(watch, "closed_at") == [{"closed_at": night(3)}]


@pytest.mark.parametrize(
    ("shape", "subject"),
    [
        (emptied("maxFunding", None), "max_funding_gbp"),
        (emptied("typicalJobTitles", []), "job_titles"),
        (emptied("overviewOfRole", ""), "overview"),
    ],
)
def test_a_field_that_all_records_lose_at_once_is_held_until_a_person_lets_it_through(
    watch: Watch, shape: Callable[[Sequence[ApiRecord]], list[ApiRecord]], subject: str
) -> None:
    records, robbed = standards(6), shape(standards(6))
    watch.see(records)
    before = history(watch)
    assert watch.see(robbed) == []
    assert watch.see(robbed) == []
    assert history(watch) == before
    (incident,) = incidents(watch, "incident_id, rule, subject, affected, closed_at")
    assert {name: incident[name] for name in ("rule", "subject", "affected", "closed_at")} == {
        "rule": "S-FIELD-LOST",
        "subject": subject,
        "affected": 6,
        "closed_at": None,
    }
    with watch.open() as db:
        decide(db, incident["incident_id"][:8], "approved", reason="they dropped it", who="Ada", at=night(3))
    assert {(row["event"], row["subject"], row["after"]) for row in watch.see(robbed)} == {("attribute_changed", subject, None)}
    assert incidents(watch, "closed_at") == [{"closed_at": night(4)}]
    assert watch.rows("SELECT status FROM quarantine") == [{"status": "released"}]
    assert watch.see(robbed) == []


def test_a_few_records_that_lose_a_field_are_what_the_publisher_does(watch: Watch) -> None:
    records = standards(12)
    watch.see(records)
    assert len(watch.see([*emptied("maxFunding", None)(records[:4]), *records[4:]])) == 4
    assert incidents(watch) == []


def test_an_incident_is_news_once_a_day(watch: Watch) -> None:
    records, fault = standards(6), Fault(path="^/api/", status=503)
    watch.see(records)
    watch.see(records, faults=[fault])
    watch.see(records, faults=[fault], at=night(2))
    assert incidents(watch, "reminded_at, last_met_at > opened_at AS is_met_again") == [{"reminded_at": night(2), "is_met_again": True}]
    watch.see(records, faults=[fault], at=night(3))
    assert incidents(watch, "opened_at, reminded_at") == [{"opened_at": night(2), "reminded_at": night(3)}]


def test_a_look_at_one_standard_does_not_close_what_was_met_among_all(watch: Watch) -> None:
    records = standards(8)
    watch.see(records, sources=BOTH)
    fault = Fault(path="/apprenticeships/st910[2-8]", body=b"<html><h1>Oops</h1></html>")
    watch.see(records, sources=BOTH, faults=[fault])
    watch.see(records, sources=BOTH, only=("ST9101",))
    assert incidents(watch, "closed_at") == [{"closed_at": None}]


def test_an_incident_that_comes_back_is_another_one(watch: Watch) -> None:
    records, fault = standards(6), Fault(path="^/api/", status=503)
    for faults in ([], [fault], [], [fault]):
        watch.see(records, faults=faults)
    assert incidents(watch, "opened_at, closed_at") == [
        {"opened_at": night(2), "closed_at": night(3)},
        {"opened_at": night(4), "closed_at": None},
    ]
