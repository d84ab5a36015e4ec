"""The line is tried from outside, and nothing is left of it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from click.testing import CliRunner
from fakes import NotedJournal, make_line

from ivr.cli.main import main
from ivr.telephony.probe import Probe
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from ivr.flow.models import Flow
    from ivr.settings import Settings
    from ivr.understanding.understand import Understanding


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(app: Callable[[str], object]) -> Iterator[str]:
    """Serve an application that is made for its address on this machine."""
    with make_server("127.0.0.1", 0, lambda *_: [], handler_class=Quiet) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        server.set_app(app(url))  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


def line_app(
    settings: Settings, flow: Flow, journal: NotedJournal, signs: list[int]
) -> Callable[[str], Flask]:
    def make(url: str) -> Flask:
        line = make_line(flow, journal=journal)
        parts = build_parts(replace(settings, public_url=url), line, heard=lambda: signs.append(1))
        return create_app(parts)

    return make


def test_a_line_that_answers_is_said_to_and_notes_nothing(settings: Settings, flow: Flow) -> None:
    journal, signs = NotedJournal(), list[int]()
    with serving(line_app(settings, flow, journal, signs)) as url:
        found = Probe(url, settings.auth_token).run()

    assert [(each.what, each.wrong) for each in found] == [("a call", ""), ("a text", ""), ("a stranger", "")]
    assert journal.entries == []
    assert signs == []  # Twilio was not here: its silence must go on being seen.


def test_a_wrong_token_is_told(settings: Settings, flow: Flow) -> None:
    with serving(line_app(settings, flow, NotedJournal(), [])) as url:
        found = Probe(url, "another").run()

    assert ["the token, or PUBLIC_URL" in each.wrong for each in found] == [True, True, False]


def test_fixed_words_are_no_right_answer(settings: Settings, flow: Flow) -> None:
    def fails(*_: object) -> Understanding:
        raise OSError

    def torn(url: str) -> Flask:
        app = line_app(settings, flow, NotedJournal(), [])(url)
        context = app.extensions["ivr"]
        lost = replace(flow, menus=replace(flow.menus, start="gone", home="gone"))
        app.extensions["ivr"] = replace(context, line=make_line(lost), understand=fails)
        return app

    with serving(torn) as url:
        found = Probe(url, settings.auth_token).run()

    assert "our own code fails" in found[0].wrong
    assert "our own code fails" in found[1].wrong


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        ("200 OK", b"<html><p>It works!</p></html>", "somebody else answers"),
        ("200 OK", b"It works!", "somebody else answers"),
        ("502 Bad Gateway", b"", "status 502"),
        ("200 OK", b"<Response><Say>Hi</Say></Response>", "do not say 9 1 1"),
    ],
)
def test_somebody_elses_answer_is_none(status: str, body: bytes, wrong: str) -> None:
    def stranger(_environ: object, start: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
        start(status, [("Content-Length", str(len(body)))])
        return [body]

    with serving(lambda _: stranger) as url:
        call, _, unsigned = Probe(url, "token").run()

    assert wrong in call.wrong
    assert "not refused" in unsigned.wrong


def test_nobody_there_is_told_by_the_command() -> None:
    words = ["probe", "--url", "http://127.0.0.1:9", "--json"]

    result = CliRunner().invoke(main, words, env={"TWILIO_AUTH_TOKEN": "token"})

    told = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 1
    assert [each["verdict"] for each in told] == ["fault"] * 3
    assert all("nobody answered" in each["words"] for each in told)


def test_the_command_ends_well_for_a_line_that_answers(settings: Settings, flow: Flow) -> None:
    with serving(line_app(settings, flow, NotedJournal(), [])) as url:
        result = CliRunner().invoke(
            main, ["probe", "--url", url], env={"TWILIO_AUTH_TOKEN": settings.auth_token}
        )

    assert result.exit_code == 0, result.output
    assert result.output.count("answered") == 3
