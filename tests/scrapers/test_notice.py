"""The notice: what the banner says beyond the version's status."""

import pytest

from scrapers.notice import notice_text

FUNDING = "Funding for this apprenticeship ends on 1 May."
STARTS = "New starts end in June."


@pytest.mark.parametrize(
    ("lines", "notice"),
    [
        pytest.param([], None, id="no lines"),
        pytest.param([""], None, id="an empty line"),
        pytest.param([" ; ;\r\n"], None, id="nothing between semicolons"),
        pytest.param([FUNDING], FUNDING, id="one line"),
        pytest.param([FUNDING, STARTS], f"{FUNDING}; {STARTS}", id="lines of a page"),
        pytest.param([f"{FUNDING};{STARTS}"], f"{FUNDING}; {STARTS}", id="banners of the API"),
        pytest.param([f" {FUNDING} ; {STARTS} ; "], f"{FUNDING}; {STARTS}", id="banners with spaces"),
        pytest.param([f"{STARTS};{FUNDING}"], f"{STARTS}; {FUNDING}", id="the order is kept"),
        pytest.param(["Funding\u00a0ends\r\non  1 May"], "Funding ends on 1 May", id="dirt"),
        pytest.param(["Research &amp; development;Sales"], "Research & development; Sales", id="an entity's semicolon parts nothing"),
        pytest.param(["Write to ann@example.org by 1 May"], "Write to [e-mail address] by 1 May", id="an address is left out"),
        pytest.param(["Write &amp;amp; for &"], "Write &amp; for &", id="unescaped once"),
        pytest.param([FUNDING, "", "This apprenticeship is in revision"], FUNDING, id="a status among others"),
        pytest.param([f"This apprenticeship has been retired.;{FUNDING}"], FUNDING, id="a status among banners"),
    ],
)
def test_a_notice_is_one_text_of_every_line(lines: list[str], notice: str | None) -> None:
    assert notice_text(lines) == notice


@pytest.mark.parametrize(
    "line",
    [
        "This apprenticeship is in revision",
        "This apprenticeship is in revision.",
        "this apprenticeship is IN REVISION",
        "This\u00a0apprenticeship  is in revision ",
        "This occupational standard is in revision",
        "This standard has been retired",
        "This apprenticeship standard has been retired",
        "This apprenticeship has been retired.",
        "This apprenticeship has been withdrawn",
        "This foundation apprenticeship has been retired",
        "This apprenticeship unit has been retired",
        "This apprenticeship is in development and is subject to change",
        "This is not the latest approved version of this apprenticeship",
        "This is not the latest approved version of this apprenticeship.",
        "This is not the latest approved version of this apprenticeship. View the latest version",
        "View the latest version",
        "Why is this apprenticeship not ready for delivery?",
        "How can I get involved?",
    ],
)
def test_a_line_that_only_restates_the_status_is_no_notice(line: str) -> None:
    assert notice_text([line]) is None
    assert notice_text([line, FUNDING, line]) == FUNDING
    assert notice_text([f"{line};{FUNDING};{line}"]) == FUNDING


@pytest.mark.parametrize(
    "line",
    [
        "This apprenticeship will be retired on 1 May.",
        "This apprenticeship has been retired and is replaced by ST9002.",
        "This apprenticeship is in revision until 1 May.",
        "A revised version of this apprenticeship is in development and is subject to change",
        "View the latest version of the funding rules",
        "This apprenticeship has been paused for starts",
        "Please note: this apprenticeship has been retired",
    ],
)
def test_a_line_that_says_more_is_a_notice(line: str) -> None:
    assert notice_text([line]) == line


def test_banners_of_the_api_and_lines_of_a_page_are_one_notice() -> None:
    assert notice_text([f"{FUNDING};This apprenticeship is in revision;{STARTS}"]) == notice_text([FUNDING, STARTS])
