"""What needs neither torch nor transformers: finding a model, reading text, serving."""

import json

import numpy as np
import pytest

from routewright import hub
from routewright.errors import ConfigError
from routewright.routers.bert import folder as folders
from routewright.routers.bert.folder import model_folder, pooled_by_cls
from tests.fakes.tiny_bert import write_tokenizer

NEEDED = pytest.importorskip("tokenizers", reason="needs routewright[encoders]")


@pytest.fixture
def read(tmp_path):
    from routewright.routers.bert.tokens import Tokens

    told = write_tokenizer(tmp_path).read_text()
    return lambda text, most: Tokens(told, most).ids([text])[0].tolist()


def test_a_text_is_read_whole_where_it_fits(read):
    assert read("a b", 16) == [2, 4, 5, 3]
    assert read("", 16) == [2, 3]


def test_a_long_text_keeps_its_start_and_its_end(read):
    whole = read("a b c d e f g h i", 64)
    assert read("a b c d e f g h i", 7) == [2, *whole[1:4], *whole[-3:-1], 3]


def test_a_megabyte_is_read_like_a_page(read):
    begun, ended = read("a b " + "c " * 500_000 + "d e", 6)[1:3], read("a b d e", 6)[1:3]
    assert begun == ended


def test_half_a_character_is_no_error(read):
    assert len(read("a \ud800 b", 16)) == 5


def test_no_room_for_words_is_refused(read):
    with pytest.raises(ConfigError, match="max_tokens is 3"):
        read("a", 3)


def test_a_damaged_tokenizer_is_refused():
    from routewright.routers.bert.tokens import Tokens

    with pytest.raises(ConfigError, match=r"not a tokenizer\.json"):
        Tokens("{}", 16)


def test_an_unknown_model_lists_what_can_be_given():
    with pytest.raises(
        ConfigError, match=r"no model 'minilmm': give minilm, a folder .*owner/name"
    ):
        model_folder("minilmm")


def test_a_folder_that_lacks_a_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"no model\.safetensors, tokenizer\.json"):
        model_folder(str(tmp_path))


def test_a_hub_that_is_out_of_reach_says_what_to_do(monkeypatch):
    def refuse(repo, file, revision):
        raise hub.HubError("the hub can't be reached")

    monkeypatch.setattr(hub, "download", refuse)
    with pytest.raises(ConfigError, match=r"can't be reached; copy its config\.json"):
        model_folder("someone/encoder@abc")


def test_a_model_of_the_hub_comes_at_the_revision_asked_for(monkeypatch, tmp_path):
    asked = []

    def give(repo, file, revision):
        asked.append((repo, file, revision))
        return tmp_path / file

    monkeypatch.setattr(hub, "download", give)
    monkeypatch.setattr(folders, "_PACKAGE", "no_such_package")
    assert model_folder("someone/encoder@abc") == tmp_path
    assert ("someone/encoder", "model.safetensors", "abc") in asked
    model_folder("minilm")
    assert all(len(revision) == 40 for _, _, revision in asked[len(asked) // 2 :])


def test_the_model_says_how_it_is_pooled(tmp_path):
    assert not pooled_by_cls(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    for by_cls in (True, False):
        told = json.dumps({"pooling_mode_cls_token": by_cls})
        (tmp_path / "1_Pooling" / "config.json").write_text(told)
        assert pooled_by_cls(tmp_path) is by_cls


def test_a_graph_that_reads_files_is_refused(tmp_path, monkeypatch, read):
    onnx = pytest.importorskip("onnx", reason="needs routewright[finetune]")
    pytest.importorskip("onnxruntime", reason="needs routewright[encoders]")
    from routewright.routers.bert.scorer import Scorer

    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    weights = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=1)
    weights.external_data.add(key="location", value="secret")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["form", "w"], ["scores"])],
        "forged",
        [value("form", 1, [1, 4])],
        [value("scores", 1, [1, 4])],
        [weights],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
    )
    with pytest.raises(Exception, match="External data path"):
        Scorer(np.frombuffer(model.SerializeToString(), np.uint8), None)
