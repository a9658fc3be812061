"""Addresses of pages, from the root of the site. They are permanent: what is linked once stays where it is.

Belongs here: the one place that says where a page is. Not here: what is on it.
Every address ends in a file's name, so that the pages work from a disk as well; `standards/ST0128/` is the same page on a server.
"""

import re
from datetime import date
from typing import Final

HOME: Final = "index.html"
STANDARDS: Final = "standards/index.html"
CHANGES: Final = "changes/index.html"
COMING_UP: Final = "coming-up.html"
CALENDAR: Final = "coming-up.ics"
ABOUT: Final = "about.html"
NOT_FOUND: Final = "404.html"
# Written by others beside the pages; linked where they are there.
FEED: Final = "feeds/all.xml"
DATABASE: Final = "downloads/standards.duckdb"
STANDARDS_CSV: Final = "downloads/standards.csv"
CHANGES_CSV: Final = "downloads/changes.csv"

_SLUG_RE: Final = re.compile(r"[^a-z0-9]+")


def standard(reference: str) -> str:
    """A standard: the version in force, its versions and its history."""
    return f"standards/{reference}/index.html"


def version(reference: str, number: str) -> str:
    """One version, whatever its status."""
    return f"standards/{reference}/{number}.html"


def comparison(reference: str, old: str, new: str) -> str:
    """Two versions side by side; the same with .csv is the crosswalk."""
    return f"standards/{reference}/{old}-to-{new}.html"


def story(reference: str, day: date) -> str:
    """What changed in a standard, as seen on a day; `#<change_id>` is one change."""
    return f"standards/{reference}/{day.isoformat()}.html"


def day(day: date) -> str:
    """Everything seen on a day."""
    return f"changes/{day.isoformat()}.html"


def route(name: str | None) -> str:
    """The standards of a route and what changed in them."""
    return f"routes/{slug(name)}.html"


def standard_feed(reference: str) -> str:
    """The feed of a standard."""
    return f"feeds/standard/{reference}.xml"


def route_feed(name: str | None) -> str:
    """The feed of a route."""
    return f"feeds/route/{slug(name)}.xml"


def slug(name: str | None) -> str:
    """A name as a part of an address."""
    return _SLUG_RE.sub("-", (name or "").lower()).strip("-") or "none"
