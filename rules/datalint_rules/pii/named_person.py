"""PII003."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.errors import MissingExtraError
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Sample, none, option
from datalint_rules.pii.places import found_in

_TOKEN = "[PERSON]"  # noqa: S105 - what stands in for a name


@dataclass(frozen=True)
class NamedPerson(Rule):
    """A text names a person.

    ## What it does
    Looks in every text that training reads (as PII001 does) for people's names: those of `names`, as whole words in
    any case, and, where `model` is set, those that presidio's recogniser finds with that spaCy model. Off by default,
    and silent until one of the two is set. The message masks the name; an excerpt shows the text that it stands in
    (`--no-excerpts` leaves those out).

    ## Why is this bad?
    Who asks to be forgotten must be taken out of what is trained next, and `names` finds every row that names them.
    A recogniser finds those whom nobody thought of, with errors in both directions: it is for reading through a
    dataset of letters or tickets, not for a gate.

    ## Example
    `names = ["Maria Kowalski"]`, and an answer that says `As Maria Kowalski told me, ...`

    ## Fix safety
    Unsafe: `[PERSON]` takes the place of the name, and the text around it stays.

    ## Options
    - `names`: people to look for.
    - `model`: a spaCy model, installed or a folder; needs `pip install presidio-analyzer` and the model.
    - `language`: the model's language.
    - `score`: how sure the recogniser must be.

    ## References
    GDPR, articles 17 and 5(1)(c). presidio-analyzer (MIT) is no dependency: with spaCy it weighs 300 MB, and its
    models are downloads of their own. datalint never downloads one.
    """

    code, name = "PII003", "named-person"
    severity = "info"
    message = "a person is named: {preview}"
    default = False
    fix = Fix("rewrite", "unsafe")
    fix_title = "puts [PERSON] in its place"
    bad = [
        Sample(
            files={"train.jsonl": [{"prompt": "Who called?", "completion": "It was MARIA  Kowalski, as before."}]},
            options={"rules": {"PII003": {"names": ["Jo Do", "Maria Kowalski"]}}},
        ),
    ]
    good = [
        Sample(
            files={"train.jsonl": [{"prompt": "Who?", "completion": "Annamaria Kowalskis", "by": "Maria Kowalski"}]},
            options={"rules": {"PII003": {"names": ["Maria Kowalski"]}}},
        ),
        [{"prompt": "Who?", "completion": "Maria Kowalski"}],
    ]

    names: tuple[str, ...] = option((), "People to look for: full names.")
    model: str = option("", "A spaCy model for presidio: the name of an installed one, or a folder.")
    language: str = option("en", "The language that the model is for.")
    score: float = option(0.8, "Least confidence of the recogniser, 0 to 1.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        if self.model:
            texts = chunk.texts
        elif words := [max(name.split(), key=len) for name in self.names if name.strip()]:
            # The search takes no notice of the case of ASCII letters alone.
            texts = chunk.texts_with(words) if "".join(words).isascii() else chunk.texts
        else:
            return none()
        find = self._recognised if self.model else self._listed
        found = [
            (row, pointer, start, end, re.sub(r"(?<=\w)\w", "*", text[start:end])[:80])
            for row, pointer, text, (start, end) in found_in(chunk, texts, find)
        ]
        if not found:
            return none()
        return pl.DataFrame(found, schema=["row", "pointer", "start", "end", "preview"], orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        # From the end on: what stands before keeps its place.
        for one in sorted(found, key=lambda one: one.start or 0, reverse=True):
            text = resolve(row, one.pointer or "")
            row = replace(row, one.pointer or "", text[: one.start] + _TOKEN + text[one.end :])
        return row

    def _listed(self, text: str) -> Iterator[tuple[int, int]]:
        if any(map(str.strip, self.names)):
            yield from (match.span() for match in _pattern(self.names).finditer(text))

    def _recognised(self, text: str) -> Iterator[tuple[int, int]]:
        spans = [*self._listed(text)]
        engine = _engine(self.model, self.language)
        for one in engine.analyze(text, language=self.language, entities=["PERSON"], score_threshold=self.score):
            # What a fix has put there is no name, whatever the model says.
            if text[one.start : one.end].strip("[]") != _TOKEN.strip("[]"):
                spans.append((one.start, one.end))
        end = 0
        for start, stop in sorted(spans):
            if start >= end:
                yield start, stop
                end = stop


@lru_cache(maxsize=4)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the names as whole words, whatever white space stands between its parts."""
    forms = (r"\s+".join(map(re.escape, name.split())) for name in sorted(names, key=len, reverse=True) if name.strip())
    return re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=2)
def _engine(model: str, language: str) -> Any:
    """presidio with the model and the recogniser of persons alone.

    Raises MissingExtraError if presidio or the model is not installed: presidio itself would download the model.
    """
    try:
        presidio = import_module("presidio_analyzer")
        nlp = import_module("presidio_analyzer.nlp_engine")
        spacy = import_module("spacy.util")
    except ImportError as error:
        raise MissingExtraError(
            f"PII003 with a model needs presidio ({error}): pip install presidio-analyzer"
        ) from error
    if not (spacy.is_package(model) or Path(model).is_dir()):
        raise MissingExtraError(f"PII003: the spaCy model {model!r} is not installed: python -m spacy download {model}")
    known = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": model}]}
    recognisers = import_module("presidio_analyzer.predefined_recognizers")
    persons = recognisers.SpacyRecognizer(supported_language=language, supported_entities=["PERSON"])
    return presidio.AnalyzerEngine(
        registry=presidio.RecognizerRegistry(recognizers=[persons], supported_languages=[language]),
        nlp_engine=nlp.NlpEngineProvider(nlp_configuration=known).create_engine(),
        supported_languages=[language],
    )
