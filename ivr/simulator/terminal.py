"""A pretend telephone in the terminal: hear the line word by word, type keys, see who is ringing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TextIO

import requests
from rich.console import Console

from ivr.simulator.conversations import CALLER, record
from ivr.simulator.keyboard import END, KEYS, Keyboard
from ivr.simulator.listening import HeardLine

if TYPE_CHECKING:
    from pathlib import Path

HINT = "[dim]0-9 * # keys · h hangs up · a answers a ring · s words… says them · t words… sends a text[/dim]"
GLANCE = 0.08  # Seconds between looks at the keyboard and the network.
LOOKS = 5
PATIENCE = 60.0  # Real seconds that typed-ahead keys wait for their turn.


class Telephone:
    """What a telephone may ask of a network in another process."""

    def __init__(self, control_url: str, number: str = CALLER) -> None:
        self._url = control_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self.number = number
        self.call = ""
        self.awaits_reply = False  # A text was sent, and nothing was read since.
        self.lines: list[HeardLine] = []
        self._seen = len(self._get("events"))
        self._first = self._seen

    def dial(self) -> None:
        """Call the line."""
        self.call = self._post("calls", {"from": self.number})["call"]

    def press(self, key: str) -> None:
        """Press a key, and see it taken, so that the next one does not come too early."""
        self._post(f"calls/{self.call}/keys", {"keys": key})
        for _ in range(LOOKS):
            if self.leg.get("gathering") != "waiting":
                return
            time.sleep(GLANCE / 2)

    def say(self, words: str) -> None:
        """Speak into the telephone."""
        self._post(f"calls/{self.call}/speech", {"words": words})

    def hang_up(self) -> None:
        """Put the telephone down."""
        if self.call and not self.over:
            self._post(f"calls/{self.call}/hangup", {})

    def pick_up(self) -> None:
        """Answer the telephone that the line is ringing at this number, and hold it from now on."""
        for leg in self._get("legs"):
            if leg["number"] == self.number and leg["status"] == "ringing" and leg["direction"] != "inbound":
                self.call = leg["call"]
                self._post(f"calls/{self.call}/pickup", {})

    def text(self, body: str) -> None:
        """Text the line."""
        self.awaits_reply = True
        self._post("texts", {"from": self.number, "body": body})

    def news(self) -> list[HeardLine]:
        """Return what happened since the last look."""
        fresh = [HeardLine(**line) for line in self._get(f"events?after={self._seen}&wait={GLANCE}")]
        self._seen += len(fresh)
        self.lines += fresh
        if any(line.who == self.number and line.what == "reads" for line in fresh):
            self.awaits_reply = False
        return fresh

    @property
    def leg(self) -> dict[str, Any]:
        """The state of this telephone's leg."""
        return next((leg for leg in self._get("legs") if leg["call"] == self.call), {})

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        ends = {"hung up", "busy", "no-answer", "failed", "canceled"}
        return any(line.call == self.call and line.what in ends for line in self.lines)

    def recording(self) -> str:
        """Write the conversation down, with words as they were after all interruptions."""
        lines = [HeardLine(**line) for line in self._get(f"events?after={self._first}")]
        return record(lines, self.call)

    def _get(self, path: str) -> Any:
        answer = self._session.get(f"{self._url}/{path}", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._session.post(f"{self._url}/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


class Voice:
    """Prints words one by one, at the speed at which they are spoken."""

    def __init__(self, console: Console, speed: float) -> None:
        self._console = console
        self._speed = speed
        self._words: list[str] = []
        self._due = 0.0
        self._pace = 0.4

    def begin(self, line: HeardLine) -> None:
        """Begin with new words; what was left of the old ones is not said."""
        self.stop()
        self._words = line.words.split()
        self._pace = line.seconds / max(len(self._words), 1) / self._speed
        self._due = time.monotonic()

    def go_on(self) -> None:
        """Say the words whose time has come."""
        while self._words and time.monotonic() >= self._due:
            end = " " if len(self._words) > 1 else "\n"
            self._console.print(self._words.pop(0), end=end, style="bold", markup=False, highlight=False)
            self._due += self._pace

    def finish(self) -> None:
        """Say the rest at once."""
        self._due = 0.0
        self._pace = 0.0
        self.go_on()

    def stop(self) -> None:
        """Break off."""
        if self._words:
            self._words = []
            self._console.print("…", highlight=False)


def sit_down(  # noqa: PLR0913 - what a person may choose before sitting down.
    control_url: str,
    *,
    number: str = CALLER,
    record_to: Path | None = None,
    console: Console | None = None,
    source: TextIO | None = None,
    speed: float = 1.0,
    dials: bool = True,
) -> None:
    """Sit a person down at a telephone until the call is over; without a call, until they type no more."""
    console = console or Console()
    telephone = Telephone(control_url, number)
    voice = Voice(console, speed)
    console.print(HINT)
    if dials:
        telephone.dial()
    with Keyboard(source) as keyboard:
        _talk(telephone, voice, keyboard, console)
    if record_to is not None:
        record_to.write_text(telephone.recording(), "utf-8")
        console.print(f"[dim]written to {record_to}[/dim]")


def _talk(telephone: Telephone, voice: Voice, keyboard: Keyboard, console: Console) -> None:
    command, since = "", time.monotonic()
    while not telephone.over:
        for line in telephone.news():
            _show(line, telephone, voice, console)
        voice.go_on()
        if not command:
            command, since = keyboard.next(0.01), time.monotonic()
        if not command or not (keyboard.raw or _in_turn(command, telephone, since)):
            continue
        if command == END and not telephone.call:
            break
        _obey(command, telephone)
        command = ""
    voice.finish()


def _in_turn(command: str, telephone: Telephone, since: float) -> bool:
    """Tell whether a command that was typed ahead has its turn: once all before it was said or replied to."""
    if command == "a":
        return True
    leg = telephone.leg
    quiet = not leg or leg["gathering"] == "waiting" or leg["joined_to"] is not None
    return (quiet and not telephone.awaits_reply) or time.monotonic() - since > PATIENCE


def _obey(command: str, telephone: Telephone) -> None:
    match command:
        case "h" | "\x04":
            telephone.hang_up()
        case "a":
            telephone.pick_up()
        case _ if command.startswith("s ") and telephone.call:
            telephone.say(command[2:])
        case _ if command.startswith("t "):
            telephone.text(command[2:])
        case key if key in KEYS and telephone.call:
            telephone.press(key)


def _show(line: HeardLine, telephone: Telephone, voice: Voice, console: Console) -> None:
    mine = line.call == telephone.call
    match line.what:
        case "heard" if mine:
            voice.begin(line)
        case "cut" if mine:
            voice.stop()
        case "presses" if mine:
            console.print(f"[cyan]> {line.words}[/cyan]")
        case "joined" if mine:
            console.print(f"[green]-- you are talking with {line.words} --[/green]")
        case "parted" if mine:
            console.print(f"[green]-- {line.words} is gone --[/green]")
        case "hung up" if mine:
            console.print("[dim]-- the call is over --[/dim]")
        case "reads" if line.who == telephone.number:
            console.print(f"[magenta]< {line.words}[/magenta]")
        case "rings" | "answers" | "busy" | "no-answer" | "failed" | "canceled" if not mine:
            console.print(f"[yellow]    ({line.who}: {line.what})[/yellow]")
        case "heard" | "presses" if not mine:
            verb = "hears" if line.what == "heard" else "presses"
            console.print(f"[dim]    ({line.who} {verb}: {line.words})[/dim]", highlight=False)
