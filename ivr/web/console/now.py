"""The page "Now": how well the line is, who calls, which agencies can be reached, and their switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from flask import Blueprint

from ivr.hours import is_open
from ivr.records.active_calls import count_unreached, list_active_calls, list_ringing_agencies
from ivr.records.agency_feedback import list_proposals
from ivr.records.agency_status import list_status
from ivr.records.counts import list_undelivered
from ivr.records.operators import Role
from ivr.records.shift_log import list_pinned
from ivr.web.console.context import console, current_operator, render_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from ivr.agencies import Agency
    from ivr.records.agency_status import AgencyRecord
    from ivr.records.operators import Operator
    from ivr.work.twilio_heartbeat import LastSigns


# Whether the line is well, in one word and with reasons: the strip on top of the page Now. Pure.

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


# Until when an agency is switched off: what was chosen or typed. What cannot be read switches nothing.

MOST_HOURS = 24 * 90
MORNING = 8
CHOICES = ("1", "4", "morning", "tomorrow", "open")  # Hours, the next 8:00, that of tomorrow, no end.
DEFAULT = "4"


class SwitchTimeError(ValueError):
    """A length of time that is none; whoever typed it must write it anew."""


def read_switch_time(form: Mapping[str, str], now: datetime, zone: tzinfo) -> datetime | None:
    """Read until when; None is until it is switched on. Hours that were typed go before what was chosen."""
    if typed := form.get("hours", "").strip():
        if not typed.isdecimal() or not typed.isascii() or not 0 < int(typed[:9]) <= MOST_HOURS:
            raise SwitchTimeError(typed)
        return now + timedelta(hours=int(typed[:9]))
    match form.get("length", "open"):
        case "open":
            return None
        case "morning":
            return next_morning(now, zone)
        case "tomorrow":
            return tomorrow_morning(now, zone)
        case length if length in CHOICES:
            return now + timedelta(hours=int(length))
        case length:
            raise SwitchTimeError(length)


def next_morning(now: datetime, zone: tzinfo) -> datetime:
    """Give the next 8:00 by the line's own clock."""
    local = now.astimezone(zone)
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if morning <= local:  # The wall clock says 8:00 tomorrow, also when clocks are changed in between.
        morning += timedelta(days=1)
    return morning.astimezone(now.tzinfo)


def tomorrow_morning(now: datetime, zone: tzinfo) -> datetime:
    """Give 8:00 of tomorrow by the line's own clock."""
    local = now.astimezone(zone) + timedelta(days=1)
    return local.replace(hour=MORNING, minute=0, second=0, microsecond=0).astimezone(now.tzinfo)


def mornings(now: datetime, zone: tzinfo) -> dict[str, datetime]:
    """Give the mornings until which something may be off, by what is chosen; after 8:00 there is one."""
    ends = {"morning": next_morning(now, zone), "tomorrow": tomorrow_morning(now, zone)}
    return ends if ends["morning"] < ends["tomorrow"] else {"morning": ends["morning"]}


UNDELIVERED = timedelta(days=30)  # Of so many days texts that did not arrive are counted.

blueprint = Blueprint("now", __name__, url_prefix="/console")


@blueprint.get("/", endpoint="show")
def show_now() -> str:
    """Show what goes on at this moment."""
    return render_page("now", **now_state(current_operator()))


@blueprint.get("/_now", endpoint="refresh")
def refresh_now() -> str:
    """Show the live part alone, for the script that refreshes it."""
    return render_page("_now", **now_state(current_operator()))


def now_state(operator: Operator | None) -> dict[str, object]:
    """Put together what Now shows to an operator, or to nobody in particular: a screen on a wall."""
    context = console()
    agencies = {n: a for n, a in context.flow.directory.agencies.items() if a.transfer}
    status = list_status(context.database, context.now())
    states = {name: agency_state(each, status.get(name), context.moment) for name, each in agencies.items()}
    twilio, swept = context.twilio(), context.flow.line.sweep.on
    pinned = list_pinned(context.database, context.moment)
    unreached = count_unreached(context.database, context.moment - timedelta(days=1))
    return {
        "health": Health(states, context.parts(), unreached, twilio, swept),
        "pinned": pinned,
        "unread": [each for each in pinned if operator and not each.is_read_by(operator.name)],
        "proposals": list_proposals(context.database) if operator else [],
        "back": "now",
        "live": list_active_calls(context.database),
        "rings": list_ringing_agencies(context.database),
        "refused": context.refused(),
        "agencies": agencies,
        "states": states,
        "levels": LEVELS,
        "status": status,
        "undelivered": list_undelivered(context.database, context.today - UNDELIVERED),
        "twilio": twilio,
        "swept": swept,
        "moment_of": lambda at: datetime.fromtimestamp(at, UTC),
        "moment": context.moment,
        "yesterday": context.today - timedelta(days=1),
        "switch_times": CHOICES,
        "mornings": mornings(context.moment, context.zone),
        "sees_stops": bool(operator and operator.role.covers(Role.OPERATOR)),
        "wall": operator is None,
    }
