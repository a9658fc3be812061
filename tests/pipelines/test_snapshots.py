"""From captures to snapshots: what is new, checked, stale, missing, back, or held back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from scrapers.sample.server import Fault, SampleSite
from tests.watching import Watch, night, sample, told

ST = "ST9001 1.2"


def test_the_first_run_is_a_baseline(watch: Watch) -> None:
    assert watch.see(sample()) == []
    assert watch.counts.snapshots == len(sample())
    assert watch.rows("SELECT bool_and(is_baseline) AS all_baseline FROM transitions") == [{"all_baseline": True}]


def test_a_second_look_at_an_unmoved_site_writes_only_that_it_was_checked(watch: Watch) -> None:
    sources = ("api", "page", "occupation")
    tables = ("snapshots", "evidence", "content_ksbs", "content_duties", "content_duty_ksbs", "transitions", "changes")
    with SampleSite([sample()], validators=False) as site:
        watch.look(site.url, sources=sources)
        before = [watch.rows(f"SELECT count(*) AS n FROM {table}") for table in tables]
        packs = sorted(path.stat().st_size for path in (watch.data / "evidence").glob("*.pack"))
        assert watch.look(site.url, sources=sources) == []
    assert [watch.rows(f"SELECT count(*) AS n FROM {table}") for table in tables] == before
    assert sorted(path.stat().st_size for path in (watch.data / "evidence").glob("*.pack")) == packs
    assert watch.rows("SELECT DISTINCT last_checked_at FROM watched_versions") == [{"last_checked_at": night(2)}]


def test_a_page_read_an_hour_after_the_array_tells_the_same_news(watch: Watch) -> None:
    one, two = sample("ST9002 1.1"), sample("ST9002 1.1", "ST9002 2.0")
    watch.see(one, sources=("api", "page"))
    watch.see(two, at=night(2))
    watch.see(two, sources=("page",), at=night(2) + timedelta(hours=1))
    announced = watch.rows("SELECT sources FROM changes WHERE event = 'version_announced'")
    assert announced == [{"sources": ["api", "page"]}]


def test_a_page_first_read_days_after_the_array_showed_its_version_is_no_news(watch: Watch) -> None:
    one, two = sample("ST9002 1.1"), sample("ST9002 1.1", "ST9002 2.0")
    watch.see(one, sources=("api", "page"))
    watch.see(two, at=night(2))
    assert watch.see(two, sources=("page",), at=night(4)) == []
    assert watch.rows("SELECT DISTINCT sources FROM changes WHERE event = 'version_announced'") == [{"sources": ["api"]}]


def test_an_attribute_change_does_not_copy_the_content(watch: Watch) -> None:
    watch.see(sample(ST))
    ksbs = watch.rows("SELECT count(*) AS n FROM content_ksbs")
    watch.see(sample(ST, maxFunding=12345))
    assert watch.rows("SELECT count(*) AS n FROM snapshots") == [{"n": 2}]
    assert watch.rows("SELECT count(*) AS n FROM content_ksbs") == ksbs
    history = watch.rows("SELECT max_funding_gbp, seen_from_at, seen_to_at FROM version_history ORDER BY seen_from_at")
    assert [(row["seen_from_at"], row["seen_to_at"]) for row in history] == [(night(1), night(2)), (night(2), None)]


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({"cluster": "Another", "clusterId": "9", "clusterDescription": "x", "pathway": "y"}, id="cluster"),
        pytest.param({"keywords": ["a"], "jobRoles": ["b"]}, id="echoes"),
        pytest.param({"createdDate": "2030-01-01T00:00:00 +00:00"}, id="createdDate"),
        pytest.param({"aBrandNewKey": 1}, id="a key that is new"),
    ],
)
def test_what_is_only_stored_makes_new_evidence_and_no_snapshot(watch: Watch, stored: Mapping[str, Any]) -> None:
    watch.see(sample(ST))
    assert watch.see(sample(ST, **stored)) == []
    assert watch.rows("SELECT count(*) AS n FROM snapshots") == [{"n": 1}]
    assert watch.rows(
        "SELECT w.evidence_sha256 <> s.evidence_sha256 AS is_new FROM watched_versions w JOIN snapshots s USING (snapshot_id)"
    ) == [{"is_new": True}]


class TestMissing:
    """A version is missing only after three complete captures in a row without it."""

    def test_two_absences_are_nothing_and_three_are_an_event(self, watch: Watch) -> None:
        watch.see(sample(ST, "ST9003 1.0"))
        assert watch.see(sample("ST9003 1.0")) == []
        assert watch.see(sample("ST9003 1.0")) == []
        assert told(watch.see(sample("ST9003 1.0"))) == [
            ("ST9001", "1.2", "standard_missing", ""),
            ("ST9001", "1.2", "version_missing", ""),
        ]
        assert watch.rows("SELECT reference FROM current_versions") == [{"reference": "ST9003"}]
        assert watch.rows("SELECT seen_to_at FROM version_history WHERE reference = 'ST9001'") == [{"seen_to_at": night(4)}]
        assert watch.see(sample("ST9003 1.0")) == []

    def test_an_absence_that_ends_is_nothing(self, watch: Watch) -> None:
        watch.see(sample(ST, "ST9003 1.0"))
        for _ in range(3):
            watch.see(sample("ST9003 1.0"))[:0]
            if watch.runs == 3:
                break
        assert watch.see(sample(ST, "ST9003 1.0")) == []
        assert watch.rows("SELECT max(absences) AS n FROM watched_versions") == [{"n": 0}]

    def test_what_comes_back_has_its_identity_and_its_changes(self, watch: Watch) -> None:
        watch.see(sample(ST, "ST9003 1.0"))
        for _ in range(3):
            watch.see(sample("ST9003 1.0"))
        back = watch.see(sample(ST, maxFunding=12345) + sample("ST9003 1.0"))
        assert told(back) == [
            ("ST9001", "1.2", "attribute_changed", "max_funding_gbp"),
            ("ST9001", "1.2", "standard_returned", ""),
            ("ST9001", "1.2", "version_returned", ""),
        ]

    def test_one_version_of_several_leaves_the_standard(self, watch: Watch) -> None:
        watch.see(sample("ST9001 1.1", ST))
        for _ in range(2):
            watch.see(sample(ST))
        assert told(watch.see(sample(ST))) == [("ST9001", "1.1", "version_missing", "")]

    def test_a_run_limited_to_some_standards_proves_nothing_of_others(self, watch: Watch) -> None:
        watch.see(sample(ST, "ST9003 1.0"))
        for _ in range(4):
            assert watch.see(sample("ST9003 1.0"), only=("ST9003",)) == []
        assert watch.rows("SELECT absences FROM watched_versions WHERE reference = 'ST9001'") == [{"absences": 0}]


class TestNew:
    """A version is news only where this source had been asked before."""

    def test_a_new_standard(self, watch: Watch) -> None:
        watch.see(sample(ST))
        assert told(watch.see(sample(ST, "ST9003 1.0"))) == [
            ("ST9003", "1.0", "standard_added", ""),
            ("ST9003", "1.0", "version_added", ""),
        ]

    def test_a_new_version_in_development(self, watch: Watch) -> None:
        watch.see(sample("ST9002 1.1"))
        assert told(watch.see(sample("ST9002 1.1", "ST9002 2.0"))) == [("ST9002", "2.0", "version_announced", "")]

    def test_the_first_full_run_after_a_limited_one_is_a_baseline_for_the_rest(self, watch: Watch) -> None:
        watch.see(sample(), only=("ST9001",))
        assert watch.see(sample()) == []

    def test_a_source_that_is_added_later_is_a_baseline(self, watch: Watch) -> None:
        watch.see(sample())
        assert watch.see(sample(), sources=("api", "page", "occupation")) == []

    def test_a_page_that_could_not_be_read_at_first_is_no_news_later(self, watch: Watch) -> None:
        watch.see(sample(), sources=("page",), faults=[Fault(path=r"/apprenticeships/st9003", status=500)])
        assert watch.see(sample(), sources=("page",)) == []
        assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE reference = 'ST9003'") == [{"n": 1}]

    def test_zero_goes_live_as_two_when_the_old_record_vanishes(self, watch: Watch) -> None:
        (old,) = sample("ST9007 0.0")
        live = old | {"version": "2.0", "versionNumber": "2.0", "status": "Approved for delivery"}
        watch.see([old])
        assert told(watch.see([live])) == [("ST9007", "2.0", "version_live", "")]
        for _ in range(4):
            assert watch.see([live]) == []
        assert watch.rows("SELECT version FROM current_versions") == [{"version": "2.0"}]

    def test_zero_lingers_beside_two(self, watch: Watch) -> None:
        (old,) = sample("ST9007 0.0")
        live = old | {"version": "2.0", "versionNumber": "2.0", "status": "Approved for delivery"}
        watch.see([old])
        assert told(watch.see([old, live])) == [("ST9007", "2.0", "version_added", "")]


class TestHeldBack:
    """One bad record never stops the rest, and what was known of it stays current."""

    @pytest.mark.parametrize(
        ("broken", "rule"),
        [
            pytest.param({"status": "Gone fishing"}, "P-BAD-VALUE", id="unknown status"),
            pytest.param({"maxFunding": "a lot"}, "P-BAD-VALUE", id="funding in words"),
            pytest.param({"maxFunding": 10**12}, "P-BAD-VALUE", id="funding beyond reason"),
            pytest.param({"earliestStartDate": "soon"}, "P-BAD-VALUE", id="a date in words"),
            pytest.param({"regulated": "maybe"}, "P-BAD-VALUE", id="neither true nor false"),
            pytest.param({"level": 12}, "G-SCHEMA", id="a level there is not"),
            pytest.param({"title": "  "}, "G-SCHEMA", id="no title"),
            pytest.param({"skills": [{"skillId": "a", "detail": " "}]}, "G-SCHEMA", id="a skill without words"),
        ],
    )
    def test_a_broken_record(self, watch: Watch, broken: Mapping[str, Any], rule: str) -> None:
        watch.see(sample(ST, "ST9003 1.0"))
        changes = watch.see(sample(ST, **broken) + sample("ST9003 1.0", maxFunding=1000))
        assert told(changes) == [("ST9003", "1.0", "attribute_changed", "max_funding_gbp")]
        assert [(row["reference"], row["rule"]) for row in watch.counts.held] == [("ST9001", rule)]
        assert watch.rows("SELECT title IS NOT NULL AS is_there FROM current_versions WHERE reference = 'ST9001'") == [{"is_there": True}]
        (stale,) = watch.rows("SELECT stale_since_at, stale_reason FROM watched_versions WHERE reference = 'ST9001'")
        assert stale["stale_since_at"] == night(2)
        assert stale["stale_reason"]
        assert watch.see(sample(ST, "ST9003 1.0", maxFunding=1000))
        assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE stale_since_at IS NOT NULL") == [{"n": 0}]

    def test_a_missing_field(self, watch: Watch) -> None:
        (record,) = sample(ST)
        del record["knowledges"]
        watch.see([*sample("ST9003 1.0"), record])
        assert [row["rule"] for row in watch.counts.held] == ["P-MISSING-FIELD"]

    def test_a_record_held_night_after_night_is_one_row(self, watch: Watch) -> None:
        for _ in range(3):
            watch.see(sample(ST, status="?"))
        assert watch.rows("SELECT run_id, last_run_id FROM quarantine") == [{"run_id": "run-1", "last_run_id": "run-3"}]


class TestUnserved:
    """A failed fetch is stale, never removed; one source never blocks another."""

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(Fault(path="/api/", status=500), id="500"),
            pytest.param(Fault(path="/api/", status=404), id="404"),
            pytest.param(
                Fault(path="/api/", status=200, body=b"<html><h1>Sorry</h1>", content_type="text/html"), id="HTML where JSON was due"
            ),
            pytest.param(Fault(path="/api/", truncate=500), id="cut off"),
            pytest.param(Fault(path="/api/", status=200, body=b"[]"), id="an empty array"),
            pytest.param(Fault(path="/api/", status=200, body=b'[{"a": 1}]'), id="an array of something else"),
        ],
    )
    def test_the_api_fails_and_the_pages_go_on(self, watch: Watch, fault: Fault) -> None:
        sources = ("api", "page")
        watch.see(sample(), sources=sources)
        for _ in range(4):
            changes = watch.see(
                sample("ST9003 1.0", maxFunding=1234) + [r for r in sample() if r["title"] != sample("ST9003 1.0")[0]["title"]],
                sources=sources,
                faults=[fault],
            )
        assert changes == []
        (failure,) = watch.captured["api"].failures
        assert failure.reason
        assert "/api/apprenticeshipstandards" in failure.url
        assert watch.rows("SELECT status FROM runs WHERE run_id = 'run-2'") == [{"status": "quarantine"}]
        assert told(watch.rows("SELECT * FROM changes")) == [("ST9003", "1.0", "attribute_changed", "max_funding_gbp")]
        assert watch.rows("SELECT count(*) AS n FROM current_versions") == [{"n": len(sample())}]
        assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE source = 'api' AND stale_since_at IS NULL") == [{"n": 0}]

    def test_every_page_fails_and_the_api_goes_on(self, watch: Watch) -> None:
        sources = ("api", "page")
        watch.see(sample(), sources=sources)
        faults = [Fault(path="/apprenticeships/", status=503)]
        changes = watch.see(
            sample(ST, maxFunding=1234) + [r for r in sample() if r["referenceNumber"] != "ST9001"], sources=sources, faults=faults
        )
        assert told(changes)[0] == ("ST9001", "1.2", "attribute_changed", "max_funding_gbp")

    def test_a_page_that_is_gone_three_times_while_the_api_has_it_is_no_removal(self, watch: Watch) -> None:
        sources = ("api", "page")
        watch.see(sample(), sources=sources)
        for _ in range(4):
            assert watch.see(sample(), sources=sources, faults=[Fault(path="/apprenticeships/st9003", status=404)]) == []

    def test_the_page_of_another_standard_is_held_back(self, watch: Watch) -> None:
        watch.see(sample("ST9001 1.2", "ST9003 1.0"), sources=("api", "page"))
        (one, other) = sample("ST9001 1.2", "ST9003 1.0")
        swapped = [one | {"standardPageUrl": other["standardPageUrl"]}, other | {"standardPageUrl": one["standardPageUrl"]}]
        watch.see(swapped, sources=("api", "page"))
        assert {row["rule"] for row in watch.counts.held} <= {"G-ANOTHER-STANDARD"}
