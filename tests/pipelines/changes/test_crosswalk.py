"""The crosswalk: every old and every new code exactly once."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.changes.compare import compare
from pipelines.changes.crosswalk import Link, crosswalk, splits_and_merges, tally
from schemas.record import APPROVED, KINDS, Content, Duty, Ksb, Record

WORDS = (
    "apply the safety rules of the site",
    "apply the safety rules of every site",
    "weld thin sheets of steel",
    "talk to customers with patience",
)


def content(k: Sequence[str] = (), s: Sequence[str] = (), b: Sequence[str] = (), duties: Sequence[str] = ()) -> Content:
    ksbs = [Ksb(kind=kind, position=n, text=text) for kind, texts in zip(KINDS, (k, s, b), strict=True) for n, text in enumerate(texts, 1)]
    return Content(ksbs=tuple(ksbs), duties=tuple(Duty(number=n, text=text) for n, text in enumerate(duties, 1)))


def short(links: Sequence[Link]) -> list[tuple[str | None, str | None, str]]:
    return [(link.from_code, link.to_code, link.relation) for link in links]


def test_every_relation() -> None:
    before = content(k=["a", "b", "weld thin sheets", "zzz"], s=["q"], duties=["x", "y"])
    after = content(k=["b", "a", "weld very thin sheets"], s=["q", "wwwwww"], b=["zzz"], duties=["y"])
    assert short(crosswalk(before, after)) == [
        ("K2", "K1", "relabelled"),
        ("K1", "K2", "relabelled"),
        ("K3", "K3", "reworded"),
        ("S1", "S1", "unchanged"),
        (None, "S2", "added"),
        ("K4", "B1", "moved"),
        ("Duty 2", "Duty 1", "relabelled"),
        ("Duty 1", None, "removed"),
    ]


lists = st.lists(st.one_of(st.sampled_from(WORDS), st.text(alphabet="abc ", min_size=1, max_size=9)), max_size=6)
contents = st.builds(content, k=lists, s=lists, b=lists, duties=lists)


@given(contents, contents)
def test_every_code_is_there_exactly_once_and_the_counts_add_up(before: Content, after: Content) -> None:
    links = crosswalk(before, after)
    assert Counter(link.from_code for link in links if link.from_code) == Counter(
        [k.code for k in before.ksbs] + [d.label for d in before.duties]
    )
    assert Counter(link.to_code for link in links if link.to_code) == Counter(
        [k.code for k in after.ksbs] + [d.label for d in after.duties]
    )
    counted = tally(links)
    assert sum(counted.values()) == len(links)
    assert sum(counted.values()) - counted["added"] == len(before.ksbs) + len(before.duties)


@given(contents, contents)
def test_the_crosswalk_says_what_the_changes_say(before: Content, after: Content) -> None:
    def record(of: Content) -> Record:
        return Record(reference="ST9001", version="1.0", title="x", status=APPROVED, content=of)

    events = Counter(d.event.removeprefix("ksb_").removeprefix("duty_") for d in compare(record(before), record(after)))
    counted = tally(crosswalk(before, after))
    assert {relation: events[relation] for relation in counted if relation != "unchanged"} == {
        r: n for r, n in counted.items() if r != "unchanged"
    }


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        pytest.param(
            ["Select cutting tools and measure finished components against drawings"],
            ["Select cutting tools for the material", "Measure finished components against drawings"],
            ["K1 was probably split into K1 and K2"],
            id="a split",
        ),
        pytest.param(
            ["Select cutting tools for the material", "Measure finished components against drawings"],
            ["Select cutting tools and measure finished components against drawings"],
            ["K1 and K2 were probably merged into K1"],
            id="a merge",
        ),
        pytest.param(["Select cutting tools"], ["Select cutting tools", "Measure components"], [], id="an addition is no split"),
        pytest.param(["Talk to customers"], ["Weld thin steel"], [], id="nothing in common"),
    ],
)
def test_likely_splits_and_merges(before: Sequence[str], after: Sequence[str], notes: list[str]) -> None:
    assert list(splits_and_merges(content(k=before).ksbs, content(k=after).ksbs)) == notes
