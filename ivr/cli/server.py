"""What `ivr web` and `ivr console` have in common: how a server is started, and why not."""

from __future__ import annotations

import click

replaces = click.option(
    "--replace", is_flag=True, help="Take over from the one that answers on this port, once this one answers."
)


def serve_or_say(  # noqa: PLR0913 - what a server needs to know
    factory: str, host: str, port: int, workers: int, *, replace: bool, stuck_seconds: float = 10.0
) -> None:
    """Serve until told to end, or say plainly why not."""
    from ivr.web.server.listening_socket import PortTakenError
    from ivr.web.server.main_process import ServerOptions, serve

    try:
        serve(ServerOptions(factory, host, port, workers, stuck_seconds=stuck_seconds), replace=replace)
    except PortTakenError as error:
        raise click.ClickException(str(error)) from None
