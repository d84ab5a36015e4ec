"""The command `ivr report`: what a month came to, in the terminal or on paper."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.context import flow_of, readable_log, settings

if TYPE_CHECKING:
    from ivr.reports.sections import ReportTeller


@click.command()
@click.argument("month")
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write it as PDF, by Chromium.")
@click.option("--community", is_flag=True, help="Only what may be published: rounded, no small counts.")
@click.option(
    "--language", type=click.Choice(["en", "fr"]), default="en", show_default=True, help="Of its words."
)
def report(month: str, pdf: Path | None, language: str, *, community: bool) -> None:
    """Print what a month (2026-11) came to. No count under 5 is in it, and nothing of a single caller."""
    from ivr.reports.community import published

    with readable_log():
        teller = _read(month, language, community=community)
    if pdf:
        _print(teller, pdf, community=community)
        click.echo(f"{month} is in {pdf}")
        return
    for section in published(teller) if community else teller.all():
        click.echo(f"\n{teller.words[f'title_{section.name}']}")
        for row in (section.columns, *section.rows):
            click.echo("  " + "  ".join(f"{cell:<11}" for cell in (f"{row[0]:<44}", *row[1:])).rstrip())


def _read(month: str, language: str, *, community: bool) -> ReportTeller:
    """Read the report of a month, or end with why there is none."""
    from ivr.reports.document import month_asked, teller_of, today
    from ivr.wiring_site import build_desk

    here = settings()
    desk = build_desk(here, flow_of(here.config, here.prompts))
    span = month_asked(desk, month)
    if span is None:
        raise click.ClickException(f"{month} is no month that has begun; write one such as 2026-11")
    if community and span.until >= today(desk):
        raise click.ClickException(f"{month} is not over; its community report can be made when it is")
    return teller_of(desk, span, language)


def _print(teller: ReportTeller, pdf: Path, *, community: bool) -> None:
    """Print a report by the Chromium of this machine."""
    from ivr.reports.pdf import PdfError, print_page
    from ivr.web.console.printed_report import paper

    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(paper(teller, community=community), "utf-8")
        try:
            print_page(page.as_uri(), pdf)
        except (PdfError, OSError) as error:
            raise click.ClickException(str(error)) from None
