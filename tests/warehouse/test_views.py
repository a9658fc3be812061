"""The published views and macros: what they show of versions, over time and from several sources."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from schemas.frames import content_frames, snapshot_frame
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, RETIRED, WITHDRAWN, Content, Duty, Ksb, Record, Snapshot
from schemas.tables import CHANGES, SNAPSHOTS, WATCHED_VERSIONS
from warehouse.database import Warehouse, open_warehouse

FIRST = datetime(2026, 6, 8, 5, tzinfo=UTC).replace(tzinfo=None)
SECOND, THIRD = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
MOMENT = timedelta(microseconds=1)

BENCH = Content(
    ksbs=(
        Ksb(kind="K", position=1, text="How it works"),
        Ksb(kind="S", position=1, text="Make it work", options=("Maker",)),
    ),
    duties=(Duty(number=1, text="Make", codes=("K1", "S1"), criteria="On time", is_core=True),),
    options=("Maker", "Mender"),
)
LATHE = Content(
    ksbs=(Ksb(kind="K", position=1, text="How it turns"),),
    duties=(Duty(number=1, text="Turn", codes=("K1",), options=("Maker",)),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a source tells of a version from one moment until another, where it changes or goes missing."""

    snapshot: Snapshot
    until: datetime | None
    is_missing: bool

    @property
    def watched(self) -> dict[str, Any]:
        snapshot, record = self.snapshot, self.snapshot.record
        return {
            "source": snapshot.source,
            "reference": record.reference,
            "version": record.version,
            "snapshot_id": snapshot.snapshot_id,
            "evidence_sha256": snapshot.evidence_sha256,
            "parser_version": snapshot.parser_version,
            "first_seen_at": FIRST,
            "last_checked_at": THIRD,
            "absences": 3 if self.is_missing else 0,
            "is_missing": self.is_missing,
            "stale_since_at": None,
            "stale_reason": None,
        }


def tell(
    version: str = "1.0",
    *,
    reference: str = "ST9001",
    source: str = "api",
    seen: datetime = FIRST,
    until: datetime | None = None,
    missing: bool = False,
    **attributes: Any,
) -> Told:
    record = Record(**{"reference": reference, "version": version, "title": f"{source} {version}", "status": APPROVED} | attributes)
    snapshot = Snapshot(
        source=source, record=record, seen_from_at=seen, run_id="run", evidence_sha256="0" * 64, parser_version=f"{source}-1"
    )
    return Told(snapshot=snapshot, until=until, is_missing=missing)


def write(db: Warehouse, *every: Told) -> None:
    contents = {told.snapshot.record.content.content_id: told.snapshot.record.content for told in every}
    for table, rows in content_frames(contents.values()):
        db.append(table, rows)
    db.append(SNAPSHOTS, snapshot_frame(told.snapshot for told in every))
    for told in every:
        db.execute("UPDATE snapshots SET seen_to_at = ? WHERE snapshot_id = ?", [told.until, told.snapshot.snapshot_id])
    db.append(WATCHED_VERSIONS, [told.watched for told in every if told.is_missing or not told.until])


@contextmanager
def written(folder: Path, *every: Told) -> Iterator[Warehouse]:
    with open_warehouse(folder) as db:
        write(db, *every)
        yield db


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path_factory.mktemp("empty")) as db:
        yield db


@pytest.fixture
def db(empty: Warehouse) -> Iterator[Warehouse]:
    """An empty warehouse; what a test writes is taken back."""
    empty.execute("BEGIN")
    yield empty
    empty.execute("ROLLBACK")


def titles(db: Warehouse, view: str, *parameters: Any) -> list[str]:
    return [row["title"] for row in db.rows(f"SELECT title FROM {view} ORDER BY reference, title", parameters)]


def columns(db: Warehouse, view: str) -> list[str]:
    return [column[0] for column in db.connection.execute(f"FROM {view} LIMIT 0").description or ()]


# Columns

VERSION_COLUMNS = """
    reference version title status is_paused_for_starts level route typical_duration_months epa_period_months minimum_hours max_funding_gbp
    lars_code occupation_code ssa_tier_1 ssa_tier_2 eqa_provider is_regulated regulated_body integration integrated_degree
    is_core_and_options template_type trailblazer_reference change_note changed_on approved_on published_on earliest_start_on
    latest_start_on assessment_plan_url page_url notice overview occupation_summary entry_requirements standard_information job_titles
    qualifications professional_recognition regulation knowledge_count skill_count behaviour_count duty_count source snapshot_id"""
KSB_COLUMNS = "reference version code kind position text options"
DUTY_COLUMNS = "reference version duty_number text criteria is_core options"
LINK_COLUMNS = "reference version duty_number code"
CHANGE_COLUMNS = """
    change_id detected_at run_id reference version title family event subject before after similarity severity rule is_declared effective_on
    reverts sources evidence_before evidence_after summary"""
NOW_MACRO = "('2026-06-08')"


@pytest.mark.parametrize(
    ("view", "due"),
    [
        ("current_versions", f"{VERSION_COLUMNS} first_seen_at last_checked_at"),
        ("current_standards", f"{VERSION_COLUMNS} first_seen_at last_checked_at"),
        ("current_ksbs", KSB_COLUMNS),
        ("current_duties", DUTY_COLUMNS),
        ("current_duty_ksbs", LINK_COLUMNS),
        ("version_history", f"{VERSION_COLUMNS} first_seen_at last_checked_at seen_from_at seen_to_at"),
        (f"versions_as_of{NOW_MACRO}", f"{VERSION_COLUMNS} first_seen_at last_checked_at seen_from_at seen_to_at"),
        (f"ksbs_as_of{NOW_MACRO}", KSB_COLUMNS),
        (f"duties_as_of{NOW_MACRO}", DUTY_COLUMNS),
        (f"duty_ksbs_as_of{NOW_MACRO}", LINK_COLUMNS),
        ("changes", CHANGE_COLUMNS),
        ("changes_between('2026-06-08', '2026-06-09')", CHANGE_COLUMNS),
    ],
)
def test_columns_are_those_that_were_promised(db: Warehouse, view: str, due: str) -> None:
    assert columns(db, view) == due.split()


def test_a_version_shows_what_its_record_says(db: Warehouse) -> None:
    told = tell("1.2", level=3, earliest_start_on=FIRST.date(), job_titles=("Maker", "Mender"), content=BENCH)
    write(db, told)
    (row,) = db.rows("FROM current_versions")
    assert (row["reference"], row["version"], row["title"], row["status"]) == ("ST9001", "1.2", "api 1.2", APPROVED)
    assert (row["level"], row["earliest_start_on"], row["job_titles"], row["notice"]) == (3, FIRST.date(), ["Maker", "Mender"], None)
    assert [row[f"{name}_count"] for name in ("knowledge", "skill", "behaviour", "duty")] == [1, 1, 0, 1]
    assert (row["source"], row["snapshot_id"]) == ("api", told.snapshot.snapshot_id)
    assert (row["first_seen_at"], row["last_checked_at"]) == (FIRST, THIRD)


# Versions now

# What the sources tell of one version, as (source, whether it is missing there), and how it is shown.
SOURCES: dict[str, tuple[Sequence[tuple[str, bool]], list[str]]] = {
    "one source": ([("api", False)], ["api 1.0"]),
    "the API before the page": ([("page", False), ("api", False)], ["api 1.0"]),
    "the page before the occupation": ([("occupation", False), ("page", False)], ["page 1.0"]),
    "the API before all": ([("occupation", False), ("page", False), ("api", False)], ["api 1.0"]),
    "the page where the API misses it": ([("api", True), ("page", False)], ["page 1.0"]),
    "the occupation where both miss it": ([("api", True), ("page", True), ("occupation", False)], ["occupation 1.0"]),
    "missing": ([("api", True)], []),
    "missing everywhere": ([("api", True), ("page", True)], []),
}
# The versions of one standard with their status, and the one that stands for it.
STANDARDS: dict[str, tuple[dict[str, str | None], str]] = {
    "the one in force": ({"1.0": RETIRED, "1.1": APPROVED}, "1.1"),
    "in force before newer in development": ({"1.1": APPROVED, "2.0": IN_DEVELOPMENT}, "1.1"),
    "in force before newer retired": ({"1.0": APPROVED, "1.1": RETIRED}, "1.0"),
    "in force before newer withdrawn": ({"1.0": APPROVED, "2.0": WITHDRAWN}, "1.0"),
    "eleven after two": ({"1.2": APPROVED, "1.11": APPROVED}, "1.11"),
    "ten after nine": ({"1.9": RETIRED, "1.10": RETIRED}, "1.10"),
    "ten after nine before the point": ({"9.0": RETIRED, "10.0": RETIRED}, "10.0"),
    "the newest of two in force": ({"1.0": APPROVED, "1.1": APPROVED}, "1.1"),
    "the newest where none is in force": ({"1.0": RETIRED, "1.1": IN_DEVELOPMENT}, "1.1"),
    "the newest retired": ({"1.0": RETIRED, "1.1": RETIRED}, "1.1"),
    "the only one": ({"0.0": PROPOSAL}, "0.0"),
    "the newest where its status is not told": ({"1.0": RETIRED, "1.1": None}, "1.1"),
    "in force before one whose status is not told": ({"1.0": APPROVED, "1.1": None}, "1.0"),
}
# Every case is a standard of its own.
REFERENCES = {case: f"ST{number:04}" for number, case in enumerate([*SOURCES, *STANDARDS], 1)}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    every = [
        tell(reference=REFERENCES[case], source=source, missing=missing, until=SECOND if missing else None, content=BENCH)
        for case, (told, _) in SOURCES.items()
        for source, missing in told
    ]
    every += [
        tell(version, reference=REFERENCES[case], status=status)
        for case, (versions, _) in STANDARDS.items()
        for version, status in versions.items()
    ]
    with written(tmp_path_factory.mktemp("cases"), *every) as db:
        yield db


@pytest.mark.parametrize("case", SOURCES)
def test_a_version_is_shown_once_by_the_first_source_that_has_it(cases: Warehouse, case: str) -> None:
    def shown(view: str) -> list[dict[str, Any]]:
        return cases.rows(f"FROM {view} WHERE reference = ?", [REFERENCES[case]])

    _, due = SOURCES[case]
    assert [row["title"] for row in shown("current_versions")] == due
    assert [row["title"] for row in shown("current_standards")] == due
    assert [len(shown(f"current_{name}")) for name in ("ksbs", "duties", "duty_ksbs")] == [2 * len(due), len(due), 2 * len(due)]


@pytest.mark.parametrize("case", STANDARDS)
def test_a_standard_is_its_version_in_force_else_its_newest(cases: Warehouse, case: str) -> None:
    versions, due = STANDARDS[case]
    assert [row["version"] for row in cases.rows("FROM current_standards WHERE reference = ?", [REFERENCES[case]])] == [due]
    assert len(cases.rows("FROM current_versions WHERE reference = ?", [REFERENCES[case]])) == len(versions)


def test_a_version_is_shown_as_it_is_now(db: Warehouse) -> None:
    write(db, tell(title="as it was", until=SECOND, content=BENCH), tell(title="as it is", seen=SECOND, content=LATHE))
    assert titles(db, "current_versions") == ["as it is"]
    assert [row["text"] for row in db.rows("FROM current_ksbs")] == ["How it turns"]
    assert titles(db, "version_history") == ["as it is", "as it was"]


def test_a_version_in_force_that_is_missing_is_not_in_force(db: Warehouse) -> None:
    write(db, tell("1.0", status=RETIRED), tell("1.1", status=APPROVED, until=SECOND, missing=True))
    assert titles(db, "current_standards") == ["api 1.0"]


def bench_ksbs(version: str) -> list[tuple[Any, ...]]:
    return [
        ("ST9001", version, "K1", "K", 1, "How it works", []),
        ("ST9001", version, "S1", "S", 1, "Make it work", ["Maker"]),
    ]


def test_content_is_shown_with_its_version(db: Warehouse) -> None:
    write(db, tell("1.0", content=BENCH), tell("1.1", content=BENCH), tell("2.0", content=LATHE))
    assert [tuple(row.values()) for row in db.rows("FROM current_ksbs ORDER BY version, code")] == [
        *bench_ksbs("1.0"),
        *bench_ksbs("1.1"),
        ("ST9001", "2.0", "K1", "K", 1, "How it turns", []),
    ]
    assert [tuple(row.values()) for row in db.rows("FROM current_duties ORDER BY version")] == [
        ("ST9001", "1.0", 1, "Make", "On time", True, []),
        ("ST9001", "1.1", 1, "Make", "On time", True, []),
        ("ST9001", "2.0", 1, "Turn", None, None, ["Maker"]),
    ]
    links = [tuple(row.values()) for row in db.rows("FROM current_duty_ksbs ORDER BY ALL")]
    assert links == [("ST9001", version, 1, code) for version in ("1.0", "1.1") for code in ("K1", "S1")] + [("ST9001", "2.0", 1, "K1")]


# Versions then


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """1.0 is told until it is another on the second night, and 2.0 from the second night until it is missing on the third."""
    with written(
        tmp_path_factory.mktemp("history"),
        tell(title="first", until=SECOND, content=BENCH),
        tell(title="second", seen=SECOND, content=LATHE),
        tell("2.0", title="passing", seen=SECOND, until=THIRD, missing=True, content=BENCH),
    ) as db:
        yield db


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        pytest.param(FIRST - MOMENT, [], id="before the first night"),
        pytest.param(FIRST, ["first"], id="on the first night"),
        pytest.param(SECOND - MOMENT, ["first"], id="just before the second"),
        pytest.param(SECOND, ["passing", "second"], id="on the second night"),
        pytest.param(SECOND + MOMENT, ["passing", "second"], id="just after the second"),
        pytest.param(THIRD - MOMENT, ["passing", "second"], id="just before the third"),
        pytest.param(THIRD, ["second"], id="on the third night"),
        pytest.param(THIRD + timedelta(days=9999), ["second"], id="much later"),
    ],
)
@pytest.mark.parametrize("write", [lambda moment: moment, lambda moment: moment.isoformat(" ")], ids=["timestamp", "text"])
def test_versions_are_shown_as_they_were_known(history: Warehouse, moment: datetime, shown: list[str], write: Any) -> None:
    assert titles(history, "versions_as_of(?)", write(moment)) == shown
    texts = {"first": ["How it works", "Make it work"], "passing": ["How it works", "Make it work"], "second": ["How it turns"]}
    ksbs = history.rows("SELECT text FROM ksbs_as_of(?)", [write(moment)])
    assert sorted(row["text"] for row in ksbs) == sorted(text for title in shown for text in texts[title])
    duties = history.rows("SELECT version, text FROM duties_as_of(?)", [write(moment)])
    assert sorted(row["text"] for row in duties) == sorted("Turn" if title == "second" else "Make" for title in shown)
    links = history.rows("FROM duty_ksbs_as_of(?)", [write(moment)])
    assert len(links) == len(ksbs)


def test_a_day_is_its_first_moment(history: Warehouse) -> None:
    assert titles(history, "versions_as_of('2026-06-09')") == titles(history, "versions_as_of(DATE '2026-06-09')") == ["first"]
    assert titles(history, "versions_as_of('2026-06-10')") == ["passing", "second"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/New_York"])
@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (SECOND.replace(tzinfo=UTC), ["passing", "second"]),
        ((SECOND - MOMENT).replace(tzinfo=UTC), ["first"]),
        (SECOND.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=1))).isoformat(" "), ["passing", "second"]),
        (f"{SECOND.isoformat()}Z", ["passing", "second"]),
        (f"{(SECOND - MOMENT).isoformat()}Z", ["first"]),
    ],
)
def test_a_moment_that_tells_its_zone_is_the_same_moment_to_any_client(
    history: Warehouse, zone: str, moment: datetime | str, shown: list[str]
) -> None:
    history.execute(f"SET TimeZone = '{zone}'")
    try:
        assert titles(history, "versions_as_of(?)", moment) == shown
        assert history.rows("FROM changes_between(?, ?)", [moment, moment]) == []
    finally:
        history.execute("RESET TimeZone")


def test_now_is_what_is_current(history: Warehouse) -> None:
    assert titles(history, "versions_as_of(?)", THIRD) == titles(history, "current_versions") == ["second"]


def test_the_sources_are_preferred_as_they_are_now(db: Warehouse) -> None:
    write(db, tell(source="page"), tell(source="api", seen=SECOND, until=THIRD, missing=True))
    assert titles(db, "versions_as_of(?)", FIRST) == ["page 1.0"]
    assert titles(db, "versions_as_of(?)", SECOND) == ["api 1.0"]
    assert titles(db, "versions_as_of(?)", THIRD) == ["page 1.0"]


def test_a_state_that_was_superseded_is_not_checked_any_more(history: Warehouse) -> None:
    rows = history.rows("SELECT title, first_seen_at, last_checked_at FROM version_history ORDER BY title")
    assert [tuple(row.values()) for row in rows] == [("first", FIRST, None), ("passing", FIRST, None), ("second", FIRST, THIRD)]


@pytest.mark.parametrize("source", ["api", "page", "occupation"])
def test_only_the_api_tells_that_there_is_none(db: Warehouse, source: str) -> None:
    write(db, tell(source=source, job_titles=("Maker",)))
    for view in ("current_versions", "version_history", "versions_as_of('2026-06-09')"):
        (row,) = db.rows(f"SELECT job_titles, qualifications, professional_recognition, regulation FROM {view}")
        assert list(row.values()) == [["Maker"], *[[] if source == "api" else None] * 3]


def test_history_has_every_snapshot_of_every_source(db: Warehouse) -> None:
    write(db, tell(title="first", until=SECOND), tell(title="second", seen=SECOND), tell(source="page", title="third", seen=SECOND))
    rows = db.rows("SELECT title, source, seen_from_at, seen_to_at FROM version_history ORDER BY title")
    assert [tuple(row.values()) for row in rows] == [
        ("first", "api", FIRST, SECOND),
        ("second", "api", SECOND, None),
        ("third", "page", SECOND, None),
    ]


# Changes


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [
        pytest.param(FIRST, THIRD, [FIRST, SECOND], id="from the first, without the last"),
        pytest.param(FIRST, THIRD + MOMENT, [FIRST, SECOND, THIRD], id="until just after the last"),
        pytest.param(FIRST + MOMENT, THIRD, [SECOND], id="from just after the first"),
        pytest.param(SECOND, SECOND, [], id="no time at all"),
        pytest.param(SECOND, SECOND + MOMENT, [SECOND], id="one moment"),
        pytest.param(THIRD, FIRST, [], id="the wrong way round"),
        pytest.param("2026-06-08", "2026-06-10", [FIRST, SECOND], id="days"),
    ],
)
def test_changes_between_two_moments(db: Warehouse, begin: Any, end: Any, found: list[datetime]) -> None:
    for number, moment in enumerate((FIRST, SECOND, THIRD)):
        row: dict[str, Any] = dict.fromkeys(CHANGES.schema())
        row |= {"change_id": f"{number:032x}", "detected_at": moment, "run_id": "run", "reference": "ST9001", "version": "1.0"}
        row |= {"title": "x", "family": "notice", "event": "notice_changed", "severity": "none", "rule": "R-NOTICE", "is_declared": False}
        db.append(CHANGES, [row | {"sources": ["api"], "summary": "x"}])
    rows = db.rows("FROM changes_between(?, ?) ORDER BY detected_at", [begin, end])
    assert [row["detected_at"] for row in rows] == found
