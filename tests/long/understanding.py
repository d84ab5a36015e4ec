"""How long texters wait while ten texts come each second, and what the classifier's process holds.

In tests/: `python -m long understanding`. The texts are those of the check set, each from another phone.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

import requests
from postgres import put_tables
from real.rehearsal import becomes, session_of

from ivr.operations.local_stack import ACCOUNT, NUMBER, LocalStack
from ivr.simulator.webhooks import sign
from ivr.understanding.client import PATIENCE, ask_classifier, socket_of
from ivr.understanding.phrases import read_check_set
from ivr.understanding.weights_in_force import FOLDER
from long.suites import ROOT, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from long.suites import Run

A_SECOND = 10
SLOWEST, MOST_MIB, MOST_GROWTH_MIB = (
    0.3,
    400,
    6,
)  # What is promised: of 95 %; of the classifier; of a web process.
CLASSIFIER = "ivr.understanding.server"
LONGEST = 60.0
BESIDE_SECONDS = 0.5  # Between two questions that we ask the classifier ourselves meanwhile.


class Texter:
    """Sends signed texts to a line, and notes how long each answer took."""

    def __init__(self, stage: LocalStack) -> None:
        self._stage = stage
        self.took: list[float] = []
        self.failed = 0

    def send(self, number: int, words: str, at: float) -> None:
        """Send one text at a moment, and wait for its answer."""
        threading.Event().wait(max(0.0, at - time.monotonic()))
        sid = "SM" + secrets.token_hex(16)
        form = {"From": f"+1289555{number:04}", "To": NUMBER, "AccountSid": ACCOUNT}
        form |= {"MessageSid": sid, "Body": words}
        url = f"{self._stage.public_url}/sms"
        signed = {"X-Twilio-Signature": sign(self._stage.token, url, form)}
        began = time.monotonic()
        try:
            requests.post(url, data=form, headers=signed, timeout=LONGEST).raise_for_status()
        except requests.RequestException:
            self.failed += 1
        self.took.append(time.monotonic() - began)


def measure_understanding(run: Run) -> None:
    """Text a line of two web processes and its classifier, without Redis and worker."""
    texts = [phrase.text for phrase in read_check_set(ROOT / "phrases")]
    stage = LocalStack(  # So that nothing goes to a real network.
        run.folder, "http://127.0.0.1:9", launch=run.launch
    )
    try:
        put_tables(stage.environment["DATABASE_URL"])
        stage.start_web()
        path = socket_of(ROOT / "phrases", run.folder / "journal" / FOLDER)
        if not becomes(lambda: ask_classifier(path, "hello", LONGEST) is not None):
            run.failures.append("the classifier did not begin to answer")
            return
        _send(stage, texts[: run.pick(10, 100)], A_SECOND)  # What is loaded late is loaded now.
        before = _web_mib(stage)
        texter, beside = _send_and_ask(stage, path, list(islice(cycle(texts), run.pick(20, 1800))))
        _note(run, texter, beside)
        child = _classifier(stage)
        held = _mib(child) if child else 0.0
        run.figures["classifier, MiB"] = held
        run.figures["web process grew, MiB"] = round(_web_mib(stage) - before, 1)
        _promise(run, held)
    finally:
        stage.close()


def _send_and_ask(stage: LocalStack, path: Path, texts: Sequence[str]) -> tuple[Texter, list[bool]]:
    """Send texts, and ask the classifier beside them as a web process does."""
    over, beside = threading.Event(), [ask_classifier(path, texts[0], PATIENCE) is not None]

    def ask() -> None:
        for words in cycle(texts):
            if over.wait(BESIDE_SECONDS):
                return
            beside.append(ask_classifier(path, words, PATIENCE) is not None)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    texter = _send(stage, texts, A_SECOND)
    over.set()
    asking.join()
    return texter, beside


def _send(stage: LocalStack, texts: Sequence[str], a_second: int) -> Texter:
    texter, begins = Texter(stage), time.monotonic()
    with ThreadPoolExecutor(4 * a_second) as phones:
        for number, words in enumerate(texts):
            phones.submit(texter.send, number, words, begins + number / a_second)
    return texter


def _note(run: Run, texter: Texter, beside: Sequence[bool]) -> None:
    took = sorted(texter.took)
    run.figures["texts"] = len(took)
    run.figures["failed"] = texter.failed
    run.figures["median of an answer, s"] = round(took[len(took) // 2], 3)
    run.figures["95 of 100 answers within, s"] = round(quantiles(took, n=20)[-1], 3)
    run.figures["slowest answer, s"] = round(took[-1], 3)
    run.figures["classifier answered in time, of those asked beside"] = round(sum(beside) / len(beside), 3)
    if texter.failed:
        run.failures.append(f"texts that were not answered: {texter.failed}")


def _promise(run: Run, held: float) -> None:
    """Hold the figures against what is promised: at full size, for which the machine is to be idle."""
    if run.size is not Size.FULL:
        return
    for name, most in (
        ("95 of 100 answers within, s", SLOWEST),
        ("web process grew, MiB", MOST_GROWTH_MIB),
    ):
        if float(run.figures[name] or 0) > most:
            run.failures.append(f"{name}: {run.figures[name]}, more than {most}")
    if not 0 < held <= MOST_MIB:
        run.failures.append(f"classifier, MiB: {held}, not within {MOST_MIB}")


def _classifier(stage: LocalStack) -> int | None:
    return next((pid for pid in session_of(stage.running["web"].pid) if CLASSIFIER in _command(pid)), None)


def _web_mib(stage: LocalStack) -> float:
    """Give what the largest web process holds."""
    theirs = [pid for pid in session_of(stage.running["web"].pid) if CLASSIFIER not in _command(pid)]
    return max(map(_mib, theirs))


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace")


def _mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
