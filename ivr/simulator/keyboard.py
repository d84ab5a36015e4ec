"""Reads what somebody types: single keys at a terminal, whole lines from anything else."""

from __future__ import annotations

import os
import queue
import select
import sys
import termios
import threading
import tty
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

END = "\x04"
KEYS = frozenset("0123456789*#")
SENTENCES = ("t", "s")  # What is typed after these goes on to the end of the line: a text, or words said.


class Keyboard:
    """Typed commands, one at a time: a key, `h`, `a`, `t words`, `s words`, or END after the last."""

    def __init__(self, source: TextIO | None = None) -> None:
        self._source = source or sys.stdin
        self.raw = self._source.isatty()
        self._before: list[object] | None = None
        self._typed = ""  # The part of a text that was typed so far.
        self._pending = ""
        self._commands: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        if self.raw:
            self._before = termios.tcgetattr(self._source.fileno())
            tty.setcbreak(self._source.fileno())
        else:
            threading.Thread(target=self._read_lines, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            termios.tcsetattr(self._source.fileno(), termios.TCSADRAIN, self._before)  # type: ignore[arg-type]  # as tcgetattr gave it

    def next(self, wait: float) -> str:
        """Return the next command, or "" when none was typed in time."""
        if self.raw:
            return self._next_key(wait)
        try:
            return self._commands.get(timeout=wait)
        except queue.Empty:
            return ""

    def _next_key(self, wait: float) -> str:
        if not self._pending and select.select([self._source], [], [], wait)[0]:
            self._pending = os.read(self._source.fileno(), 1024).decode(errors="ignore")
        key, self._pending = self._pending[:1], self._pending[1:]
        if self._typed or key in SENTENCES:
            return self._spell(key)
        return key if key in {*KEYS, "h", "a", END} else ""

    def _spell(self, key: str) -> str:
        sys.stdout.write(key)
        sys.stdout.flush()
        self._typed += key
        if not self._typed.endswith("\n"):
            return ""
        line, self._typed = self._typed.strip(), ""
        return line

    def _read_lines(self) -> None:
        for line in self._source:
            text = line.strip()
            for command in [text] if text.startswith(("t ", "s ")) else list(text.replace(" ", "")):
                self._commands.put(command)
        self._commands.put(END)
