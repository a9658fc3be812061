"""Which addresses a run asks for."""

import pytest

from pipelines.capture import Target, occupation_targets, page_targets
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, RETIRED, WITHDRAWN
from scrapers.sample.server import Fault, SampleSite
from tests.watching import Watch, night, sample
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
