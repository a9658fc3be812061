"""Prose fields: what a person sees, whatever the editor wrote around it."""

import html

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scrapers.prose import INLINE, prose_text

MARKUP = st.lists(
    st.sampled_from(
        [
            *(
                "<p>",
                "</p>",
                "<br />",
                "<b>",
                "</b",
                "<!--",
                "-->",
                "<?x",
                "<![if !x]>",
                "<li",
                ">",
                "<",
                "&lt;",
                "&amp;",
                "&nbsp;",
                "&#0;",
                "&#xD800;",
            ),
            *(
                "<html>",
                "<body>",
                "<!DOCTYPE html>",
                '<?xml version="1.0" encoding="utf-8"?>',
                "<svg>",
                "<table>",
                "\x00",
                "\x0b",
                "\ud800",
                "a",
                " ",
            ),
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    "resaved",
    [
        pytest.param("&lt;p&gt;Plan the work.&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="escaped"),
        pytest.param("<p>Plan the work.</p><p>Do it.</p>", id="not escaped"),
        pytest.param("&lt;p&gt;Plan the work.&lt;/p&gt;\r\n&lt;p&gt;Do it.&lt;/p&gt;\r\n", id="line ends"),
        pytest.param("&lt;p&gt;Plan the&amp;nbsp;work.&lt;/p&gt;&lt;p&gt;Do it.&amp;nbsp;&lt;/p&gt;", id="named no-break spaces"),
        pytest.param("&lt;p&gt;Plan the&#160;work.&lt;/p&gt;&lt;p&gt;&#160;Do it.&lt;/p&gt;", id="numbered no-break spaces"),
        pytest.param("&lt;p&gt;Plan the work.&lt;br /&gt;&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="a break at the end"),
        pytest.param("&lt;p&gt;Plan the work.&lt;br&gt;Do it.&lt;/p&gt;", id="a break between"),
        pytest.param("&lt;p&gt;Plan the work.&lt;/p&gt;&lt;p&gt;&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="an empty paragraph"),
        pytest.param('&lt;p class=&quot;MsoNormal&quot;&gt;Plan the work.&lt;/p&gt;&lt;p style="x"&gt;Do it.&lt;/p&gt;', id="attributes"),
        pytest.param("&lt;P&gt;Plan the work.&lt;/P&gt;&lt;P&gt;Do it.&lt;/P&gt;", id="capital tags"),
        pytest.param("&lt;div&gt;Plan the work.&lt;/div&gt;&lt;div&gt;Do it.&lt;/div&gt;", id="other tags"),
        pytest.param("&lt;ul&gt;&lt;li&gt;Plan the work.&lt;/li&gt;&lt;li&gt;Do it.&lt;/li&gt;&lt;/ul&gt;", id="a list"),
        pytest.param(
            "&lt;table&gt;&lt;tr&gt;&lt;td&gt;Plan the work.&lt;/td&gt;&lt;td&gt;Do it.&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;", id="a table"
        ),
        pytest.param(
            "&lt;p&gt;&lt;strong&gt;Plan&lt;/strong&gt; the &lt;em&gt;work.&lt;/em&gt;&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="emphasis"
        ),
        pytest.param(
            "&lt;p&gt;P&lt;span lang=&quot;en&quot;&gt;lan&lt;/span&gt; the work.&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;",
            id="a span within a word",
        ),
        pytest.param("&lt;p&gt;Plan the work.&lt;!-- a note --&gt;&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="a comment"),
        pytest.param("&lt;p&gt;Pl&lt;!-- a note --&gt;an the work.&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="a comment within a word"),
        pytest.param("&lt;p&gt;Plan the work.&lt;o:p&gt;&lt;/o:p&gt;&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="a tag of a word processor"),
        pytest.param(
            "&lt;p&gt;Plan the work.&lt;?xml:namespace prefix = o /&gt;&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;",
            id="an instruction of a word processor",
        ),
        pytest.param("&lt;style&gt;p {color: red}&lt;/style&gt;&lt;p&gt;Plan the work.&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="a style"),
        pytest.param("&lt;p&gt;Plan the work.&lt;/p&gt;&lt;script&gt;count()&lt;/script&gt;&lt;p&gt;Do it.&lt;/p&gt;", id="a script"),
        pytest.param(
            "&lt;html&gt;&lt;body&gt;&lt;p&gt;Plan the work.&lt;/p&gt;&lt;p&gt;Do it.&lt;/p&gt;&lt;/body&gt;&lt;/html&gt;",
            id="a whole document",
        ),
        pytest.param("&lt;p&gt;Plan the work.&lt;p&gt;Do it.", id="tags left open"),
        pytest.param("Plan the work.&lt;p&gt;Do it.&lt;/p&gt;", id="text before the first tag"),
        pytest.param("&lt;p&gt;Plan the work.&lt;/p&gt;Do it.", id="text after the last tag"),
        pytest.param("Plan the work.\r\n\r\nDo it.", id="plain text"),
        pytest.param("  Plan\u00a0the\u200b work. \n Do it. ", id="plain text with dirt"),
    ],
)
def test_an_editors_resave_says_the_same(resaved: str) -> None:
    assert prose_text(resaved) == "Plan the work. Do it."


@pytest.mark.parametrize(
    ("field", "text"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("&lt;p&gt;&lt;/p&gt;", "", id="an empty paragraph"),
        pytest.param("&lt;p&gt;&amp;nbsp;&lt;/p&gt;", "", id="a paragraph with a space"),
        pytest.param("&lt;!-- a note --&gt;", "", id="a comment alone"),
        pytest.param("&lt;/p&gt;", "", id="an end tag alone"),
        pytest.param("&lt;html&gt;&lt;/html&gt;", "", id="an empty document"),
        pytest.param(
            "&lt;html&gt;&lt;head&gt;&lt;title&gt;Title&lt;/title&gt;&lt;/head&gt;&lt;/html&gt;", "", id="a document without a body"
        ),
        pytest.param("&lt;!DOCTYPE html&gt;", "", id="a document type alone"),
        pytest.param("&lt;html", "", id="a tag that is cut off"),
        pytest.param("&lt;p&gt;.&lt;/p&gt;", ".", id="a placeholder"),
        pytest.param("&lt;p&gt;Research &amp;amp; development&lt;/p&gt;", "Research & development", id="an ampersand in HTML"),
        pytest.param("Research &amp; development", "Research & development", id="an ampersand in plain text"),
        pytest.param("Research & development", "Research & development", id="a bare ampersand"),
        pytest.param("&lt;p&gt;Less than &amp;lt;0.5 mm&lt;/p&gt;", "Less than <0.5 mm", id="an escaped sign in HTML"),
        pytest.param("Less than &lt;0.5 mm and &gt; 0.1 mm", "Less than <0.5 mm and > 0.1 mm", id="a sign that opens no tag"),
        pytest.param("&lt;p&gt;5 &lt; 6&lt;/p&gt;", "5 < 6", id="a bare sign in HTML"),
        pytest.param("&lt;p&gt;Write &amp;amp;lt; for a sign&lt;/p&gt;", "Write &lt; for a sign", id="an entity that is shown in HTML"),
        pytest.param("Write &amp;amp;lt; for a sign", "Write &lt; for a sign", id="an entity that is shown in plain text"),
        pytest.param(
            "&lt;p&gt;CO&lt;sub&gt;2&lt;/sub&gt; per m&lt;sup&gt;2&lt;/sup&gt;&lt;/p&gt;", "CO2 per m2", id="inline tags do not split words"
        ),
        pytest.param('&lt;p&gt;See &lt;a href="/rules"&gt;the rules&lt;/a&gt;.&lt;/p&gt;', "See the rules.", id="a link is its words"),
        pytest.param("&lt;p&gt;One&lt;img src=x&gt;two&lt;/p&gt;", "One two", id="an image is between words"),
        pytest.param("&lt;h3&gt;Title&lt;/h3&gt;Text", "Title Text", id="a heading ends a word"),
        pytest.param("&lt;li&gt;one&lt;/li&gt;&lt;li&gt;two&lt;/li&gt;", "one two", id="a list item ends a word"),
        pytest.param("&lt;td&gt;one&lt;/td&gt;&lt;td&gt;two&lt;/td&gt;", "one two", id="a cell ends a word"),
        pytest.param("&lt;b&gt;one&lt;/b&gt;&lt;p&gt;two&lt;/p&gt;", "one two", id="a block after an inline tag"),
        pytest.param("&lt;p&gt;one &lt;b&gt;two&lt;/b&gt;three&lt;/p&gt;", "one twothree", id="text right after an inline tag"),
        pytest.param("&lt;p&gt;cafe\u0301 “Well – done”&lt;/p&gt;", "caf\u00e9 “Well – done”", id="letters and punctuation"),
    ],
)
def test_prose_is_read_as_a_person_sees_it(field: str, text: str) -> None:
    assert prose_text(field) == text


@pytest.mark.parametrize("tag", sorted(INLINE))
def test_an_inline_tag_does_not_split_a_word(tag: str) -> None:
    assert prose_text(f"<p>un<{tag}>break</{tag}>able</p>") == "unbreakable"


@pytest.mark.parametrize("tag", ["p", "div", "li", "td", "th", "tr", "h1", "h3", "blockquote", "caption", "dd", "label", "del"])
def test_any_other_tag_ends_a_word(tag: str) -> None:
    assert prose_text(f"<section>one<{tag}>two</{tag}>three</section>").split()[0] == "one"
    assert prose_text(f"one<{tag}>two</{tag}>three".replace("one", "<p>one</p>")) == "one two three"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["C"], exclude_characters="<&")))
def test_escaping_and_a_paragraph_alter_no_words(text: str) -> None:
    words = prose_text(text)
    assert prose_text(html.escape(text)) == words
    assert prose_text(html.escape(f"<p>{html.escape(text)}</p>")) == words


@settings(deadline=None)
@given(st.text() | MARKUP)
@example("<html>")
@example("<html")
def test_nothing_in_a_field_stops_the_reading(field: str) -> None:
    words = prose_text(field)
    assert words == " ".join(words.split())
