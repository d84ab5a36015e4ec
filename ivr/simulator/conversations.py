"""Golden conversations: a script that is played on the network and written down as it was heard.

A file holds `#` sentences, `@ name number habit` lines for whoever can be rung, and the caller's steps,
which begin with `>`. Everything else in it is what was heard, and is written anew each time it is played:

    > dials               > dials from anonymous
    > presses 1           once everything was said; `> presses 1 soon` breaks in
    > waits               until something new was heard and said; in a queue, until out of it
    > waits 12            so many seconds, also between two texts
    > hangs up
    > texts "signes"      its replies follow as `< …`
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.simulator.people import When, read_person
from ivr.simulator.rehearse import RehearsedCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ivr.simulator.exchange import Exchange
    from ivr.simulator.listening import HeardLine

CALLER = "+19055550123"
LONGEST = 300.0
PERSON = re.compile(r"^@ (\S+) (\+\d+) (.+)$")
ENDS = {
    "busy": "is busy",
    "failed": "cannot be reached",
    "no-answer": "does not answer",
    "canceled": "stops ringing",
}
SILENCE = 3.5  # Seconds without words, after which a recording says that the caller waited.


@dataclass
class Script:
    """What a conversation file asks to be played."""

    head: list[str] = field(default_factory=list)
    people: list[tuple[str, str, str]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)


def parse(text: str) -> Script:
    """Read a conversation file; what was heard in it is left out."""
    script = Script()
    for line in text.splitlines():
        match = PERSON.match(line)
        if match:
            script.people.append((match[1], match[2], match[3]))
        if line.startswith(("#", "@")):
            script.head.append(line)
        elif line.startswith("> "):
            script.steps.append(line[2:].strip())
    return script


def play(text: str, exchange: Exchange, caller: str = CALLER) -> str:
    """Play a conversation file on a network, and write it down as it was heard this time."""
    script = parse(text)
    for name, number, habit in script.people:
        exchange.people.put(number, read_person(habit), name=name)
    player = _Player(exchange, caller)
    written = list(script.head)
    for step in script.steps:
        written.append(f"> {step}")
        written += player.take(step)
    if player.call is not None and not player.call.over:
        player.call.hang_up()
    return "\n".join(written) + "\n"


class _Player:
    """Takes one step after the other."""

    def __init__(self, exchange: Exchange, caller: str) -> None:
        self.exchange = exchange
        self.caller = caller
        self.call: RehearsedCall | None = None

    def take(self, step: str) -> list[str]:
        """Take a step and return what it made everybody hear."""
        feed = self.exchange.feed
        mark = len(feed.lines)
        if step.startswith("dials"):
            number = step.partition(" from ")[2] or self.caller
            self.call = RehearsedCall(self.exchange.dial(number))
            self.call.wait_until_quiet(LONGEST)
        elif step.startswith("texts "):
            self._text(step.removeprefix("texts ").strip().removeprefix('"').removesuffix('"'))
        elif self.call is None and step.startswith("waits "):
            self.exchange.clock.advance(float(step.split()[1]))
        elif self.call is None:
            raise ValueError(f"nobody has dialled yet: > {step}")
        else:
            self._go_on(self.call, step)
        ours = self.call.leg.sid if self.call else ""
        return list(render(feed.lines[mark:], ours))

    def _go_on(self, call: RehearsedCall, step: str) -> None:
        verb, _, rest = step.partition(" ")
        match verb:
            case "presses":
                keys, _, soon = rest.partition(" ")
                call.press(keys, When.SOON if soon else When.HEARD)
                call.wait_until_quiet(LONGEST)
            case "says":
                call.say(rest.removeprefix('"').removesuffix('"'))
                call.wait_until_quiet(LONGEST)
            case "waits" if rest:
                call.wait(float(rest.split()[0]))
            case "waits":
                mark = len(call.lines)
                call.until(lambda now: len(now.lines) > mark and now.leg.quiet and not now.leg.queue, LONGEST)
            case "hangs":
                call.hang_up()
                call.wait(1.0)
            case _:
                raise ValueError(f"nobody knows how a caller {step!r}")

    def _text(self, body: str) -> None:
        message = self.exchange.text(self.caller, body)
        self.exchange.clock.until(lambda: message.answered, LONGEST)
        self.exchange.clock.advance(2.0)


def render(lines: Iterable[HeardLine], ours: str) -> Iterator[str]:
    """Write down what happened; `ours` is the call of whoever the conversation is about."""
    for line in lines:
        if line.what == "reads":
            yield from (f"< {part}" for part in line.words.splitlines())
            continue
        told = _at_caller(line) if line.call == ours else _elsewhere(line)
        if told:
            yield told


def _at_caller(line: HeardLine) -> str:
    match line.what:
        case "heard":
            return line.words
        case "joined":
            return f"    -- joined with {line.words} --"
        case "parted":
            return f"    -- parted from {line.words} --"
        case "hung up" if line.words == "line":
            return "    -- the line hangs up --"
        case "busy" | "no-answer":
            return f"    -- {line.what} --"
    return ""


def _elsewhere(line: HeardLine) -> str:
    match line.what:
        case "heard":
            return f"    {line.who} hears: {line.words}"
        case "presses":
            return f"    {line.who} presses {line.words}"
        case "rings" | "answers":
            return f"    {line.who} {line.what}"
        case "hung up":
            return f"    {line.who} {'is let go' if line.words in {'line', 'REST'} else 'hangs up'}"
    return f"    {line.who} {ENDS[line.what]}" if line.what in ENDS else ""


def record(lines: Iterable[HeardLine], ours: str, sentence: str = "Recorded at the telephone.") -> str:
    """Write a conversation file from what somebody did by hand."""
    written = [f"# {sentence}"]
    silent_since: float | None = None
    for line in lines:
        mine = line.call == ours
        if mine and line.what == "heard" and silent_since is not None and line.at - silent_since > SILENCE:
            written.append("> waits")
        if mine:
            silent_since = line.at + line.seconds if line.what == "heard" else None
        step = _step(line, mine=mine)
        written += [step] if step else render([line], ours)
    return "\n".join(written) + "\n"


def _step(line: HeardLine, *, mine: bool) -> str:
    match line.what:
        case "dials" if mine:
            return "> dials"
        case "presses" if mine:
            return f"> presses {line.words}"
        case "says" if mine:
            return f'> says "{line.words}"'
        case "hung up" if mine and line.words == line.who:
            return "> hangs up"
        case "texts":
            return f'> texts "{line.words}"'
    return ""
