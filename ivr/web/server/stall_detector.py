"""Whether a process hangs, told from one that is only starved of processor time by a busy machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HANGING_SECONDS = 3.0  # Without a sign of life, of time in which the process could have given one.
STOPPED_SECONDS = 2.0  # The same for one that somebody has stopped: it cannot be mistaken for a busy one.
STARTING_SECONDS = 60.0  # Until the first sign of life.
LONGEST_LOOK = 1.0  # A longer gap between two looks means that it was us who did not run.
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessState:
    """What the kernel says of a process."""

    cpu_seconds: float
    runnable: bool  # One of its threads runs or waits for a processor.
    stopped: bool


class StallDetector:
    """Watches one process. It is charged the time in which it could have given a sign of life.

    That is the whole time between two looks while none of its threads wants a processor, and else only the
    processor time that it was given: a process that gets none is not at fault for its silence.
    """

    def __init__(self, now: float) -> None:
        self._looked = now
        self._sign: float | None = None
        self._started = False
        self._silence = 0.0
        self._cpu: float | None = None

    def hangs(self, sign: float | None, state: ProcessState | None, now: float) -> bool:
        """Whether the process has been silent for too long. ``sign`` is the time of its last sign of life."""
        elapsed, self._looked = min(now - self._looked, LONGEST_LOOK), now
        if sign != self._sign:
            self._sign, self._started, self._silence, self._cpu = sign, True, 0.0, None
            return False
        if state is None:  # It ends, or this system has no /proc: then half of the time is given away.
            self._silence += elapsed / 2
        elif state.runnable:
            before = state.cpu_seconds if self._cpu is None else self._cpu
            self._silence += min(state.cpu_seconds - before, elapsed)
        else:
            self._silence += elapsed
        self._cpu = state.cpu_seconds if state else None
        if not self._started:
            return self._silence > STARTING_SECONDS
        return self._silence > (STOPPED_SECONDS if state and state.stopped else HANGING_SECONDS)


def read_process(pid: int) -> ProcessState | None:
    """Ask the kernel about a process; nothing where it cannot say."""
    try:
        fields = _stat(Path(f"/proc/{pid}/stat"))
        states = [_stat(task / "stat")[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    except (OSError, IndexError):
        return None
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return ProcessState(cpu, runnable="R" in states, stopped=fields[0] in "Tt")


def _stat(path: Path) -> list[str]:
    """Split the line from the state on: a program's name may hold blanks and brackets."""
    return path.read_text(errors="replace").rpartition(")")[2].split()
