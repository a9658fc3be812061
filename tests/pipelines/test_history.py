"""What several nights add up to: flaps, the crosswalk table, and one history however it was fed."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.watching import Watch, night, sample, told

ST = "ST9003 1.0"


class TestFlaps:
    """A → B → A: the second change says which one it takes back."""

    @pytest.mark.parametrize(
        ("key", "values", "event"),
        [
            pytest.param("title", ("One", "Two"), "attribute_changed", id="a title"),
            pytest.param("approvedForDeliveryPausedStarts", (False, True), "starts_resumed", id="a pause"),
            pytest.param("banners", ("One.", "Two."), "notice_changed", id="a notice"),
            pytest.param("status", ("Approved for delivery", "Retired"), "version_live", id="a status"),
            pytest.param("latestStartDate", (None, "2026-08-13T00:00:00"), "start_dates_moved", id="a date"),
        ],
    )
    def test_a_fact(self, watch: Watch, key: str, values: tuple[Any, Any], event: str) -> None:
        first, second = values
        watch.see(sample(ST, **{key: first}))
        (there,) = watch.see(sample(ST, **{key: second}))
        (back,) = watch.see(sample(ST, **{key: first}))
        assert there["reverts"] is None
        assert (back["event"], back["reverts"]) == (event, there["change_id"])
        assert "takes back" in back["summary"]
        (again,) = watch.see(sample(ST, **{key: second}))
        assert again["reverts"] == back["change_id"]

    def test_full_stops_that_come_and_go(self, watch: Watch) -> None:
        (record,) = sample(ST)
        dotted = copy.deepcopy(record)
        for skill in dotted["skills"]:
            skill["detail"] = skill["detail"].rstrip(". ") + " indeed."
        watch.see([record])
        there = watch.see([dotted])
        back = watch.see([record])
        assert len(there) == len(back) == len(record["skills"])
        assert {row["reverts"] for row in back} == {row["change_id"] for row in there}

    def test_a_removed_item_that_is_back(self, watch: Watch) -> None:
        (record,) = sample(ST)
        without = copy.deepcopy(record)
        gone = without["skills"].pop()["skillId"]
        for duty in without["duties"]:
            duty["mappedSkills"] = [i for i in duty["mappedSkills"] if i != gone]
        watch.see([record])
        there = {row["event"]: row["change_id"] for row in watch.see([without]) if row["event"] == "ksb_removed"}
        back = {row["event"]: row["reverts"] for row in watch.see([record]) if row["event"] == "ksb_added"}
        assert back["ksb_added"] == there["ksb_removed"]

    def test_long_after_it_is_news_of_its_own(self, watch: Watch) -> None:
        watch.see(sample(ST, title="One"), at=night(1))
        watch.see(sample(ST, title="Two"), at=night(2))
        (back,) = watch.see(sample(ST, title="One"), at=night(2).replace(month=6))
        assert back["reverts"] is None


class TestCrosswalkTable:
    """The table holds every pair of neighbouring versions, as they are now."""

    PAIRS = "SELECT DISTINCT reference, from_version, to_version FROM version_crosswalk ORDER BY ALL"

    def test_the_baseline_fills_it(self, watch: Watch) -> None:
        watch.see(sample("ST9001 1.0", "ST9001 1.1", "ST9001 1.2", ST))
        assert [tuple(row.values()) for row in watch.rows(self.PAIRS)] == [("ST9001", "1.0", "1.1"), ("ST9001", "1.1", "1.2")]

    def test_a_version_that_appears_is_compared_with_the_one_before_it(self, watch: Watch) -> None:
        watch.see(sample("ST9002 1.1"))
        assert watch.rows(self.PAIRS) == []
        watch.see(sample("ST9002 1.1", "ST9002 2.0"))
        assert [tuple(row.values()) for row in watch.rows(self.PAIRS)] == [("ST9002", "1.1", "2.0")]
        relations = watch.rows("SELECT relation, count(*) AS n FROM version_crosswalk GROUP BY ALL ORDER BY ALL")
        assert len(relations) > 3

    def test_a_version_that_is_edited_is_compared_again(self, watch: Watch) -> None:
        watch.see(sample("ST9002 1.1", "ST9002 2.0"))
        old, new = sample("ST9002 1.1", "ST9002 2.0")
        new["behaviours"].append({"behaviourId": "00000000-0000-0000-0000-000000000000", "detail": "Keep calm at height."})
        watch.see([old, new])
        assert watch.rows("SELECT relation FROM version_crosswalk WHERE to_text = 'Keep calm at height.'") == [{"relation": "added"}]
        twice = "SELECT kind, to_code FROM version_crosswalk WHERE to_code IS NOT NULL GROUP BY ALL HAVING count(*) > 1"
        assert watch.rows(twice) == []


SKILLS = ("weld thin steel", "weld thick steel", "talk to customers")
# A night is small in words, so that a failing one can be read: version → (funding, status, skills).
nights_of = st.lists(
    st.dictionaries(
        st.sampled_from(["1.0", "1.1", "2.0"]),
        st.tuples(
            st.sampled_from([0, 5000]), st.sampled_from(["Approved for delivery", "Retired", "In development"]), st.sets(st.integers(0, 2))
        ),
        min_size=1,
    ),
    min_size=2,
    max_size=5,
)


def records_of(versions: dict[str, tuple[int, str, set[int]]]) -> list[dict[str, Any]]:
    (record,) = sample(ST)
    return [
        record
        | {"version": version, "versionNumber": version, "duties": [], "maxFunding": funding, "status": status}
        | {"skills": [{"skillId": str(n), "detail": SKILLS[n]} for n in sorted(skills)]}
        for version, (funding, status, skills) in versions.items()
    ]


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(
    nights=[{"1.0": (0, "Retired", set())}, {"1.1": (0, "Retired", set())}, {"1.1": (0, "Retired", set())}, {"1.1": (0, "Retired", set())}]
)
@given(nights=nights_of)
def test_nights_fed_one_by_one_or_all_at_once_give_the_same_history(
    nights: Sequence[dict[str, tuple[int, str, set[int]]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    one_by_one, at_once = (Watch(Path(tmp_path_factory.mktemp("fed"))) for _ in range(2))
    for versions in nights:
        one_by_one.see(records_of(versions))
        at_once.capture(records_of(versions))
    at_once.work()
    for table, columns in (
        ("changes", "change_id, detected_at, reverts, summary"),
        ("snapshots", "snapshot_id, seen_from_at, seen_to_at"),
        ("watched_versions", "version, snapshot_id, absences, is_missing"),
        ("version_crosswalk", "*"),
    ):
        ask = f"SELECT {columns} FROM {table} ORDER BY ALL"
        assert at_once.rows(ask) == one_by_one.rows(ask)


def test_an_approved_version_that_was_served_half_empty(watch: Watch) -> None:
    (record,) = sample(ST)
    half = copy.deepcopy(record)
    half["skills"], half["duties"] = [], []
    half["knowledges"] = half["knowledges"][:2]
    watch.see([half])
    completed = told(watch.see([record]))
    assert {event for _, _, event, _ in completed} == {"ksb_added", "duty_added"}
    assert len(completed) == len(record["skills"]) + len(record["knowledges"]) - 2 + len(record["duties"])
