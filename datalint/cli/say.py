"""Lines that commands print of their own. They quote names of files, settings and errors, which may hold anything."""

import click


def say(line: str) -> None:
    """A line on standard output."""
    from datalint.report.escape import told

    click.echo(told(line))


def note(line: str) -> None:
    """A line on standard error, which says that it is ours."""
    from datalint.report.escape import told

    click.echo(told(f"datalint: {line}"), err=True)
