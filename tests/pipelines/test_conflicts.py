"""A second opinion over nights: what opens, what stays, what is over, and what a source that fails leaves alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from scrapers.sample.pages import occupation_page, planner_page, standard_page
from scrapers.sample.server import Fault
from tests.watching import Rows, Watch, night, sample
from warehouse.checks import CHECKS, failing_rows

BOTH = ("api", "page")
ALL = ("api", "page", "occupation", "ksb_planner")
ONE = "ST9001 1.2"
TWO = ("ST9002 1.0", "ST9002 1.1", "ST9002 2.0")


def shows(record: Mapping[str, Any], /, versions: list[dict[str, Any]] | None = None, **changed: Any) -> Fault:
    """The page of a record says something else than the API does."""
    path = str(record["standardPageUrl"]).rpartition("/")[2]
    other = dict(record) | changed
    page = standard_page(other, versions or [other], other)
    return Fault(path=rf"/apprenticeships/{path}\?", status=200, body=page.encode(), content_type="text/html")


def planner(record: Mapping[str, Any], /, **changed: Any) -> Fault:
    body = planner_page(dict(record) | changed).encode()
    return Fault(path=f"/planner/{record['referenceNumber'].lower()}", status=200, body=body, content_type="text/html")


def conflicts(watch: Watch, columns: str = "version, subject, value, other_value, rule", where: str = "resolved_at IS NULL") -> list[Any]:
    rows = watch.rows(f"SELECT {columns} FROM source_conflicts WHERE {where} ORDER BY ALL")
    return [tuple(row.values()) for row in rows]


def failing(watch: Watch) -> dict[str, Rows]:
    with watch.open() as db:
        found = {
            check.name: failing_rows(db, check, f"run-{watch.runs}")
            for check in CHECKS
            if check.asset.endswith(("conflicts", "planner_captures"))
        }
    return {name: rows for name, rows in found.items() if rows}


def test_sources_that_agree(watch: Watch) -> None:
    watch.see(sample(), sources=ALL)
    assert {rule for (rule,) in conflicts(watch, "DISTINCT rule")} == {"X-SUMMER-TIME"}
    assert failing(watch) == {}


def test_a_disagreement_opens_stays_is_over_and_comes_back_as_another(watch: Watch) -> None:
    (record,) = sample(ONE)
    other = shows(record, maxFunding=1000)
    watch.see([record], sources=BOTH, faults=[other])
    watch.see([record], sources=BOTH, faults=[other])
    assert watch.compared.compared == 0
    seen = "subject, other_value, first_seen_at, last_seen_at, resolved_at"
    assert conflicts(watch, seen, "true") == [("max_funding_gbp", "1000", night(1), night(2), None)]
    watch.see([record], sources=BOTH)
    assert conflicts(watch, seen, "true") == [("max_funding_gbp", "1000", night(1), night(2), night(3))]
    watch.see([record], sources=BOTH, faults=[other])
    assert conflicts(watch, seen) == [("max_funding_gbp", "1000", night(4), night(4), None)]
    assert len(conflicts(watch, where="true")) == 2


def test_another_value_is_another_disagreement(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=BOTH, faults=[shows(record, maxFunding=1000)])
    watch.see([record], sources=BOTH, faults=[shows(record, maxFunding=2000)])
    assert conflicts(watch, "other_value, resolved_at IS NULL", "true") == [("1000", False), ("2000", True)]


def test_each_side_keeps_its_own_value_and_its_evidence(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=BOTH)
    changes = watch.see([record], sources=BOTH, faults=[shows(record, maxFunding=1000)])
    assert [(row["sources"], row["after"]) for row in changes] == [(["page"], "1000")]
    assert watch.rows("SELECT max_funding_gbp AS gbp, source FROM current_versions") == [{"gbp": record["maxFunding"], "source": "api"}]
    assert watch.rows(
        """
        SELECT s.source, s.max_funding_gbp::VARCHAR = if(s.source = 'api', c.value, c.other_value) AS is_same
        FROM source_conflicts c JOIN snapshots s ON s.evidence_sha256 IN (c.evidence_sha256, c.other_evidence_sha256) ORDER BY s.source"""
    ) == [{"source": "api", "is_same": True}, {"source": "page", "is_same": True}]
    assert set(failing(watch)) == {"the_sources_agree"}


@pytest.mark.parametrize(
    "fault",
    [Fault(path="/apprenticeships/", status=500), Fault(path="/apprenticeships/", status=200, body=b"<html><h1>Sorry</h1></html>")],
    ids=["down", "held"],
)
def test_a_page_that_cannot_be_checked_leaves_what_is_open(watch: Watch, fault: Fault) -> None:
    (record, fine) = sample(ONE, "ST9003 1.0")
    watch.see([record, fine], sources=BOTH, faults=[shows(record, maxFunding=1000)])
    before = conflicts(watch, "*", "true")
    fault = Fault(path="/apprenticeships/st9001", status=fault.status, body=fault.body)
    watch.see([record, fine], sources=BOTH, faults=[fault])
    watch.see([record | {"maxFunding": 1000}, fine], sources=BOTH, faults=[fault])
    assert conflicts(watch, "*", "true") == before
    watch.see([record | {"maxFunding": 1000}, fine], sources=BOTH)
    assert conflicts(watch) == []


def test_a_night_of_one_source_compares_nothing(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=BOTH, faults=[shows(record, maxFunding=1000)])
    before = conflicts(watch, "*", "true")
    watch.see([record | {"maxFunding": 1000}], sources=("api",))
    watch.see([record | {"maxFunding": 1000}], sources=("page",))
    assert conflicts(watch, "*", "true") == before
    watch.see([record | {"maxFunding": 1000}], sources=BOTH)
    assert conflicts(watch) == []


def test_a_run_for_some_leaves_the_others_alone(watch: Watch) -> None:
    records = sample(ONE, "ST9003 1.0")
    watch.see(records, sources=BOTH, faults=[shows(record, maxFunding=1) for record in records])
    watch.see(records, sources=BOTH, only=["ST9003"])
    assert conflicts(watch, "reference, last_seen_at") == [("ST9001", night(1))]


def test_a_step_that_is_run_again_repeats_nothing(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=BOTH, faults=[shows(record, maxFunding=1000)])
    before = conflicts(watch, "*", "true")
    watch.work()
    assert conflicts(watch, "*", "true") == before


def test_the_occupation_page_is_heard_too(watch: Watch) -> None:
    (record,) = sample(ONE)
    body = occupation_page(dict(record) | {"level": 7}).encode()
    watch.see([record], sources=("api", "occupation"), faults=[Fault(path="/occupations/", status=200, body=body)])
    assert conflicts(watch, "version, subject, other_source, value, other_value") == [
        ("1.2", "level", "occupation", str(record["level"]), "7")
    ]


def test_what_is_not_compared_again_would_say_the_same(watch: Watch) -> None:
    records = sample(*TWO, ONE)
    faults = [shows(records[3], maxFunding=1000), shows(records[1], versions=records[1:3])]
    for _ in range(2):
        watch.see(records, sources=BOTH, faults=faults)
    assert watch.compared.compared == 0
    before = conflicts(watch, "*", "true")
    assert {rule for *_, rule in conflicts(watch)} == {"X-VALUE", "X-LOG-MISSING"}
    with watch.open() as db:
        db.execute("DELETE FROM source_comparisons")
    watch.work()
    assert watch.compared.compared > 0
    assert conflicts(watch, "*", "true") == before


# Completeness


def test_a_live_version_without_a_page(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=BOTH)
    watch.see([record], sources=BOTH, faults=[Fault(path="/apprenticeships/", status=404)])
    assert conflicts(watch) == [("1.2", "page", "Approved for delivery", "there is no such page", "X-NO-PAGE")]
    assert set(failing(watch)) == {"every_live_version_has_its_page"}
    watch.see([record], sources=BOTH)
    assert conflicts(watch) == []


def test_a_disagreement_ends_with_the_page(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=BOTH, faults=[shows(record, maxFunding=1000)])
    watch.see([record], sources=BOTH, faults=[Fault(path="/apprenticeships/", status=404)])
    assert [rule for *_, rule in conflicts(watch)] == ["X-NO-PAGE"]


def test_a_live_version_without_an_address(watch: Watch) -> None:
    watch.see([*sample(ONE, standardPageUrl=""), *sample("ST9003 1.0")], sources=BOTH)
    assert conflicts(watch) == [("1.2", "page", "Approved for delivery", "it has no address", "X-NO-PAGE")]


def test_two_versions_that_share_a_page_are_no_disagreement(watch: Watch) -> None:
    one, two = sample("ST9002 2.0")[0], sample("ST9002 2.0", version="3.0", maxFunding=1234)[0]
    watch.see([one, two], sources=BOTH)
    assert conflicts(watch, "version, subject, other_value, rule, is_explained") == [
        ("2.0", "page", "its address shows another version", "X-SHARED-PAGE", True)
    ]
    assert failing(watch) == {}


def test_a_page_without_a_record(watch: Watch) -> None:
    records = sample(*TWO)
    watch.see(records, sources=BOTH)
    old, now, coming = records
    watch.see([old, coming], sources=BOTH, faults=[shows(now, versions=records)])
    assert ("1.1", "record", None, "Approved for delivery", "X-NO-RECORD") in conflicts(watch)
    assert "every_live_version_has_its_page" in failing(watch)


def test_a_record_that_is_held_is_not_taken_for_gone(watch: Watch) -> None:
    records = sample(*TWO)
    watch.see(records, sources=BOTH)
    old, now, coming = records
    watch.see([old, now | {"level": "three"}, coming], sources=BOTH, faults=[shows(now, versions=records)])
    assert conflicts(watch) == []


def test_a_record_that_cannot_be_placed_may_be_the_one_that_is_missed(watch: Watch) -> None:
    records = sample(*TWO)
    old, now, coming = records
    watch.see([old, coming], sources=BOTH, faults=[shows(coming, versions=records)])
    assert [rule for *_, rule in conflicts(watch)] == ["X-LOG-UNKNOWN"]
    watch.see([old, now | {"version": "first"}, coming], sources=BOTH, faults=[shows(coming, versions=records)])
    assert [rule for *_, rule in conflicts(watch)] == ["X-LOG-UNKNOWN"]
    watch.see(records, sources=BOTH)
    assert conflicts(watch) == []


# Version logs


def test_a_version_log_that_differs_in_another_version_is_told_once(watch: Watch) -> None:
    records = sample(*TWO)
    log = [records[0] | {"latestStartDate": "2020-01-01T00:00:00"}, *records[1:]]
    watch.see(records, sources=BOTH, faults=[shows(record, versions=log) for record in records[1:]])
    (found,) = conflicts(watch)
    assert found[:2] + found[3:] == ("1.0", "latest_start_on", "2020-01-01", "X-LOG-ROW")
    assert set(failing(watch)) == {"the_version_logs_agree"}


def test_a_version_log_that_leaves_a_version_out_or_has_one_more(watch: Watch) -> None:
    records = sample(*TWO)
    shown = [records[1], records[1] | {"version": "1.5", "versionNumber": "1.5", "change": "Secret"}]
    watch.see(records, sources=BOTH, faults=[shows(records[1], versions=shown)])
    assert {(version, rule) for version, *_, rule in conflicts(watch)} == {("1.0", "X-LOG-MISSING"), ("1.5", "X-LOG-UNKNOWN")}


def test_a_log_s_disagreement_stays_open_while_one_of_its_pages_cannot_be_asked(watch: Watch) -> None:
    records = sample(*TWO)
    log = [records[0] | {"latestStartDate": "2020-01-01T00:00:00"}, *records[1:]]
    watch.see(records, sources=BOTH, faults=[shows(records[1], versions=log)])
    down = Fault(path=str(records[1]["standardPageUrl"]).rpartition("/")[2], status=500)
    watch.see(records, sources=BOTH, faults=[down])
    assert [rule for *_, rule in conflicts(watch)] == ["X-LOG-ROW"]
    watch.see(records, sources=BOTH)
    assert conflicts(watch) == []


# A third party


def test_a_third_party_is_never_believed(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=("api", "ksb_planner"))
    changes = watch.see([record], sources=("api", "ksb_planner"), faults=[planner(record, maxFunding=1000, skills=[])])
    assert changes == []
    assert watch.rows("SELECT DISTINCT source FROM snapshots") == [{"source": "api"}]
    assert watch.rows("FROM listings JOIN captures USING (capture_id) WHERE source = 'ksb_planner'") == []
    skills = str(len(record["skills"]))
    assert conflicts(watch, "subject, value, other_value, other_source", "NOT is_explained") == [
        ("max_funding_gbp", str(record["maxFunding"]), "1000", "ksb_planner"),
        ("skill_count", skills, "0", "ksb_planner"),
    ]


def test_a_third_party_s_prose_is_not_kept(watch: Watch) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=("api", "ksb_planner"))
    with watch.open() as db:
        from warehouse.snapshots import bodies

        (address,) = [row["evidence_sha256"] for row in db.rows("SELECT evidence_sha256 FROM captures WHERE source = 'ksb_planner'")]
        (body,) = bodies(db, watch.data / "evidence", [address]).values()
    assert b'"reference":"ST9001"' in body
    assert b"prepares people" not in body
    assert not any(item["detail"].encode()[:30] in body for item in record["knowledges"])


def test_another_version_is_one_disagreement_and_its_facts_are_that_version_s(watch: Watch) -> None:
    old, now, _ = records = sample(*TWO)
    watch.see(records, sources=("api", "ksb_planner"), faults=[planner(old | {"referenceNumber": now["referenceNumber"]})])
    assert conflicts(watch, where="NOT is_explained") == [("1.1", "version", "1.1", "1.0", "X-VALUE")]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(path="/planner/st9001", status=404), "gone"),
        (Fault(path="/planner/st9001", status=503), "unreachable"),
        (Fault(path="/planner/st9001", status=200, body=b"<html><p>Another site by now</p></html>"), "refused"),
        (Fault(path="/planner/st9001", status=200, body=planner_page(sample("ST9003 1.0")[0]).encode()), "refused"),
        (Fault(path="/robots.txt", status=200, body=b"User-agent: *\nDisallow: /planner/"), "refused"),
    ],
    ids=["gone", "down", "another shape", "another standard", "robots.txt"],
)
def test_a_third_party_that_says_nothing_usable(watch: Watch, fault: Fault, outcome: str) -> None:
    (record,) = sample(ONE)
    watch.see([record], sources=("api", "ksb_planner"), faults=[planner(record, maxFunding=1000)])
    assert len(conflicts(watch, where="NOT is_explained AND resolved_at IS NULL")) == 1
    watch.see([record], sources=("api", "ksb_planner"), faults=[fault])
    assert watch.rows("SELECT outcome FROM captures WHERE source = 'ksb_planner' AND run_id = 'run-2'") == [{"outcome": outcome}]
    still = len(conflicts(watch, where="NOT is_explained AND resolved_at IS NULL"))
    assert still == (0 if outcome == "gone" else 1)
    status = watch.rows("SELECT status FROM runs WHERE run_id = 'run-2'")
    assert status == [{"status": "good" if outcome == "gone" else "quarantine"}]


def test_a_third_party_that_does_not_answer_is_left_alone(watch: Watch) -> None:
    records = [record for record in sample() if record["status"] == "Approved for delivery"]
    watch.see(records, sources=("api", "ksb_planner"), faults=[Fault(path="/planner/", status=500)])
    assert "five times in a row" in str(watch.captured["ksb_planner"].failures[-1].reason)


def test_only_the_versions_in_force_of_the_run_are_asked_for(watch: Watch) -> None:
    watch.see(sample(), sources=("api", "ksb_planner"), only=["ST9001", "ST9007"])
    assert watch.rows("SELECT reference, version FROM captures WHERE source = 'ksb_planner'") == [{"reference": "ST9001", "version": "1.2"}]
