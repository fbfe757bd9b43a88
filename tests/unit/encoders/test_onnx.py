import sys

import numpy as np
import pytest

from routewright.encoders import named, onnx
from routewright.encoders.frozen import both_ends
from routewright.encoders.hashed import HALF_CAP
from routewright.errors import ArtefactError, ConfigError, MissingExtraError, WeightsError
from tests.fakes.tiny_encoder import WORDS, table, write_encoder

pytest.importorskip("onnxruntime", reason="the extra encoders is not installed")


@pytest.fixture
def folder(tmp_path):
    return write_encoder(tmp_path / "tiny")


def unit(row):
    return row / np.linalg.norm(row)


def rows_of(text):
    return table()[[WORDS.index(word) if word in WORDS else 0 for word in text.split()]]


def test_a_vector_is_the_mean_over_the_tokens_of_unit_length(folder):
    encoder = named.make(f"onnx:{folder}").fit([])
    got = encoder.encode(["What is the number"])
    assert got.shape == (1, 6)
    assert got.dtype == np.float32
    wanted = unit(rows_of("[CLS] what is the number [SEP]").mean(axis=0))
    assert np.allclose(got[0], wanted, atol=1e-6)


def test_of_a_long_text_both_ends_are_read(folder):
    encoder = named.make(f"onnx:{folder}:8").fit([])
    text = "what is the " + "x " * 50 + "list of word"
    wanted = unit(rows_of("[CLS] what is the list of word [SEP]").mean(axis=0))
    assert np.allclose(encoder.encode([text])[0], wanted, atol=1e-6)
    text = "what " * HALF_CAP + "is " * HALF_CAP
    wanted = unit(rows_of("[CLS] what what what is is is [SEP]").mean(axis=0))
    assert np.allclose(encoder.encode([text])[0], wanted, atol=1e-6)


@pytest.mark.parametrize("limit", [8, 9])
def test_at_most_the_limit_is_kept_and_short_texts_are_whole(limit):
    assert both_ends(range(limit), limit) == list(range(limit))
    cut = both_ends(range(100), limit)
    assert len(cut) == limit
    assert cut[0] == 0
    assert cut[-1] == 99


def test_a_text_without_a_word_is_a_zero_row(folder):
    got = named.make(f"onnx:{folder}").fit([]).encode(["", " \n\t", "what"])
    assert not got[:2].any()
    assert got[2].any()
    assert named.make(f"onnx:{folder}").fit([]).encode([]).shape == (0, 6)


def test_a_vector_depends_on_its_own_text_alone(folder):
    encoder = named.make(f"onnx:{folder}").fit([])
    texts = ["what is", "x " * 300, "translate the word list", "what is", "lone \ud800"]
    together = encoder.encode(texts)
    assert all(
        np.array_equal(encoder.encode([t])[0], v) for t, v in zip(texts, together, strict=True)
    )


def test_the_state_is_a_fingerprint_and_restores_the_same(folder):
    encoder = named.make(f"onnx:{folder}").fit([])
    state = encoder.state()
    assert sum(array.nbytes for array in state.values()) <= 40
    again = named.restore(f"onnx:{folder}", state)
    assert np.array_equal(again.encode(["what is"]), encoder.encode(["what is"]))


@pytest.mark.parametrize("change", ["weights", "tokenizer", "external", "limit"])
def test_other_weights_tokenizer_or_limit_are_refused_in_one_line(folder, change):
    state = named.make(f"onnx:{folder}").fit([]).state()
    name = f"onnx:{folder}"
    if change == "weights":
        write_encoder(folder, seed=1)
    elif change == "tokenizer":
        told = (folder / "tokenizer.json").read_text()
        (folder / "tokenizer.json").write_text(told.replace("Lowercase", "NFC"))
    elif change == "external":
        (folder / "model.onnx.data").write_bytes(b"more weights")
    else:
        name += ":64"
    with pytest.raises(
        ArtefactError, match=r"was trained with .*, here is .*; train again"
    ) as told:
        named.restore(name, state)
    assert "\n" not in str(told.value)


def test_what_is_missing_is_named(tmp_path, folder):
    with pytest.raises(WeightsError, match=r"model\.onnx does not exist; name a folder"):
        named.make(f"onnx:{tmp_path}").fit([])
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"tokenizer\.json does not exist"):
        named.make(f"onnx:{folder}").fit([])


def test_a_file_that_is_no_network_or_no_tokenizer_is_named(tmp_path, folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"tokenizer\.json is no tokenizer"):
        named.make(f"onnx:{folder}").fit([])
    other = write_encoder(tmp_path / "other")
    (other / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(WeightsError, match=r"model\.onnx can't be opened") as told:
        named.make(f"onnx:{other}").fit([])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("module", ["onnxruntime", "tokenizers"])
def test_a_missing_library_names_the_extra(folder, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingExtraError, match=rf"{module}: pip install 'routewright\[encoders\]'"
    ):
        named.make(f"onnx:{folder}").fit([])


def test_one_session_serves_the_process(folder):
    for _ in range(3):
        named.make(f"onnx:{folder}").fit([]).encode(["what"])
    before = onnx._load.cache_info().misses
    named.make(f"onnx:{folder}:64").fit([]).encode(["is"])
    assert onnx._load.cache_info().misses == before


def test_weights_that_changed_are_read_anew(folder):
    before = named.make(f"onnx:{folder}").fit([]).encode(["what"])
    write_encoder(folder, seed=1)
    after = named.make(f"onnx:{folder}").fit([]).encode(["what"])
    assert not np.allclose(before, after)
    wanted = table(seed=1)[[WORDS.index(word) for word in ("[CLS]", "what", "[SEP]")]].mean(axis=0)
    assert np.allclose(after[0], unit(wanted), atol=1e-6)


def test_threads_come_from_the_argument_then_the_environment(monkeypatch):
    assert onnx.threads_asked() == 1
    monkeypatch.setenv("ROUTEWRIGHT_ENCODER_THREADS", "2")
    assert onnx.threads_asked() == 2
    assert onnx.threads_asked(3) == 3
    monkeypatch.setenv("ROUTEWRIGHT_ENCODER_THREADS", "many")
    with pytest.raises(ConfigError, match="ROUTEWRIGHT_ENCODER_THREADS='many'"):
        onnx.threads_asked()
