"""What callers will hear is decided and written before they ask, so that nobody waits for it."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING

from ivr.flow.graph import offers
from ivr.flow.turn import HangUp, Listen, Pressed, Silent
from ivr.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ivr.flow.models import Flow
    from ivr.flow.turn import Heard
    from ivr.web.context import WebhookContext

EVERYWHERE = ("*", "9")  # Keys that mean something at every stop.
REST = 40  # Times as long as each took, and so longer where processors are busy: callers have them.


def warm_up(
    context: WebhookContext,
    still_current: Callable[[], bool],
    sleep: Callable[[float], object] = time.sleep,
    passed: Callable[[], float] = time.monotonic,
) -> int:
    """Decide what each key leads to and write its document, a little at a time; give how many were written.

    It ends early once other prompts are spoken: see ``still_current``.
    """
    kept, flow, done = context.line.kept, context.speech.flow, 0
    for position, heard in expected(flow):
        if not still_current():
            break
        began = passed()
        turn = kept.find(flow, position, heard)
        if turn and isinstance(turn.then, Listen | HangUp):
            context.speech.answer(turn)
            done += 1
        sleep(REST * (passed() - began))
    return done


def expected(flow: Flow) -> Iterator[tuple[Position, Heard]]:
    """List each key, and silence, at each stop, in each language that is spoken, the first ones first."""
    for language, (name, stop) in product(flow.voiced, flow.stops.items()):
        position = Position(name, language)
        yield from ((position, Pressed(key)) for key in (*offers(stop), *EVERYWHERE))
        yield position, Silent()
