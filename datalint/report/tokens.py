"""The end of a report for people: what an epoch costs in tokens, and the trainer arguments that fit."""

from collections.abc import Callable, Iterator

from datalint.budget import BATCH, Budget
from datalint.report.escape import named, visible
from datalint.report.model import Report


def token_lines(report: Report, style: Callable[..., str]) -> Iterator[str]:
    """A paragraph for each dataset that has a tokenizer."""
    for name, told in report.tokens.items():
        of = f" of {named(name)}" if len(report.tokens) > 1 else ""
        yield ""
        yield style(f"One epoch{of}: {_count(told.budget)}", bold=True)
        yield from _parts(told.budget)
        if told.arguments:
            yield style(f"Trainer arguments that fit{of}", bold=True)
            width = max(len(f"{one.name}={one.value}") for one in told.arguments)
            for one in told.arguments:
                yield f"  {visible(f'{one.name}={one.value}').ljust(width)}  {visible(one.why)}"


def _count(budget: Budget) -> str:
    if budget.exact:
        return f"{budget.tokens:,} tokens in {budget.texts:,} texts"
    share = f"±{budget.error:.1%}; {budget.tokenized:,} tokenized"
    return f"about {budget.tokens:,} tokens in {budget.texts:,} texts ({share})"


def _parts(budget: Budget) -> Iterator[str]:
    whole = max(budget.tokens, 1)
    cut = f", {budget.cut:,} cut away ({budget.cut / whole:.1%})" if budget.max_length is not None else ""
    yield f"  {budget.trained:,} trained ({budget.trained / whole:.1%}), {budget.read:,} read only{cut}"
    half, most, nearly, longest = budget.lengths
    yield f"  half of the texts have at most {half:,}, 95 % {most:,}, 99 % {nearly:,}, the longest {longest:,}"
    yield f"  {budget.padding:,} of padding in random batches of {BATCH}"
