"""`datalint restore`."""

import rich_click as click

from datalint.cli.say import say


@click.command()
@click.argument("folder", type=click.Path(), metavar="DIR")
@click.option("--out", required=True, type=click.Path(), metavar="DIR2", help="The new folder for the rebuilt files.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
def command(folder: str, out: str, *, quiet: bool) -> int:
    """Rebuild the input files from the folder that `datalint clean` wrote, and prove that they are the same."""
    from datalint.cleaner import restore

    result = restore(folder, out=out)
    if not quiet:
        for file in result.files:
            say(f"{file.path}: {file.rows:,} {'row' if file.rows == 1 else 'rows'}, {file.proof}")
    return 0
