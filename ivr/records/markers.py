"""Marker files beside the journal: they hold what must be known when SQL cannot be asked.

One says that a person at an agency pressed 1 on the direct path; another, whether a wish for a person was
answered by waiting or by the direct path, so that a webhook that comes twice is answered the same. A third
says that a caller's number is forged.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ivr.private_files import make_private_folder, open_private

if TYPE_CHECKING:
    from pathlib import Path

FORGED = -1  # Stands where the turn does: it is about the whole call.
FORGET_AFTER = 6 * 3600  # Seconds; longer than any call that Twilio allows.


class Markers:
    """The marker files of one host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "accepted"

    def mark(self, call: str, turn: int) -> bool:
        """Note that the ring of one turn was accepted. False when it cannot be noted; twice is once."""
        try:
            make_private_folder(self._folder)
            os.close(open_private(self._path(call, turn), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return True
        except OSError:
            return False
        return True

    def knows(self, call: str, turn: int) -> bool:
        """Whether the ring of one turn was accepted."""
        return self._path(call, turn).exists()

    def agree(self, transfer_id: str, waits: bool) -> bool:  # noqa: FBT001 - the answer that is agreed upon
        """Whether one wish for a person was first answered by waiting; else it was by the direct path."""
        path = self._folder / transfer_id
        try:
            make_private_folder(self._folder)
            path.symlink_to("waits" if waits else "direct")  # Made whole or not at all; it leads nowhere.
        except FileExistsError:
            with suppress(OSError):
                return path.readlink().name == "waits"
        except OSError:
            return waits
        return waits

    def note_forged(self, call: str) -> None:
        """Note that the number of a call is not its caller's: only its first webhook says so."""
        self.mark(call, FORGED)

    def is_forged(self, call: str) -> bool:
        """Whether the number of a call is not its caller's."""
        return self.knows(call, FORGED)

    def forget(self, now: float) -> None:
        """Delete markers whose calls are long over."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.lstat().st_mtime < now - FORGET_AFTER:
                        path.unlink()

    def _path(self, call: str, turn: int) -> Path:
        return self._folder / f"{call}-{turn}"
