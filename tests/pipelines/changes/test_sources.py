"""What two sources say of one version: where that is a disagreement, and where one of them is only silent."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pipelines.changes.sources import compare_facts, compare_log, compare_records, is_summer_shift
from schemas.conflict import Conflict, LogRow, Republished
from schemas.record import APPROVED, IN_DEVELOPMENT, RETIRED, WITHDRAWN, Content, Duty, Ksb, Record

OURS = Record(
    reference="ST9001",
    version="1.2",
    title="Tidal turbine technician",
    status=APPROVED,
    is_paused_for_starts=False,
    level=3,
    route="Engineering",
    minimum_hours=400,
    max_funding_gbp=9000,
    change_note="Standard revised",
    changed_on=date(2026, 3, 28),
    approved_on=date(2021, 2, 18),
    earliest_start_on=date(2026, 6, 8),
    notice="It will be replaced. Read more.; Funding ends soon.",
    occupation_summary="Found at sea.",
    job_titles=("Blade technician", "Nacelle technician"),
    content=Content(
        ksbs=(
            Ksb(kind="K", position=1, text="How tides turn blades", options=("Maker",)),
            Ksb(kind="K", position=2, text="Safe systems of work on water"),
            Ksb(kind="S", position=1, text="Align a gearbox to its shaft"),
        ),
        duties=(Duty(number=1, text="Maintain a nacelle", codes=("K1", "S1"), criteria="In time", is_core=True),),
        options=("Maker", "Mender"),
    ),
)
# The same as a page tells it: some columns not at all, no options, no core flags.
PAGE_CONTENT = Content(
    ksbs=tuple(replace(ksb, options=()) for ksb in OURS.content.ksbs),
    duties=tuple(replace(duty, is_core=None, options=(), criteria="") for duty in OURS.content.duties),
)
PAGE = replace(OURS, minimum_hours=None, change_note=None, earliest_start_on=None, content=PAGE_CONTENT)


def told(**changed: Any) -> list[tuple[str, str | None, str | None, str]]:
    return [(c.subject, c.value, c.other_value, c.rule) for c in compare_records(OURS, replace(PAGE, **changed))]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="no options, core flags or criteria on the page"),
        pytest.param({"max_funding_gbp": None, "route": None, "job_titles": ()}, id="labels that are not there"),
        pytest.param({"content": Content()}, id="a page without details"),
        pytest.param({"notice": None}, id="no notice"),
        pytest.param({"version": None, "page_url": "https://example.org/x"}, id="names and addresses"),
        pytest.param({"published_on": date(2030, 1, 1)}, id="a date that says nothing"),
        pytest.param({"notice": "It will be replaced. Read more. Funding ends soon."}, id="the notice in other lines"),
        pytest.param({"job_titles": ("Nacelle technician", "Blade technician")}, id="a set in another order"),
        pytest.param({"change_note": "Other", "earliest_start_on": date(2020, 1, 1)}, id="what the version log says is the log's"),
        pytest.param({"status": None, "is_paused_for_starts": None}, id="the occupation page has no status"),
    ],
)
def test_silence_is_no_disagreement(changed: dict[str, Any]) -> None:
    assert told(**changed) == []


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        ({"max_funding_gbp": 8000}, ("max_funding_gbp", "9000", "8000", "X-VALUE")),
        ({"status": RETIRED}, ("status", APPROVED, RETIRED, "X-VALUE")),
        ({"is_paused_for_starts": True}, ("is_paused_for_starts", "no", "yes", "X-VALUE")),
        ({"changed_on": date(2026, 3, 29)}, ("changed_on", "2026-03-28", "2026-03-29", "X-VALUE")),
        ({"approved_on": date(2021, 2, 17)}, ("approved_on", "2021-02-18", "2021-02-17", "X-VALUE")),
        ({"eqa_provider": "Ofqual"}, ("eqa_provider", None, "Ofqual", "X-VALUE")),
        (
            {"job_titles": ("Blade technician",)},
            ("job_titles", "Blade technician; Nacelle technician", "Blade technician", "X-VALUE"),
        ),
        (
            {"notice": "Funding ends soon."},
            ("notice", OURS.notice, "Funding ends soon.", "X-VALUE"),
        ),
        (
            {"notice": "Hours are in transition.; It will be replaced. Read more .; Funding ends soon."},
            ("notice", OURS.notice, "Hours are in transition.; It will be replaced. Read more .; Funding ends soon.", "X-MORE-NOTICES"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_said_otherwise_is_a_disagreement(changed: dict[str, Any], due: tuple[str, str | None, str | None, str]) -> None:
    assert told(**changed) == [due]


K2 = "Safe systems of work on water"


@pytest.mark.parametrize(
    ("ksbs", "duties", "due"),
    [
        pytest.param([("K", 2, f"{K2} and at height")], [], [("K2", K2, f"{K2} and at height", "X-VALUE")], id="reworded"),
        pytest.param([("K", 2, None)], [], [("K2", K2, None, "X-VALUE")], id="missing"),
        pytest.param([("K", 3, "Radio")], [], [("K3", None, "Radio", "X-VALUE")], id="more"),
        pytest.param([], [{"codes": ("K1",)}], [("Duty 1 → S1", "Duty 1 → S1", None, "X-VALUE")], id="a link"),
        pytest.param([], [{"criteria": "At once"}], [("Duty 1", "In time", "At once", "X-VALUE")], id="criteria"),
        pytest.param(
            [], [{"text": "Maintain a nacelle daily"}], [("Duty 1", "Maintain a nacelle", "Maintain a nacelle daily", "X-VALUE")], id="duty"
        ),
    ],
)
def test_content_is_compared_by_its_words(ksbs: list[tuple[Any, int, str | None]], duties: list[dict[str, Any]], due: Any) -> None:
    items = {ksb.code: ksb for ksb in PAGE_CONTENT.ksbs}
    for kind, position, text in ksbs:
        items[f"{kind}{position}"] = Ksb(kind=kind, position=position, text=text or "")
    some = tuple(ksb for ksb in items.values() if ksb.text)
    shown = tuple(replace(duty, **changed) for duty, changed in zip(PAGE_CONTENT.duties, duties or [{}], strict=True))
    assert told(content=Content(ksbs=some, duties=shown)) == due


# The version log


def row(version: str | None, note: str | None = None, earliest: date | None = None, latest: date | None = None) -> LogRow:
    return LogRow(version=version, change_note=note, earliest_start_on=earliest, latest_start_on=latest)


def tells(status: str, note: str | None = None, earliest: date | None = None, latest: date | None = None) -> dict[str, Any]:
    return {"status": status, "change_note": note, "earliest_start_on": earliest, "latest_start_on": latest}


MAY, JUNE = date(2026, 5, 31), date(2026, 6, 1)


@pytest.mark.parametrize(
    ("log", "records", "due"),
    [
        pytest.param([row("1.0", "New", MAY)], {"1.0": tells(APPROVED, "New", MAY)}, [], id="the same"),
        pytest.param(
            [row("1.1"), row("1.0", None, MAY, JUNE)],
            {"1.0": tells(RETIRED, None, MAY, MAY), "1.1": tells(APPROVED)},
            [("1.0", "latest_start_on", "2026-05-31", "2026-06-01", "X-LOG-ROW")],
            id="a date of another version",
        ),
        pytest.param(
            [row("1.0")],
            {"1.0": tells(APPROVED, "New", latest=JUNE)},
            [("1.0", "change_note", "New", None, "X-LOG-ROW"), ("1.0", "latest_start_on", "2026-06-01", None, "X-LOG-ROW")],
            id="not set is said",
        ),
        pytest.param(
            [row("1.1")],
            {"1.0": tells(RETIRED), "1.1": tells(APPROVED)},
            [("1.0", "version log", RETIRED, None, "X-LOG-MISSING")],
            id="a version left out",
        ),
        pytest.param(
            [row("1.1", "Later", JUNE), row("1.0")],
            {"1.0": tells(APPROVED)},
            [("1.1", "version log", None, "1.1; Later; 2026-06-01", "X-LOG-UNKNOWN")],
            id="a version the API does not tell",
        ),
        pytest.param(
            [row("1.0")],
            {"1.0": tells(APPROVED), "0.0": tells(IN_DEVELOPMENT), "0.1": tells(WITHDRAWN)},
            [],
            id="never live, not in the log",
        ),
        pytest.param(
            [row(None, "Plan", JUNE), row("1.0")],
            {"1.0": tells(APPROVED), "1.1": tells(IN_DEVELOPMENT), "2.0": tells(IN_DEVELOPMENT, "Plan", JUNE)},
            [],
            id="of two revisions the equal one",
        ),
        pytest.param(
            [row(None, "Plan", JUNE), row("1.0")],
            {"1.0": tells(APPROVED), "2.0": tells(IN_DEVELOPMENT, "Plan", MAY)},
            [("2.0", "earliest_start_on", "2026-05-31", "2026-06-01", "X-LOG-ROW")],
            id="the only revision differs",
        ),
        pytest.param(
            [row(None, "Plan"), row("1.0")],
            {"1.0": tells(APPROVED)},
            [(None, "version log: revised version", None, "revised version; Plan", "X-LOG-UNKNOWN")],
            id="a revision the API does not tell",
        ),
        pytest.param([row("0.9"), row("1.0")], {"1.0": tells(APPROVED), "0.9": tells(WITHDRAWN)}, [], id="withdrawn, in the log"),
    ],
)
def test_a_version_log_is_held_beside_the_records(log: list[LogRow], records: dict[str, dict[str, Any]], due: list[Any]) -> None:
    assert [(c.version, c.subject, c.value, c.other_value, c.rule) for c in compare_log(log, records, ())] == due


def test_what_cannot_be_said_today_is_not_said() -> None:
    log = [row(None, "Plan"), row("1.1"), row("1.0")]
    for unknown in ("1.1", ""):
        assert list(compare_log(log, {"1.0": tells(APPROVED)}, {unknown})) == []
    (left,) = compare_log(log, {"1.0": tells(APPROVED, latest=MAY)}, {""})
    assert (left.version, left.rule) == ("1.0", "X-LOG-ROW")


# A third party

FACTS = Republished(
    reference="ST9001",
    version="1.2",
    level=3,
    max_funding_gbp=9000,
    change_note="Standard revised",
    changed_on=date(2026, 3, 28),
    knowledge_count=2,
    skill_count=1,
    behaviour_count=0,
    duty_count=1,
    last_checked_on=date(2020, 1, 1),
)


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        pytest.param({}, [], id="the same"),
        pytest.param({"level": None, "knowledge_count": None}, [], id="silent"),
        pytest.param({"change_note": "Standard rev..."}, [], id="cut short"),
        pytest.param({"knowledge_count": 3}, [("knowledge_count", "2", "3", "X-VALUE")], id="a count"),
        pytest.param({"duty_count": 0}, [("duty_count", "1", "0", "X-VALUE")], id="none of something"),
        pytest.param({"minimum_hours": 1}, [("minimum_hours", "400", "1", "X-VALUE")], id="a fact"),
        pytest.param({"eqa_provider": "Ofqual"}, [("eqa_provider", None, "Ofqual", "X-VALUE")], id="a fact the API does not tell"),
        pytest.param(
            {"earliest_start_on": date(2026, 6, 7)}, [("earliest_start_on", "2026-06-08", "2026-06-07", "X-SUMMER-TIME")], id="summer"
        ),
        pytest.param({"changed_on": date(2026, 3, 27)}, [("changed_on", "2026-03-28", "2026-03-27", "X-VALUE")], id="the same in winter"),
        pytest.param(
            {"earliest_start_on": date(2026, 6, 6)}, [("earliest_start_on", "2026-06-08", "2026-06-06", "X-VALUE")], id="two days"
        ),
        pytest.param(
            {"earliest_start_on": date(2026, 6, 9)}, [("earliest_start_on", "2026-06-08", "2026-06-09", "X-VALUE")], id="a day late"
        ),
    ],
)
def test_a_third_party_s_facts(changed: dict[str, Any], due: list[Any]) -> None:
    assert [(c.subject, c.value, c.other_value, c.rule) for c in compare_facts(OURS, replace(FACTS, **changed))] == due


@pytest.mark.parametrize(
    ("day", "is_shift"),
    [
        (date(2022, 4, 5), True),
        (date(2022, 5, 16), True),
        (date(2016, 12, 16), False),
        (date(2026, 3, 29), False),  # the clocks go forward at one: its midnight is still that of winter
        (date(2026, 3, 30), True),
        (date(2026, 10, 25), True),  # they go back at two: its midnight is still that of summer
        (date(2026, 10, 26), False),
    ],
)
def test_the_summer_is_the_one_of_london(day: date, is_shift: bool) -> None:
    assert is_summer_shift(day, date.fromordinal(day.toordinal() - 1)) == is_shift
    assert not is_summer_shift(day, day)


def test_only_what_has_a_known_reason_is_explained() -> None:
    explained = {
        rule: Conflict(version="1.0", subject="x", value=None, other_value=None, rule=rule).is_explained
        for rule in ("X-VALUE", "X-SUMMER-TIME", "X-MORE-NOTICES", "X-SHARED-PAGE", "X-NO-PAGE", "X-LOG-ROW")
    }
    assert [rule for rule, is_explained in explained.items() if is_explained] == ["X-SUMMER-TIME", "X-MORE-NOTICES", "X-SHARED-PAGE"]
