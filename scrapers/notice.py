"""The notice of a version: the banner text, without what only restates the status.

Belongs here: what counts as a notice, for every source. Not here: where a page keeps its banner.
"""

import re
from collections.abc import Iterable
from typing import Final

from schemas.text import plain
from scrapers.addresses import without_addresses

# What the page says because of its status belongs to the lifecycle; the version's status says it.
STATUS_RE: Final = re.compile(
    r"""^(?:
      This\ (?:apprenticeship|occupational|standard|[a-z ]*apprenticeship(?:\ unit)?)(?:\ standard)?[ ]
        (?:is\ in\ revision|has\ been\ (?:retired|withdrawn)|is\ in\ development\ and\ is\ subject\ to\ change)
    | This\ is\ not\ the\ latest\ approved\ version\ of\ this\ apprenticeship\.?(?:\ View\ the\ latest\ version)?
    | View\ the\ latest\ version
    | Why\ is\ this\ apprenticeship\ not\ ready\ for\ delivery\?
    | How\ can\ I\ get\ involved\?
    )\.?$""",
    re.VERBOSE | re.IGNORECASE,
)


def notice_text(lines: Iterable[str]) -> str | None:
    """One text of several banner lines; the API joins its banners with ';', a page gives them lines of their own."""
    parts = (part.strip() for line in lines for part in without_addresses(plain(line)).split(";"))
    return "; ".join(part for part in parts if part and not STATUS_RE.match(part)) or None
