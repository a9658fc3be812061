"""Lines: what a visitor sees, cut where a visitor sees a cut."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from scrapers.grids import find_grid, rows_of
from scrapers.lines import Line, common_path, labelled, visible_lines, words_of


def lines(markup: str) -> tuple[Line, ...]:
    return visible_lines(BeautifulSoup(markup, "lxml"))


def texts(markup: str) -> list[str]:
    return [line.text for line in lines(markup)]


def only(markup: str) -> Line:
    (line,) = lines(markup)
    return line


@pytest.mark.parametrize(
    ("markup", "seen"),
    [
        ("<p>one</p><p>two</p>", ["one", "two"]),
        ("<p>one<br>two<br/><br>three</p>", ["one", "two", "three"]),
        ("<p>a <b>bold</b> <a href=x>link</a>, H<sub>2</sub>O</p>", ["a bold link, H2O"]),
        ("before<div>in</div>after", ["before", "in", "after"]),
        ("<ul><li>one <ul><li>two</li></ul> three</li></ul>", ["one", "two", "three"]),
        ("<dl><dt>label</dt><dd>words</dd></dl>", ["label", "words"]),
        ("<table><caption>t</caption><tr><th>a</th><td>b</td></tr></table>", ["t", "a", "b"]),
        ("<details><summary>more</summary>words</details>", ["more", "words"]),
        ("<h2><button>Know<span>ledge</span></button></h2>", ["Knowledge"]),
        ("<p> \n spaces\u00a0 and\ttabs </p><p>\n</p><div> </div>", ["spaces and tabs"]),
        ("<p>&lt;b&gt; &amp;amp; caf&eacute;</p>", ["<b> &amp; café"]),
        ("<span>Level</span><span>3</span>", ["Level3"]),
        ("<p>one<!-- two -->three</p>", ["onethree"]),
        ("<span><div>a</div></span><a><p>b</p></a>", ["a", "b"]),
        ("", []),
    ],
)
def test_every_element_that_is_not_inline_cuts(markup: str, seen: list[str]) -> None:
    assert texts(markup) == seen


@pytest.mark.parametrize(
    "markup",
    [
        "<script>x</script>",
        "<style>x</style>",
        "<template><p>x</p></template>",
        "<noscript>x</noscript>",
        "<svg><title>x</title><text>x</text></svg>",
        "<select><option>x</option></select>",
        "<textarea>x</textarea>",
        "<p hidden>x</p>",
        "<p><span hidden>x</span></p>",
        '<p style="color: red; display:none">x</p>',
        '<p style="visibility: hidden">x</p>',
        '<p><i aria-hidden="true">x</i></p>',
        "<dialog>x</dialog>",
        "<nav><ul><li>x</li></ul></nav>",
        '<div role="navigation">x</div>',
        '<ul role="tablist"><li>x</li></ul>',
        "<header><p>x</p></header>",
        '<div role="banner">x</div>',
    ],
)
def test_what_a_visitor_does_not_read_is_left_out(markup: str) -> None:
    assert texts(f"<html><head><title>x</title></head><body>{markup}<main><h1>seen</h1></main></body></html>") == ["seen"]


@pytest.mark.parametrize(
    "markup",
    [
        '<p hidden="until-found">x</p>',
        '<div aria-hidden="true">x</div>',
        '<div aria-hidden="false">x</div>',
        '<p style="display: block">x</p>',
        "<dialog open>x</dialog>",
        "<details><p>x</p></details>",
    ],
)
def test_what_opens_on_a_click_is_read(markup: str) -> None:
    assert texts(markup) == ["x"]


@pytest.mark.parametrize(
    ("markup", "seen"),
    [
        ("<header>Site</header><main><h1>t</h1></main>", ["t"]),
        ("<header><h1>t</h1></header><main>m</main>", ["t", "m"]),
        ("<main><header><p>p</p></header><h1>t</h1></main>", ["p", "t"]),
        ("<h1>t</h1><div><header>Duty 1</header>words<footer>K1</footer></div><p>end</p>", ["t", "Duty 1", "words", "K1", "end"]),
        (
            "<h1>t</h1><article><p>a</p><footer>K1</footer></article><footer>f</footer><footer>g</footer><script>s</script>",
            ["t", "a", "K1"],
        ),
        ('<h1>t</h1><div><div role="contentinfo">f</div></div>', ["t"]),
    ],
)
def test_only_the_page_has_a_header_and_a_footer_of_its_own(markup: str, seen: list[str]) -> None:
    assert texts(markup) == seen


@pytest.mark.parametrize(
    ("markup", "level"),
    [
        ("<h1>x</h1>", 1),
        ("<h4><span>x</span></h4>", 4),
        ("<h3><div>x</div></h3>", 3),
        ("<p><b>x</b></p>", 0),
        ("<summary>x</summary>", 0),
        ('<div role="heading" aria-level="4">x</div>', 4),
        ('<div role="heading">x</div>', 2),
    ],
)
def test_a_heading_has_a_level(markup: str, level: int) -> None:
    assert only(markup).level == level


@pytest.mark.parametrize(
    ("markup", "is_apart"),
    [
        ("<p><b>K1</b>: x</p>", True),
        ("<p><a><b>K1</b></a> x</p>", True),
        ("<p>K1 <em>x</em></p>", False),
        ("<p><b>K1 <i>x</i></b></p>", False),
        ("<p>K1</p>", False),
    ],
)
def test_a_lead_stands_apart_in_an_element_of_its_own(markup: str, is_apart: bool) -> None:
    assert only(markup).is_lead_apart is is_apart


def test_a_line_knows_how_it_looks() -> None:
    bold, link, both, main = lines("<p><b>a</b> <strong>b</strong></p><p><a>a</a></p><p><b>a</b> b <a>c</a></p><main><p>m</p></main>")
    assert [bold.is_bold, link.is_bold, both.is_bold] == [True, False, False]
    assert [bold.is_link, link.is_link, both.is_link] == [False, True, False]
    assert [bold.is_main, main.is_main] == [False, True]


@pytest.mark.parametrize(
    ("markup", "tag"),
    [
        ("<table><tr><td><p>x</p></td></tr></table>", "td"),
        ("<table><tr><th><div><p>x</p></div></th></tr></table>", "th"),
        ("<ul><li><p>x</p></li></ul>", "li"),
        ("<table><tr><td><ul><li>x</li></ul></td></tr></table>", "li"),
        ("<div><p>x</p></div>", "p"),
    ],
)
def test_a_paragraph_in_a_cell_is_the_cell(markup: str, tag: str) -> None:
    assert only(markup).tag == tag


def test_a_cell_stands_in_its_column() -> None:
    markup = """<table><thead><tr><th>a</th><th colspan=2>b</th><th>d</th></tr></thead>
    <tr><td rowspan=2>a1</td><td>b1</td><td>c1</td><td rowspan=3>d1</td></tr>
    <tbody><tr><td>b2</td><td>c2</td></tr><tr><td>a3</td><td colspan=x>b3</td></tr><tr><td>a4</td></tr></tbody></table>"""
    columns = {line.text: line.path[-1] for line in lines(markup)}
    assert columns == {"a": 0, "b": 1, "d": 3, "a1": 0, "b1": 1, "c1": 2, "d1": 3, "b2": 1, "c2": 2, "a3": 0, "b3": 1, "a4": 0}
    assert len({line.path[:-1] for line in lines(markup)}) == 5


def test_the_common_path_is_the_innermost_block_of_all() -> None:
    one, two, three = lines("<div><ul><li>1</li><li>2</li></ul><p>3</p></div>")
    assert common_path([one]) == one.path
    assert common_path([one, two]) == one.path[:-1]
    assert common_path([three, one, two]) == one.path[:-2]


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<p>Level: 3</p>", ("level", "3")),
        ("<p>LEVEL : 3</p>", ("level", "3")),
        ("<p><b>Level</b> 3</p>", ("level", "3")),
        ("<p><b>Level:</b>3</p>", ("level", "3")),
        ("<p><span>Level</span><span>: </span><span>3 or</span> <i>so</i></p>", ("level", "3 or so")),
        ("<p>Level</p>", ("level", "")),
        ("<p>Level: 3: or 4</p>", ("level", "3: or 4")),
        ("<p>Level 3</p>", None),
        ("<p>A level: 3</p>", None),
    ],
)
def test_a_label_is_the_line_or_stands_before_a_colon_or_apart(markup: str, found: tuple[str, str] | None) -> None:
    assert labelled(only(markup), {"level"}.__contains__) == found


HEAD = ("Version", "Change detail", "Date")
ROLES = {"version": "version", "change detail": "change", "date": "date"}


@pytest.mark.parametrize(
    "markup",
    [
        "<table><tr>{th}</tr>{tr}</table>",
        "<div><div>{div}</div>{divs}</div>",
        "<div><div><div>{div}</div></div><div>{divs}</div></div>",
        "<div>{div}{flat}</div>",
    ],
    ids=["table", "rows", "groups", "cells"],
)
def test_a_grid_is_read_by_the_words_at_its_head(markup: str) -> None:
    rows = (("1.1", "", "May"), ("1.0", "New", "April"))
    filled = markup.format(
        th="".join(f"<th>{word}</th>" for word in HEAD),
        tr="".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows),
        div="".join(f"<div>{word}</div>" for word in HEAD),
        divs="".join("<div>" + "".join(f"<div><p>{cell}</p></div>" for cell in row) + "</div>" for row in rows),
        flat="".join(f"<div>{cell}</div>" for row in rows for cell in row),
    )
    found = lines(f"<main><h2>Log</h2>{filled}<p>below</p></main>")
    grid = find_grid(found, ROLES, "version")
    assert grid is not None
    told = [{role: words_of(cells) for role, cells in row.items()} for row in rows_of(grid, found).values()]
    assert told == [{"version": "1.1", "date": "May"}, {"version": "1.0", "change": "New", "date": "April"}]


WORDS = st.text(alphabet="ab &<", min_size=1, max_size=6)
TREES = st.recursive(
    WORDS.map(lambda words: words.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>",
        st.sampled_from(["div", "b", "ul", "li", "span", "td", "h2", "p"]),
        st.lists(inner),
    ),
    max_leaves=12,
)


@given(TREES)
def test_no_word_is_lost_or_moved(markup: str) -> None:
    soup = BeautifulSoup(f"<body>{markup}</body>", "lxml")
    seen = "".join("".join(line.text for line in visible_lines(soup)).split())
    assert seen == "".join(soup.get_text().split())
