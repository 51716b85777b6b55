"""What runs: each file with its settings, and the rules that have what they need there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from datalint.rule import Rule
from datalint.source import DataFile
from datalint.target import Target

HINTS = {
    "template": "a chat template (--chat-template FILE, or --tokenizer DIR with one)",
    "tokenizer": "a tokenizer.json (--tokenizer DIR or owner/name)",
    "max-length": "the trainer's limit (--max-length N)",
    "eval": "an evaluation split (--eval FILE)",
    "reference": "a reference file (--reference FILE)",
    "index": "an index of earlier rows (--against WHERE)",
    "profile": "a trainer or provider (--profile NAME)",
}


@dataclass(frozen=True)
class Job:
    """One file to read: its number in the run, how its columns are called, and what it is for."""

    index: int
    file: DataFile
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    target: Target = field(default_factory=Target)
    large: bool = False  # the run reads so much that compiled kernels pay


@dataclass(frozen=True)
class Plan:
    """Jobs in the order of reading, the rules of each, and what rules lacked (code -> needs)."""

    jobs: Sequence[Job]
    rules: Sequence[Rule]
    ready: Mapping[int, tuple[Rule, ...]]  # job index -> rules that map its chunks
    lacking: Mapping[str, tuple[str, ...]]
    memory_limit: int | None = None  # bytes; None: half of what there is


def plan(jobs: Sequence[Job], rules: Sequence[Rule], memory_limit: int | None = None) -> Plan:
    """Match rules with files. A rule that lacks an input everywhere is left out and named in `lacking`."""
    ready: dict[int, tuple[Rule, ...]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    served: set[str] = set()
    for job in jobs:
        splits = {other.file.split for other in jobs if other.file.dataset == job.file.dataset}
        here = []
        for rule in rules:
            # A benchmark that rows are held against is not data: only rules that ask for it read it.
            if job.file.split not in rule.splits and not (rule.always and job.file.split == "reference"):
                continue
            lack = tuple(need for need in rule.needs if not _has(need, job.target, splits))
            if lack:
                missing[rule.code] = lack
            else:
                served.add(rule.code)
                here.append(rule)
        ready[job.index] = tuple(here)
    lacking = {code: lack for code, lack in missing.items() if code not in served}
    return Plan(tuple(jobs), tuple(rules), ready, lacking, memory_limit)


def _has(need: str, target: Target, splits: set[str]) -> bool:
    if need == "template":
        return target.template is not None
    if need == "tokenizer":
        return target.tokenizer is not None
    if need == "max-length":
        return target.max_length is not None
    if need == "index":
        return target.indexed
    if need == "profile":
        return target.profile is not None
    return need in splits
