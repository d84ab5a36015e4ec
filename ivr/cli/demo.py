"""The demonstration: the whole line at work on this machine, then a telephone for you to try."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ivr.cli.calls import print_calls
from ivr.flow.loader import read_flow
from ivr.operations.local_stack import ACCOUNT, NUMBER, LocalStack, LocalStackError, in_hand, show_in
from ivr.operations.sample_data import seed
from ivr.records.call_log import list_calls
from ivr.records.database import connect
from ivr.simulator.clock import PacedClock
from ivr.simulator.event_clock import EventClock
from ivr.simulator.exchange import Account
from ivr.simulator.people import accepts, never_answers, switchboard
from ivr.simulator.rehearse import Network, urls_of
from ivr.work.network_clock import NOW
from ivr.work.queue import connect_redis
from ivr.work.worker import jobs_in_hand

if TYPE_CHECKING:
    from ivr.simulator.clock import Clock
    from ivr.simulator.listening import HeardLine
    from ivr.simulator.rehearse import RehearsedCall

FOLDER = Path(".demo")
STATE = "line.json"  # Where `ivr phone` finds the network of a running demo.
SHOWN_IN = timedelta(minutes=10)  # What is shown takes less of the network's time.
CALLER, TEXTER = "+12895550123", "+12895550124"
VICTIM_SERVICES, CHRYSALIS, HOTLINE = "+19055464904", "+18665287109", "+18339001010"
BLINK = 1.0  # Seconds; a signal just before a wait without end may go unnoticed.
PATIENCE = 60.0  # Seconds in which what was said is filed, and a text is answered, on a slow machine too.


def run(*, once: bool) -> int:
    """Play the demonstration; 0 when everything that it should show was shown."""
    console = Console(highlight=False)
    for each in (signal.SIGTERM, signal.SIGINT):  # Which a script's background has its programs ignore.
        signal.signal(each, _as_ctrl_c)
    signal.signal(signal.SIGHUP, _as_ctrl_c)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    stack = _stack()
    networks = [_network(stack, _waiting_clock(stack))]
    try:
        _start(stack, networks[0], console)
        shown = _play(stack, networks[0], console)
        if once:
            return 0 if shown else 1
        networks.append(_live(stack, networks[0]))
        _stay(stack, networks[1], console)
    except LocalStackError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopping.")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # A second Ctrl-C must not leave half of it running.
        stack.close()
        for network in networks:
            network.close()
        (FOLDER / STATE).unlink(missing_ok=True)
    return 0


def _as_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def _stack() -> LocalStack:
    """Make a line that has its network's time, and is patient: it is shown on a busy machine too."""
    shared = FOLDER.absolute() / "rehearsal"
    shared.mkdir()
    return LocalStack(FOLDER.absolute(), extra={"REHEARSAL": str(shared), "PATIENCE": "10"})


def _waiting_clock(stack: LocalStack) -> Clock:
    """Make the clock of what is shown: it waits for the line, and began early enough not to end after now."""
    shown = show_in(Path(stack.environment["REHEARSAL"]) / NOW)
    settings, redis = stack.environment, connect_redis(stack.environment["REDIS_URL"])
    return EventClock(
        lambda: in_hand(settings, stack.running.keys() | {"sql"}, partial(jobs_in_hand, redis)),
        shown,
        start=datetime.now(UTC) - SHOWN_IN,
    )


def _network(stack: LocalStack, clock: Clock) -> Network:
    opt_out = os.environ.get("IVR_OPT_OUT", "default")  # Both ways of Twilio's can be tried.
    account = Account(ACCOUNT, stack.token, NUMBER)
    network = Network(account, urls_of(stack.public_url), clock=clock, opt_out=opt_out)
    stack.api_url = network.api_url
    network.people.put(VICTIM_SERVICES, never_answers(), name="victim-services")
    network.people.put(CHRYSALIS, accepts(talks=40), name="chrysalis")
    network.people.put(HOTLINE, switchboard(), name="hotline")
    return network


def _live(stack: LocalStack, shown: Network) -> Network:
    """Start the same line again, with a network at the speed of life: somebody may sit down at it."""
    others = [name for name in stack.running if name != "redis"]
    for name in others:
        stack.stop(name)
    shown.close()
    stack.extra = {}
    network = _network(stack, PacedClock())
    stack.start_web()
    if "worker" in others:
        stack.start_worker()
    return network


def _start(stack: LocalStack, network: Network, console: Console) -> None:
    with console.status("Starting the line…"):
        stack.release()
        redis = stack.start_redis()
        stack.start_web()
        if redis:
            stack.start_worker()
    console.print(
        f"The line answers at {stack.public_url}; the pretend telephone network is {network.api_url}."
    )
    if not redis:
        console.print("There is no Redis here: the line works without, and does later work by itself.")


def _play(stack: LocalStack, network: Network, console: Console) -> bool:
    """Place one call and one text, and print them with the log that they leave."""
    printed = _Printer(network, console)
    console.print("\n[bold]A call[/bold], played many times faster than life\n")
    talked = _call(network.dial(CALLER))
    printed.finish()
    console.print("\n[bold]A text[/bold]\n")
    replies = [reply for words in ("signes", "1") for reply in network.text(TEXTER, words, PATIENCE)]
    printed.finish()
    console.print("\n[bold]What the log knows of both[/bold]\n")
    calls = _filed(stack)
    print_calls(calls, console)
    faults = network.feed.faults()
    for fault in faults:
        console.print(f"[red]fault {fault.code}: {fault.words}[/red]")
    logged = {call["channel"]: call["outcome"] for call in calls}
    shown = talked and len(replies) > 1 and not faults and logged.get("voice") == "connected"
    console.print(
        "\n[green]All of it went as it should.[/green]" if shown else "\n[red]Something is missing.[/red]"
    )
    return shown


def _filed(stack: LocalStack) -> list[dict[str, Any]]:
    """Read the log once both conversations are in it, and the call with its end."""
    database, deadline = connect(stack.environment["DATABASE_URL"]), time.monotonic() + PATIENCE
    while True:
        calls = [call.as_json() for call in list_calls(database)]
        ended = any(call["channel"] == "voice" and call["ended_at"] for call in calls)
        if (ended and len(calls) > 1) or time.monotonic() > deadline:
            return calls
        threading.Event().wait(0.1)


def _call(call: RehearsedCall) -> bool:
    """Play a caller: English, the checklist for anyone, then a person; say whether they talked with one."""
    for key in ("1", "1", "1", "1", "1", "2", "1", "2", "2", "2", "1", "0", "2"):
        call.press(key)
    talked = call.wait_until_joined()
    call.wait_until_quiet()
    call.press("#")
    return call.wait_until_over() and talked


@dataclass
class _Printer:
    """Prints what happens on the network, line by line, as it happens."""

    network: Network
    console: Console
    printed: int = 0

    def __post_init__(self) -> None:
        self._done = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def finish(self) -> None:
        """Wait until all that has happened is printed."""
        self.network.clock.until(lambda: self.printed >= len(self.network.feed.lines), 60)

    def _follow(self) -> None:
        while not self._done.is_set():
            lines = self.network.feed.lines
            for line in lines[self.printed :]:
                self.console.print(_as_heard(line), markup=False)
                self.printed += 1
            with self.network.clock.lock:
                self.network.clock.lock.wait_for(lambda: len(self.network.feed.lines) > self.printed, 0.5)


def _as_heard(line: HeardLine) -> str:
    indent = "" if line.who in {"caller", TEXTER} else "        "
    return f"{indent}{line.who} {line.what}{': ' if line.words else ''}{line.words}"


def _stay(stack: LocalStack, network: Network, console: Console) -> None:
    """Stay up at the speed of life, and say what to try."""
    (FOLDER / STATE).write_text(json.dumps({"control_url": network.control_url}))
    seed_month(stack, console)
    address, sign_in = stack.start_console(), stack.let_in("demo")
    console.print(
        f"\nOperators read at {address}\n  {sign_in}",
        "\nThe line stays up. In another terminal, in this folder:\n"
        "  make phone           sit down at a telephone and call it\n"
        "  make check           find faults in menus and words, and measure them\n"
        "Ctrl-C here stops everything.",
        markup=False,
        sep="\n",
    )
    while True:
        time.sleep(BLINK)


def seed_month(stack: LocalStack, console: Console) -> None:
    """Fill the log with pretend calls and texts of the days before, for pages to show."""
    config, prompts = (Path(stack.environment[name]) for name in ("IVR_CONFIG", "IVR_PROMPTS"))
    database = connect(stack.environment["DATABASE_URL"], locked=PATIENCE)  # The line files, too.
    with console.status("Pretending a month of calls…"):
        count = seed(database, read_flow(config, prompts), time.time())
    database.close()
    console.print(f"\nThe log holds {count} pretend conversations of the days before.")


def sit_down_at_phone(number: str, record: Path | None) -> int:
    """Take the telephone at the network of the demo that runs in this folder."""
    from ivr.simulator.terminal import sit_down

    state = FOLDER / STATE
    if not state.exists():
        Console(stderr=True).print("No demo runs in this folder. Start one first: make demo")
        return 1
    sit_down(json.loads(state.read_text())["control_url"], number=number, record_to=record)
    return 0
