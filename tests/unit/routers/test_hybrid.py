import numpy as np
import pytest

from routewright import routers
from routewright.analysis import COLUMNS, TASKS, analyse
from routewright.encoders.memo import Memo, remembering
from routewright.errors import ArtefactError, ConfigError
from routewright.routers.check import sample_data
from routewright.routers.hybrid import AnalysedSpace
from routewright.types import Analysis, Prompt


@pytest.fixture(scope="module")
def fitted():
    data = sample_data(n=60)
    return data, routers.make("hybrid", encoder="hashed:8").fit(data)


def test_it_tells_what_it_makes_of_a_prompt(fitted):
    data, router = fitted
    prompt = Prompt.from_text("x", "Translate the word number 3 of list 4 into French.")
    told = router.analyse(prompt)
    assert (told.task, told.domain, told.language) == ("translation", "language", "en")
    expected = 1 - router.predict([prompt]).scores.mean()
    assert told.difficulty == pytest.approx(expected, abs=1e-12)
    lengths = data.output_tokens[[i for i, p in enumerate(data.prompts) if p.task == "word"]]
    assert told.expected_tokens == pytest.approx(lengths.mean(), rel=0.5)


def test_without_token_counts_it_expects_no_length():
    data = sample_data(n=24)
    from dataclasses import replace

    none = np.full(data.scores.shape, np.nan)
    router = routers.make("hybrid", encoder="hashed:8").fit(
        replace(data, input_tokens=none, output_tokens=none)
    )
    assert router.analyse(data.prompts[0]).expected_tokens is None


def test_linear_members_alone_see_the_analysis(fitted):
    data, router = fitted
    view = router.space_.view(data.prompts)
    plain = routers.make("stack", encoder="hashed:8").fit(data).space_.view(data.prompts)
    assert view.extra.shape == (60, len(COLUMNS))
    assert view.design.shape[1] == plain.design.shape[1] + len(COLUMNS)
    assert np.array_equal(view.places, plain.places)


def test_analyses_by_somebody_else_reach_the_columns(fitted):
    data, _ = fitted
    given = {p.id: Analysis("chat", "law", "de") for p in data.prompts[:30]}
    router = routers.make("hybrid", analyser="llm", encoder="hashed:8")
    with pytest.raises(ConfigError, match="use_analyses"):
        router.fit(data)
    router.use_analyses(lambda prompt: given.get(prompt.id)).fit(data)
    column = COLUMNS.index("task chat")
    raw = router.space_.view(data.prompts).extra[:, column] > 0
    assert raw[:30].all()
    assert not raw[30:].any()
    assert router.analyse(data.prompts[0]).domain == "law"
    assert router.use_analyses(None).analyse(data.prompts[0]).domain != "law"


def test_a_remembered_space_brings_nobody_elses_analyses(fitted):
    data, _ = fitted
    with remembering(Memo()):
        one = AnalysedSpace("hashed:8")
        one.analyst = lambda prompt: Analysis("chat", "law", "de")
        one.fit(data.prompts)
        two = AnalysedSpace("hashed:8").fit(data.prompts)
        assert two.analyst is None
        assert two.analysis(data.prompts[0]) == analyse(data.prompts[0].text)
        assert not np.array_equal(two.analysis_mean_, one.analysis_mean_)
        alone = AnalysedSpace("hashed:8")
    alone.fit(data.prompts)
    assert np.array_equal(alone.view(data.prompts).extra, two.view(data.prompts).extra)


def test_it_may_learn_what_the_text_space_can_not_see():
    """Where the analysis alone tells who is right, hybrid finds it out and stack can't."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 300)
    prompts = tuple(
        Prompt.from_text(str(i), f"item {rng.integers(1000, 9999)}", group=str(i))
        for i in range(300)
    )
    from routewright.data import RoutingData

    scores = np.column_stack([kinds == 0, kinds == 1]).astype(float)
    data = RoutingData(prompts, ("a", "b"), scores, np.ones((300, 2)))
    told = {p.id: Analysis(TASKS[k], "general", "en") for p, k in zip(prompts, kinds, strict=True)}
    train, test = data.subset(np.arange(200)), data.subset(np.arange(200, 300))
    router = routers.make("hybrid", encoder="hashed:8").use_analyses(lambda p: told[p.id])
    right = router.fit(train).predict(test.prompts).scores.argmax(1) == kinds[200:]
    assert right.mean() > 0.95


def test_an_unknown_analyser_is_refused():
    with pytest.raises(ConfigError, match="no analyser 'gpt'; there are built-in, llm"):
        routers.make("hybrid", analyser="gpt").fit(sample_data())


def test_an_artefact_with_other_columns_is_refused(fitted, tmp_path, monkeypatch):
    _, router = fitted
    router.save(tmp_path / "router")
    assert routers.load(tmp_path / "router").analyse(Prompt.from_text("", "hi")).task == "chat"
    monkeypatch.setattr("routewright.routers.hybrid.COLUMNS", COLUMNS[1:])
    with pytest.raises(ArtefactError, match="columns of analysis"):
        routers.load(tmp_path / "router")
