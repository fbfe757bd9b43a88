"""A network run in two pieces says what it says in one."""

import numpy as np
import pytest

from tests.fakes.tiny_llm import tiny_llm

torch = pytest.importorskip("torch", reason="the extra finetune (torch) is not installed")
pytest.importorskip("transformers", reason="the extra finetune (transformers) is not installed")
pytest.importorskip("peft", reason="the extra finetune (peft) is not installed")

from routewright.routers.causal.bases import find_base  # noqa: E402
from routewright.routers.causal.blocks import Blocks  # noqa: E402
from routewright.routers.causal.local import LocalModel  # noqa: E402
from routewright.routers.causal.settings import Training  # noqa: E402
from routewright.routers.causal.template import Template  # noqa: E402
from routewright.routers.causal.training import train  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

MODELS = ("m0", "m1")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return find_base(str(tiny_llm(tmp_path_factory.mktemp("base"))))


def adapted(base, **settings):
    model = LocalModel(base, Template.of(MODELS, "0-5"), max_tokens=256)
    with model.seeded(0):
        model.adapt(Training(**({"top_layers": 1, "depths": (0.5,)} | settings)))
    return model


def read(model, count=6):
    return [model.read(f"question {'long ' * at}{at}") for at in range(count)]


def test_states_that_are_kept_give_the_same_logits(base):
    model = adapted(base)
    model._reading = torch.ones_like(model._reading)
    prompts = read(model)
    below = model.below(prompts)
    with torch.inference_mode():
        for at, prompt in enumerate(prompts):
            alone = model.label_logits([prompt])
            assert torch.equal(model.label_logits([prompt], [below[at]]), alone)
        together = model.label_logits(prompts, below)
        assert together.numpy() == pytest.approx(model.label_logits(prompts).numpy(), abs=1e-4)


def test_a_depth_is_the_state_after_so_many_blocks(base):
    model = adapted(base)
    (prompt, *_) = read(model)
    question = model.states([prompt])
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        hidden = model.network(input_ids=ids, output_hidden_states=True).hidden_states
    expected = torch.cat([hidden[at][0].mean(dim=0) for at in (1, 2)]).numpy()
    assert question[0] == pytest.approx(expected, abs=1e-4)


def test_a_depth_above_the_cut_is_read_after_it(base):
    model = adapted(base, depths=(1.0,), top_layers=1)
    prompts = read(model)
    below = model.below(prompts)
    assert below[0].read == ()
    assert np.array_equal(model.states(prompts, below), model.states(prompts))


def test_the_network_is_whole_again_even_after_an_error(base):
    model = adapted(base)
    layers, norm = model._causal.base_model.layers, model._causal.base_model.norm
    with pytest.raises(ValueError, match="input_ids"):
        model._blocks.lower()
    assert model._causal.base_model.layers is layers
    assert model._causal.base_model.norm is norm


@pytest.mark.parametrize("settings", [{"top_layers": 0}, {"epochs": 0}])
def test_nothing_is_kept_where_it_would_not_be_used(base, settings):
    model = adapted(base, **settings)
    assert model.below(read(model)) is None


def test_nothing_is_kept_of_a_network_that_says_otherwise_in_two_pieces(base, monkeypatch):
    model = adapted(base)
    upper = Blocks.upper
    monkeypatch.setattr(Blocks, "upper", lambda *a, **b: [2 * x for x in upper(*a, **b)])
    assert model.below(read(model)) is None


def test_nothing_is_kept_where_it_would_take_too_much_room(base, monkeypatch):
    model = adapted(base)
    monkeypatch.setattr("routewright.routers.causal.local._MOST_BYTES", 1000)
    assert model.below(read(model)) is None


@pytest.mark.parametrize("checkpointing", [False, True])
def test_training_from_kept_states_ends_at_the_same_weights(base, checkpointing):
    told = []
    for keeps in (True, False):
        settings = Training(
            epochs=2,
            batch=4,
            lr=1e-2,
            top_layers=1,
            depths=(0.5, 1.0),
            dropout=0.0,
            checkpointing=checkpointing,
        )
        model = adapted(
            base, **{name: getattr(settings, name) for name in settings.__annotations__}
        )
        prompts = read(model, 16)
        labels = np.zeros((16, 2, 6))
        labels[:, 0, 4], labels[:, 1, 1] = 1, 1
        below = model.below(prompts) if keeps else None
        assert (below is not None) == keeps
        course = train(
            model, prompts, labels, np.arange(4), np.zeros((2, 6)), settings, seed=0, below=below
        )
        told.append(course)
    first, second = told
    assert [check.held for check in first.curve] == pytest.approx(
        [check.held for check in second.curve], rel=1e-4
    )
    for name, matrix in first.adapter.items():
        assert matrix == pytest.approx(second.adapter[name], abs=2e-4)
