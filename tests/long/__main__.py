"""Run suites at full size, and write one file of figures for each: `make long`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from long.registry import SUITES
from long.suites import BUILD, Run, Size, run

SIZES = [each.value for each in Size]
LISTED = "\n".join(f"  {suite.name:<15}{suite.does}" for suite in SUITES.values())


@click.command(epilog=f"\b\nSuites:\n{LISTED}")
@click.argument("names", nargs=-1, type=click.Choice([*SUITES]))
@click.option("--size", type=click.Choice(SIZES), default=Size.FULL.value, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of everything that is drawn by lot.")
@click.option("--to", type=click.Path(path_type=Path), default=BUILD, help="The folder of the figures.")
@click.option("--only", multiple=True, help="A part of the suite to be tried again; others stay as they are.")
def main(names: tuple[str, ...], size: str, seed: int, to: Path, only: tuple[str, ...]) -> None:
    """Run the suites that are NAMED, or all of them, one after the other."""
    console, failed = Console(), []
    for name in names or SUITES:
        with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
            task = progress.add_task(f"{name} ({size})", total=1)
            given = Run(Size(size), seed, Path(folder), progress, only)
            try:
                file = run(SUITES[name], given, to)
            except Exception:  # noqa: BLE001 - the other suites are run all the same.
                console.print_exception()
                file = to / f"{name}.json"
            progress.update(task, completed=1)
        show(console, given)
        console.print(f"{name}: {file}")
        failed += [name] if given.failures else []
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def show(console: Console, run: Run) -> None:
    """Print figures and failures as they are: in square brackets stand names of tests, and no markup."""
    for what, figure in run.figures.items():
        console.print(f"  {what}: {figure}", markup=False, highlight=False)
    for failure in run.failures:
        console.print(f"  failed: {failure}", markup=False)


if __name__ == "__main__":
    main()
