"""A few threads that do one thing after the other, and how long each has been at it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(eq=False)
class _Task:
    do: Callable[[], Any]
    done: asyncio.Future[Any]
    beats: int = 0


class ThreadPool:
    """Runs functions in threads for an event loop: quicker to hand over to than asyncio's own executor.

    The threads are daemons: one that is stuck must not keep its process from ending.
    """

    def __init__(self, threads: int) -> None:
        self._queue: SimpleQueue[_Task] = SimpleQueue()
        self._running: dict[int, _Task] = {}  # By number of the thread; each writes only its own.
        self.waiting = 0
        for number in range(threads):
            threading.Thread(target=self._work, args=(number,), daemon=True, name=f"request-{number}").start()

    async def run(self, do: Callable[[], Any]) -> Any:
        """Do something in a thread. It is done even if nobody waits for it any more."""
        self.waiting += 1
        try:
            task = _Task(do, asyncio.get_running_loop().create_future())
            self._queue.put(task)
            return await task.done
        finally:
            self.waiting -= 1

    def beat(self) -> int:
        """Give each thing that runs one beat more; give the most that one has had.

        Beats and not seconds: a process that gets no processor beats slowly, and is not taken for stuck.
        """
        running = list(self._running.values())
        for task in running:
            task.beats += 1
        return max((task.beats for task in running), default=0)

    def _work(self, number: int) -> None:
        while True:
            task = self._queue.get()
            self._running[number] = task
            result, error = None, None
            try:
                result = task.do()
            except BaseException as raised:  # noqa: BLE001 - whoever waits for it hears of it
                error = raised
            del self._running[number]
            loop = task.done.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_finish, task.done, result, error)
            del task, result, error


def _finish(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error:
        done.set_exception(error)
    else:
        done.set_result(result)
