"""Applications for tests: each with its own context and settings, their addresses put together once.

To put them together is most of what an application costs, and every test has one of its own.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from ivr.web import app as webhooks
from ivr.web import site
from ivr.web.console.setup import configure_console

if TYPE_CHECKING:
    from flask import Flask

    from ivr.web.console.context import ConsoleContext
    from ivr.web.context import WebhookContext
    from ivr.web.public.pages import PublicContext

_first: dict[str, Flask] = {}  # Put together with the first context that came, and never asked anything.


def webhook_app(context: WebhookContext) -> Flask:
    """Give what answers webhooks, as `create_app` does."""
    if "webhooks" not in _first:
        _first["webhooks"] = webhooks.create_app(context)
    return _like(_first["webhooks"], webhooks.NAME, context)


def site_app(public: PublicContext, console: ConsoleContext) -> Flask:
    """Give the public page and the console, as `create_site` does."""
    if "site" not in _first:
        _first["site"] = site.create_site(public, console)
    made = _like(_first["site"], site.NAME, public)
    configure_console(made, console)
    return made


def _like(first: Flask, name: str, context: object) -> Flask:
    made = copy.copy(first)
    made.extensions, made.config = first.extensions | {name: context}, copy.copy(first.config)
    return made
