"""Two versions of a standard, or two days of one version, side by side with words.

Belongs here: what is said of a pair, as a value, as HTML and as marked text. Not here: finding the two
records (warehouse.read) or matching their items (pipelines.changes).
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipelines.changes.compare import compare
from pipelines.changes.crosswalk import Link, crosswalk, splits_and_merges, tally
from pipelines.changes.summary import Said, headline, summarise
from pipelines.changes.words import Span, word_diff
from schemas.record import Record

_HEADINGS: Final = {"K": "Knowledge", "S": "Skills", "B": "Behaviours", "D": "Duties"}
_STATUSES: Final = frozenset({"version_live", "version_retired", "version_withdrawn", "status_changed"})
# What the crosswalk of items cannot show: links, criteria, core flags, options.
_DETAILS: Final = frozenset(
    f"{thing}_{verb}"
    for thing, verbs in (("mapping", ("added", "removed")), ("option", ("added", "removed", "renamed", "membership_changed")))
    for verb in verbs
) | {"criteria_changed", "core_flag_changed"}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#0b0c0c}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #b1b4b6}"
    "td:first-child{white-space:nowrap}del{background:#f6d7d2}ins{background:#cce2d8}footer{color:#505a5f;margin-top:2rem}"
    "@media(max-width:40rem){th{display:none}td{display:block;border:0;padding:.1rem 0}tr{display:block;border-bottom:1px solid #b1b4b6;padding:.5rem 0}}"
)
ATTRIBUTION: Final = (
    "Contains public sector information licensed under the Open Government Licence v3.0. © Crown copyright, Skills England."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: its version, and the day it stands for where that was asked."""

    version: str
    as_of: str | None = None

    @property
    def name(self) -> str:
        """`1.1`, or `1.1 on 2026-08-13`."""
        return f"{self.version} on {self.as_of}" if self.as_of else self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What is different: facts in sentences, and the crosswalk of every item."""

    reference: str
    title: str
    old: Side
    new: Side
    facts: tuple[str, ...]
    links: tuple[Link, ...]
    notes: tuple[str, ...]
    details: tuple[str, ...]
    headline: str

    @property
    def counts(self) -> dict[str, int]:
        """How many items of each relation."""
        return {str(relation): count for relation, count in tally(self.links).items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON; each link with its words as spans."""
        links = [asdict(link) | {"words": [asdict(span) for span in spans(link)]} for link in self.links]
        return {
            "reference": self.reference,
            "title": self.title,
            "from": asdict(self.old),
            "to": asdict(self.new),
            "headline": self.headline,
            "counts": self.counts,
            "facts": list(self.facts),
            "details": list(self.details),
            "notes": list(self.notes),
            "links": links,
        }


def diff(old: tuple[Side, Record], new: tuple[Side, Record]) -> Diff:
    """Compare two records of one standard."""
    (old_side, before), (new_side, after) = old, new
    differences = compare(before, after)
    # Between two versions a status says where each one is in its life, not what is different in it.
    told = [d for d in differences if d.family != "content" and (before.version == after.version or d.event not in _STATUSES)]
    facts = [summarise(d, new_side.version, after, Said()) for d in told]
    return Diff(
        reference=after.reference,
        title=after.title,
        old=old_side,
        new=new_side,
        facts=tuple(facts),
        links=crosswalk(before.content, after.content),
        notes=tuple(splits_and_merges(before.content.ksbs, after.content.ksbs)),
        details=tuple(summarise(d, new_side.version, after, Said()) for d in differences if d.event in _DETAILS),
        headline=headline(differences) or ("nothing that is taught is different" if facts else "no difference"),
    )


def spans(link: Link) -> tuple[Span, ...]:
    """The words of a link: what stayed, came and went."""
    if link.from_text is None:
        return (Span(kind="added", text=link.to_text or ""),)
    if link.to_text is None:
        return (Span(kind="removed", text=link.from_text),)
    return word_diff(link.from_text, link.to_text)


def codes(link: Link) -> str:
    """`K4 → K5`, `K4` where it kept its code, `K4 gone`, `K5 new`."""
    if link.from_code is None:
        return f"{link.to_code} new"
    if link.to_code is None:
        return f"{link.from_code} gone"
    return link.from_code if link.from_code == link.to_code else f"{link.from_code} → {link.to_code}"


def by_kind(links: Sequence[Link]) -> Iterator[tuple[str, list[Link]]]:
    """The links under the headings people know."""
    for kind, heading in _HEADINGS.items():
        found = [link for link in links if link.kind == kind]
        if found:
            yield heading, found


def as_html(found: Diff) -> str:
    """One page that needs nothing else; what the publisher wrote stays text."""
    text = html.escape
    parts = [
        f"<!DOCTYPE html><html lang=en-GB><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{text(found.reference)} {text(found.old.name)} to {text(found.new.name)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{text(found.reference)} {text(found.title)}</h1><p>{text(found.old.name)} → {text(found.new.name)}: {text(found.headline)}</p>",
        f"<h2>Facts</h2><ul>{''.join(f'<li>{text(fact)}</li>' for fact in found.facts)}</ul>" if found.facts else "",
        f"<h2>To check</h2><ul>{''.join(f'<li>{text(note)}</li>' for note in found.notes)}</ul>" if found.notes else "",
    ]
    for heading, links in by_kind(found.links):
        rows = "".join(f"<tr><td>{text(codes(link))}</td><td>{link.relation}</td><td>{_html_words(link)}</td></tr>" for link in links)
        parts.append(
            f"<h2>{heading}</h2><table><thead><tr><th>Code</th><th>What became of it</th><th>Words</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    if found.details:
        parts.append(f"<h2>Mapping, criteria and options</h2><ul>{''.join(f'<li>{text(detail)}</li>' for detail in found.details)}</ul>")
    return "".join(parts) + f"</main><footer><p>{text(ATTRIBUTION)}</p></footer></body></html>\n"


def _html_words(link: Link) -> str:
    tags = {"same": ("", ""), "removed": ("<del>", "</del>"), "added": ("<ins>", "</ins>")}
    return "".join(f"{tags[span.kind][0]}{html.escape(span.text)}{tags[span.kind][1]}" for span in spans(link))
