"""Templates: how values become pages.

Belongs here: the Jinja environment, and how figures, dates and addresses are written. Not here: which values a page shows.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.changes.severity import RULES
from pipelines.changes.summary import SILENT, in_words
from pipelines.diff import ATTRIBUTION
from pipelines.publish.site import addresses
from schemas.events import EVENTS

FOLDER: Final = Path(__file__).parent
SEVERITY_WORDS: Final[Mapping[str, str]] = {
    "revision": "Revision",
    "adjustment": "Adjustment",
    "correction": "Correction",
    "none": "Information",
}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates", encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "day": in_words,
        "moment": moment,
        "pounds": pounds,
        "thousands": thousands,
        "web": web,
        "unsaid": unsaid,
        "many": many,
        "choices": choices,
    }
    environment.globals |= {
        "attribution": ATTRIBUTION,
        "at": addresses,
        "severity_words": SEVERITY_WORDS,
        "severity_rules": RULES,
        "events": EVENTS,
    }
    return environment


def render(template: str, path: str, values: Mapping[str, Any]) -> str:
    """A page: `path` is where it will stand, so that its links can be relative."""
    return _environment().get_template(template).render(**values, root="../" * path.count("/"), here=path)


def moment(value: datetime | None) -> str:
    """`14 August 2026, 05:00 UTC`."""
    return f"{in_words(value.date())}, {value:%H:%M} UTC" if value else "never"


def pounds(value: int | None) -> str:
    """`£15,000`."""
    return f"£{value:,}" if value is not None else ""


def thousands(value: int) -> str:
    """`1,950`."""
    return f"{value:,}"


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 change`, `1,204 changes`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def web(address: str | None) -> str | None:
    """The address where it is one of the web, else None: nothing else becomes a link."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc else None


def unsaid(summary: str) -> str:
    """A summary without the sentence that the change was silent, for places that say so with a mark."""
    return summary.replace(f" {SILENT}", "")


def is_silent(summary: str) -> bool:
    """Whether a change was edited in place without a word of the publisher."""
    return SILENT in summary


def choices(values: Iterable[object]) -> list[tuple[object, object]]:
    """Values that are their own words, for a list to choose from."""
    return [(value, value) for value in values]
