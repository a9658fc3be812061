"""What kind of edit turned one text into another, and which words it touched."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.changes.words import Edit, Span, edit, word_diff


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        pytest.param("to effectivelycommunicate", "to effectively communicate", "spacing", id="a glued word set right"),
        pytest.param("Non -Functional", "Non-Functional", "spacing", id="a stray space"),
        pytest.param("ISO standards", "iso Standards", "case", id="capitals"),
        pytest.param("types, tools", "types; tools.", "punctuation", id="marks"),
        pytest.param("life-cycle", "lifecycle", "punctuation", id="a hyphen"),
        pytest.param("the “right” way", 'the "right" way', "punctuation", id="quotes"),
        pytest.param("maintanance of kit", "maintenance of kit", "typing", id="a letter"),
        pytest.param("recieve goods", "receive goods", "typing", id="letters swapped"),
        pytest.param("within 2.4 GHz", "within 24 GHz", "wording", id="a point beside figures"),
        pytest.param("5 days", "6 days", "wording", id="a figure"),
        pytest.param("£500", "500", "wording", id="a sign beside a figure"),
        pytest.param("must not weld", "must now weld", "wording", id="a short word"),
        pytest.param("use tools", "use safe tools", "wording", id="a word more"),
        pytest.param("a b", "a", "wording", id="a word less"),
    ],
)
def test_edit(before: str, after: str, kind: Edit) -> None:
    assert edit(before, after) == kind
    assert edit(after, before) == kind


def test_word_diff() -> None:
    assert word_diff("Use simple tools.", "Use safe tools, often.") == (
        Span(kind="same", text="Use "),
        Span(kind="removed", text="simple"),
        Span(kind="added", text="safe"),
        Span(kind="same", text=" tools"),
        Span(kind="added", text=", often"),
        Span(kind="same", text="."),
    )


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_of_either_text_is_lost(before: str, after: str) -> None:
    spans = word_diff(before, after)
    assert "".join(span.text for span in spans if span.kind != "added") == before
    assert "".join(span.text for span in spans if span.kind != "removed") == after


def test_word_diff_of_long_texts_pairs_sentences_first_and_keeps_every_word() -> None:
    old = [f"Sentence number {number} speaks of tools, of safety and of many other things." for number in range(200)]
    new = [*old[:50], "Something wholly new stands here.", *old[50:120], *[line.replace("safety", "care") for line in old[120:]]]
    spans = word_diff(" ".join(old), " ".join(new))
    assert "".join(span.text for span in spans if span.kind != "added") == " ".join(old)
    assert "".join(span.text for span in spans if span.kind != "removed") == " ".join(new)
    assert Span(kind="added", text="Something wholly new stands here. ") in spans
    assert all(one.kind != other.kind for one, other in pairwise(spans))
