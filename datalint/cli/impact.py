"""`datalint impact`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rich_click as click

from datalint.cli.options import pairs, progress_option
from datalint.cli.say import note
from datalint.errors import UsageError

OBJECTIVE_MISSED = 1


@click.command()
@click.argument("raw", type=click.Path())
@click.argument("clean", type=click.Path(), required=False)
@click.option("--unsafe-fixes", is_flag=True, help="Without CLEAN: make the unsafe fixes too, row drops among them.")
@click.option("--eval", required=True, type=click.Path(), metavar="FILE", help="Good held-out rows, never cleaned.")
@click.option("--model", metavar="PATH_OR_HUB_ID", help="Fine-tune this model with LoRA (default: embedded encoder).")
@click.option(
    "--eval-labels",
    default="noisy",
    type=click.Choice(["noisy", "trusted"]),
    help="trusted: people checked the labels of --eval, so the Brier score decides (default: noisy).",
)
@click.option("--format", metavar="NAME", help="The rows' format (default: detected).")
@click.option("--columns", multiple=True, metavar="FIELD=COLUMN", help="Our field = your column; repeatable.")
@click.option("--tokenizer", type=click.Path(), metavar="DIR", help="Tokenizer folder (default: the model's).")
@click.option("--chat-template", type=click.Path(), metavar="FILE", help="Chat template (default: the model's).")
@click.option("--max-length", type=click.IntRange(min=8), metavar="N", help="Tokens of a row that --model sees.")
@click.option("--objective", metavar="'METRIC >= X'", help="Exit with 1 if the cleaned file's model misses it.")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Models per file (default: 3; --model: 2).")
@click.option("--placebos", type=click.IntRange(min=2), metavar="N", help="Placebos (default: 9; --model: 6).")
@click.option("--output-format", "outputs", multiple=True, metavar="FORMAT[:PATH]", help="text, json; repeatable.")
@progress_option
def command(raw: str, clean: str | None, **flags: Any) -> int:
    """Train the same model on RAW and on CLEAN (a file or a clean's output folder), and compare on held-out rows.

    Without CLEAN, RAW is cleaned first, as `datalint clean` does it.
    """
    from datalint.cli.progress import bar
    from datalint.cli.trainer import load_trainer, write_impact

    trainer = load_trainer("impact")
    outputs, show = flags.pop("outputs") or ("text",), flags.pop("progress")
    columns = pairs(flags.pop("columns"), flag="--columns")
    unsafe = flags.pop("unsafe_fixes")
    if clean and unsafe:
        raise UsageError("--unsafe-fixes is for a RAW without CLEAN: CLEAN is taken as it is")
    with ExitStack() as stack:
        if clean is None:
            from datalint.cleaner import clean as clean_data

            clean = stack.enter_context(TemporaryDirectory()) + "/clean"
            clean_data(raw, out=clean, unsafe_fixes=unsafe, format=flags["format"], columns=columns or None)

        def track(total: int) -> Callable[[], None]:
            advance = stack.enter_context(bar("training", total, show=show))
            return lambda: advance(1) if advance else None

        report = trainer.impact(
            Path(raw),
            Path(clean),
            Path(flags.pop("eval")),
            columns=columns or None,
            announce=note,
            track=track,
            **flags,
        )
    write_impact(report, outputs)
    return OBJECTIVE_MISSED if report.objective and not report.objective.met else 0
