"""Heads for batches of arms, each batch fitted once and then found again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from datalint_trainer.arms import Arm
from datalint_trainer.features import Encoder
from datalint_trainer.fit import NAMES, Fit, packed, unpacked
from datalint_trainer.head import BATCH, CHECKPOINTS, LEARNING_RATE, WATCHED, WEIGHT_DECAY, fit_heads
from datalint_trainer.rows import IntArray, Pool
from datalint_trainer.store import Store, key_of


@dataclass(frozen=True)
class Heads:
    """What heads are fitted on.

    - features: (pool rows, d), eval_features: (eval rows, d), of length 1.
    - labels: int (pool rows,), below `classes`.

    Arms of one batch are fitted in one product, whose last bits depend on the batch: so a batch is kept as a whole.
    """

    pool: Pool
    labels: IntArray
    classes: int
    features: npt.NDArray[np.float32]
    eval_features: npt.NDArray[np.float32]
    store: Store

    @classmethod
    def over(
        cls, encoder: Encoder, pool: Pool, labels: IntArray, eval_texts: Sequence[str], classes: int, store: Store
    ) -> "Heads":
        """Over the features of an encoder."""
        texts = [row.prompt for row in pool.rows]
        return cls(pool, labels, classes, encoder.encode(texts), encoder.encode(eval_texts), store)

    @cached_property
    def _data(self) -> str:
        steps, adam = [CHECKPOINTS, WATCHED, BATCH], [LEARNING_RATE, WEIGHT_DECAY]
        settings = {"kind": "heads", "classes": self.classes, "steps": steps, "adam": adam}
        return key_of(settings, self.features, self.eval_features, self.labels, self.pool.slot)

    def fit(self, batch: Sequence[Arm], advance: Callable[[], None]) -> tuple[Fit, ...]:
        """A fit for each arm; `advance` is called CHECKPOINTS[-1] times."""
        sides = [side for arm in batch for side in (arm.train, arm.held)]
        key = key_of({"data": self._data, "seeds": [arm.seed for arm in batch]}, *sides)
        found = self.store.load(key, NAMES)
        if found is not None:
            for _ in range(CHECKPOINTS[-1]):
                advance()
            return unpacked(found)
        fits = fit_heads(self.pool, batch, self.features, self.labels, self.eval_features, self.classes, advance)
        self.store.save(key, packed(fits))
        return fits
