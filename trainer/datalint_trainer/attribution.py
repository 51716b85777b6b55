"""Which rule earned it: each rule alone, minus placebos of its own. Suggestive, because single rules do little.

Games over all subsets of rules (Shapley values) would need hundreds of models to say less than their intervals hide.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from datalint_trainer.arms import Arm, make_arms
from datalint_trainer.details import RuleEffect
from datalint_trainer.fit import Fit
from datalint_trainer.judge import Judge
from datalint_trainer.outcome import of_arm, placebo_seeds, shown_intervals
from datalint_trainer.recleaning import Recleaned, RuleRows
from datalint_trainer.rows import IntArray, Pool, Row, pool
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Spread, adjusted, compare, mean_variance

SEEDS, PLACEBOS = range(3), 9
MIN_ROWS, MIN_SHARE = 10, 0.005  # a rule that touches fewer raw rows cannot be told from chance
LEVEL = 0.05


@dataclass(frozen=True)
class RulePlan:
    """The arms of one rule: raw cleaned by it alone and its placebos, then the file cleaned by all others."""

    rule: RuleRows
    pool: Pool  # in which "clean" is the raw file cleaned by this rule alone
    arms: tuple[Arm, ...]  # empty: too few rows to measure


@dataclass(frozen=True)
class Plan:
    """All of them over one pool, and the arms that they share: raw and clean."""

    pool: Pool
    shared: tuple[Arm, ...]
    rules: tuple[RulePlan, ...]

    @property
    def batches(self) -> tuple[tuple[Arm, ...], ...]:
        """What is to be fitted, in order."""
        arms = [plan.arms for plan in self.rules if plan.arms]
        return (self.shared, *arms) if arms else ()


def plan_rules(raw: Sequence[Row], clean: Sequence[Row], evaluation: Sequence[Row], found: Recleaned) -> Plan | None:
    """Pool and arms; None if cleaning again does not give the cleaned file, whose rules are then not those at hand."""
    variants = [clean, found.whole, *(rows for rule in found.rules for rows in (rule.alone, rule.without))]
    whole = pool(raw, _beyond(raw, variants), evaluation)
    if _marked(whole, clean).clean.tolist() != _marked(whole, found.whole).clean.tolist():
        return None
    both = make_arms(_marked(whole, clean), SEEDS, 0)
    plans = []
    for rule in found.rules:
        alone = _marked(whole, rule.alone)
        if not alone.changed:
            continue
        arms: tuple[Arm, ...] = ()
        if alone.changed >= max(MIN_ROWS, MIN_SHARE * len(alone.raw)) and len(alone.clean):
            own = [arm for arm in make_arms(alone, SEEDS, PLACEBOS) if arm.name != "raw"]
            others = [arm for arm in make_arms(_marked(whole, rule.without), SEEDS, 0) if arm.name == "clean"]
            arms = (*own, *(replace(arm, name="without") for arm in others))
        plans.append(RulePlan(rule, alone, arms))
    return Plan(whole, both, tuple(plans))


def _beyond(raw: Sequence[Row], variants: Sequence[Sequence[Row]]) -> list[Row]:
    """Rows that the raw file lacks, as often as some variant has them."""
    have, new = Counter(row.key for row in raw), []
    for variant in variants:
        seen: Counter[str] = Counter()
        for row in variant:
            seen[row.key] += 1
            if seen[row.key] > have[row.key]:
                have[row.key] += 1
                new.append(row)
    return new


def _marked(whole: Pool, rows: Sequence[Row]) -> Pool:
    """The pool with these rows as the clean ones; of equal rows the first are taken."""
    left = Counter(row.key for row in rows)
    chosen = np.zeros(len(whole.rows), dtype=bool)
    for position, row in enumerate(whole.rows):
        if left[row.key]:
            left[row.key] -= 1
            chosen[position] = True
    return replace(whole, in_clean=chosen)


def rule_effects(
    plan: Plan, fits: Sequence[tuple[Fit, ...]], judge: Judge, *, verdict_possible: bool
) -> tuple[RuleEffect, ...]:
    """What each rule earned, the best first. `fits`: of `plan.batches`."""
    if not fits:
        return tuple(RuleEffect(p.rule.code, p.rule.name, p.pool.changed) for p in plan.rules)
    shared, *rest = fits
    measured = iter(rest)
    scores, accuracy = judge.scores(shared), judge.accuracy(shared)
    raw = [arm.name == "raw" for arm in plan.shared]
    effects, chances = [], []
    for one in plan.rules:
        effect = RuleEffect(one.rule.code, one.rule.name, one.pool.changed)
        if one.arms:
            own = next(measured)
            arms = [*(arm for arm in plan.shared if arm.name == "raw"), *one.arms]
            of_rule = np.concatenate([scores[raw], judge.scores(own)])
            of_accuracy = np.concatenate([accuracy[raw], judge.accuracy(own)])
            clean = scores[[not is_raw for is_raw in raw]]
            effect, chance = _effect(effect, arms, of_rule, of_accuracy, clean, judge.group, one.pool.brought)
            chances.append(chance)
        effects.append(effect)
    corrected = iter(adjusted(chances))
    starred = [
        replace(effect, significant=verdict_possible and next(corrected) < LEVEL) if effect.score else effect
        for effect in effects
    ]
    return tuple(sorted(starred, key=lambda e: (e.score is None, -(e.score.estimate if e.score else 0.0), e.rule)))


def _effect(
    effect: RuleEffect,
    arms: Sequence[Arm],
    scores: FloatArray,
    accuracy: FloatArray,
    clean: FloatArray,
    group: IntArray,
    brought: float,
) -> tuple[RuleEffect, float]:
    """The rule's figures, and how likely chance gives as much: both comparisons have to see it, on the same side."""
    raw, alone, placebo = (of_arm(scores, arms, name) for name in ("raw", "clean", "placebo"))
    seeds = placebo_seeds(arms)
    found = compare(raw, alone, placebo, seeds, group, brought)
    spread = Spread.of(placebo.mean(axis=1), seeds, brought)
    lost = clean.mean(axis=0) - of_arm(scores, arms, "without").mean(axis=0)
    score, bottom = found.clean_minus_placebo, found.clean_minus_raw
    agreed = score.estimate * bottom.estimate > 0
    return (
        replace(
            effect,
            score=score,
            accuracy=shown_intervals(accuracy, arms, brought)[1],
            unique=spread.versus_raw(float(lost.mean()), mean_variance(lost, group)),
        ),
        max(spread.chance(score), spread.chance(bottom)) if agreed else 1.0,
    )
