"""The command `ivr materials`: cards and posters to print."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.context import folder


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
@click.option(
    "--language", "wanted", multiple=True, help="Only this language; may be given again.  [default: all]"
)
def materials(to: Path, number: str, wanted: tuple[str, ...]) -> None:
    """Print the cards and the poster of each language as PDF, by this machine's Chromium and fonts."""
    from ivr.flow.loader import FlowError, read_flow
    from ivr.flow.public_page import read_pages
    from ivr.operations.reload import ConsoleFiles
    from ivr.reports.pdf import PdfError, find_chromium, print_pdf
    from ivr.web.public.materials import list_sheets
    from ivr.web.site import serve_locally
    from ivr.wiring import build_site

    try:
        find_chromium()
        flow = read_flow(folder("config"), folder("prompts"))
        app = build_site(ConsoleFiles(flow, read_pages(folder("prompts"), flow)), number)
        sheets = list_sheets(app, wanted)
        if unknown := set(wanted) - {language for language, _ in sheets}:
            raise click.UsageError(f"the line has no page in {', '.join(sorted(unknown))}")
        to.mkdir(parents=True, exist_ok=True)
        with serve_locally(app) as address, click.progressbar(sheets, label="Printing") as progress:
            for language, kind in progress:
                print_pdf(f"{address}/materials/{language}/{kind}", to / f"{kind}-{language}.pdf")
    except (FlowError, PdfError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{len(sheets)} sheets are in {to}")
