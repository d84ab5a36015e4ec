"""The parts of a line, played: they keep what they were given."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ivr.caller_limits import CallerLimits, ListedCallers
from ivr.effects import CallTexter, TextNumbers
from ivr.flow.prompts import LivePrompts
from ivr.flow.turn import AskForPerson
from ivr.flow.voice import ring_next
from ivr.line import Line
from ivr.transfer.agency_order import AgencyStatus
from ivr.transfer.coordinator import TransferCoordinator
from ivr.transfer.machine import nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ivr.agencies import Agency
    from ivr.effects import Effect, Entry
    from ivr.flow.models import Flow
    from ivr.flow.turn import Decision, Roster, Turn
    from ivr.transfer.machine import Decide, Follow, Transfer


@dataclass
class NotedJournal:
    entries: list[Entry] = field(default_factory=list)

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)


@dataclass
class SentTexts:
    texts: list[tuple[str, str]] = field(default_factory=list)
    rings: list[tuple[str, str, int]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)  # What becomes of the next texts.
    ring_faults: list[Exception] = field(default_factory=list)  # What becomes of the next callers rung.

    def text(self, number: str, words: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.texts.append((number, words))

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:
        self.rings.append((agency.number, path, seconds))
        return f"leg {len(self.rings)}"

    def ring_caller(self, number: str, path: str, seconds: int) -> str:
        if self.ring_faults:
            raise self.ring_faults.pop(0)
        self.rings.append((number, path, seconds))
        return f"leg {len(self.rings)}"

    def hang_up(self, leg: str) -> None:
        self.ended.append(leg)


@dataclass
class KeptEffects:
    effects: list[Effect] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def put(self, effect: Effect, secret: str = "") -> None:
        self.effects.append(effect)
        if isinstance(effect, TextNumbers | CallTexter):
            self.keep(f"number-{effect.call}", secret)

    def put_here(self, effect: Effect) -> None:
        self.put(effect)

    def keep(self, name: str, secret: str) -> None:
        self.secrets[name] = secret

    def take(self, name: str) -> str:
        return self.secrets.pop(name, "")

    @contextmanager
    def lend(self, name: str) -> Iterator[str]:
        yield self.secrets.get(name, "")
        self.secrets.pop(name, None)


ENVIRONMENT = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "12345",
    "TWILIO_PHONE_NUMBER": "+12895550100",
    "PUBLIC_URL": "https://line.example",
    "SECRET_KEY": "a long secret that only the tests of this line know",
    "IVR_CONFIG": "config",
    "IVR_PROMPTS": "prompts",
    "IVR_PHRASES": "phrases",
    "PATH": os.environ.get("PATH", ""),
}


@dataclass
class KeptArchive:
    opted_out: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    undelivered: int = 0

    def erase(self, mark: str) -> None:
        self.asked.append(("erase", mark))

    def opt_out(self, mark: str) -> None:
        self.asked.append(("opt_out", mark))
        self.opted_out.add(mark)

    def opt_in(self, mark: str) -> None:
        self.asked.append(("opt_in", mark))
        self.opted_out.discard(mark)

    def count_delivery(self, reason: str) -> int:
        self.asked.append(("count_delivery", reason))
        self.undelivered = self.undelivered + 1 if reason else 0
        return self.undelivered

    def lists(self) -> ListedCallers:
        return ListedCallers(frozenset(self.opted_out))


class NoTransfers:
    """A store in which no transfer is found."""

    def open(self, transfer: Transfer) -> None:
        raise AssertionError(transfer)

    def find(self, transfer_id: str) -> Transfer | None:  # noqa: ARG002 - the shape of Transfers
        return None

    def change(
        self,
        transfer_id: str,  # noqa: ARG002 - the shape of Transfers
        decide: Decide,  # noqa: ARG002 - the shape of Transfers
        follow: Follow = nothing,  # noqa: ARG002 - the shape of Transfers
    ) -> tuple[Transfer, Transfer] | None:
        return None

    def of_calls(self, calls: Sequence[str]) -> list[str]:  # noqa: ARG002 - the shape of Transfers
        return []

    def unreached_in_a_row(self, waited: int) -> int:  # noqa: ARG002 - the shape of Transfers
        return 0


class NoFreeSecond:
    """Twilio starts no call soon: callers go by the direct path."""

    def near(self, most: float) -> bool:  # noqa: ARG002 - the shape of Pacing
        return False

    def take(self, most: float) -> float | None:  # noqa: ARG002 - the shape of Pacing
        return None


def make_line(flow: Flow, **parts: Any) -> Line:
    """Put together a line from played parts, all but those given. It knows the direct path only."""
    journal, phone, later = NotedJournal(), SentTexts(), KeptEffects()
    played = {
        "prompts": LivePrompts(flow, dict),
        "journal": journal,
        "phone": phone,
        "later": later,
        "transfers": TransferCoordinator(
            flow.directory,
            flow.line.patience,
            NoTransfers(),
            journal,
            later,
            NoFreeSecond(),
            phone,
            AgencyStatus,
        ),
        "status": AgencyStatus,
        "limits": CallerLimits(),
        "archive": KeptArchive(),
        "send_alarm": str,
    }
    return Line(**(played | parts))


def directly(flow: Flow, decision: Decision, roster: Roster) -> Turn:
    """Answer a wish for a person by the direct path, as the line does where nobody can wait in a queue."""
    return ring_next(flow, decision, roster) if isinstance(decision, AskForPerson) else decision
