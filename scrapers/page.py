"""Read a standard's own web page, `/apprenticeships/st0128-v1-1?view=standard`.

Belongs here: the order of the page (title, notices, panel, details, version log) and what of its
bytes is worth keeping. Not here: how each part is read (panel, details).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise, zip_longest
from typing import Any, Final

from bs4 import BeautifulSoup

from schemas.conflict import LogRow
from schemas.record import APPROVED, IN_DEVELOPMENT, PROPOSAL, RETIRED, STATUSES, WITHDRAWN, Record
from schemas.rules import Finding
from schemas.text import plain, said
from scrapers import duties, ksbs
from scrapers.addresses import blank_addresses
from scrapers.api import version_number
from scrapers.details import SECTION_TITLES, SUMMARY_TITLES, TITLES, Details, is_loading, read_details, refuse_another, refuse_strays
from scrapers.grids import find_grid, rows_of
from scrapers.lines import Line, common_path, is_under, labelled, visible_lines, words_of
from scrapers.notice import STATUS_RE, notice_text
from scrapers.panel import FIELDS, Panel, find_panel, find_titled, read_day, read_panel
from scrapers.panel import TITLE as PANEL_TITLE
from scrapers.reading import ParseError, Reading

PARSER_VERSION: Final = "page-1"

_REFERENCE_RE: Final = re.compile(r"ST\d{4}")
_STATUS_RE: Final = re.compile(r"(?P<status>.*?)(?: ?\((?P<starts>available|paused) for starts\))?", re.IGNORECASE)
_LOG_TITLE: Final = "version log"
_LOG_ROLES: Final = {
    "version": "version",
    "change detail": "change",
    "earliest start date": "earliest",
    "latest start date": "latest",
    "latest end date": "end",
}
_OWN_LOG_LABELS: Final = frozenset(_LOG_ROLES) - {"version"}
_IN_REVISION: Final = "revised version awaiting implementation"
_OVERVIEW_TITLE: Final = "overview of the role"
# What varies from visit to visit and says nothing: scripts, styles, comments, hidden inputs, anti-forgery
# metas. They are gone through from left to right, since each may hold what looks like another.
_NOISE_RE: Final = re.compile(rb"<(?:(?P<comment>!--)|(?P<raw>script|style)(?=[\s/>])|(?P<tag>input|meta)(?=[\s/>]))", re.IGNORECASE)
_TAG_END_RE: Final = re.compile(rb"""(?:[^>"']|"[^"]*"|'[^']*')*+>""")
_LONGEST_TAG: Final = 8192
_HIDDEN_INPUT_RE: Final = re.compile(rb"""\btype\s*=\s*["']?hidden\b|token|csrf|xsrf""", re.IGNORECASE)
_TOKEN_META_RE: Final = re.compile(rb"csrf|xsrf|token|nonce|verification|request-?id|session|trace", re.IGNORECASE)
_XML_RE: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*>")
_PASSES: Final = 10
_NONCE_RE: Final = re.compile(rb"""nonce=(?<=\snonce=)(?:"[^"]*"|'[^']*'|[^\s"'>]+)""")
_DATA_TOKEN_RE: Final = re.compile(
    rb"""data-(?<=\sdata-)(?P<name>(?:[a-z]+-)*(?:csrf|xsrf|token|nonce|cfemail)(?:-[a-z]+)*)=(?:"[^"]*"|'[^']*'|[^\s"'>]+)"""
)
# Words around the notices that are the site's own.
_CHROME: Final = frozenset(
    (
        "apprenticeships",
        "contents",
        "home",
        "important",
        "notice",
        "notices",
        "print",
        "print occupational standard",
        "share",
        "skip to main content",
    )
)
_NOTICE_TITLES: Final = frozenset(("important information", "information", "warning"))
_PART_TITLES: Final = frozenset((_LOG_TITLE, *TITLES, *SECTION_TITLES, *duties.TITLES, *ksbs.TITLES)) - {"duties"}
# A standard that was never finished may show nothing of its details yet.
_UNFINISHED: Final = frozenset((IN_DEVELOPMENT, PROPOSAL, WITHDRAWN))
# Their pages show a number, and more facts than the others.
_NUMBERED: Final = frozenset((APPROVED, RETIRED))
_USUAL: Final = {
    False: frozenset(("route", "changed_on")),
    True: frozenset(("typical_duration_months", "max_funding_gbp", "route", "changed_on", "approved_on", "lars_code", "eqa_provider")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page taken apart: its title, what stands around the panel, the panel, and the lines of the rest."""

    title: str
    notice: str | None
    overview: str | None
    panel: Panel
    lines: tuple[Line, ...]
    logs: tuple[tuple[Line, ...], ...]
    is_partial: bool

    def details(self, *, is_draft: bool, may_be_empty: bool) -> Details:
        """Read the details.

        Raises ParseError (P-LOADING, P-MISSING-FIELD and what `read_details` raises).
        """
        details = read_details(self.lines, is_draft=is_draft)
        if self.is_partial and not details.content.ksbs:
            raise ParseError("P-LOADING", "A part of the details is to come.")
        if details.is_empty and not may_be_empty:
            raise ParseError("P-MISSING-FIELD", "The details hold neither prose nor duties nor KSBs.")
        return details


def evidence(body: bytes) -> bytes:
    """The bytes worth keeping: without what varies from visit to visit, and without e-mail addresses."""
    # In broken mark-up blanking one thing can bring another to light; once more over a sound page costs little.
    for _ in range(_PASSES):
        quiet = _DATA_TOKEN_RE.sub(rb'data-\g<name>=""', _NONCE_RE.sub(b'nonce=""', _without_noise(blank_addresses(body))))
        if quiet == body:
            break
        body = quiet
    return body


def _without_noise(body: bytes) -> bytes:
    kept: list[bytes] = []
    lower = body.lower()
    done, at = 0, _NOISE_RE.search(body)
    while at:
        quiet, end = _quiet(body, lower, at)
        if quiet is not None:
            kept += (body[done : at.start()], quiet)
            done = end
        at = _NOISE_RE.search(body, end)
    return b"".join((*kept, body[done:]))


def _quiet(body: bytes, lower: bytes, at: re.Match[bytes]) -> tuple[bytes | None, int]:
    """What to put in the place of an element and where it ends; None for one to keep as it is."""
    if at["comment"]:
        end = body.find(b"-->", at.end())
        return (None, at.end()) if end < 0 or body.startswith((b">", b"->"), at.end()) else (b"<!---->", end + 3)
    name = lower[at.start() + 1 : at.end()]
    tag = _TAG_END_RE.match(body, at.end(), at.end() + _LONGEST_TAG)
    if tag is None:
        return None, at.end()
    if at["raw"]:
        end = lower.find(b"</" + name, tag.end())
        close = body.find(b">", end)
        return (None, at.end()) if end < 0 or close < 0 else (b"<" + name + b"></" + name + b">", close + 1)
    if name == b"input":
        return (b'<input type="hidden">' if _HIDDEN_INPUT_RE.search(tag[0]) else None), tag.end()
    return (b"<meta>" if _TOKEN_META_RE.search(tag[0]) else None), tag.end()


def parse(body: bytes) -> Reading:
    """Read one version's page, as `evidence` keeps it.

    Raises ParseError (P-NOT-A-STANDARD, P-LOADING, P-MISSING-FIELD, P-BAD-VALUE, P-KSB-CODES,
    P-DUTY-NUMBERS, P-MAPPED-CODE-MISSING).
    """
    sheet = take_apart(body, required=("status", "reference", "level"))
    values: dict[str, Any] = sheet.panel.values()
    status, is_paused = _status(values.pop("status"))
    sheet.panel.refuse_renamed(_USUAL[status in _NUMBERED])
    version = values.pop("version", None)
    if version is None and status in _NUMBERED:
        raise ParseError("P-MISSING-FIELD", "version")
    reference = values.pop("reference")
    if not _REFERENCE_RE.fullmatch(reference):
        raise ParseError("P-BAD-VALUE", f"reference: {reference!r}")
    details = sheet.details(is_draft=status in (IN_DEVELOPMENT, PROPOSAL), may_be_empty=status in _UNFINISHED)
    if not sheet.logs and len({found[0] for line in sheet.lines if (found := labelled(line, _OWN_LOG_LABELS.__contains__))}) > 1:
        raise ParseError("P-MISSING-FIELD", "The title of the version log.")
    for lines in sheet.logs:
        refuse_strays(lines, details.content)
    rows, roles, log_findings = _log_rows(sheet.logs)
    change = _own_change(rows, version) if sheet.logs else {}
    log, unreadable = _log(rows, roles)
    record = Record(
        reference=reference,
        version=version,
        title=sheet.title,
        status=status,
        is_paused_for_starts=is_paused,
        notice=sheet.notice,
        overview=sheet.overview,
        **values,
        **change,
        **detail_values(details),
    )
    return Reading(record=record, findings=(*sheet.panel.findings, *details.findings, *log_findings, *unreadable), log=log)


def detail_values(details: Details) -> dict[str, Any]:
    """The columns the details fill."""
    return {
        "occupation_summary": details.occupation_summary,
        "job_titles": details.job_titles,
        "entry_requirements": details.entry_requirements,
        "standard_information": details.standard_information,
        "content": details.content,
    }


def take_apart(body: bytes, *, required: Sequence[str]) -> Sheet:
    """Find the parts of a page that shows a standard; `required` are the labels its panel must have.

    Raises ParseError (P-NOT-A-STANDARD, P-LOADING, P-MISSING-FIELD, P-BAD-VALUE).
    """
    everything = lines_of(body)
    lines = [line for line in everything if not is_loading(line)]
    panels_at = find_titled(lines) or [at for at in (find_panel(lines),) if at is not None]
    if not panels_at:
        raise ParseError("P-NOT-A-STANDARD", f"No panel of key information; it begins {_beginning(everything)}")
    details_at = _details_at(lines, panels_at[0])
    above = [at for at in panels_at if details_at is None or at < details_at]
    title_at = _title_at(lines, (above or panels_at)[-1], details_at)
    panel = _panel(lines, panels_at, details_at, title_at)
    missing = [label for label in required if not panel.words.get(label)]
    if missing:
        raise ParseError("P-MISSING-FIELD", ", ".join(missing))
    if details_at is None:
        if len(lines) < len(everything):
            raise ParseError("P-LOADING", "It has no details of the standard.")
        raise ParseError("P-MISSING-FIELD", "The details of the occupational standard.")
    logs_at = _logs_at(lines, details_at)
    log_at = logs_at[0]
    rest = [lines[i] for i in range(details_at + (lines[details_at].key in TITLES), log_at) if i not in panel.lines]
    if not rest and len(lines) < len(everything):
        raise ParseError("P-LOADING", "The details are empty.")
    notices, overview = _notices(lines, title_at, details_at, panel)
    head_at = _head_at(lines, title_at, panel)
    if head_at is not None:
        panel = replace(panel, unknown=((lines[head_at].text, ""), *panel.unknown))
    return Sheet(
        title=plain(words_of([line for line in lines if line.level == 1 and line.path == lines[title_at].path])),
        notice=notice_text(notices),
        overview=said(plain(" ".join(overview))),
        panel=panel,
        lines=tuple(rest),
        logs=tuple(tuple(lines[i] for i in range(begin, end) if i not in panel.lines) for begin, end in pairwise(logs_at)),
        is_partial=any(is_loading(line) and is_under(line, lines[details_at].path[:-1]) for line in everything),
    )


def lines_of(body: bytes) -> tuple[Line, ...]:
    """Every visible line of a page.

    Raises ParseError (P-NOT-A-STANDARD, P-MISSING-FIELD) for what is no page, or only the beginning of one.
    """
    try:
        return visible_lines(_tree(body))
    except RecursionError as error:
        raise ParseError("P-NOT-A-STANDARD", "Elements within elements without end.") from error


def _tree(body: bytes) -> BeautifulSoup:
    body = _XML_RE.sub(b"", blank_addresses(body), count=1)
    if b"<" not in body:
        raise ParseError("P-NOT-A-STANDARD", f"No mark-up; it begins {body[:60].decode('utf-8', 'replace')!r}")
    lower = body.lower()
    if b"<html" in lower[:2048] and b"</html" not in lower:
        raise ParseError("P-MISSING-FIELD", "The end of the page: it was cut short.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("windows-1252", "replace")
    # No attribute is read as a list; telling which are lists takes time.
    return BeautifulSoup(text, "lxml", multi_valued_attributes=None)


def _details_at(lines: Sequence[Line], panel_at: int) -> int | None:
    """The title of the details, or without one the title of their first section."""
    for titles in (TITLES, SUMMARY_TITLES, frozenset(("occupation duties",))):
        found = [i for i, line in enumerate(lines) if line.key in titles and i != panel_at]
        if found:
            return min(found, key=lambda i: (not lines[i].level, not any(line.key in SUMMARY_TITLES for line in lines[i + 1 : i + 8]), i))
    return None


def _title_at(lines: Sequence[Line], panel_at: int, details_at: int | None) -> int:
    """The heading of the page: the last one of the first level before the panel, else the first one before the details."""
    titles = [i for i, line in enumerate(lines) if line.level == 1 and (details_at is None or i < details_at)]
    if not titles:
        raise ParseError("P-NOT-A-STANDARD", "No title.")
    return next((i for i in reversed(titles) if i < panel_at), titles[0])


def _panel(lines: Sequence[Line], begins: Sequence[int], details_at: int | None, title_at: int) -> Panel:
    """The panel and every copy of it that the page shows.

    Raises ParseError (P-BAD-VALUE) for a copy that says something else: the page shows two standards.
    """
    panels = []
    for begin, following in zip_longest(begins, begins[1:]):
        end = min(_panel_limit(lines, begin, details_at, title_at), len(lines) if following is None else following)
        panels.append(read_panel(lines, begin, end, [lines[i] for i in (title_at, details_at, following) if i is not None]))
    found, *others = panels
    copies = [other for other in others if "reference" in other.words]
    if any(copy.words.items() - found.words.items() for copy in copies):
        raise ParseError("P-BAD-VALUE", "Two panels of key information say different things.")
    return replace(found, lines=found.lines.union(*(copy.lines for copy in copies)))


def _panel_limit(lines: Sequence[Line], panel_at: int, details_at: int | None, title_at: int) -> int:
    stops = [i for i in (details_at, title_at) if i is not None and i > panel_at]
    stops += [i for i in range(panel_at + 1, len(lines)) if lines[i].key in (_LOG_TITLE, "contents", "print occupational standard")][:1]
    return min(stops, default=len(lines))


def _logs_at(lines: Sequence[Line], details_at: int) -> list[int]:
    """Where the version log and each copy of it begins, and the end of the page; prose may just hold the words of its title.

    Raises ParseError (P-BAD-VALUE) for a title with nothing below that can be read.
    """
    found = []
    for index in range(details_at + 1, len(lines)):
        line = lines[index]
        if line.key == _LOG_TITLE:
            if any(labelled(other, _LOG_ROLES.__contains__) for other in lines[index + 1 : index + 8]):
                found.append(index)
            elif line.level:
                raise ParseError("P-BAD-VALUE", "The version log cannot be read.")
    return [*found, len(lines)]


def _notices(lines: Sequence[Line], title_at: int, details_at: int, panel: Panel) -> tuple[list[str], list[str]]:
    """What stands between title, panel and details: the notices, and the overview under its own title."""
    title = lines[title_at].text
    head = _head_at(lines, title_at, panel)
    around = [line for index, line in enumerate(lines[:details_at]) if index not in panel.lines]
    refuse_another(around)
    ksbs.check_prose(around)
    duties.check_none(around)
    texts: tuple[list[str], list[str]] = ([], [])
    is_overview = False
    last = max((i for i in panel.lines if i < details_at), default=title_at)
    for index, line in enumerate(lines[:details_at]):
        if index in panel.lines or index == head:
            is_overview = False
        elif line.level == 1 or line.key in _CHROME or line.text == title:
            continue
        elif line.key == _OVERVIEW_TITLE:
            is_overview = True
        elif index < title_at and (line.is_link or not line.is_main):
            continue
        elif not (index > last and line.is_link):
            if not is_overview and _is_no_notice(line, panel):
                raise ParseError("P-BAD-VALUE", f"Between the title and the details stands {line.text[:40]!r}: it is not clear what it is.")
            texts[is_overview].append(line.text)
    return texts


def _head_at(lines: Sequence[Line], title_at: int, panel: Panel) -> int | None:
    """The line that heads a panel without its usual title: it shares a block with it that does not hold the page's title."""
    first = min(panel.lines)
    above = first - 1
    if lines[first].key == PANEL_TITLE or above <= title_at:
        return None
    home = common_path(lines[above : first + 3])
    return above if not is_under(lines[title_at], home) else None


def _is_no_notice(line: Line, panel: Panel) -> bool:
    """A heading that nobody knows, the title of another part, a label the panel lacks: then what follows is no notice either."""
    found = labelled(line, FIELDS.__contains__)
    if found and found[0] not in panel.words:
        return True
    is_known = line.key in _NOTICE_TITLES or STATUS_RE.match(line.text) is not None
    return not is_known and (line.level > 1 or line.key in _PART_TITLES)


def _status(words: str) -> tuple[str, bool | None]:
    match = _STATUS_RE.fullmatch(words)
    known = {status.casefold(): status for status in STATUSES}
    if match is None or match["status"].casefold() not in known:
        raise ParseError("P-BAD-VALUE", f"status: {words[:60]!r}")
    return known[match["status"].casefold()], match["starts"].casefold() == "paused" if match["starts"] else None


def _log_rows(logs: Sequence[Sequence[Line]]) -> tuple[list[dict[str, str]], frozenset[str], tuple[Finding, ...]]:
    """The words of every row of the version log by role, and the roles the log has; every copy of it says the same.

    Raises ParseError (P-BAD-VALUE, P-MISSING-FIELD) for two logs that differ and for one that lacks a column.
    """
    found = [_rows(log) for log in logs]
    if not found:
        return [], frozenset(), ()
    rows, roles, findings = found[0]
    if any(other[0] != rows for other in found[1:]):
        raise ParseError("P-BAD-VALUE", "Two version logs say different things.")
    missing = [label for label, role in _LOG_ROLES.items() if role in ("change", "earliest", "latest") and role not in roles]
    if missing:
        raise ParseError("P-MISSING-FIELD", f"The version log has no {missing[0]}.")
    return rows, roles, findings


def _rows(lines: Sequence[Line]) -> tuple[list[dict[str, str]], frozenset[str], tuple[Finding, ...]]:
    grid = find_grid(lines, _LOG_ROLES, "version")
    if grid is None:
        rows = _cards(lines)
        return rows, frozenset(role for row in rows for role in row), ()
    rows = [{role: words_of(cells) for role, cells in row.items()} for row in rows_of(grid, lines).values()]
    findings = tuple(Finding(rule="P-UNKNOWN-FIELD", message=f"column {text[:40]}") for text in grid.unknown)
    return rows, frozenset(grid.roles.values()), findings


def _own_change(rows: Sequence[dict[str, str]], version: str | None) -> dict[str, Any]:
    """The version log's row of this version; a page in revision has the row that says so, if it is the only one."""
    own = [row for row in rows if _is_own(row.get("version", ""), version)]
    if version is not None and len(own) != 1:
        raise ParseError("P-MISSING-FIELD", f"The version log has {len(own)} rows of {version}.")
    return _log_facts(own[0]) if len(own) == 1 else {}


def _log_facts(row: dict[str, str]) -> dict[str, Any]:
    return {
        "change_note": said(plain(row.get("change"))),
        "earliest_start_on": _log_day(row, "earliest"),
        "latest_start_on": _log_day(row, "latest"),
    }


def _log(rows: Sequence[dict[str, str]], roles: frozenset[str]) -> tuple[tuple[LogRow, ...], tuple[Finding, ...]]:
    """Every row of a log that has all its columns; where one row cannot be read, none is compared."""
    if not roles >= {"version", "change", "earliest", "latest"}:
        return (), ()
    log = []
    for row in rows:
        words = row.get("version", "")
        try:
            version = None if words.casefold() == _IN_REVISION else _log_version(words)
            log.append(LogRow(version=version, **_log_facts(row)))
        except ParseError as error:
            return (), (Finding(rule="P-VERSION-LOG", message=f"{words[:60]}: {error.detail}"),)
    return tuple(log), ()


def _log_version(words: str) -> str:
    if not words:
        raise ParseError("P-BAD-VALUE", "a row without a version")
    return version_number(words)


def _cards(lines: Iterable[Line]) -> list[dict[str, str]]:
    """A log without columns: each row a list of labels and words."""
    rows: list[dict[str, str]] = []
    role = ""
    for line in lines:
        found = labelled(line, _LOG_ROLES.__contains__)
        if found:
            role = _LOG_ROLES[found[0]]
            if role == "version":
                rows.append({})
            if rows:
                rows[-1][role] = found[1]
        elif rows and role and not rows[-1][role]:
            rows[-1][role] = line.text
    return rows


def _is_own(text: str, version: str | None) -> bool:
    if text.casefold() == _IN_REVISION:
        return version is None
    try:
        return version is not None and version_number(text) == version
    except ParseError:
        return False


def _log_day(row: dict[str, str], role: str) -> date | None:
    text = plain(row.get(role))
    try:
        return read_day(text)
    except ValueError as error:
        raise ParseError("P-BAD-VALUE", f"version log, {role} start date: {text[:60]!r}") from error


def _beginning(lines: Sequence[Line]) -> str:
    return repr(words_of(lines[:3])[:60])
