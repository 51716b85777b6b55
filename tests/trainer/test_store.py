import os

import numpy as np
import pytest

from datalint.errors import OutputError
from datalint_trainer import store as module
from datalint_trainer.fit import NAMES, Curve, Fit, packed, unpacked
from datalint_trainer.store import Store, key_of


def fits():
    draw = np.random.default_rng(0)
    curve = Curve((0, 5, 10), (3.0, 2.0, 1.0), (3.0, 2.5, 2.25))
    return tuple(Fit(draw.normal(size=(4, 3)).astype(np.float32).astype(np.float64), i, curve) for i in range(2))


def test_what_is_saved_comes_back_to_the_last_bit(tmp_path):
    store = Store(tmp_path / "deep" / "er")
    store.save("k", packed(fits()))
    found = unpacked(store.load("k", NAMES))
    for one, other in zip(found, fits(), strict=True):
        assert np.array_equal(one.logits, other.logits)
        assert (one.steps, one.curve) == (other.steps, other.curve)
    assert store.found == 1


def test_without_a_folder_nothing_is_kept():
    store = Store()
    store.save("k", packed(fits()))
    assert store.load("k", NAMES) is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half", b"not a zip at all"])
def test_a_damaged_entry_is_no_entry(tmp_path, damage):
    store = Store(tmp_path)
    store.save("k", packed(fits()))
    (tmp_path / "k.npz").write_bytes(damage)
    assert store.load("k", NAMES) is None


def test_an_entry_cut_short_is_no_entry(tmp_path):
    store = Store(tmp_path)
    store.save("k", packed(fits()))
    whole = (tmp_path / "k.npz").read_bytes()
    (tmp_path / "k.npz").write_bytes(whole[: len(whole) // 2])
    assert store.load("k", NAMES) is None


def test_nothing_is_unpickled(tmp_path):
    touched = tmp_path / "touched"

    class Hostile:
        def __reduce__(self):
            return (touched.write_text, ("x",))

    np.savez(tmp_path / "k.npz", a=np.array([Hostile()], dtype=object))
    assert Store(tmp_path).load("k", ["a"]) is None
    assert not touched.exists()


def test_an_entry_of_other_arrays_is_no_entry(tmp_path):
    store = Store(tmp_path)
    store.save("k", {"a": np.zeros(2)})
    assert store.load("k", ["a", "b"]) is None
    assert store.load("k", ["a"]) is not None


def test_a_write_that_fails_leaves_nothing(tmp_path):
    class Broken:
        def __array__(self, *_args, **_kwargs):
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        Store(tmp_path).save("k", {"a": Broken()})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--resume"):
        Store(tmp_path / "file" / "cache")


def test_what_was_used_longest_ago_goes_first(tmp_path, monkeypatch):
    store = Store(tmp_path)
    for age, key in enumerate("abc"):
        store.save(key, {"x": np.zeros(1000)})
        os.utime(tmp_path / f"{key}.npz", (age, age))
    store.load("a", ["x"])
    monkeypatch.setattr(module, "MAX_BYTES", 3 * (tmp_path / "a.npz").stat().st_size)
    store.save("d", {"x": np.zeros(1000)})
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}


def test_the_key_is_of_everything():
    array = np.arange(6)
    keys = {
        key_of({"a": 1}, array),
        key_of({"a": 2}, array),
        key_of({"a": 1}, array.astype(np.int32)),
        key_of({"a": 1}, array.reshape(2, 3)),
        key_of({"a": 1}, array[:3], array[3:]),
        key_of({"a": 1}),
    }
    assert len(keys) == 6
    assert key_of({"a": 1, "b": 2}, array) == key_of({"b": 2, "a": 1}, array.copy())
