import math
import re
from collections import Counter

import numpy as np
import pytest
from tiny_model import TEMPLATE, make_model

from datalint.errors import InputError, TokenizerError, UsageError
from datalint.examples import Example, Turn
from datalint_trainer import chat, embedded_chat, lora
from datalint_trainer.base_model import conclusion
from datalint_trainer.chat_tokens import Reader, swapped
from datalint_trainer.impact import impact
from datalint_trainer.objective import Goal
from datalint_trainer.report import METRICS, ArmResult
from datalint_trainer.rows import training_rows

pytestmark = pytest.mark.train

COLOURS = ["red", "green", "blue", "black", "white", "brown", "grey", "pink"]


def talk(number: int, *turns: tuple[str, str]) -> Example:
    messages = [{"role": role, "content": text} for role, text in turns]
    made = tuple(
        Turn(role, text, role == "assistant", f"/messages/{i}/content") for i, (role, text) in enumerate(turns)
    )
    return Example(number, {"messages": messages}, "chat", made, "", None)


def question(number: int) -> Example:
    colour, thing = COLOURS[number % 8], f"thing {number}"
    return talk(number, ("user", f"What colour is {thing}?"), ("assistant", f"I think that {thing} is {colour} today."))


DATA = [question(i) for i in range(300)]
TEXTS = [TEMPLATE, *(turn.content for example in DATA for turn in example.turns)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"), TEXTS)


@pytest.fixture(scope="module")
def reader(folder):
    return Reader.load(folder, None, None, None)


def read(reader, *examples, max_length=128):
    return reader.read(training_rows(examples, "chat"), max_length)


def test_only_what_the_assistant_says_is_trained(reader):
    conversation = talk(0, ("user", "hi"), ("assistant", "ho"), ("user", "What?"), ("assistant", "yes"))
    (tokens,), _ = read(reader, conversation)
    seen = reader.tokenizer.decode(tokens.ids[tokens.trained].tolist())
    assert seen == "ho<|im_end|>\nyes<|im_end|>\n"
    assert reader.tokenizer.decode(tokens.ids[tokens.answer : tokens.end].tolist()) == "yes<|im_end|>\n"
    assert (tokens.trained_bytes, tokens.answer_bytes) == (5, 3)


def test_a_turn_with_its_training_switched_off_is_not_trained(reader):
    off = talk(0, ("user", "hi"), ("assistant", "ho"), ("user", "What?"), ("assistant", "yes"))
    turns = tuple(turn._replace(trained=False) if i == 1 else turn for i, turn in enumerate(off.turns))
    (tokens,), _ = read(reader, Example(0, off.value, "chat", turns, "", None))
    assert reader.tokenizer.decode(tokens.ids[tokens.trained].tolist()) == "yes<|im_end|>\n"


def test_string_prompts_are_rendered_in_the_roles_that_they_mean(reader):
    turns = (Turn("user", "hi", False, "/prompt"), Turn("assistant", "ho", True, "/completion"))
    strings = Example(0, {"prompt": "hi", "completion": "ho"}, "prompt-completion", turns, "", None)
    (tokens,), _ = read(reader, strings)
    (other,), _ = read(reader, talk(0, ("user", "hi"), ("assistant", "ho")))
    assert tokens.ids.tolist() == other.ids.tolist()


def test_what_does_not_fit_is_left_out_and_told(reader):
    long, empty = talk(1, ("user", "hi"), ("assistant", "ho " * 200)), talk(2, ("user", "hi"), ("assistant", ""))
    found, reasons = read(reader, DATA[0], long, empty)
    assert [tokens is not None for tokens in found] == [True, False, False]
    assert reasons == Counter({"longer than 128 tokens": 1, "with an empty answer": 1})


def test_a_foreign_prompt_never_costs_answer_tokens(reader):
    far = talk(9, ("user", "where " * 12), ("assistant", "here"))
    found, _ = read(reader, *DATA[:20], far)
    longest = max(len(tokens.ids) for tokens in found)
    for own, foreign in zip(found, swapped(found, np.arange(21), longest), strict=True):
        assert foreign.ids[foreign.answer : foreign.end].tolist() == own.ids[own.answer : own.end].tolist()
        assert foreign.ids[: foreign.answer].tolist() != own.ids[: own.answer].tolist()
        assert len(foreign.ids) <= longest


def test_a_near_copy_is_no_foreign_prompt(reader):
    found, _ = read(reader, *DATA[:12])
    prompts = {tuple(tokens.ids[: tokens.answer].tolist()): i // 6 for i, tokens in enumerate(found)}
    pairs = swapped(found, np.arange(12) // 6, 128)
    assert [prompts[tuple(tokens.ids[: tokens.answer].tolist())] for tokens in pairs] == [1] * 6 + [0] * 6


def test_the_pairing_is_the_same_every_time(reader):
    found, _ = read(reader, *DATA[:40])
    first, second = (swapped(found, np.arange(40), 128) for _ in range(2))
    assert all(a.ids.tolist() == b.ids.tolist() for a, b in zip(first, second, strict=True))


def spoilt(number: int) -> list[Example]:
    """Every third answer says nothing."""
    return [
        talk(i, ("user", e.turns[0].content), ("assistant", "As an AI I cannot.")) if i % 3 == 0 else e
        for i, e in enumerate(DATA[:number])
    ]


@pytest.fixture(scope="module", params=["embedded", "LoRA"])
def report(request, folder):
    raw = spoilt(60)
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for module, names in ((lora, ("MIN_STEPS", "MAX_STEPS")), (embedded_chat, ("STEPS",))):
            for name in names:
                patch.setattr(module, name, 4)
        model = str(folder) if request.param == "LoRA" else None
        clean = [e for i, e in enumerate(raw) if i % 3]
        return impact(raw, clean, DATA[60:], model=model, seeds=1, placebos=3, announce=said.append), said


def test_every_arm_is_measured_and_the_cost_is_told_first(report):
    found, said = report
    assert found.task == "chat"
    assert [(arm.name, arm.rows) for arm in found.arms] == [("raw", 60), ("clean", 40)] + [
        (f"placebo-{j}", 40) for j in range(3)
    ]
    assert re.fullmatch(r"5 fine-tunings of 4 steps with 16 rows each, about \d+ minutes on this [CG]PU", said[0])


def test_the_chat_report(report):
    found = report[0].to_dict()
    assert found["decided_by"].endswith(", after Holm")
    assert found["verdict"] in ("helped", "hurt", "no measurable difference")
    metrics = found["arms"][0]["metrics"]
    assert set(metrics) == set(METRICS["chat"])
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["log_loss"]))
    assert set(found["clean_minus_raw"]) == {"metric", "bits_per_byte", "prompt_sensitivity"}
    assert found["clean_minus_raw"]["metric"]["estimate"] == -found["clean_minus_raw"]["bits_per_byte"]["estimate"]
    before = found["baselines"][0]
    assert before["name"] == "the model before fine-tuning"
    gain = before["bits_per_byte"] - found["arms"][1]["metrics"]["bits_per_byte"]
    assert before["difference"]["estimate"] == pytest.approx(gain)
    assert len(found["advice"]) == 1
    assert found["model"]["method"] in ("LoRA, rank 16", "all weights fine-tuned")


def test_a_model_that_knows_nothing_is_sure_of_nothing(folder):
    base = impact(DATA[:20], DATA[:20], DATA[60:], model=str(folder), seeds=1, placebos=2).baselines[0]
    assert base["log_loss"] == pytest.approx(math.log(400), rel=0.1)
    assert base["prompt_sensitivity"] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("low", "high", "users", "said"),
    [
        (
            0.1,
            0.3,
            True,
            "Fine-tuning teaches something: the model before fine-tuning is worse than the cleaned file's",
        ),
        (-0.1, 0.3, True, "Whether fine-tuning teaches anything cannot be told from these rows (+0.1000"),
        (-0.2, 0.1, True, "You do not need fine-tuning for this: the model before fine-tuning does as well as"),
        (-0.3, -0.1, True, "You do not need fine-tuning for this: the model before fine-tuning is better than"),
        (-0.3, -0.1, False, "You may not need fine-tuning for this: the model before fine-tuning is better than"),
    ],
)
def test_the_model_before_fine_tuning_is_a_rival(low, high, users, said):
    found = {"bits_per_byte": 1.0, "difference": {"estimate": (low + high) / 2, "low": low, "high": high}}
    assert conclusion(found, None, fine_tuned=users).startswith(said)
    goal = Goal.parse("bits_per_byte <= 1.5", "chat")
    arm = ArmResult("clean", 0, 10, 22, {"bits_per_byte": 2.0})
    met = "You do not need fine-tuning for this: the model before fine-tuning meets the objective."
    assert conclusion(found, goal.judge([arm]), fine_tuned=users) == met


def test_options_of_a_model_need_one():
    for option in ({"tokenizer": "x"}, {"chat_template": "x"}):
        with pytest.raises(UsageError, match="for --model"):
            impact(DATA[:30], DATA[:30], DATA[30:], **option)


def test_an_eval_file_without_a_single_answer():
    silent = [talk(i, ("user", f"What is thing {i}?"), ("assistant", "")) for i in range(300)]
    with pytest.raises(InputError, match="no row of the eval file"):
        impact(DATA[:30], DATA[:30], silent)


def test_few_eval_rows_are_refused(monkeypatch):
    monkeypatch.setattr(embedded_chat, "STEPS", 2)
    found = impact(DATA[:30], DATA[:25], DATA[200:300], seeds=1, placebos=2)
    assert found.verdict == "not enough data"
    assert any("a verdict needs 200" in note for note in found.notes)


def test_what_ten_models_may_cost_is_bounded_and_told(monkeypatch):
    monkeypatch.setattr(embedded_chat, "STEPS", 2)
    monkeypatch.setitem(chat.MAX_ROWS, "chat", 220)
    first, last = (impact(DATA[:60], DATA[:50], some, seeds=1, placebos=2) for some in (DATA[60:], DATA[:59:-1]))
    assert first.evaluation["rows"] == 220
    assert {f"220 of {len(DATA) - 60} eval rows drawn at random: every model is scored on all of them",
            "each model is trained on at most 32 random rows of its file"} < set(first.notes)  # fmt: skip
    assert first.arms[0].metrics["bits_per_byte"] == pytest.approx(last.arms[0].metrics["bits_per_byte"], rel=1e-6)


def test_a_model_that_is_not_there(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="no such model folder"):
        lora.resolve("./nowhere")
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="not to be had from the model hub") as told:
        lora.resolve("nobody/nothing-of-that-name")
    assert "\n" not in str(told.value)


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(InputError, match=r"no \*.safetensors weights"):
        lora.resolve(str(tmp_path))


def test_a_model_without_a_chat_template(tmp_path):
    bare = make_model(tmp_path / "bare", TEXTS, template=None)
    with pytest.raises(TokenizerError, match="no chat template; give one with --chat-template"):
        impact(DATA[:30], DATA[:30], DATA[30:], model=str(bare))


def test_a_tokenizer_of_another_model(folder, tmp_path):
    small = make_model(tmp_path / "small", TEXTS[:2])
    assert Reader.load(small, None, None, None).tokenizer.size < Reader.load(folder, None, None, None).tokenizer.size
    with pytest.raises(InputError, match="give the model's own tokenizer"):
        impact(DATA[:30], DATA[:30], DATA[30:], model=str(small), tokenizer=folder)


def test_classification_rows_fine_tune_the_same_model(folder, monkeypatch):
    monkeypatch.setattr(lora, "MIN_STEPS", 4)
    monkeypatch.setattr(lora, "MAX_STEPS", 4)
    pairs = [(f"thing {i} is {COLOURS[i % 3]}", COLOURS[i % 3]) for i in range(300)]
    rows = [Example(i, {}, "classification", (), text, label) for i, (text, label) in enumerate(pairs)]
    found = impact(rows[:60], rows[:50], rows[60:], model=str(folder), seeds=1, placebos=2)
    assert found.task == "classification"
    assert found.model["method"] == "LoRA, rank 16"
    assert {arm.steps for arm in found.arms} <= {1, 2, 3, 4}
    assert all(np.isfinite(arm.metrics["log_loss"]) for arm in found.arms)
