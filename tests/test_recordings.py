"""Recordings: what is to be said, whether a recording can be that, and how it is served."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from conftest import ROOT, Twilio
from fakes import make_line

from ivr.checks.prompts import length_of, wrong_recordings
from ivr.checks.runner import WALKS
from ivr.cli.main import main
from ivr.flow.loader import read_flow
from ivr.flow.menu_measurements import language_table, measure
from ivr.flow.prompts import put
from ivr.flow.recordings import list_recordings, missing, script, still_said, with_recordings
from ivr.flow.turn import Arrived, CameBack, Pressed, Returned, Roster, Silent, Turn
from ivr.flow.voice import step
from ivr.position import Position
from ivr.telephony.fallback_twiml import documents_elsewhere
from ivr.telephony.transfer_twiml import WaitPosition, announce, waiting
from ivr.telephony.twiml import TwimlRenderer
from ivr.transfer.machine import State, Transfer
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from ivr.flow.models import Flow
    from ivr.settings import Settings

FRAME = b"\xff\xe3\x18\xc0" + bytes(68)  # 8 kbit/s, 8 kHz, one channel: 576 samples.
A_SECOND = 8000 / 576
HELLO = "stops.hello.say"


def record(prompts: Path, seconds: float, place: str = HELLO, language: str = "en") -> Path:
    """Write an MP3 of so many seconds of silence."""
    path = prompts / "audio" / language / f"{place}.mp3"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FRAME * round(seconds * A_SECOND))
    return path


def ivr(*arguments: str, path: str) -> Result:
    folders = {"IVR_CONFIG": str(ROOT / "config"), "IVR_PROMPTS": str(ROOT / "prompts"), "PATH": path}
    return CliRunner().invoke(main, ["prompts", *arguments], env=folders)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, flow: Flow) -> tuple[Path, Flow]:
    """Give the files of a line that has a recording for each sentence of Urdu, and read them."""
    prompts = tmp_path_factory.mktemp("recorded") / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    for line in script(flow, "ur"):
        record(prompts, line.seconds, line.place, "ur")
    return prompts, read_flow(ROOT / "config", prompts)


def test_a_language_is_one_of_voice_once_each_of_its_sentences_is_recorded(
    flow: Flow, recorded: tuple[Path, Flow]
) -> None:
    prompts, heard = recorded

    assert set(heard.voiced) - set(flow.voiced) == {"ur"}
    assert (heard.synthetic, heard.first_languages) == (flow.synthetic, flow.first_languages)
    assert list(wrong_recordings(heard, prompts)) == []
    assert [fault for walk in WALKS for fault in walk(heard)] == []
    for place in ("stops.do-now.say", "stops.me.offer.1", "lines.joining.chrysalis"):
        lacks = with_recordings(heard, heard.recordings - {("ur", place)})
        assert missing(lacks, "ur") == (place,)
        assert lacks.voiced == flow.voiced


def test_a_table_tells_how_many_recordings_a_language_lacks(flow: Flow) -> None:
    left = len(missing(flow, "ur"))
    some = with_recordings(flow, frozenset({("ur", HELLO)}))
    rows = {row.split()[0]: row for row in language_table(measure(some).languages)}

    assert left > 200
    assert f"texts alone, {left - 1} recordings missing" in rows["ur"]
    assert f"texts alone, {left} recordings missing" in rows["fa"]


def test_whatever_is_said_in_a_recorded_language_is_in_its_script(recorded: tuple[Path, Flow]) -> None:
    flow = recorded[1]
    script_of_urdu = {line.place: line.words for line in script(flow, "ur")}
    roster = Roster(flow.directory.orders, 1_790_000_000)
    keys = (*map(Pressed, "0123456789*#"), Silent(), Arrived(), Returned())
    places = [
        replace(Position(stop, "ur", turn=3, about="shelter"), attempt=attempt, question=question)
        for stop in flow.stops
        for attempt, question in ((0, 0), (3, 0), (0, 2))
    ]
    back = [Position("person", "ur", order=order, asked=1, tried=("chrysalis",)) for order in roster.orders]

    turns = [step(flow, place, heard, roster) for place in places for heard in keys]
    turns += [step(flow, place, CameBack("busy"), roster) for place in back]
    said = {say for turn in turns if isinstance(turn, Turn) for say in turn.says if say.language == "ur"}

    assert {say.key: say.words for say in said} == {
        place: words for place, words in script_of_urdu.items() if place in {say.key for say in said}
    }
    assert not any("{" in words for words in script_of_urdu.values())
    assert len(said) > 200


def test_a_caller_who_waits_in_a_recorded_language_hears_recordings_alone(
    recorded: tuple[Path, Flow],
) -> None:
    speech = TwimlRenderer(recorded[1], "+12895550100", "https://line.test")
    here = WaitPosition("s", "ur", asked=1)
    documents = [announce(speech, "ur", "chrysalis", slow=True)]
    for state in State:
        transfer = Transfer("s", "call", "any", "ur", state, place=1, agency="chrysalis")
        for position in (here, replace(here, tick=1, said=1), replace(here, said=1, topics=True)):
            for offer, topic in ((False, ""), (True, ""), (False, "1")):
                asked = replace(transfer, topic=topic)
                documents.append(waiting(speech, position, asked, offer=offer, waited=20, topic=topic))
    documents += [waiting(speech, replace(here, tick=tick), None, offer=False, waited=20) for tick in (0, 1)]

    assert not [document for document in documents if "<Say" in document]
    assert sum("<Play>https://line.test/audio/ur/lines." in document for document in documents) > 20


def test_a_call_in_a_recorded_language_is_heard_from_its_menu_to_a_person(
    recorded: tuple[Path, Flow], settings: Settings
) -> None:
    prompts, flow = recorded
    client = create_app(build_parts(replace(settings, prompts=prompts), make_line(flow))).test_client()
    twilio = Twilio(client, settings.public_url, settings.auth_token)

    heard = twilio.post("/voice").get_data(as_text=True)
    played: list[str] = []
    for key in "3850":
        action = ET.XML(heard).find("Gather")
        assert action is not None
        path = action.get("action", "").removeprefix(settings.public_url)
        heard = twilio.post(path, Digits=key).get_data(as_text=True)
        played += [verb.text or "" for verb in ET.XML(heard).iter("Play")]

    names = [address.removeprefix(f"{settings.public_url}/audio/ur/") for address in played]
    assert names[:2] == ["lines.choose_language.5.mp3", "lines.person_key.mp3"]
    assert any(name.startswith("orders.") for name in names)
    assert "<Say" not in heard
    for name in names:
        with client.get(f"/audio/ur/{name}") as sound:
            assert sound.data == (prompts / "audio" / "ur" / name).read_bytes()


def test_words_published_over_a_recording_take_its_language_back_to_texts(
    flow: Flow, recorded: tuple[Path, Flow]
) -> None:
    heard = recorded[1]
    changed = put(heard, "ur", "agencies.chrysalis.name", "وہ لوگ")

    kept = still_said(heard, changed)

    assert {place for _, place in heard.recordings - kept} >= {"lines.joining.chrysalis"}
    assert ("ur", "stops.me.say") in kept
    assert with_recordings(changed, kept).voiced == flow.voiced
    assert with_recordings(heard, still_said(heard, heard)).voiced == heard.voiced


def test_a_notice_that_nobody_recorded_is_said_by_the_language_that_stands_in(
    recorded: tuple[Path, Flow],
) -> None:
    told = replace(recorded[1], notice={"ur": "اردو", "hi": "हिन्दी", "en": "English"})
    names_urdu, names_english = Position("hello", question=2), Position("hello")
    roster = Roster(told.directory.orders, 0)

    urdu = step(told, names_urdu, Pressed("5"), roster)
    english = step(told, names_english, Pressed("1"), roster)

    assert isinstance(urdu, Turn)
    assert isinstance(english, Turn)
    assert [(say.language, say.words) for say in urdu.says[:1]] == [("hi", "हिन्दी")]
    assert {say.language for say in urdu.says[1:]} == {"ur"}
    assert [say.words for say in english.says[:1]] == ["English"]


def test_a_recording_about_as_long_as_its_words_is_no_fault(flow: Flow, tmp_path: Path) -> None:
    path = record(tmp_path, 4.0)

    assert length_of(path) == pytest.approx(4.0, abs=0.1)
    assert list(wrong_recordings(flow, tmp_path)) == []


def test_a_recording_that_cannot_be_right_is_named(flow: Flow, tmp_path: Path) -> None:
    record(tmp_path, 30.0)
    record(tmp_path, 3.0, "lines.choice")
    record(tmp_path, 3.0, language="xx")
    record(tmp_path, 0, language="fr").write_bytes(b"no sound")

    found = list(wrong_recordings(flow, tmp_path))
    faults = {fault.file.removeprefix(f"{tmp_path}/audio/"): fault.mend for fault in found}

    assert faults.keys() == {f"en/{HELLO}.mp3", "en/lines.choice.mp3", f"xx/{HELLO}.mp3", f"fr/{HELLO}.mp3"}
    assert "takes 30.0 s" in faults[f"en/{HELLO}.mp3"]
    assert "no prompt that can be recorded" in faults["en/lines.choice.mp3"]
    assert "not a language" in faults[f"xx/{HELLO}.mp3"]
    assert "cannot be played" in faults[f"fr/{HELLO}.mp3"]


def test_a_recording_is_played_and_served_as_sound_that_is_asked_about_again(
    settings: Settings, flow: Flow, tmp_path: Path
) -> None:
    recorded = record(tmp_path, 4.0)
    heard_flow = with_recordings(flow, list_recordings(tmp_path / "audio"))
    parts = build_parts(replace(settings, prompts=tmp_path), make_line(heard_flow))
    client = create_app(parts).test_client()

    heard = Twilio(client, settings.public_url, settings.auth_token).post("/voice").get_data(as_text=True)
    with client.get(f"/audio/en/{HELLO}.mp3") as sound:
        data = sound.data
    with client.get(f"/audio/en/{HELLO}.mp3", headers={"If-None-Match": sound.headers["ETag"]}) as again:
        assert again.status_code == 304

    assert f"<Play>{settings.public_url}/audio/en/{HELLO}.mp3</Play>" in heard
    assert data == recorded.read_bytes()
    assert sound.content_type == "audio/mpeg"
    assert "max-age=300" in sound.headers["Cache-Control"]
    assert client.get("/audio/en/..%2F..%2Fen.mp3").status_code == 404


def test_what_is_fetched_while_our_site_is_gone_is_said_by_a_voice(flow: Flow) -> None:
    recorded = with_recordings(
        flow, frozenset({("en", "lines.fixed_sorry"), ("en", "lines.ringing.hotline")})
    )

    documents = documents_elsewhere(recorded, "+12895550100", "https://elsewhere.test")

    assert documents == documents_elsewhere(flow, "+12895550100", "https://elsewhere.test")


def test_the_script_of_a_language_is_printed_with_lengths() -> None:
    printed = ivr("record-list", "ur", path="")

    assert f"audio/ur/{HELLO}.mp3  " in printed.output
    assert "minutes of speech; 232 are missing" in printed.output
    assert ivr("record-list", "xx", path="").exit_code == 1


def test_a_prompt_is_said_by_espeak_where_it_is(tmp_path: Path) -> None:
    program = tmp_path / "espeak-ng"
    lacks_hungarian = '[ "$2" != hu ] || { echo no voice >&2; exit 1; }'
    program.write_text(f'#!{shutil.which("sh")}\necho "$@" > {tmp_path}/said\n{lacks_hungarian}\n')
    program.chmod(0o755)

    told = ivr("hear", "zh", HELLO, path=str(tmp_path))

    assert told.exit_code == 0
    assert (tmp_path / "said").read_text("utf-8").startswith("-v cmn -s 150 -- ")
    assert "no voice" in ivr("hear", "hu", HELLO, path=str(tmp_path)).output


def test_a_prompt_that_cannot_be_said_here_is_told(tmp_path: Path) -> None:
    assert "espeak-ng is not installed" in ivr("hear", "en", HELLO, path=str(tmp_path)).output
    assert "no such prompt" in ivr("hear", "en", "lines.choice", path=str(tmp_path)).output
