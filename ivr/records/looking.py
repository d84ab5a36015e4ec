"""The thread that looks around in a process which files nothing."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from ivr.records.ingest import LOOK_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


def look_around(look: Callable[[], object], every: float = LOOK_EVERY) -> Event:
    """Look every few seconds, in a thread that ends with the process, or once the event is set."""
    stopping = Event()
    Thread(target=_run, args=(look, every, stopping), name="looking", daemon=True).start()
    return stopping


def _run(look: Callable[[], object], every: float, stopping: Event) -> None:
    while not stopping.wait(every):
        try:
            look()
        except Exception:
            logger.warning("looking around failed, and is tried again", exc_info=True)
