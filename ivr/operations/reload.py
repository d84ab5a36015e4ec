"""The files of a line, read at start and anew at a reload (SIGHUP): broken ones are refused, the old stay.

A process notes beside the journal that it refused files, so that `ivr doctor` and the console say so.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ivr.encryption import make_private_folder, open_private
from ivr.flow.loader import FlowError, read_flow, read_pages
from ivr.understanding.danger import RulesError
from ivr.understanding.understand import read_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ivr.agencies import Directory
    from ivr.flow.loader import PageWords
    from ivr.flow.models import Flow
    from ivr.settings import Settings
    from ivr.understanding.understand import Rules

T = TypeVar("T")
logger = logging.getLogger(__name__)

NOTE = "refused-files-{}.json"
MOST_TOLD = 20  # Faults that are noted; who mends them asks `ivr check`.


class FilesRefused(Exception):  # noqa: N818 - named for whoever edits the files
    """Files are not fit to be used; one fault a line."""


@dataclass(frozen=True)
class WebFiles:
    """What answers callers and texters."""

    flow: Flow
    rules: Rules


@dataclass(frozen=True)
class ConsoleFiles:
    """What answers browsers."""

    flow: Flow
    pages: Mapping[str, PageWords]


@dataclass(frozen=True)
class RefusedReload:
    """Files that a kind of process would not take up; it goes on with those of before."""

    process: str
    at: float
    faults: tuple[str, ...]


def read_web_files(settings: Settings) -> WebFiles:
    """Read what `ivr web` needs. FilesRefused if it cannot be read."""
    with _readable():
        return WebFiles(read_flow(settings.config, settings.prompts), read_rules(settings.phrases))


def read_console_files(settings: Settings) -> ConsoleFiles:
    """Read what `ivr console` needs. FilesRefused if it cannot be read."""
    with _readable():
        flow = read_flow(settings.config, settings.prompts)
        return ConsoleFiles(flow, read_pages(settings.prompts, flow))


def list_faults(settings: Settings) -> list[str]:
    """List why files may not be used by a line that is on the air: what `ivr check` and `ivr release` say."""
    from ivr.checks.runner import check  # noqa: PLC0415 - needed by nobody who is not told to reload

    faults = [str(fault) for fault in check(settings.config, settings.prompts).faults]
    if not faults and settings.live:
        return undialled(read_flow(settings.config, settings.prompts).directory, settings.config)
    return faults


def undialled(directory: Directory, config: Path) -> list[str]:
    """Name the agencies that would be rung although no person has ever dialled them."""
    return [
        f"{config / 'agencies.toml'}: agencies.{name}.last_dialled: no person has dialled it;"
        " dial it and write the date here, or set on = false"
        for name, agency in directory.agencies.items()
        if agency.on and agency.transfer and not agency.last_dialled
    ]


def try_reload(settings: Settings, process: str, read: Callable[[Settings], T]) -> T | None:
    """Read files anew for a process that runs; give nothing if they are refused, and note why."""
    try:
        faults = list_faults(settings)
        files = None if faults else read(settings)
    except (FilesRefused, FlowError) as error:
        faults, files = str(error).splitlines(), None
    except Exception as error:
        logger.exception("the files cannot be read anew")
        faults, files = [f"the files cannot be read: {type(error).__name__}"], None
    if faults:
        note_refused(settings.journal_dir, RefusedReload(process, time.time(), tuple(faults)))
        for fault in faults[:MOST_TOLD]:
            logger.error("files are refused, those of before stay: %s", fault)
        return None
    note_taken_up(settings.journal_dir, process)
    logger.info("the files are taken up anew")
    return files


def note_refused(folder: Path, refused: RefusedReload) -> None:
    """Note that a kind of process refused files. Where no note can be written, the log alone says so."""
    told = {"at": refused.at, "faults": refused.faults[:MOST_TOLD]}
    path = folder / NOTE.format(refused.process)
    try:
        make_private_folder(folder)
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as note:
            json.dump(told, note)
        draft.replace(path)
    except OSError as error:
        logger.warning("that files were refused cannot be noted: %s", error.strerror)


def note_taken_up(folder: Path, process: str) -> None:
    """Note that a kind of process has taken up the files as they are."""
    with suppress(OSError):
        (folder / NOTE.format(process)).unlink(missing_ok=True)


def list_refused(folder: Path) -> list[RefusedReload]:
    """List the kinds of processes that go on with older files than those that lie there."""
    found = []
    before, _, after = NOTE.partition("{}")
    for path in sorted(folder.glob(NOTE.format("*"))):
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.read_text("utf-8"))
            process = path.name.removeprefix(before).removesuffix(after)
            found.append(RefusedReload(process, float(told["at"]), tuple(map(str, told["faults"]))))
    return found


@contextmanager
def _readable() -> Iterator[None]:
    """Say in one way that files cannot be read, whichever they are."""
    try:
        yield
    except FlowError as error:
        raise FilesRefused(str(error)) from error
    except (RulesError, OSError, ValueError, LookupError) as error:
        raise FilesRefused(f"a file cannot be used: {error}") from error
