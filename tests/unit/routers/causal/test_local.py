"""The causal LLM in torch, with a tiny network: what is promised holds whatever it knows."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from routewright import routers
from routewright.errors import ArtefactError, ConfigError, UsageError
from routewright.routers.check import CHECKS, check_router, sample_data
from routewright.routers.table import squared_error
from routewright.types import Prompt
from tests.fakes.tiny_llm import tiny_llm

torch = pytest.importorskip("torch", reason="the extra finetune (torch) is not installed")
pytest.importorskip("transformers", reason="the extra finetune (transformers) is not installed")
pytest.importorskip("peft", reason="the extra finetune (peft) is not installed")

from routewright.routers.causal import CausalLlmRouter  # noqa: E402
from routewright.routers.causal.bases import find_base  # noqa: E402
from routewright.routers.causal.local import LocalModel  # noqa: E402
from routewright.routers.causal.settings import Training  # noqa: E402
from routewright.routers.causal.template import Template  # noqa: E402
from routewright.routers.causal.training import train  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

QUICK = {"epochs": 1, "batch": 16, "checks": 1, "r": 4, "top_layers": 1}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_llm(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def fitted(base):
    return quick(base, training=QUICK | {"head": "rows"}).fit(sample_data())


def quick(base, **params):
    return CausalLlmRouter(**{"base": base, "training": QUICK, "max_tokens": 256} | params)


def loaded(base, models=("m0", "m1", "m2")):
    return LocalModel(find_base(base), Template.of(models, "0-5"), max_tokens=256)


def trained(model, prompts, labels, held, settings):
    with model.seeded(0):
        model.adapt(settings)
    return train(model, prompts, labels, held, np.zeros(labels.shape[1:]), settings, seed=0)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_contract_is_kept(base, check):
    check_router(lambda **params: quick(base, **params), [check])


def test_one_pass_reads_every_line_as_if_it_stood_alone(base):
    model = loaded(base)
    question = "What is 2 plus 3? Answer with the number only."
    together = model.ask(question).logits
    shared = model.template.fitted(question, 200, lambda text: len(model._tokens(text)))
    for at, line in enumerate(model.template.lines):
        ids = torch.tensor([model._tokens(shared + line)])
        with torch.inference_mode():
            alone = model.network(input_ids=ids).logits[0, -1, model.labels].numpy()
        assert together[at] == pytest.approx(alone, abs=1e-5)


def test_another_candidate_changes_nothing_for_the_others(base):
    few, many = loaded(base, ("m0", "m2")), loaded(base)
    assert few.ask("Why?").logits == pytest.approx(many.ask("Why?").logits[[0, 2]], abs=1e-5)


def test_padding_changes_nothing(base):
    model = loaded(base)
    prompts = [model.read("Why?"), model.read("Why is " + "it so " * 20 + "?")]
    with torch.inference_mode():
        both = model.label_logits(prompts).numpy()
        alone = model.label_logits(prompts[:1]).numpy()
    assert both[0] == pytest.approx(alone[0], abs=1e-5)


def test_a_long_question_is_cut_to_the_budget(base):
    model = loaded(base)
    ids = model.read("begin " + "many words " * 3000 + "end")
    assert len(ids) + max(map(len, model.lines)) <= 256


def test_control_tokens_in_a_question_are_plain_text(base):
    model = loaded(base)
    assert model._tokenizer.eos_token_id not in model.read("stop <|end|> here")


def test_training_learns_what_a_question_tells(base):
    model = loaded(base, ("m0", "m1"))
    data = sample_data(models=2, n=120)
    code = np.array(["Python" in prompt.text for prompt in data.prompts])
    labels = np.zeros((120, 2, 6))
    labels[np.arange(120), 0, np.where(code, 5, 0)] = 1
    labels[np.arange(120), 1, 5] = 1
    labels[::7, 1] = np.nan
    prompts = [model.read(prompt.text) for prompt in data.prompts]
    settings = Training(head="none", epochs=10, batch=8, lr=1e-2, dropout=0.0, checks=1, patience=9)
    course = trained(model, prompts, labels, np.arange(0, 120, 5), settings)
    # Whoever ignores the question can't go below half the entropy of a quarter: 0.28.
    assert min(check.held for check in course.curve) < 0.2
    # The model wears the best adapter, and a fresh one given the matrices says the same.
    told = model.ask(data.prompts[0].text).logits
    other = loaded(base, ("m0", "m1"))
    other.adapt(settings)
    other.wear(course.adapter)
    assert np.array_equal(other.ask(data.prompts[0].text).logits, told)


def test_training_that_does_harm_is_undone(base):
    model = loaded(base, ("m0", "m1"))
    prompts = [model.read(f"question {i}") for i in range(24)]
    labels = np.zeros((24, 2, 6))
    labels[:, :, 0], labels[12:, :, 0], labels[12:, :, 5] = 1, 0, 1
    held = np.arange(12)  # all that is held out contradicts all that is learned from
    before = model.ask("question 1").logits
    settings = Training(head="none", epochs=8, batch=4, lr=1e-2, checks=1, patience=2)
    course = trained(model, prompts, labels, held, settings)
    assert len(course.curve) == 3  # stopped after two checks without a gain
    assert model.ask("question 1").logits == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize(
    "more", [{"loss": "ordinal"}, {"accumulate": 3}, {"checkpointing": True}, {"top_layers": 0}]
)
def test_every_way_of_training_lowers_the_loss(base, more):
    model = loaded(base, ("m0", "m1"))
    prompts = [model.read(f"question {i}") for i in range(32)]
    labels = np.zeros((32, 2, 6))
    labels[:, :, 4] = 1
    settings = Training(
        **{"head": "none", "epochs": 4, "batch": 4, "lr": 1e-2, "top_layers": 1} | more
    )
    course = trained(model, prompts, labels, np.arange(8), settings)
    assert course.curve[-1].held < course.curve[0].held


def test_accumulated_batches_make_the_step_of_a_large_one(base):
    curves = []
    for batch, accumulate in ((8, 1), (2, 4)):
        model = loaded(base, ("m0", "m1"))
        prompts = [model.read("the same question") for _ in range(16)]
        labels = np.zeros((16, 2, 6))
        labels[:, :, 4] = 1
        labels[0, 0] = np.nan
        settings = Training(
            head="none",
            epochs=2,
            batch=batch,
            accumulate=accumulate,
            lr=1e-2,
            dropout=0.0,
            top_layers=1,
        )
        course = trained(model, prompts, labels, np.arange(4), settings)
        curves.append([check.held for check in course.curve])
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)


def test_the_global_generator_is_left_alone(base):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    quick(base).fit(sample_data(n=24))
    assert torch.equal(torch.rand(1), expected)


def test_the_artefact_holds_the_adapter_and_not_the_base(base, fitted, tmp_path):
    fitted.save(tmp_path / "router")
    manifest = routers.read_manifest(tmp_path / "router")
    names = [name for name in manifest.arrays if name.startswith("router.adapter.")]
    assert (
        len(names) == 5
    )  # the label rows, A and B of q_proj and v_proj in the upper of two layers
    assert len(manifest.meta["base_sha256"]) == 64
    assert manifest.meta["loss_curve"][0][0] == 0
    assert (tmp_path / "router" / "arrays.safetensors").stat().st_size < 100_000


def test_another_base_is_refused(base, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(base, own)
    quick(str(own)).fit(sample_data(n=24)).save(tmp_path / "router")
    routers.load(tmp_path / "router")
    tiny_llm(own, seed=1)
    with pytest.raises(ArtefactError, match="is not the one this router was trained on"):
        routers.load(tmp_path / "router")
    shutil.rmtree(own)
    with pytest.raises(ArtefactError, match="no folder and no GGUF file"):
        routers.load(tmp_path / "router")


def test_zero_shot_trains_nothing(base):
    router = quick(base, training={"epochs": 0, "head": "none"}).fit(sample_data())
    assert router.adapter_ == {}
    assert router.curve_ == ()
    with pytest.raises(UsageError, match="no adapter to export"):
        router.export_adapter("nowhere")


@pytest.mark.parametrize("head", ["rows", "question"])
def test_a_head_alone_learns_and_leaves_the_layers_alone(head, base, tmp_path):
    data = sample_data(n=120)
    router = quick(base, training={"epochs": 0, "head": head}).fit(data)
    assert not [name for name in router.adapter_ if ".layers." in name]
    assert ("question.reading" in router.adapter_) == (head == "question")
    assert len(router.adapter_) == 1  # the reading, or the label rows
    assert [check.step for check in router.curve_] == [0]
    plain = quick(base, training={"epochs": 0, "head": "none"}).fit(data)
    errors = [
        squared_error(each.predict(data.prompts).scores, data.scores) for each in (router, plain)
    ]
    assert errors[0] < errors[1]
    router.save(tmp_path / "router")
    again = routers.load(tmp_path / "router")
    assert np.array_equal(
        again.predict(data.prompts[:3]).scores, router.predict(data.prompts[:3]).scores
    )


def test_where_the_question_tells_nothing_no_block_is_tuned(base):
    data = sample_data(n=60)
    data = replace(data, scores=np.full_like(data.scores, 0.6))
    router = quick(base).fit(data)
    assert [check.step for check in router.curve_] == [0]
    assert router.predict(data.prompts[:4]).scores == pytest.approx(np.full((4, 3), 0.6), abs=0.05)


def test_a_head_that_no_server_can_read_is_not_exported(base, tmp_path):
    router = quick(base, training={"epochs": 0, "head": "question"}).fit(sample_data(n=40))
    for leave in (router.export_adapter, router.served_by):
        with pytest.raises(UsageError, match="'head': 'rows'"):
            leave(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_an_exported_adapter_says_the_same_to_others(base, fitted, tmp_path):
    """As a server does it: peft's reader around the same base, and the plain next token."""
    import peft
    import transformers

    fitted.export_adapter(str(tmp_path))
    network = transformers.AutoModelForCausalLM.from_pretrained(base)
    served = peft.PeftModel.from_pretrained(network, str(tmp_path)).eval()
    model, question = fitted.model_, sample_data().prompts[0].text
    shared = model.template.fitted(question, 200, lambda text: len(model._tokens(text)))
    expected = model.ask(question).logits
    for at, line in enumerate(model.template.lines):
        ids = torch.tensor([model._tokens(shared + line)])
        with torch.inference_mode():
            told = served(input_ids=ids).logits[0, -1, model.labels].numpy()
        assert told == pytest.approx(expected[at], abs=1e-4)


def test_deciding_has_a_price(base, fitted):
    told = fitted.predict(sample_data().prompts[:4])
    assert told.decision_costs.shape == (4,)
    assert (told.decision_costs > 0).all()
    free = (
        quick(base, usd_per_hour=0.0).fit(sample_data(n=24)).predict([Prompt.from_text("a", "b")])
    )
    assert (free.decision_costs == 0).all()


def test_an_adapter_is_exported_for_servers(fitted, tmp_path):
    fitted.export_adapter(str(tmp_path))
    assert (tmp_path / "adapter_config.json").is_file()
    assert (tmp_path / "adapter_model.safetensors").is_file()


def test_the_fitted_router_can_be_served_elsewhere(fitted):
    from tests.fakes.completions import completions, with_logprobs

    model, prompts = fitted.model_, sample_data().prompts[:5]

    def reply(number, body):
        ids = torch.tensor([model._tokens(body["prompt"])])
        with torch.inference_mode():
            p = model.trained(input_ids=ids).logits[0, -1].log_softmax(0)
        return with_logprobs({str(k): float(p[label]) for k, label in enumerate(model.labels)})

    with completions(reply) as served:
        other = fitted.served_by(served.url)
        assert other.predict(prompts).scores == pytest.approx(
            fitted.predict(prompts).scores, abs=1e-4
        )
        needed = [each.strong_needed(prompts, "m1") for each in (other, fitted)]
        assert needed[0] == pytest.approx(needed[1], abs=1e-4)
        assert np.ptp(needed[0]) > 1e-3
        assert not any(name.startswith("adapter") for name in other._state()[0])


def test_a_tokenizer_that_joins_digits_is_refused(tmp_path):
    joined = tiny_llm(tmp_path, digits=False)
    with pytest.raises(ConfigError, match="makes no single token of label"):
        quick(str(joined)).fit(sample_data(n=24))


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"device": "abacus"}, "device 'abacus'"),
        ({"dtype": "float8"}, "dtype 'float8': choose"),
        ({"training": {"targets": ["nothing"]}}, "training: targets"),
        ({"base": "no/such/folder"}, "no folder and no GGUF file"),
        ({"base": "/etc"}, "config.json is missing"),
        ({"max_tokens": 30}, "max_tokens leaves"),
    ],
)
def test_impossible_settings_say_what_to_do(base, params, why):
    with pytest.raises(ConfigError, match=why):
        quick(**{"base": base} | params).fit(sample_data(n=24))
