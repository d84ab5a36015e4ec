"""What every command begins with: the environment, the files, and plain words when they will not do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


def settings() -> Settings:
    """Read the environment, or end with everything that is wrong with it."""
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        raise click.ClickException(f"the environment is not ready:\n{error}") from None


@contextmanager
def readable_log() -> Iterator[None]:
    """Say plainly when the call log cannot be used."""
    from ivr.circuit_breaker import PartUnavailable

    try:
        yield
    except PartUnavailable as error:
        mend = "is DATABASE_URL right, and was `ivr release` run?"
        raise click.ClickException(f"the call log cannot be used: {error}; {mend}") from None


def folder(name: str) -> Path:
    """Give the folder of config or prompts, where nothing else of the environment is needed."""
    return Path(os.environ.get(f"IVR_{name.upper()}", name))


def flow_of(config: Path, prompts: Path) -> Flow:
    """Read menus and words, or end with what is wrong with them."""
    from ivr.flow.loader import FlowError, read_flow

    try:
        return read_flow(config, prompts)
    except FlowError as error:
        raise click.ClickException(str(error)) from None


def utc(moment: datetime | None) -> datetime | None:
    """Take a moment that was typed as UTC."""
    return moment.replace(tzinfo=UTC) if moment else None
