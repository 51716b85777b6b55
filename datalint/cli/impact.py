"""`datalint impact`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from datalint.cli.options import config_options, pairs, progress_option, settings_of
from datalint.cli.say import note

if TYPE_CHECKING:
    from datalint.config import Settings

OBJECTIVE_MISSED = 1


@click.command()
@click.argument("raw", type=click.Path())
@click.argument("clean", type=click.Path(), required=False)
@click.option("--unsafe-fixes", is_flag=True, help="Without CLEAN: make the unsafe fixes too, row drops among them.")
@click.option(
    "--eval",
    "evaluation",
    type=click.Path(),
    metavar="FILE",
    help="Good held-out rows, never cleaned (default, without CLEAN: split off RAW).",
)
@click.option("--model", metavar="PATH_OR_HUB_ID", help="Fine-tune this model with LoRA (default: embedded ones).")
@click.option(
    "--eval-labels",
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
@click.option(
    "--by-rule/--no-by-rule",
    default=None,
    help="Measure rules one by one (default: the biggest ones, where that costs little).",
)
@click.option(
    "--learning-curve/--no-learning-curve",
    default=None,
    help="Ask whether more data would help (default: without --model).",
)
@click.option(
    "--resume",
    type=click.Path(),
    metavar="DIR",
    help="Keep what is fitted there, for a run that is killed to go on (default: the user's cache).",
)
@click.option("--no-cache", is_flag=True, help="Keep nothing.")
@click.option("--record", type=click.Path(), metavar="DIR", help="Tell manifest and card of this clean's output.")
@click.option(
    "--output-format", "outputs", multiple=True, metavar="FORMAT[:PATH]", help="text, json, html; repeatable."
)
@progress_option
@config_options
def command(raw: str, clean: str | None, evaluation: str | None, **flags: Any) -> int:
    """Train the same model on RAW and on CLEAN (a file or a clean's output folder), and compare on held-out rows.

    Without CLEAN, RAW is cleaned first, as `datalint clean` does it; without --eval as well, rows are split off
    before that.
    """
    from datalint.cli.trainer import cache_folder, impact_outputs, load_trainer, training_bars, write_impact
    from datalint.report import refuse_inputs

    outputs = impact_outputs(flags["outputs"] or ("text",))
    refuse_inputs(outputs, filter(None, (raw, clean, evaluation)))
    flags["columns"] = pairs(flags["columns"], flag="--columns")
    settings = settings_of({key: value for key, value in flags.items() if key != "seeds"})
    wanted = _wanted(settings, evaluation, flags)
    trainer = load_trainer("impact")
    with training_bars(show=flags["progress"]) as track:
        report = trainer.impact(
            Path(raw),
            None if clean is None else Path(clean),
            **wanted,
            unsafe_fixes=flags["unsafe_fixes"],
            settings=settings,
            model=flags["model"],
            by_rule=flags["by_rule"],
            learning_curve=flags["learning_curve"],
            cache=cache_folder(flags["resume"], off=flags["no_cache"]),
            record=flags["record"],
            announce=note,
            track=track,
        )
    write_impact(report, outputs)
    return OBJECTIVE_MISSED if report.objective and not report.objective.met else 0


def _wanted(settings: "Settings", evaluation: str | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Values that the configuration may have too; the command line wins."""
    config, table = settings.config, settings.config.impact
    if evaluation is None and table.eval is not None:
        evaluation = str(settings.root / table.eval)
    paths = {key: getattr(config, key) for key in ("tokenizer", "chat_template")}
    return {
        "eval": None if evaluation is None else Path(evaluation),
        "eval_labels": flags["eval_labels"] or table.eval_labels or "noisy",
        "objective": flags["objective"] or table.objective,
        "seeds": flags["seeds"] or table.seeds,
        "placebos": flags["placebos"] or table.placebos,
        "max_length": config.max_length,
    } | {
        key: None if value is None else str(settings.path(key.replace("_", "-"), value)) for key, value in paths.items()
    }
