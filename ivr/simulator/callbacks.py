"""Delivers what is told and not asked: status callbacks, verdicts and last words. Some are lost or late."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.simulator.clock import Clock
    from ivr.simulator.faults import Faults
    from ivr.simulator.legs import Leg
    from ivr.simulator.webhooks import Answer, Jar, Webhooks

STEP = 0.1  # Seconds between callbacks that come in reverse.


class Callbacks:
    """Sends webhooks whose answer nobody hears."""

    def __init__(self, clock: Clock, webhooks: Webhooks, faults: Faults) -> None:
        self._clock = clock
        self._webhooks = webhooks
        self._faults = faults
        self.failed: list[tuple[str, int]] = []  # Addresses that did not answer with success.

    def call(self, leg: Leg, url: str, form: Mapping[str, str]) -> None:
        """Tell a call's status; in reverse order where the fault says so."""
        kind = "caller" if leg.direction == "inbound" else "call"
        if not self._faults.callbacks[kind].reverse:
            self.send(kind, url, form)
            return
        leg.held.insert(0, {**form, "": url})
        if leg.over:
            for place, held in enumerate(leg.held):
                self._later(STEP * place, held)
            leg.held = []

    def send(self, kind: str, url: str, form: Mapping[str, str]) -> None:
        """Tell something, as often and as late as the faults say."""
        for delay in self._faults.callbacks[kind].delays():
            self._clock.after(delay, lambda: self._deliver(url, form))

    def tell(self, leg: Leg, url: str, form: Mapping[str, str]) -> None:
        """Request the action of a leg that is gone: the answer cannot be heard."""
        for delay in self._faults.callbacks["action"].delays():
            self._clock.after(delay, lambda: self._deliver(url, form, leg.jar))

    def _later(self, delay: float, held: Mapping[str, str]) -> None:
        form = {name: value for name, value in held.items() if name}
        self._clock.after(delay, lambda: self._deliver(held[""], form))

    def _deliver(self, url: str, form: Mapping[str, str], jar: Jar | None = None) -> None:
        self._clock.work(lambda: self._webhooks.ask(url, form, jar), self._noter(url))

    def _noter(self, url: str) -> Callable[[Answer], None]:
        def note(answer: Answer) -> None:
            if answer.error:
                self.failed.append((url, answer.status))

        return note
