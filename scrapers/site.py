"""The only door to the network.

Belongs here: asking politely, and saying in one value what came of it. Not here: what the bytes mean
(the parsers) or what a failure means for what is known (pipelines).
"""

import gzip
import io
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from protego import Protego

from schemas.text import plain
from scrapers.pace import Pace

PUBLISHER: Final = "https://skillsengland.education.gov.uk"
# The publisher's former and alternative hosts: its redirects may lead there and back.
_PUBLISHER_HOSTS: Final = frozenset(
    {
        "skillsengland.education.gov.uk",
        "www.skillsengland.education.gov.uk",
        "instituteforapprenticeships.org",
        "www.instituteforapprenticeships.org",
    }
)
_ROBOT: Final = "standards-watch"
_ATTEMPTS: Final = 3
# Trying again may clear these; any other 4xx is an answer.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({404, 410})
_REDIRECTS: Final = 5
_CHUNK_BYTES: Final = 1 << 16
_NOT_MODIFIED: Final = 304
_GZIP: Final = frozenset({"gzip", "x-gzip"})
# robots.txt may ask for more time between two requests than this; an hour is what it then gets.
_LONGEST_DELAY_S: Final = 3600.0

Outcome = Literal["served", "not_modified", "gone", "unreachable", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the site's time and ours one request may take; `size_bytes` counts what is unpacked.

    `wait_s` is the longest that is waited for a turn or before asking again.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 300.0
    wait_s: float = 60.0
    size_bytes: int = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One request and its outcome.

    served: `body` holds the decoded bytes, whole. not_modified: they are those that `etag` came with.
    gone: 404 or 410, the only road to "removed". unreachable: no usable answer; asking again may help.
    refused: an answer, but not one we may use. Where it was not served, `rule` is the rule it met
    (schemas.rules) and `reason` says in a sentence what happened.
    """

    url: str
    outcome: Outcome
    status_code: int | None = None
    body: bytes = b""
    etag: str | None = None
    rule: str | None = None
    reason: str | None = None


class _CaptureError(Exception):
    """Raised inside this module when a body cannot be had, with the capture that says so."""

    def __init__(self, rule: str, reason: str, outcome: Outcome = "unreachable") -> None:
        super().__init__(reason)
        self.rule, self.reason, self.outcome = rule, reason, outcome


@dataclass(kw_only=True)
class Site:
    """A polite session with one site; time and patience come in as arguments.

    `contact` is an address the publisher can write to; it is sent with every request. `clock` is
    monotonic, in seconds. `pace` hands out the turns, so that all who ask a host keep one pace.
    """

    address: str
    contact: str
    version: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    pace: Pace
    requests_per_second: float = 1.0
    limits: Limits = Limits()
    session: requests.Session = field(default_factory=requests.Session)
    _robots: dict[str, Protego | Capture] = field(default_factory=dict)
    _delays_s: dict[str, float] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    @property
    def user_agent(self) -> str:
        """Who is asking, in which version, and whom to write to."""
        return f"{_ROBOT}/{self.version} ({self.contact})"

    def url(self, path: str) -> str:
        """The address of a path on this site."""
        return urljoin(self.address.rstrip("/") + "/", path.lstrip("/"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the way of asking was like, where it was not as usual."""
        return (*self._notes, *([self.pace.trouble] if self.pace.trouble else []))

    def fetch(self, path: str, *, etag: str | None = None) -> Capture:
        """Ask for a path: robots.txt first, then politely and more than once where that can help.

        With an `etag` the site may answer that the bytes are those that came with it.
        """
        return self._follow(self.url(path), self._barred, etag)

    def _follow(self, url: str, barred: Callable[[str], Capture | None], etag: str | None = None) -> Capture:
        """Ask for an address and go where it redirects to, as long as that is on the site and nothing bars it."""
        for _ in range(_REDIRECTS + 1):
            bar = barred(url)
            if bar:
                return bar
            capture, location = self._ask(url, etag)
            if location is None:
                return capture
            try:
                target = urljoin(url, location)
            except ValueError:
                target = location
            if not self._is_allowed(target):
                return replace(capture, rule="C-OFF-SITE", reason=f"It redirects off the site, to {target[:200]}.")
            # The validator is one of the first address.
            url, etag = target, None
        return Capture(url=url, outcome="refused", rule="C-REFUSED", reason=f"It redirects more than {_REDIRECTS} times.")

    def close(self) -> None:
        """Let the connections go."""
        self.session.close()

    def _is_allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        host, own = parts.netloc.lower(), urlsplit(self.address).netloc.lower()
        return parts.scheme in ("http", "https") and (host == own or {host, own} <= _PUBLISHER_HOSTS)

    def _barred(self, url: str) -> Capture | None:
        """The capture that stands in for one robots.txt does not allow, or None where it does."""
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        if root not in self._robots:
            answer = self._follow(f"{root}/robots.txt", lambda _: None)
            if answer.outcome == "unreachable":
                self._robots[root] = answer
            else:
                # RFC 9309: no robots.txt (any 4xx) allows everything.
                rules = Protego.parse(answer.body.decode("utf-8", "replace"))
                self._heed(root, rules)
                self._robots[root] = rules
        robots = self._robots[root]
        if isinstance(robots, Capture):
            reason = f"{robots.url} could not be read: {robots.reason}"
            return Capture(url=url, outcome="unreachable", status_code=robots.status_code, rule=robots.rule, reason=reason)
        if not robots.can_fetch(url, _ROBOT):
            return Capture(url=url, outcome="refused", rule="C-ROBOTS", reason="robots.txt does not allow it.")
        return None

    def _heed(self, root: str, robots: Protego) -> None:
        """Keep the time that robots.txt wants between two requests, where it is longer than ours."""
        rate = robots.request_rate(_ROBOT)
        asked_s = max(robots.crawl_delay(_ROBOT) or 0.0, rate.seconds / rate.requests if rate else 0.0)
        if asked_s > 1 / self.requests_per_second:
            self._delays_s[urlsplit(root).netloc] = min(asked_s, _LONGEST_DELAY_S)
            kept = "it is kept" if asked_s <= _LONGEST_DELAY_S else f"{_LONGEST_DELAY_S:,.0f} are kept"
            self._notes.append(f"{root}/robots.txt asks for {asked_s:,.0f} seconds between two requests; {kept}.")

    def _ask(self, url: str, etag: str | None) -> tuple[Capture, str | None]:
        """One address, tried again while that can help; with the place a redirect points to."""
        capture: Capture | None = None
        for attempt in range(_ATTEMPTS):
            late = self._take_turn(url)
            if late:
                return capture or late, None
            try:
                capture, location, retry_after = self._once(url, etag)
            except _CaptureError as error:
                capture, location, retry_after = _failed(url, error), None, None
            except requests.RequestException as error:
                capture, location, retry_after = _failed(url, _said(error)), None, None
            except ValueError:
                # The library itself reads where a redirect points to, and stumbles over what is no address.
                reason = "It redirects to what is no address."
                return Capture(url=url, outcome="refused", rule="C-OFF-SITE", reason=reason), None
            if capture.outcome != "unreachable":
                return capture, location
            if attempt + 1 < _ATTEMPTS:
                wait_s = retry_after if retry_after is not None else 0.5 * 2**attempt * (1 + random.random())  # noqa: S311 - jitter
                self.sleep(min(wait_s, self.limits.wait_s))
        return capture or _failed(url, _CaptureError("C-UNREACHABLE", "It was not asked.")), None

    def _once(self, url: str, etag: str | None) -> tuple[Capture, str | None, float | None]:
        deadline = self.clock() + self.limits.total_s
        headers = {"User-Agent": self.user_agent, "From": self.contact, "Accept-Encoding": "gzip"}
        headers |= {"If-None-Match": etag} if etag else {}
        timeout = (self.limits.connect_s, self.limits.read_s)
        with self.session.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
            status = response.status_code
            answer = f"The site answered {status} {response.reason or ''}".rstrip() + "."
            if response.is_redirect:
                return Capture(url=url, outcome="refused", status_code=status), response.headers["Location"], None
            if status == _NOT_MODIFIED and etag:
                return Capture(url=url, outcome="not_modified", status_code=status, etag=etag), None, None
            if status in _GONE:
                reason = f"The site answered {status}: there is no such page."
                return Capture(url=url, outcome="gone", status_code=status, rule="C-GONE", reason=reason), None, None
            if status in _PASSING:
                capture = Capture(url=url, outcome="unreachable", status_code=status, rule="C-UNREACHABLE", reason=answer)
                return capture, None, _retry_after(response)
            if status != 200:
                return Capture(url=url, outcome="refused", status_code=status, rule="C-REFUSED", reason=answer), None, None
            try:
                body = self._body(response, deadline)
            except _CaptureError as error:
                return replace(_failed(url, error), status_code=status), None, None
            return Capture(url=url, outcome="served", status_code=status, body=body, etag=response.headers.get("ETag")), None, None

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """The decoded body, whole. Raises _CaptureError."""
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if coding not in ("", "identity", *_GZIP):
            raise _CaptureError("C-REFUSED", f"The body is compressed with {coding[:40]!r}, which was not asked for.", "refused")
        too_large = _CaptureError("C-TOO-LARGE", f"The body is larger than {self.limits.size_bytes:,} bytes.", "refused")
        announced = response.headers.get("Content-Length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > self.limits.size_bytes:
            raise too_large
        arriving = _Arriving(response, lambda: self.clock() > deadline, self.limits.total_s)
        body = bytearray()
        for chunk in _unpacked(arriving) if coding in _GZIP else arriving.chunks():
            body += chunk
            if len(body) > self.limits.size_bytes:
                raise too_large
        return bytes(body)

    def _take_turn(self, url: str) -> Capture | None:
        """Wait until this host may be asked; a capture instead where that is longer than is waited."""
        host = urlsplit(url).netloc.lower()
        own_s = 1 / self.requests_per_second
        longest_s = max(self.limits.wait_s, own_s)
        while wait_s := self.pace.claim(host, max(own_s, self._delays_s.get(host, 0.0))):
            if wait_s > longest_s:
                reason = (
                    f"It was not asked: {host} is not to be asked for another {wait_s:,.0f} seconds, and more than {longest_s:,.0f} "
                    "are not waited. It is left for the next run."
                )
                return Capture(url=url, outcome="unreachable", rule="C-DEFERRED", reason=reason)
            self.sleep(wait_s)
        return None


class _Arriving(io.RawIOBase):
    """The bytes of a body as they arrive, still packed; every read is against the clock.

    requests' own iterator waits for whole chunks, so that a dripping body would beat the clock.
    """

    def __init__(self, response: requests.Response, is_late: Callable[[], bool], total_s: float) -> None:
        self._raw = response.raw
        self._is_late = is_late
        self._total_s = total_s

    def read(self, size: int = -1, /) -> bytes:
        if self._is_late():
            raise _CaptureError("C-TOO-SLOW", f"The body was not there after {self._total_s:.0f} seconds.")
        try:
            return bytes(self._raw.read1(size if 0 < size < _CHUNK_BYTES else _CHUNK_BYTES, decode_content=False))
        except urllib3.exceptions.ProtocolError as error:
            raise _CaptureError("C-CUT-OFF", "The body was cut off.") from error
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout(error) from error

    def chunks(self) -> Iterator[bytes]:
        """All of it, piece by piece."""
        while chunk := self.read():
            yield chunk


def _unpacked(arriving: _Arriving) -> Iterator[bytes]:
    """The unpacked body in pieces no larger than asked for, however small it was packed.

    urllib3 takes a packed stream that just ends for a whole one; this reader does not.
    """
    try:
        with gzip.GzipFile(fileobj=arriving) as unpacked:
            while chunk := unpacked.read1(_CHUNK_BYTES):
                yield chunk
    except EOFError as error:
        raise _CaptureError("C-CUT-OFF", "The body was cut off.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _CaptureError("C-CUT-OFF", "The body could not be decompressed.") from error


def _failed(url: str, error: _CaptureError) -> Capture:
    return Capture(url=url, outcome=error.outcome, rule=error.rule, reason=error.reason)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds the site asks us to wait: a number, or a date counted from the site's own clock."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(response.headers.get("Date", ""))).total_seconds())
    except (TypeError, ValueError):
        return None


def _said(error: requests.RequestException) -> _CaptureError:
    """What went wrong, for a person; the library's own words name objects in memory."""
    if isinstance(error, requests.exceptions.SSLError):
        reason = "The site's certificate could not be verified."
    elif isinstance(error, requests.exceptions.ConnectTimeout):
        reason = "No connection came about in time."
    elif isinstance(error, requests.exceptions.Timeout):
        reason = "The site did not answer in time."
    elif isinstance(error, requests.exceptions.ConnectionError):
        reason = "No connection could be made, or it broke."
    else:
        reason = plain(str(error))[:200]
    return _CaptureError("C-UNREACHABLE", reason)
