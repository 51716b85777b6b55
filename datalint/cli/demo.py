"""`datalint demo`."""

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
    from datalint.cli.trainer import impact_outputs, load_trainer, training_bars, write_impact

    trainer = load_trainer("demo")
    with training_bars(show=progress) as track:
        report = trainer.demo(Path(out), overwrite=overwrite, say=say, track=track)
    click.echo()
    write_impact(report, impact_outputs(["text", f"html:{Path(out) / 'impact.html'}"]))
    click.echo()
    for name, what in (
        ("raw", "what was labelled, and the held-out rows"),
        ("report.json", "every finding of the check"),
        ("cleaned", "train.parquet, and all that was removed or changed"),
        ("impact.json", "every figure of the comparison"),
        ("impact.html", "the same with pictures"),
    ):
        say(f"{Path(out) / name}: {what}")
