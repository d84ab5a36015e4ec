"""What a monitoring system is told: counts that add up, from those who may see them, and nobody's number."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, Twilio
from fakes import ENVIRONMENT, make_line

from ivr.effects import Entry
from ivr.flow.prompts import LivePrompts
from ivr.operations.version import commit_of, running_version
from ivr.records.journal import Journal, backlog
from ivr.settings import read_settings
from ivr.web.app import create_app
from ivr.web.metrics import LineState
from ivr.web.server.shared_counts import FOLDER, share_counts
from ivr.web.server.wsgi_adapter import BEGAN
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flask.testing import FlaskClient

    from ivr.flow.models import Flow

HERE = {"REMOTE_ADDR": "127.0.0.1"}
AT_HOME = {"base_url": "http://127.0.0.1:8000", "environ_base": HERE}


def client(flow: Flow, tmp_path: Path, state: LineState | None = None, **settings: str) -> FlaskClient:
    places = {"KEYS_DIR": str(tmp_path / "keys"), "JOURNAL_DIR": str(tmp_path / "journal")}
    here = read_settings(ENVIRONMENT | places | settings)
    return create_app(build_parts(here, make_line(flow), state=state)).test_client()


def counts(page: str, name: str) -> dict[str, float]:
    found = re.findall(rf"(?m)^{name}(\{{.*\}})? (\S+)$", page)
    return {labels: float(value) for labels, value in found}


def fetch(asking: FlaskClient) -> str:
    return str(asking.get("/metrics", **AT_HOME).text)


def test_webhooks_are_counted_by_kind_and_outcome(flow: Flow, tmp_path: Path) -> None:
    asking = client(flow, tmp_path)
    name = "ivr_webhook_seconds_count"
    labels = '{kind="voice.arrive",outcome="refused"}'
    before = counts(fetch(asking), name).get(labels, 0)

    for _ in range(3):
        began = {BEGAN: time.perf_counter()}
        asking.post("/voice", data={"CallSid": "CA1", "From": "+19055550123"}, environ_base=began)
    asking.get("/health", environ_base=began)

    page = fetch(asking)
    assert counts(page, name)[labels] == before + 3
    assert counts(page, "ivr_refusals_total")['{reason="not signed"}'] >= 3
    assert "9055550123" not in page
    assert "health" not in "".join(counts(page, name))


def test_a_webhook_that_our_own_code_fails_is_counted_as_fixed_words(flow: Flow, tmp_path: Path) -> None:
    asking = client(flow, tmp_path)
    context = asking.application.extensions["ivr"]
    asking.application.extensions["ivr"] = replace(context, line=None)
    asking.environ_base[BEGAN] = time.perf_counter()

    Twilio(asking, "https://line.example", ENVIRONMENT["TWILIO_AUTH_TOKEN"]).post("/voice")

    labels = '{kind="voice.arrive",outcome="fixed words"}'
    assert counts(fetch(asking), "ivr_webhook_seconds_count")[labels] >= 1


def test_what_the_line_is_like_is_told(flow: Flow, tmp_path: Path) -> None:
    state = LineState(
        parts=lambda: {"database": True, "redis": False},
        journal_bytes=lambda: 512,
        queues=lambda: {"transfers": 2, "line": 0},
        deletions=lambda: 7,
    )

    page = fetch(client(flow, tmp_path, state))

    assert counts(page, "ivr_part_up") == {'{part="database"}': 1, '{part="redis"}': 0}
    assert counts(page, "ivr_queue_depth") == {'{queue="transfers"}': 2, '{queue="line"}': 0}
    assert counts(page, "ivr_journal_backlog_bytes") == {"": 512}
    assert counts(page, "ivr_deletions_pending") == {"": 7}
    assert list(counts(page, "ivr_version_info")) == [f'{{version="{running_version()}"}}']


@pytest.mark.parametrize(
    ("base", "peer", "headers"),
    [
        ("https://line.example", "127.0.0.1", {}),
        ("http://127.0.0.1:8000", "192.168.0.7", {}),
        ("http://127.0.0.1:8000", "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}),
        ("http://127.0.0.1:8000", "127.0.0.1", {"X-Real-IP": "203.0.113.9"}),
        ("http://127.0.0.1:8000", "127.0.0.1", {"Via": "1.1 proxy"}),
    ],
)
def test_without_a_token_only_this_machine_sees_counts(
    flow: Flow, tmp_path: Path, base: str, peer: str, headers: Mapping[str, str]
) -> None:
    asking = client(flow, tmp_path)

    answer = asking.get("/metrics", base_url=base, environ_base={"REMOTE_ADDR": peer}, headers=headers)

    assert (answer.status_code, "ivr_" in answer.text) == (403, False)
    assert asking.get("/metrics", **AT_HOME).status_code == 200


def test_with_a_token_whoever_has_it_sees_counts(flow: Flow, tmp_path: Path) -> None:
    asking = client(flow, tmp_path, METRICS_TOKEN="0123456789abcdef")

    given = [
        asking.get("/metrics", headers={"Authorization": words} if words else {}, **AT_HOME).status_code
        for words in ("Bearer 0123456789abcdef", "Bearer 0123456789abcdeg", "Bearer é", "")
    ]

    assert given == [200, 403, 403, 403]


def test_ready_is_true_while_parts_are_lost_and_lists_them(flow: Flow, tmp_path: Path) -> None:
    state = LineState(parts=lambda: {"database": False, "redis": False})

    answer = client(flow, tmp_path, state).get("/ready")

    assert answer.status_code == 200
    told = json.loads(answer.text)
    assert told == {
        "ready": True,
        "version": running_version(),
        "parts": {"database": False, "redis": False},
    }


def test_ready_is_false_where_no_caller_could_be_greeted(flow: Flow, tmp_path: Path) -> None:
    asking = client(flow, tmp_path)
    context = asking.application.extensions["ivr"]
    mute = replace(flow, prompts={})
    line = replace(context.line, prompts=LivePrompts(mute, dict))
    asking.application.extensions["ivr"] = replace(
        context, line=line, speech=replace(context.speech, flow=mute)
    )

    answer = asking.get("/ready")

    assert (answer.status_code, json.loads(answer.text)["ready"]) == (503, False)


def test_parts_are_asked_once_a_second_at_most() -> None:
    asked: list[int] = []
    state = LineState(parts=lambda: asked.append(1) or {"redis": True})

    assert [state.parts_lately(hold=60), state.parts_lately(hold=60)] == [{"redis": True}] * 2

    assert len(asked) == 1


def test_health_names_the_version(flow: Flow, tmp_path: Path) -> None:
    assert client(flow, tmp_path).get("/health").text == f"ok {running_version()}\n"


def test_a_commit_is_read_from_a_checkout_and_from_a_worktree(tmp_path: Path) -> None:
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    here = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    packed, bare = tmp_path / "packed", tmp_path / "bare"
    (packed / ".git").mkdir(parents=True)
    bare.mkdir()
    (packed / ".git/HEAD").write_text("ref: refs/heads/main\n", "utf-8")
    (packed / ".git/packed-refs").write_text(f"# pack-refs\n{'a' * 40} refs/heads/main\n", "utf-8")

    assert commit_of(ROOT) == here
    assert commit_of(packed) == "a" * 40
    assert commit_of(bare) == ""


def test_the_backlog_is_what_the_journals_hold(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert backlog(tmp_path) == 0

    journal.write(Entry("a call", "0", 12.0, "voice"))

    assert backlog(tmp_path) > 10


COUNT = "from ivr.web.metrics import count_refusal; count_refusal('too large'); count_refusal('too large')"
SHOW = """
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    before = os.environ.get(FOLDER)
    yield {"PATH": os.environ["PATH"]}
    os.environ.pop(FOLDER, None)
    if before is not None:
        os.environ[FOLDER] = before


def test_the_counts_of_processes_add_up_also_over_a_new_version(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    def run(code: str) -> str:
        told = {**environment, FOLDER: os.environ[FOLDER]}
        done = subprocess.run(
            [sys.executable, "-c", code], env=told, check=True, capture_output=True, text=True
        )
        return done.stdout

    folder = share_counts(8000, goes_on=False, under=tmp_path)
    run(COUNT)
    run(COUNT)
    share_counts(8000, goes_on=True, under=tmp_path)
    run(COUNT)

    assert counts(run(SHOW), "ivr_refusals_total") == {'{reason="too large"}': 6}
    assert folder.stat().st_mode & 0o777 == 0o700
    share_counts(8000, goes_on=False, under=tmp_path)
    assert counts(run(SHOW), "ivr_refusals_total") == {}


def test_a_folder_that_others_can_enter_is_not_counted_in(
    tmp_path: Path, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert environment
    folder = tmp_path / f"ivr-counts-{os.geteuid()}-8000"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)

    assert share_counts(8000, goes_on=True, under=tmp_path) != folder

    assert "belongs to somebody else" in caplog.text
