"""Which addresses a run asks for, whether in full, and what is made of answers that only others explain."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipelines.capture import Target, is_due_in_full, occupation_targets, page_targets
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, RETIRED, WITHDRAWN
from scrapers import page
from scrapers.pace import Pace
from scrapers.sample.server import Fault, SampleSite
from scrapers.sources import SOURCES
from tests.watching import ApiRecord, Rows, Watch, night, sample, told
from warehouse.captures import Listed
from warehouse.database import WarehouseError


def listed(version: str, status: str, page: str | None = None, *, reference: str = "ST0128", occupation: str | None = "OCC0128") -> Listed:
    address = page or f"https://skillsengland.education.gov.uk/apprenticeships/{reference.lower()}-v{version.replace('.', '-')}"
    return Listed(reference=reference, version=version, status=status, page_url=address, occupation_code=occupation)


@pytest.mark.parametrize(
    ("status", "is_read"), [(APPROVED, True), (IN_DEVELOPMENT, True), (RETIRED, False), (WITHDRAWN, False), (PROPOSAL, False)]
)
def test_pages_are_read_of_versions_that_count(status: str, is_read: bool) -> None:
    assert bool(page_targets([listed("1.1", status)], [], None)) is is_read


def test_a_page_is_read_once_more_after_its_version_retired() -> None:
    assert page_targets([listed("1.1", RETIRED)], [listed("1.1", APPROVED)], None)
    assert not page_targets([listed("1.1", RETIRED)], [listed("1.1", RETIRED)], None)


def test_an_address_that_two_versions_share_is_read_once_for_the_newest() -> None:
    shared = "https://skillsengland.education.gov.uk/apprenticeships/st0168-in-revision"
    rivals = [listed("2.0", IN_DEVELOPMENT, shared), listed("1.2", IN_DEVELOPMENT, shared)]
    assert page_targets(rivals, [], None) == [
        Target(reference="ST0128", version="2.0", path="/apprenticeships/st0168-in-revision?view=standard")
    ]


def test_a_former_host_is_read_on_the_site_that_is_watched() -> None:
    former = listed("1.1", APPROVED, "https://instituteforapprenticeships.org/apprenticeships/ST0128-v1-1/")
    assert page_targets([former], [], None)[0].path.startswith("/apprenticeships/st0128-v1-1")


def test_only_the_standards_asked_for() -> None:
    two = [listed("1.1", APPROVED), listed("1.1", APPROVED, reference="ST0004")]
    assert [target.reference for target in page_targets(two, [], ["ST0004"])] == ["ST0004"]
    assert [target.reference for target in occupation_targets(two, ["ST0004"])] == ["ST0004"]


def test_the_occupation_page_shows_the_newest_approved_version() -> None:
    versions = [listed("1.2", APPROVED), listed("1.11", APPROVED), listed("2.0", IN_DEVELOPMENT)]
    assert occupation_targets(versions, None) == [Target(reference="ST0128", version="1.11", path="/occupations/OCC0128")]


def test_an_occupation_that_two_standards_share_is_read_once() -> None:
    two = [listed("1.0", APPROVED), listed("1.0", APPROVED, reference="ST0129")]
    assert occupation_targets(two, None) == [Target(reference="ST0128", version="1.0", path="/occupations/OCC0128")]


def test_pages_alone_look_the_versions_up_in_the_array_and_keep_nothing_of_it(watch: Watch) -> None:
    watch.see(sample(), sources=("page",))
    assert watch.rows("SELECT DISTINCT source FROM captures") == [{"source": "page"}]
    assert watch.rows("SELECT DISTINCT source FROM current_versions") == [{"source": "page"}]


def test_a_run_asks_politely_and_only_for_what_it_needs(watch: Watch) -> None:
    with SampleSite([sample()]) as site:
        watch.look(site.url, sources=("api", "page"), only=("ST9002",))
        asked = [request.path for request in site.requests]
        agents = {request.headers["User-Agent"] for request in site.requests}
    assert asked[:2] == ["/robots.txt", "/api/apprenticeshipstandards"]
    assert sorted(asked[2:]) == ["/apprenticeships/st9002-in-revision?view=standard", "/apprenticeships/st9002-v1-1?view=standard"]
    assert agents == {"standards-watch/0 (tests@example.org)"}


def test_a_site_that_does_not_answer_is_left_alone_until_the_next_run(watch: Watch) -> None:
    watch.see(sample(), sources=("api", "page"))
    pages = watch.captured["page"].asked
    with SampleSite([sample()]) as site:
        site.misbehave(Fault(path="/apprenticeships/", status=503))
        watch.look(site.url, sources=("api", "page"))
        asked = {request.path for request in site.requests if request.path.startswith("/apprenticeships/")}
    assert len(asked) == 5 < pages
    assert len(watch.captured["page"].failures) == pages
    assert watch.rows("SELECT count(*) AS n FROM captures WHERE reason LIKE 'It was not asked%'") == [{"n": pages - 5}]
    assert watch.see(sample(), sources=("api", "page")) == []
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE stale_since_at IS NOT NULL") == [{"n": 0}]


def test_a_site_that_answers_in_between_is_asked_to_the_end(watch: Watch) -> None:
    with SampleSite([sample()]) as site:
        site.misbehave(Fault(path="/apprenticeships/st900[1-3]", status=503))
        watch.look(site.url, sources=("api", "page"))
        asked = {request.path for request in site.requests if request.path.startswith("/apprenticeships/")}
    assert len(asked) == watch.captured["page"].asked


def test_a_run_cannot_look_back_and_the_next_one_is_none_the_worse(watch: Watch) -> None:
    watch.see(sample("ST9003 1.0"), at=night(5))
    with pytest.raises(WarehouseError, match="cannot look back"):
        watch.see(sample("ST9003 1.0", title="Another"), at=night(3))
    assert [row["event"] for row in watch.see(sample("ST9003 1.0", title="Another"), at=night(6))] == ["attribute_changed"]


def test_three_looks_at_one_moment_are_three_looks(watch: Watch) -> None:
    for title in ("A", "B", "A"):
        watch.see(sample("ST9003 1.0", title=title), at=night(5))
    assert [row["after"] for row in watch.rows("SELECT after FROM changes ORDER BY detected_at")] == ["B", "A"]


def test_an_array_that_lost_more_than_a_twentieth_is_half_an_answer(watch: Watch) -> None:
    many = [record | {"referenceNumber": f"ST{number:03d}{record['referenceNumber'][-1]}"} for number in range(4) for record in sample()]
    watch.see(many)
    for _ in range(4):
        assert watch.see(many[: len(many) // 2]) == []
        assert "shrank" in str(watch.captured["api"].failures[0].reason)
    assert watch.rows("SELECT count(*) AS n FROM current_versions") == [{"n": len(many)}]
    assert watch.see(many[:-1]) == []
    assert watch.captured["api"].failures == ()


# Asking only for what changed

BOTH = ("api", "page")
ARRAY = "/api/apprenticeshipstandards"
CONTROL = "/apprenticeships/st9003-v1-0?view=standard"
FIXED = {"ETag": '"fixed"'}


def nights(*arrays: Sequence[ApiRecord]) -> SampleSite:
    return SampleSite(arrays)


def asked(site: SampleSite) -> dict[str, str | None]:
    """What was asked for since the last time, with the validator it was asked with."""
    requests = {request.path: request.headers["If-None-Match"] for request in site.requests if request.path != "/robots.txt"}
    site.requests.clear()
    return requests


def captures(watch: Watch, what: str, where: str = "true") -> Rows:
    return watch.rows(f"SELECT {what} FROM captures WHERE run_id = 'run-{watch.runs}' AND {where} ORDER BY url")


def run(watch: Watch) -> dict[str, Any]:
    return watch.rows(f"SELECT status, message FROM runs WHERE run_id = 'run-{watch.runs}'")[0]


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address is due to be read in full."""
    monkeypatch.setattr("pipelines.capture.is_due_in_full", lambda *_: False)


def test_each_address_is_read_in_full_once_in_seven_days_and_not_all_on_one() -> None:
    urls = [f"https://example.org/apprenticeships/st{number:04d}" for number in range(850)]
    days = [[url for url in urls if is_due_in_full(url, night(1), night(1) + timedelta(days=day))] for day in range(1, 7)]
    on_the_seventh = [url for url in urls if is_due_in_full(url, night(1), night(8))]
    assert on_the_seventh == urls
    assert all(80 < len(due) < 170 for due in days)
    assert len({url for due in days for url in due}) == sum(len(due) for due in days)


def test_over_seven_nights_every_address_is_read_once_and_confirmed_six_times(watch: Watch) -> None:
    with nights(sample("ST9001 1.2", "ST9003 1.0")) as site:
        watch.look(site.url, sources=BOTH, at=night(1))
        for number in range(2, 9):
            assert watch.look(site.url, sources=BOTH, at=night(number)) == []
            assert run(watch) == {"status": "good", "message": None}
    rows = watch.rows("SELECT url, count(*) FILTER (outcome = 'served') AS n, count(*) AS of FROM captures GROUP BY url")
    assert {(row["n"], row["of"]) for row in rows} == {(2, 8)}
    assert watch.rows("SELECT DISTINCT last_checked_at, absences, stale_since_at FROM watched_versions") == [
        {"last_checked_at": night(8), "absences": 0, "stale_since_at": None}
    ]


@pytest.mark.usefixtures("trusting")
def test_nothing_is_read_where_nothing_changed(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(body: bytes) -> Any:
        raise AssertionError("it was read")

    with nights(sample()) as site:
        watch.look(site.url, sources=BOTH)
        first = asked(site)
        assert set(first.values()) == {None}
        for name in BOTH:
            monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], parse=unread))
        watch.look(site.url, sources=BOTH)
        again = asked(site)
    assert again.keys() == first.keys()
    assert None not in again.values()
    assert captures(watch, "DISTINCT outcome, status_code, rule, is_read") == [
        {"outcome": "not_modified", "status_code": 304, "rule": None, "is_read": True}
    ]
    assert [watch.captured[source].not_modified for source in BOTH] == [1, len(first) - 1]


@pytest.mark.usefixtures("trusting")
def test_what_changed_is_told_and_the_rest_is_not_asked_twice(watch: Watch) -> None:
    with nights(sample(), [*sample("ST9003 1.0", title="Another"), *(r for r in sample() if r["referenceNumber"] != "ST9003")]) as site:
        watch.look(site.url, sources=BOTH)
        site.move(2)
        assert told(watch.look(site.url, sources=BOTH)) == [("ST9003", "1.0", "attribute_changed", "title")]
    assert [row["url"].removeprefix(site_of(row["url"])) for row in captures(watch, "url", "outcome = 'served'")] == [ARRAY, CONTROL]


def site_of(url: str) -> str:
    return "/".join(url.split("/")[:3])


@pytest.mark.usefixtures("trusting")
def test_an_array_that_did_not_change_is_still_complete(watch: Watch) -> None:
    with nights(sample(), [record for record in sample() if record["referenceNumber"] != "ST9003"]) as site:
        watch.look(site.url)
        site.move(2)
        for absences in (1, 2):
            assert watch.look(site.url) == []
            assert watch.rows("SELECT absences FROM watched_versions WHERE reference = 'ST9003'") == [{"absences": absences}]
        assert "standard_missing" in {event for _, _, event, _ in told(watch.look(site.url))}
    assert captures(watch, "outcome, is_complete") == [{"outcome": "not_modified", "is_complete": True}]
    assert watch.rows("SELECT count(*) AS n FROM watched_versions WHERE absences > 0 AND reference <> 'ST9003'") == [{"n": 0}]


@pytest.mark.usefixtures("trusting")
def test_what_is_held_back_stays_held_and_is_read_by_a_better_parser(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with nights(sample("ST9003 1.0"), sample("ST9003 1.0", status="?")) as site:
        watch.look(site.url)
        site.move(2)
        for _ in range(2):
            watch.look(site.url)
            assert watch.rows("SELECT last_run_id FROM quarantine WHERE status = 'held'") == [{"last_run_id": f"run-{watch.runs}"}]
            assert watch.rows("SELECT stale_since_at FROM watched_versions") == [{"stale_since_at": night(2)}]
        assert captures(watch, "outcome") == [{"outcome": "not_modified"}]
        assert run(watch)["status"] == "quarantine"
        plain = SOURCES["api"]
        better = replace(plain, parser_version="api-9", parse=lambda body: plain.parse(body.replace(b'"?"', b'"Retired"')))
        monkeypatch.setitem(SOURCES, "api", better)
        watch.look(site.url)
    assert captures(watch, "outcome") == [{"outcome": "not_modified"}]
    assert watch.rows("SELECT status FROM current_versions") == [{"status": "Retired"}]
    assert run(watch)["status"] == "good"


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    ("status", "is_conditional"),
    [pytest.param(404, False, id="gone"), pytest.param(403, False, id="refused"), pytest.param(503, True, id="unreachable")],
)
def test_what_was_not_there_is_asked_for_in_full(watch: Watch, status: int, is_conditional: bool) -> None:
    with nights(sample("ST9003 1.0")) as site:
        watch.look(site.url, sources=BOTH)
        site.misbehave(Fault(path="st9003", status=status))
        watch.look(site.url, sources=BOTH)
        site.behave()
        asked(site)
        watch.look(site.url, sources=BOTH)
        assert (asked(site)[CONTROL] is not None) is is_conditional
        watch.look(site.url, sources=BOTH)
        assert asked(site)[CONTROL] is not None
    assert watch.rows("SELECT absences, stale_since_at FROM watched_versions WHERE source = 'page'") == [
        {"absences": 0, "stale_since_at": None}
    ]


@pytest.mark.usefixtures("trusting")
def test_a_run_limited_to_some_standards_reads_in_full_and_promises_nothing(watch: Watch) -> None:
    with nights(sample()) as site:
        watch.look(site.url, sources=BOTH)
        asked(site)
        watch.look(site.url, sources=BOTH, only=("ST9003",))
        assert asked(site) == {ARRAY: None, CONTROL: None}
        assert watch.look(site.url, sources=BOTH) == []
    assert captures(watch, "DISTINCT outcome") == [{"outcome": "not_modified"}]
    assert watch.rows("SELECT DISTINCT last_checked_at, absences FROM watched_versions") == [{"last_checked_at": night(3), "absences": 0}]


def test_a_run_that_died_is_confirmed_by_the_next(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with nights(sample("ST9003 1.0")) as site:
        monkeypatch.setattr(watch, "work", interrupted)
        with pytest.raises(KeyboardInterrupt):
            watch.look(site.url)
        monkeypatch.undo()
        monkeypatch.setattr("pipelines.capture.is_due_in_full", lambda *_: False)
        watch.look(site.url)
    assert captures(watch, "outcome, is_read") == [{"outcome": "not_modified", "is_read": True}]
    assert watch.rows("SELECT first_seen_at, last_checked_at FROM watched_versions") == [
        {"first_seen_at": night(1), "last_checked_at": night(2)}
    ]


def interrupted(*_: object) -> Rows:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("trusting")
def test_only_what_a_validator_promises_is_kept_of_what_was_read(watch: Watch) -> None:
    with nights(sample()) as site:
        for _ in range(3):
            watch.look(site.url, sources=BOTH)
            kept = watch.rows("SELECT DISTINCT run_id FROM listings JOIN captures USING (capture_id)")
            assert kept == [{"run_id": f"run-{watch.runs}"}]
        site.validators = False
        watch.look(site.url, sources=BOTH)
        assert set(asked(site).values()) != {None}
        watch.look(site.url, sources=BOTH)
        assert set(asked(site).values()) == {None}
    assert watch.rows("SELECT count(*) AS n FROM listings") == [{"n": 0}]


# A validator that is wrong


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether every address is due to be read in full; to be changed."""
    is_due = [False]
    monkeypatch.setattr("pipelines.capture.is_due_in_full", lambda *_: is_due[0])
    return is_due


@pytest.mark.parametrize(("path", "source"), [(ARRAY, "api"), ("st9003", "page")])
def test_a_wrong_not_modified_is_found_told_and_not_believed_again(watch: Watch, due: list[bool], path: str, source: str) -> None:
    before, after = sample("ST9003 1.0"), sample("ST9003 1.0", title="Another")
    with nights(before, after) as site:
        site.misbehave(Fault(path=path, headers=FIXED))
        watch.look(site.url, sources=BOTH)
        site.behave()
        site.move(2)
        site.misbehave(Fault(path="api|st9003", status=304))
        assert watch.look(site.url, sources=BOTH) == []
        assert run(watch) == {"status": "good", "message": None}
        site.behave()
        site.misbehave(Fault(path=path, headers=FIXED))
        due[0] = True
        assert [row["event"] for row in watch.look(site.url, sources=BOTH)] == ["attribute_changed"]
        assert captures(watch, "source, outcome", "rule = 'C-WRONG-304'") == [{"source": source, "outcome": "served"}]
        assert run(watch)["status"] == "quarantine"
        assert "same validator" in run(watch)["message"]
        assert [finding.rule for finding in watch.captured[source].findings] == ["C-WRONG-304"]
        due[0] = False
        asked(site)
        watch.look(site.url, sources=BOTH)
        believed = {path: etag is not None for path, etag in asked(site).items()}
        assert run(watch) == {"status": "good", "message": None}
    assert believed == {ARRAY: source != "api", CONTROL: source != "page"}


def test_a_site_that_is_wrong_more_than_a_few_times_is_read_in_full(watch: Watch, due: list[bool]) -> None:
    after = [record | {"title": "Another"} for record in sample()]
    with nights(sample(), after) as site:
        site.misbehave(Fault(path="/apprenticeships/", headers=FIXED))
        watch.look(site.url, sources=BOTH)
        site.move(2)
        due[0] = True
        watch.look(site.url, sources=BOTH)
        assert len(captures(watch, "url", "rule = 'C-WRONG-304'")) > 3
        due[0] = False
        asked(site)
        watch.look(site.url, sources=BOTH)
        assert set(asked(site).values()) == {None}


def test_that_we_keep_something_else_of_a_body_is_not_the_site_s_doing(
    watch: Watch, due: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with nights(sample()) as site:
        watch.look(site.url, sources=BOTH)
        due[0] = True
        kept_before = page.evidence
        monkeypatch.setattr("scrapers.page.evidence", lambda body: kept_before(body).replace(b"Crown", b"crown"))
        assert watch.look(site.url, sources=BOTH) == []
        assert captures(watch, "DISTINCT rule") == [{"rule": None}]


# Left for the next run


def test_what_was_not_asked_comes_first_in_the_next_run(watch: Watch) -> None:
    with nights(sample()) as site:
        site.misbehave(Fault(path="/apprenticeships/", status=503))
        watch.look(site.url, sources=BOTH)
        left = {row["url"].removeprefix(site.url) for row in captures(watch, "url", "rule = 'C-DEFERRED'")}
        assert {row["rule"] for row in captures(watch, "rule", "source = 'page'")} == {"C-DEFERRED", "C-UNREACHABLE"}
        site.behave()
        asked(site)
        watch.look(site.url, sources=BOTH)
        order = [path for path in asked(site) if path != ARRAY]
    assert 0 < len(left) < len(order)
    assert set(order[: len(left)]) == left


def test_a_site_that_wants_an_hour_between_two_requests_is_asked_once_and_the_rest_is_said(watch: Watch) -> None:
    with nights(sample()) as site:
        site.misbehave(Fault(path="^/robots", body=b"User-agent: *\nCrawl-delay: 3600"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.watching.Pace", SharedByTheRun())
            watch.look(site.url, sources=BOTH)
        assert list(asked(site)) == [ARRAY]
    assert watch.captured["api"].failures == ()
    assert {capture.rule for capture in watch.captured["page"].failures} == {"C-DEFERRED"}
    assert "asks for 3,600 seconds" in " ".join(watch.captured["page"].notes)
    assert "It was not asked" in str(watch.captured["page"].failures[0].reason)


class SharedByTheRun:
    """One pace for every Site that a run opens, as the folder makes it."""

    def __init__(self) -> None:
        self.pace: Any = None

    def __call__(self, **arguments: Any) -> Any:
        self.pace = self.pace or Pace(**arguments)
        return self.pace


@pytest.mark.parametrize(("hours", "is_taken_over"), [(3, True), (13, False)])
def test_what_a_run_that_was_interrupted_had_been_answered_is_not_asked_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, hours: int, is_taken_over: bool
) -> None:
    def tire(what: str, done: int, total: int) -> None:
        if (what, done) == ("page", 3):
            raise KeyboardInterrupt

    with nights(sample()) as site:
        monkeypatch.setattr("tests.watching.no_progress", tire)
        with pytest.raises(KeyboardInterrupt):
            watch.look(site.url, sources=BOTH, at=night(1))
        monkeypatch.undo()
        first = [path for path in asked(site) if path != ARRAY]
        assert watch.rows("SELECT count(*) AS n FROM captures WHERE source = 'page'") == [{"n": 3}]
        watch.look(site.url, sources=BOTH, at=night(1) + timedelta(hours=hours))
        second = [path for path in asked(site) if path != ARRAY]
    assert len(first) == 3
    assert set(first) <= set(second) if not is_taken_over else not set(first) & set(second)
    captured = watch.captured["page"]
    assert (captured.taken_over, captured.asked + captured.taken_over) == (3 if is_taken_over else 0, captured.versions)
    assert watch.rows("SELECT count(*) AS n FROM captures WHERE NOT is_read") == [{"n": 0}]
    assert watch.rows("SELECT count(DISTINCT (reference, version)) AS n FROM watched_versions WHERE source = 'page'") == [
        {"n": captured.versions}
    ]


# Records that cannot be placed


def test_a_record_that_cannot_be_placed_is_held_once_and_mentioned_as_long_as_it_is_there(watch: Watch, due: list[bool]) -> None:
    odd = [*sample("ST9001 1.2", referenceNumber="XX0001"), *sample("ST9002 1.1", version="latest")]
    with nights([*sample("ST9003 1.0"), *odd], sample("ST9003 1.0")) as site:
        for number in (1, 2, 3):
            due[0] = number == 3
            watch.look(site.url)
            rows = watch.rows(
                "SELECT reference, version, source, rule, last_run_id, run_id, status FROM quarantine ORDER BY reference, rule"
            )
            same = {"version": None, "source": "api", "last_run_id": f"run-{number}", "run_id": "run-1", "status": "held"}
            assert rows == [
                same | {"reference": "ST9002", "rule": "P-BAD-VALUE"},
                same | {"reference": None, "rule": "P-BAD-VALUE"},
            ]
            assert run(watch)["status"] == "quarantine"
        assert "'XX0001'" in str(run(watch)["message"])
        site.move(2)
        watch.look(site.url)
        assert run(watch) == {"status": "good", "message": None}
    assert watch.rows("SELECT count(*) AS n FROM quarantine JOIN evidence ON evidence_sha256 = sha256") == [{"n": 2}]
    assert watch.rows("SELECT DISTINCT reference FROM current_versions") == [{"reference": "ST9003"}]


def test_a_run_limited_to_some_standards_holds_only_theirs(watch: Watch) -> None:
    odd = [*sample("ST9001 1.2", referenceNumber="XX0001"), *sample("ST9002 1.1", version="latest")]
    watch.see([*sample("ST9003 1.0", "ST9002 2.0"), *odd], only=("ST9002",))
    assert watch.rows("SELECT reference FROM quarantine") == [{"reference": "ST9002"}]


def test_a_version_that_is_served_twice_is_said_with_the_capture(watch: Watch, due: list[bool]) -> None:
    with nights([*sample("ST9003 1.0"), *sample("ST9003 1.0")]) as site:
        for outcome in ("served", "not_modified"):
            watch.look(site.url)
            assert captures(watch, "outcome, rule, reason") == [
                {"outcome": outcome, "rule": "P-REPEATED-RECORD", "reason": "1 records repeat a version: ST9003 1.0."}
            ]
            assert (run(watch)["status"], "repeat a version" in run(watch)["message"]) == ("good", True)


def test_an_array_that_shrank_has_its_rule(watch: Watch) -> None:
    many = [record | {"referenceNumber": f"ST{number:03d}{record['referenceNumber'][-1]}"} for number in range(4) for record in sample()]
    watch.see(many)
    watch.see(many[: len(many) // 2])
    assert captures(watch, "rule") == [{"rule": "C-SHRUNK"}]


@pytest.mark.parametrize(("body", "rule"), [(b"{", "P-NOT-JSON"), (b"[]", "P-NOT-A-STANDARD")])
def test_what_is_no_array_has_its_rule(watch: Watch, body: bytes, rule: str) -> None:
    watch.see(sample(), faults=[Fault(path=ARRAY, body=body)])
    assert captures(watch, "outcome, rule") == [{"outcome": "refused", "rule": rule}]


# Addresses that move

NEW = "/apprenticeships/st9003-v1-0"
OLD = "https://www.instituteforapprenticeships.org/apprenticeship-standards"
MOVES = [f"{OLD}/night-porter-v1-0", f"{OLD}/st9003-v1-0", f"https://instituteforapprenticeships.org{NEW}/", f"https://example.org{NEW}"]


def test_a_version_is_the_same_whatever_its_address_is(watch: Watch) -> None:
    with nights(*([record | {"standardPageUrl": url} for record in sample("ST9003 1.0")] for url in MOVES)) as site:
        for number, url in enumerate(MOVES, 1):
            site.move(number)
            assert watch.look(site.url, sources=BOTH) == []
            assert run(watch) == {"status": "good", "message": None}
            path = url.split("/", 3)[3]
            assert f"/{path}?view=standard" in asked(site)
            assert watch.rows("SELECT page_url FROM current_versions") == [{"page_url": url}]
    assert watch.rows("SELECT source, reference, version, absences, is_missing FROM watched_versions ORDER BY source") == [
        {"source": source, "reference": "ST9003", "version": "1.0", "absences": 0, "is_missing": False} for source in BOTH
    ]
    assert watch.rows("FROM changes") == []


def test_an_old_address_that_leads_to_the_new_one_is_followed(watch: Watch) -> None:
    old = [record | {"standardPageUrl": f"{OLD}/night-porter-v1-0"} for record in sample("ST9003 1.0")]
    with nights(sample("ST9003 1.0"), old, sample("ST9003 1.0")) as site:
        for number in (1, 2, 2, 3):
            site.move(number)
            site.misbehave(Fault(path="^/apprenticeship-standards/", status=301, headers={"Location": f"{NEW}?view=standard"}))
            assert watch.look(site.url, sources=BOTH) == []
            assert run(watch) == {"status": "good", "message": None}
            assert captures(watch, "url", "source = 'page'") == [{"url": f"{site.url}{CONTROL}"}]
    assert watch.rows("SELECT count(*) AS n FROM watched_versions") == [{"n": 2}]


def test_a_version_in_revision_goes_live_once_though_its_address_moves(watch: Watch) -> None:
    (draft, old) = sample("ST9002 2.0", "ST9002 1.1")
    live = draft | {"status": APPROVED, "versionNumber": "2.0", "standardPageUrl": "https://example.org/apprenticeships/st9002-v2-0"}
    ended = old | {"status": RETIRED}
    forward = Fault(
        path="^/apprenticeships/st9002-in-revision", status=301, headers={"Location": "/apprenticeships/st9002-v2-0?view=standard"}
    )
    with nights([old, draft], [ended, live]) as site:
        watch.look(site.url, sources=BOTH)
        site.move(2)
        site.misbehave(forward)
        first = told(watch.look(site.url, sources=BOTH))
        assert [event for _, version, event, _ in first if version == "2.0" and event.startswith("version")] == ["version_live"]
        for _ in range(3):
            assert watch.look(site.url, sources=BOTH) == []
    assert watch.rows("SELECT version, is_missing FROM watched_versions WHERE source = 'page' ORDER BY version") == [
        {"version": "1.1", "is_missing": False},
        {"version": "2.0", "is_missing": False},
    ]


def test_an_address_that_only_leads_to_another_version_s_page_is_no_page_of_its_own(watch: Watch) -> None:
    (draft, old) = sample("ST9002 2.0", "ST9002 1.1")
    unnumbered = draft | {"version": "0.0"}
    live = draft | {"status": APPROVED, "versionNumber": "2.0", "standardPageUrl": "https://example.org/apprenticeships/st9002-v2-0"}
    with nights([old, unnumbered], [old | {"status": RETIRED}, live]) as site:
        watch.look(site.url, sources=BOTH)
        site.move(2)
        location = {"Location": "/apprenticeships/st9002-v2-0?view=standard"}
        site.misbehave(Fault(path="^/apprenticeships/st9002-in-revision", status=301, headers=location))
        events = [event for _, _, event, _ in told(watch.look(site.url, sources=BOTH))]
        assert events.count("version_live") == 1
        assert not {"version_added", "version_announced", "version_missing"} & set(events)
        assert watch.counts.held == ()
        for _ in range(3):
            assert watch.look(site.url, sources=BOTH) == []
        assert run(watch)["status"] == "good"
