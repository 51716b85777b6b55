import hashlib
from importlib.resources import files

import numpy as np
import pytest

from datalint_trainer.features import embedded_encoder

pytestmark = pytest.mark.train


def test_meaning_is_nearer_than_spelling():
    card, lost, weather = embedded_encoder().encode(["my card was stolen", "I lost my bank card", "it will rain"])
    assert card @ lost > 0.5 > card @ weather


def test_vectors_have_length_one_or_zero():
    found = embedded_encoder().encode(["a card", "", "a card", "\x00\ud800 词"])
    assert np.linalg.norm(found, axis=1).round(5).tolist()[:3] == [1.0, 0.0, 1.0]
    assert np.isfinite(found).all()


def test_nothing_in_gives_nothing_out():
    assert embedded_encoder().encode([]).shape == (0, 256)


def test_the_readme_tells_the_digests_of_the_files():
    folder = files("datalint_trainer") / "encoder"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in card
    assert "Apache License 2.0" in card
