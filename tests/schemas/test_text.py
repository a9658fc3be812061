"""When two texts are the same text."""

import html

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.text import duty_text, ksb_text, plain

# What texts are made of where they go wrong: white space, invisible and combining characters, entities, labels.
DIRT = st.lists(st.sampled_from([*"ekKsSbB01: .&;<>'\"\r\n\t", "\u00a0", "\u200b", "\u0301", "\ufeff", "&amp;", "&nbsp;", "&#160;", "é"]))
TEXTS = st.text() | DIRT.map("".join)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param("", "", id="empty"),
        pytest.param(" \r\n\u00a0\u200b", "", id="nothing to see"),
        pytest.param("Plan the work.", "Plan the work.", id="as it is"),
        pytest.param("  Plan the work. ", "Plan the work.", id="spaces around"),
        pytest.param("Plan  the \t work", "Plan the work", id="spaces within"),
        pytest.param("Plan\r\nthe work\r\n", "Plan the work", id="line ends of Windows"),
        pytest.param("Plan\nthe\n\nwork", "Plan the work", id="line ends"),
        pytest.param("Plan\u00a0the work\u00a0", "Plan the work", id="no-break space"),
        pytest.param("Plan\u2003the\u202fwork", "Plan the work", id="wide and narrow spaces"),
        pytest.param("Plan&nbsp;the&#160;work", "Plan the work", id="escaped no-break space"),
        pytest.param("\ufeffPlan the\u200b wo\u2060rk", "Plan the work", id="zero width"),
        pytest.param("R&D", "R&D", id="a bare ampersand"),
        pytest.param("R&amp;D", "R&D", id="escaped once"),
        pytest.param("R&amp;amp;D", "R&amp;D", id="escaped twice is unescaped once"),
        pytest.param("&amp;amp;", "&amp;", id="an escaped entity"),
        pytest.param("&lt;0.5 mm, &quot;go&quot; &#39;no-go&#39;", "<0.5 mm, \"go\" 'no-go'", id="entities of every kind"),
        pytest.param("cafe\u0301", "caf\u00e9", id="composed"),
        pytest.param("cafe\u200b\u0301", "caf\u00e9", id="composed once nothing is between"),
        pytest.param("cafe&#x301;", "caf\u00e9", id="composed once unescaped"),
        pytest.param("5 \u212b", "5 \u00c5", id="one sign for one letter"),
        pytest.param("CNC and cnc", "CNC and cnc", id="case is kept"),
        pytest.param("Well–known, “so to speak”…", "Well–known, “so to speak”…", id="punctuation is kept"),
        pytest.param("½ m² ﬁne", "½ m² ﬁne", id="compatible characters are other characters"),
        pytest.param("None", "None", id="the word None is a word here"),
    ],
)
def test_text_is_compared_without_what_a_reader_cannot_see(text: str | None, words: str) -> None:
    assert plain(text) == words


@settings(deadline=None)
@given(TEXTS)
@example("e\u200b\u0301")
@example("&amp;amp;lt;")
def test_plain_text_is_plain_and_only_unescaping_again_would_alter_it(text: str) -> None:
    assert plain(html.escape(plain(text))) == plain(text)


@settings(deadline=None)
@given(TEXTS)
def test_plain_text_has_single_spaces_and_one_line(text: str) -> None:
    words = plain(text)
    assert words == " ".join(words.split())


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        pytest.param("K", "K1: How it works", "How it works", id="a colon"),
        pytest.param("K", "k6: How it works", "How it works", id="lower case"),
        pytest.param("K", "K12:How it works", "How it works", id="no space"),
        pytest.param("K", "K123: How it works", "How it works", id="three digits and a colon"),
        pytest.param("K", "K 7 : How it works", "How it works", id="spaces in the label"),
        pytest.param("B", "B3. Careful", "Careful", id="a full stop"),
        pytest.param("B", "B3) Careful", "Careful", id="a bracket"),
        pytest.param("S", "S4 - Weld", "Weld", id="a hyphen"),
        pytest.param("S", "S4 – Weld", "Weld", id="a dash"),
        pytest.param("S", "S1 Client relations", "Client relations", id="a space"),
        pytest.param("S", "S23\u00a0Demonstrate", "Demonstrate", id="a no-break space"),
        pytest.param("S", "  S2:\r\nMeasure &amp; mark ", "Measure & mark", id="plain first"),
        pytest.param("K", "K1: K2: How it works", "K2: How it works", id="one label only"),
        pytest.param("S", "S355 structural steel", "S355 structural steel", id="a steel grade"),
        pytest.param("S", "S2.4 GHz bands", "S2.4 GHz bands", id="a decimal"),
        pytest.param("K", "2.4 GHz bands", "2.4 GHz bands", id="a number"),
        pytest.param("B", "B2B selling", "B2B selling", id="a word with a number in it"),
        pytest.param("S", "K2 is what another kind is called", "K2 is what another kind is called", id="another kind's label"),
        pytest.param("S", "K2: How it works", "K2: How it works", id="another kind's label with a colon"),
        pytest.param("K", "D13 first aid", "D13 first aid", id="a duty's label"),
        pytest.param("K", "How K1: works", "How K1: works", id="a label within"),
        pytest.param("K", "K1:", "K1:", id="a label without words"),
        pytest.param("K", "K1", "K1", id="a code alone"),
        pytest.param("K", "Knots", "Knots", id="a word"),
        pytest.param("K", None, "", id="nothing"),
    ],
)
def test_an_items_own_label_is_no_part_of_its_words(kind: str, text: str | None, words: str) -> None:
    assert ksb_text(text, kind) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("D1: Plan the work", "Plan the work", id="short"),
        pytest.param("Duty 1 Plan the work", "Plan the work", id="long"),
        pytest.param("DUTY 12: Plan the work", "Plan the work", id="upper case"),
        pytest.param("duty 3 – Plan the work", "Plan the work", id="a dash"),
        pytest.param("Duty\u00a04. Plan the work", "Plan the work", id="a no-break space"),
        pytest.param("D13 first aid", "first aid", id="a space"),
        pytest.param("Duty 1: Duty 2: Plan", "Duty 2: Plan", id="one label only"),
        pytest.param("Duty of care", "Duty of care", id="the word"),
        pytest.param("Duty 2", "Duty 2", id="a label alone"),
        pytest.param("D2.5 drawings", "D2.5 drawings", id="a decimal"),
        pytest.param("K1: How it works", "K1: How it works", id="an item's label"),
        pytest.param("Design", "Design", id="a word"),
        pytest.param(".", ".", id="a placeholder"),
        pytest.param(None, "", id="nothing"),
    ],
)
def test_a_dutys_own_label_is_no_part_of_its_words(text: str | None, words: str) -> None:
    assert duty_text(text) == words
