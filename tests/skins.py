"""The same facts in mark-up that has nothing in common but the words.

Belongs here: four ways a site might be built, invented facts to show in them, and the record that
these make. A skin has the methods the loopback site asks for, so that real records can be
shown in it too.
"""

import html
import re
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


class Soup:
    """What a script framework leaves: divisions of divisions, roles for headings, comments within words, hidden copies of the data."""

    name = "soup"

    def page(self, title: str, body: str) -> str:
        body = re.sub(r"<h(\d)[^>]*>(.*?)</h\1>", r'<div class="css-1x" role="heading" aria-level="\1"><span>\2</span></div>', body)
        body = re.sub(r"<(/?)(?:section|ul|li|p)\b[^>]*>", r"<\1div>", body)
        return (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title></head><body><div id="__next"><div>'
            '<div role="dialog" aria-label="Cookies"><div>This site uses cookies. Level: 9</div><button>Accept</button></div>'
            f'<div role="navigation"><div><a href="/">Home</a></div><div>{text(title)}</div></div>'
            '<div role="tablist"><button role="tab">Occupational standard</button><button role="tab">Assessment plan</button></div>'
            f'<div role="main"><div>{body}</div></div>'
            '<div role="contentinfo"><div><div>Crown copyright</div><div>K1</div><div>Footers have no items</div></div></div></div></div>'
            "<template><div>Duty 9</div><div>K9</div></template><noscript><p>Turn scripts on. Level: 9</p></noscript>"
            '<script id="__NEXT_DATA__" type="application/json">{"title":"K1","duties":["Duty 1"],"panel":"<h2>Key information</h2>"}</script>'
            "</body></html>"
        )

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(f'<div role="alert"><div><svg><title>Level: 9</title></svg><span>{text(line)}</span></div></div>' for line in lines)

    def panel(self, rows: Rows) -> str:
        icon = '<svg viewBox="0 0 1 1"><title>Status</title><path d="M0 0"/></svg><i aria-hidden="true">▸</i>'
        body = "".join(
            f'<div class="x1"><div class="x2">{icon}<span>{text(label).replace(" ", "&nbsp;")}</span></div>'
            f'<div class="x3"><div><span>{text(value)}</span></div></div></div>'
            for label, value in rows
        )
        return f'<div><div role="heading" aria-level="2">Key<!-- --> <!-- -->information</div><div><div>{body}</div></div></div>'

    def version_log(self, rows: LogRows) -> str:
        def line(cells: Sequence[str], role: str) -> str:
            return '<div role="row">' + "".join(f'<div role="{role}"><div>{text(cell)}</div></div>' for cell in cells) + "</div>"

        head = line(LOG_HEAD, "columnheader")
        body = "".join(line(row, "cell") for row in rows)
        return f'<div><div role="heading" aria-level="2">Version log</div><div role="table">{head}{body}</div></div>'

    def section(self, title: str, body: str) -> str:
        return f'<div><div role="heading" aria-level="3">{title}</div><div><div>{body}</div></div></div>'

    def titles(self, titles: Sequence[str]) -> str:
        return '<div role="list">' + "".join(f'<div role="listitem"><div>{text(title)}</div></div>' for title in titles) + "</div>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f'<div class="card"><div><div>{label.replace(" ", "<!-- --> <!-- -->")}</div><div>{broken(detail)}</div></div>'
            + (f"<div><div>{CRITERIA}</div><div>{text(met)}</div></div>" if met else "")
            + "<div><div>KSBs</div><div>"
            + "".join(f'<span class="badge"><span>{code[0]}<!-- -->{code[1:]}</span></span>' for group in groups for code in group)
            + "</div></div></div>"
            for label, detail, met, groups in rows
        )
        return f'<div role="tabpanel"><div role="heading" aria-level="3">Occupation duties</div><div>{body}</div></div>'

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(
            f'<div class="row"><div><div>{code[0]}<!-- -->{code[1:]}</div></div><div><div>{broken(detail)}</div></div></div>'
            for code, detail in rows
        )
        return f'<div><div role="heading" aria-level="4">{heading}</div><div><div>{body}</div></div></div>'


class Accordions:
    """Sections that open on a click; a copy of the panel and of the version log for small screens, one of the duties that nobody is shown."""

    name = "accordions"

    def page(self, title: str, body: str) -> str:
        return (
            f'<!doctype html><html><head><meta charset="utf-8"><title>{text(title)}</title></head><body>'
            '<div class="cookie-banner"><h2>Cookies</h2><p>We use some essential cookies.</p></div>'
            f'<header><a href="/">Skills</a></header><main>{body}</main><footer><p>Crown copyright</p></footer></body></html>'
        )

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(f"<details open><summary>Notice</summary><p>{text(line)}</p></details>" for line in lines)

    def panel(self, rows: Rows) -> str:
        body = "".join(f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in rows)
        copy = "".join(f"<dt>{text(label)}</dt><dd>{text(value)}</dd>" for label, value in rows)
        return (
            f'<div class="mobile-only"><details><summary>Key information</summary><dl>{copy}</dl></details></div>'
            f'<div class="desktop-only"><h2>Key information</h2><dl>{body}</dl></div>'
        )

    def version_log(self, rows: LogRows) -> str:
        body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        head = "".join(f"<th>{cell}</th>" for cell in LOG_HEAD)
        return (
            f"<details><summary><h2>Version log</h2></summary><table><caption>Versions of this standard</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
        )

    def section(self, title: str, body: str) -> str:
        return f"<details><summary><h3>{title}</h3></summary><div>{body}</div></details>"

    def titles(self, titles: Sequence[str]) -> str:
        return "<ul>" + "".join(f"<li><span>{text(title)}</span></li>" for title in titles) + "</ul>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f"<details><summary>{label}</summary><p>{broken(detail)}</p>"
            + (f"<h4>{CRITERIA}</h4><p>{text(met)}</p>" if met else "")
            + ("<h4>KSBs</h4><ul>" + "".join(f"<li>{code}</li>" for group in groups for code in group) + "</ul>" if any(groups) else "")
            + "</details>"
            for label, detail, met, groups in rows
        )
        copy = "".join(
            f"<tr><td>{label} {text(detail)}</td><td>{' '.join(map(' '.join, groups))}</td></tr>" for label, detail, _, groups in rows
        )
        return (
            f"<section><h3>Occupation duties</h3><table hidden><tr><th>Duty</th><th>KSBs</th></tr>{copy}</table>"
            f'<div style="display: none"><p>Duty 1</p></div>{body}</section>'
        )

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(f'<dt id="{code}"><span>{code}</span></dt><dd>{broken(detail)}</dd>' for code, detail in rows)
        return f"<details open><summary><h4>{heading} ({len(rows)})</h4></summary><dl>{body}</dl></details>"


class Layout:
    """2005: tables in tables for the layout, fonts, bold words, the panel in a column beside everything else."""

    name = "layout"

    def page(self, title: str, body: str) -> str:
        spacer = '<tr><td colspan="3"><img src="spacer.gif" width=1 height=8 alt=""></td></tr>'
        return (
            f"<HTML><HEAD><META http-equiv=Content-Type content='text/html; charset=utf-8'><TITLE>{text(title)}</TITLE></HEAD>"
            "<BODY bgcolor=#ffffff><CENTER><TABLE width=760 cellpadding=0 border=0>"
            "<TR><TD colspan=3><FONT face=Verdana size=1><A href=/>Home</A> &gt; <A href=/a>Apprenticeships</A></FONT></TD></TR>"
            f"{spacer}<TR valign=top><TD width=120><FONT size=1><A href=/search>Search</A><BR><A href=/news>News</A></FONT></TD>"
            f"<TD><FONT face=Verdana>{body}</FONT></TD><TD>&nbsp;</TD></TR>{spacer}</TABLE></CENTER></BODY></HTML>"
        )

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(f"<TABLE border=1><TR><TD><FONT color=red><B>{text(line)}</B></FONT></TD></TR></TABLE>" for line in lines)

    def panel(self, rows: Rows) -> str:
        body = "".join(
            f"<TR><TD align=right><FONT size=2><B>{text(label)}</B>&nbsp;:</FONT></TD><TD><FONT size=2>&nbsp;{text(value)}</FONT></TD></TR>"
            for label, value in rows
        )
        return (
            "<TABLE bgcolor=#eeeeee align=right><TR><TD><TABLE border=0><TR><TD colspan=2><FONT size=3><B>Key information</B></FONT></TD></TR>"
            f"{body}</TABLE></TD></TR></TABLE>"
        )

    def version_log(self, rows: LogRows) -> str:
        head = "".join(f"<TD><FONT color=white><B>{cell}</B></FONT></TD>" for cell in LOG_HEAD)
        body = "".join("<TR>" + "".join(f"<TD><FONT size=1>{text(cell) or '&nbsp;'}</FONT></TD>" for cell in row) + "</TR>" for row in rows)
        return f"<TABLE width=100%><TR><TD><B>Version log</B></TD></TR><TR><TD><TABLE border=1><TR bgcolor=navy>{head}</TR>{body}</TABLE></TD></TR></TABLE>"

    def section(self, title: str, body: str) -> str:
        return f"<TABLE width=100%><TR><TD bgcolor=#dddddd><B>{title}</B></TD></TR><TR><TD>{body}</TD></TR></TABLE>"

    def titles(self, titles: Sequence[str]) -> str:
        return "<UL>" + "".join(f"<LI><FONT size=2>{text(title)}</FONT>" for title in titles) + "</UL>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        head = "".join(f"<TD><B>{cell}</B></TD>" for cell in ("Duty", *((CRITERIA,) if criteria else ()), "KSBs"))
        body = "".join(
            f"<TR><TD><B>{label}</B><BR>&nbsp;{broken(detail)}</TD>"
            + (f"<TD>{broken(met) or '&nbsp;'}</TD>" if criteria else "")
            + f"<TD>{'<BR>'.join(', '.join(group) for group in groups if group) or '&nbsp;'}</TD></TR>"
            for label, detail, met, groups in rows
        )
        return f"<TABLE width=100%><TR><TD bgcolor=#dddddd><B>Occupation duties</B></TD></TR></TABLE><TABLE border=1><TR>{head}</TR>{body}</TABLE>"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(
            f"<TR><TD width=40><A name={code}><B>{code}:</B></A></TD><TD><FONT size=2>{broken(detail)}</FONT> <A href=#top>Back to Duty</A></TD></TR>"
            for code, detail in rows
        )
        return f"<TABLE width=100%><TR><TD colspan=2 bgcolor=#dddddd><B>{heading}</B></TD></TR>{body}</TABLE>"


class Summaries:
    """Summary lists and tabs with words for screen readers; codes as ranges, dates in `time`, pounds with pence."""

    name = "summaries"

    def page(self, title: str, body: str) -> str:
        crumbs = f'<nav aria-label="Breadcrumb"><ol><li><a href="/">Home</a></li><li>{text(title)}</li></ol></nav>'
        return (
            f'<!DOCTYPE html><html lang="en" class="govuk-template"><head><meta charset="utf-8"><title>{text(title)}</title></head>'
            f'<body class="govuk-template__body"><a href="#main" class="govuk-skip-link">Skip to main content</a>{crumbs}'
            f'<main id="main" class="govuk-main-wrapper">{body}</main><footer role="contentinfo"><p>Crown copyright</p></footer></body></html>'
        )

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(
            '<div class="govuk-notification-banner" role="region"><div><h2>Important</h2></div>'
            f'<div><p class="govuk-notification-banner__heading">{text(line)}</p></div></div>'
            for line in lines
        )

    def panel(self, rows: Rows) -> str:
        def shown(label: str, value: str) -> str:
            if label == "Maximum funding" and value.startswith("£"):
                return f"£{int(value[1:].replace(',', '')):,}.00"
            if label in ("Date updated", "Approved for delivery"):
                return f'<time datetime="2001-01-01">{text(value)}</time>'
            if label == "Status":
                return f'<strong class="govuk-tag">{text(value)}</strong>'
            return text(value)

        body = "".join(
            f'<div class="govuk-summary-list__row">\n<dt class="govuk-summary-list__key">\n{text(label)}\n</dt>\n'
            f'<dd class="govuk-summary-list__value">\n{shown(label, value)}\n</dd>\n</div>\n'
            for label, value in rows
        )
        return f'<div class="govuk-summary-card"><h2>Key information</h2><dl class="govuk-summary-list">\n{body}</dl></div>'

    def version_log(self, rows: LogRows) -> str:
        def cell(value: str) -> str:
            return f'<time datetime="2001-01-01">{text(value)}</time>' if re.fullmatch(r"\d\d/\d\d/\d{4}", value) else text(value)

        head = "".join(f'<th scope="col">{words}</th>' for words in LOG_HEAD)
        body = "".join(
            f'<tr><th scope="row">{text(row[0])}</th>' + "".join(f"<td>{cell(each)}</td>" for each in row[1:]) + "</tr>" for row in rows
        )
        return f"<h2>Version log</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def section(self, title: str, body: str) -> str:
        return f'<section aria-labelledby="x"><h3 id="x">{title}</h3>{body}</section>'

    def titles(self, titles: Sequence[str]) -> str:
        return '<ul class="govuk-list govuk-list--bullet">\n' + "\n".join(f"<li>\n{text(title)}\n</li>" for title in titles) + "\n</ul>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f'<div class="govuk-summary-list__row"><dt><span class="govuk-visually-hidden">Duty number: </span>{label}</dt>'
            f"<dd><p>{broken(detail)}</p></dd>"
            + (f"<dd><p><strong>{CRITERIA}:</strong> {text(met)}</p></dd>" if met else "")
            + (f'<dd><span class="govuk-visually-hidden">KSBs: </span>{spans(groups)}</dd>' if any(groups) else "")
            + "</div>"
            for label, detail, met, groups in rows
        )
        body = body.replace('<span class="govuk-visually-hidden">Duty number: </span>', "")
        return f"<section><h3>Occupation duties</h3><dl>{body}</dl></section>"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(
            f'<div class="govuk-summary-list__row"><dt>{code}</dt><dd>{broken(detail)}</dd>'
            f'<dd class="govuk-summary-list__actions"><a href="#duties">Back to Duty<span class="govuk-visually-hidden"> {code}</span></a></dd></div>'
            for code, detail in rows
        )
        return f"<h4>{heading}</h4><dl>{body}</dl>"


class OneTable:
    """The items of all kinds in one table with a column of kinds; the duties in an ordered list, each with a sentence of codes."""

    name = "one-table"
    _SEAM = "<!--seam-->"

    def page(self, title: str, body: str) -> str:
        first, *middle = body.split(self._SEAM) if self._SEAM in body else [body]
        if middle:
            head = "<table><thead><tr><th>Type</th><th>Code</th><th>Statement</th></tr></thead><tbody>"
            body = first + head + "".join(middle[:-1]) + "</tbody></table>" + middle[-1]
        return (
            f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{text(title)}</title></head><body><div role="banner">Skills</div>'
            f'<div id="content"><article>{body}</article></div><div role="contentinfo">Crown copyright</div></body></html>'
        )

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(f"<blockquote>{text(line)}</blockquote>" for line in lines)

    def panel(self, rows: Rows) -> str:
        body = "\n".join(f"<p><b>{text(label)}</b><br>{text(value)}</p>" for label, value in rows)
        return f'<div class="card"><h2>Key information</h2><div>{body}</div></div>'

    def version_log(self, rows: LogRows) -> str:
        cards = "".join(
            "<li>" + "".join(f"<p><b>{label}</b>: {text(value)}</p>" for label, value in zip(LOG_HEAD, row, strict=True)) + "</li>"
            for row in rows
        )
        return f"<h2>Version log</h2><ol>{cards}</ol>"

    def section(self, title: str, body: str) -> str:
        return f"<h3>{title}</h3>{body}"

    def titles(self, titles: Sequence[str]) -> str:
        return "<ul>" + "".join(f"<li>{text(title)}" for title in titles) + "</ul>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f"<li><h4>{label}</h4><p>{broken(detail)}</p>"
            + (f"<p><em>{CRITERIA}</em></p><p>{text(met)}</p>" if met else "")
            + (f"<p><em>KSBs</em></p><p>{listed([code for group in groups for code in group])}</p>" if any(groups) else "")
            + "</li>"
            for label, detail, met, groups in rows
        )
        return f"<h3>Occupation duties</h3><ol>{body}</ol>"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(f"<tr><td>{heading}</td><td>{code}</td><td>{broken(detail)}</td></tr>" for code, detail in rows)
        return f"{self._SEAM}{body}{self._SEAM}"


class Grouped:
    """Under every duty its items with all their words, and below them the lists as well."""

    name = "grouped"

    def page(self, title: str, body: str) -> str:
        words = dict(re.findall(r'<li data-of="([KSB]\d+)">(.*?)</li>', body, re.DOTALL))
        body = re.sub(r"<!--([KSB]\d+)-->", lambda code: words.get(code[1], ""), body)
        return f'<html><head><meta charset="utf-8"></head><body><div id="page"><main>{body}</main></div></body></html>'

    def notices(self, lines: Sequence[str]) -> str:
        return "".join(f"<aside><p>{text(line)}</p></aside>" for line in lines)

    def panel(self, rows: Rows) -> str:
        body = "".join(f"<li><strong>{text(label)}</strong> <span>{text(value)}</span></li>" for label, value in rows)
        return f"<div><h2>Key information</h2><ul>{body}</ul></div>"

    def version_log(self, rows: LogRows) -> str:
        return Tables().version_log(rows)

    def section(self, title: str, body: str) -> str:
        return f"<h3>{title}</h3><div>{body}</div>"

    def titles(self, titles: Sequence[str]) -> str:
        return "<ul>" + "".join(f"<li>{text(title)}</li>" for title in titles) + "</ul>"

    def duties(self, rows: DutyRows, criteria: bool) -> str:
        body = "".join(
            f"<section><h4>{label}</h4><p>{broken(detail)}</p>"
            + (f"<p>{CRITERIA}: {text(met)}</p>" if met else "")
            + "<ul>"
            + "".join(f"<li><b>{code}</b>: <!--{code}--></li>" for group in groups for code in group)
            + "</ul></section>"
            for label, detail, met, groups in rows
        )
        return f"<h3>Occupation duties</h3>{body}"

    def ksbs(self, heading: str, rows: Rows) -> str:
        body = "".join(f"<li><b>{code}</b>: <span>{broken(detail)}</span></li>" for code, detail in rows)
        return f"<h4>{heading}</h4><ul>{body}</ul>" + "".join(
            f'<template><li data-of="{code}">{broken(detail)}</li></template>' for code, detail in rows
        )


def listed(codes: Sequence[str]) -> str:
    """`K1, K2 and S1`."""
    return " and ".join((", ".join(codes[:-1]), codes[-1])) if len(codes) > 1 else "".join(codes)


def spans(groups: Sequence[Sequence[str]]) -> str:
    """`K1 to K5, K7; S2`."""
    parts = []
    for group in groups:
        runs: list[list[int]] = []
        for number in (int(code[1:]) for code in group):
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        kind = group[0][0] if group else ""
        parts.append(
            ", ".join(f"{kind}{run[0]} to {kind}{run[-1]}" if len(run) > 2 else ", ".join(f"{kind}{n}" for n in run) for run in runs)
        )
    return "; ".join(part for part in parts if part)


SKINS: tuple[Skin, ...] = (
    *(Tables(), Definitions(), Cards(), Paragraphs()),
    *(Soup(), Accordions(), Layout(), Summaries(), OneTable(), Grouped()),
)


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


def render(facts: Facts, skin: Skin, extras: Mapping[str, str] | None = None) -> bytes:
    """The page of the facts in a skin; `extras` is mark-up to put after the part it names."""
    parts = {
        "top": "",
        "title": f"<h1>{text(facts.title)}</h1>",
        "notices": skin.notices(facts.notices),
        "panel": skin.panel(facts.panel),
        "head": '<p><a href="#print">Print occupational standard</a></p><h2>Details of the occupational standard</h2>',
        "summary": skin.section("Occupation summary", facts.summary),
    }
    if facts.job_titles:
        parts["titles"] = skin.section("Typical job titles include:", skin.titles(facts.job_titles))
    if facts.entry:
        parts["entry"] = skin.section("Entry requirements", facts.entry)
    if facts.duties:
        parts["duties"] = skin.duties(facts.duties, any(met for _, _, met, _ in facts.duties))
    if any(facts.ksbs.values()):
        lists = "".join(skin.ksbs(heading, rows) for heading, rows in facts.ksbs.items() if rows)
        parts["ksbs"] = f"<h3>KSBs</h3>{lists}"
    parts["information"] = facts.information
    parts["log"] = skin.version_log(facts.log) if facts.log else ""
    return skin.page(facts.title, "".join(part + (extras or {}).get(name, "") for name, part in parts.items())).encode()
