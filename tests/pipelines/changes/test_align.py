"""Items are matched by their words."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.changes.align import Item, Pair, align, match_ksbs
from schemas.record import Content, Duty, Kind, Ksb

WORDS = (
    "apply the safety rules of the site",
    "apply the safety rules of every site",
    "weld thin steel sheets",
    "talk to customers with patience",
)
texts = st.lists(st.one_of(st.sampled_from(WORDS), st.text(alphabet="ab ", max_size=12)), max_size=8)


def items(lines: Sequence[str], ids: Sequence[str] = ()) -> list[Item]:
    return [Item(text=line, publisher_id=ids[index] if ids else None) for index, line in enumerate(lines)]


def pairs(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    return [(pair.before, pair.after) for pair in align(items(before), items(after)).pairs]


@pytest.mark.parametrize(
    ("before", "after", "matched", "removed", "added"),
    [
        pytest.param("ab", "ab", [(0, 0), (1, 1)], (), (), id="nothing"),
        pytest.param("ab", "ba", [(1, 0), (0, 1)], (), (), id="turned round"),
        pytest.param("abc", "ac", [(0, 0), (2, 1)], (1,), (), id="one gone"),
        pytest.param("ac", "abc", [(0, 0), (1, 2)], (), (1,), id="one new"),
        pytest.param("axxxa", "axxx", [(0, 0), (1, 1), (2, 2), (3, 3)], (4,), (), id="the later duplicate gone"),
        pytest.param("axxxa", "xxxa", [(1, 0), (2, 1), (3, 2), (4, 3)], (0,), (), id="the earlier duplicate gone"),
        pytest.param("aa", "aa", [(0, 0), (1, 1)], (), (), id="duplicates pair in order"),
        pytest.param("", "", [], (), (), id="empty"),
    ],
)
def test_equal_texts(before: str, after: str, matched: list[tuple[int, int]], removed: tuple[int, ...], added: tuple[int, ...]) -> None:
    found = align(items(before), items(after))
    assert [(pair.before, pair.after) for pair in found.pairs] == matched
    assert (found.removed, found.added) == (removed, added)


@pytest.mark.parametrize(
    ("before", "after", "is_same_item"),
    [
        pytest.param(
            "How to carry out fire safety inspections", "How to carry out fire safety audits on complex premises.", True, id="reworded"
        ),
        pytest.param("Sources and effectivelycommunicate", "Sources and effectively communicate", True, id="a glued word set right"),
        pytest.param(
            "Roles and responsibilities within the software development life-cycle",
            "Roles and responsibilities of the project life-cycle",
            True,
            id="alike, with nothing else there",
        ),
        pytest.param("Mechanical manufacturing techniques", "Verbal communication techniques.", False, id="a word in common"),
        pytest.param(
            "Use simple debugging techniques", "Maintain a productive and secure working environment", False, id="nothing in common"
        ),
    ],
)
def test_similar_texts(before: str, after: str, is_same_item: bool) -> None:
    assert bool(pairs([before], [after])) is is_same_item


def test_alike_items_are_never_confused_while_both_are_there() -> None:
    within, of = (
        "Roles and responsibilities within the software development life-cycle",
        "Roles and responsibilities of the project life-cycle",
    )
    assert pairs([within, of], [of, within + " and its phases"]) == [(1, 0), (0, 1)]


def test_the_whole_assignment_counts_not_the_first_best_pair() -> None:
    before = ["test simple code and correct errors", "test simple code and correct errors found"]
    after = ["test simple code and correct errors found using unit tests", "test simple code and correct error"]
    assert pairs(before, after) == [(1, 0), (0, 1)]


def test_the_publisher_s_id_breaks_a_tie_and_nothing_more() -> None:
    old = items(["apply the rules of site A", "apply the rules of site B"], ["1", "2"])
    assert align(old, items(["apply the rules of site C"], ["2"])).removed == (0,)
    assert align(old, items(["apply the rules of site C"], ["1"])).removed == (1,)
    unrelated = align(items(["weld thin steel sheets"], ["1"]), items(["talk to customers with patience"], ["1"]))
    assert unrelated.pairs == ()


def test_the_nearest_place_breaks_a_tie() -> None:
    assert pairs(["rule A", "x" * 9, "y" * 9, "rule B"], ["x" * 9, "y" * 9, "rule C"]) == [(1, 0), (2, 1), (3, 2)]


@given(texts, texts)
def test_every_item_is_accounted_for_once(before: list[str], after: list[str]) -> None:
    found = align(items(before), items(after))
    assert sorted([pair.before for pair in found.pairs] + list(found.removed)) == list(range(len(before)))
    assert sorted([pair.after for pair in found.pairs] + list(found.added)) == list(range(len(after)))


@given(texts, texts)
def test_looking_back_gives_the_mirror_image(before: list[str], after: list[str]) -> None:
    there, back = align(items(before), items(after)), align(items(after), items(before))
    assert {(p.before, p.after, p.similarity) for p in there.pairs} == {(p.after, p.before, p.similarity) for p in back.pairs}
    assert (there.removed, there.added) == (back.added, back.removed)


@given(texts.flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_any_order_of_the_same_items_is_a_full_match(lists: tuple[list[str], list[str]]) -> None:
    found = align(items(lists[0]), items(lists[1]))
    assert (found.removed, found.added) == ((), ())
    assert all(pair == Pair(before=pair.before, after=pair.after, similarity=100.0) for pair in found.pairs)


class TestMoved:
    """Between K, S and B, only nearly the same words are the same item."""

    @staticmethod
    def ksb(kind: Kind, text: str, position: int = 1) -> Ksb:
        return Ksb(kind=kind, position=position, text=text)

    @pytest.mark.parametrize(
        ("before", "after", "is_moved"),
        [
            pytest.param("Perform basic life support", "Perform basic life support", True, id="the same words"),
            pytest.param("Use products of analysis in the design.", "Uses products of analysis in the design", True, id="nearly"),
            pytest.param(
                "How to change your practice for new developments",
                "Change own practice for new developments",
                False,
                id="its echo in a skill",
            ),
        ],
    )
    def test_moved(self, before: str, after: str, is_moved: bool) -> None:
        found = match_ksbs(Content(ksbs=(self.ksb("K", before),)), Content(ksbs=(self.ksb("S", after),)))
        assert bool(found.pairs) is is_moved
        assert len(found.removed) == len(found.added) == (0 if is_moved else 1)

    def test_an_item_that_stays_is_not_moved_to_its_double(self) -> None:
        found = match_ksbs(Content(ksbs=(self.ksb("K", "a b c"),)), Content(ksbs=(self.ksb("K", "a b c"), self.ksb("S", "a b c"))))
        assert [(old.code, new.code) for old, new, _ in found.pairs] == [("K1", "K1")]
        assert [ksb.code for ksb in found.added] == ["S1"]


class TestTwins:
    """Items with the same words are told apart by what they are mapped to, then by the publisher's id."""

    def test_the_twin_whose_duties_stayed_is_the_one_that_stayed(self) -> None:
        twins = tuple(Ksb(kind="S", position=n, text="plan the work") for n in (1, 2))
        before = Content(ksbs=twins, duties=(Duty(number=1, text="x", codes=("S1",)), Duty(number=2, text="y", codes=("S2",))))
        after = Content(ksbs=twins[:1], duties=(Duty(number=1, text="x"), Duty(number=2, text="y", codes=("S1",))))
        found = match_ksbs(before, after)
        assert [(old.code, new.code) for old, new, _ in found.pairs] == [("S2", "S1")]
        assert [ksb.code for ksb in found.removed] == ["S1"]

    def test_twins_that_change_places(self) -> None:
        assert [(p.before, p.after) for p in align(items(["a", "a"], ["1", "2"]), items(["a", "a"], ["2", "1"])).pairs] == [(1, 0), (0, 1)]
