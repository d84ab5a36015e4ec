"""The doctor: looks at every part of a line, and says what is wrong with it and how to mend that."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from ivr.logs import OneLine
from ivr.looks import LOOKS, Finding, NotNow, Verdict, fault
from ivr.records.database import read_url
from ivr.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ivr.looks import Look

PATIENCE = 20.0  # Seconds that one look may take.


def examine(
    environ: Mapping[str, str], looks: Mapping[str, Look] = LOOKS, patience: float = PATIENCE
) -> Iterator[Finding]:
    """Look at a whole line. Never raises, and every look ends in time."""
    try:
        here = read_settings(environ)
    except SettingsError as error:
        yield from map(fault, str(error).splitlines())
        yield Finding(Verdict.UNKNOWN, "everything else, until the settings are right")
        return
    yield Finding(Verdict.OK, "the settings are complete")
    for claim, look in looks.items():
        for found in _in_time(claim, partial(look, here), patience):
            yield Finding(found.verdict, _without_secrets(found.words, here))


def _in_time(claim: str, look: Callable[[], Iterator[Finding]], patience: float) -> list[Finding]:
    """Look at one part, in a thread of its own: a part that hangs must not keep the others waiting."""
    found = [fault(f"{claim}? No answer in {patience:g} s; is something hanging there?")]

    def run() -> None:
        try:
            found[:] = list(look()) or [Finding(Verdict.OK, claim)]
        except NotNow as reason:
            found[:] = [Finding(Verdict.UNKNOWN, f"{claim}? {reason}")]
        except Exception as error:  # noqa: BLE001 - a part may fail in any way, and its message may hold a secret
            found[:] = [fault(f"{claim}? Looking at it failed: {type(error).__name__}")]

    looking = threading.Thread(target=run, daemon=True)
    looking.start()
    looking.join(patience)
    return list(found)


def _without_secrets(words: str, here: Settings) -> str:
    """Mask numbers and secrets, whatever quotes them."""
    password = read_url(here.database_url).password
    secrets = (here.auth_token, here.second_auth_token, here.secret_key, password, here.account_sid)
    for secret in filter(None, map(str, filter(None, secrets))):
        words = words.replace(secret, "[secret]")
    return OneLine().mask(words)
