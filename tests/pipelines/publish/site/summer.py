"""A summer to build pages of: the sample site's three nights, and one standard whose publisher means no good.

Belongs here: records and building. Not here: any expectation.
"""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipelines.publish.site.build import build_site
from pipelines.publish.site.manifest import Counts
from scrapers.sample.nights import DATES
from scrapers.sample.server import sample_nights
from tests.watching import ApiRecord, Watch, no_progress, sample

HOSTILE: Final = "ST9666"
TITLE: Final = "<script>window.pwned=1</script><img src=x onerror=window.pwned=2> & {{ 7*7 }} 'ticks' \"quotes\""
LONG_WORD: Final = "W" * 10_000
TEXTS: Final = (
    LONG_WORD,
    "\u202eمرحبا بالعالم, right to left, then <b>left</b> again",
    "👩‍🔧 mends 🏴󠁧󠁢󠁥󠁮󠁧󠁿 machines",
    '=HYPERLINK("http://127.0.0.1:9/","click")',
    "</p></main><h1>Escaped</h1><style>body{display:none}</style>",
    '<time class="checked">never</time> [added: not really]',
)


def hostile(*, night: int) -> ApiRecord:
    """The record of the hostile standard on a night; on the third its words are others."""
    (record,) = sample("ST9003 1.0", referenceNumber=HOSTILE, title=TITLE, larsCode=9666)
    edited = {"route": "<i>Nowhere</i>/../..", "change": TEXTS[5], "overviewOfRole": TITLE + LONG_WORD}
    edited |= {"assessmentPlanUrl": "javascript:window.pwned=3", "standardPageUrl": "javascript:window.pwned=4", "banners": TITLE}
    record |= edited
    skills: list[dict[str, Any]] = record["skills"]
    for skill, text in zip(skills, TEXTS, strict=False):
        skill["detail"] = text if night < 3 else f"{text} and {TITLE}"
    return record


def nights() -> list[list[ApiRecord]]:
    """The records of each night."""
    return [[*copy.deepcopy(records), hostile(night=number)] for number, records in enumerate(sample_nights(), 1)]


def look(watch: Watch, number: int, records: list[ApiRecord] | None = None) -> None:
    """One night's run."""
    at = datetime.combine(DATES[number - 1], datetime.min.time(), UTC).replace(hour=5, tzinfo=None)
    watch.see(nights()[number - 1] if records is None else records, at=at)


def build(watch: Watch, folder: Path) -> Counts:
    """The pages of what is published now."""
    return build_site(watch.data, folder, no_progress)


def files(folder: Path) -> dict[str, bytes]:
    """What stands in a folder, but for what belongs to the builder alone and the database, which is not made here."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".duckdb"
    }
