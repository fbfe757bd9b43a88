import numpy as np

from routewright import routers
from routewright.encoders import HashedEncoder, TextSpace
from routewright.encoders.memo import Memo, remembering
from routewright.routers.check import sample_data


def same(one, other):
    return all(np.array_equal(getattr(one, m), getattr(other, m)) for m in ("scores", "costs"))


def test_routers_predict_the_same_bit_for_bit():
    data = sample_data(n=60)
    train, test = data.subset(np.arange(40)), data.subset(np.arange(40, 60))
    memo = Memo()
    for name in ("stack", "knn", "ridge", "kmeans", "length", "stack"):
        alone = routers.make(name).fit(train).predict(test.prompts)
        with remembering(memo):
            shared = routers.make(name).fit(train).predict(test.prompts)
        assert same(alone, shared), name


def test_an_equal_space_learns_once_and_time_is_credited(monkeypatch):
    fits = []
    fit = HashedEncoder.fit
    monkeypatch.setattr(
        HashedEncoder, "fit", lambda self, texts: fits.append(1) or fit(self, texts)
    )
    prompts, memo = sample_data().prompts, Memo()
    with remembering(memo):
        first = TextSpace("hashed:16", seed=1).fit(prompts)
        assert memo.saved_s == 0
        second = TextSpace("hashed:16", seed=1).fit(prompts)
        assert memo.saved_s > 0
        assert second.encoder_ is first.encoder_
        for other in (TextSpace("hashed:16", seed=2), TextSpace("hashed:8", seed=1)):
            assert other.fit(prompts).encoder_ is not first.encoder_
        TextSpace("hashed:16", seed=1).fit(prompts[:-1])
    assert len(fits) == 4


def test_a_view_holds_the_prompts_that_were_asked_about():
    data, memo = sample_data(), Memo()
    twins = sample_data().prompts
    with remembering(memo):
        space = TextSpace("hashed:16").fit(data.prompts)
        first, second = space.view(data.prompts), space.view(twins)
    assert second.embeddings is first.embeddings
    assert second.prompts is twins


def test_a_space_fitted_anew_or_elsewhere_is_seen_anew():
    data, memo = sample_data(), Memo()
    with remembering(memo):
        space = TextSpace("hashed:16").fit(data.prompts)
        before = space.view(data.prompts)
    space.fit(data.prompts[:10])
    with remembering(memo):
        assert not np.array_equal(space.view(data.prompts).embeddings, before.embeddings)
        with remembering(None):
            assert space.view(data.prompts).embeddings is not before.embeddings


def test_a_full_memo_keeps_what_it_has_and_forgetting_makes_room():
    prompts, memo = sample_data().prompts, Memo(text_bytes=0, space_bytes=0)
    with remembering(memo):
        one, two = TextSpace("hashed:16").fit(prompts), TextSpace("hashed:16").fit(prompts)
    assert one.encoder_ is not two.encoder_
    memo = Memo()
    with remembering(memo):
        one = TextSpace("hashed:16").fit(prompts)
        memo.forget(texts=False)
        assert TextSpace("hashed:16").fit(prompts).encoder_ is not one.encoder_
