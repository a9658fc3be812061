"""Items are matched by their words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.changes.align import Alignment, align


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("ab", "ab", Alignment(pairs=((0, 0), (1, 1)), removed=(), added=()), id="nothing"),
        pytest.param("ab", "ba", Alignment(pairs=((1, 0), (0, 1)), removed=(), added=()), id="turned round"),
        pytest.param("abc", "ac", Alignment(pairs=((0, 0), (2, 1)), removed=(1,), added=()), id="one gone"),
        pytest.param("ac", "abc", Alignment(pairs=((0, 0), (1, 2)), removed=(), added=(1,)), id="one new"),
        pytest.param("aba", "ab", Alignment(pairs=((0, 0), (1, 1)), removed=(2,), added=()), id="a duplicate gone"),
        pytest.param("ab", "aba", Alignment(pairs=((0, 0), (1, 1)), removed=(), added=(2,)), id="a duplicate new"),
        pytest.param("", "", Alignment(pairs=(), removed=(), added=()), id="empty"),
    ],
)
def test_align(before: str, after: str, expected: Alignment) -> None:
    assert align(list(before), list(after)) == expected


@given(st.lists(st.sampled_from("abcde")), st.lists(st.sampled_from("abcde")))
def test_every_item_is_accounted_for_once(before: list[str], after: list[str]) -> None:
    found = align(before, after)
    assert sorted([i for i, _ in found.pairs] + list(found.removed)) == list(range(len(before)))
    assert sorted([j for _, j in found.pairs] + list(found.added)) == list(range(len(after)))


@given(st.lists(st.text(max_size=5)).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_any_order_of_the_same_items_is_a_full_match(lists: tuple[list[str], list[str]]) -> None:
    found = align(*lists)
    assert (found.removed, found.added) == ((), ())
