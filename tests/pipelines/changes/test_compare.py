"""Differences between two records of one version."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pipelines.changes.compare import assessment_plan, compare
from pipelines.changes.lifecycle import is_declared
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, RETIRED, WITHDRAWN, Content, Duty, Kind, Ksb, Record

HOST = "https://skillsengland.education.gov.uk"


def ksbs(kind: Kind, *texts: str) -> tuple[Ksb, ...]:
    return tuple(Ksb(kind=kind, position=position, text=text) for position, text in enumerate(texts, 1))


def content(k: str = "", s: str = "", duties: tuple[Duty, ...] = (), options: tuple[str, ...] = ()) -> Content:
    return Content(ksbs=(*ksbs("K", *k.split()), *ksbs("S", *s.split())), duties=duties, options=options)


def record(**values: Any) -> Record:
    return Record(**{"reference": "ST9001", "version": "1.1", "title": "Example", "status": APPROVED} | values)


def found(before: Record, after: Record) -> list[tuple[str, str | None]]:
    return [(difference.event, difference.subject) for difference in compare(before, after)]


@pytest.mark.parametrize(
    ("old", "new", "event"),
    [
        (IN_DEVELOPMENT, APPROVED, "version_live"),
        (RETIRED, APPROVED, "version_live"),
        (APPROVED, RETIRED, "version_retired"),
        (IN_DEVELOPMENT, WITHDRAWN, "version_withdrawn"),
        (PROPOSAL, IN_DEVELOPMENT, "status_changed"),
        (RETIRED, IN_DEVELOPMENT, "status_changed"),
    ],
)
def test_a_status_that_moves(old: str, new: str, event: str) -> None:
    assert found(record(status=old), record(status=new)) == [(event, None)]


@pytest.mark.parametrize(
    ("old", "new", "events"),
    [
        (False, True, [("starts_paused", None)]),
        (None, True, [("starts_paused", None)]),
        (True, False, [("starts_resumed", None)]),
        (True, None, []),
        (False, None, []),
        (None, False, []),
    ],
)
def test_the_flag_of_paused_starts(old: bool | None, new: bool | None, events: list[tuple[str, str | None]]) -> None:
    assert found(record(is_paused_for_starts=old), record(is_paused_for_starts=new)) == events


@pytest.mark.parametrize("column", ["earliest_start_on", "latest_start_on"])
@pytest.mark.parametrize(("old", "new"), [(None, date(2026, 8, 13)), (date(2026, 8, 13), None), (date(2026, 8, 13), date(2026, 8, 14))])
def test_a_start_date_that_moves(column: str, old: date | None, new: date | None) -> None:
    assert found(record(**{column: old}), record(**{column: new})) == [("start_dates_moved", column)]


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        ("title", "A", "B"),
        ("title", "Early years teacher (EYTS)", "Early years teacher (eyts)"),
        ("max_funding_gbp", None, 26000),
        ("lars_code", None, 839),
        ("minimum_hours", 326, None),
        ("eqa_provider", "Ofqual", "Skills England"),
        ("is_regulated", False, True),
        ("occupation_summary", "One", "Two"),
        ("change_note", "A", "B"),
        ("job_titles", ("a",), ("a", "b")),
    ],
)
def test_a_fact_that_changes(column: str, old: Any, new: Any) -> None:
    assert found(record(**{column: old}), record(**{column: new})) == [("attribute_changed", column)]


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        pytest.param("changed_on", date(2026, 1, 1), date(2026, 1, 2), id="changed_on is an echo"),
        pytest.param("published_on", date(2026, 1, 1), date(2026, 1, 2), id="published_on is an echo"),
        pytest.param("approved_on", None, date(2026, 1, 2), id="approved_on is an echo"),
        pytest.param("page_url", f"{HOST}/a", f"{HOST}/b", id="a page that moves"),
        pytest.param("job_titles", ("a", "b"), ("b", "a"), id="a set in another order"),
        pytest.param(
            "assessment_plan_url",
            f"{HOST}/media/dvv/plan.pdf",
            "https://instituteforapprenticeships.org/media/dvv/plan.pdf",
            id="plan's host",
        ),
        pytest.param(
            "assessment_plan_url",
            f"{HOST}/apprenticeships/a-in-revision?view=epa",
            f"{HOST}/apprenticeships/a-v2-0?view=epa",
            id="plan's page",
        ),
        pytest.param("assessment_plan_url", HOST, None, id="a bare host is no plan"),
        pytest.param("notice", "One.; Two.", "One. Two.", id="banner lines parted otherwise"),
    ],
)
def test_what_is_no_change(column: str, old: Any, new: Any) -> None:
    assert found(record(**{column: old}), record(**{column: new})) == []


@pytest.mark.parametrize(
    ("url", "plan"),
    [
        (f"{HOST}/media/dvv/plan.pdf", ("dvv", "plan.pdf")),
        (f"{HOST}/apprenticeships/st0128-v1-1?view=epa", ("view", "view=epa")),
        (HOST, None),
        ("", None),
        (None, None),
    ],
)
def test_what_identifies_an_assessment_plan(url: str | None, plan: tuple[str, str] | None) -> None:
    assert assessment_plan(url) == plan


def test_a_notice_that_appears() -> None:
    assert found(record(), record(notice="Retires in May.")) == [("notice_changed", None)]


class TestContent:
    """KSBs, duties, mapping and options, matched by their words."""

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            pytest.param("a b c", "a c", [("ksb_removed", "K2"), ("ksb_relabelled", "K2")], id="one gone"),
            pytest.param("a c", "a b c", [("ksb_added", "K2"), ("ksb_relabelled", "K3")], id="one new"),
            pytest.param("a b", "b a", [("ksb_relabelled", "K1"), ("ksb_relabelled", "K2")], id="turned round"),
            pytest.param("a b a", "a b", [("ksb_removed", "K3")], id="a duplicate gone"),
            pytest.param("a b", "a b", [], id="nothing"),
        ],
    )
    def test_items(self, before: str, after: str, expected: list[tuple[str, str]]) -> None:
        assert found(record(content=content(k=before)), record(content=content(k=after))) == expected

    def test_a_removed_duplicate_says_what_it_doubled_and_where_it_was_needed(self) -> None:
        duty = Duty(number=1, text="d", codes=("K1", "K3"))
        (removed, link) = compare(
            record(content=content(k="a b a", duties=(duty,))), record(content=content(k="a b", duties=(replace(duty, codes=("K1",)),)))
        )
        assert removed.note == "a duplicate of K1; it was mapped to Duty 1"
        assert (link.event, link.subject, link.note) == ("mapping_removed", "Duty 1 → K3", "with its item")

    def test_renumbering_everything_and_dropping_one_link_is_one_change(self) -> None:
        before = content(k="a b c", duties=(Duty(number=1, text="x", codes=("K1", "K2", "K3")), Duty(number=2, text="y", codes=("K1",))))
        after = content(k="c b a", duties=(Duty(number=1, text="y", codes=("K3",)), Duty(number=2, text="x", codes=("K1", "K2"))))
        events = [event for event in found(record(content=before), record(content=after)) if "relabelled" not in event[0]]
        assert events == [("mapping_removed", "Duty 2 → K3")]

    def test_a_link_that_is_new(self) -> None:
        before = content(k="a b", duties=(Duty(number=1, text="x", codes=("K1",)),))
        after = content(k="a b", duties=(Duty(number=1, text="x", codes=("K1", "K2")),))
        assert found(record(content=before), record(content=after)) == [("mapping_added", "Duty 1 → K2")]

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ({"criteria": "c"}, {"criteria": "d"}, [("criteria_changed", "Duty 1")]),
            ({"is_core": False}, {"is_core": True}, [("core_flag_changed", "Duty 1")]),
            ({"options": ("A",)}, {"options": ("A", "B")}, [("option_membership_changed", "Duty 1")]),
            ({"options": ("A", "B")}, {"options": ("B", "A")}, []),
        ],
    )
    def test_a_duty(self, old: dict[str, Any], new: dict[str, Any], expected: list[tuple[str, str]]) -> None:
        before, after = (content(duties=(Duty(number=1, text="x", **values),)) for values in (old, new))
        assert found(record(content=before), record(content=after)) == expected

    def test_duties_that_come_go_and_move(self) -> None:
        before = content(duties=(Duty(number=1, text="x"), Duty(number=2, text="y")))
        after = content(duties=(Duty(number=1, text="y"), Duty(number=2, text="z")))
        assert found(record(content=before), record(content=after)) == [
            ("duty_removed", "Duty 1"),
            ("duty_added", "Duty 2"),
            ("duty_relabelled", "Duty 1"),
        ]

    def test_options(self) -> None:
        assert found(record(content=content(options=("A", "B"))), record(content=content(options=("B", "C")))) == [
            ("option_removed", "A"),
            ("option_added", "C"),
        ]


@pytest.mark.parametrize(
    ("moved", "declared"),
    [
        ({"changed_on": date(2026, 1, 2)}, True),
        ({"published_on": date(2026, 1, 2)}, True),
        ({"change_note": "Standard revised"}, True),
        ({"latest_start_on": date(2026, 1, 2)}, True),
        ({"status": RETIRED}, True),
        ({"max_funding_gbp": 1}, False),
        ({"notice": "x"}, False),
    ],
)
def test_the_publisher_said_so_where_a_date_or_note_moved(moved: dict[str, Any], declared: bool) -> None:
    assert is_declared(record(), record(**moved)) is declared
