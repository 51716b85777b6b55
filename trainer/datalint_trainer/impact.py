"""What was the cleaning worth? Train the same model on both files and say, with uncertainty."""

import hashlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from datalint import __version__
from datalint.config import Settings, load
from datalint.errors import InputError, UsageError
from datalint_trainer import record as verdicts
from datalint_trainer.arms import make_arms, placebo_drop
from datalint_trainer.inputs import Given, Reading, compared_files, refuse_other_labels
from datalint_trainer.judge import EvalLabels
from datalint_trainer.objective import Goal
from datalint_trainer.report import ImpactReport, counted
from datalint_trainer.request import Request
from datalint_trainer.rows import Pool, Row, Task, detect_task, pool, training_rows
from datalint_trainer.sources import Source, clean_output
from datalint_trainer.store import Store

if TYPE_CHECKING:
    from datalint_trainer.attribution import Plan

UNCALIBRATED = "how often such a verdict is false is known for labelled rows without --model only: take it as a hint"
# Heads over frozen features cost next to nothing; a fine-tuned model costs minutes, so fewer are fitted.
HEADS, FINE_TUNED = (3, 9), (2, 6)
VERSIONS = ("torch", "transformers", "peft", "numpy", "scipy", "scikit-learn", "model2vec")
# Unless asked for by name: rules that are measured one by one, and raw rows up to which they are.
MOST_RULES, MOST_ROWS = 8, 20_000


def impact(
    raw: Source,
    clean: Source | None = None,
    eval: Source | None = None,  # noqa: A002 -- the word of the command line
    *,
    unsafe_fixes: bool = False,
    settings: Settings | None = None,
    model: str | None = None,
    eval_labels: EvalLabels = "noisy",
    format: str | None = None,  # noqa: A002 -- likewise
    columns: Mapping[str, str] | None = None,
    chat_template: str | Path | None = None,
    tokenizer: str | Path | None = None,
    max_length: int | None = None,
    objective: str | None = None,
    seeds: int | None = None,
    placebos: int | None = None,
    by_rule: bool | None = None,
    learning_curve: bool | None = None,
    cache: str | Path | None = None,
    record: str | Path | None = None,
    announce: Callable[[str], None] = lambda _line: None,
    track: Callable[[int], Callable[[], None]] = lambda _total: lambda: None,
) -> ImpactReport:
    """Train on the raw file, on the cleaned file and on placebos, and compare them on held-out rows.

    - raw, clean, eval: files, folders, the output folder of a clean, or examples. Order of rows does not matter. The
      eval rows must be the same good rows for both; training rows that match one of them are left out everywhere.
      Without `clean`, `raw` is cleaned here (`unsafe_fixes`, `settings`: as `datalint clean` has them); without
      `eval` as well, rows are split off before that, unless `raw` is a folder that has an evaluation split.
    - model: folder or hub id of a model that is fine-tuned with LoRA; default: heads over the embedded
      encoder, for chat rows the embedded chat model.
    - eval_labels: "trusted" only if the eval labels were checked by people: the Brier score then decides.
    - format, columns: how rows are read, as for `check`; default: those of `settings`.
    - chat_template, tokenizer, max_length: for `model`; default: what the model brings along.
    - objective: a target for the cleaned file's model, such as "macro_f1 >= 0.85".
    - seeds, placebos: models per arm and placebo arms; default 3 and 9, with `model` or chat rows 2 and 6.
    - by_rule: measure rules one by one, where `clean` is the output of a clean; default: where it costs little.
    - learning_curve: ask whether more data would help; default: without `model`. Both are for labelled rows.
    - cache: folder in which fitted arms are kept, so that a run that was killed goes on; default: nowhere.
    - record: output folder of a clean with the same rows as `clean`; its manifest and card will tell the verdict.
    - announce: told the expected cost of `model` before it is spent.
    - track: told the number of steps; returns what is called after each.

    - raises InputError: a file cannot be read, or has no rows to train or evaluate on.
    - raises UsageError: options that do not fit each other or the rows.
    - raises OutputError: `cache` or `record` cannot be written.
    - raises TokenizerError: the tokenizer or the chat template cannot be used.
    """
    started = time.process_time()
    settings = settings or load()
    reading = Reading(format or settings.config.format, columns or settings.config.columns or None)
    with ExitStack() as stack:
        given = compared_files(raw, clean, eval, settings, reading, stack, unsafe_fixes=unsafe_fixes)
        examples = {name: reading(source, name) for name, source in given.by_name.items()}
        task = detect_task(examples["raw"])
        if task == "chat" and (by_rule or learning_curve):
            raise UsageError("--by-rule and --learning-curve are for labelled rows, and these are conversations")
        if task == "chat" and eval_labels == "trusted":
            raise UsageError("--eval-labels is for labelled rows, and these are conversations; leave it out")
        S, B = _size(task, model, seeds, placebos)
        goal = Goal.parse(objective, task) if objective else None
        rows: dict[str, Sequence[Row]] = {name: training_rows(found, task) for name, found in examples.items()}
        for name, found in rows.items():
            if not found:
                what = "a label" if task == "classification" else "an answer"
                raise InputError(f"the {name} file has no rows with {what}")
        if task == "classification":
            refuse_other_labels(rows)
        if record:
            verdicts.check(Path(record), rows["clean"], lambda path: training_rows(reading(path, "clean"), task))
        left_out = {name: len(examples[name]) - len(rows[name]) for name in rows}
        if task == "chat":
            from datalint_trainer.chat import measure_chat, prepare_chat

            prepared = prepare_chat(model, rows, tokenizer, chat_template, max_length, reading.columns)
            rows = dict(prepared.rows)
        rows_of = pool(rows["raw"], rows["clean"], rows["eval"])
        if not len(rows_of.raw) or not len(rows_of.clean):
            raise InputError("every training row matches an eval row; evaluate on rows that are not trained on")
        rules: Plan | None = None
        about_rules: list[str] = []
        if task == "classification" and (_few(model, rows_of) if by_rule is None else by_rule):
            rules, about_rules = _rules(given, rows, settings, reading, by_rule=bool(by_rule))

    arms, store = make_arms(rows_of, range(S), B), Store(Path(cache) if cache else None)
    if task == "chat":
        outcome = measure_chat(rows_of, arms, prepared, announce, track, store, goal)
    else:
        from datalint_trainer.classification import measure_classification

        curve = model is None if learning_curve is None else learning_curve
        request = Request(
            eval_labels, model, max_length, curve, rules, goal, announce=announce, track=track, store=store
        )
        outcome = measure_classification(rows_of, arms, rows["eval"], request)

    hint = [UNCALIBRATED] if model or task == "chat" else []
    report = ImpactReport(
        task=task,
        verdict=outcome.verdict,
        decided_by=outcome.decided_by,
        model=outcome.model,
        evaluation={"rows": len(rows["eval"]), "digest": _digest(rows["eval"]), "split_off": bool(given.note)},
        train={
            "raw": len(rows["raw"]),
            "clean": len(rows["clean"]),
            "left_out_for_leakage": int((rows_of.leaked & rows_of.in_raw).sum()),
        },
        arms=outcome.arms,
        clean_minus_raw=outcome.clean_minus_raw,
        clean_minus_placebo=outcome.clean_minus_placebo,
        baselines=outcome.baselines,
        objective=goal.judge(outcome.arms) if goal else None,
        notes=(*outcome.shortage, *given.note, *_notes(rows_of, left_out, S, B), *outcome.notes, *about_rules, *hint),
        cost={"cpu_seconds": round(time.process_time() - started, 2), "found_in_cache": store.found},
        versions={"datalint": __version__, "python": platform.python_version()}
        | {name: version(name) for name in VERSIONS},
        seeds=tuple(range(S)),
        details=outcome.details,
        advice=outcome.advice,
    )
    if record:
        verdicts.record(report, Path(record))
    return report


def _few(model: str | None, rows: Pool) -> bool:
    """Whether rules may be measured one by one without having been asked for."""
    return model is None and rows.changed > 0 and len(rows.raw) <= MOST_ROWS


def _rules(
    given: Given, rows: Mapping[str, Sequence[Row]], settings: Settings, reading: Reading, *, by_rule: bool
) -> "tuple[Plan | None, list[str]]":
    """The arms of single rules, and what is to be told of them. `by_rule`: they were asked for."""
    from datalint_trainer.attribution import plan_rules
    from datalint_trainer.recleaning import recleaned

    output = clean_output(given.clean)
    if output is None or not isinstance(given.raw, str | Path):
        if by_rule:
            raise UsageError("--by-rule needs CLEAN as `datalint clean` wrote it, and RAW as a path")
        return None, []

    def read(path: Path) -> Sequence[Row]:
        return training_rows(reading(path, "clean"), "classification")

    most = len(output[1].rules) if by_rule else MOST_RULES
    found, left = recleaned(given.raw, *output, settings, read, most)
    plan = plan_rules(rows["raw"], rows["clean"], rows["eval"], found)
    if plan is None:
        return None, ["rules are not measured one by one: cleaning RAW again, with these settings, does not give CLEAN"]
    return plan, [f"rules not measured one by one, for having few rows: {', '.join(left)}"] if left else []


def _size(task: Task, model: str | None, seeds: int | None, placebos: int | None) -> tuple[int, int]:
    """Seeds and placebos."""
    S, B = HEADS if task == "classification" and model is None else FINE_TUNED
    S, B = seeds or S, placebos or B
    if B <= S:
        raise UsageError(f"{B} placebos for {S} seeds: the spread of luck needs more placebos than seeds")
    return S, B


def _digest(rows: Sequence[Row]) -> str:
    return hashlib.sha256("\n".join(row.key for row in rows).encode()).hexdigest()


def _notes(rows: Pool, left_out: Mapping[str, int], S: int, B: int) -> list[str]:
    drop = placebo_drop(rows)
    models, lost = counted(S, "model"), counted(drop, "random row")
    notes = [f"{models} each on raw and clean, {B} placebos that lose {lost} of {len(rows.raw):,}"]
    if drop < rows.changed:
        notes.append(f"the cleaning changed {counted(rows.changed, 'row')}; the placebos lose fewer to have rows left")
    if not rows.changed:
        notes.append("the cleaning changed nothing that is trained on")
    leaked = int((rows.leaked & rows.in_raw).sum())
    if leaked:
        notes.append(f"{counted(leaked, 'raw row')} like an eval row, in no arm: removing them earns nothing here")
    notes += [
        f"{counted(n, 'row')} of the {name} file left out: not to be trained on" for name, n in left_out.items() if n
    ]
    return notes
