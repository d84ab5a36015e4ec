"""An operator's morning at the console, in a real browser, while callers call."""

from __future__ import annotations

import csv
import re
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pyotp
import pytest
from rich.console import Console

from ivr.cli.demo import seed_month
from ivr.simulator.people import accepts
from real.rehearsal import CHRYSALIS, ROOT, SOON, VICTIM_SERVICES, becomes, rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, StorageState

    from ivr.simulator.rehearse import RehearsedCall
    from real.rehearsal import Limits, Rehearsal

WIDE, SMALL = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CHOSEN = "a password that was chosen"
NAMES = count(1)
PROMPTS = "/console/prompts?group=stops.shelter"  # A group of them, each with a page of its own.
FILES = (".csv", ".json", ".pdf", ".xlsx")  # What a browser saves, and does not show.
ADDRESSES = "links => links.map(each => each.getAttribute('href'))"
GREETING = "Welcome. In danger? Hang up and call 9 1 1."
VOICES = """
window.said = [];
const french = { lang: "fr-FR", name: "a voice" };
const synthesis = { speaking: false, getVoices: () => [french], cancel: () => {}, addEventListener: () => {},
  speak: (words) => window.said.push({ text: words.text, lang: words.lang }) };
Object.defineProperty(window, "speechSynthesis", { value: synthesis });
window.SpeechSynthesisUtterance = class extends EventTarget {
  constructor(text) { super(); this.text = text; }
};
"""  # A browser with one voice.
PICTURES = {  # Those of the README and of docs/console.md.
    "now": "/console/",
    "since": f"/console/since?since={datetime.now(UTC).date() - timedelta(days=6)}",
    "calls": "/console/calls",
    "call": "",
    "report": "/console/reports",
}
NUMBER = re.compile(r"(?<![0-9a-f])\+?1?[ -]?\(?\d{3}\)?[ -]?\d{3}[ -]?\d{4}(?![0-9a-f])")  # In no id.


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Rehearsal]:
    """Run everything, the console too, with a pretended month and a call and a text behind it.

    The line asks for a second approver.
    """
    config = tmp_path_factory.mktemp("strict") / "config"
    shutil.copytree(ROOT / "config", config)
    file = config / "line.toml"
    file.write_text(
        file.read_text("utf-8").replace("second_approver = false", "second_approver = true"), "utf-8"
    )
    with rehearsal(tmp_path_factory.mktemp("console"), limits, IVR_CONFIG=str(config)) as running:
        running.start(migrated_sqlite)
        running.stage.start_console()
        seed_month(running.stage, Console(quiet=True))
        people = running.network.people
        people.put(VICTIM_SERVICES, accepts(talks=10), name="victim-services")
        people.put(CHRYSALIS, accepts(talks=10), name="chrysalis")
        asks(running)
        running.network.text("+12895550124", "signs")
        yield running


def asks(line: Rehearsal) -> RehearsedCall:
    """Let somebody call, be put through, and leave."""
    call = line.dial("1", "0", "2")
    assert call.wait_until_joined(), call.heard
    line.finish(call)
    return call


@contextmanager
def browsing(browser: Browser, language: str = "en", **how: object) -> Iterator[Page]:
    """Open a browser of somebody's own, and see that no page complains."""
    context = browser.new_context(locale=language, accept_downloads=True, **{"viewport": WIDE} | how)
    context.set_default_timeout(SOON * 1000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    expected = ("40", "ERR_INTERNET_DISCONNECTED")  # A refusal, and no connection, are told as errors.
    assert [each for each in complaints if not any(words in each for words in expected)] == []


def site(line: Rehearsal) -> str:
    return f"http://localhost:{line.stage.console_port}"  # Passkeys are made for a name.


def sign_in(page: Page, line: Rehearsal) -> tuple[str, list[str]]:
    """Sign somebody new in, second factor and all; give their name and their recovery codes."""
    name = f"ada-{next(NAMES)}"
    first = line.stage.let_in(name).rpartition(": ")[2]
    page.goto(f"{site(line)}/console/")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", first)
    page.click("main button")
    page.wait_for_selector("#key")
    key = page.inner_text("#key")
    page.fill("input[name=code]", pyotp.TOTP(key).now())
    page.fill("input[name=password]", CHOSEN)
    page.click("main button")
    page.wait_for_selector(".codes")
    codes = page.locator(".codes code").all_inner_texts()
    page.click("main a")
    page.wait_for_selector("#menu", state="attached")
    return name, codes


def fill_in(page: Page, name: str, code: str) -> None:
    """Sign in on the page that asks for it."""
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", CHOSEN)
    page.fill("input[name=code]", code)
    page.keyboard.press("Enter")


class SignedIn(NamedTuple):
    """Somebody who has signed in: what their browser keeps, and a page of each kind that they can open."""

    state: StorageState
    places: list[str]


@pytest.fixture(scope="module")
def ada(line: Rehearsal, browser: Browser) -> SignedIn:
    """Let an administrator sign in once, and walk through the console's own ways."""
    with browsing(browser) as page:
        sign_in(page, line)
        found = [*page.locator("nav a").evaluate_all(ADDRESSES), PROMPTS]
        kinds = {kind(path): path for path in found}
        for path in found:
            page.goto(site(line) + path)
            deeper = page.locator("main a[href^='/console/']").evaluate_all(ADDRESSES)
            kinds = {kind(each): each for each in deeper if not urlsplit(each).path.endswith(FILES)} | kinds
        return SignedIn(page.context.storage_state(), [path.partition("#")[0] for path in kinds.values()])


def kind(path: str) -> tuple[str, int, bool]:
    """Tell what pages of a kind share: the first word of the address, its depth, whether of a group."""
    folders = urlsplit(path).path.removeprefix("/console/").split("/")
    return folders[0], len(folders), "group=" in path


def test_a_morning_at_the_console(line: Rehearsal, browser: Browser, tmp_path: Path) -> None:
    with browsing(browser) as page:
        name, codes = sign_in(page, line)
        page.wait_for_selector("h1 >> text=Since you were last here")

        page.click("nav >> text=Calls")
        page.check("input[name=outcome][value=connected]")
        page.click("main form button")
        page.wait_for_url("**outcome=connected**")
        page.click("tbody a >> nth=0")
        page.wait_for_selector("h1 >> text=One call")
        assert page.locator("ol.time li").count() >= 6
        assert page.locator("ol.time li.talking", has_text="takes the call").count() == 1

        page.click("nav >> text=Now")
        agency = page.locator("article", has_text="Victim Services")
        agency.locator("summary").click()
        agency.locator("[name=why]").fill("their line is down")
        agency.locator("select[name=length]").select_option("morning")
        agency.locator("button").click()
        page.wait_for_selector("[role=status] >> text=Victim Services is off until")
        page.wait_for_selector("article p >> text=their line is down")
        line.let_them_look()
        before = len(line.network.calls_to("victim-services"))
        assert asks(line).heard
        assert len(line.network.calls_to("victim-services")) == before
        assert line.network.calls_to("chrysalis")

        page.goto(f"{site(line)}/console/calls?outcome=connected")
        with page.expect_download() as download:
            page.click("text=CSV")
        download.value.save_as(tmp_path / "calls.csv")
        given = (tmp_path / "calls.csv").read_text()
        assert {row["outcome"] for row in csv.DictReader(given.splitlines())} == {"connected"}
        assert not NUMBER.search(given)

        page.click("text=Sign out")
        page.wait_for_selector("h1 >> text=Sign in")
        page.goto(f"{site(line)}/console/calls")
        assert page.url.endswith("/console/sign-in")
        fill_in(page, name, codes[0])
        page.wait_for_selector("h1 >> text=Calls")  # The page that was asked for.


class Clicks:
    """Somebody at a page whose presses are counted; what they type is not."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def __call__(self, where: str) -> None:
        self.count += 1
        self.page.locator(where).first.click()


def test_the_five_tasks_take_as_few_presses_as_they_may(
    line: Rehearsal, browser: Browser, tmp_path: Path
) -> None:
    with browsing(browser) as page:
        sign_in(page, line)

        weekend = Clicks(page)  # Did anybody reach nobody this weekend?
        weekend("nav.presets >> text=Weekend")
        page.wait_for_url("**since=**")
        assert "reached nobody" in page.inner_text("main") or "left without one" in page.inner_text("main")

        page.goto(f"{site(line)}/console/")
        off = Clicks(page)  # Switch an agency off until the morning, and say why.
        off("article:has-text('Chrysalis') summary")
        page.fill("article:has-text('Chrysalis') textarea[name=why]", "nobody is there tonight")
        page.select_option("article:has-text('Chrysalis') select[name=length]", "morning")
        off("article:has-text('Chrysalis') form button")
        page.wait_for_selector("[role=status] >> text=Chrysalis Network is off until")
        page.click("[role=status] >> text=Undo")
        page.wait_for_selector("[role=status] >> text=Chrysalis Network is on")

        paper = Clicks(page)  # Last month's report, for the board.
        paper("nav >> text=Reports")
        page.wait_for_selector("h1 >> text=Reports")
        with page.expect_download() as download:
            paper("main a >> text=PDF of")
        download.value.save_as(tmp_path / "month.pdf")

        note = Clicks(page)  # Tell the next shift.
        note("nav >> text=Shift log")
        page.fill("textarea[name=note]", "The phone in the hall is quiet again")
        note("text=Add to the log")
        page.wait_for_selector("[role=status] >> text=The note stands on Now until")

        assert (tmp_path / "month.pdf").read_bytes().startswith(b"%PDF")
        assert weekend.count <= 1
        assert off.count <= 3
        assert paper.count <= 2
        assert note.count <= 2


def test_a_passkey_is_added_signs_in_and_opens_nothing_once_removed(
    line: Rehearsal, browser: Browser
) -> None:
    with browsing(browser) as page, pretend_authenticator(page) as passkeys:
        sign_in(page, line)
        page.click(".account a >> nth=0")
        page.wait_for_selector("h1 >> text=Your sign-in")
        page.fill("form[data-passkey] input[name=name]", "work laptop")
        page.fill("form[data-passkey] input[name=password]", "not the password")
        page.click("form[data-passkey] button")
        page.wait_for_selector("[data-fault]:visible >> text=The password is not right")
        page.fill("form[data-passkey] input[name=password]", CHOSEN)
        page.click("form[data-passkey] button")
        page.wait_for_selector("[role=status] >> text=work laptop signs you in from now on")
        page.click("text=Sign out")

        page.goto(f"{site(line)}/console/calls")
        page.click("text=Sign in with a passkey")
        page.wait_for_selector("h1 >> text=Calls")  # The page that was asked for.
        page.goto(f"{site(line)}/console/account")
        page.locator("li", has_text="work laptop").locator("button").click()
        page.click("button[name=confirmed]")
        page.wait_for_selector("[role=status] >> text=Nobody signs in by work laptop any more")
        page.click("text=Sign out")
        page.click("text=Sign in with a passkey")
        page.wait_for_selector("[role=alert] >> text=That passkey was not taken")
        made = passkeys()

    assert [each["isResidentCredential"] for each in made] == [True]


@contextmanager
def pretend_authenticator(page: Page) -> Iterator[Callable[[], list[dict[str, object]]]]:
    """Give a browser a device, with somebody at it who unlocks it; yield what tells its passkeys."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    device |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    yield lambda: devtools.send("WebAuthn.getCredentials", added)["credentials"]


def test_two_browsers_and_a_screen_on_the_wall_see_what_one_of_them_does(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    with (
        browsing(browser, storage_state=ada.state) as first,
        browsing(browser, storage_state=ada.state) as second,
        browsing(browser) as wall,
    ):
        first.goto(f"{site(line)}/console/screens")
        first.fill("main input[name=name]", "hall")
        first.click("main form.narrow button")
        token = first.inner_text(".wall-token code")
        wall.goto(f"{site(line)}/console/wall")
        wall.fill("input[name=token]", token)
        wall.click("main button")
        wall.wait_for_selector(".strip")
        second.goto(f"{site(line)}/console/")

        first.goto(f"{site(line)}/console/log")
        first.fill("textarea[name=note]", "The greeting was changed tonight")
        first.click("text=Add to the log")

        for each in (second, wall):  # Neither is touched: the page renews itself.
            each.wait_for_selector(".pinned >> text=The greeting was changed tonight")
        assert wall.locator("main a, main button, main input").count() == 0
        first.goto(f"{site(line)}/console/screens")
        first.locator("tr", has_text="hall").locator("button").click()
        wall.wait_for_url("**/console/wall/start")


def test_a_session_that_ends_loses_nothing_that_was_written(line: Rehearsal, browser: Browser) -> None:
    with browsing(browser) as page:
        sign_in(page, line)
        page.goto(f"{site(line)}/console/log")
        page.fill("textarea[name=note]", "Half an hour of work")
        page.context.clear_cookies()
        page.click("text=Add to the log")
        page.wait_for_selector("h1 >> text=too old")

        assert page.input_value("textarea") == "Half an hour of work"


def test_a_form_that_meets_an_ended_session_stands_there_again_after_the_sign_in(
    line: Rehearsal, browser: Browser
) -> None:
    with browsing(browser) as page, browsing(browser) as elsewhere:
        name, codes = sign_in(page, line)
        page.click("nav >> text=Shift log")
        page.fill("textarea[name=note]", "Half an hour of work")
        page.select_option("select[name=length]", "3")
        elsewhere.goto(f"{site(line)}/console/account")
        fill_in(elsewhere, name, codes[0])
        elsewhere.click("text=End all other sessions")
        elsewhere.wait_for_selector("[role=status] >> text=All your other sessions are over")

        page.click("text=Add to the log")
        page.wait_for_selector("h1 >> text=Sign in")
        fill_in(page, name, codes[1])
        page.wait_for_selector("[role=alert] >> text=Your session had ended")
        kept = page.input_value("textarea[name=note]"), page.input_value("select[name=length]")
        page.click("text=Add to the log")
        page.wait_for_selector("[role=status] >> text=The note stands on Now until")

    assert kept == ("Half an hour of work", "3")


def test_a_prompt_is_found_by_its_sound_and_published_by_two_people(
    line: Rehearsal, browser: Browser
) -> None:
    with browsing(browser) as first, browsing(browser) as second:
        writer, _ = sign_in(first, line)
        sign_in(second, line)
        before = greeting(line)
        first.click("nav >> text=Prompts")
        first.fill("input[name=query]", "Danger, hang up: CALL 911")
        first.click("main form button")
        first.wait_for_selector(".hit mark")
        first.click(".hit:has(code:text-is('stops.hello.say')) h2 a")

        first.fill("#work textarea", GREETING)
        first.click("#work button[value=preview]")
        first.wait_for_selector("#work >> text=ivr check finds no fault.")
        assert first.locator(".tried ins").count() >= 1
        first.click("#work button[value=save]")
        first.wait_for_selector("#work >> text=You wrote it: another administrator publishes it.")
        assert first.locator("#work >> text=Publish version").count() == 0

        second.goto(first.url)
        second.wait_for_selector(f".version-head >> text={writer}")
        second.click("text=Publish version 1")
        second.click("button[name=confirmed]")
        second.wait_for_selector(".version >> text=published")
        heard = becomes(lambda: GREETING in greeting(line))
        second.click("text=Back to the file's words")
        second.wait_for_selector(".version >> text=was heard before")
        back = becomes(lambda: greeting(line) == before)

        assert GREETING not in before
        assert (heard, back) == (True, True)


def test_what_is_being_written_is_there_in_the_next_browser(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    place = f"{site(line)}/console/prompts/stops.law.say?language=fr"
    with browsing(browser, storage_state=ada.state) as page:
        page.goto(place)
        page.fill("#work textarea", "La loi vous protège, même sans")
        page.wait_for_selector(".kept >> text=Kept for you")
    with browsing(browser, storage_state=ada.state) as page:
        page.goto(place)
        found = page.input_value("#work textarea")
        page.click("text=Drop what I was writing")
        page.wait_for_selector("[role=status] >> text=is dropped")

    assert found == "La loi vous protège, même sans"


def test_a_prompt_is_read_aloud_where_the_browser_has_a_voice_of_its_language(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    with browsing(browser, storage_state=ada.state) as page:
        page.add_init_script(VOICES)
        page.goto(f"{site(line)}/console/prompts/stops.law.say?language=fr")
        buttons = page.locator(".tongue:has([data-aloud]:visible) h3")
        languages = buttons.all_inner_texts()
        page.locator("#work [data-aloud]").first.click()
        said = page.evaluate("window.said")

        assert languages == ["French"]
        assert [each["lang"] for each in said] == ["fr-FR"]
        assert said[0]["text"] == page.locator("#heard-now").text_content()


def test_a_text_is_tried_on_the_page_of_phrases_and_one_is_drafted(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    with browsing(browser, storage_state=ada.state) as page:
        page.goto(f"{site(line)}/console/phrases")
        page.fill("textarea[name=text]", "zebulon says i should sleep in a shelter")
        page.click("text=What would be made of it?")
        page.wait_for_selector(".tried >> text=Shelter")
        assert "zebulon" not in page.url
        page.goto(f"{site(line)}/console/phrases/en/shelter")
        page.fill("textarea[name=text]", "any couch going for a woman and two toddlers")
        page.click("text=Add to the draft")
        page.wait_for_selector("#draft")
        page.goto(f"{site(line)}/console/phrases")
        page.wait_for_selector("text=You wrote it: another administrator publishes it.")
        page.locator("#draft tr", has_text="any couch").locator("button").click()
        page.wait_for_selector("[role=status] >> text=1 taken out of the draft")

    logs = "".join(line.stage.log(name).read_text() for name in ("web", "worker", "console"))
    assert "zebulon" not in logs


def greeting(line: Rehearsal) -> str:
    """Call, and give what is heard before any key."""
    call = line.dial()
    call.until(lambda now: now.leg.gathering == "waiting")
    call.hang_up()
    return " ".join(call.heard)


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "fr")])
def test_axe_finds_nothing_wrong_on_any_page(
    line: Rehearsal, browser: Browser, ada: SignedIn, scheme: str, language: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - costs a second, and only here

    places = ada.places if line.limits.paced else ada.places[scheme == "dark" :: 2]  # Else each page once.
    with browsing(browser, language, color_scheme=scheme) as page:
        for path in ("sign-in", "wall/start"):
            page.goto(f"{site(line)}/console/{path}")
            assert Axe().run(page).violations_count == 0, path
    with browsing(browser, language, color_scheme=scheme, storage_state=ada.state) as page:
        for path in places:
            page.goto(site(line) + path)
            found = Axe().run(page)
            assert found.violations_count == 0, path + found.generate_report()


def test_every_page_fits_a_telephone_and_shows_no_number(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    with browsing(browser, viewport=SMALL, storage_state=ada.state) as page:
        for path in ada.places:
            page.set_viewport_size(SMALL)
            page.goto(site(line) + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"], path
            page.set_viewport_size(WIDE)  # On which every column is shown.
            assert not NUMBER.search(page.inner_text("main")), path


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_menu_of_a_telephone_opens(
    line: Rehearsal,
    browser: Browser,
    ada: SignedIn,
    script: bool,  # noqa: FBT001
) -> None:
    with browsing(browser, viewport=SMALL, java_script_enabled=script, storage_state=ada.state) as page:
        page.goto(f"{site(line)}/console/")
        calls = page.locator("nav a:visible", has_text="Calls")
        before = calls.count()
        page.locator("header summary:visible, header .menu-button:visible").click()
        calls.click()
        page.wait_for_selector("h1 >> text=Calls")

    assert before == 0


def test_a_page_that_has_no_connection_says_so_and_goes_on_when_it_is_back(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    with browsing(browser, storage_state=ada.state) as page:
        page.goto(f"{site(line)}/console/")
        page.locator("article summary").first.click()
        page.locator("article textarea[name=why]").first.fill("half a sent")
        page.wait_for_selector("[data-stale]", state="hidden")
        page.context.set_offline(True)
        page.wait_for_selector("[data-stale]", state="visible")
        page.context.set_offline(False)
        page.wait_for_selector("[data-stale]", state="hidden")
        shown = page.inner_text(".strip time")
        page.wait_for_function("was => document.querySelector('.strip time').innerText !== was", arg=shown)

        assert page.input_value("article textarea[name=why] >> nth=0") == "half a sent"


def test_paper_has_the_numbers_of_a_report_and_none_of_its_forms(
    line: Rehearsal, browser: Browser, ada: SignedIn
) -> None:
    with browsing(browser, storage_state=ada.state) as page:
        page.emulate_media(media="print")
        page.goto(f"{site(line)}/console/reports")

        assert page.locator("main form:visible, header:visible, main nav:visible").count() == 0
        assert page.locator("main table:visible").count() >= 8


def test_pictures_of_every_page_are_drawn_anew(
    line: Rehearsal,
    browser: Browser,
    ada: SignedIn,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    kept = ROOT / "docs/pictures" if pytestconfig.getoption("--rewrite") else tmp_path
    with browsing(browser, storage_state=ada.state) as page:
        page.goto(f"{site(line)}/console/calls?outcome=connected&agency=chrysalis&seconds_from=120")
        one = page.locator("tbody a").first.get_attribute("href") or ""
        for name, path in PICTURES.items():
            page.goto(site(line) + (path or one))
            page.screenshot(path=kept / f"console-{name}.png")

    assert {f"console-{name}" for name in PICTURES} <= {path.stem for path in kept.glob("console-*.png")}
