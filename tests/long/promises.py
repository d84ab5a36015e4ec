"""A model of the promises: from all that a network saw and the log holds, it names each that was broken.

Pure: no line, no network, no SQL. What it is given was collected by `long.evidence`; what it demands is what
callers, texters, agencies and whoever reads the log are promised (docs/threat-model.md, README.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.simulator.listening import HeardLine, Notice

SILENCE = 10.0  # Seconds without a sound that a caller may hear.
CHOICE = 60.0  # Seconds from asking for a person to a person or a spoken choice.
END = 120.0  # Seconds after which nobody waits for a person any more,
LONGEST_DOCUMENT = 10.0  # and in which what is being said then may end.
ANSWERED = 10.0  # Seconds from a key to what it leads to.
REPLIED = 20.0  # Seconds from a text to its answer.
OUTLIVED = 35.0  # Seconds that an agency's leg may outlive its caller: a ring, and a farewell.
REPEATED = 20  # Times that a caller may hear the same words in a row; in a wait they are told to wait on.


@dataclass(frozen=True)
class LegSeen:
    """One leg at the network, as it was in the end."""

    sid: str
    name: str
    number: str
    inbound: bool
    agency: bool  # Whether it led to an agency; else to whoever called, or asked to be called.
    began: float
    ended: float | None
    of_caller: str = ""  # The sid of the caller for whom an agency was rung, where that is known.
    attempt: str = ""  # What REST was asked for: the same for two legs means that it was asked twice.
    rings_caller: bool = False  # The caller hears this leg ring.


@dataclass(frozen=True)
class TextSeen:
    """One text at the network."""

    sid: str
    inbound: bool
    number: str  # The other's.
    body: str
    at: float
    by_network: bool = False
    wants_answer: bool = True


@dataclass(frozen=True)
class WebhookSeen:
    """One webhook, and its answer."""

    sid: str  # Whose: a call's or a text's.
    path: str
    at: float
    status: int  # 0: no answer came.
    body: str
    turn: str = ""  # The turn that it asked for; empty where it asked for none.


@dataclass(frozen=True)
class CallLogged:
    """One conversation in the log."""

    sids: tuple[str, ...]  # Of the call, or of the texts, at the network; empty: of none that it knows.
    channel: str
    ended: bool
    outcome: str | None
    turns: tuple[str, ...]  # The number of each turn of a call; the sid of each text.
    attempts: tuple[tuple[str, str | None], ...] = ()  # The agencies that were rung, and how each ring ended.
    wishes: int = 0  # Times that the caller asked for numbers by text.


@dataclass(frozen=True)
class Words:
    """The words by which a promise is recognised when it is heard, in every language."""

    error: str  # What Twilio says where a document is unusable.
    apologies: tuple[str, ...]  # What a caller hears when our own code fails.
    offers: tuple[str, ...]  # A waiting caller is offered other ways.
    unreached: tuple[str, ...]  # A caller who was not connected hears a choice.
    consents: tuple[str, ...]  # A caller who asks for a person hears who it could be.
    names: Mapping[str, tuple[str, ...]]  # What each agency is called.
    subjects: tuple[str, ...]  # Nobody hears these before their first key.
    about_caller: tuple[str, ...]  # No agency hears these before its key.
    last: tuple[str, ...] = ()  # Agencies that answer by themselves: they may still be rung after a minute.


@dataclass(frozen=True)
class Evidence:
    """All that a network saw and said, and what the line holds afterwards."""

    words: Words
    lines: tuple[HeardLine, ...]
    legs: tuple[LegSeen, ...]
    texts: tuple[TextSeen, ...] = ()
    webhooks: tuple[WebhookSeen, ...] = ()
    notices: tuple[Notice, ...] = ()
    differing: tuple[str, ...] = ()  # Addresses that answered a repeated webhook differently.
    alive: tuple[str, ...] = ()  # Names of those whose legs are not over, when all should be.
    queued: int = 0  # Callers who are still in a queue then.
    log: tuple[CallLogged, ...] = ()
    erased: frozenset[str] = frozenset()  # Sids of what somebody asked us to forget.
    kept: Mapping[str, bytes] = field(default_factory=dict)  # Every file that the line keeps.
    personal: tuple[bytes, ...] = ()  # Numbers, words and ids of Twilio's, of which none may hold any.
    exact: int = 0  # Calls of which more than the hour is known, a day later.
    at_twilio: int = 0  # Ended calls, texts and queues that Twilio still holds after its sweep.
    slack: float = 0.0  # Seconds that this network's own clock may add.

    @cached_property
    def callers(self) -> tuple[LegSeen, ...]:
        """List the legs of those who called, or asked to be called."""
        return tuple(leg for leg in self.legs if not leg.agency)

    @cached_property
    def agencies(self) -> tuple[LegSeen, ...]:
        """List the legs of agencies."""
        return tuple(leg for leg in self.legs if leg.agency)

    @cached_property
    def by_call(self) -> Mapping[str, tuple[HeardLine, ...]]:
        """Give what happened on each leg."""
        found: dict[str, list[HeardLine]] = {}
        for line in self.lines:
            found.setdefault(line.call, []).append(line)
        return {sid: tuple(lines) for sid, lines in found.items()}

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """List every time that somebody asked for a person."""
        return tuple(each for leg in self.callers for each in _asked(self, leg))

    def of(self, leg: LegSeen) -> tuple[HeardLine, ...]:
        """List what happened on a leg."""
        return self.by_call.get(leg.sid, ())

    def rung_for(self, leg: LegSeen) -> tuple[LegSeen, ...]:
        """List the agencies' legs of a caller."""
        return tuple(each for each in self.agencies if each.of_caller == leg.sid)


@dataclass(frozen=True)
class Asked:
    """One time that a caller asked for a person, and when they had a person or a choice."""

    caller: LegSeen
    at: float
    came: float | None = None  # A person, or words that offer a choice.
    out: float | None = None  # They no longer waited.
    waited: bool = False


@dataclass(frozen=True)
class Broken:
    """A promise that was not kept, and to whom."""

    promise: str
    detail: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.detail}"


Check = Callable[[Evidence], Iterator[str]]


def broken_promises(seen: Evidence) -> list[Broken]:
    """Name every promise that was broken, once for each time."""
    return [Broken(promise, detail) for promise, check in PROMISES.items() for detail in check(seen)]


def silences(seen: Evidence, leg: LegSeen) -> Iterator[tuple[float, HeardLine]]:
    """Give the seconds without a sound before each thing that a caller heard; a ring is one."""
    rings = [each for each in seen.rung_for(leg) if each.rings_caller]
    since = leg.began
    for line in seen.of(leg):
        if line.what not in {"heard", "joined", "parted", "hung up"}:
            continue
        for ring in rings:
            if ring.began <= line.at and since < (ring.ended or line.at):
                since = max(since, min(ring.ended or line.at, line.at))
        yield max(0.0, line.at - since), line
        since = float("inf") if line.what == "joined" else line.at + line.seconds


# Somebody always answers.


def _errors(seen: Evidence) -> Iterator[str]:
    for line in seen.lines:
        if line.what == "heard" and seen.words.error in line.words:
            yield f"{line.who} after {line.at:.0f} s"


def _apologies(seen: Evidence) -> Iterator[str]:
    for line in seen.lines:
        if line.what in {"heard", "reads"} and any(words in line.words for words in seen.words.apologies):
            yield f"{line.who} after {line.at:.0f} s: {line.words}"


def _silences(seen: Evidence) -> Iterator[str]:
    for leg in seen.callers:
        for seconds, line in silences(seen, leg):
            if seconds > SILENCE + seen.slack:
                yield f"{seconds:.1f} s before {line.what} {line.words[:40]!r}"


def _loops(seen: Evidence) -> Iterator[str]:
    for notice in seen.notices:
        yield f"Twilio's debugger says {notice.code}: {notice.words}"
    for leg in seen.callers:
        last, count = "", 0
        for line in seen.of(leg):
            if line.what in {"presses", "says"}:
                last, count = "", 0
            elif line.what == "heard" and len(line.words) > len("…"):
                count = count + 1 if line.words == last else 1
                last = line.words
                if count == REPEATED:
                    yield f"{count} times without a key: {last}"


def _unanswered_webhooks(seen: Evidence) -> Iterator[str]:
    for hook in seen.webhooks:
        if hook.status >= 500:
            yield f"{hook.status} from {hook.path}"


def _unanswered_texts(seen: Evidence) -> Iterator[str]:
    answers = [text for text in seen.texts if not text.inbound]
    for text in seen.texts:
        if text.inbound and text.wants_answer:
            until = text.at + REPLIED + seen.slack
            if not any(each.number == text.number and text.at <= each.at <= until for each in answers):
                yield f"a text after {text.at:.0f} s"


# A person is one key away, and every wait has an end.


def _zero(seen: Evidence) -> Iterator[str]:
    for leg in seen.callers:
        for line, heard in _answered_keys(seen, leg, "0"):
            if not any(words in heard for words in seen.words.consents):
                yield f"after {line.at:.0f} s was answered with {heard[:60]!r}"


def _pound(seen: Evidence) -> Iterator[str]:
    for leg in seen.callers:
        for line, _ in _answered_keys(seen, leg, "#"):
            if leg.ended is None or leg.ended - line.at > LONGEST_DOCUMENT + ANSWERED + seen.slack:
                yield f"pressed after {line.at:.0f} s"


def _answered_keys(seen: Evidence, leg: LegSeen, key: str) -> Iterator[tuple[HeardLine, str]]:
    """Give each press of a key that belongs to the line, and all that was heard until the next key."""
    lines, joined, waiting = seen.of(leg), False, False
    for place, line in enumerate(lines):
        joined = line.what == "joined" or (joined and line.what != "parted")
        waiting = line.what == "waits" or (waiting and not joined)
        if line.what != "presses" or line.words != key or joined or (waiting and key == "0"):
            continue
        heard = []
        for later in lines[place + 1 :]:
            if later.what in {"presses", "joined", "hung up"}:
                break
            heard += [later.words] if later.what == "heard" else []
        if "".join(heard).strip("… "):
            yield line, " ".join(heard)


def _late_choices(seen: Evidence) -> Iterator[str]:
    for asked in seen.asked:
        took = (asked.came if asked.came is not None else _end(seen, asked.caller)) - asked.at
        last = [
            leg.began
            for leg in seen.rung_for(asked.caller)
            if leg.name in seen.words.last and leg.began >= asked.at
        ]
        if min([took, *(began - asked.at for began in last)]) > CHOICE + seen.slack:
            yield f"{took:.0f} s after asking, at {asked.at:.0f} s"


def _endless_waits(seen: Evidence) -> Iterator[str]:
    for asked in seen.asked:
        took = (asked.out if asked.out is not None else _end(seen, asked.caller)) - asked.at
        if asked.waited and took > END + LONGEST_DOCUMENT + seen.slack:
            yield f"{took:.0f} s, from {asked.at:.0f} s on"


def _rung_twice(seen: Evidence) -> Iterator[str]:
    for attempt, count in Counter(leg.attempt for leg in seen.agencies if leg.attempt).items():
        if count > 1:
            yield f"{count} legs of one attempt, {attempt.rpartition('/transfers/')[2][:8]}…"
    for leg in seen.callers:
        starts = [asked.at for asked in seen.asked if asked.caller is leg]
        of_wish = Counter(
            (ring.name, max((at for at in starts if at <= ring.began), default=0.0))
            for ring in seen.rung_for(leg)
        )
        for (name, _), count in of_wish.items():
            if count > 1:
                yield f"{name}, {count} times for one wish"


def _left_behind(seen: Evidence) -> Iterator[str]:
    """Find agencies that were rung for a caller who was gone, or that were held for long after."""
    ends = {leg.sid: leg.ended for leg in seen.callers}
    for leg in seen.agencies:
        gone = ends.get(leg.of_caller)
        if gone is None:
            continue
        if leg.began > gone + 1 + seen.slack:
            yield f"{leg.name} was rung {leg.began - gone:.0f} s after the caller had gone"
        elif (leg.ended or float("inf")) > gone + OUTLIVED + seen.slack:
            yield f"{leg.name} was held on after the caller had gone"


def _orphans(seen: Evidence) -> Iterator[str]:
    yield from seen.alive
    if seen.queued:
        yield f"{seen.queued} in a queue"


def _end(seen: Evidence, leg: LegSeen) -> float:
    """Give when a call ended, or the last moment of all."""
    return leg.ended if leg.ended is not None else max((line.at for line in seen.lines), default=leg.began)


def _asked(seen: Evidence, leg: LegSeen) -> Iterator[Asked]:
    """Follow one caller: each wish for a person begins with a key and ends with a person or a choice."""
    rung = {each.sid for each in seen.rung_for(leg) if each.rings_caller}
    names = tuple(name for of in seen.words.names.values() for name in of)
    pressed, now = leg.began, None
    for line in (each for each in seen.lines if each.call == leg.sid or each.call in rung):
        mine = line.call == leg.sid
        asks = line.what == "waits" if mine else line.what == "rings"
        if mine and line.what == "presses" and now is None:
            pressed = line.at
        if mine and line.what == "heard" and now is None and not _says(line, names):
            pressed = line.at + line.seconds  # Whoever presses nothing is connected after some words.
        if asks and now is None:
            now = Asked(leg, pressed)
        if now is None or not (mine or asks):
            continue
        person, back = line.what == "joined", _says(line, seen.words.unreached) or line.what == "hung up"
        if person or back or _says(line, seen.words.offers):
            now = Asked(leg, now.at, line.at if now.came is None else now.came, now.out, now.waited)
        now = Asked(leg, now.at, now.came, now.out, now.waited or (mine and line.what == "waits"))
        if person or back:
            yield Asked(leg, now.at, now.came, line.at, now.waited)
            pressed, now = line.at, None
    if now is not None:
        yield now


def _says(line: HeardLine, words: tuple[str, ...]) -> bool:
    return line.what == "heard" and any(each in line.words for each in words)


# The line does not know who you are, and gives nobody away.


def _found(seen: Evidence) -> Iterator[str]:
    for name, data in seen.kept.items():
        count = sum(each in data for each in seen.personal)
        if count:
            yield f"{count} in {name}"


def _recordings(seen: Evidence) -> Iterator[str]:
    for hook in seen.webhooks:
        if "<Record" in hook.body or " record=" in hook.body:
            yield hook.path


def _first_words(seen: Evidence) -> Iterator[str]:
    for leg in seen.callers:
        for line in seen.of(leg):
            if line.what in {"presses", "says", "joined"}:
                break
            told = [word for word in seen.words.subjects if word in line.words.lower()]
            if line.what == "heard" and told:
                yield f"{told[0]!r} in {line.words!r}"


def _no_911(seen: Evidence) -> Iterator[str]:
    for leg in seen.callers:
        first = next((line for line in seen.of(leg) if line.what == "heard"), None)
        whole = first is not None and not first.words.endswith("…")
        if first is not None and whole and leg.inbound and "9 1 1" not in first.words:
            yield f"{first.words!r}"


def _told_too_soon(seen: Evidence) -> Iterator[str]:
    for leg in seen.agencies:
        for line in seen.of(leg):
            if line.what in {"presses", "joined"}:
                break
            if _says(line, seen.words.about_caller):
                yield f"{leg.name} heard {line.words!r}"


def _unasked_texts(seen: Evidence) -> Iterator[str]:
    ours = [text for text in seen.texts if not text.inbound and not text.by_network]
    wishes: Counter[str] = Counter()
    numbers = {leg.sid: leg.number for leg in seen.callers}
    for call in seen.log:
        for sid in call.sids[:1]:
            wishes[numbers.get(sid, "")] += call.wishes
    for number, count in Counter(text.number for text in ours).items():
        asked = wishes[number] + 2 * sum(text.inbound and text.number == number for text in seen.texts)
        if count > asked:
            yield f"{count} texts, and {asked} at most were asked for"


def _unasked_rings(seen: Evidence) -> Iterator[str]:
    texters = {text.number for text in seen.texts if text.inbound}
    for leg in seen.callers:
        if not leg.inbound and leg.number not in texters:
            yield f"after {leg.began:.0f} s"


def _missing_texts(seen: Evidence) -> Iterator[str]:
    numbers = {leg.sid: leg.number for leg in seen.callers}
    texted = {text.number for text in seen.texts if not text.inbound}
    for call in seen.log:
        if call.wishes and call.sids and numbers.get(call.sids[0], "") not in texted:
            yield "a caller who asked for one"


# The line says only what is true.


def _unnamed(seen: Evidence) -> Iterator[str]:
    lines = {leg.sid: seen.of(leg) for leg in seen.callers}
    for leg in seen.agencies:
        names = seen.words.names.get(leg.name)
        rang = next((line.at for line in seen.of(leg) if line.what == "rings"), None)
        if names is None or rang is None or leg.of_caller not in lines:
            continue
        asked = [each.at for each in seen.asked if each.caller.sid == leg.of_caller and each.at <= rang]
        heard = [
            line
            for line in lines[leg.of_caller]
            if line.what == "heard" and max(asked, default=0) <= line.at <= rang + 1
        ]
        if not any(name in line.words for line in heard for name in names):
            yield leg.name


def _differing(seen: Evidence) -> Iterator[str]:
    yield from seen.differing


# The log.


def _missing_calls(seen: Evidence) -> Iterator[str]:
    logged = Counter(sid for call in seen.log for sid in call.sids)
    for count in logged.values():
        if count > 1:
            yield f"{count} conversations hold the same call or text"
    for leg in seen.callers:
        if leg.inbound and leg.sid not in seen.erased and not logged[leg.sid]:
            yield f"a call that began after {leg.began:.0f} s"


def _strange_calls(seen: Evidence) -> Iterator[str]:
    for call in seen.log:
        if not call.sids:
            yield f"a {call.channel} of {len(call.turns)} turns"


def _turns(seen: Evidence) -> Iterator[str]:
    asked: dict[str, set[str]] = {}
    begun: dict[str, set[str]] = {}  # Also those of which the network did not wait for the answer.
    for hook in seen.webhooks:
        if hook.turn:
            begun.setdefault(hook.sid, set()).add(hook.turn)
        if hook.turn and 200 <= hook.status < 300:
            asked.setdefault(hook.sid, set()).add(hook.turn)
    for call in seen.log:
        if call.channel == "voice" and call.sids:
            wanted, held = asked.get(call.sids[0], set()), Counter(call.turns)
            if lost := sorted(wanted - held.keys(), key=int):
                yield f"turns {', '.join(lost)} of a call are missing"
            known = begun.get(call.sids[0], set())
            if more := sorted(turn for turn in held if held[turn] > 1 or turn not in known):
                yield f"turns {', '.join(more)} of a call are doubles, or never were"
    held = Counter(turn for call in seen.log if call.channel == "text" for turn in call.turns)
    answered = {sid for sid, turns in asked.items() if "text" in turns}
    for text in seen.texts:
        if text.inbound and text.sid in answered and text.sid not in seen.erased and held[text.sid] != 1:
            yield f"a text stands in the log {held[text.sid]} times"


def _outcomes(seen: Evidence) -> Iterator[str]:
    for call in seen.log:
        if not call.ended or not call.outcome:
            yield f"a {call.channel} of {len(call.turns)} turns"


def _false_outcomes(seen: Evidence) -> Iterator[str]:
    talked = {leg.sid for leg in seen.callers if any(line.what == "joined" for line in seen.of(leg))}
    began = {leg.sid: leg.began for leg in seen.callers}
    for call in seen.log:
        if call.channel == "voice" and call.sids and call.outcome:
            at = f"the caller who called after {began.get(call.sids[0], 0):.0f} s"
            if call.sids[0] in talked and call.outcome not in {"connected", "opted_out"}:
                yield f"{call.outcome}, and {at} talked with somebody"
            if call.sids[0] not in talked and call.outcome == "connected":
                yield f"connected, and {at} talked with nobody"


def _false_attempts(seen: Evidence) -> Iterator[str]:
    logged = Counter(name for call in seen.log for name, _ in call.attempts)
    rung = Counter(leg.name for leg in seen.agencies if any(line.what == "rings" for line in seen.of(leg)))
    for name, count in rung.items():
        if logged[name] < count:
            yield f"{name} was rung {count} times, and the log has {logged[name]}"
    taken = Counter(name for call in seen.log for name, how in call.attempts if how == "accepted")
    joined = Counter(leg.name for leg in seen.agencies if any(line.what == "joined" for line in seen.of(leg)))
    for name in taken.keys() | joined.keys():
        if taken[name] != joined[name]:
            yield f"{name} talked with {joined[name]} callers, and the log has {taken[name]}"


# What is forgotten.


def _not_erased(seen: Evidence) -> Iterator[str]:
    held = {sid for call in seen.log for sid in (*call.sids, *call.turns)}
    for text in seen.texts:
        if text.sid in held & seen.erased:
            yield f"a text that came after {text.at:.0f} s is still in the log"


def _not_blurred(seen: Evidence) -> Iterator[str]:
    if seen.exact:
        yield f"{seen.exact} calls"


def _not_swept(seen: Evidence) -> Iterator[str]:
    if seen.at_twilio:
        yield f"{seen.at_twilio} calls, texts and queues"


PROMISES: Mapping[str, Check] = {
    "Nobody hears that an application error has occurred": _errors,
    "Nobody hears that a part of the line is not working": _apologies,
    "No caller hears silence for more than ten seconds": _silences,
    "No caller is caught in a loop, and Twilio finds no fault": _loops,
    "Every webhook is answered": _unanswered_webhooks,
    "Every text that wants an answer has one": _unanswered_texts,
    "0 leads to a person from everywhere": _zero,
    "Pound ends the call at once": _pound,
    "Within a minute of asking there is a person or a choice": _late_choices,
    "No wait for a person goes on for more than two minutes": _endless_waits,
    "No agency is rung twice for one wish": _rung_twice,
    "Nobody is rung, or held on, for a caller who is gone": _left_behind,
    "Nothing is left behind at the network": _orphans,
    "Nothing that the line keeps holds a number, a word or an id of Twilio's": _found,
    "Nothing is recorded": _recordings,
    "Before the first key nothing tells what the line is about": _first_words,
    "What a caller hears first names 9 1 1": _no_911,
    "An agency hears nothing of the caller before its key": _told_too_soon,
    "No text is sent that nobody asked for": _unasked_texts,
    "No phone is rung whose holder did not ask for it": _unasked_rings,
    "Whoever asks for numbers by text gets them": _missing_texts,
    "Callers hear who is called before they are called": _unnamed,
    "A webhook that comes twice is answered alike": _differing,
    "Every call and text is in the log, once": _missing_calls,
    "The log holds nothing that nobody did": _strange_calls,
    "The log holds every turn, once": _turns,
    "Every conversation has an end and an outcome": _outcomes,
    "The outcome in the log is what happened": _false_outcomes,
    "The log's rings are those of the network": _false_attempts,
    "What somebody asked us to forget is forgotten": _not_erased,
    "After a day only the hour of a call is known": _not_blurred,
    "Twilio's copies are deleted": _not_swept,
}
