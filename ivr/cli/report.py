"""The command `ivr report`: what a month came to, in the terminal or as PDF."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, folder, readable_log, settings

if TYPE_CHECKING:
    from ivr.reports.sections import ReportView


@click.command()
@click.argument("month")
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write it as PDF, by Chromium.")
@click.option("--community", is_flag=True, help="Only what may be published: rounded, no small counts.")
@click.option(
    "--language", type=click.Choice(["en", "fr"]), default="en", show_default=True, help="Of its words."
)
def report(month: str, pdf: Path | None, language: str, *, community: bool) -> None:
    """Print what a month (2026-11) came to. No count under 5 is in it, and nothing of a single caller."""
    from ivr.reports.community import community_sections

    with readable_log():
        view = _read(month, language, community=community)
    if pdf:
        _write_pdf(view, pdf, community=community)
        click.echo(f"{month} is in {pdf}")
        return
    for section in community_sections(view) if community else view.sections():
        click.echo(f"\n{view.translations[f'title_{section.name}']}")
        for row in (section.columns, *section.rows):
            click.echo("  " + "  ".join(f"{cell:<11}" for cell in (f"{row[0]:<44}", *row[1:])).rstrip())


def _read(month: str, language: str, *, community: bool) -> ReportView:
    """Read the report of a month, or end with why there is none."""
    from ivr.hours import zone
    from ivr.records.database import connect
    from ivr.records.periods import period_before
    from ivr.records.report_queries import read_report
    from ivr.reports.document import parse_month, read_translations
    from ivr.reports.sections import ReportView

    line = settings()
    flow = flow_of(line.config, line.prompts)
    today = datetime.now(zone(flow.line.zone)).date()
    period = parse_month(month, today, zone(flow.line.zone))
    if period is None:
        raise click.ClickException(f"{month} is no month that has begun; write one such as 2026-11")
    if community and period.until >= today:
        raise click.ClickException(f"{month} is not over; its community report can be made when it is")
    database = connect(line.database_url)
    counts, before = read_report(database, period), read_report(database, period_before(period, today))
    return ReportView(counts, flow, language, read_translations(language), before)


def _write_pdf(view: ReportView, pdf: Path, *, community: bool) -> None:
    """Print a report by the Chromium of this machine."""
    from ivr.reports.document import printable_page
    from ivr.reports.pdf import PdfError, print_html

    try:
        pdf.write_bytes(print_html(printable_page(view, community=community)))
    except (PdfError, OSError) as error:
        raise click.ClickException(str(error)) from None


# The command `ivr materials`: cards and posters to print.


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
    from ivr.flow.loader import FlowError, read_flow, read_pages
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
