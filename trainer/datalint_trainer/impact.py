"""What was the cleaning worth? Train the same model on both files and say, with uncertainty."""

import hashlib
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

from datalint import __version__
from datalint.errors import InputError, UsageError
from datalint.examples import Example, read_examples
from datalint.source import discover
from datalint_trainer.arms import make_arms, placebo_drop
from datalint_trainer.report import METRICS, ArmResult, ImpactReport, Objective, Operator, counted
from datalint_trainer.rows import Pool, Row, Task, detect_task, pool, training_rows

Source: TypeAlias = str | Path | Sequence[Example]

# Heads over frozen features cost next to nothing; a fine-tuned model costs minutes, so fewer are fitted.
HEADS, FINE_TUNED = (3, 9), (2, 6)
VERSIONS = ("torch", "transformers", "peft", "numpy", "scipy", "scikit-learn", "model2vec")


def impact(
    raw: Source,
    clean: Source,
    eval: Source,  # noqa: A002 -- the word of the command line
    *,
    model: str | None = None,
    eval_labels: Literal["noisy", "trusted"] = "noisy",
    format: str | None = None,  # noqa: A002 -- likewise
    columns: Mapping[str, str] | None = None,
    chat_template: str | Path | None = None,
    tokenizer: str | Path | None = None,
    max_length: int | None = None,
    objective: str | None = None,
    seeds: int | None = None,
    placebos: int | None = None,
    announce: Callable[[str], None] = lambda _line: None,
    track: Callable[[int], Callable[[], None]] = lambda _total: lambda: None,
) -> ImpactReport:
    """Train on the raw file, on the cleaned file and on placebos, and compare them on held-out rows.

    - raw, clean, eval: files, the output folder of a clean, or examples. Order of rows does not matter. The
      eval rows must be the same good rows for both; training rows that match one of them are left out
      everywhere.
    - model: folder or hub id of a model that is fine-tuned with LoRA; default: heads over the embedded
      encoder, for chat rows the embedded chat model.
    - eval_labels: "trusted" only if the eval labels were checked by people: the Brier score then decides.
    - format, columns: how rows are read, as for `check`.
    - chat_template, tokenizer, max_length: for `model`; default: what the model brings along.
    - objective: a target for the cleaned file's model, such as "macro_f1 >= 0.85".
    - seeds, placebos: models per arm and placebo arms; default 3 and 9, with `model` or chat rows 2 and 6.
    - announce: told the expected cost of `model` before it is spent.
    - track: told the number of steps; returns what is called after each.

    - raises InputError: a file cannot be read, or has no rows to train or evaluate on.
    - raises UsageError: options that do not fit each other or the rows.
    - raises TokenizerError: the tokenizer or the chat template cannot be used.
    """
    started = time.process_time()
    sources = {"raw": raw, "clean": clean, "eval": eval}
    examples = {name: _read(name, source, format, columns) for name, source in sources.items()}
    task = detect_task(examples["raw"])
    S, B = _size(task, model, seeds, placebos)
    goal = _parsed(objective, task) if objective else None
    rows = {name: training_rows(found, task) for name, found in examples.items()}
    for name, found in rows.items():
        if not found:
            raise InputError(
                f"the {name} file has no rows with {'a label' if task == 'classification' else 'an answer'}"
            )
    left_out = {name: len(examples[name]) - len(rows[name]) for name in sources}
    if task == "chat":
        from datalint_trainer.chat import measure_chat, prepare_chat

        prepared = prepare_chat(model, rows, tokenizer, chat_template, max_length, columns)
        rows = dict(prepared.rows)
    rows_of = pool(rows["raw"], rows["clean"], rows["eval"])
    if not len(rows_of.raw) or not len(rows_of.clean):
        raise InputError("every training row matches an eval row; evaluate on rows that are not trained on")

    arms = make_arms(rows_of, range(S), B)
    if task == "chat":
        outcome = measure_chat(rows_of, arms, prepared, announce, track)
    else:
        from datalint_trainer.classification import measure_classification

        outcome = measure_classification(rows_of, arms, rows["eval"], eval_labels, model, max_length, announce, track)

    return ImpactReport(
        task=task,
        verdict=outcome.verdict,
        decided_by=outcome.decided_by,
        model=outcome.model,
        evaluation={"rows": len(rows["eval"]), "digest": _digest(rows["eval"])},
        train={
            "raw": len(rows["raw"]),
            "clean": len(rows["clean"]),
            "left_out_for_leakage": int((rows_of.leaked & rows_of.in_raw).sum()),
        },
        arms=outcome.arms,
        clean_minus_raw=outcome.clean_minus_raw,
        clean_minus_placebo=outcome.clean_minus_placebo,
        baselines=outcome.baselines,
        objective=_judged(*goal, outcome.arms) if goal else None,
        notes=(*_notes(rows_of, left_out, S, B), *outcome.notes),
        cost={"cpu_seconds": round(time.process_time() - started, 2)},
        versions={"datalint": __version__, "python": platform.python_version()}
        | {name: version(name) for name in VERSIONS},
        seeds=tuple(range(S)),
    )


def _size(task: Task, model: str | None, seeds: int | None, placebos: int | None) -> tuple[int, int]:
    """Seeds and placebos."""
    S, B = HEADS if task == "classification" and model is None else FINE_TUNED
    S, B = seeds or S, placebos or B
    if B <= S:
        raise UsageError(f"{B} placebos for {S} seeds: the spread of luck needs more placebos than seeds")
    return S, B


def _read(
    name: str,
    source: Source,
    format: str | None,  # noqa: A002
    columns: Mapping[str, str] | None,
) -> Sequence[Example]:
    """Examples of a source; of a folder that holds several splits, the files of the split that is asked for."""
    if not isinstance(source, str | Path):
        return source
    if not Path(source).is_dir():
        return read_examples(source, format=format, columns=columns)
    found = discover([source])
    split = [file for file in found if file.split == ("eval" if name == "eval" else "train")]
    return [example for file in split or found for example in read_examples(file.path, format=format, columns=columns)]


def _digest(rows: Sequence[Row]) -> str:
    return hashlib.sha256("\n".join(row.key for row in rows).encode()).hexdigest()


def _parsed(objective: str, task: Task) -> tuple[str, Operator, float]:
    """Metric, operator and target. Raises UsageError: before anything is trained."""
    parsed = re.fullmatch(r"\s*(\w+)\s*(>=|<=)\s*(\d*\.?\d+)\s*", objective)
    if not parsed or parsed[1] not in METRICS[task]:
        known = ", ".join(METRICS[task])
        raise UsageError(f"objective {objective!r} is not METRIC >= NUMBER or METRIC <= NUMBER with one of {known}")
    return parsed[1], ">=" if parsed[2] == ">=" else "<=", float(parsed[3])


def _judged(metric: str, operator: Operator, target: float, arms: Sequence[ArmResult]) -> Objective:
    values = [arm.metrics[metric] for arm in arms if arm.name == "clean"]
    value = sum(values) / len(values)
    return Objective(metric, operator, target, value, met=value >= target if operator == ">=" else value <= target)


def _notes(rows: Pool, left_out: Mapping[str, int], S: int, B: int) -> list[str]:
    drop = placebo_drop(rows)
    notes = [f"{S} models each on raw and clean, {B} placebos that lose {drop:,} random rows of {len(rows.raw):,}"]
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
