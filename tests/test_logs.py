"""Logs: a line an event, with its time, what it is about, and no shape of a telephone number in it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

from ivr.logs import MASK, JsonLine, OneLine, set_up_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NUMBERS = [
    "+19055464904",
    "19055464904",
    "9055464904",
    "905-546-4904",
    "905.546.4904",
    "905 546 4904",
    "(905) 546-4904",
    "(905) 546 4904",
    "(905)546-4904",
    "+1 (905) 546-4904",
    "1-905-546-4904",
    "546-4904",
    "9 0 5 5 4 6 4 9 0 4",
    "9 0 5, 5 4 6, 4 9 0 4",
    "9 0 5. 5 4 6. 4 9 0 4",
    "9-0-5-5-4-6-4-9-0-4",
    "905 - 546 - 4904",
    "905\N{NO-BREAK SPACE}546\N{NO-BREAK SPACE}4904",
    "905\N{ZERO WIDTH SPACE}546\N{NON-BREAKING HYPHEN}4904",
    "9', '0', '5', '5', '4', '6', '4', '9', '0', '4",
    "٩٠٥٥٤٦٤٩٠٤",
    "tel:+1-905-546-4904",
    "%2B19055464904",
    "905+546+4904",
    "905%20546%2D4904",
    "905%252D546%252D4904",
    "+44 20 7946 0958",
    "2026-11-23 905-546-4904",
    "8.203.113.104",
    "192.168.905.5464904",
    "192.168.100.101 905 546 4904",
    "172.32.100.101",
]
AROUND = ["{}", "from {} to us", "To={}&From=x", "[{}]", "{},", "x{}y", "'{}'", "{} 2026-11-23"]
LINE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z (info|warning|error|critical) [\w.]+ ")
ID = "90554649040905546490cafe"  # What a keyed id may look like.


@pytest.fixture
def written() -> Iterator[Callable[[], str]]:
    """Give a logger like that of every process; what it wrote can be asked for."""
    text = io.StringIO()
    stream = logging.StreamHandler(text)
    stream.setFormatter(OneLine(["+18339001010"]))
    logger = logging.getLogger("ivr.test")
    logger.setLevel(logging.INFO)
    logger.addHandler(stream)
    yield text.getvalue
    logger.removeHandler(stream)


def log() -> logging.Logger:
    return logging.getLogger("ivr.test")


def bare(line: str) -> str:
    """Leave out the line's time, its level and who wrote it."""
    return LINE.sub("", line)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("number", NUMBERS)
def test_no_shape_of_a_number_comes_out(number: str, around: str, written: Callable[[], str]) -> None:
    log().info(around.format(number))
    log().info("%s", around.format(number))
    log().info("a call", extra={"about": around.format(number)})

    left = bare(written()).replace("2026-11-23", "").replace("%2B", "")
    assert left.count(MASK) == 3
    assert not re.search(r"\d{2}", LINE.sub("", left))


def test_a_number_among_the_values_of_a_message_is_masked_too(written: Callable[[], str]) -> None:
    log().warning("a call from %s went to %r after %d seconds", 19055464904, {"to": "+19055550123"}, 12)

    assert bare(written()) == "\"a call from [number] went to {'to': '[number]'} after 12 seconds\"\n"


def test_a_number_that_falls_apart_over_lines_is_masked(written: Callable[[], str]) -> None:
    log().info("905\n546\n4904")

    assert bare(written()) == '"[number]"\n'


def test_what_an_event_is_about_stands_behind_its_words(written: Callable[[], str]) -> None:
    log().warning("no search can be begun", extra={"call": ID, "transfer_id": "of two words"})

    assert re.fullmatch(
        rf'\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ warning ivr\.test "no search can be begun"'
        rf' call={ID} transfer_id="of two words"\n',
        written(),
    )


@pytest.mark.parametrize(
    "shape", ["+18339001010", "833-900-1010", "1 (833) 900-1010", "8 3 3, 9 0 0, 1 0 1 0"]
)
def test_a_number_that_is_published_is_told(shape: str, written: Callable[[], str]) -> None:
    log().info("rang %s", shape)

    assert bare(written()) == f'"rang {shape}"\n'


def test_a_number_beside_a_published_one_is_masked(written: Callable[[], str]) -> None:
    log().info("joined 9055464904 8339001010")

    assert bare(written()) == '"joined [number]"\n'


@pytest.mark.parametrize(
    "words",
    [
        "a journal file was adopted: 12",
        "waited 12.5 s of 60",
        "answered with 403",
        "call 911, or 988",
        "8 of 10",
        "since 2026-11-23T22:00:00Z",
        "since 2026-11-23 22:00:00.123456+00:00, for 12 s",
        "from 2026-11-23 to 2026-12-24",
        "at 22:00:00,123 of 12",
        f"the call {ID} ended",
        f"Ring-{ID}-1",
        "no answer from 192.168.100.101:5432",
        "no answer from 172.31.255.254, port 6379",
        "connections to 10.100.200.101 and 127.100.100.100",
        "4194303-9055464904cafe12.journal is left",
    ],
)
def test_what_is_no_number_is_left_as_it_is(words: str, written: Callable[[], str]) -> None:
    log().info(words)

    assert bare(written()) == f'"{words}"\n'


@pytest.mark.parametrize("kind", ["CA", "SM", "QU", "AC"])
def test_an_id_of_twilio_is_masked(kind: str, written: Callable[[], str]) -> None:
    log().info("/Calls/%s.json", kind + ID + "0" * 8)

    assert bare(written()) == '"/Calls/[sid].json"\n'


def test_an_exception_is_named_with_its_place_and_its_words_are_not_told(written: Callable[[], str]) -> None:
    try:
        raise LookupError("my boss keeps my passport, call me at 905-546-4904")  # noqa: TRY301 - a caller's words
    except LookupError:
        log().exception("a webhook failed")

    assert re.fullmatch(r'"a webhook failed" error=LookupError@tests/test_logs\.py:\d+\n', bare(written()))


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", "\x85", "\x0b"])
def test_one_event_is_one_line(end: str, written: Callable[[], str]) -> None:
    log().error(f"first{end}second", extra={"call": f"a{end}b"})

    assert len(written().splitlines()) == 1


def test_values_that_do_not_fit_their_message_are_left_out() -> None:
    misfit = {"name": "ivr.test", "msg": "rang %d times", "args": ("the caller who says please",)}

    line = OneLine().format(logging.makeLogRecord(misfit))

    assert line.endswith('ivr.test "rang %d times (its values cannot be written)"')


@pytest.fixture
def whole_process() -> Iterator[Callable[[], None]]:
    """Set up logs as a process does, and put everything back after it."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    logging.captureWarnings(capture=False)  # Left on by an earlier test, on does nothing.
    yield lambda: set_up_logs(["+18339001010"])
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, logging.raiseExceptions = before
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def test_the_log_of_a_process_goes_to_standard_error_and_is_masked(
    capsys: pytest.CaptureFixture[str], whole_process: Callable[[], None]
) -> None:
    whole_process()
    logging.getLogger("twilio.http_client").info("POST to 905 546 4904")
    log().warning("a call from (905) 546 4904 to 833-900-1010")

    assert bare(capsys.readouterr().err) == '"a call from [number] to 833-900-1010"\n'


def test_a_log_in_json_has_an_object_a_line_and_is_masked() -> None:
    event = {"name": "ivr.test", "levelname": "WARNING", "msg": "a call from (905) 546 4904\nto 833-900-1010"}
    about = {"call": ID, "logger": "905 546 4904", "é": "ü"}

    (line,) = JsonLine(["+18339001010"]).format(logging.makeLogRecord(event | about)).splitlines()

    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told.pop("time"))
    assert told == {
        "level": "warning",
        "logger": "ivr.test",
        "message": "a call from [number]\nto 833-900-1010",
        "call": ID,
        "é": "ü",
    }


def test_a_process_that_dies_tells_no_words_in_json_either(tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text(
        "from ivr.logs import set_up_logs\nset_up_logs()\nint('please help me 905-546-4904')\n"
    )

    died = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env=_here() | {"LOG_FORMAT": "json"},
    )

    told = json.loads(died.stderr)
    assert (told["level"], told["message"]) == ("critical", "the process ends")
    assert told["error"] == "ValueError@dies.py:3"


def test_a_thread_that_dies_tells_no_words(
    capsys: pytest.CaptureFixture[str], whole_process: Callable[[], None]
) -> None:
    whole_process()
    dying = threading.Thread(target=int, args=("please help me",))
    dying.start()
    dying.join()

    assert bare(capsys.readouterr().err).startswith('"a thread ends" error=ValueError@')


def test_a_warning_is_masked_too(
    capsys: pytest.CaptureFixture[str], whole_process: Callable[[], None]
) -> None:
    whole_process()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("a call from 905-546-4904", stacklevel=1)

    assert "[number]" in capsys.readouterr().err


def test_a_process_that_dies_tells_no_words(tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text(
        "from ivr.logs import set_up_logs\nset_up_logs()\nint('please help me 905-546-4904')\n"
    )

    died = subprocess.run(
        [sys.executable, program], capture_output=True, check=False, text=True, cwd=ROOT, env=_here()
    )

    assert bare(died.stderr) == '"the process ends" error=ValueError@dies.py:3\n'


def _here() -> dict[str, str]:
    """Let a Python that is started elsewhere find what this one finds."""
    return {"PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path)), "PATH": os.environ.get("PATH", "")}
