"""Logs: a line an event, with its time, and no shape of a telephone number in it."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest

from ivr.logs import FORMAT, MASK, NoNumbers, OneLine, set_up_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBERS = [
    "+19055464904",
    "19055464904",
    "9055464904",
    "905-546-4904",
    "905.546.4904",
    "905 546 4904",
    "(905) 546-4904",
    "(905)546-4904",
    "+1 (905) 546-4904",
    "1-905-546-4904",
    "546-4904",
    "9 0 5 5 4 6 4 9 0 4",
    "9 0 5, 5 4 6, 4 9 0 4".replace(",", "."),
    "9-0-5-5-4-6-4-9-0-4",
    "905 - 546 - 4904",
    "905\N{NO-BREAK SPACE}546\N{NO-BREAK SPACE}4904",
    "٩٠٥٥٤٦٤٩٠٤",
    "tel:+1-905-546-4904",
    "%2B19055464904",
]
AROUND = ["{}", "from {} to us", "To={}&From=x", "[{}]", "{},", "x{}y", "'{}'"]
LINE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{3} (INFO|WARNING|ERROR) ivr\.test ")


@pytest.fixture
def written() -> Iterator[Callable[[], str]]:
    """Give a logger like that of every process; what it wrote can be asked for."""
    text = io.StringIO()
    stream = logging.StreamHandler(text)
    stream.setFormatter(OneLine(FORMAT))
    stream.addFilter(NoNumbers())
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
    log().info(around.format(number).replace("%", "%%"))
    log().info("%s", around.format(number))

    assert MASK in written()
    assert not re.search(r"\d{2}", bare(written().replace("%2B", "")))


def test_a_number_among_the_values_of_a_message_is_masked_too(written: Callable[[], str]) -> None:
    log().warning("a call from %s went to %r after %d seconds", 19055464904, {"to": "+18339001010"}, 12)

    assert bare(written()) == "a call from [number] went to {'to': '[number]'} after 12 seconds\n"


def test_a_number_that_falls_apart_over_lines_is_masked(written: Callable[[], str]) -> None:
    log().info("905\n546\n4904")

    assert bare(written()) == "[number]\n"


def test_the_time_of_a_line_survives(written: Callable[[], str]) -> None:
    log().info("a call ended")

    assert LINE.match(written())


@pytest.mark.parametrize(
    "words",
    [
        "a journal file was adopted: 12",
        "waited 12.5 s of 60",
        "answered with 403",
        "call 911, or 988",
        "8 of 10",
    ],
)
def test_what_is_no_number_is_left_as_it_is(words: str, written: Callable[[], str]) -> None:
    log().info(words)

    assert bare(written()) == f"{words}\n"


def test_an_exception_is_named_and_its_words_are_not_told(written: Callable[[], str]) -> None:
    try:
        raise LookupError("my boss keeps my passport, call me at 905-546-4904")  # noqa: TRY301 - a caller's words
    except LookupError:
        log().exception("a webhook failed")

    assert bare(written()) == "a webhook failed (LookupError)\n"


def test_one_event_is_one_line(written: Callable[[], str]) -> None:
    log().error("first\nsecond")

    assert written().count("\n") == 1


def test_the_log_of_a_process_goes_to_standard_error_and_is_masked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_logs()
        logging.getLogger("twilio.http_client").info("POST to 905 546 4904")
        log().warning("a call from (905) 546 4904")
        for stream in root.handlers:
            stream.flush()
    finally:
        root.handlers[:], root.level = before

    assert bare(capsys.readouterr().err) == "a call from [number]\n"
