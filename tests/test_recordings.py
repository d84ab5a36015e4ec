"""Recordings: what is to be said, whether a recording can be that, and how it is served."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT, Twilio
from fakes import make_line

from ivr.checks.prompts import length_of, wrong_recordings
from ivr.cli.main import main
from ivr.flow.recordings import always_synthetic, script
from ivr.flow.rendering import speak
from ivr.position import Position
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from ivr.flow.models import Flow
    from ivr.settings import Settings

FRAME = b"\xff\xfb\x90\xc0" + bytes(413)  # 128 kbit/s, 44.1 kHz, one channel: 1152 samples.
A_SECOND = 44_100 / 1152
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


def test_all_that_a_script_names_is_said_under_that_key_and_as_written(flow: Flow) -> None:
    for language in ("en", "ur"):
        lines = {line.place: line.words for line in script(flow, language)}
        stops = {place.split(".")[1] for place in lines if place.startswith("stops.")}

        heard = (say for stop in flow.stops for say in speak(flow, Position(stop, language)))
        said = [say for say in heard if say.language == language]
        assert {say.key: say.words for say in said if say.key in lines} == {
            key: words for key, words in lines.items() if key in {say.key for say in said}
        }
        assert not any("{" in words for words in lines.values())
        assert len(stops) > 50
        assert "lines.choice" in always_synthetic(flow, language)


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
    assert "takes 29.9 s" in faults[f"en/{HELLO}.mp3"]
    assert "no prompt that can be recorded" in faults["en/lines.choice.mp3"]
    assert "not a language" in faults[f"xx/{HELLO}.mp3"]
    assert "cannot be played" in faults[f"fr/{HELLO}.mp3"]


def test_a_recording_is_played_and_served_as_sound_that_is_asked_about_again(
    settings: Settings, flow: Flow, tmp_path: Path
) -> None:
    recorded = record(tmp_path, 4.0)
    parts = build_parts(replace(settings, prompts=tmp_path), make_line(flow))
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


def test_the_script_of_a_language_is_printed_with_lengths() -> None:
    printed = ivr("record-list", "ur", path="")

    assert f"audio/ur/{HELLO}.mp3  " in printed.output
    assert "minutes of speech" in printed.output
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
