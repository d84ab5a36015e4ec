"""Every verb that a call of its own may execute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.simulator.dialling import dial
from ivr.simulator.queues import enqueue
from ivr.simulator.speaking import SPEAKING, gather, hang_up, redirect, reject

if TYPE_CHECKING:
    from ivr.simulator.documents import Verbs

EVERYTHING: Verbs = {
    **SPEAKING,
    "Gather": gather,
    "Redirect": redirect,
    "Hangup": hang_up,
    "Reject": reject,
    "Dial": dial,
    "Enqueue": enqueue,
}
