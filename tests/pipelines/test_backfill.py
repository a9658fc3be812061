"""The nights of a git repository or a replay file become history as if the job had run on each of them."""

import copy
import gzip
import json
import lzma
import multiprocessing
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipelines.audit import verify
from pipelines.backfill import Portion, backfill
from pipelines.cli import app
from pipelines.past import Tally
from pipelines.rebuild import rebuild
from scrapers.history import HistoryError
from scrapers.replay import Replay
from scrapers.repository import Repository as History
from tests.histories import ApiRecord, Repository, file_name, many_nights, pretty
from tests.killing import one_backfill
from tests.pipelines.test_rebuild import contents
from tests.pipelines.test_recorded import SHARED, real_site
from tests.watching import Watch, night, no_progress, sample, told
from warehouse import read
from warehouse.database import WarehouseError, open_warehouse
from warehouse.publish import publish
from warehouse.quarantine import decide

ST = "ST9003 1.0"
NOW = datetime(2026, 11, 1, 12)  # noqa: DTZ001 - naive UTC, as everywhere


class Kept:
    """A repository somebody keeps, a job over it, and the same nights as runs would have seen them."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "repository")
        self.data = folder / "backfilled"
        self.nights = 0

    def night(self, *records: ApiRecord, at: datetime | None = None, files: Mapping[str, bytes | None] | None = None) -> None:
        """A night on which these records moved, a commit each."""
        self.nights += 1
        at = at or night(self.nights)
        for seconds, record in enumerate(records):
            self.repository.commit(at + timedelta(seconds=seconds), {file_name(record): pretty(record)})
        if files or not records:
            self.repository.commit(at + timedelta(minutes=1), files or {})

    def read(self, *, processes: int = 1, portion: Portion = Portion()) -> Tally:  # noqa: B008 - frozen
        with open_warehouse(self.data) as db:
            history = History(self.repository.save())
            tally = backfill(db, self.data / "evidence", history, no_progress, lambda: NOW, processes=processes, portion=portion)
            publish(db, self.data)
            return tally

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return Watch(self.data).rows(sql)

    def told(self) -> list[tuple[str, str, str, str | None]]:
        return told(self.rows("SELECT * FROM changes"))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def live(**changed: Any) -> ApiRecord:
    return sample(ST, **changed)[0]


def history(records: Sequence[ApiRecord]) -> list[list[ApiRecord]]:
    """Six nights of a few records, as complete as the API tells them."""
    nights = [list(copy.deepcopy(records))]
    for number in range(1, 6):
        state = copy.deepcopy(nights[-1])
        state[number % len(state)]["title"] = f"Title {number}"
        state[(number + 1) % len(state)]["cluster"] = f"cluster {number}"
        if state[0]["skills"]:
            state[0]["skills"][0]["detail"] = ("Weld steel to a drawing.", "Weld steel to a drawing, safely.")[number % 2]
        nights.append(state)
    return nights


def test_the_same_nights_give_the_same_history_whichever_way_they_came_in(kept: Kept, watch: Watch) -> None:
    before: list[ApiRecord] = []
    for records in history(sample()[:6]):
        watch.see(records)
        kept.night(*(record for record in records if record not in before))
        before = records
    tally = kept.read()
    columns = "change_id, event, reference, version, subject, before, after, severity, rule, is_declared, reverts, sources, summary"
    sql = f"SELECT {columns} FROM changes ORDER BY ALL"
    assert kept.rows(sql) == watch.rows(sql) != []
    stands = "SELECT reference, version, record_id, content_id, seen_to_at IS NULL AS is_now FROM snapshots ORDER BY ALL"
    assert kept.rows(stands) == watch.rows(stands)
    crosswalk = "FROM version_crosswalk ORDER BY ALL"
    assert kept.rows(crosswalk) == watch.rows(crosswalk)
    assert tally.nights == 6
    assert tally.noise > 0
    assert tally.moved == tally.noise + tally.new_snapshots


def test_a_night_of_many_commits_is_one_observation(kept: Kept) -> None:
    kept.night(live())
    first, half, whole = live(title="First"), b'{"referenceNumber": "ST90', live(title="Second")
    kept.repository.commit(night(2), {file_name(first): pretty(first)})
    kept.repository.commit(night(2) + timedelta(minutes=5), {file_name(first): half})
    kept.repository.commit(night(2) + timedelta(minutes=50), {file_name(first): pretty(whole)})
    kept.read()
    assert kept.rows("SELECT before, after, detected_at FROM changes") == [
        {"before": live()["title"], "after": "Second", "detected_at": night(2) + timedelta(minutes=50)}
    ]
    assert kept.rows("SELECT observed_at FROM runs ORDER BY ALL")[1]["observed_at"] == night(2) + timedelta(minutes=50)
    assert kept.rows("FROM quarantine") == []


def test_a_run_of_the_past_says_that_it_is_one(kept: Kept) -> None:
    kept.night(live())
    kept.night(live(title="Another"))
    kept.read()
    for row in kept.rows("SELECT * FROM runs"):
        assert row["site"].startswith("git+file://")
        assert (row["started_at"], row["sources"], row["status"], row["message"]) == (NOW, ["api"], "good", None)
    assert kept.rows("FROM alerts") == []
    told_by = CliRunner().invoke(app, ["explain", "ST9003", "title", "--json", "--data", str(kept.data)])
    assert told_by.exit_code == 0, told_by.output
    assert json.loads(told_by.output)["url"].endswith(":ST9003_1.0.json")


def test_a_file_that_is_deleted_is_absent_and_after_three_nights_missing(kept: Kept) -> None:
    other = sample("ST9001 1.2")[0]
    kept.night(live(), other)
    kept.night(files={"ST9003_1.0.json": None})
    for number in range(4):
        kept.night(sample("ST9001 1.2", title=f"Title {number}")[0])
    kept.night(live())
    kept.read()
    rows = kept.rows("SELECT event, detected_at FROM changes WHERE reference = 'ST9003' ORDER BY detected_at, event")
    assert [(row["event"], row["detected_at"].date()) for row in rows] == [
        ("standard_missing", night(4).date()),
        ("version_missing", night(4).date()),
        ("standard_returned", night(7).date()),
        ("version_returned", night(7).date()),
    ]


def test_a_night_on_which_most_files_are_gone_says_nothing_of_them(kept: Kept) -> None:
    (record,) = sample(ST)
    many = [record | {"referenceNumber": f"ST8{number:03d}"} for number in range(50)]
    kept.night(*many)
    kept.night(files={file_name(each): None for each in many[:30]})
    for number in range(4):
        kept.night(many[40] | {"title": f"Title {number}"})
    kept.read()
    assert kept.rows("SELECT DISTINCT event FROM changes") == [{"event": "attribute_changed"}]
    assert kept.rows("SELECT DISTINCT absences FROM watched_versions") == [{"absences": 0}]
    row = kept.rows("SELECT status, message FROM runs ORDER BY observed_at")[1]
    assert (row["status"], row["message"]) == (
        "quarantine", "The night holds 20 versions where 50 were known: it shrank below 95%. Nothing counts as absent.",
    )  # fmt: skip
    kept.night(*many[:30])
    kept.read()
    assert len(kept.told()) == 4


def test_after_a_whole_history_a_new_version_is_news_and_after_a_partial_one_what_it_left_out_is_not(tmp_path: Path) -> None:
    (record,) = sample(ST)
    many = [record | {"referenceNumber": f"ST8{number:03d}"} for number in range(50)]
    for name, count, news in (("whole", 49, ["ST8049"]), ("part", 9, [])):
        kept = Kept(tmp_path / name)
        kept.night(*many[:count])
        kept.read()
        watch = Watch(kept.data)
        watch.runs = 10
        watch.see(many, at=night(2))
        assert [reference for reference, _, event, _ in kept.told() if event == "version_added"] == news
        watch.see([*many, live()], at=night(3))
        assert [reference for reference, _, event, _ in kept.told() if event == "version_added"] == [*news, "ST9003"]


def test_a_file_that_is_only_moved_says_nothing(kept: Kept) -> None:
    kept.night(live())
    kept.night(files={"ST9003_1.0.json": None, "standards/ST9003_1.0.json": pretty(live())})
    kept.night(files={"README.md": b"Standards", "package.json": b"{}"})
    tally = kept.read()
    assert (kept.told(), tally.new_snapshots, tally.noise) == ([], 1, 1)


@pytest.mark.parametrize(
    ("body", "rule"),
    [(b"\xff not JSON", "P-NOT-JSON"), (pretty(live())[:-2] + b', "x": ' + b"[" * 900 + b"]" * 900 + b"}", "P-NOT-JSON"), (pretty(live(level="high")), "P-BAD-VALUE"), (pretty(live(level=99)), "G-SCHEMA"),
     (pretty(sample("ST9001 1.2")[0]), "G-ANOTHER-STANDARD")],
)  # fmt: skip
def test_a_bad_file_is_held_until_it_is_good_again(kept: Kept, body: bytes, rule: str) -> None:
    kept.night(live())
    kept.night(files={"ST9003_1.0.json": body})
    kept.read()
    assert [(row["rule"], row["reference"], row["version"]) for row in kept.rows("FROM quarantine")] == [(rule, "ST9003", "1.0")]
    assert kept.rows("SELECT status FROM runs ORDER BY observed_at")[-1] == {"status": "quarantine"}
    assert kept.rows("SELECT stale_since_at FROM watched_versions") == [{"stale_since_at": night(2) + timedelta(minutes=1)}]
    kept.night(live())
    kept.read()
    assert kept.rows("SELECT stale_since_at FROM watched_versions") == [{"stale_since_at": None}]
    assert kept.told() == []


def test_a_name_that_says_no_version_and_a_body_that_says_nothing_are_held(kept: Kept) -> None:
    kept.night(live(), files={"ST9009_new.json": b"{"})
    kept.read()
    assert [(row["rule"], row["reference"], row["version"]) for row in kept.rows("FROM quarantine")] == [("P-NOT-JSON", "ST9009", None)]


def test_what_was_left_behind_when_the_live_records_got_a_new_key_goes_missing_and_nobody_is_told(kept: Kept) -> None:
    old, gone = sample("ST9001 1.2")[0], live()
    for record in (old, gone):
        record.pop("shortAssessment", None)
    begin = datetime(2025, 12, 5, 2)  # noqa: DTZ001 - naive UTC
    kept.night(old, gone, at=begin)
    for number in range(1, 5):
        kept.night(old | {"shortAssessment": False, "cluster": str(number)}, at=begin + timedelta(days=number))
    kept.read()
    rows = kept.rows("SELECT reference, is_missing FROM watched_versions ORDER BY ALL")
    assert rows == [{"reference": "ST9001", "is_missing": False}, {"reference": "ST9003", "is_missing": True}]
    assert kept.told() == []


def test_what_went_missing_untold_returns_untold(kept: Kept, tmp_path: Path) -> None:
    old, gone = sample("ST9001 1.2")[0], live()
    before = {name: record for name, record in gone.items() if name != "shortAssessment"}
    begin = datetime(2025, 12, 5, 2)  # noqa: DTZ001 - naive UTC
    kept.night(old, before, at=begin)
    for number in range(1, 5):
        kept.night(old | {"cluster": str(number)}, at=begin + timedelta(days=number))
    kept.night(gone, at=begin + timedelta(days=5))
    tally = kept.read()
    assert (tally.missing, kept.told()) == (1, [])
    assert not any(row["is_missing"] for row in kept.rows("FROM watched_versions"))


def test_a_copy_that_ended_before_the_live_records_got_that_key_left_nothing_behind(kept: Kept) -> None:
    old = {name: value for name, value in live().items() if name != "shortAssessment"}
    kept.night(old, at=datetime(2025, 7, 2))  # noqa: DTZ001 - naive UTC
    for day in range(1, 6):
        kept.night(files={"README.md": str(day).encode()}, at=datetime(2026, 1, day))  # noqa: DTZ001 - naive UTC
    tally = kept.read()
    assert (tally.nights, tally.missing) == (6, 0)
    assert kept.rows("SELECT is_missing, absences FROM watched_versions") == [{"is_missing": False, "absences": 0}]


# As they are in copies of spring 2021: without the keys that came later, with two that are gone.
_SPRING: frozenset[str] = frozenset(
    (
        *("templateType", "occupationCode", "ePALength", "standardPublished", "epaPublished", "integration", "learningAimClassCode"),
        *("approvedForDeliveryPausedStarts", "qualificationStandardUrl", "maxFundingAdditionalInformation", "otherInvolvedStakeholders"),
        *("greenJobTitles", "integratedApprenticeship", "clusterId", "clusterDescription", "occupationalStandardApprovalDate", "banners"),
        *(
            "optionsUnstructuredKsbMapping",
            "careerStarter",
            "coronationEmblem",
            "publishDate",
            "shortAssessment",
            "minimumHoursForCompliance",
        ),
    )
)


def spring(record: ApiRecord) -> ApiRecord:
    return {name: value for name, value in record.items() if name not in _SPRING} | {"isLegacyVersion": 1, "standardOccupationalCode": ""}


def test_records_of_2021_are_read_and_a_key_that_comes_is_no_change_of_the_standard(kept: Kept) -> None:
    record = sample("ST9001 1.2")[0]
    kept.night(spring(record))
    kept.night(spring(record | {"title": "Renamed in May"}))
    kept.night(record | {"title": "Renamed in May"})
    kept.night(record | {"title": "Renamed in May", "banners": "Something new.", "ePALength": 11})
    tally = kept.read()
    assert (tally.held, tally.new_snapshots) == (0, 4)
    changes = kept.rows("SELECT event, subject, before FROM changes ORDER BY detected_at, event")
    assert [(row["event"], row["subject"]) for row in changes] == [
        ("attribute_changed", "title"),
        ("attribute_changed", "epa_period_months"),
        ("notice_changed", None),
    ]


def test_a_key_that_came_without_words_is_no_excuse_for_what_it_says_later(kept: Kept) -> None:
    bare = {name: value for name, value in live().items() if name != "banners"}
    kept.night(bare)
    kept.night(live(banners=""))
    kept.night(live(banners="Something new."))
    kept.read()
    assert [event for _, _, event, _ in kept.told()] == ["notice_changed"]


def test_where_nothing_could_be_read_the_watch_has_not_begun(kept: Kept) -> None:
    kept.night(live(level="high"), sample("ST9001 1.2")[0] | {"level": "high"})
    kept.night(live(), sample("ST9001 1.2")[0])
    tally = kept.read()
    assert (tally.held, tally.new_snapshots, kept.told()) == (2, 2, [])


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"Not found"])
def test_files_with_the_same_bad_bytes_are_each_held(kept: Kept, body: bytes) -> None:
    records = (live(), sample("ST9001 1.2")[0])
    kept.night(*records)
    for _ in range(4):
        kept.night(files={file_name(record): body for record in records})
    kept.night(*records)
    kept.read()
    assert {(row["reference"], row["status"]) for row in kept.rows("FROM quarantine")} == {("ST9003", "held"), ("ST9001", "held")}
    assert kept.told() == []


def test_the_same_bytes_under_another_name_are_another_standard_s(kept: Kept) -> None:
    kept.night(files={"ST0999_1.0.json": pretty(live())})
    kept.night(live(), files={"ST0999_1.0.json": None})
    kept.night(files={"ST0998_1.0.json": pretty(live())})
    kept.read()
    assert [(row["reference"], row["rule"]) for row in kept.rows("FROM quarantine ORDER BY held_at")] == [
        ("ST0999", "G-ANOTHER-STANDARD"),
        ("ST0998", "G-ANOTHER-STANDARD"),
    ]
    assert kept.rows("SELECT reference, is_missing FROM watched_versions") == [{"reference": "ST9003", "is_missing": False}]


@pytest.mark.parametrize("folder", ['a"b', "t\tab", "caf\u00e9", "line\u2028line", "back\\slash"])
def test_a_file_may_stand_in_any_folder(kept: Kept, folder: str) -> None:
    path = "/".join((folder, file_name(live())))
    quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
    kept.night(files={quoted: pretty(live())})
    kept.night(files={quoted: pretty(live(title="Another"))})
    kept.read()
    assert kept.told() == [("ST9003", "1.0", "attribute_changed", "title")]
    (row,) = kept.rows("SELECT url FROM captures ORDER BY captured_at DESC LIMIT 1")
    assert row["url"].endswith(path)


def test_no_other_repository_is_read_than_the_one_that_was_named(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.night(live())
    kept.repository.save()
    other = Repository(tmp_path / "other")
    other.commit(night(1), {"ST9001_1.2.json": pretty(sample("ST9001 1.2")[0])})
    monkeypatch.setenv("GIT_DIR", str(other.save() / ".git"))
    kept.read()
    assert kept.rows("SELECT reference FROM watched_versions") == [{"reference": "ST9003"}]


def test_what_was_let_through_is_taken_though_its_file_does_not_move(kept: Kept) -> None:
    whole = sample("ST9001 1.2")[0]
    poor = copy.deepcopy(whole) | {name: whole[name][:1] for name in ("knowledges", "skills", "behaviours")} | {"duties": []}
    kept.night(whole)
    kept.night(poor)
    kept.read()
    (row,) = kept.rows("FROM quarantine")
    assert (row["rule"], kept.told()) == ("G-SHRUNK", [])
    with open_warehouse(kept.data) as db:
        decide(db, row["quarantine_id"], "approved", reason="It is so.", who="a test", at=NOW)
    kept.night(live())
    kept.read()
    assert {event for _, _, event, _ in kept.told()} >= {"ksb_removed", "duty_removed"}
    assert [row["status"] for row in kept.rows("FROM quarantine")] == ["released"]


@pytest.mark.parametrize("wrong", [datetime(2031, 1, 3), datetime(1970, 1, 2)])  # noqa: DTZ001 - naive UTC
def test_a_clock_that_is_wrong_once_moves_no_other_night(kept: Kept, wrong: datetime) -> None:
    for number in range(1, 7):
        kept.night(live(title=f"Title {number}"), at=wrong if number == 3 else night(number))
    kept.read()
    days = [row["detected_at"] for row in kept.rows("SELECT detected_at FROM changes ORDER BY ALL")]
    assert days == [night(number) for number in (2, 4, 5, 6)]


def test_a_night_that_is_still_to_come_is_refused(kept: Kept) -> None:
    kept.night(live(), at=NOW + timedelta(days=3))
    with pytest.raises(WarehouseError, match="one of the clocks is wrong"):
        kept.read()


def test_a_night_that_was_cut_in_two_goes_on(kept: Kept) -> None:
    kept.night(live(title="First"))
    kept.read()
    kept.repository.commit(night(1) + timedelta(minutes=5), {"ST9001_1.2.json": pretty(sample("ST9001 1.2")[0])})
    kept.night(live(title="Second"), at=night(2))
    tally = kept.read()
    assert (tally.nights, tally.commits, tally.new_snapshots) == (2, 2, 2)


def test_a_copy_that_merges_its_original_again_and_again_goes_on(kept: Kept) -> None:
    def file(title: str) -> dict[str, bytes | None]:
        return {"ST9003_1.0.json": pretty(live(title=title))}

    repository, hour = kept.repository, timedelta(hours=1)
    first = repository.commit(night(1), file("1"), branch="original")
    mine = repository.commit(night(1) + 9 * hour, {"README.md": b"mine"}, parents=[first])
    second = repository.commit(night(2), file("2"), branch="original")
    merged = repository.commit(night(2) + 9 * hour, file("2"), parents=[mine, second])
    kept.read()
    third = repository.commit(night(3), file("3"), branch="original")
    fourth = repository.commit(night(4), file("4"), branch="original")
    repository.commit(night(4) + 9 * hour, file("4"), parents=[merged, fourth])
    assert third
    kept.read()
    rows = kept.rows("SELECT after FROM changes ORDER BY detected_at")
    assert [row["after"] for row in rows] == ["2", "3", "4"]


def test_what_was_merged_counts_from_the_merge_on_and_the_longest_line_has_the_nights(kept: Kept) -> None:
    def file(title: str) -> dict[str, bytes | None]:
        return {"ST9003_1.0.json": pretty(live(title=title))}

    first = kept.repository.commit(night(1), file("One"))
    own = kept.repository.commit(night(1) + timedelta(minutes=1), {"README.md": b"A copy"}, parents=[first])
    second = kept.repository.commit(night(2), file("Two"), parents=[first], branch="original")
    third = kept.repository.commit(night(3), file("Three"), parents=[second], branch="original")
    merged = kept.repository.commit(night(5), file("Three"), parents=[own, third])
    aside = kept.repository.commit(night(6), {"ST9001_1.2.json": pretty(sample("ST9001 1.2")[0])}, parents=[merged], branch="aside")
    kept.repository.commit(night(6) + timedelta(minutes=2), file("Four"), parents=[merged])
    last = kept.repository.commit(night(7), file("Five"))
    kept.repository.commit(night(8), {"ST9001_1.2.json": pretty(sample("ST9001 1.2")[0])}, parents=[last, aside])
    kept.read()
    rows = kept.rows("SELECT after, detected_at FROM changes WHERE event = 'attribute_changed' ORDER BY detected_at")
    assert [(row["after"], row["detected_at"].day) for row in rows] == [("Two", 2), ("Three", 3), ("Four", 6), ("Five", 7)]
    assert [row["detected_at"].day for row in kept.rows("SELECT detected_at FROM changes WHERE event = 'standard_added'")] == [8]


def test_later_runs_go_on_and_the_past_cannot_be_added_any_more(kept: Kept) -> None:
    kept.night(live())
    kept.night(live(title="Another"))
    kept.read()
    watch = Watch(kept.data)
    changes = watch.see([live(title="A third"), *sample("ST9001 1.2")], at=night(9))
    assert told(changes) == [
        ("ST9001", "1.2", "standard_added", ""),
        ("ST9001", "1.2", "version_added", ""),
        ("ST9003", "1.0", "attribute_changed", "title"),
    ]
    with pytest.raises(WarehouseError, match="Backfill into a new folder"):
        kept.read()


def test_a_repository_that_grew_is_read_from_where_it_was(kept: Kept) -> None:
    kept.night(live())
    kept.night(live(title="Another"))
    assert kept.read().nights == 2
    assert kept.read().nights == 0
    kept.night(live(title="A third"))
    kept.night(live(title="Another"))
    assert kept.read().nights == 2
    assert [row["after"] for row in kept.rows("SELECT after FROM changes ORDER BY detected_at")] == ["Another", "A third", "Another"]
    assert kept.rows("SELECT count(reverts) AS n FROM changes") == [{"n": 1}]


def made(folder: Path, commits: int = 160) -> Kept:
    kept = Kept(folder)
    records = sample("ST9001 1.2", "ST9003 1.0", "ST9005 1.1", "ST9009 1.0", "ST9002 1.1")
    for number, (at, name, body) in enumerate(many_nights(records, commits=commits, each_night=6)):
        bad = {33: b"{", 70: None}.get(number, body)
        kept.repository.commit(at, {name: bad})
    kept.repository.save()
    return kept


def everything(data: Path) -> dict[str, list[Any]]:
    with open_warehouse(data) as db:
        found = contents(db)
    for row in found["runs"]:
        del row["started_at"], row["finished_at"]
    return found


_SERVER = multiprocessing.get_context("forkserver")


def test_killed_anywhere_it_goes_on_where_it_was(tmp_path: Path) -> None:
    kept = made(tmp_path)
    kept.read(portion=Portion(nights=4))
    whole = everything(kept.data)
    assert len(whole["changes"]) > 10
    data = tmp_path / "killed"
    deaths = 0
    for kill_at in (500, 1_000, 2_000, 4_000, None):
        process = _SERVER.Process(target=one_backfill, args=(data, kept.repository.folder, kill_at))
        process.start()
        process.join(120)
        deaths += process.exitcode == -9
    assert deaths >= 3
    assert process.exitcode == 0
    assert everything(data) == whole


def test_it_can_be_rebuilt_from_the_evidence_alone_and_verified(tmp_path: Path) -> None:
    kept = made(tmp_path)
    kept.read()
    Watch(kept.data).see([live(title="Live")], at=datetime(2021, 1, 1))  # noqa: DTZ001 - naive UTC
    again = tmp_path / "again"
    with open_warehouse(again, is_replay=True) as db:
        rebuild(db, kept.data, no_progress)
        found = contents(db)
    with open_warehouse(kept.data) as db:
        assert contents(db) == found
    with read.open_published(kept.data) as reader:
        assert [v for v in verify(reader, kept.data / "evidence", no_progress) if v.wrong] == []


def test_files_are_read_in_two_processes_as_in_one(tmp_path: Path) -> None:
    kept = made(tmp_path)
    kept.read()
    one = everything(kept.data)
    kept.data = tmp_path / "two"
    kept.read(processes=2, portion=Portion(files=20))
    assert everything(kept.data) == one


def replay(path: Path, nights: Sequence[Sequence[ApiRecord]]) -> Path:
    lines = [
        json.dumps({"seq": number, "op": "modified", "committed": f"{night(number).isoformat()}+00:00", "file": file_name(r), "record": r})
        for number, records in enumerate(nights, 1)
        for r in records
    ]
    body = "\n".join(lines).encode()
    path.write_bytes({".xz": lzma.compress(body), ".gz": gzip.compress(body)}.get(path.suffix, body))
    return path


def command(*words: str) -> Result:
    return CliRunner().invoke(app, ["backfill", *words])


@pytest.mark.parametrize("name", ["nights.jsonl", "nights.jsonl.gz", "nights.jsonl.xz"])
def test_a_replay_file_on_the_command_line(tmp_path: Path, name: str) -> None:
    path = replay(tmp_path / name, [[live()], [live(cluster="x")], [live(title="Another")]])
    done = command("--jsonl", str(path), "--data", str(tmp_path / "data"), "--json")
    assert done.exit_code == 0, done.output
    counts = json.loads(done.stdout)
    assert {name: counts[name] for name in ("nights", "moved", "noise", "new_changes", "versions")} == {
        "nights": 3, "moved": 3, "noise": 1, "new_changes": 1, "versions": 1,
    }  # fmt: skip
    again = command("--jsonl", str(path), "--data", str(tmp_path / "data"))
    assert "no night that is not known already" in again.output


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        (lambda path: None, ("--git", "nowhere"), "does not exist"),
        (lambda path: path.mkdir(), ("--git", "nowhere"), "git cannot read"),
        (lambda path: Repository(path), ("--git", "nowhere"), "has no commits"),
        (lambda path: strange(path), ("--git", "nowhere"), "No file in"),
        (lambda path: path.write_bytes(replay_line(file="ST0128-1.1.json")), ("--jsonl", "nowhere"), "No file in"),
        (lambda path: path.write_bytes(replay_line(seq="1")), ("--jsonl", "nowhere"), "Line 1"),
        (lambda path: path.write_bytes(replay_line(committed="0001-01-01T00:00:00+05:00")), ("--jsonl", "nowhere"), "Line 1"),
        (lambda path: path.write_bytes(b'{"seq": 1, "op": "x", "committed": "2026-01-01", "file": "a"}'), ("--jsonl", "nowhere"), "Line 1"),
        (lambda path: path.write_bytes(b"{}\n"), ("--jsonl", "nowhere"), "Line 1"),
        (lambda path: path.write_bytes(b""), ("--jsonl", "nowhere"), "is empty"),
        (lambda path: None, ("--jsonl", "nowhere"), "does not exist"),
        (lambda path: None, (), "Name a repository"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(tmp_path: Path, make: Any, words: tuple[str, ...], said: str) -> None:
    path = tmp_path / "nowhere"
    make(path)
    done = command(*(str(path) if word == "nowhere" else word for word in words), "--data", str(tmp_path / "data"))
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "data" / "warehouse.duckdb").exists()


def test_without_git_a_replay_file_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HistoryError, match="--jsonl"):
        History(tmp_path)
    with pytest.raises(HistoryError, match="Line 1"):
        Replay(replay_of(tmp_path, b'{"seq": 1}'))


def strange(folder: Path) -> None:
    """A repository of something else."""
    repository = Repository(folder)
    repository.commit(night(1), {"notes.txt": b"nothing"})
    repository.save()


def replay_line(**changed: Any) -> bytes:
    line = {"seq": 1, "committed": "2026-06-01T02:00:00+00:00", "file": "ST9003_1.0.json", "record": live()}
    return json.dumps(line | changed).encode()


def replay_of(folder: Path, body: bytes) -> Path:
    path = folder / "bad.jsonl"
    path.write_bytes(body)
    return path


@pytest.mark.recorded
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real records are not here")
def test_real_nights_give_the_same_change_ids_as_a_replay_and_through_the_site(tmp_path: Path, watch: Watch) -> None:
    few = {"ST0004", "ST0490", "ST1483", "ST0242"}
    with lzma.open(SHARED / "data" / "nights-2026-06-01_2026-08-22.jsonl.xz", "rt", encoding="utf-8") as lines:
        kept = [line for line in lines if json.loads(line)["file"].split("_")[0] in few]
    path = replay_of(tmp_path, "".join(kept).encode())
    days = sorted({datetime.fromisoformat(op["committed"]).date() for op in map(json.loads, kept) if op["op"] != "base"})
    with real_site("2026-05-31", few) as (address, site):
        watch.look(address, at=datetime(2026, 5, 31, 5))  # noqa: DTZ001 - naive UTC
        for day in days:
            site.move(day)
            watch.look(address, at=datetime(day.year, day.month, day.day, 5))  # noqa: DTZ001
    data = tmp_path / "replayed"
    assert command("--jsonl", str(path), "--data", str(data)).exit_code == 0
    ids = "SELECT change_id FROM changes ORDER BY ALL"
    assert Watch(data).rows(ids) == watch.rows(ids) != []
