"""The sources: where a record can be read, and which parser reads it.

Belongs here: the one list of sources. Not here: any of their parsers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scrapers import api, occupation, page
from scrapers.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source's parser and its version, which moves whenever the same bytes may read differently."""

    name: str
    parser_version: str
    parse: Callable[[bytes], Reading]


SOURCES: Final = {
    source.name: source
    for source in (
        Source(name="api", parser_version=api.PARSER_VERSION, parse=api.parse),
        Source(name="page", parser_version=page.PARSER_VERSION, parse=page.parse),
        Source(name="occupation", parser_version=occupation.PARSER_VERSION, parse=occupation.parse),
    )
}
