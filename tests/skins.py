"""The same facts in mark-up that has nothing in common but the words.

Belongs here: four ways a site might be built, invented facts to show in them, and the record that
these make. A skin has the methods the loopback site asks for, so that real records can be
shown in it too.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from schemas.conflict import LogRow
from schemas.record import Content, Duty, Ksb, Record

LOG_HEAD = ("Version", "Change detail", "Earliest start date", "Latest start date")
CRITERIA = "Criteria for measuring performance"

Rows = Sequence[tuple[str, str]]
LogRows = Sequence[tuple[str, ...]]
DutyRows = Sequence[tuple[str, str, str, Sequence[Sequence[str]]]]


class Skin(Protocol):
    """One way to mark a page up."""

    name: str

    def page(self, title: str, body: str) -> str: ...

    def notices(self, lines: Sequence[str]) -> str: ...

    def panel(self, rows: Rows) -> str: ...

    def version_log(self, rows: LogRows) -> str: ...

    def section(self, title: str, body: str) -> str: ...

    def titles(self, titles: Sequence[str]) -> str: ...

    def duties(self, rows: DutyRows, criteria: bool) -> str: ...

    def ksbs(self, heading: str, rows: Rows) -> str: ...


def text(value: str) -> str:
    """Words as mark-up."""
    return html.escape(value, quote=False)


def broken(value: str) -> str:
    """Words as mark-up, with every line break kept."""
    return "<br>".join(map(text, value.split("\n")))


class Tables:
    """Everything in tables with row heads; the columns in another order than the site names them."""

    name = "tables"

    def page(self, title: str, body: str) -> str:
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{text(title)}</title></head>\n<body>\n'
            '<div class="cookies"><p>We use cookies.</p></div>\n<header><p>Skills</p><nav><a href="/">Home</a></nav></header>\n'
            f'<main>\n<nav><ol><li><a href="/">Home</a></li><li>{text(title)}</li></ol></nav>\n{body}\n</main>\n'
            "<footer><p>Crown copyright</p><p>K1: footers have no items</p></footer>\n<script>var K1 = 'Duty 1';</script>\n</body>\n</html>"
        )

    def notices(self, lines: Sequence[str]) -> str:
        return '<div role="region"><h2>Important</h2>' + "".join(f"<p>{text(line)}</p>" for line in lines) + "</div>"

    def panel(self, rows: Rows) -> str:
        body = "\n".join(f"<tr>\n<th scope='row'>{text(label)}</th>\n<td>{text(value)}</td>\n</tr>" for label, value in rows)
        return f"<section><h2>Key information</h2>\n<table>\n<tbody>\n{body}\n</tbody>\n</table></section>"

    def version_log(self, rows: LogRows) -> str:
        order = (2, 3, 1, 0)
        head = "".join(f"<th><p>{LOG_HEAD[i]}</p></th>" for i in order)
        body = "\n".join("<tr>" + "".join(f"<td><p>{text(row[i])}</p></td>" for i in order) + "</tr>" for row in rows)
        return f"<h2>Version log</h2><table><thead><tr>{head}</tr></thead>{body}</table>"

    def section(self, title: str, body: str) -> str:
        return f"<h3>{title}</h3>\n<div>{body}</div>"

    def titles(self, titles: Sequence[str]) -> str:
        return "<ul>\n" + "\n".join(f"<li>{text(title)}</li>" for title in titles) + "\n</ul>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        head = "<th>KSBs</th>" + (f"<th>{CRITERIA}</th>" if criteria else "") + "<th>Duty</th>"
        body = "\n".join(
            f"<tr><td>{', '.join(code for group in groups for code in group)}</td>"
            + (f"<td>{broken(met)}</td>" if criteria else "")
            + f"<td><span>{label}</span><p>{broken(detail)}</p></td></tr>"
            for label, detail, met, groups in rows
        )
        return f"<h3>Occupation duties</h3><table><tr>{head}</tr>{body}</table>"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "\n".join(
            f'<tr id="{code}"><th scope="row">{code}</th><td>{broken(detail)}</td><td><a href="#d">Back to Duty</a></td></tr>'
            for code, detail in rows
        )
        return f"<h3>{heading}</h3><table><thead><tr><th>Code</th><th>Statement</th><th></th></tr></thead><tbody>{body}</tbody></table>"


class Definitions:
    """Definition lists throughout, sections and an aside."""

    name = "definitions"

    def page(self, title: str, body: str) -> str:
        return (
            f"<!doctype html><html><head><title>{text(title)}</title><style>.K1{{}}</style></head><body><header><h1>Find a standard</h1></header>"
            f"<article>{body}</article><footer><h2>About</h2><p>Is this webpage useful?</p></footer></body></html>"
        )

    def notices(self, lines: Sequence[str]) -> str:
        return '<ul role="alert">' + "".join(f"<li>{text(line)}</li>" for line in lines) + "</ul>" if lines else ""

    def panel(self, rows: Rows) -> str:
        body = "".join(f"<dt>{text(label.upper())}</dt><dd>{text(value)}</dd>" for label, value in rows)
        return f"<aside><h4>Key information</h4><dl>{body}</dl></aside>"

    def version_log(self, rows: LogRows) -> str:
        cards = "".join(
            "<dl>" + "".join(f"<dt>{label}:</dt><dd>{text(value)}</dd>" for label, value in zip(LOG_HEAD, row, strict=True)) + "</dl>"
            for row in rows
        )
        return f"<section><h4>Version log</h4>{cards}</section>"

    def section(self, title: str, body: str) -> str:
        return f"<section><h3>{title}</h3>{body}</section>"

    def titles(self, titles: Sequence[str]) -> str:
        return "<ol>" + "".join(f"<li><p>{text(title)}</p></li>" for title in titles) + "</ol>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f"<dt>{label}</dt><dd>{text(detail)}</dd>"
            + (f"<dd><b>{CRITERIA}:</b> {text(met)}</dd>" if met else "")
            + "".join(f"<dd>{' '.join(f'<a>{code}</a>' for code in group)}</dd>" for group in groups if group)
            for label, detail, met, groups in rows
        )
        return f"<section><h3>Occupation duties</h3><dl>{body}</dl></section>"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(f"<dt>{code}</dt><dd>{text(detail)} <a>Back to Duties</a></dd>" for code, detail in rows)
        return f"<section><h5>{heading}</h5><dl>{body}</dl></section>"


class Cards:
    """Divisions and spans only, without white space between them; nothing says what it is but its words."""

    name = "cards"

    def page(self, title: str, body: str) -> str:
        return (
            f'<html><body><div id="app"><div role="banner"><span>Skills</span></div><div role="main">{body}</div>'
            '<div role="contentinfo"><div>Crown copyright</div></div><div hidden>Level: 9 Status: Unknown</div></div></body></html>'
        )

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(f"<div><div><span>{text(line)}</span></div></div>" for line in lines)

    def panel(self, rows: Rows) -> str:
        body = "".join(f"<div><span>{text(label)}</span><span>{text(value)}</span></div>" for label, value in rows)
        return f"<div><div>Key information</div><div>{body}</div></div>"

    def version_log(self, rows: LogRows) -> str:
        lines = (LOG_HEAD, *rows)
        body = "".join("<div>" + "".join(f"<div><span>{text(cell)}</span></div>" for cell in line) + "</div>" for line in lines)
        return f"<div><div>Version log</div><div>{body}</div></div>"

    def section(self, title: str, body: str) -> str:
        return f"<div><div>{title}</div><div>{body}</div></div>"

    def titles(self, titles: Sequence[str]) -> str:
        return "<div>" + "".join(f"<div>{text(title)}</div>" for title in titles) + "</div>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f"<div><div>{label}</div><div>{broken(detail)}</div>"
            + (f"<div><span>{CRITERIA}</span><span>{text(met)}</span></div>" if met else "")
            + "<div><span>KSBs</span>"
            + "".join(f"<span>{code}</span>" for group in groups for code in group)
            + "</div></div>"
            for label, detail, met, groups in rows
        )
        return f"<div><div>Occupation duties</div>{body}</div>"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(f"<div><span>{code}</span><span>{broken(detail)}</span><button>Back to Duty</button></div>" for code, detail in rows)
        return f"<div><div>{heading}</div><div>{body}</div></div>"


class Paragraphs:
    """An old site's paragraphs, bold words and line breaks; tables without heads of their own."""

    name = "paragraphs"

    def page(self, title: str, body: str) -> str:
        return (
            f"<html><head><title>{text(title)}</title></head><body><!-- header --><div class='wrap'><div>{body}</div></div>"
            "<!-- footer --><p>Crown copyright 2019</p></body></html>"
        )

    def notices(self, lines: Sequence[str]) -> str:
        return f"<p><em>{'</em><br /><br /><em>'.join(map(text, lines))}</em></p>" if lines else ""

    def panel(self, rows: Rows) -> str:
        body = "<br>\n".join(f"<b>{text(label)}:</b> {text(value)}" for label, value in rows)
        return f"<p><b>Key information</b><br>\n{body}</p>"

    def version_log(self, rows: LogRows) -> str:
        lines = (LOG_HEAD, *rows)
        body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in line) + "</tr>" for line in lines)
        return f"<p><b>Version log</b></p><table border=1>{body}</table>"

    def section(self, title: str, body: str) -> str:
        return f"<p><b>{title}</b></p>\n{body}"

    def titles(self, titles: Sequence[str]) -> str:
        return f"<p>{'<br>'.join(map(text, titles))}</p>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "\n".join(
            f"<p><b>{label}:</b> {text(detail)}<br>"
            + (f"<i>{CRITERIA}:</i> {text(met)}<br>" if met else "")
            + "<br>".join(" ".join(group) for group in groups if group)
            + "</p>"
            for label, detail, met, groups in rows
        )
        return f"<p><b>Occupation duties</b></p>{body}"

    def ksbs(self, heading: str, rows: Rows) -> str:
        items = "<br>\n".join(f"{code}: {broken(detail)} <a href='#'>Back to Duty</a>" for code, detail in rows)
        return f"<p><b>{heading}</b></p><p>{items}</p>"


SKINS: tuple[Skin, ...] = (Tables(), Definitions(), Cards(), Paragraphs())


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a page says. Prose is the publisher's own mark-up."""

    title: str = "Lantern keeper"
    notices: tuple[str, ...] = ()
    panel: tuple[tuple[str, str], ...] = ()
    log: tuple[tuple[str, ...], ...] = ()
    summary: str = ""
    job_titles: tuple[str, ...] = ()
    entry: str = ""
    duties: tuple[tuple[str, str, str, tuple[tuple[str, ...], ...]], ...] = ()
    ksbs: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    information: str = ""


PANEL = (
    ("Status", "Approved for delivery (available for starts)"),
    ("Reference", "ST9001"),
    ("Version", "1.1"),
    ("Level", "3"),
    ("Typical duration to gateway", "18 months"),
    ("Typical EPA period", "3 months"),
    ("Maximum funding", "£7000"),
    ("Route", "Transport and logistics"),
    ("Integration", "None"),
    ("Date updated", "05/04/2022"),
    ("Approved for delivery", "6 May 2018"),
    ("Lars code", "9154"),
    ("EQA provider", "Board of Lights"),
    ("Review", "this apprenticeship will be reviewed"),
)
LOG = (
    ("1.1", "Occupational standard revised", "16/05/2022", "Not set"),
    ("1.0", "Approved for delivery", "06/05/2018", "15/05/2022"),
)
LOG_ROWS = (
    LogRow(version="1.1", change_note="Occupational standard revised", earliest_start_on=date(2022, 5, 16), latest_start_on=None),
    LogRow(version="1.0", change_note="Approved for delivery", earliest_start_on=date(2018, 5, 6), latest_start_on=date(2022, 5, 15)),
)
FACTS = Facts(
    notices=("This apprenticeship has been retired", "Lamp oil changes on 1 March"),
    panel=PANEL,
    log=LOG,
    summary="<p>Lanterns are <b>kept</b> alight.</p><p>On quays.</p>",
    job_titles=("Wick trimmer", "Lamp lighter"),
    entry="<p>Employers decide.</p>",
    duties=(
        ("Duty 1", "Light the lanterns", "At dusk", (("K1", "K2"), ("S1",), ())),
        ("Duty 2", "Duty of care", "", ((), (), ("B1",))),
    ),
    ksbs={
        "Knowledge": (("K1", "Oils and wicks"), ("K2", "Tides")),
        "Skills": (("S1", "S355 steel brackets"),),
        "Behaviours": (("B1", "Calm in the dark"),),
    },
)
RECORD = Record(
    reference="ST9001",
    version="1.1",
    title="Lantern keeper",
    status="Approved for delivery",
    is_paused_for_starts=False,
    level=3,
    route="Transport and logistics",
    typical_duration_months=18,
    epa_period_months=3,
    max_funding_gbp=7000,
    lars_code=9154,
    eqa_provider="Board of Lights",
    changed_on=date(2022, 4, 5),
    approved_on=date(2018, 5, 6),
    change_note="Occupational standard revised",
    earliest_start_on=date(2022, 5, 16),
    notice="Lamp oil changes on 1 March",
    occupation_summary="Lanterns are kept alight. On quays.",
    entry_requirements="Employers decide.",
    job_titles=("Lamp lighter", "Wick trimmer"),
    content=Content(
        ksbs=(
            Ksb(kind="K", position=1, text="Oils and wicks"),
            Ksb(kind="K", position=2, text="Tides"),
            Ksb(kind="S", position=1, text="S355 steel brackets"),
            Ksb(kind="B", position=1, text="Calm in the dark"),
        ),
        duties=(
            Duty(number=1, text="Light the lanterns", criteria="At dusk", codes=("K1", "K2", "S1")),
            Duty(number=2, text="Duty of care", codes=("B1",)),
        ),
    ),
)


def render(facts: Facts, skin: Skin) -> bytes:
    """The page of the facts in a skin."""
    body = [f"<h1>{text(facts.title)}</h1>", skin.notices(facts.notices), skin.panel(facts.panel)]
    body.append('<p><a href="#print">Print occupational standard</a></p><h2>Details of the occupational standard</h2>')
    body.append(skin.section("Occupation summary", facts.summary))
    if facts.job_titles:
        body.append(skin.section("Typical job titles include:", skin.titles(facts.job_titles)))
    if facts.entry:
        body.append(skin.section("Entry requirements", facts.entry))
    if facts.duties:
        body.append(skin.duties(facts.duties, any(met for _, _, met, _ in facts.duties)))
    if any(facts.ksbs.values()):
        body.append("<h3>KSBs</h3>")
        body += [skin.ksbs(heading, rows) for heading, rows in facts.ksbs.items() if rows]
    body.append(facts.information)
    if facts.log:
        body.append(skin.version_log(facts.log))
    return skin.page(facts.title, "".join(body)).encode()
