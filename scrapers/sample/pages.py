"""The sample site's web pages, rendered from the records the API serves.

Belongs here: mark-up. Not here: which address shows what (server). Every value is escaped, save
the prose fields: those are the publisher's own HTML, escaped once on their way through the API.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

Record = Mapping[str, Any]

_NONCE: Final = 'nonce=""'
_FORM_FIELD: Final = 'name="__RequestVerificationToken" value=""'
_LONDON: Final = ZoneInfo("Europe/London")
_TABS: Final = ("OccupationalStandard", "AssessmentPlan", "Funding")
_LISTS: Final = (
    ("Knowledge", "K", "knowledges", "knowledgeId", "mappedKnowledge"),
    ("Skills", "S", "skills", "skillId", "mappedSkills"),
    ("Behaviours", "B", "behaviours", "behaviourId", "mappedBehaviour"),
)


def base_page(record: Record, versions: Sequence[Record], current: Record) -> str:
    """The address without a view: the standard itself is left to a script that nobody here runs."""
    tabs = "".join(f'<div id="{tab}">Content loading...</div>' for tab in _TABS)
    employers = record.get("involvedEmployers")
    involved = f"<h2>Employers involved</h2><p>{_text(employers)}</p>" if employers else ""
    return _version_page(record, versions, current, f"<h2>Contents</h2>{tabs}{involved}")


def standard_page(record: Record, versions: Sequence[Record], current: Record) -> str:
    """`?view=standard`: the standard in full. `versions` are oldest first."""
    return _version_page(record, versions, current, _details(record))


def occupation_page(record: Record) -> str:
    """The occupation, whatever its version: fewer facts, the same details."""
    facts = [
        ("Reference", record["referenceNumber"].strip()),
        ("Date updated", _day(record.get("lastUpdated"))),
        ("Level", str(record["level"])),
        ("Route", record["route"]),
        ("Regulated occupation", "Yes" if record.get("regulated") else "No"),
    ]
    return _page(record["title"], _panel(facts) + _details(record))


def planner_page(record: Record) -> str:
    """What a third party makes of a version in force: its own words, lists cut short, and dates that lose a day in summer."""
    lists = {heading: record.get(name) or [] for heading, _, name, *_ in _LISTS}
    counts = {heading: len(items) for heading, items in lists.items()}
    reference, title = record["referenceNumber"].strip(), record["title"]
    months, funding = record.get("typicalDuration"), record.get("maxFunding")
    band = f", with a maximum funding band of £{funding:,}" if funding else ""
    duties = record.get("duties") or []
    facts = (
        ("Version", f"{record['version']}</dd>\n<dd>{_text(record.get('change'))}"),
        ("Last changed", _utc_day(record.get("changedDate"))),
        ("Earliest start", _utc_day(record.get("earliestStartDate"))),
        ("Approved for delivery", _utc_day(record.get("approvedForDelivery"))),
        ("EQA Provider", _text((record.get("eQAProvider") or {}).get("providerName"))),
        ("Sector Subject Area", _text(record.get("ssa2"))),
        ("Trailblazer", _text(record.get("tbReference"))),
        ("Last checked", "1 Jun 2026"),
    )
    parts = [
        f"<h2>In short</h2><p>A {_text(title)} Level {record['level']} apprenticeship prepares people for work that nobody does.</p>",
        f"<h2>Our guide</h2><p>Get the {reference} Delivery Guide</p><p>From £9.99</p>",
        "<h2>Knowledge, Skills &amp; Behaviours</h2>",
        *(
            f"<h3>{heading}</h3><span>{len(items)}</span><ul>{''.join(_cut_short(letter, items))}</ul>"
            for (heading, items), (_, letter, *_) in zip(lists.items(), _LISTS, strict=True)
        ),
        f"<h2>Duties ({len(duties)})</h2>" + "".join(f"<p>{_text(duty['dutyDetail'])}</p>" for duty in duties) if duties else "",
        "<h2>Version &amp; Source</h2>\n<dl>"
        + "\n".join(f"<dt>{label}</dt>\n<dd>{value}</dd>" for label, value in facts if value)
        + "</dl>",
        "<h2>Frequently Asked Questions</h2>",
        f"<h3>What is in the {reference} standard?</h3><p>The {_text(title)} apprenticeship has {counts['Knowledge']} knowledge items, "
        f"{counts['Skills']} skills, and {counts['Behaviours']} behaviours that apprentices must demonstrate.</p>",
        f"<h3>How long is it?</h3><p>The typical duration is {months} months{band}.</p>" if months else "",
    ]
    return _page(title, "\n".join(part for part in parts if part))


def _cut_short(letter: str, items: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for number, item in enumerate(items[:5], 1):
        words = html.unescape(item["detail"])
        yield f"<li>{letter}{number}: {html.escape(words if len(words) <= 60 else words[:60] + '...')}</li>"
    if len(items) > 5:
        yield f"<li>+ {len(items) - 5} more items</li>"


def _utc_day(value: str | None) -> str:
    """The day as a machine in UTC prints a London midnight: in summer the one before."""
    if not value or value.startswith("0001"):
        return ""
    day = _date(value)
    shown = datetime(day.year, day.month, day.day, tzinfo=_LONDON).astimezone(UTC)
    return f"{shown.day} {shown:%b %Y}"


def not_found_page() -> str:
    """What every unknown address shows."""
    return _page("Page not found", "<p>Check the address, or start again from the list of apprenticeships.</p>")


def fresh(page: str, *, nonce: str, token: str) -> str:
    """The page as one visitor gets it. Both places come before any word of a record."""
    return page.replace(_NONCE, f'nonce="{html.escape(nonce)}"', 1).replace(_FORM_FIELD, _FORM_FIELD[:-1] + f'{html.escape(token)}"', 1)


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head><meta charset="utf-8">'
        f"<script {_NONCE}>document.documentElement.className = 'js'</script>"
        f"<title>{_text(title)} / Sample site</title></head>\n<body>"
        f'<header><form action="/search"><input type="hidden" {_FORM_FIELD}>'
        '<label for="words">Search</label> <input id="words" name="words"></form></header>\n'
        f"<main>\n<h1>{_text(title)}</h1>\n{body}\n</main>\n"
        "<footer><p>Sample pages: every standard on them is invented.</p><p>Is this webpage useful?</p></footer>\n</body>\n</html>\n"
    )


def _version_page(record: Record, versions: Sequence[Record], current: Record, middle: str) -> str:
    body = (_notices(record, current), _panel(_key_information(record)), middle, _version_log(versions))
    return _page(record["title"], "\n".join(body))


def _notices(record: Record, current: Record) -> str:
    status = record["status"]
    lines = []
    if status == "Retired":
        lines.append("This apprenticeship has been retired")
    elif status == "In development" and current is record:
        lines.append("This apprenticeship is in development and is subject to change")
        lines += ["Why is this apprenticeship not ready for delivery?", "How can I get involved?"]
    elif status == "In development":
        lines.append("This apprenticeship is in revision")
    paragraphs = [f"<p>{line}</p>" for line in lines]
    if current is not record:
        latest = html.escape((current.get("standardPageUrl") or "").rpartition("/")[2])
        paragraphs.append(
            "<p>This is not the latest approved version of this apprenticeship. "
            f'<a href="/apprenticeships/{latest}">View the latest version</a></p>'
        )
    paragraphs += [f"<p>{_text(banner.strip())}</p>" for banner in (record.get("banners") or "").split(";") if banner.strip()]
    return f'<div class="overviewSection">{"".join(paragraphs)}</div>' if paragraphs else ""


def _key_information(record: Record) -> Iterable[tuple[str, str]]:
    status = record["status"]
    if status == "Approved for delivery":
        status += " (paused for starts)" if record.get("approvedForDeliveryPausedStarts") else " (available for starts)"
    yield "Status", status
    yield "Reference", record["referenceNumber"].strip()
    if record.get("versionNumber"):
        yield "Version", record["versionNumber"]
    yield "Level", str(record["level"])
    if record.get("typicalDuration"):
        yield "Typical duration to gateway", f"{record['typicalDuration']} months"
    if record.get("ePALength"):
        yield "Typical EPA period", f"{record['ePALength']} months"
    if record.get("maxFunding"):
        yield "Maximum funding", f"£{record['maxFunding']}"
    yield "Route", record["route"]
    if record.get("integration"):
        yield "Integration", record["integration"]
    yield "Date updated", _day(record.get("lastUpdated"))
    if record.get("approvedForDelivery"):
        yield "Approved for delivery", _long_day(record["approvedForDelivery"])
    if record.get("larsCode"):
        yield "Lars code", str(record["larsCode"])
    if provider := (record.get("eQAProvider") or {}).get("providerName"):
        yield "EQA provider", provider
    yield "Review", record.get("reviewDetails") or ""


def _panel(facts: Iterable[tuple[str, str]]) -> str:
    items = "\n".join(f'<li><span class="label">{label}:</span> {_text(value)}</li>' for label, value in facts)
    return f"<section>\n<h2>Key information</h2>\n<ol>\n{items}\n</ol>\n</section>"


def _version_log(versions: Sequence[Record]) -> str:
    rows = [
        (
            version.get("versionNumber") or "Revised version awaiting implementation",
            version.get("change") or "",
            _day(version.get("earliestStartDate")),
            _day(version.get("latestStartDate")),
        )
        for version in reversed(versions)
    ]
    cells = [[f"<td>{_text(value)}</td>" for value in row] for row in rows]
    return "<h2>Version log</h2>\n" + _table(("Version", "Change detail", "Earliest start date", "Latest start date"), cells)


def _details(record: Record) -> str:
    items = [_items(record, *names) for names in _LISTS]
    parts = [
        '<p><a href="#print">Print occupational standard</a></p>\n<h2>Details of the occupational standard</h2>',
        _section("Occupation summary", _prose(record, "occupationalSummary")),
        _section("Typical job titles include:", _bullets(record.get("typicalJobTitles") or [])),
        _section("Entry requirements", _prose(record, "entryRequirements")),
        _duties(record),
        "<h3>KSBs</h3>\n" + "\n".join(items) if any(items) else _prose(record, "standardInformation"),
    ]
    return "\n".join(part for part in parts if part)


def _section(heading: str, body: str) -> str:
    return f"<h3>{heading}</h3>\n{body}" if body else ""


def _bullets(values: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(value)}</li>" for value in values) + "</ul>" if values else ""


def _items(record: Record, heading: str, letter: str, name: str, *_: str) -> str:
    items = [
        f'<li id="{letter}{number}"><b>{letter}{number}</b>: {_text(item["detail"])} <a href="#duties">Back to Duty</a></li>'
        for number, item in enumerate(record.get(name) or [], 1)
    ]
    return f"<h4>{heading}</h4>\n<ul>\n" + "\n".join(items) + "\n</ul>" if items else ""


def _duties(record: Record) -> str:
    duties = record.get("duties") or []
    if not duties:
        return ""
    codes = _codes(record)
    has_criteria = any(duty.get("criteriaForMeasuringPerformance") for duty in duties)
    columns = ("Duty", *(("Criteria for measuring performance",) if has_criteria else ()), "KSBs")
    rows = [
        [
            f"<td><p><b>Duty {number}</b> {_text(duty['dutyDetail'])}</p></td>",
            *([f"<td>{_text(duty.get('criteriaForMeasuringPerformance'))}</td>"] if has_criteria else []),
            f"<td>{''.join(_mapping(duty, codes))}</td>",
        ]
        for number, duty in enumerate(duties, 1)
    ]
    return '<h3 id="duties">Occupation duties</h3>\n' + _table(columns, rows)


def _codes(record: Record) -> dict[str, str]:
    codes: dict[str, str] = {}
    for _, letter, name, id_key, _ in _LISTS:
        for number, item in enumerate(record.get(name) or [], 1):
            codes.setdefault(item[id_key], f"{letter}{number}")
    return codes


def _mapping(duty: Record, codes: Mapping[str, str]) -> Iterable[str]:
    """One paragraph of codes per kind, in the order of the list; an id that nothing has shows nothing."""
    for *_, mapped in _LISTS:
        known = {codes[item] for item in duty.get(mapped) or [] if item in codes}
        links = [f'<a href="#{code}">{code}</a>' for code in sorted(known, key=lambda code: int(code[1:]))]
        if links:
            yield f"<p>{' '.join(links)}</p>"


def _table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _text(value: str | None) -> str:
    """Unescaped once, as a visitor is meant to read it, and escaped for the page."""
    return html.escape(html.unescape(value or ""))


def _prose(record: Record, key: str) -> str:
    return html.unescape(record.get(key) or "")


def _day(value: str | None) -> str:
    return f"{_date(value):%d/%m/%Y}" if value and not value.startswith("0001") else "Not set"


def _long_day(value: str) -> str:
    day = _date(value)
    return f"{day.day} {day:%B %Y}"


def _date(value: str) -> date:
    return date.fromisoformat(value[:10])
