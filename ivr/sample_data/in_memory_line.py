"""A line whose clock, journal, transfers and telephone are in memory: a month passes in seconds."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.caller_limits import CallerLimits
from ivr.effects import Effect, Entry, Ring
from ivr.line import Line
from ivr.live_prompts import LivePrompts
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import TransferCoordinator
from ivr.transfer.machine import nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.agencies import Agency
    from ivr.flow.models import Flow
    from ivr.transfer.machine import Decide, Follow, Transfer


@dataclass
class InMemoryWorld:
    """The clock, the journal, the transfers and the telephone of one pretend conversation."""

    now: float
    entries: list[Entry] = field(default_factory=list)
    live_transfers: dict[str, Transfer] = field(default_factory=dict)
    rings: list[Ring] = field(default_factory=list)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now = round(self.now + seconds, 1)

    def write(self, entry: Entry) -> None:
        """Note one thing."""
        self.entries.append(entry)

    def open(self, transfer: Transfer) -> None:
        """Open a transfer."""
        self.live_transfers.setdefault(transfer.id, transfer)

    def find(self, transfer_id: str) -> Transfer | None:
        """Read a transfer."""
        return self.live_transfers.get(transfer_id)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change a transfer, then do what follows."""
        before = self.live_transfers.get(transfer_id)
        after = decide(before, {}) if before else None
        if before is None or after is None:
            return None
        self.live_transfers[transfer_id] = after
        follow(before, after)
        return before, after

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        """Name the transfers of some calls."""
        return [transfer.id for transfer in self.live_transfers.values() if transfer.call in calls]

    def unreached_in_a_row(self, waited: int) -> int:  # noqa: ARG002 - the shape of Transfers
        """Count none: nobody is to be alarmed."""
        return 0

    def put(self, effect: Effect, secret: str = "") -> None:  # noqa: ARG002 - there are no secrets here
        """Keep what is to be rung; all else would reach somebody."""
        if isinstance(effect, Ring):
            self.rings.append(effect)

    put_here = put

    def keep(self, name: str, secret: str) -> None:
        """Keep no secret."""

    def take(self, name: str) -> str:  # noqa: ARG002 - the shape of WorkQueue
        """Know no secret."""
        return ""

    def lend(self, name: str) -> AbstractContextManager[str]:
        """Lend nothing: nobody is texted here."""
        return nullcontext(self.take(name))

    def text(self, number: str, words: str) -> None:
        """Text nobody."""

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:  # noqa: ARG002 - the shape of Telephone
        """Ring nobody."""
        return "leg"

    def ring_caller(self, number: str, path: str, seconds: int) -> str:  # noqa: ARG002 - the shape of Telephone
        """Ring nobody."""
        return "leg"

    def hang_up(self, leg: str) -> None:
        """End nothing."""

    def erase(self, mark: str) -> None:
        """Hold nothing under a mark."""

    opt_out = opt_in = erase

    def count_delivery(self, reason: str) -> int:  # noqa: ARG002 - the shape of Archive
        """Count none: nobody is texted here."""
        return 0

    def send_alarm(self, words: str) -> None:
        """Alarm nobody."""


@dataclass(frozen=True)
class SamplePacing:
    """The seconds in which the network may start a call: free ones, or none."""

    free: bool

    def near(self, most: float) -> bool:  # noqa: ARG002 - the shape of Pacing
        """Whether one is free."""
        return self.free

    def take(self, most: float) -> float | None:  # noqa: ARG002 - the shape of Pacing
        """Take one that is free now."""
        return 0.0 if self.free else None


def in_memory_line(flow: Flow, world: InMemoryWorld, *, queues: bool) -> Line:
    """Put a line together around a pretend conversation; without queues it knows the direct path alone."""
    transfers = TransferCoordinator(
        flow.directory,
        flow.line.patience,
        store=world,
        journal=world,
        later=world,
        slots=SamplePacing(queues),
        phone=world,
        status=AgencyStatus,
        now=lambda: world.now,
        sleep=world.pass_time,
    )
    return Line(
        prompts=LivePrompts(flow, dict),
        journal=world,
        phone=world,
        later=world,
        transfers=transfers,
        status=AgencyStatus,
        limits=CallerLimits(),
        archive=world,
        send_alarm=world.send_alarm,
    )
