"""The door to the network: how politely it asks, and what it makes of every answer."""

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from schemas.rules import RULES
from scrapers.pace import Pace
from scrapers.sample.records import sample_records
from scrapers.sample.server import Fault, SampleSite
from scrapers.site import PUBLISHER, Capture, Limits, Site

PAGE = "/apprenticeships/st9003-v1-0?view=standard"
ARRAY = "/api/apprenticeshipstandards"
AT_ONCE = 1e9


@dataclass(kw_only=True)
class Clock:
    """Time that passes when someone sleeps, and by `tick_s` whenever someone looks."""

    now: float = 1000.0
    tick_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.now += self.tick_s
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


Open = Callable[..., Site]


@pytest.fixture(scope="module")
def sample() -> Iterator[SampleSite]:
    with SampleSite([[sample_records()["ST9003 1.0"]]]) as site:
        yield site


@pytest.fixture
def served(sample: SampleSite) -> SampleSite:
    """The sample site as if nobody had asked it anything yet."""
    sample.behave()
    sample.requests.clear()
    return sample


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_site(clock: Clock) -> Iterator[Open]:
    opened: list[Site] = []

    def open_site(served: SampleSite | str, **more: Any) -> Site:
        address = served if isinstance(served, str) else served.url
        asked: dict[str, Any] = {"address": address, "contact": "ann@example.org", "version": "1.2", "clock": clock, "sleep": clock.sleep}
        site = Site(**{"pace": Pace(clock=more.get("clock", clock))} | asked | more)
        opened.append(site)
        return site

    yield open_site
    for site in opened:
        site.close()


def asked(served: SampleSite) -> list[str]:
    """What was asked for, without the robots."""
    return [request.path for request in served.requests if request.path != "/robots.txt"]


def robots_asked(served: SampleSite) -> int:
    return len(served.requests) - len(asked(served))


# Asking


def test_every_request_says_who_asks_and_whom_to_write_to(served: SampleSite, open_site: Open) -> None:
    assert open_site(served).fetch(PAGE).outcome == "served"
    assert len(served.requests) == 2
    for request in served.requests:
        assert request.headers["User-Agent"] == "standards-watch/1.2 (ann@example.org)"
        assert request.headers["From"] == "ann@example.org"


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://127.0.0.1:9/"])
@pytest.mark.parametrize("path", ["/robots.txt", "robots.txt"])
def test_a_path_has_one_address(open_site: Open, address: str, path: str) -> None:
    assert open_site(address).url(path) == "http://127.0.0.1:9/robots.txt"


def test_what_is_served_is_whole_and_has_its_validator(served: SampleSite, open_site: Open) -> None:
    capture = open_site(served).fetch("/robots.txt")
    assert capture == Capture(
        url=f"{served.url}/robots.txt",
        outcome="served",
        status_code=200,
        body=b"User-agent: *\nDisallow: /search\nDisallow: /*?print=\n",
        etag=capture.etag,
    )
    assert capture.etag
    served.validators = False
    try:
        assert open_site(served).fetch("/robots.txt").etag is None
    finally:
        served.validators = True


def test_a_compressed_body_is_asked_for_and_unpacked(served: SampleSite, open_site: Open) -> None:
    packed = open_site(served).fetch(ARRAY)
    assert served.requests[-1].headers["Accept-Encoding"] == "gzip"
    assert packed.body.startswith(b"[{")
    assert packed.body.endswith(b"}]")


# Pace


@pytest.mark.parametrize(("per_second", "pause_s"), [(1, 1.0), (2, 0.5), (0.5, 2.0)])
def test_requests_are_apart(served: SampleSite, open_site: Open, clock: Clock, per_second: float, pause_s: float) -> None:
    site = open_site(served, requests_per_second=per_second)
    for _ in range(4):
        site.fetch(PAGE)
    assert len(served.requests) == 5
    assert clock.slept == [pause_s] * 4


def test_one_request_a_second_unless_told(served: SampleSite, open_site: Open, clock: Clock) -> None:
    open_site(served).fetch(PAGE)
    assert clock.slept == [1.0]


@pytest.mark.parametrize(
    ("passed_s", "slept"),
    [
        pytest.param(0.4, [0.6], id="work counts as waiting"),
        pytest.param(1.0, [], id="long enough"),
        pytest.param(60.0, [], id="longer"),
    ],
)
def test_only_the_rest_of_a_second_is_waited(
    served: SampleSite, open_site: Open, clock: Clock, passed_s: float, slept: list[float]
) -> None:
    site = open_site(served)
    site.fetch(PAGE)
    clock.slept.clear()
    clock.now += passed_s
    site.fetch(PAGE)
    assert clock.slept == pytest.approx(slept)


def test_idle_time_is_not_saved_up(served: SampleSite, open_site: Open, clock: Clock) -> None:
    site = open_site(served)
    site.fetch(PAGE)
    clock.now += 60
    clock.slept.clear()
    for _ in range(3):
        site.fetch(PAGE)
    assert clock.slept == pytest.approx([1.0, 1.0])


def test_trying_again_and_following_keep_the_pace(served: SampleSite, open_site: Open, clock: Clock) -> None:
    served.misbehave(
        Fault(path="^/a", status=503, headers={"Retry-After": "0"}, times=1),
        Fault(path="^/a", status=302, headers={"Location": PAGE}, times=1),
    )
    began = clock.now
    assert open_site(served).fetch("/a").outcome == "served"
    assert (robots_asked(served), asked(served)) == (1, ["/a", "/a", PAGE])
    assert clock.now - began == pytest.approx(3.0)


# Answers


def reason_of(status: int) -> str:
    return f"The site answered {status} {HTTPStatus(status).phrase}."


PASSING = [408, 425, 429, 500, 502, 503, 504]
FINAL = [204, 206, 400, 401, 402, 403, 405, 406, 418, 451, 501]


@pytest.mark.parametrize("status", PASSING)
@pytest.mark.parametrize("times", [1, 2])
def test_a_passing_failure_is_asked_again(served: SampleSite, open_site: Open, status: int, times: int) -> None:
    served.misbehave(Fault(path="^/appr", status=status, times=times))
    capture = open_site(served).fetch(PAGE)
    assert (capture.outcome, capture.status_code, capture.reason) == ("served", 200, None)
    assert b"Occupation duties" in capture.body
    assert asked(served) == [PAGE] * (times + 1)


@pytest.mark.parametrize("status", PASSING)
def test_a_failure_that_does_not_pass_is_unreachable(served: SampleSite, open_site: Open, status: int) -> None:
    served.misbehave(Fault(path="^/appr", status=status))
    capture = open_site(served).fetch(PAGE)
    assert capture == Capture(
        url=f"{served.url}{PAGE}", outcome="unreachable", status_code=status, rule="C-UNREACHABLE", reason=reason_of(status)
    )
    assert asked(served) == [PAGE] * 3


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_gone(served: SampleSite, open_site: Open, status: int) -> None:
    served.misbehave(Fault(path="^/appr", status=status))
    capture = open_site(served).fetch(PAGE)
    reason = f"The site answered {status}: there is no such page."
    assert capture == Capture(url=f"{served.url}{PAGE}", outcome="gone", status_code=status, rule="C-GONE", reason=reason)
    assert asked(served) == [PAGE]


@pytest.mark.parametrize("status", FINAL)
def test_any_other_answer_is_refused_at_once(served: SampleSite, open_site: Open, status: int) -> None:
    served.misbehave(Fault(path="^/appr", status=status))
    capture = open_site(served).fetch(PAGE)
    assert (capture.outcome, capture.status_code, capture.body, capture.reason) == ("refused", status, b"", reason_of(status))
    assert asked(served) == [PAGE]


@pytest.mark.parametrize(
    ("fault", "limits", "reason", "times"),
    [
        pytest.param(Fault(path="^/appr", truncate=100), {}, "The body was cut off.", 3, id="cut off"),
        pytest.param(Fault(path="^/appr", truncate=0), {}, "The body was cut off.", 3, id="cut off at once"),
        pytest.param(
            Fault(path="^/appr", headers={"Transfer-Encoding": "chunked"}, truncate=1000),
            {},
            "The body was cut off.",
            3,
            id="cut off between two chunks",
        ),
        pytest.param(
            Fault(path="^/appr", body=gzip.compress(b"<h1>Whole</h1>" * 99)[:-9], headers={"Content-Encoding": "gzip"}),
            {},
            "The body was cut off.",
            3,
            id="cut off before it was sent",
        ),
        pytest.param(
            Fault(path="^/appr", body=gzip.compress(b"<h1>Whole</h1>")[:-8] + bytes(8), headers={"Content-Encoding": "gzip"}),
            {},
            "The body could not be decompressed.",
            3,
            id="not what its checksum says",
        ),
        pytest.param(
            Fault(path="^/appr", body=b"no gzip", headers={"Content-Encoding": "gzip"}),
            {},
            "The body could not be decompressed.",
            3,
            id="badly compressed",
        ),
        pytest.param(Fault(path="^/appr", delay_s=30), {"read_s": 0.05}, "The site did not answer in time.", 3, id="late"),
    ],
)
def test_a_body_that_does_not_come_is_unreachable(
    served: SampleSite, open_site: Open, fault: Fault, limits: Mapping[str, Any], reason: str, times: int
) -> None:
    site = open_site(served)
    site.fetch("/robots.txt")
    site.limits = Limits(**limits)
    served.misbehave(fault)
    capture = site.fetch(PAGE)
    assert (capture.outcome, capture.body, capture.reason) == ("unreachable", b"", reason)
    assert asked(served) == [PAGE] * times


def test_a_body_that_is_cut_off_once_is_asked_for_again(served: SampleSite, open_site: Open) -> None:
    served.misbehave(Fault(path=ARRAY, truncate=100, times=1))
    capture = open_site(served).fetch(ARRAY)
    assert (capture.outcome, capture.body[-2:]) == ("served", b"}]")


@pytest.mark.parametrize(
    ("size", "packed", "outcome"),
    [
        pytest.param(1000, False, "served", id="as large as allowed"),
        pytest.param(1001, False, "refused", id="larger"),
        pytest.param(1_000_000, False, "refused", id="much larger"),
        pytest.param(1_000_000, True, "refused", id="larger once unpacked"),
    ],
)
def test_a_body_has_a_largest_size(served: SampleSite, open_site: Open, size: int, packed: bool, outcome: str) -> None:
    body = b"x" * size
    headers = {"Content-Encoding": "gzip"} if packed else {}
    served.misbehave(Fault(path="^/appr", body=gzip.compress(body) if packed else body, headers=headers))
    capture = open_site(served, limits=Limits(size_bytes=1000)).fetch(PAGE)
    assert capture.outcome == outcome
    assert capture.reason == (None if outcome == "served" else "The body is larger than 1,000 bytes.")
    assert len(capture.body) == (size if outcome == "served" else 0)
    assert asked(served) == [PAGE]


def test_a_body_that_unpacks_to_a_thousand_times_its_size_is_never_unpacked_whole(served: SampleSite, open_site: Open) -> None:
    served.misbehave(Fault(path="^/appr", body=gzip.compress(bytes(60_000_000)), headers={"Content-Encoding": "gzip"}))
    site = open_site(served, limits=Limits(size_bytes=1_000_000))
    site.fetch("/robots.txt")
    tracemalloc.start()
    try:
        capture = site.fetch(PAGE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (capture.outcome, capture.rule) == ("refused", "C-TOO-LARGE")
    assert peak < 5_000_000


def test_a_body_in_chunks_or_in_several_packed_parts_is_whole(served: SampleSite, open_site: Open) -> None:
    parts = gzip.compress(b"<h1>one</h1>") + gzip.compress(b"<h1>two</h1>")
    served.misbehave(Fault(path="^/appr", body=parts, headers={"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}))
    assert open_site(served).fetch(PAGE).body == b"<h1>one</h1><h1>two</h1>"


@pytest.mark.parametrize(("tick_s", "outcome"), [(50.0, "served"), (400.0, "unreachable")])
def test_a_body_has_a_longest_time(served: SampleSite, open_site: Open, clock: Clock, tick_s: float, outcome: str) -> None:
    served.misbehave(Fault(path="robots", status=404))
    clock.tick_s = tick_s
    capture = open_site(served, limits=Limits(total_s=300)).fetch(PAGE)
    assert capture.outcome == outcome
    assert capture.reason == (None if outcome == "served" else "The body was not there after 300 seconds.")


def test_a_body_that_drips_is_not_waited_for(open_site: Open) -> None:
    with dripping(total_bytes=100, pause_s=0.01) as (address, sent):
        site = open_site(address, clock=time.monotonic, limits=Limits(total_s=0.1, read_s=5.0), requests_per_second=AT_ONCE)
        capture = site.fetch("/")
    assert (capture.outcome, capture.body) == ("unreachable", b"")
    assert max(sent) < 100


@contextmanager
def dripping(*, total_bytes: int, pause_s: float) -> Iterator[tuple[str, list[int]]]:
    """A server without robots that sends one byte at a time; the list says how many each visitor took."""
    sent: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/robots.txt" else 200)
            length = 0 if self.path == "/robots.txt" else total_bytes
            self.send_header("Content-Length", str(length))
            self.end_headers()
            sent.append(0)
            for _ in range(length):
                try:
                    self.wfile.write(b"x")
                except ConnectionError:
                    return
                sent[-1] += 1
                time.sleep(pause_s)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", sent
        finally:
            server.shutdown()
            thread.join()


def test_nobody_at_home_is_unreachable(open_site: Open, clock: Clock) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    capture = open_site(address).fetch(PAGE)
    assert (capture.url, capture.outcome, capture.status_code) == (f"{address}{PAGE}", "unreachable", None)
    assert capture.reason == f"{address}/robots.txt could not be read: No connection could be made, or it broke."
    assert len(clock.slept) >= 2


# Rules

CHUNKED = {"Transfer-Encoding": "chunked"}
RULE_CASES = [
    pytest.param("C-GONE", Fault(path="^/appr", status=404), {}, id="C-GONE"),
    pytest.param("C-UNREACHABLE", Fault(path="^/appr", status=503), {}, id="C-UNREACHABLE: 503"),
    pytest.param("C-UNREACHABLE", Fault(path="^/appr", delay_s=30), {"read_s": 0.05}, id="C-UNREACHABLE: late"),
    pytest.param("C-UNREACHABLE", Fault(path="^/robots", status=500), {}, id="C-UNREACHABLE: no robots.txt to go by"),
    pytest.param("C-CUT-OFF", Fault(path="^/appr", truncate=100), {}, id="C-CUT-OFF"),
    pytest.param("C-CUT-OFF", Fault(path="^/appr", body=b"?", headers={"Content-Encoding": "gzip"}), {}, id="C-CUT-OFF: damaged"),
    pytest.param("C-TOO-LARGE", Fault(path="^/appr", body=b"x" * 101), {"size_bytes": 100}, id="C-TOO-LARGE: announced"),
    pytest.param("C-TOO-LARGE", Fault(path="^/appr", body=b"x" * 101, headers=CHUNKED), {"size_bytes": 100}, id="C-TOO-LARGE: found"),
    pytest.param("C-TOO-SLOW", Fault(path="^/nowhere"), {"total_s": -1.0}, id="C-TOO-SLOW"),
    pytest.param("C-ROBOTS", Fault(path="^/robots", body=b"User-agent: *\nDisallow: /"), {}, id="C-ROBOTS"),
    pytest.param("C-OFF-SITE", Fault(path="^/appr", status=302, headers={"Location": "https://example.org/"}), {}, id="C-OFF-SITE"),
    pytest.param("C-OFF-SITE", Fault(path="^/appr", status=302, headers={"Location": "http://["}), {}, id="C-OFF-SITE: no address"),
    pytest.param("C-REFUSED", Fault(path="^/appr", status=403), {}, id="C-REFUSED"),
    pytest.param("C-REFUSED", Fault(path="^/appr", status=302, headers={"Location": PAGE}), {}, id="C-REFUSED: round and round"),
    pytest.param("C-REFUSED", Fault(path="^/appr", headers={"Content-Encoding": "br"}), {}, id="C-REFUSED: packed as nobody asked"),
    pytest.param("C-REFUSED", Fault(path="^/appr", status=304), {}, id="C-REFUSED: unchanged since nothing"),
    pytest.param("C-DEFERRED", Fault(path="^/robots", body=b"User-agent: *\nCrawl-delay: 900"), {}, id="C-DEFERRED"),
]
# Only more than one answer shows these: tests/pipelines/test_capture.py.
SEEN_LATER = {"C-SHRUNK", "C-WRONG-304"}


@pytest.mark.parametrize(("rule", "fault", "limits"), RULE_CASES)
def test_whatever_goes_wrong_has_its_rule(served: SampleSite, open_site: Open, rule: str, fault: Fault, limits: Mapping[str, Any]) -> None:
    site = open_site(served)
    served.misbehave(fault)
    site.fetch("/occupations/OCC9003")
    site.limits = Limits(**limits)
    capture = site.fetch(PAGE)
    assert capture.rule == rule
    assert capture.reason
    assert capture.outcome not in ("served", "not_modified")
    assert capture.body == b""


def test_every_rule_of_a_capture_has_its_case() -> None:
    assert {str(case.values[0]) for case in RULE_CASES} | SEEN_LATER == {code for code in RULES if code.startswith("C-")}


# Asking whether anything changed


def test_what_did_not_change_is_not_sent_again(served: SampleSite, open_site: Open) -> None:
    site = open_site(served)
    first = site.fetch(PAGE)
    again = site.fetch(PAGE, etag=first.etag)
    assert again == Capture(url=first.url, outcome="not_modified", status_code=304, etag=first.etag)
    assert [request.headers["If-None-Match"] for request in served.requests] == [None, None, first.etag]


def test_what_changed_is_sent(served: SampleSite, open_site: Open) -> None:
    site = open_site(served)
    changed = site.fetch(PAGE, etag='"another"')
    assert (changed.outcome, changed.etag) == ("served", site.fetch(PAGE).etag)
    assert b"Occupation duties" in changed.body


def test_the_validator_of_an_address_is_not_one_of_where_it_leads(served: SampleSite, open_site: Open) -> None:
    site = open_site(served)
    etag = site.fetch(PAGE).etag
    served.misbehave(Fault(path="^/moved", status=302, headers={"Location": PAGE}))
    assert site.fetch("/moved", etag=etag).outcome == "served"
    assert [request.headers["If-None-Match"] for request in served.requests[-2:]] == [etag, None]


# A slower pace that robots.txt asks for


@pytest.mark.parametrize(
    ("text", "pause_s"),
    [
        pytest.param("Crawl-delay: 5", 5.0, id="slower than ours"),
        pytest.param("Crawl-delay: 0.2", 1.0, id="faster than ours"),
        pytest.param("Request-rate: 2/30", 15.0, id="a rate"),
        pytest.param("Crawl-delay: 5\nRequest-rate: 1/20", 20.0, id="the slower of both"),
        pytest.param("Crawl-delay: soon", 1.0, id="no number"),
        pytest.param("\nUser-agent: another-robot\nCrawl-delay: 5", 1.0, id="another's"),
    ],
)
def test_the_slower_pace_counts(served: SampleSite, open_site: Open, clock: Clock, text: str, pause_s: float) -> None:
    served.misbehave(robots(f"User-agent: *\nDisallow: /search\n{text}"))
    site = open_site(served)
    for _ in range(3):
        assert site.fetch(PAGE).outcome == "served"
    assert clock.slept == [1.0, pause_s, pause_s]
    assert site.notes == (
        (f"{served.url}/robots.txt asks for {pause_s:.0f} seconds between two requests; it is kept.",) if pause_s > 1 else ()
    )


def test_a_pace_of_hours_is_kept_by_not_asking_and_said(served: SampleSite, open_site: Open, clock: Clock) -> None:
    served.misbehave(robots("User-agent: *\nCrawl-delay: 86400"))
    site = open_site(served)
    assert site.fetch(ARRAY).outcome == "served"
    capture = site.fetch(PAGE)
    assert (capture.outcome, capture.rule) == ("unreachable", "C-DEFERRED")
    assert str(capture.reason).startswith("It was not asked: 127.0.0.1:")
    assert "for another 3,600 seconds" in str(capture.reason)
    assert clock.slept == [1.0]
    assert asked(served) == [ARRAY]
    assert site.notes == (f"{served.url}/robots.txt asks for 86,400 seconds between two requests; 3,600 are kept.",)
    clock.now += 3600
    assert site.fetch(PAGE).outcome == "served"


def test_our_own_pace_is_waited_for_however_slow_it_is(served: SampleSite, open_site: Open, clock: Clock) -> None:
    assert open_site(served, requests_per_second=0.001).fetch(PAGE).outcome == "served"
    assert clock.slept == [1000.0]


def test_a_failure_is_not_tried_again_where_that_would_take_hours(served: SampleSite, open_site: Open) -> None:
    served.misbehave(robots("User-agent: *\nCrawl-delay: 900"), Fault(path="^/appr", status=503))
    capture = open_site(served).fetch(PAGE)
    assert (capture.rule, capture.status_code) == ("C-UNREACHABLE", 503)
    assert asked(served) == [PAGE]


# Waiting before asking again


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [
        pytest.param("7", (7, 7), id="seconds"),
        pytest.param("0", (0, 0), id="at once"),
        pytest.param("3600", (60, 60), id="seconds, capped"),
        pytest.param("99999999999999999999", (60, 60), id="for ever, capped"),
        pytest.param(lambda: format_datetime(later(30), usegmt=True), (20, 31), id="a date"),
        pytest.param(lambda: format_datetime(later(-30), usegmt=True), (0, 0), id="a date gone by"),
        pytest.param(lambda: format_datetime(later(3600), usegmt=True), (60, 60), id="a date, capped"),
        pytest.param(lambda: format_datetime(later(30).replace(tzinfo=None)), (0, 60), id="a date without a zone"),
        pytest.param("", (0.5, 1.0), id="empty"),
        pytest.param("soon", (0.5, 1.0), id="a word"),
        pytest.param("-5", (0.5, 1.0), id="a negative number"),
        pytest.param("1.5", (0.5, 1.5), id="a fraction"),
        pytest.param("²", (0.5, 1.0), id="a digit that is no number"),
        pytest.param(None, (0.5, 1.0), id="nothing said"),
    ],
)
def test_the_site_says_how_long_to_wait_within_reason(
    served: SampleSite, open_site: Open, clock: Clock, retry_after: str | Callable[[], str] | None, waits: tuple[float, float]
) -> None:
    said = retry_after() if callable(retry_after) else retry_after
    served.misbehave(Fault(path="^/appr", status=503, headers={} if said is None else {"Retry-After": said}, times=1))
    assert open_site(served, requests_per_second=AT_ONCE).fetch(PAGE).outcome == "served"
    (wait_s,) = [seconds for seconds in clock.slept if seconds > 1e-6] or [0.0]
    assert waits[0] <= wait_s <= waits[1]


@pytest.mark.parametrize("said", [{}, {"Retry-After": "5"}], ids=["unasked", "asked"])
def test_waits_grow_unless_the_site_says_and_none_follows_the_last_try(
    served: SampleSite, open_site: Open, clock: Clock, said: dict[str, str]
) -> None:
    served.misbehave(Fault(path="^/appr", status=429, headers=said))
    assert open_site(served, requests_per_second=AT_ONCE).fetch(PAGE).outcome == "unreachable"
    first, second = [seconds for seconds in clock.slept if seconds > 1e-6]
    if said:
        assert (first, second) == (5, 5)
    else:
        assert 0.5 <= first <= 1.0 <= second <= 2.0


def test_the_cap_on_waiting_can_be_set(served: SampleSite, open_site: Open, clock: Clock) -> None:
    served.misbehave(Fault(path="^/appr", status=503, headers={"Retry-After": "30"}, times=1))
    open_site(served, requests_per_second=AT_ONCE, limits=Limits(wait_s=2)).fetch(PAGE)
    assert max(clock.slept) == 2


# Robots


def robots(text: str) -> Fault:
    return Fault(path="^/robots.txt$", body=text.encode(), content_type="text/plain")


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param(robots("User-agent: *\nDisallow: /apprenticeships/"), "refused", id="everyone"),
        pytest.param(robots("User-agent: standards-watch\nDisallow: /"), "refused", id="us by name"),
        pytest.param(robots("User-agent: *\nDisallow: /*?view="), "refused", id="a wildcard"),
        pytest.param(robots("User-agent: *\nDisallow: /\nAllow: /apprenticeships/"), "served", id="an exception"),
        pytest.param(robots("User-agent: another-robot\nDisallow: /"), "served", id="another by name"),
        pytest.param(robots("User-agent: *\nDisallow: /\n\nUser-agent: standards-watch\nDisallow:"), "served", id="us before everyone"),
        pytest.param(robots("User-agent: *\nDisallow: /search"), "served", id="another path"),
        pytest.param(robots(""), "served", id="an empty file"),
        pytest.param(robots("<!DOCTYPE html><h1>Home</h1>"), "served", id="HTML"),
        pytest.param(Fault(path="robots", body=b"\xff\xfe\x00User-agent"), "served", id="another encoding"),
        pytest.param(Fault(path="robots", status=404), "served", id="none"),
        pytest.param(Fault(path="robots", status=410), "served", id="none any more"),
        pytest.param(Fault(path="robots", status=401), "served", id="not for us"),
        pytest.param(Fault(path="robots", status=403), "served", id="forbidden"),
        pytest.param(Fault(path="robots", status=500), "unreachable", id="broken"),
        pytest.param(Fault(path="robots", status=503, times=2), "served", id="broken for a moment"),
        pytest.param(Fault(path="robots", status=429), "unreachable", id="too many requests"),
        pytest.param(Fault(path="robots", truncate=9), "unreachable", id="cut off"),
    ],
)
def test_robots_are_asked_first_and_obeyed(served: SampleSite, open_site: Open, fault: Fault, outcome: str) -> None:
    served.misbehave(fault)
    capture = open_site(served).fetch(PAGE)
    assert capture.outcome == outcome
    assert served.requests[0].path == "/robots.txt"
    assert asked(served) == ([PAGE] if outcome == "served" else [])


def test_a_path_robots_do_not_allow_says_so(served: SampleSite, open_site: Open) -> None:
    site = open_site(served)
    reason = "robots.txt does not allow it."
    assert site.fetch("/search") == Capture(url=f"{served.url}/search", outcome="refused", rule="C-ROBOTS", reason=reason)
    assert site.fetch("/apprenticeships/st9003-v1-0?print=1").outcome == "refused"
    assert asked(served) == []


def test_robots_that_cannot_be_read_say_why(served: SampleSite, open_site: Open) -> None:
    served.misbehave(Fault(path="robots", status=500))
    capture = open_site(served).fetch(PAGE)
    assert capture.url == f"{served.url}{PAGE}"
    assert capture.status_code == 500
    assert capture.reason == f"{served.url}/robots.txt could not be read: The site answered 500 Internal Server Error."


def test_robots_are_asked_once(served: SampleSite, open_site: Open) -> None:
    site = open_site(served)
    for path in (PAGE, ARRAY, "/search"):
        site.fetch(path)
    assert robots_asked(served) == 1


@pytest.mark.parametrize("hops", [1, 4])
def test_robots_that_moved_are_followed(served: SampleSite, open_site: Open, hops: int) -> None:
    moves = [Fault(path="^/robots.txt$", status=301, headers={"Location": "/robots-0"})]
    moves += [Fault(path=f"^/robots-{hop}$", status=301, headers={"Location": f"/robots-{hop + 1}"}) for hop in range(hops - 1)]
    served.misbehave(*moves, Fault(path=f"^/robots-{hops - 1}$", body=b"User-agent: *\nDisallow: /apprenticeships/"))
    assert open_site(served).fetch(PAGE).outcome == "refused"
    assert PAGE not in asked(served)


# Redirects


def move(location: str, *, path: str = "^/moved", status: int = 302) -> Fault:
    return Fault(path=path, status=status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [PAGE, "{site}" + PAGE, "apprenticeships/st9003-v1-0?view=standard"])
def test_a_redirect_within_the_site_is_followed(served: SampleSite, open_site: Open, status: int, location: str) -> None:
    served.misbehave(move(location.format(site=served.url), status=status))
    capture = open_site(served).fetch("/moved")
    assert (capture.outcome, capture.url) == ("served", f"{served.url}{PAGE}")
    assert asked(served) == ["/moved", PAGE]


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("https://example.org/apprenticeships", id="another host"),
        pytest.param("//example.org/apprenticeships", id="another host, same scheme"),
        pytest.param("http://127.0.0.1:9/", id="another port"),
        pytest.param("http://127.0.0.1.example.org/", id="a host that begins alike"),
        pytest.param("ftp://127.0.0.1/", id="another scheme"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("javascript:alert(1)", id="a script"),
        pytest.param(f"{PUBLISHER}/apprenticeships", id="the publisher, from elsewhere"),
    ],
)
def test_a_redirect_off_the_site_is_refused(served: SampleSite, open_site: Open, location: str) -> None:
    served.misbehave(move(location))
    capture = open_site(served).fetch("/moved")
    assert (capture.url, capture.outcome, capture.status_code) == (f"{served.url}/moved", "refused", 302)
    assert capture.reason
    assert "redirect" in capture.reason
    assert asked(served) == ["/moved"]


def test_a_redirect_to_what_is_no_address_is_refused(served: SampleSite, open_site: Open) -> None:
    served.misbehave(move("http://["))
    capture = open_site(served).fetch("/moved")
    assert (capture.url, capture.outcome) == (f"{served.url}/moved", "refused")
    assert "no address" in str(capture.reason)


def test_a_redirect_that_never_ends_is_refused(served: SampleSite, open_site: Open) -> None:
    served.misbehave(move("/moved"))
    capture = open_site(served).fetch("/moved")
    assert (capture.outcome, capture.reason) == ("refused", "It redirects more than 5 times.")
    assert asked(served) == ["/moved"] * 6


def test_five_redirects_are_followed(served: SampleSite, open_site: Open) -> None:
    served.misbehave(*(move(f"/moved{hop + 1}" if hop < 4 else PAGE, path=f"^/moved{hop}$") for hop in range(5)))
    assert open_site(served).fetch("/moved0").outcome == "served"


def test_a_redirect_to_what_robots_do_not_allow_is_refused(served: SampleSite, open_site: Open) -> None:
    served.misbehave(move("/search?q=st9003"))
    capture = open_site(served).fetch("/moved")
    assert (capture.outcome, capture.reason) == ("refused", "robots.txt does not allow it.")
    assert asked(served) == ["/moved"]


def test_a_redirect_to_nowhere_is_refused(served: SampleSite, open_site: Open) -> None:
    served.misbehave(Fault(path="^/moved", status=302))
    capture = open_site(served).fetch("/moved")
    assert (capture.outcome, capture.reason) == ("refused", "The site answered 302 Found.")


def test_a_redirect_to_a_page_that_is_gone_is_gone(served: SampleSite, open_site: Open) -> None:
    served.misbehave(move("/apprenticeships/st9999"))
    capture = open_site(served).fetch("/moved")
    assert (capture.outcome, capture.url) == ("gone", f"{served.url}/apprenticeships/st9999")


class Loopback(HTTPAdapter):
    """Any host is the sample site."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.netloc = urlsplit(address).netloc
        self.hosts: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        self.hosts.append(parts.netloc)
        request.url = urlunsplit(("http", self.netloc, parts.path, parts.query, ""))
        return super().send(request, *args, **more)


@pytest.mark.parametrize(
    ("host", "outcome"),
    [
        ("www.skillsengland.education.gov.uk", "served"),
        ("instituteforapprenticeships.org", "served"),
        ("www.instituteforapprenticeships.org", "served"),
        ("example.org", "refused"),
        ("instituteforapprenticeships.org.example.org", "refused"),
    ],
)
def test_the_publishers_hosts_are_one_site(served: SampleSite, open_site: Open, clock: Clock, host: str, outcome: str) -> None:
    served.misbehave(move(f"https://{host}{PAGE}"))
    session, adapter = requests.Session(), Loopback(served.url)
    session.mount("https://", adapter)
    capture = open_site(PUBLISHER, session=session).fetch("/moved")
    assert capture.outcome == outcome
    own = urlsplit(PUBLISHER).netloc
    assert adapter.hosts == [own, own, *([host, host] if outcome == "served" else [])]
    assert clock.slept == [1.0] * (2 if outcome == "served" else 1)
