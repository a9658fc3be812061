"""The only door to the network.

Belongs here: asking politely, and saying in one value what came of it. Not here: what the bytes mean
(the parsers) or what a failure means for what is known (pipelines).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from protego import Protego

from schemas.text import plain

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

Outcome = Literal["served", "gone", "unreachable", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the site's time and ours one request may take."""

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 300.0
    wait_s: float = 60.0
    size_bytes: int = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One request and its outcome.

    served: `body` holds the decoded bytes, whole. gone: 404 or 410, the only road to "removed".
    unreachable: no usable answer; asking again may help. refused: an answer, but not one we may use.
    `reason` says in a sentence why it was not served.
    """

    url: str
    outcome: Outcome
    status_code: int | None = None
    body: bytes = b""
    etag: str | None = None
    reason: str | None = None


@dataclass(kw_only=True)
class Site:
    """A polite session with one site; time and patience come in as arguments.

    `contact` is an address the publisher can write to; it is sent with every request.
    """

    address: str
    contact: str
    version: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    requests_per_second: float = 1.0
    limits: Limits = Limits()
    session: requests.Session = field(default_factory=requests.Session)
    _free_at: dict[str, float] = field(default_factory=dict)
    _robots: dict[str, Protego | Capture] = field(default_factory=dict)

    @property
    def user_agent(self) -> str:
        """Who is asking, in which version, and whom to write to."""
        return f"{_ROBOT}/{self.version} ({self.contact})"

    def url(self, path: str) -> str:
        """The address of a path on this site."""
        return urljoin(self.address.rstrip("/") + "/", path.lstrip("/"))

    def fetch(self, path: str) -> Capture:
        """Ask for a path: robots.txt first, then politely and more than once where that can help."""
        return self._follow(self.url(path), self._barred)

    def _follow(self, url: str, barred: Callable[[str], Capture | None]) -> Capture:
        """Ask for an address and go where it redirects to, as long as that is on the site and nothing bars it."""
        for _ in range(_REDIRECTS + 1):
            bar = barred(url)
            if bar:
                return bar
            capture, location = self._ask(url)
            if location is None:
                return capture
            try:
                target = urljoin(url, location)
            except ValueError:
                target = location
            if not self._is_allowed(target):
                return Capture(
                    url=url, outcome="refused", status_code=capture.status_code, reason=f"It redirects off the site, to {target[:200]}."
                )
            url = target
        return Capture(url=url, outcome="refused", reason=f"It redirects more than {_REDIRECTS} times.")

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
                self._robots[root] = Protego.parse(answer.body.decode("utf-8", "replace"))
        robots = self._robots[root]
        if isinstance(robots, Capture):
            return Capture(
                url=url, outcome="unreachable", status_code=robots.status_code, reason=f"{robots.url} could not be read: {robots.reason}"
            )
        if not robots.can_fetch(url, _ROBOT):
            return Capture(url=url, outcome="refused", reason="robots.txt does not allow it.")
        return None

    def _ask(self, url: str) -> tuple[Capture, str | None]:
        """One address, tried again while that can help; with the place a redirect points to."""
        capture = Capture(url=url, outcome="unreachable", reason="It was not asked.")
        for attempt in range(_ATTEMPTS):
            wait_s = 0.0
            self._pace(urlsplit(url).netloc)
            try:
                capture, location, retry_after = self._once(url)
            except requests.RequestException as error:
                capture, location, retry_after = Capture(url=url, outcome="unreachable", reason=_said(error)), None, None
            except ValueError:
                # The library itself reads where a redirect points to, and stumbles over what is no address.
                return Capture(url=url, outcome="refused", reason="It redirects to what is no address."), None
            if capture.outcome != "unreachable":
                return capture, location
            if attempt + 1 < _ATTEMPTS:
                wait_s = retry_after if retry_after is not None else 0.5 * 2**attempt * (1 + random.random())  # noqa: S311 - jitter
                self.sleep(min(wait_s, self.limits.wait_s))
        return capture, None

    def _once(self, url: str) -> tuple[Capture, str | None, float | None]:
        started = self.clock()
        headers = {"User-Agent": self.user_agent, "From": self.contact, "Accept-Encoding": "gzip, deflate"}
        timeout = (self.limits.connect_s, self.limits.read_s)
        with self.session.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
            status = response.status_code
            if response.is_redirect:
                return Capture(url=url, outcome="refused", status_code=status), response.headers["Location"], None
            if status in _GONE:
                return (
                    Capture(url=url, outcome="gone", status_code=status, reason=f"The site answered {status}: there is no such page."),
                    None,
                    None,
                )
            if status in _PASSING:
                reason = f"The site answered {status} {response.reason or ''}".rstrip() + "."
                return Capture(url=url, outcome="unreachable", status_code=status, reason=reason), None, _retry_after(response)
            if status != 200:
                reason = f"The site answered {status} {response.reason or ''}".rstrip() + "."
                return Capture(url=url, outcome="refused", status_code=status, reason=reason), None, None
            body = bytearray()
            for chunk in _chunks(response):
                body += chunk
                if len(body) > self.limits.size_bytes:
                    reason = f"The body is larger than {self.limits.size_bytes:,} bytes."
                    return Capture(url=url, outcome="refused", status_code=status, reason=reason), None, None
                if self.clock() - started > self.limits.total_s:
                    reason = f"The body was not there after {self.limits.total_s:.0f} seconds."
                    return Capture(url=url, outcome="unreachable", status_code=status, reason=reason), None, None
            return Capture(url=url, outcome="served", status_code=status, body=bytes(body), etag=response.headers.get("ETag")), None, None

    def _pace(self, host: str) -> None:
        """Wait until this host may be asked again."""
        now = self.clock()
        wait_s = self._free_at.get(host, now) - now
        if wait_s > 0:
            self.sleep(wait_s)
        self._free_at[host] = max(now, self._free_at.get(host, now)) + 1 / self.requests_per_second


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """The decoded body as it arrives; requests' own iterator waits for whole chunks, so a dripping body would beat the clock."""
    try:
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            yield chunk
    except urllib3.exceptions.ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from error


def _retry_after(response: requests.Response) -> float | None:
    """Seconds the site asks us to wait: a number, or a date counted from the site's own clock."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(response.headers.get("Date", ""))).total_seconds())
    except (TypeError, ValueError):
        return None


def _said(error: requests.RequestException) -> str:
    """What went wrong, for a person; the library's own words name objects in memory."""
    if isinstance(error, requests.exceptions.SSLError):
        return "The site's certificate could not be verified."
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "No connection came about in time."
    if isinstance(error, requests.exceptions.Timeout):
        return "The site did not answer in time."
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "The body was cut off."
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "The body could not be decompressed."
    if isinstance(error, requests.exceptions.ConnectionError):
        return "No connection could be made, or it broke."
    return plain(str(error))[:200]
