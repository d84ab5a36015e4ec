"""Which requests were performed: a file each beside the journal, for a day, so that none is performed twice.

A request that Twilio sends again, or that somebody who captured it plays again, has the same keyed id.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ivr.caller_limits import DAY
from ivr.private_files import make_private_folder, open_private

if TYPE_CHECKING:
    from pathlib import Path

MOST_REMEMBERED = 10_000  # By this process, where no file can be made.


class RequestMarks:
    """The marks of one host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "performed"
        self._local: dict[str, None] = {}

    def begin(self, request: str) -> bool:
        """Whether a request is performed now for the first time. Of all who ask at once, one is told so."""
        if request in self._local:
            return False
        with suppress(OSError):
            make_private_folder(self._folder)
        try:
            os.close(open_private(self._folder / request, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        except OSError:  # No disk: this process at least does nothing twice.
            if len(self._local) >= MOST_REMEMBERED:
                self._local.pop(next(iter(self._local)))
            self._local[request] = None
        return True

    def undo(self, request: str) -> None:
        """Let a request that was not performed be tried again."""
        self._local.pop(request, None)
        with suppress(OSError):
            (self._folder / request).unlink()

    def forget(self, now: float) -> None:
        """Delete the marks of requests that are a day old."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.lstat().st_mtime < now - DAY:
                        path.unlink()
