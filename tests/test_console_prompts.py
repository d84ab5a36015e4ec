"""Words on the console: read by all, drafted by operators, published by administrators, then heard."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console, Hands
from fakes import make_line
from markupsafe import escape
from sizes import is_full
from test_conversations import ClientFetch

from ivr.checks.runner import inspect
from ivr.flow.models import PublishingRules
from ivr.flow.prompts import LivePrompts, MadeFrom, current, put, spoken_prompts
from ivr.records.audit import list_audit_entries
from ivr.records.operators import Role, find_operator
from ivr.records.prompts import (
    MOST_UNSAVED,
    basis,
    keep_unsaved,
    list_published,
    list_unsaved,
    list_versions,
    publish,
    save_version,
)
from ivr.records.snapshot import SnapshotHolder
from ivr.simulator.clock import VirtualClock
from ivr.simulator.exchange import Account
from ivr.simulator.rehearse import Network, urls_of
from ivr.web.app import create_app
from ivr.web.console.prompts import PromptChecks, read_catalogue
from ivr.web.public.pages import NAME as PUBLIC
from ivr.wiring import build_parts, follow_prompts, follow_published

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from werkzeug.test import TestResponse

    from ivr.flow.loader import Fault
    from ivr.flow.models import Flow
    from ivr.records.prompts import PromptVersion
    from ivr.settings import Settings
    from ivr.simulator.webhooks import Answer

PLACE, PAGE = "stops.me.offer", "/prompts/stops.me.offer"
HELLO = "stops.hello.say"
GREETING = "Welcome. In danger? Hang up and call 9 1 1."
CALLER = "+12895550123"
LOOKS = 2.0  # Seconds between two looks, as in the thread that files.


@pytest.fixture
def console(tmp_path: Path, small_flow: Flow) -> Console:
    return Console(tmp_path, small_flow, ROOT / "prompts")


@pytest.fixture
def hands(console: Console) -> Hands:
    return console.signed_in()


@pytest.fixture
def hands_on_all(tmp_path: Path, flow: Flow) -> Hands:
    """Give an operator of the whole line, in all its languages."""
    return Console(tmp_path, flow, ROOT / "prompts").signed_in()


@pytest.fixture
def every(request: pytest.FixtureRequest) -> tuple[Hands, Flow]:
    """Give an operator and their line: at full size the whole one, else that of the first languages."""
    names = ("hands_on_all", "flow") if is_full() else ("hands", "small_flow")
    hands, flow = map(request.getfixturevalue, names)
    return hands, flow


def save(hands: Hands, words: str, place: str = PLACE, language: str = "en") -> TestResponse:
    return hands.post(f"/prompts/{place}/{language}", text=words, do="save")


def let_hear(hands: Hands, version: int, place: str = PLACE, language: str = "en") -> TestResponse:
    return hands.post(f"/prompts/{place}/{language}/publish", version=str(version))


def heard(console: Console) -> dict[str, str]:
    return {f"{each.language} {each.key}": each.text for each in list_published(console.database)}


def force(console: Console, place: str, words: str) -> PromptVersion:
    """Publish words past every check, as an older release might have."""
    number = save_version(console.database, "en", place, words, who="olu")
    (version,) = (v for v in list_versions(console.database, place) if v.version == number)
    assert publish(
        console.database, version, basis(list_published(console.database)), who="ada", second_approver=False
    )
    return version


def test_every_prompt_of_every_language_is_listed_and_has_a_page(every: tuple[Hands, Flow]) -> None:
    hands, flow = every
    overview = hands.get("/prompts").text
    parts = re.findall(r'href="(/console/prompts\?group=[^"]+)"', overview)

    listed = {
        found
        for part in parts
        for found in re.findall(r'href="/console/prompts/([^"]+)"', hands.client.get(part).text)
    }

    assert listed == {place for words in flow.prompts.values() for place, _ in spoken_prompts(words)}
    assert {
        hands.get(f"/prompts/{place}").status_code for place in sorted(listed)[:: 1 if is_full() else 60]
    } == {200}


def test_words_are_found_in_any_language_and_by_place(hands: Hands) -> None:
    french = hands.get("/prompts?query=Besoin DE votre, nom").text
    place = hands.get("/prompts?query=no_name").text

    assert "/console/prompts/lines.no_name" in french
    assert "/console/prompts/lines.no_name" in place
    assert "<mark>besoin de votre nom</mark>" in french
    assert "/console/prompts/lines.taken" not in french


def test_a_page_tells_lengths_sources_and_that_nobody_has_reviewed_it(hands: Hands, small_flow: Flow) -> None:
    text, said = hands.get("/prompts/stops.erase.text").text, hands.get("/prompts/stops.erase.say").text
    fact = small_flow.facts.facts[getattr(small_flow.stops["erase"], "facts", ())[0]]

    assert re.search(r"\d texts?</span>", text)
    assert re.search(r"\d+\.\d s spoken</span>", said)
    assert str(escape(fact.supports)) in said
    assert fact.address in said
    assert fact.seen in said
    assert said.count("Reviewed by somebody who speaks it: nobody yet") == len(small_flow.prompts)


def test_a_page_of_an_agency_tells_where_its_name_was_read_and_when_it_was_dialled(hands: Hands) -> None:
    shown = hands.get("/prompts/agencies.chrysalis.name").text

    assert "Last dialled by a person: chrysalis:" in shown


def test_a_preview_measures_complains_and_saves_nothing(
    hands: Hands, console: Console, small_flow: Flow
) -> None:
    words = "the victim {nobody.number} " + "of an extraordinarily incomprehensible organization " * 12
    said = inspect(put(small_flow, "en", PLACE, " ".join(words.split())))

    shown = hands.post(f"{PAGE}/en", text=words, do="preview").text

    complaints = [str(escape(str(fault))) for fault in said]
    assert len(complaints) > 3
    assert [each for each in complaints if each not in shown] == []
    assert "<code>{nobody.number}</code>" in shown
    assert "<dt>Banned word</dt><dd>victim</dd>" in shown
    assert "Preview: not saved yet" in shown
    assert list_versions(console.database, PLACE) == []


def test_a_preview_of_good_words_can_be_saved_and_is_then_a_draft(hands: Hands, console: Console) -> None:
    preview = hands.post(f"{PAGE}/en", text="  the  first\r\nmenu ", do="preview").text

    saved = save(hands, "  the  first\r\nmenu ")

    assert "ivr check finds no fault." in preview
    assert 'value="save"' in preview
    assert saved.status_code == 303
    assert [v.text for v in list_versions(console.database, PLACE)] == ["the first menu"]
    assert heard(console) == {}
    assert "drafts: 1" in hands.get("/prompts").text
    assert "You were writing" not in hands.get("/prompts").text


@pytest.mark.parametrize("words", ["call 905-555-0123 for the menu", " ", "a bell \x07"])
def test_a_number_by_hand_or_what_cannot_be_sent_is_not_even_kept(
    hands: Hands, console: Console, words: str
) -> None:
    shown = save(hands, words)

    assert shown.status_code == 200
    assert "Not saved" in shown.text
    assert list_versions(console.database, PLACE) == []


def test_a_viewer_reads_an_operator_drafts_and_only_an_administrator_publishes(console: Console) -> None:
    viewer, operator = console.signed_in("vic", Role.VIEWER), console.signed_in("olu", Role.OPERATOR)

    reads = viewer.get(PAGE)
    answers = [
        save(viewer, "the first menu").status_code,
        save(operator, "the first menu").status_code,
        let_hear(operator, 1).status_code,
        operator.post(f"{PAGE}/en/revert", to="0").status_code,
    ]

    assert reads.status_code == 200
    assert "<textarea" not in reads.text
    assert "Publish version" not in operator.get(PAGE).text
    assert answers == [403, 303, 403, 403]
    assert heard(console) == {}


def test_what_the_check_would_refuse_is_refused_with_its_complaints(hands: Hands, console: Console) -> None:
    save(hands, "the victim menu")

    refused = let_hear(hands, 1)

    assert refused.status_code == 409
    assert "Not published" in refused.text
    assert f"prompts/en.toml: {PLACE}: says &#39;victim&#39;" in refused.text
    assert heard(console) == {}
    assert list_audit_entries(console.database)[0].did == "words saved"


def test_a_version_that_clashes_with_what_is_published_elsewhere_is_refused(hands: Hands) -> None:
    save(hands, "shelters", "stops.me.offer")
    save(hands, "shelters", "stops.someone.offer")

    answers = [
        let_hear(hands, 1, "stops.me.offer").status_code,
        let_hear(hands, 1, "stops.someone.offer").status_code,
    ]

    assert answers == [303, 409]


def test_words_are_published_and_taken_back_and_every_deed_is_told(hands: Hands, console: Console) -> None:
    for words in ("the first menu", "the top menu"):
        save(hands, words)
    let_hear(hands, 1)
    let_hear(hands, 2)
    shown = hands.get(PAGE).text

    hands.post(f"{PAGE}/en/revert", to="1")
    once = heard(console)
    hands.post(f"{PAGE}/en/revert", to="0")

    assert "Back to version 1" in shown
    assert "changed here since" in shown
    assert once == {f"en {PLACE}": "the first menu"}
    assert heard(console) == {}
    assert [(d.did, d.about) for d in reversed(list_audit_entries(console.database))][-6:] == [
        ("words saved", f"en {PLACE} version 1"),
        ("words saved", f"en {PLACE} version 2"),
        ("words published", f"en {PLACE} version 1"),
        ("words published", f"en {PLACE} version 2"),
        ("words taken back", f"en {PLACE} version 1"),
        ("words taken back", f"en {PLACE} as in the file"),
    ]


def test_the_way_back_is_open_though_the_check_complains_and_the_page_says_so(
    hands: Hands, console: Console
) -> None:
    force(console, PLACE, "the victim menu")
    force(console, PLACE, "the top menu")

    answer = hands.post(f"{PAGE}/en/revert", to="1")
    shown = hands.client.get(answer.location).text

    assert heard(console) == {f"en {PLACE}": "the victim menu"}
    assert "finds fault with what is heard now" in shown
    assert "says &#39;victim&#39;" in shown


def test_words_whose_stop_is_gone_are_named_and_can_be_taken_back(hands: Hands, console: Console) -> None:
    force(console, "stops.gone.say", "Words of old.")

    overview, page = hands.get("/prompts").text, hands.get("/prompts/stops.gone.say").text
    tried = [
        save(hands, "New words.", "stops.gone.say").status_code,
        let_hear(hands, 1, "stops.gone.say").status_code,
        hands.post("/prompts/stops.gone.say/en/revert", to="0").status_code,
    ]

    assert "does not fit the files" in overview
    assert "does not fit the files" in page
    assert tried == [404, 404, 303]
    assert heard(console) == {}


def test_an_absurd_form_does_no_harm(hands: Hands, console: Console) -> None:
    forms: list[tuple[str, dict[str, str], int]] = [
        ("/prompts/nothing/en", {"text": "x"}, 404),
        (f"{PAGE}/xx", {"text": "x"}, 404),
        (f"{PAGE}/en/publish", {"version": "1"}, 404),
        (f"{PAGE}/en/publish", {}, 400),
        (f"{PAGE}/en/publish", {"version": "9" * 5000}, 400),
        (f"{PAGE}/en/revert", {"to": "²"}, 400),
        (f"{PAGE}/en/revert", {"to": "7"}, 303),
    ]

    answers = [(path, form, hands.post(path, **form).status_code) for path, form, _ in forms]

    assert answers == forms
    assert heard(console) == {}


def test_the_words_of_the_file_are_read_once_for_all(console: Console, small_flow: Flow) -> None:
    catalogue = read_catalogue(small_flow, console.database, PromptChecks(small_flow), {})

    assert catalogue.changed() == {}
    assert sum(catalogue.groups().values()) == len(catalogue.prompts)


@dataclass
class Air:
    """A line on the air beside the console: one database, one pretend network, a clock that jumps."""

    network: Network
    clock: VirtualClock

    def hear(self) -> str:
        """Call, and give all that is heard before a key."""
        call = self.network.dial(CALLER)
        assert call.until(lambda here: here.leg.gathering == "waiting")
        call.hang_up()
        return " ".join(call.heard)


@pytest.fixture
def air(console: Console, settings: Settings, small_flow: Flow) -> Iterator[Air]:
    clock = VirtualClock()
    snapshots = SnapshotHolder(console.database, settings.journal_dir, clock.now)
    prompts = LivePrompts(small_flow, lambda: snapshots.current.prompts)
    line = make_line(small_flow, prompts=prompts)
    app = create_app(build_parts(settings, line, lambda: clock.date(clock.now()).timestamp()))
    follow_prompts(app, prompts)
    follow_published(console.app, prompts)
    fetch = ClientFetch(app.test_client(use_cookies=False))

    def look() -> None:
        snapshots.refresh()
        prompts.refresh()
        clock.after(LOOKS, look)

    def send(url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        return fetch(url, form, headers)

    account = Account(settings.account_sid, settings.auth_token, settings.number)
    network = Network(account, urls_of(settings.public_url), clock=clock, fetch=send, seed="words")
    look()
    yield Air(network, clock)
    network.close()


def test_published_words_are_heard_within_five_seconds_and_the_old_ones_after_the_way_back(
    air: Air, hands: Hands
) -> None:
    save(hands, GREETING, HELLO)
    before = air.hear()

    let_hear(hands, 1, HELLO)
    air.clock.advance(5)
    published = air.hear()
    hands.post(f"/prompts/{HELLO}/en/revert", to="0")
    air.clock.advance(5)
    back = air.hear()

    assert GREETING not in before
    assert GREETING in published
    assert back == before


def test_published_words_are_texted_and_stand_on_the_public_page(
    air: Air, hands: Hands, console: Console
) -> None:
    save(hands, "Good day. In danger? Call 911.", "stops.hello.text")

    let_hear(hands, 1, "stops.hello.text")
    air.clock.advance(5)
    (reply, *_) = air.network.text(CALLER, "qwxz")

    assert "Good day. In danger? Call 911." in reply
    assert "Good day. In danger? Call" in console.app.test_client().get("/en/").text
    assert console.app.extensions[PUBLIC].flow.prompts["en"].stops["hello"].text.startswith("Good day")


def test_a_caller_hears_the_file_where_published_words_are_broken(
    air: Air, console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    before = air.hear()

    force(console, HELLO, "Hello {agency-that-is-gone.number}.")
    force(console, "lines.person_key", "For somebody, press 0.")
    air.clock.advance(5)
    after = air.hear()

    assert "For somebody, press 0." in after
    assert after.replace("For somebody, press 0.", "To talk with a person, press 0.") == before
    assert f"en {HELLO}" in caplog.text


def test_what_is_published_is_checked_once_and_for_operators_alone(console: Console, hands: Hands) -> None:
    viewer = console.signed_in("vic", Role.VIEWER)
    force(console, PLACE, "your own case and rights")

    for _ in range(3):
        viewer.get(f"{PAGE}?reverted=1")
    by_viewer = len(console.checked)
    for _ in range(3):
        hands.get(f"{PAGE}?reverted=1")
    by_operator = len(console.checked)
    force(console, PLACE, "you and your rights")
    hands.get(f"{PAGE}?reverted=1")

    assert (by_viewer, by_operator, len(console.checked)) == (0, 1, 2)


def test_the_same_preview_is_worked_out_once(console: Console, hands: Hands) -> None:
    for _ in range(3):
        hands.post(f"{PAGE}/en", text="your own case and rights", do="preview")
    hands.post(f"{PAGE}/en", text="you and your rights", do="preview")

    assert len(console.checked) == 2


def test_one_check_runs_at_a_time_and_those_who_wait_are_given_its_result(small_flow: Flow) -> None:
    running, most, begun = 0, 0, Barrier(4)

    def check(_: Flow) -> list[Fault]:
        nonlocal running, most
        running, count = running + 1, running + 1
        most = max(most, count)
        running -= 1
        calls.append(count)
        return []

    calls: list[int] = []
    checks = PromptChecks(small_flow, check)

    def ask(text: str) -> object:
        begun.wait()
        return checks.trial([], ("en", PLACE), text)

    with ThreadPoolExecutor(4) as threads:
        trials = list(threads.map(ask, ("one", "one", "other", "other")))

    assert (len(calls), most) == (2, 1)
    assert trials[0] is trials[1]
    assert trials[2] is trials[3]


@pytest.mark.parametrize(
    "text",
    ["905/555/1234", "905: 555: 0177", "905 – 555 – 0177", "neuf cent cinq, cinq cinq cinq, 0177"],  # noqa: RUF001
)
@pytest.mark.parametrize("place", [PLACE, "agencies.chrysalis.name"])
def test_a_disguised_number_is_neither_saved_nor_published(
    console: Console, hands: Hands, place: str, text: str
) -> None:
    save(hands, f"call {text} now", place)
    saved = list_versions(console.database, place)
    number = save_version(console.database, "en", place, f"call {text} now", who="olu")
    answer = let_hear(hands, number, place)

    assert saved == []
    assert answer.status_code == 409
    assert heard(console) == {}


def test_every_language_is_called_by_its_name(hands_on_all: Hands, flow: Flow) -> None:
    prompt, calls = hands_on_all.get("/prompts/stops.law.say").text, hands_on_all.get("/calls").text

    for language in flow.languages:
        name = flow.prompts["en"].languages[language]
        assert f">{name}</a></h3>" in prompt
        assert f'<option value="{language}">{name}</option>' in calls


def test_a_change_of_the_english_marks_its_translations_as_behind(
    console: Console, hands: Hands, small_flow: Flow
) -> None:
    console.made_from["fr"] = MadeFrom(current(small_flow))
    before = hands.get("/prompts").text

    save(hands, "any other words")
    let_hear(hands, 1)

    listed, page = hands.get("/prompts").text, hands.get("/prompts?behind=fr").text
    assert "?behind=fr" not in before
    assert "?behind=fr" in listed
    assert PLACE in page
    assert "any other words" in page
    assert len(re.findall(r"state-warning.*? behind</span>", page)) == 1


def test_a_translation_that_is_written_anew_on_the_console_is_not_called_behind(
    console: Console, hands: Hands, small_flow: Flow
) -> None:
    console.made_from["fr"] = MadeFrom(current(small_flow))
    save(hands, "any other words")
    let_hear(hands, 1)

    save(hands, "d'autres mots", language="fr")
    let_hear(hands, 1, language="fr")

    assert "?behind=fr" not in hands.get("/prompts").text


def test_words_are_published_only_by_whoever_says_that_they_mean_it(hands: Hands, console: Console) -> None:
    save(hands, GREETING)

    asked = hands.post(f"/prompts/{PLACE}/en/publish", version="1", confirmed="")

    assert asked.status_code == 200
    assert "everybody hears and reads the new words" in asked.text
    assert heard(console) == {}


@pytest.fixture
def strict(tmp_path: Path, small_flow: Flow) -> Console:
    """Give a console of a line that asks for a second approver."""
    line = replace(small_flow.line, publishing=PublishingRules(second_approver=True))
    return Console(tmp_path, replace(small_flow, line=line), ROOT / "prompts")


def test_nobody_publishes_their_own_words_where_a_second_approver_is_asked_for(strict: Console) -> None:
    ada, bea = strict.signed_in(), strict.signed_in("bea")
    save(ada, "the first menu")
    own, other = ada.get(PAGE).text, bea.get(PAGE).text

    let_hear(ada, 1)
    still = heard(strict)
    told = ada.get(PAGE).text
    let_hear(bea, 1)

    assert "Publish version" not in own
    assert "You wrote it: another administrator publishes it." in own
    assert "Publish version 1" in other
    assert still == {}
    assert "Not published: you wrote it yourself" in told
    assert heard(strict) == {f"en {PLACE}": "the first menu"}
    assert [(d.who, d.did, d.about) for d in reversed(list_audit_entries(strict.database))][-2:] == [
        ("ada", "own work not published", f"en {PLACE} version 1"),
        ("bea", "words published", f"en {PLACE} version 1, written by ada"),
    ]


def test_the_way_back_needs_no_second_person(strict: Console) -> None:
    ada = strict.signed_in()
    force(strict, PLACE, "the top menu")

    ada.post(f"{PAGE}/en/revert", to="0")

    assert heard(strict) == {}


def test_a_prompt_is_shown_in_every_language_side_by_side_with_its_lengths(
    hands_on_all: Hands, flow: Flow
) -> None:
    shown = hands_on_all.get("/prompts/stops.law.say?language=fr").text

    cards = re.findall(r'<article class="tongue.*?</article>', shown, re.DOTALL)
    assert len(cards) == len(flow.prompts)
    assert all(re.search(r"\d+\.\d s spoken", card) for card in cards)
    assert re.search(r'<textarea[^>]* lang="fr"', shown)
    assert str(escape(flow.prompts["en"].stops["law"].say)) in shown.partition("side by side")[0]


def test_a_preview_and_each_version_show_what_differs_from_what_is_heard(hands: Hands) -> None:
    save(hands, "your own case and rights")

    preview = hands.post(f"{PAGE}/en", text="your own case and all rights", do="preview").text
    page = hands.get(PAGE).text

    marks = [re.sub(r"<span.*?</span>", "", each) for each in re.findall(r"<ins>(.*?)</ins>", preview)]
    assert any("all" in each.split() for each in marks)
    assert '<span class="visually-hidden">added: </span>' in preview
    assert "<del>" in page
    assert page.count('<blockquote class="diff"') == 1


def test_what_somebody_writes_outlives_their_session_and_is_shown_to_them_alone(console: Console) -> None:
    ada, olu = console.signed_in(), console.signed_in("olu", Role.OPERATOR)
    kept = ada.post(f"{PAGE}/en/keep", text="half a  sentence")
    ada.client.delete_cookie("console", path="/console")
    back = console.visitor()
    again = find_operator(console.database, "ada")
    assert again
    console.begin_session(back, again)

    listed, page = back.get("/prompts").text, back.get(PAGE).text

    assert (kept.status_code, kept.text) == (204, "")
    assert "You were writing" in listed
    assert "half a sentence</textarea>" in page
    assert "half a sentence" not in olu.get("/prompts").text + olu.get(PAGE).text
    assert list_versions(console.database, PLACE) == []


def test_what_was_written_is_kept_by_a_preview_and_gone_once_it_is_saved_or_dropped(
    console: Console, hands: Hands
) -> None:
    def unsaved() -> list[str]:
        return [each.text for each in list_unsaved(console.database, "ada")]

    hands.post(f"{PAGE}/en", text="one half", do="preview")
    previewed = unsaved()
    hands.post(f"{PAGE}/en/drop")
    dropped = unsaved()
    hands.post(f"{PAGE}/en/keep", text="another half")
    save(hands, "a whole")

    assert (previewed, dropped, unsaved()) == (["one half"], [], [])


@pytest.mark.parametrize("words", ["call 905-555-0123", "neuf cent cinq, cinq cinq cinq, 0177", " ", "\x07"])
def test_what_may_not_be_saved_is_not_kept_while_it_is_written_either(
    console: Console, hands: Hands, words: str
) -> None:
    kept = hands.post(f"{PAGE}/en/keep", text=words)
    hands.post(f"{PAGE}/en", text=words, do="preview")

    assert kept.status_code == 422
    assert list_unsaved(console.database, "ada") == []


def test_a_translation_published_before_newer_english_is_behind(
    console: Console, hands: Hands, small_flow: Flow
) -> None:
    console.made_from["fr"] = MadeFrom(current(small_flow))
    save(hands, "d'autres mots", language="fr")
    let_hear(hands, 1, language="fr")
    before = hands.get(PAGE).text

    save(hands, "any other words")
    let_hear(hands, 1)

    assert "behind the English of now" not in before
    assert "1 language is behind the English of now:" in hands.get(PAGE).text


def test_what_is_read_aloud_is_what_is_heard_and_its_button_waits_for_a_voice(hands: Hands) -> None:
    shown = hands.get(f"/prompts/{HELLO}?language=fr").text

    buttons = re.findall(r'<button[^>]*data-aloud="([^"]+)" data-voice="fr-CA"[^>]* hidden>', shown)
    assert buttons
    assert all(f'id="{each}"' in shown for each in buttons)


def test_who_would_change_what_is_recorded_hears_what_that_does(tmp_path: Path, small_flow: Flow) -> None:
    hands = Console(tmp_path, replace(small_flow, recorded=frozenset({"fr"})), ROOT / "prompts").signed_in()
    told = "it is one for texts alone until they are recorded"

    assert told in hands.get("/prompts/stops.law.say?language=fr").text
    assert told not in hands.get("/prompts/stops.law.say?language=en").text
    assert told not in hands.get("/prompts/stops.erase.text?language=fr").text


def test_an_operator_has_fifty_half_written_prompts_at_most(console: Console) -> None:
    for n in range(MOST_UNSAVED + 2):
        keep_unsaved(console.database, "en", f"stops.s{n}.say", "half", who="ada")
    keep_unsaved(console.database, "en", "stops.s0.say", "half", who="olu")

    assert len(list_unsaved(console.database, "ada")) == MOST_UNSAVED
    assert len(list_unsaved(console.database, "olu")) == 1
