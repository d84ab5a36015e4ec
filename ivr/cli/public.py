"""The commands `ivr console` and `ivr materials`: what people open in a browser, and what is printed."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.context import folder, settings
from ivr.cli.server import replaces, serve_or_say

PAGE_SECONDS = 120.0  # No page takes longer, not even a printed year.


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: PORT]")
@replaces
def console(port: int | None, *, replace: bool) -> None:
    """Answer browsers: the public page (the `console:` process). No visit is written down."""
    here = settings()
    serve_or_say(
        "ivr.wiring_site:site",
        here.host,
        port or here.port,
        workers=1,
        stuck_seconds=PAGE_SECONDS,
        replace=replace,
    )


@click.command()
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default="materials",
    show_default=True,
    help="The folder to write to.",
)
@click.option(
    "--number",
    envvar="TWILIO_PHONE_NUMBER",
    required=True,
    help="The line's own number.  [default: TWILIO_PHONE_NUMBER]",
)
def materials(to: Path, number: str) -> None:
    """Print the cards and the poster of each language as PDF, by the Chromium of this machine."""
    from ivr.flow.loader import FlowError
    from ivr.reports.pdf import PdfError, find_chromium, print_page
    from ivr.web.site import serving
    from ivr.wiring_site import build_site, sheets

    try:
        find_chromium()
        app = build_site(folder("config"), folder("prompts"), number)
        to.mkdir(parents=True, exist_ok=True)
        with serving(app) as address, click.progressbar(sheets(app), label="Printing") as ahead:
            for language, kind in ahead:
                print_page(f"{address}/materials/{language}/{kind}", to / f"{kind}-{language}.pdf")
    except (FlowError, PdfError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{len(sheets(app))} sheets are in {to}")
