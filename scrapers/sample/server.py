"""The sample site on loopback: the real site's addresses and behaviours, and its bad days on request.

Belongs here: addresses, validators, faults, the life of the server. Not here: mark-up (pages), what
the records say (records, nights). Any list of nights of API records can be served.

    /robots.txt
    /api/apprenticeshipstandards             every version of every standard
    /api/apprenticeshipstandards/ST9001      the version in force
    /apprenticeships/st9001-v1-2             the base page; ?view=standard is the standard in full
    /apprenticeships/st9001                  the version in force; also a first version in development
    /apprenticeships/st9001-in-revision      a new version that is not live yet
    /apprenticeship-standards/a-title-v1-2   the same page, where a record still gives it the address of years ago
    /occupations/OCC9001
    /planner/st9001                          the version in force, as a third party would republish it
"""

import contextlib
import gzip
import hashlib
import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import orjson

from scrapers.sample.nights import three_nights
from scrapers.sample.pages import base_page, fresh, not_found_page, occupation_page, planner_page, standard_page
from scrapers.sample.records import ApiRecord, sample_records

Record = Mapping[str, Any]

_ROBOTS: Final = b"User-agent: *\nDisallow: /search\nDisallow: /*?print=\n"
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"
_CHUNK_BYTES: Final = 4096
_NO_BODY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def sample_nights() -> list[list[ApiRecord]]:
    """The invented standards on the story's three nights."""
    return [list(night.values()) for night in three_nights(sample_records())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong at the addresses that `path`, a regular expression, is found in.

    Without `status` and `body` the right answer is given, only late, cut or with other headers, or with other
    words: `replace` holds pairs of a regular expression and what stands in the place of what it finds.
    `truncate` is how many bytes leave before the connection is cut; `times` None is for ever. With the
    header `Transfer-Encoding: chunked` the body is sent in chunks, without its length.
    """

    path: str
    status: int | None = None
    body: bytes | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    replace: Sequence[tuple[str, str]] = ()
    delay_s: float = 0.0
    truncate: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came; `time` is monotonic, in seconds, and only good for differences."""

    method: str
    path: str
    headers: Message
    time: float


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What an address shows on one night, the same for every visitor."""

    status: int
    content_type: str
    body: bytes
    etag: str

    @property
    def is_page(self) -> bool:
        return self.content_type == _HTML

    @cached_property
    def packed(self) -> bytes:
        """The body compressed; of no use for a page, whose body is another for every visitor."""
        return _packed(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """What one visitor is sent."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class _Armed:
    fault: Fault
    left: int | None


class SampleSite:
    """A site on a free loopback port, for as long as it is entered; it opens on the first night.

    `validators` False: no ETag is sent and If-None-Match is not honoured.
    """

    def __init__(self, nights: Sequence[Sequence[Mapping[str, Any]]], *, validators: bool = True) -> None:
        self.validators = validators
        self.requests: list[Request] = []
        self._nights = nights
        self._faults: list[_Armed] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.move(1)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        if self._server is None:
            raise RuntimeError("The site has no address before it is entered.")
        return f"http://127.0.0.1:{self._server.server_port}"

    def move(self, night: int) -> None:
        """Serve another night; the first is 1."""
        if not 1 <= night <= len(self._nights):
            raise ValueError(f"There are {len(self._nights)} nights, and {night} is none of them.")
        self._night = _Night(self._nights[night - 1])

    def misbehave(self, *faults: Fault) -> None:
        """Add faults; of those that fit a request, the one added first holds until it is used up."""
        with self._lock:
            self._faults += [_Armed(fault=fault, left=fault.times) for fault in faults]

    def behave(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._faults.clear()

    def __enter__(self) -> Self:
        self._closing.clear()
        self._server = _Server(self)
        # shutdown() waits for the next poll; the default of half a second is felt in every test.
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is None or self._thread is None:
            return
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._server = self._thread = None

    def reply(self, request: Request) -> tuple[_Reply, int | None]:
        """What a request is sent, after how long it takes, and where that is cut."""
        fault = self._log(request)
        if fault is None:
            return self._right_reply(request), None
        self._closing.wait(fault.delay_s)
        if fault.status is None and fault.body is None:
            reply = self._right_reply(request)
        else:
            status = HTTPStatus.OK if fault.status is None else fault.status
            body = f"<h1>{status}</h1>".encode() if fault.body is None else fault.body
            reply = _Reply(status=status, headers={"Content-Type": _HTML}, body=body)
        reply = _reworded(reply, fault.replace)
        kind = {} if fault.content_type is None else {"Content-Type": fault.content_type}
        return replace(reply, headers={**reply.headers, **kind, **fault.headers}), fault.truncate

    def _log(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            for armed in self._faults:
                if armed.left != 0 and re.search(armed.fault.path, request.path):
                    armed.left = None if armed.left is None else armed.left - 1
                    return armed.fault
        return None

    def _right_reply(self, request: Request) -> _Reply:
        answer = self._night.answer(request.path)
        headers = {"Content-Type": answer.content_type}
        if self.validators and answer.status == HTTPStatus.OK:
            headers["ETag"] = answer.etag
            if answer.etag in re.split(r"\s*,\s*", request.headers.get("If-None-Match", "")):
                return _Reply(status=HTTPStatus.NOT_MODIFIED, headers=headers, body=b"")
        body = answer.body
        if answer.is_page:
            body = fresh(body.decode(), nonce=secrets.token_urlsafe(16), token=secrets.token_urlsafe(32)).encode()
        if re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", request.headers.get("Accept-Encoding", "")):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            body = _packed(body) if answer.is_page else answer.packed
        return _Reply(status=answer.status, headers=headers, body=body)


class _Night:
    """One night's records by address; an answer is made once, when it is first asked for."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._answers: dict[tuple[str, str], _Answer] = {}
        self._versions: dict[str, list[Record]] = {}
        self._pages: dict[str, Record] = {}
        self._occupations: dict[str, str] = {}
        for record in sorted(records, key=_version_order):
            reference = record["referenceNumber"].strip().upper()
            self._versions.setdefault(reference, []).append(record)
            address = urlsplit(record.get("standardPageUrl") or "").path.lower().rstrip("/")
            self._pages[address] = record
            if address.startswith("/apprenticeship-standards/"):
                self._pages[f"/apprenticeships/{reference.lower()}-v{(record.get('version') or '1.0').replace('.', '-')}"] = record
            if record.get("occupationCode"):
                self._occupations[record["occupationCode"].upper()] = reference

    def answer(self, target: str) -> _Answer:
        """What `/apprenticeships/st9001-v1-2?view=standard` shows; letter case does not count."""
        split = urlsplit(target)
        path, view = split.path.lower().rstrip("/"), parse_qs(split.query).get("view", [""])[0]
        if (path, view) not in self._answers:
            self._answers[path, view] = self._made(path, view)
        return self._answers[path, view]

    def _made(self, path: str, view: str) -> _Answer:
        parent, _, name = path.rpartition("/")
        if path == "/robots.txt":
            return _answer(_ROBOTS, "text/plain; charset=utf-8")
        if path == "/api/apprenticeshipstandards":
            return _answer(orjson.dumps([dict(record) for record in self._records]), _JSON)
        if parent == "/api/apprenticeshipstandards":
            record = self._in_force(name)
            return _answer(orjson.dumps(record), _JSON, status=HTTPStatus.OK if record else HTTPStatus.NOT_FOUND)
        if parent == "/occupations" and (record := self._in_force(self._occupations.get(name.upper(), ""))):
            return _answer(occupation_page(record).encode(), _HTML)
        if parent == "/planner" and (record := self._in_force(name)):
            return _answer(planner_page(record).encode(), _HTML)
        if record := self._pages.get(path) or (self._in_force(name) if parent == "/apprenticeships" else None):
            reference = record["referenceNumber"].strip()
            show = standard_page if view.lower() == "standard" else base_page
            return _answer(show(record, self._versions[reference.upper()], self._in_force(reference) or record).encode(), _HTML)
        return _answer(not_found_page().encode(), _HTML, status=HTTPStatus.NOT_FOUND)

    def _in_force(self, reference: str) -> Record | None:
        """The version in force, else the newest."""
        versions = self._versions.get(reference.upper(), [])
        approved = [record for record in versions if record["status"] == "Approved for delivery"]
        return next(reversed(approved or versions), None)


def _answer(body: bytes, content_type: str, *, status: int = HTTPStatus.OK) -> _Answer:
    # Weak: a page's nonce and token are not in it, so two bodies with one tag differ in bytes.
    return _Answer(status=status, content_type=content_type, body=body, etag=f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')


def _reworded(reply: _Reply, replacements: Sequence[tuple[str, str]]) -> _Reply:
    if not replacements or not reply.body:
        return reply
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Encoding"}
    text = (reply.body if len(headers) == len(reply.headers) else gzip.decompress(reply.body)).decode()
    for old, new in replacements:
        text = re.sub(old, new, text, flags=re.DOTALL)
    return replace(reply, headers=headers, body=text.encode())


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


def _in_chunks(body: bytes) -> bytes:
    pieces = [body[start : start + _CHUNK_BYTES] for start in range(0, len(body), _CHUNK_BYTES)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def _version_order(record: Record) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", record.get("version") or "1.0"))


class _Server(ThreadingHTTPServer):
    """Knows its connections, so that it can leave none of them open behind it."""

    def __init__(self, site: SampleSite) -> None:
        self.site = site
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    # The base class types both as what any kind of server may have; a TCP server has a socket.
    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.pop(threading.current_thread(), None)

    def hang_up(self) -> None:
        """Cut every connection that a client keeps alive, and wait for its thread."""
        for thread, connection in list(self._connections.items()):
            # OSError: the client hung up first.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet, sent at once: else each request on a kept connection takes 44 ms.
    wbufsize = 65536
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        request = Request(method=self.command, path=self.path, headers=self.headers, time=time.monotonic())
        reply, cut_at = self.server.site.reply(request)
        has_body = reply.status not in _NO_BODY
        is_chunked = reply.headers.get("Transfer-Encoding") == "chunked"
        length = {"Content-Length": str(len(reply.body))} if has_body and not is_chunked else {}
        self.send_response(reply.status)
        for name, value in (length | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write((_in_chunks(reply.body) if is_chunked else reply.body)[:cut_at])
        if cut_at is not None:
            self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked is in the site's `requests`."""
