"""Where a caller or a texter can get to from where."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ivr.flow.models import (
    ChecklistStop,
    ConsentStop,
    Flow,
    GoodbyeStop,
    LanguageStop,
    MenuStop,
    MessageStop,
    Stop,
    TransferStop,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def leads(stop: Stop) -> Mapping[str, str]:
    """Where a stop leads: the place in the file that says so -> the next stop."""
    match stop:
        case LanguageStop(next=after):
            return {"next": after}
        case MenuStop(options=options) | MessageStop(options=options):
            return {f"options.{key}": after for key, after in options.items()}
        case ChecklistStop(results=results, options=options):
            by_text = {f"options.{key}": after for key, after in options.items()}
            return {f"results.{least}": after for least, after in results.items()} | by_text
        case ConsentStop(yes=yes):
            return {"yes": yes}
        case TransferStop() | GoodbyeStop():
            return {}


def offers(stop: Stop) -> Mapping[str, str]:
    """Which stops a stop offers by a key."""
    return stop.options if isinstance(stop, MenuStop | MessageStop) else {}


def offers_by_text(flow: Flow, stop: Stop) -> Mapping[str, str]:
    """Which stops a stop offers a texter: all but what only a call can do."""
    ahead = stop.options if isinstance(stop, ChecklistStop) else offers(stop)
    return {
        key: to for key, to in ahead.items() if not isinstance(flow.stops.get(to), ConsentStop | TransferStop)
    }


def asks(flow: Flow, stop: Stop) -> bool:
    """Whether a stop offers its numbers by text, to whoever says that it is safe."""
    return any(isinstance(flow.stops.get(to), ConsentStop) for to in offers(stop).values())


def keys(stop: Stop) -> Mapping[str, str]:
    """Give what the caller's keys lead to: stops, or orders of agencies."""
    return stop.orders if isinstance(stop, TransferStop) else offers(stop)


def branches(flow: Flow) -> tuple[str, ...]:
    """Name the stops to which the keys of the main menu lead."""
    home = flow.stops.get(flow.menus.home)
    return tuple(offers(home).values()) if home else ()


def named(flow: Flow) -> Mapping[str, str]:
    """Which stops the line itself goes to: what for -> stop."""
    menus = flow.menus
    return {
        "start": menus.start,
        "home": menus.home,
        "person": menus.person,
        "leave": menus.leave,
        "over": menus.over,
        "unreached": menus.unreached,
    }


@lru_cache(maxsize=4)  # Of a flow, which several rules ask about every stop.
def by_voice(flow: Flow) -> frozenset[str]:
    """Name every stop that a caller can get to."""
    return _spread(flow, named(flow).values(), lambda stop: leads(stop).values())


@lru_cache(maxsize=4)
def by_text(flow: Flow) -> frozenset[str]:
    """Name every stop that a texter can get to. A checklist's results are not: by text it is a summary."""
    keyed = (stop for stops in flow.keywords.stops.values() for stop in stops)
    doors = (flow.menus.start, flow.menus.home, flow.menus.person, *keyed)

    def onward(stop: Stop) -> Iterable[str]:
        return (leads(stop) if isinstance(stop, LanguageStop) else offers_by_text(flow, stop)).values()

    return _spread(flow, doors, onward)


def below(flow: Flow, door: str) -> frozenset[str]:
    """Name a stop and every stop that its keys and results lead on to, short of the main menu."""
    return _spread(flow, (door,), lambda stop: set(leads(stop).values()) - {flow.menus.home})


def stops_with_facts(flow: Flow) -> frozenset[str]:
    """Name every stop that states facts and that keys alone lead to: no questions, nobody rung."""
    reached = _spread(flow, (flow.menus.home,), lambda stop: offers(stop).values())
    return frozenset(name for name in reached if getattr(flow.stops[name], "facts", ()))


def depths(flow: Flow) -> dict[str, int]:
    """Count the menus that a caller hears from the main menu to each stop, both included."""
    counted: dict[str, int] = {}
    ahead = [(flow.menus.home, 0)]
    while ahead:  # Fewest menus first, so that the first count found is the least.
        name, above = ahead.pop(ahead.index(min(ahead, key=lambda at: at[1])))
        stop = flow.stops.get(name)
        if stop is None or name in counted:
            continue
        counted[name] = above + isinstance(stop, MenuStop)
        ahead.extend((after, counted[name]) for after in leads(stop).values())
    return counted


def _spread(flow: Flow, doors: Iterable[str], onward: Callable[[Stop], Iterable[str]]) -> frozenset[str]:
    reached: set[str] = set()
    ahead = list(doors)
    while ahead:
        name = ahead.pop()
        stop = flow.stops.get(name)
        if stop is not None and name not in reached:
            reached.add(name)
            ahead.extend(onward(stop))
    return frozenset(reached)
