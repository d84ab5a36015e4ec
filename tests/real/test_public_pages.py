"""The public page in a real browser: readable by everybody, and left at once."""

from __future__ import annotations

import io
import re
import subprocess
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from fakes import ENVIRONMENT

from ivr.operations.local_stack import hold_port
from real.rehearsal import IVR, ROOT, SOON, becomes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

PAGES = ("/", "/en/", "/fr/numbers", "/en/check-me", "/ar/person", "/en/nowhere", "/materials")
SHEETS = ("/materials/en/cards", "/materials/ar/poster")
ELSEWHERE = "<title>Weather</title>"
PAGED = sorted(path.stem for path in (ROOT / "prompts" / "pages").glob("*.toml"))
FAULTS_OF_PAPER = """() => [...document.querySelectorAll('.paper, .paper *')].flatMap(each => {
  const style = getComputedStyle(each);
  const cut = style.overflow === 'hidden' && (each.scrollHeight > each.clientHeight + 1
    || each.scrollWidth > each.clientWidth + 1);
  const words = [...each.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const small = words && parseFloat(style.fontSize) < 12;  // Pixels: 9 points.
  return [cut && `cut off: ${each.className}`, small && `small: ${each.textContent}`].filter(Boolean);
})"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run the console's own process; give its address."""
    held = hold_port()
    port = held.getsockname()[1]
    settings = ENVIRONMENT | {"IVR_CONFIG": str(ROOT / "config"), "IVR_PROMPTS": str(ROOT / "prompts")}
    site = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([IVR, "console", "--port", str(port)], env=settings, stderr=subprocess.DEVNULL)
    try:
        assert becomes(lambda: _answers(site))
        yield site
    finally:
        process.terminate()
        process.wait(SOON)
        held.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Give a page that cannot reach anybody but us: all other addresses are played."""

    def play(route: Route) -> None:
        if route.request.url.startswith(address):
            route.continue_()
        else:
            route.fulfill(body=ELSEWHERE, content_type="text/html")

    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(SOON * 1000)
    context.route("**/*", play)
    yield context.new_page()
    context.close()


def _answers(site: str) -> bool:
    try:
        with urlopen(f"{site}/", timeout=2) as answer:  # noqa: S310 - this machine's own address
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("path", [*PAGES, *SHEETS])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_on_a_page(page: Page, address: str, path: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - costs a second, and only here

    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address + path)

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_small_telephone(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(address + path)

    wide = page.evaluate("document.documentElement.scrollWidth")

    assert wide <= 320


@pytest.mark.parametrize("by", ["Shift three times", "the button"])
def test_whoever_left_and_goes_back_sees_what_was_there_before_us(page: Page, address: str, by: str) -> None:
    page.goto("https://example.org/before")
    page.goto(f"{address}/ar/")
    page.click(".ways a")
    page.wait_for_url(re.compile("/ar/."))
    page.click(".reach .talk")
    page.wait_for_url(f"{address}/ar/person")

    if by == "the button":
        page.click("a.leave")
    else:
        for _ in range(3):
            page.keyboard.press("Shift")
    page.wait_for_url("https://weather.gc.ca/")
    page.go_back()

    assert page.url == "https://example.org/before"  # No page of ours is in the tab's history.


def test_typing_capitals_or_escape_leaves_nothing(page: Page, address: str) -> None:
    page.goto(f"{address}/en/signs-me")

    for key in ("Shift+A", "Shift", "Shift+B", "Shift", "Shift", "Escape", "Shift", "Escape", "Escape"):
        page.keyboard.press(key)
    page.evaluate("new Promise(requestAnimationFrame)")  # Whatever the key does has been begun.

    assert page.url == f"{address}/en/signs-me"


def test_the_button_leaves_and_tells_nobody_where_one_was(page: Page, address: str) -> None:
    asked: list[dict[str, str]] = []
    page.on("request", lambda request: asked.append(request.headers))
    page.goto(f"{address}/fr/numbers")

    page.click("a.leave")
    page.wait_for_url("https://meteo.gc.ca/")

    assert "referer" not in asked[-1]


def test_a_page_is_whole_and_can_be_left_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.route(lambda url: not url.startswith(address), lambda route: route.fulfill(body=ELSEWHERE))
    plain = context.new_page()
    plain.goto(f"{address}/en/")

    plain.click("text=Talk with a person")
    here = plain.url
    plain.click("a.leave")
    plain.wait_for_url("https://weather.gc.ca/")

    assert here == f"{address}/en/person"
    context.close()


def test_a_browser_keeps_nothing_and_complains_of_nothing(page: Page, address: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    for path in (*PAGES, *SHEETS):
        page.goto(address + path)

    kept = page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert (kept, page.context.cookies()) == (["", 0, 0], [])
    assert [each for each in complaints if "404" not in each] == []  # One of the pages is not there.


def test_sheets_of_every_language_fit_and_their_codes_are_read_at_arms_length(
    browser: Browser, address: str
) -> None:
    """A camera 1920 pixels wide that sees 65 degrees has 64 of them for an inch 60 cm away."""
    import zxingcpp  # noqa: PLC0415 - only here
    from PIL import Image  # noqa: PLC0415 - only here

    opens = f"sms:{ENVIRONMENT['TWILIO_PHONE_NUMBER']}"
    context = browser.new_context(viewport={"width": 816, "height": 1054}, device_scale_factor=64 / 96)
    page = context.new_page()
    page.emulate_media(media="print")
    for sheet in (f"{language}/{kind}" for language in PAGED for kind in ("cards", "poster")):
        page.goto(f"{address}/materials/{sheet}")

        faults = page.evaluate(FAULTS_OF_PAPER)
        read = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))

        assert faults == [], sheet
        assert len(read) == (2 if sheet.endswith("cards") else 1), sheet
        assert {each.text.partition("?body=")[0] for each in read} == {opens}
    context.close()


def test_pictures_of_the_pages_are_drawn_anew(
    page: Page, address: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    folder = ROOT / "docs/pictures" if pytestconfig.getoption("--rewrite") else tmp_path
    page.goto(f"{address}/")
    page.screenshot(path=folder / "public.png")
    page.goto(f"{address}/en/signs-me")
    page.screenshot(path=folder / "public-stop.png")

    page.set_viewport_size({"width": 816, "height": 1054})
    page.emulate_media(media="print")
    page.goto(f"{address}/materials/en/cards")
    page.screenshot(path=folder / "public-cards.png")

    assert {path.stem for path in folder.glob("*.png")} >= {"public", "public-stop", "public-cards"}


@pytest.mark.usefixtures("chromium")
def test_cards_and_posters_are_printed_one_sheet_each(tmp_path: Path) -> None:
    told = subprocess.run(
        [IVR, "materials", "--to", str(tmp_path), "--number", "+12895550100", "--language", "ar"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )

    printed = {path.stem: path.read_bytes() for path in tmp_path.glob("*.pdf")}
    assert set(printed) == {"cards-ar", "poster-ar"}
    assert {name: each.count(b"/Type /Page\n") for name, each in printed.items()} == dict.fromkeys(printed, 1)
    assert "2 sheets" in told.stdout


def test_whoever_has_no_chromium_is_told_how_to_get_it(tmp_path: Path) -> None:
    told = subprocess.run(
        [IVR, "materials", "--to", str(tmp_path), "--number", "+12895550100"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
        text=True,
    )

    assert told.returncode == 1
    assert told.stderr == "Error: Chromium is not on this machine: apt-get install chromium\n"
