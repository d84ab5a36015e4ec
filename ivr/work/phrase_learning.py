"""Learns the phrases that operators publish, beside the worker's effects: nobody who waits waits for it.

A process of its own learns, and is gone afterwards. What a worker that died had begun, another begins anew.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.circuit_breaker import PartUnavailable
from ivr.records.phrase_versions import (
    State,
    claim_version,
    go_on_learning,
    is_trial,
    list_added,
    publish_version,
    read_weights,
    refuse_version,
    version_in_force,
)
from ivr.understanding.client import ONE_THREAD
from ivr.understanding.phrases import write_added
from ivr.understanding.weights_in_force import FILES, WEIGHTS, basis_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ivr.records.database import Database

logger = logging.getLogger(__name__)

SIGN_SECONDS = 10.0  # How often it shows that it still learns.
NICENESS = 10
MOST_SIGNS = 360  # An hour: then it hangs.
ADDED, OUTCOME = "added.json", "outcome.json"


class LearningFailed(Exception):  # noqa: N818 - named as a person would say it
    """The process that learns ended without a result; its last words say why."""


@dataclass
class PhraseLearning:
    """Looks for a version that waits, and learns it on a thread of its own."""

    database: Database
    phrases: Path
    published: Path  # Where this host keeps weights, and what was encoded.
    now: Callable[[], float]
    command: Sequence[str] = (sys.executable, "-m", "ivr.understanding.training")
    sign_seconds: float = SIGN_SECONDS
    nice: bool = True  # Whether whoever calls or texts goes before it on a busy host.
    _thread: threading.Thread | None = field(default=None, repr=False)

    def run_due(self) -> None:
        """Begin to learn a version that waits, without waiting for it."""
        if self._thread is not None and self._thread.is_alive():
            return
        try:
            version = claim_version(self.database, self.now())
        except PartUnavailable:
            return  # It still waits when SQL is back.
        if version is not None:
            self._thread = threading.Thread(target=self._try, args=(version,), name="learning", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            self._thread.join()

    def learn(self, version: int) -> State:
        """Learn a version, and put it in force unless it is worse."""
        with tempfile.TemporaryDirectory(prefix="ivr-learning-") as place:
            now, to = Path(place) / "now", Path(place) / "new"
            now.mkdir()
            to.mkdir()
            basis = basis_of(self.phrases)
            self._lay_out(now, basis)
            write_added(to / ADDED, list_added(self.database, version))
            self._run(version, now, to)
            outcome = (to / OUTCOME).read_text("utf-8")
            files = {file.name: file.read_bytes() for file in sorted(to.glob(WEIGHTS))}
        if is_trial(self.database, version):
            refuse_version(self.database, version, State.TRIED, outcome)
            return State.TRIED
        if json.loads(outcome)["worse"]:
            refuse_version(self.database, version, State.REFUSED, outcome)
            return State.REFUSED
        return (
            State.PUBLISHED
            if publish_version(self.database, version, basis, outcome, files)
            else State.FAILED
        )

    def _try(self, version: int) -> None:
        try:
            state = self.learn(version)
            logger.info("phrases of version %s: %s", version, state)
        except PartUnavailable:
            logger.warning("phrases of version %s are learned again once SQL is back", version)
        except Exception as error:
            logger.exception("phrases of version %s cannot be learned", version)
            try:
                refuse_version(self.database, version, State.FAILED, json.dumps({"failed": str(error)}))
            except PartUnavailable:
                logger.warning("phrases of version %s are learned again once SQL is back", version)

    def _lay_out(self, now: Path, basis: str) -> None:
        """Lay out the weights in force, where they count over these files."""
        version = version_in_force(self.database)
        weights = read_weights(self.database, version) if version != FILES else None
        if weights and weights.basis == basis:
            for name, content in weights.files.items():
                (now / name).write_bytes(content)

    def _run(self, version: int, now: Path, to: Path) -> None:
        niceness = NICENESS if self.nice else 0
        command = [*self.command, *map(str, (self.phrases, self.published, now, to, niceness))]
        environment = {**os.environ, **ONE_THREAD}  # And the same bytes each time.
        with (to / "errors").open("w+", encoding="utf-8") as errors:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors, env=environment) as child:  # noqa: S603 - our own
                for _ in range(MOST_SIGNS):
                    try:
                        child.wait(self.sign_seconds)
                        break
                    except subprocess.TimeoutExpired:
                        go_on_learning(self.database, version, self.now())
                else:
                    child.kill()
            errors.seek(0)
            last = errors.read().strip().rpartition("\n")[2]
        if child.returncode:
            raise LearningFailed(last or f"it ended with {child.returncode}")
