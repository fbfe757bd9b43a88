import numpy as np
import pytest

from routewright.encoders import named
from routewright.encoders.concat import ConcatEncoder
from routewright.errors import ConfigError
from tests.fakes.tiny_encoder import write_encoder

TEXTS = [f"add {i} and {i + 1} please" for i in range(20)] + ["translate dog", "translate cat"] * 5


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nonsense", "no encoder 'nonsense'; there are hashed, words, static, minilm, .*, and a"),
        ("hashed+nonsense", r"no encoder 'hashed\+nonsense'"),
        ("hashed:x", "its length must be a number"),
        ("hashed:0", "its length must be a number"),
        ("minilm:7", "from 8 to 512"),
        ("minilm:513", "from 8 to 512"),
        ("minilm:x", "from 8 to 512"),
        ("onnx:", "say which, as in onnx:/folder"),
        ("onnx::64", "say which, as in onnx:/folder"),
        ("hf:", "say which, as in hf:/folder"),
        ("endpoint:", "name the endpoint's model"),
        ("", "no encoder ''"),
        ("hashed+", r"no encoder 'hashed\+'"),
    ],
)
def test_a_wrong_name_says_what_is_right(name, says):
    with pytest.raises(ConfigError, match=says) as told:
        named.make(name)
    assert "\n" not in str(told.value)


def test_names_carry_their_settings():
    assert named.make("minilm:64").max_tokens == 64
    assert str(named.make("onnx:/models/c++:64").folder) == "/models/c++"
    assert named.make("onnx:/models/c++:64").max_tokens == 64
    assert named.make("hf:owner/name@abc").model == "owner/name@abc"
    assert named.make("endpoint:bge-m3:567m").model == "bge-m3:567m"


def test_a_plus_joins_names_but_not_inside_a_path():
    joined = named.make("hashed:8+onnx:/a+b/c+minilm")
    assert isinstance(joined, ConcatEncoder)
    assert [type(part).__name__ for part in joined.parts] == [
        "HashedEncoder",
        "OnnxEncoder",
        "MiniLmEncoder",
    ]
    assert str(joined.parts[1].folder) == "/a+b/c"


def test_side_by_side_each_part_has_its_share_and_the_row_unit_length(tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra encoders is not installed")
    folder = write_encoder(tmp_path / "tiny")
    both = named.make(f"hashed:4+onnx:{folder}", seed=3).fit(TEXTS)
    one = named.make("hashed:4", seed=3).fit(TEXTS).encode(TEXTS)
    other = named.make(f"onnx:{folder}").fit(TEXTS).encode(TEXTS)
    rows = both.encode(TEXTS)
    assert rows.dtype == np.float32
    assert np.allclose(rows, np.hstack([one, other]) / np.sqrt(2), atol=1e-6)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert not both.encode([""]).any()
    again = named.restore(f"hashed:4+onnx:{folder}", both.state())
    assert np.array_equal(again.encode(TEXTS), rows)
