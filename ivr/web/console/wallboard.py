"""Whether the line is well, in one word and with reasons: the strip on top of the page Now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ivr.hours import is_open

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ivr.agencies import Agency
    from ivr.records.agency_status import AgencyRecord
    from ivr.work.twilio_heartbeat import LastSigns

DATABASE, REDIS, WORKER = "database", "redis", "worker"


class Level(StrEnum):
    """How well something is; each has a colour, a word and an icon."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class AgencyState(StrEnum):
    """Whether an agency can be reached, and why not."""

    REACHABLE = "reachable"
    FAILING = "failing"  # It is rung last.
    CLOSED = "closed"
    OFF = "off"


LEVELS = {
    AgencyState.REACHABLE: Level.GOOD,
    AgencyState.FAILING: Level.WARNING,
    AgencyState.CLOSED: Level.WARNING,
    AgencyState.OFF: Level.BAD,
}
ANSWERS = frozenset({AgencyState.REACHABLE, AgencyState.FAILING})


@dataclass(frozen=True)
class Reason:
    """One thing that is said of the line: a sentence of the translations, and the numbers in it."""

    level: Level
    key: str
    values: Mapping[str, int]


@dataclass(frozen=True)
class Health:
    """What is known of the line at one moment."""

    agencies: Mapping[str, AgencyState]
    parts: Mapping[str, bool]
    unreached: int  # Callers who asked for a person and reached nobody, in 24 hours.
    twilio: LastSigns
    sweeps: bool  # Whether Twilio's copies are to be deleted.

    @property
    def level(self) -> Level:
        """How well the line is: as well as the worst thing that is said of it."""
        levels = {reason.level for reason in self.reasons}
        return next(level for level in (Level.BAD, Level.WARNING, Level.GOOD) if level in levels)

    @property
    def reasons(self) -> list[Reason]:
        """Say why, the worst first."""
        order = list(reversed(Level))
        return sorted(self._reasons(), key=lambda reason: order.index(reason.level))

    def _reasons(self) -> Iterator[Reason]:
        reachable = sum(state in ANSWERS for state in self.agencies.values())
        well = Level.GOOD if reachable == len(self.agencies) else Level.WARNING
        if not reachable:
            off = all(state is AgencyState.OFF for state in self.agencies.values())
            yield Reason(Level.BAD, "all_agencies_off" if off else "no_agency_reachable", {})
        else:
            yield Reason(well, "agencies_reachable", {"reachable": reachable, "all": len(self.agencies)})
        if failing := sum(state is AgencyState.FAILING for state in self.agencies.values()):
            yield Reason(Level.WARNING, "agencies_failing", {"count": failing})
        for part, answers in self.parts.items():
            if not answers:
                yield Reason(Level.BAD, f"{part}_silent", {})
        if self.unreached:
            yield Reason(Level.WARNING, "unreached_in_a_day", {"count": self.unreached})
        if self.sweeps and self.twilio.known and self.twilio.failed and not self.twilio.sweeps:
            yield Reason(Level.WARNING, "sweep_failing", {})


def agency_state(agency: Agency, known: AgencyRecord | None, now: datetime) -> AgencyState:
    """Say whether an agency can be reached now, and if not, why."""
    if not agency.on or (known and known.off):
        return AgencyState.OFF
    if not is_open(agency, now):
        return AgencyState.CLOSED
    return AgencyState.FAILING if known and known.failing else AgencyState.REACHABLE
