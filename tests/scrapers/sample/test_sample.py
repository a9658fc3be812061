"""The sample site: what its records say, how its nights differ, and how it behaves and misbehaves."""

import gzip
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest

from schemas.record import Content, Record
from scrapers.api import KEYS, parse, split
from scrapers.sample.nights import DATES
from scrapers.sample.server import Fault, SampleSite, sample_nights

Night = Mapping[str, Mapping[str, Any]]

NIGHTS: tuple[Night, ...] = tuple(
    {f"{record['referenceNumber']} {record['version']}": record for record in night} for night in sample_nights()
)
FIRST, SECOND, THIRD = NIGHTS
EVERY_RECORD = [pytest.param(record, id=f"{number}-{name}") for number, night in enumerate(NIGHTS, 1) for name, record in night.items()]

EDITED = {"changedDate", "lastUpdated", "publishDate"}
ADDRESSES = {"assessmentPlanUrl", "occupationalStandardUrl", "standardPageUrl"}
CLUSTER = {"pathway", "cluster", "clusterId", "clusterDescription"}
SECOND_NIGHT = {
    "ST9001 1.2": {"knowledges", "createdDate"},
    "ST9002 1.1": {"latestStartDate", "banners"} | EDITED,
    "ST9003 1.0": {"maxFunding"} | EDITED,
    "ST9004 1.0": CLUSTER,
    "ST9005 1.1": {"occupationalSummary", "entryRequirements", "overviewOfRole", "knowledges", "duties"},
    "ST9006 1.1": {"banners"},
    "ST9009 1.0": {"url"} | ADDRESSES,
}
THIRD_NIGHT = {
    "ST9002 1.1": {"status", "approvedForDeliveryPausedStarts", "banners"} | EDITED,
    "ST9002 2.0": {
        "status",
        "versionNumber",
        "approvedForDelivery",
        "approvedForDeliveryPausedStarts",
        "banners",
        "changedDate",
        "lastUpdated",
    }
    | ADDRESSES,
    "ST9004 1.0": CLUSTER,
    "ST9005 1.1": {"skills", "duties", "createdDate"},
    "ST9007 0.0": {"status", "change"} | EDITED,
    "ST9008 1.0": {"latestStartDate"} | EDITED,
    "ST9008 2.0": {"earliestStartDate"} | EDITED,
    "ST9009 1.0": {"approvedForDeliveryPausedStarts"},
}


def moved(before: Night, after: Night) -> dict[str, set[str]]:
    changed = {name: {key for key in KEYS if before[name][key] != after[name][key]} for name in before.keys() & after.keys()}
    return {name: keys for name, keys in changed.items() if keys}


def read(record: Mapping[str, Any]) -> Record:
    return parse(json.dumps(record).encode()).record


# The records


@pytest.mark.parametrize("record", EVERY_RECORD)
def test_a_record_has_the_keys_of_the_api_and_reads_without_a_finding(record: Mapping[str, Any]) -> None:
    assert list(record) == list(KEYS)
    assert parse(json.dumps(record).encode()).findings == ()


@pytest.mark.parametrize("record", EVERY_RECORD)
def test_dates_have_the_two_forms_of_the_api(record: Mapping[str, Any]) -> None:
    plain, zoned = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{2,3})?", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \+00:00"
    for key in ("changedDate", "publishDate"):
        assert re.fullmatch(plain, record[key]), key
    for key in ("earliestStartDate", "latestStartDate"):
        assert record[key] is None or re.fullmatch(plain, record[key]), key
    for key in ("createdDate", "lastUpdated", "approvedForDelivery", "epaApprovalDate"):
        assert record[key] == "" or re.fullmatch(zoned, record[key]), key


@pytest.mark.parametrize("night", NIGHTS)
def test_the_array_splits_into_one_entry_per_version(night: Night) -> None:
    entries, findings, _ = split(json.dumps(list(night.values())).encode())
    assert [f"{entry.reference} {entry.version}" for entry in entries] == sorted(night)
    assert findings == ()


@pytest.mark.parametrize("night", NIGHTS)
def test_every_standard_keeps_the_rules_between_versions(night: Night) -> None:
    records = [read(record) for record in night.values()]
    for reference in {record.reference for record in records}:
        versions = [record for record in records if record.reference == reference]
        assert sum(record.status == "Approved for delivery" for record in versions) <= 1
        for old, new in pairwise(versions):
            assert old.latest_start_on is not None
            assert new.earliest_start_on == old.latest_start_on + timedelta(days=1)


def test_building_the_nights_again_gives_the_same_nights() -> None:
    assert [list(night.values()) for night in NIGHTS] == sample_nights()


def test_items_are_as_many_as_real_ones_and_every_mapped_code_is_there() -> None:
    for name, raw in THIRD.items():
        content = read(raw).content
        counts = [content.count(kind) for kind in ("K", "S", "B")]
        assert counts == [0, 0, 0] if name.startswith("ST9009") else all(6 <= count <= 14 for count in counts), name
        assert len(content.duties) in (0, *range(4, 9)), name
        assert all(duty.codes for duty in content.duties), name


def test_the_forms_that_real_records_take_are_there() -> None:
    old_template = read(FIRST["ST9009 1.0"])
    assert old_template.template_type == "Apprenticeship Standard"
    assert old_template.content == Content()
    assert old_template.standard_information
    assert old_template.standard_information.startswith("Occupation: Coppice and hurdle maker Coppice workers")

    options = read(FIRST["ST9004 1.0"])
    assert options.is_core_and_options
    assert options.content.options == ("Prop maker", "Scenic carpenter", "Stage cloth dyer")
    assert [duty.is_core for duty in options.content.duties] == [True] * 4 + [False] * 3
    assert [ksb.code for ksb in options.content.ksbs if ksb.options == ("Scenic carpenter",)] == ["K8", "S8"]

    regulated = read(FIRST["ST9006 1.1"])
    assert regulated.is_regulated
    assert regulated.regulation == ("EPAO: not approved", "Training provider: approved")
    assert len(regulated.qualifications) == len(regulated.professional_recognition) == 2

    developing = FIRST["ST9007 0.0"]
    assert developing["changedDate"] == "0001-01-01T00:00:00"
    assert (developing["lastUpdated"], developing["versionNumber"], developing["larsCode"]) == ("", "", 0)
    assert developing["standardPageUrl"].endswith("/apprenticeships/st9007")

    assert all(duty.criteria for duty in read(FIRST["ST9003 1.0"]).content.duties)
    assert [FIRST[f"ST9001 {version}"]["status"] for version in ("1.0", "1.1")] == ["Retired", "Retired"]


def test_texts_carry_the_dirt_of_real_ones() -> None:
    texts = [item["detail"] for record in FIRST.values() for key in ("knowledges", "skills", "behaviours") for item in record[key]]
    for dirt in ("  ", "\u00a0", '"go" & "no-go"', "'<basic>'", "<0.5 mm"):
        assert any(dirt in text for text in texts), dirt
    assert any(text.endswith(" ") for text in texts)
    assert any(text.startswith("=SUM") for text in texts)
    assert any(text.startswith("K5: ") for text in texts)
    assert FIRST["ST9001 1.2"]["occupationalSummary"].startswith("&lt;p&gt;This occupation")
    assert "&amp;nbsp;" in FIRST["ST9001 1.2"]["occupationalSummary"]


# The nights


def test_nights_differ_as_the_story_says_and_in_nothing_else() -> None:
    assert moved(FIRST, SECOND) == SECOND_NIGHT
    assert moved(SECOND, THIRD) == THIRD_NIGHT
    assert (SECOND.keys() - FIRST.keys(), SECOND.keys()) == ({"ST9002 2.0"}, THIRD.keys())
    assert FIRST.keys() < SECOND.keys()


def test_nights_share_no_record() -> None:
    nights = sample_nights()
    for before, after in pairwise(nights):
        assert not {id(record) for record in before} & {id(record) for record in after}


@pytest.mark.parametrize(("before", "after"), list(pairwise(NIGHTS)))
def test_publish_date_is_the_latest_date_of_a_version_that_was_edited(before: Night, after: Night) -> None:
    for name, keys in moved(before, after).items():
        if "changedDate" in keys:
            record = after[name]
            assert record["publishDate"] == max(record[key] or "" for key in ("changedDate", "earliestStartDate", "latestStartDate"))


def test_edits_are_dated_the_day_before_the_night_that_serves_them() -> None:
    for after, (before, night), day in zip((SECOND, THIRD), pairwise(NIGHTS), DATES[1:], strict=True):
        for name, keys in moved(before, night).items():
            if "changedDate" in keys:
                assert read(after[name]).changed_on == day - timedelta(days=1), name


@pytest.mark.parametrize("name", ["ST9004 1.0", "ST9005 1.1"])
def test_noise_is_gone_once_it_is_read(name: str) -> None:
    assert read(FIRST[name]) == read(SECOND[name])


def test_a_flapping_cluster_comes_back() -> None:
    assert FIRST["ST9004 1.0"] == THIRD["ST9004 1.0"]


def test_a_move_to_another_host_keeps_every_path() -> None:
    def paths(record: Mapping[str, Any]) -> list[str]:
        return [urlsplit(record[key]).path for key in ("url", *sorted(ADDRESSES))]

    before, after = FIRST["ST9009 1.0"], SECOND["ST9009 1.0"]
    assert paths(before) == paths(after)
    assert {urlsplit(record["url"]).hostname for record in (before, after)} == {
        "instituteforapprenticeships.org",
        "skillsengland.education.gov.uk",
    }


def test_one_knowledge_item_is_reworded_and_keeps_its_id() -> None:
    before, after = FIRST["ST9001 1.2"]["knowledges"], SECOND["ST9001 1.2"]["knowledges"]
    assert [number for number, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new] == [8]
    assert before[7]["knowledgeId"] == after[7]["knowledgeId"]


def test_the_announced_version_goes_live_and_the_old_one_retires() -> None:
    announced, live, retired = SECOND["ST9002 2.0"], THIRD["ST9002 2.0"], THIRD["ST9002 1.1"]
    assert (announced["status"], announced["versionNumber"]) == ("In development", "")
    assert announced["standardPageUrl"].endswith("/apprenticeships/st9002-in-revision")
    assert read(announced).earliest_start_on == date(2026, 9, 14)
    assert read(SECOND["ST9002 1.1"]).latest_start_on == date(2026, 9, 13)
    assert "will replace the version below" in SECOND["ST9002 1.1"]["banners"]

    assert (live["status"], live["versionNumber"], live["approvedForDeliveryPausedStarts"]) == ("Approved for delivery", "2.0", False)
    assert all("/apprenticeships/st9002-v2-0" in live[key] for key in ADDRESSES)
    assert live["approvedForDelivery"] == retired["approvedForDelivery"] == "2018-05-14T00:00:00 +00:00"
    assert (retired["status"], retired["approvedForDeliveryPausedStarts"]) == ("Retired", None)
    assert live["banners"] == retired["banners"] == ""
    assert announced["knowledges"] == live["knowledges"] != retired["knowledges"]


def test_a_duplicate_skill_goes_and_only_labels_shift_behind_it() -> None:
    before, after = read(SECOND["ST9005 1.1"]).content, read(THIRD["ST9005 1.1"]).content
    texts = [ksb.text for ksb in before.ksbs if ksb.kind == "S"]
    assert texts[2] == texts[6]
    assert [ksb.text for ksb in after.ksbs if ksb.kind == "S"] == texts[:6] + texts[7:]
    assert [duty.text for duty in before.duties] == [duty.text for duty in after.duties]
    assert before.duties[2].codes == ("K5", "S3", "S7", "B2")
    assert after.duties[2].codes == ("K5", "S3", "B2")
    assert before.duties[4].codes == ("K3", "K4", "K6", "S5", "S8", "S9", "B4")
    assert after.duties[4].codes == ("K3", "K4", "K6", "S5", "S7", "S8", "B4")


def test_the_other_lifecycle_events_of_the_third_night() -> None:
    assert (THIRD["ST9007 0.0"]["status"], THIRD["ST9007 0.0"]["version"]) == ("Withdrawn", "0.0")
    assert read(THIRD["ST9008 1.0"]).latest_start_on == date(2026, 11, 22)
    assert read(THIRD["ST9008 2.0"]).earliest_start_on == date(2026, 11, 23)
    assert THIRD["ST9009 1.0"]["approvedForDeliveryPausedStarts"] is True


# The site


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


Get = Callable[..., Got]


@pytest.fixture
def site() -> Iterator[SampleSite]:
    with SampleSite(sample_nights()) as site:
        yield site


@pytest.fixture
def get(site: SampleSite) -> Iterator[Get]:
    with closing(http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=5)) as connection:

        def get(path: str, *, method: str = "GET", **headers: str) -> Got:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            try:
                return Got(status=response.status, headers=response.headers, body=response.read())
            except http.client.IncompleteRead:
                connection.close()
                raise

        yield get


def test_the_api_serves_the_records_of_the_night(get: Get) -> None:
    got = get("/api/apprenticeshipstandards")
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(got.body) == sample_nights()[0]


@pytest.mark.parametrize(("night", "name"), [(1, "ST9002 1.1"), (2, "ST9002 1.1"), (3, "ST9002 2.0")])
def test_one_standard_is_served_as_its_version_in_force(site: SampleSite, get: Get, night: int, name: str) -> None:
    site.move(night)
    assert json.loads(get("/api/apprenticeshipstandards/ST9002").body) == NIGHTS[night - 1][name]


@pytest.mark.parametrize("path", ["/api/apprenticeshipstandards/ST0001", "/apprenticeships/st0001", "/occupations/OCC0001", "/", "/search"])
def test_an_unknown_address_is_not_found(get: Get, path: str) -> None:
    got = get(path)
    assert got.status == 404
    assert got.headers["ETag"] is None


def test_robots_allow_the_pages(get: Get) -> None:
    assert get("/robots.txt").text.startswith("User-agent: *\nDisallow: /search\n")


def test_the_base_page_leaves_the_standard_to_a_script(get: Get) -> None:
    text = get("/apprenticeships/st9001-v1-2").text
    assert "Content loading..." in text
    assert "Version log" in text
    assert "Occupation duties" not in text


def test_the_standard_view_says_what_the_record_says(get: Get) -> None:
    text = get("/apprenticeships/ST9003-v1-0?view=standard").text
    for words in ("Status:</span> Approved for delivery (available for starts)", "£7000", "04/07/2022", "4 July 2022", "Lars code:"):
        assert words in text, words
    assert '<th scope="col">Criteria for measuring performance</th>' in text
    assert "<b>S9</b>: Work out the cost of a batch" in text
    assert (
        '<p><a href="#K5">K5</a> <a href="#K9">K9</a></p><p><a href="#S1">S1</a> <a href="#S8">S8</a></p><p><a href="#B6">B6</a></p>'
        in text
    )


def test_a_page_without_ksbs_shows_its_prose_as_html(get: Get) -> None:
    text = get("/apprenticeships/st9009-v1-0?view=standard").text
    assert "<h4>Typical tasks</h4>\n<ol>\n<li>Reading a woodland &amp; planning" in text
    assert "<h3>KSBs</h3>" not in text


def test_words_of_a_record_are_escaped(get: Get) -> None:
    text = get("/apprenticeships/st9001-v1-2?view=standard").text
    assert "&lt;0.5 mm is acceptable, how &quot;go&quot; &amp; &quot;no-go&quot; gauges are used" in text
    assert "&#x27;&lt;basic&gt;&#x27;" in text
    assert "<basic>" not in text


def test_the_version_log_has_the_versions_newest_first(site: SampleSite, get: Get) -> None:
    site.move(2)
    rows = re.findall(r"<tr>(<td>.*?)</tr>", get("/apprenticeships/st9002-v1-1").text, re.DOTALL)
    assert rows[0] == (
        "<td>Revised version awaiting implementation</td><td>Occupational standard and assessment plan revised</td>"
        "<td>14/09/2026</td><td>Not set</td>"
    )
    assert rows[1].startswith("<td>1.1</td>")
    assert rows[1].endswith("<td>13/09/2026</td>")
    assert rows[2].startswith("<td>1.0</td>")


@pytest.mark.parametrize(
    ("night", "path", "notices"),
    [
        (1, "st9001-v1-2", []),
        (1, "st9001-v1-0", ["This apprenticeship has been retired", "This is not the latest approved version of this apprenticeship. "]),
        (1, "st9007", ["This apprenticeship is in development and is subject to change"]),
        (2, "st9002-in-revision", ["This apprenticeship is in revision", "The assessment plan below has been approved"]),
        (2, "st9006-v1-1", ["A revised version of this apprenticeship is being prepared with the regulator."]),
        (3, "st9002-v2-0", []),
    ],
)
def test_a_page_carries_its_notices(site: SampleSite, get: Get, night: int, path: str, notices: list[str]) -> None:
    site.move(night)
    text = get(f"/apprenticeships/{path}").text
    assert ('<div class="overviewSection">' in text) == bool(notices)
    for notice in notices:
        assert f"<p>{notice}" in text


def test_addresses_follow_the_version(site: SampleSite, get: Get) -> None:
    def served(name: str) -> tuple[int, bool]:
        got = get(f"/apprenticeships/{name}")
        return got.status, "Version:</span> 2.0" in got.text

    assert [served(name) for name in ("st9002-in-revision", "st9002-v2-0", "st9002")] == [(404, False), (404, False), (200, False)]
    site.move(2)
    assert [served(name) for name in ("st9002-in-revision", "st9002-v2-0", "st9002")] == [(200, False), (404, False), (200, False)]
    site.move(3)
    assert [served(name) for name in ("st9002-in-revision", "st9002-v2-0", "st9002")] == [(404, False), (200, True), (200, True)]


def test_the_occupation_page_has_fewer_facts(get: Get) -> None:
    text = get("/occupations/occ9006").text
    assert "Regulated occupation:</span> Yes" in text
    assert "Occupation duties" in text
    assert "Version log" not in text
    assert "Maximum funding" not in text


def test_every_record_of_every_night_has_its_page(site: SampleSite, get: Get) -> None:
    for number, night in enumerate(NIGHTS, 1):
        site.move(number)
        for name, record in night.items():
            got = get(urlsplit(record["standardPageUrl"]).path + "?view=standard")
            assert got.status == 200, name
            assert f"Reference:</span> {name[:6]}" in got.text


@pytest.mark.parametrize("path", ["/apprenticeships/st9001-v1-2?view=standard", "/occupations/OCC9001"])
def test_a_page_differs_on_every_visit_and_its_etag_does_not(get: Get, path: str) -> None:
    one, two = get(path), get(path)
    for part in (r'nonce="([^"]+)"', r'name="__RequestVerificationToken" value="([^"]+)"'):
        assert len({match[1] for got in (one, two) if (match := re.search(part, got.text))}) == 2
    assert one.headers["ETag"] == two.headers["ETag"] is not None


@pytest.mark.parametrize("path", ["/api/apprenticeshipstandards", "/apprenticeships/st9001-v1-2?view=standard"])
def test_an_unchanged_answer_is_not_sent_again(site: SampleSite, get: Get, path: str) -> None:
    etag = get(path).headers["ETag"]
    again = get(path, If_None_Match=f'"another", {etag}')
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    site.move(2)
    moved_on = get(path, If_None_Match=etag)
    assert (moved_on.status, moved_on.headers["ETag"] == etag) == (200, False)


def test_validators_can_be_switched_off(site: SampleSite, get: Get) -> None:
    etag = get("/robots.txt").headers["ETag"]
    site.validators = False
    got = get("/robots.txt", If_None_Match=etag)
    assert (got.status, got.headers["ETag"]) == (200, None)


@pytest.mark.parametrize("path", ["/api/apprenticeshipstandards", "/apprenticeships/st9001-v1-2"])
def test_bodies_are_compressed_for_those_who_take_it(get: Get, path: str) -> None:
    plain, packed, refused = get(path), get(path, Accept_Encoding="deflate, gzip"), get(path, Accept_Encoding="gzip;q=0")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert len(gzip.decompress(packed.body)) == len(plain.body)
    assert plain.headers["Content-Encoding"] is refused.headers["Content-Encoding"] is None


def test_head_has_the_headers_without_the_body(get: Get) -> None:
    got = get("/robots.txt", method="HEAD")
    assert (got.status, got.body) == (200, b"")
    assert int(got.headers["Content-Length"]) == len(get("/robots.txt").body)


def test_requests_are_logged(site: SampleSite, get: Get) -> None:
    get("/robots.txt", User_Agent="a test")
    get("/apprenticeships/ST9001?view=standard")
    first, second = site.requests
    assert (first.method, first.path, first.headers["user-agent"]) == ("GET", "/robots.txt", "a test")
    assert second.path == "/apprenticeships/ST9001?view=standard"
    assert second.time > first.time


def test_a_fault_holds_as_often_as_it_says(site: SampleSite, get: Get) -> None:
    site.misbehave(Fault(path="^/api/", status=503, headers={"Retry-After": "1"}, times=2), Fault(path="^/api/", status=500, times=1))
    answers = [get("/api/apprenticeshipstandards/ST9001") for _ in range(4)]
    assert [got.status for got in answers] == [503, 503, 500, 200]
    assert answers[0].headers["Retry-After"] == "1"
    assert get("/robots.txt").status == 200


def test_a_fault_can_be_another_body_and_is_forgotten_on_request(site: SampleSite, get: Get) -> None:
    site.misbehave(Fault(path="robots", body=b"{}", content_type="application/json"))
    got = get("/robots.txt")
    assert (got.status, got.body, got.headers["Content-Type"], got.headers["ETag"]) == (200, b"{}", "application/json", None)
    site.behave()
    assert get("/robots.txt").text.startswith("User-agent")


def test_a_fault_can_lead_elsewhere(site: SampleSite, get: Get) -> None:
    site.misbehave(Fault(path="^/occupations/", status=302, headers={"Location": "https://example.org/"}))
    got = get("/occupations/OCC9001")
    assert (got.status, got.headers["Location"]) == (302, "https://example.org/")


def test_a_fault_can_cut_the_right_answer_short(site: SampleSite, get: Get) -> None:
    whole = get("/robots.txt").body
    site.misbehave(Fault(path="robots", truncate=9, times=1))
    with pytest.raises(http.client.IncompleteRead) as cut:
        get("/robots.txt")
    assert cut.value.partial == whole[:9]
    assert get("/robots.txt").body == whole


def test_a_fault_can_be_slow(site: SampleSite, get: Get) -> None:
    site.misbehave(Fault(path="robots", delay_s=0.05))
    start = time.monotonic()
    assert get("/robots.txt").status == 200
    assert time.monotonic() - start >= 0.05


def test_an_edit_in_silence_shows_on_the_page(site: SampleSite, get: Get) -> None:
    path = "/apprenticeships/st9001-v1-2?view=standard"
    assert "acoustic trends" not in get(path).text
    site.move(2)
    assert "acoustic trends" in get(path).text


def test_other_records_than_the_invented_ones_can_be_served() -> None:
    record = {**FIRST["ST9001 1.2"], "eQAProvider": None, "banners": None, "knowledges": None, "duties": None}
    with SampleSite([[record]]) as site, closing(http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=5)) as connection:
        connection.request("GET", "/apprenticeships/st9001?view=standard")
        assert b"<h4>Skills</h4>" in connection.getresponse().read()


@pytest.mark.parametrize("night", [0, 4, -1])
def test_there_is_no_night_but_those_given(night: int) -> None:
    with pytest.raises(ValueError, match="There are 3 nights"):
        SampleSite(sample_nights()).move(night)


def test_leaving_closes_kept_connections_late_answers_and_the_port() -> None:
    threads = threading.active_count()
    site = SampleSite(sample_nights())
    with pytest.raises(RuntimeError, match="before it is entered"):
        _ = site.url
    with site:
        address = urlsplit(site.url).netloc
        kept, waiting = (http.client.HTTPConnection(address, timeout=5) for _ in range(2))
        kept.request("GET", "/robots.txt")
        kept.getresponse().read()
        site.misbehave(Fault(path="^/api/", delay_s=60))
        waiting.request("GET", "/api/apprenticeshipstandards")
        start = time.monotonic()
    assert time.monotonic() - start < 5
    assert threading.active_count() == threads
    for connection in (kept, waiting):
        connection.close()
    with closing(http.client.HTTPConnection(address, timeout=5)) as late, pytest.raises(ConnectionRefusedError):
        late.request("GET", "/robots.txt")


def test_the_site_can_be_entered_again() -> None:
    site = SampleSite(sample_nights())
    for visits in (1, 2):
        with site, closing(http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=5)) as connection:
            connection.request("GET", "/robots.txt")
            assert connection.getresponse().read()
        assert len(site.requests) == visits
