"""The pages in a real browser: Debian's chromium, without a screen.

Where there is none these tests are skipped; the gate (.ci/run) installs it.
"""

import functools
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from tests.pipelines.publish.site.summer import HOSTILE, LONG_WORD

CHROMIUM: Final = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium fonts-dejavu-core")

# One page of each type, and those of the standard whose publisher means no good.
PAGES: Final = {
    "home": "index.html",
    "all standards": "standards/index.html",
    "a standard": "standards/ST9002/index.html",
    "a version": "standards/ST9002/1.1.html",
    "a change": "standards/ST9005/2026-09-15.html",
    "a new version": "standards/ST9002/2026-09-15.html",
    "two versions": "standards/ST9002/1.1-to-2.0.html",
    "a day": "changes/2026-09-15.html",
    "all days": "changes/index.html",
    "a route": "routes/engineering-and-manufacturing.html",
    "coming up": "coming-up.html",
    "about": "about.html",
    "no such page": "404.html",
    "a hostile standard": f"standards/{HOSTILE}/index.html",
    "a hostile version": f"standards/{HOSTILE}/1.0.html",
    "a hostile change": f"standards/{HOSTILE}/2026-09-15.html",
}
# Preloading would ask for the style once more, which our own policy forbids.
WCAG: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "preload": False}
Scheme = Literal["light", "dark"]


@dataclass
class Tab:
    """A tab that keeps a log of what went wrong in it."""

    page: Page
    home: str
    trouble: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", self._failed)
        self.page.on("dialog", self._spoke)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"{message.type}: {message.text}")

    def _spoke(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self.home):
            self.trouble.append(f"outside: {request.url}")

    def _failed(self, request: Request) -> None:
        # A tab that leaves a page calls off what it was still loading; a missing file is another error, or an answer of 404.
        if request.failure != "net::ERR_ABORTED":
            self.trouble.append(f"failed: {request.url} ({request.failure})")

    def open(self, path: str) -> Page:
        self.page.goto(self.home + path)
        return self.page


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """A test prints nothing."""


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The pages on a plain file server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _tab(context: BrowserContext, home: str) -> Tab:
    tab = Tab(page=context.new_page(), home=home)
    tab.watch()
    return tab


@pytest.fixture
def tab(browser: Browser, served: str) -> Iterator[Tab]:
    """A wide tab on the file server; whatever goes wrong in it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = _tab(context, served)
    yield tab
    context.close()
    assert tab.trouble == []


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
def test_a_page_is_sound_on_any_screen_and_for_everybody(browser: Browser, site: Path, path: str) -> None:
    """From the disk: no error, nothing asked outside, no sideways scrolling, no barrier that axe knows, in light and in dark."""
    schemes: tuple[Scheme, Scheme] = ("light", "dark")
    for scheme in schemes:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        tab = _tab(context, f"file://{site}/")
        page = tab.open(path)
        assert page.evaluate("window.pwned") is None
        for width in (1280, 390, 360) if scheme == "light" else (360,):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{width} px"
        found = Axe().run(page, options=WCAG)
        assert found.violations_count == 0, found.generate_report()
        context.close()
        assert tab.trouble == []


def test_from_the_first_page_to_a_pair_of_versions(tab: Tab) -> None:
    page = tab.open("index.html")
    page.get_by_label("Find a standard").fill("towpath")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(f"{tab.home}standards/index.html?q=towpath")
    expect(page.locator("[data-item]:visible")).to_have_count(1)
    page.get_by_role("link", name="ST9002").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Canal and towpath ranger")
    page.get_by_role("link", name="2.0 with 1.1").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Versions 1.1 and 2.0 side by side")
    with page.expect_download() as download:
        page.get_by_role("link", name="The crosswalk as CSV").click()
    assert download.value.suggested_filename == "1.1-to-2.0.csv"
    page.get_by_role("link", name="Standards Watch").click()
    page.get_by_role("link", name="Coming up", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Coming up")


def test_a_folder_s_address_is_its_page(tab: Tab) -> None:
    expect(tab.open("standards/ST9002/").get_by_role("heading", level=1)).to_have_text("Canal and towpath ranger")


def test_filters_of_the_first_page(tab: Tab) -> None:
    page = tab.open("index.html")
    items, days = page.locator("#news [data-item]:visible"), page.locator("#news .day:visible")
    every = items.count()
    page.get_by_label("Silent only").check()
    assert 0 < items.count() < every
    assert all("Silent" in text for text in items.all_inner_texts())
    assert page.locator("output").inner_text().startswith(str(items.count()))
    page.get_by_label("Level").select_option("4")
    expect(items).to_have_count(1)
    expect(days).to_have_count(1)
    page.reload()
    expect(items).to_have_count(1)
    page.get_by_label("Status").select_option("Withdrawn")
    expect(page.locator("[data-empty=news]")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(items).to_have_count(every)


def test_search_and_filters_of_all_standards(tab: Tab) -> None:
    page = tab.open("standards/index.html")
    items = page.locator("#list [data-item]:visible")
    page.get_by_label("Search").fill("st9003")
    expect(items).to_have_count(1)
    page.get_by_label("Search").fill("TECHNICIAN turbine")
    expect(items).to_have_count(1)
    page.get_by_label("Search").fill("")
    page.locator("select[name=route]").select_option("Health and science")
    expect(items).to_have_count(1)
    page.get_by_label("Search").fill("no such words")
    expect(items).to_have_count(0)
    expect(page.locator("output")).to_have_text("0 standards")


def test_filters_of_a_pair_and_of_what_is_coming(tab: Tab) -> None:
    page = tab.open("standards/ST9002/1.1-to-2.0.html")
    items = page.locator("#pairs [data-item]:visible")
    for relation in ("Unchanged", "Renumbered", "Reworded", "Moved from", "Added"):
        page.get_by_role("checkbox", name=f"{relation} ").uncheck()
    assert set(items.locator(".relation").all_inner_texts()) == {"Removed"}
    page = tab.open("coming-up.html")
    page.get_by_label("Kind").select_option("last")
    assert set(page.locator("#dates [data-item]:visible .tag").all_inner_texts()) == {"Last starts"}


def test_everything_but_search_and_filters_is_there_without_a_script(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = _tab(context, f"file://{site}/")
    page = tab.open("index.html")
    assert page.locator("form:visible").count() == 0
    page.get_by_role("link", name="Standards", exact=True).click()
    assert page.locator("#list [data-item]:visible").count() == 10
    page.get_by_role("link", name="ST9005").click()
    page.locator("#history ~ .item a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("without notice")
    assert page.locator("del").first.is_visible()
    context.close()
    assert tab.trouble == []


def test_by_keyboard_alone(tab: Tab) -> None:
    page = tab.open("index.html")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Find a standard")).to_be_focused()
    page.keyboard.type("drone")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{tab.home}standards/index.html?q=drone")
    link = page.get_by_role("link", name="ST9005")
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    expect(link).to_be_focused()
    assert link.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Drone survey pilot")
    region = page.get_by_role("region", name="Mapping of duties")
    region.focus()
    expect(region).to_be_focused()


def test_what_went_and_came_is_marked_in_words_too(tab: Tab) -> None:
    page = tab.open("standards/ST9001/2026-06-09.html")
    went, came = page.locator("del").first, page.locator("ins").first
    assert went.evaluate("one => getComputedStyle(one).textDecorationLine") == "line-through"
    assert came.evaluate("one => getComputedStyle(one).textDecorationLine") == "underline"
    assert str(went.text_content()).startswith("[removed: ")
    assert str(came.text_content()).startswith("[added: ")


def test_a_hostile_record_is_text(tab: Tab) -> None:
    page = tab.open(f"standards/{HOSTILE}/index.html")
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>window.pwned=1</script>")
    expect(page.locator("#S1")).to_contain_text(LONG_WORD)
    expect(page.locator("#S5")).to_contain_text("</p></main><h1>Escaped</h1><style>")
    assert page.locator("#S5").is_visible()
    assert page.evaluate("window.pwned") is None
    assert page.locator("#S2 p[dir=auto]").evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert page.locator("a[href^=javascript]").count() == 0


def test_on_paper_only_what_is_read_is_left(tab: Tab) -> None:
    page = tab.open("standards/ST9002/1.1-to-2.0.html")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    assert page.locator("form:visible").count() == 0
    assert page.locator("#pairs table").first.is_visible()
    assert page.locator("del").first.evaluate("one => getComputedStyle(one).textDecorationLine") == "line-through"
