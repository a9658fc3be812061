"""Templates: how told changes look as HTML, as marked plain text and as a feed.

Belongs here: the one Jinja environment and what every layout shares. Not here: what is said
(pipelines.changes.telling) or to whom (pipelines.alerts, pipelines.publish).
What the publisher wrote is untrusted: HTML and XML are escaped always, and characters XML cannot hold are left out.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pipelines.changes.telling import when
from pipelines.changes.words import Span
from pipelines.diff import ATTRIBUTION

TEMPLATES: Final = Path(__file__).parent / "templates"
LEGEND: Final = "[-words-] were taken out, {+words+} were put in."
_MARKS: Final = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
_NOT_XML_RE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=select_autoescape(default=True, disabled_extensions=("txt",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters |= {"marked": marked, "when": when}
    environment.globals |= {"attribution": ATTRIBUTION, "legend": LEGEND}
    return environment


def _plain(value: object) -> object:
    return _NOT_XML_RE.sub("", value) if type(value) is str else value


def render(template: str, **values: Any) -> str:
    """A template of this project with its values."""
    return _environment().get_template(template).render(values)


def marked(spans: Sequence[Span]) -> str:
    """Spans as plain text that shows what went and came: `[-old-] {+new+}`."""
    return "".join(f"{_MARKS[span.kind][0]}{span.text}{_MARKS[span.kind][1]}" for span in spans)


def own_page(public_url: str | None, reference: str | None) -> str | None:
    """The address of our own page about a standard, where the site is published."""
    return f"{public_url.rstrip('/')}/standards/{reference}/" if public_url and reference else None
