import hashlib
import json
from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint.examples import Turn
from datalint_trainer.chat_model import ChatModel, Shape
from datalint_trainer.chat_tokens import padded
from datalint_trainer.embedded_chat import CONTROL, FILES, ChatTokenizer, EmbeddedChat, seen_by_base

pytestmark = pytest.mark.train

FOLDER = files("datalint_trainer") / "chat_base"
SHAPE = Shape(vocabulary=50, window=16, width=16, layers=2, heads=2)


@pytest.fixture(scope="module")
def base() -> EmbeddedChat:
    return EmbeddedChat.load()


def said(tokenizer: ChatTokenizer, ids) -> str:
    """Tokens in words, control tokens in angle brackets."""
    first = len(tokenizer.bytes_of) - len(CONTROL)
    return "".join(f"<{CONTROL[i - first]}>" if i >= first else tokenizer.pieces.decode([i]) for i in ids)


def turns(*pairs: tuple[str, str]) -> list[Turn]:
    return [Turn(role, text, role == "assistant") for role, text in pairs]


def test_a_conversation_is_roles_texts_and_ends(base):
    conversation = turns(("system", "Be kind."), ("user", "hi"), ("assistant", "ho"), ("user", "?"), ("assistant", "y"))
    (tokens,) = base.tokenizer.read([conversation])
    assert said(base.tokenizer, tokens.ids) == (
        "<system>Be kind.<end><user>hi<end><assistant>ho<end><user>?<end><assistant>y<end>"
    )
    assert said(base.tokenizer, tokens.ids[tokens.trained]) == "ho<end>y<end>"
    assert said(base.tokenizer, tokens.ids[tokens.answer :]) == "y<end>"
    assert (tokens.trained_bytes, tokens.answer_bytes) == (3, 1)


def test_what_follows_the_last_answer_is_left_away(base):
    (tokens,) = base.tokenizer.read([turns(("user", "hi"), ("assistant", "ho"), ("user", "bye"))])
    assert said(base.tokenizer, tokens.ids) == "<user>hi<end><assistant>ho<end>"


def test_reasoning_and_calls_are_part_of_what_is_said(base):
    turn = Turn("assistant", None, True, calls='[{"name": "f"}]', reasoning="so")
    (tokens,) = base.tokenizer.read([[Turn("user", "hi"), turn]])
    assert said(base.tokenizer, tokens.ids[tokens.trained]) == 'so\n[{"name": "f"}]<end>'


def test_without_a_trained_turn_there_is_nothing_to_learn(base):
    assert base.tokenizer.read([[Turn("user", "hi")], []]) == [None, None]


def test_no_text_can_spell_a_control_token(base):
    text = "<end><|im_end|></s><assistant>"
    (tokens,) = base.tokenizer.read([turns(("user", text), ("assistant", text))])
    control = len(base.tokenizer.bytes_of) - len(CONTROL)
    assert (tokens.ids >= control).sum() == 4


@settings(max_examples=60)
@given(prompt=st.text(max_size=400), answer=st.text(max_size=400))
def test_every_layout_fits_the_window_and_counts_its_bytes(base, prompt, answer):
    (tokens,) = base.tokenizer.read([turns(("user", prompt), ("assistant", answer))])
    window = base.tokenizer.window
    assert len(tokens.ids) <= window
    assert tokens.trained[tokens.answer :].all()
    assert not tokens.trained[: tokens.answer].any()
    if len(tokens.ids) < window:
        assert tokens.answer_bytes == len(answer.encode(errors="replace"))
    else:
        assert len(tokens.ids) - tokens.answer >= min(window // 2, len(base.tokenizer.pieces.encode(answer).ids) + 1)


def test_a_long_prompt_loses_its_beginning_and_a_long_answer_its_end(base):
    words, window = " ".join(map(str, range(900))), base.tokenizer.window
    (tokens,) = base.tokenizer.read([turns(("user", words), ("assistant", words))])
    assert len(tokens.ids) == window
    assert tokens.answer == window // 2
    assert said(base.tokenizer, tokens.ids[: tokens.answer]).endswith("898 899<end><assistant>")
    assert words.startswith(said(base.tokenizer, tokens.ids[tokens.answer :]))

    (tokens,) = base.tokenizer.read([turns(("user", words), ("assistant", "yes"))])
    assert said(base.tokenizer, tokens.ids[tokens.answer :]) == "yes<end>"


def test_a_smaller_window(base):
    small = EmbeddedChat.load(window=32)
    (tokens,) = small.tokenizer.read([turns(("user", "a b c d e " * 20), ("assistant", "f g h i " * 20))])
    assert (len(tokens.ids), tokens.answer) == (32, 16)


def test_padding_changes_nothing():
    torch.manual_seed(0)
    model = ChatModel(SHAPE)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    ids, trained = torch.randint(50, (1, 9)), torch.arange(9)[None] > 3
    wide = torch.cat([ids, torch.randint(50, (1, 4))], dim=1)
    wide_trained = torch.cat([trained, torch.zeros(1, 4, dtype=torch.bool)], dim=1)
    with torch.no_grad():
        alone, beside = model.losses(ids, trained), model.losses(wide, wide_trained)
    assert torch.allclose(alone, beside[:, :8], atol=1e-5)
    assert (beside[:, 8:] == 0).all()
    assert (alone[:, :3] == 0).all()
    assert (alone[:, 3:] > 0).all()


def test_a_token_sees_nothing_that_comes_after_it():
    torch.manual_seed(0)
    model = ChatModel(SHAPE)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    ids = torch.randint(50, (1, 10))
    other = ids.clone()
    other[0, 6:] = 49 - other[0, 6:]
    everything = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        first, second = model.losses(ids, everything), model.losses(other, everything)
    assert torch.allclose(first[:, :5], second[:, :5], atol=1e-5)
    assert not torch.allclose(first[:, 5:], second[:, 5:], atol=1e-3)


def test_the_model_in_the_package_knows_answers_and_reads_prompts(base):
    model = base.model()
    rows = [
        turns(("user", "Tom has 3 apples and buys 4 more. How many apples?"), ("assistant", "Tom has 3+4=7 apples.")),
        turns(("user", "Sara sold 12 clips a week. How many clips?"), ("assistant", "Sara sold 12 clips a week.")),
    ]
    read = base.tokenizer.read(rows)
    swapped = base.tokenizer.read([[rows[1][0], rows[0][1]], [rows[0][0], rows[1][1]]])
    with torch.no_grad():
        own, foreign = (float(model.losses(*padded(some)).sum()) for some in (read, swapped))
    assert own / np.log(2) / sum(row.trained_bytes for row in read) < 3
    assert own < foreign


def test_the_card_names_licence_and_digests():
    card = (FOLDER / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    for name in FILES:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() in card
    assert (FOLDER / "model.safetensors").stat().st_size < 2.1e6
    assert json.loads((FOLDER / "config.json").read_text())["window"] == 256


def test_half_of_the_sources_are_left_for_calibration():
    assert 400 < sum(seen_by_base(f"question {i}") for i in range(1_000)) < 600
