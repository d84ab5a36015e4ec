"""What operators write in place of the files' words: versions, publishing, the way back, who speaks them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT
from fakes import KeptEffects, SentTexts, make_line
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.effects import TextNumbers
from ivr.flow.loader import read_flow
from ivr.flow.menu_measurements import texts as sms_texts
from ivr.flow.prompts import LivePrompts, put, spoken_prompts, word
from ivr.flow.recordings import list_recordings, with_recordings
from ivr.flow.rendering import speak
from ivr.position import Position
from ivr.records.audit import list_audit_entries, verify
from ivr.records.database import Database, connect
from ivr.records.operators import SecondApproverNeeded
from ivr.records.prompts import (
    PromptVersion,
    basis,
    count_drafts,
    list_published,
    list_versions,
    publish,
    save_version,
    take_back,
    texts,
    version_before,
)
from ivr.records.snapshot import SnapshotHolder, keep_refreshing
from ivr.telephony.fallback_twiml import fixed_documents
from ivr.telephony.twiml import TwimlRenderer
from ivr.web.app import create_app
from ivr.web.context import NAME
from ivr.wiring import build_parts, follow_prompts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ivr.flow.models import Flow
    from ivr.flow.prompts import Wording
    from ivr.settings import Settings

PIECES = (
    *("{hotline.name}", "{gone.number}", "{key}", "{task}", "{", "}"),
    *("Hello. ", " ", "\x00", "\ud800", "&<"),
)
PLACE = "stops.law.say"
FLOW = read_flow(ROOT / "config", ROOT / "prompts")
PLACES = [
    (language, place) for language in FLOW.languages for place, _ in spoken_prompts(FLOW.prompts[language])
]


def write(database: Database, words: str, place: str = PLACE, language: str = "en") -> PromptVersion:
    """Save words, and give the version."""
    number = save_version(database, language, place, words, who="olu")
    return next(v for v in list_versions(database, place) if (v.language, v.version) == (language, number))


def let_hear(database: Database, version: PromptVersion) -> None:
    assert publish(database, version, basis(list_published(database)), who="ada", second_approver=False)


def heard(database: Database) -> Wording:
    return texts(list_published(database))


def deeds(database: Database) -> list[tuple[str, str, str]]:
    return [(deed.who, deed.did, deed.about) for deed in reversed(list_audit_entries(database))]


def test_a_version_is_a_draft_until_it_is_published(database: Database) -> None:
    first, second = write(database, "One."), write(database, "Two.")
    drafts, nothing = count_drafts(database), heard(database)

    let_hear(database, second)

    assert (first.version, second.version) == (1, 2)
    assert (drafts, nothing) == ({("en", PLACE): 2}, {})
    assert heard(database) == {"en": {PLACE: "Two."}}
    assert count_drafts(database) == {}
    assert [bool(v.first_published_at) for v in list_versions(database, PLACE)] == [True, False]


def test_the_way_back_is_the_version_heard_before_and_then_the_file(database: Database) -> None:
    for words in ("One.", "Never heard.", "Three."):
        version = write(database, words)
        if "Never" not in words:
            let_hear(database, version)
    ways = []

    while now := list_published(database):
        back = version_before(list_versions(database, PLACE), now[0].version)
        assert take_back(database, "en", PLACE, back, who="ada")
        ways.append(back)

    assert ways == [1, 0]
    assert heard(database) == {}


def test_nobody_goes_back_to_words_that_were_never_heard(database: Database) -> None:
    draft, published = write(database, "Draft."), write(database, "Heard.")
    unheard = take_back(database, "en", PLACE, 0, who="ada")
    let_hear(database, published)

    gone = [take_back(database, "en", PLACE, to, who="ada") for to in (draft.version, published.version, 9)]

    assert (unheard, gone) == (False, [False] * 3)
    assert heard(database) == {"en": {PLACE: "Heard."}}


def test_the_store_itself_refuses_whoever_publishes_their_own_words(database: Database) -> None:
    mine = write(database, "Mine.")
    beside = basis(list_published(database))

    with pytest.raises(SecondApproverNeeded):
        publish(database, replace(mine, who="somebody else"), beside, who="olu", second_approver=True)

    assert heard(database) == {}
    assert publish(database, mine, beside, who="ada", second_approver=True)
    assert deeds(database)[1:] == [
        ("olu", "own work not published", f"en {PLACE} version 1"),
        ("ada", "words published", f"en {PLACE} version 1, written by olu"),
    ]


def test_what_was_checked_beside_other_words_is_not_published(database: Database) -> None:
    mine, theirs = write(database, "Mine."), write(database, "Theirs.", "stops.signs-someone.say")
    checked = basis(list_published(database))
    let_hear(database, theirs)

    done = publish(database, mine, checked, who="ada", second_approver=False)

    assert not done
    assert PLACE not in heard(database)["en"]


def test_every_deed_is_audited_by_place_and_version_and_never_by_its_words(database: Database) -> None:
    let_hear(database, write(database, "Secret words."))
    take_back(database, "en", PLACE, 0, who="ada")

    assert deeds(database) == [
        ("olu", "words saved", f"en {PLACE} version 1"),
        ("ada", "words published", f"en {PLACE} version 1"),
        ("ada", "words taken back", f"en {PLACE} as in the file"),
    ]
    assert list(verify(database)) == []


def test_a_process_without_sql_speaks_the_last_words_it_knew(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    let_hear(database, write(database, "The law was told anew."))
    assert SnapshotHolder(database, tmp_path, lambda: 1.0).refresh()
    alone = SnapshotHolder(connect(f"sqlite:///{tmp_path}/gone.db"), tmp_path, lambda: 2.0)
    prompts = LivePrompts(FLOW, lambda: alone.current.prompts)
    line = make_line(FLOW, prompts=prompts)
    app = create_app(build_parts(settings, line))
    follow_prompts(app, prompts)

    asked = alone.refresh()
    prompts.refresh()

    assert not asked
    spoken = (app.extensions[NAME].line.flow, app.extensions[NAME].speech.flow)
    assert [flow.prompts["en"].stops["law"].say for flow in spoken] == ["The law was told anew."] * 2


def test_the_documents_for_our_own_faults_speak_the_published_words_too(settings: Settings) -> None:
    published: dict[str, dict[str, str]] = {}
    prompts = LivePrompts(FLOW, lambda: dict(published))
    app = create_app(build_parts(settings, make_line(FLOW, prompts=prompts)))
    follow_prompts(app, prompts)

    published["en"] = {"lines.fixed_sorry": "Sorry, we broke."}
    prompts.refresh()

    assert "Sorry, we broke." in app.extensions[NAME].fixed.caller


def test_what_is_done_later_is_done_in_the_published_words() -> None:
    texts_sent, later = SentTexts(), KeptEffects()
    published = {"en": {"lines.numbers_text": "Numbers: {hotline.number}."}}
    prompts = LivePrompts(FLOW, lambda: published)
    line = make_line(FLOW, prompts=prompts, phone=texts_sent, later=later)
    later.put(TextNumbers("c1", "en"), "+19055550123")

    prompts.refresh()
    line.perform(TextNumbers("c1", "en"))

    assert texts_sent.texts == [("+19055550123", "Numbers: 1-833-900-1010.")]


def test_a_process_that_files_nothing_refreshes_and_outlives_its_faults(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refreshed, enough = [], threading.Event()

    def refresh() -> None:
        refreshed.append(1)
        if len(refreshed) == 3:
            enough.set()
        raise LookupError

    stopping = keep_refreshing(refresh, every=0.001)
    seen = enough.wait(10)
    stopping.set()

    assert seen
    assert "refreshing failed" in caplog.text


def test_a_recording_is_not_played_in_place_of_words_that_it_does_not_say(
    settings: Settings, tmp_path: Path
) -> None:
    for key in ("stops.law.say", "stops.me.say", "lines.fixed_numbers"):
        recording = tmp_path / "audio" / "en" / f"{key}.mp3"
        recording.parent.mkdir(parents=True, exist_ok=True)
        recording.touch()
    flow = with_recordings(FLOW, list_recordings(tmp_path / "audio"))
    published = {"en": {"stops.law.say": "Other words.", "agencies.hotline.name": "the other hotline"}}
    prompts = LivePrompts(flow, lambda: published)
    app = create_app(build_parts(settings, make_line(flow, prompts=prompts)))
    follow_prompts(app, prompts)

    prompts.refresh()

    assert app.extensions[NAME].speech.flow.recordings == {("en", "stops.me.say")}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("stops.vanished.say", "Words of a stop that is gone."),
        ("stops.check-me.questions.99", "Is there such a question?"),
        ("lines.nothing", "Hello."),
        ("style.banned", "nothing"),
        ("stops.law.say", "Call {gone-agency.number}."),
        ("stops.law.say", "Call {gone-agency.name}."),
        ("stops.law.say", " "),
        ("stops.law.say", "A {brace."),
        ("stops.law.say", "A bell \a."),
        ("lines.choice", "Press something."),
    ],
)
def test_words_that_do_not_fit_are_ignored_and_named(
    place: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    published = {"en": {place: words, "stops.me.say": "You can stop."}, "xx": {"stops.me.say": "?"}}
    spoken = LivePrompts(FLOW, lambda: published)

    assert spoken.refresh()
    assert not spoken.refresh()

    assert spoken.flow.prompts["en"].stops["me"].say == "You can stop."
    assert caplog.text.count(f"en {place}") == 1
    assert put(spoken.flow, "en", "stops.me.say", FLOW.prompts["en"].stops["me"].say).prompts == FLOW.prompts


ANYTHING = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)


@examples(25)
@given(st.dictionaries(st.sampled_from(PLACES), ANYTHING, max_size=6))
def test_whatever_is_published_all_can_be_spoken_and_texted(changes: dict[tuple[str, str], str]) -> None:
    published: dict[str, dict[str, str]] = {}
    for (language, place), words in changes.items():
        published.setdefault(language, {})[place] = words

    flow: Flow = word(FLOW, published).flow

    speech = TwimlRenderer(flow, "+12895550100", "https://line.example")
    languages = {*flow.first_languages, *published}  # The others say what they said before.
    assert all(ET.fromstring(each.encode()).tag == "Response" for each in documents(speech, languages))  # noqa: S314 - our own
    assert all(dict(sms_texts(flow, language)) for language in languages)


def documents(speech: TwimlRenderer, languages: Iterable[str]) -> list[str]:
    """Give all that is heard on arriving at each stop, and the fixed documents."""
    flow, fixed = speech.flow, fixed_documents(speech)
    at = [Position(stop, language) for language in languages for stop in flow.stops]
    stops = [speech.last_words(speak(flow, here), hang_up=True) for here in at]
    return [*stops, fixed.caller, fixed.numbers, fixed.text, fixed.ring]
