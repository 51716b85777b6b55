"""`datalint demo`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import rich_click as click

from datalint.cli.options import progress_option
from datalint.cli.say import say


@click.command()
@click.option("--out", default="datalint-demo", type=click.Path(), metavar="DIR", help="Default: ./datalint-demo.")
@click.option("--overwrite", is_flag=True, help="Replace the files of an earlier demo.")
@progress_option
def command(out: str, *, overwrite: bool, progress: bool | None) -> None:
    """The whole story on data in the package: check, clean, train, compare. About a minute, no network."""
    from datalint.cli.progress import bar
    from datalint.cli.trainer import load_trainer, write_impact

    trainer = load_trainer("demo")
    with ExitStack() as stack:

        def track(total: int) -> Callable[[], None]:
            advance = stack.enter_context(bar("training", total, show=progress))
            return lambda: advance(1) if advance else None

        report = trainer.demo(Path(out), overwrite=overwrite, say=say, track=track)
    click.echo()
    write_impact(report, ("text",))
    click.echo()
    for name, what in (
        ("raw", "what was labelled, and the held-out rows"),
        ("report.json", "every finding of the check"),
        ("cleaned", "train.parquet, and all that was removed or changed"),
        ("impact.json", "every figure of the comparison"),
    ):
        say(f"{Path(out) / name}: {what}")
