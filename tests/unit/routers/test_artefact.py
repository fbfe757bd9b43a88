import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save

from routewright import routers
from routewright.errors import ArtefactError
from routewright.routers.artefact import ARRAYS, MANIFEST, load_router
from routewright.routers.baselines import ZeroRouter
from routewright.routers.check import sample_data
from routewright.routers.manifest import seal
from routewright.routers.packing import Holds, expect

PARAMS = {"clusters": None, "near": None, "kappa": 10.0, "encoder": "words+static", "seed": 3}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "router"
    routers.make("kmeans", seed=3).fit(sample_data()).save(path, extra={"groups": "abc"})
    return path


def edit(folder, **changes):
    """Change the manifest and seal it again, as a forger would."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_bytes(seal(manifest | changes))


def swap_arrays(folder, change):
    """Rewrite the arrays with a manifest that vouches for them, as a forger would."""
    from hashlib import sha256

    arrays = dict(load((folder / ARRAYS).read_bytes()))
    change(arrays)
    packed = save(arrays)
    (folder / ARRAYS).write_bytes(packed)
    listed = {n: {"dtype": str(a.dtype), "shape": list(a.shape)} for n, a in arrays.items()}
    edit(folder, arrays=listed, arrays_sha256=sha256(packed).hexdigest())


def refuses(folder, pattern):
    with pytest.raises(ArtefactError, match=pattern) as caught:
        routers.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_the_manifest_tells_what_it_is(folder):
    told = json.loads((folder / MANIFEST).read_text())
    assert told["format"] == "routewright-router"
    assert told["format_version"] == 3
    assert told["router"] == "kmeans"
    assert told["params"] == PARAMS
    assert told["models"] == ["m0", "m1", "m2"]
    data = sample_data()
    assert told["meta"]["train_means"]["scores"] == pytest.approx(data.scores.mean(axis=0))
    assert told["meta"]["train_means"]["costs"] == pytest.approx(data.costs.mean(axis=0))


def test_everything_comes_back(folder):
    router = routers.load(folder)
    assert router.params() == PARAMS
    assert router.extra_ == {"groups": "abc"}
    assert router.models_ == ("m0", "m1", "m2")
    assert router.train_means_["costs"] == pytest.approx(sample_data().costs.mean(axis=0))


def test_the_same_training_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        routers.make("stack").fit(sample_data()).save(tmp_path / name)
    for file in (ARRAYS, MANIFEST):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_nothing_in_it_is_a_pickle(folder):
    """A-02"""
    assert sorted(p.name for p in folder.iterdir()) == [ARRAYS, MANIFEST]
    assert b"\x80\x04\x95" not in (folder / ARRAYS).read_bytes()[:64]


def test_saving_again_replaces_and_leaves_nothing_behind(folder):
    routers.make("zero").fit(sample_data()).save(folder)
    assert routers.load(folder).name == "zero"
    assert [p.name for p in folder.parent.iterdir()] == ["router"]


def test_a_folder_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtefactError, match="holds other files"):
        routers.make("zero").fit(sample_data()).save(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_router_that_is_not_fitted_is_not_saved(tmp_path):
    with pytest.raises(RuntimeError, match="not fitted"):
        routers.make("zero").save(tmp_path / "x")


def test_an_extra_that_is_not_json_is_refused(tmp_path):
    router = routers.make("zero").fit(sample_data())
    with pytest.raises(ArtefactError, match="not JSON"):
        router.save(tmp_path / "x", extra={"nan": float("nan")})
    assert not (tmp_path / "x").exists()


def test_a_manifest_too_large_to_read_back_is_not_written(tmp_path):
    router = routers.make("zero").fit(sample_data())
    with pytest.raises(ArtefactError, match="keep less in extra"):
        router.save(tmp_path / "x", extra={"much": "x" * (4 * 1024 * 1024)})
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("file", [ARRAYS, MANIFEST])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    refuses(folder, file)


def test_another_version_says_found_expected_and_the_way_out(folder):
    edit(folder, format_version=1)
    refuses(folder, r"format version 1.*reads 3; train again")


@pytest.mark.parametrize("version", [True, "1", None, 0])
def test_a_version_that_only_looks_right_is_refused(folder, version):
    edit(folder, format_version=version)
    refuses(folder, "format version")


def test_another_format_is_refused(folder):
    edit(folder, format="something-else")
    refuses(folder, "not a Routewright router")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": NaN}', "[" * 100_000])
def test_a_manifest_that_is_no_manifest_is_refused(folder, text):
    (folder / MANIFEST).write_text(text)
    refuses(folder, MANIFEST)


def test_an_oversized_manifest_is_not_read(folder):
    (folder / MANIFEST).write_text(" " * (4 * 1024 * 1024 + 1))
    refuses(folder, "larger than")


def test_unknown_fields_are_refused(folder):
    edit(folder, hook="os.system")
    refuses(folder, "hook")


def test_an_unknown_router_is_refused(folder):
    edit(folder, router="os")
    refuses(folder, "no router 'os'")


def test_unknown_parameters_are_refused(folder):
    edit(folder, params={"wrong": 1})
    refuses(folder, "wrong")


def test_changed_arrays_are_refused(folder):
    packed = bytearray((folder / ARRAYS).read_bytes())
    packed[-1] ^= 1
    (folder / ARRAYS).write_bytes(bytes(packed))
    refuses(folder, "digest")


def test_cut_off_arrays_are_refused(folder):
    packed = (folder / ARRAYS).read_bytes()
    (folder / ARRAYS).write_bytes(packed[: len(packed) // 2])
    refuses(folder, "digest")


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_refused_even_when_vouched_for(folder, content):
    from hashlib import sha256

    (folder / ARRAYS).write_bytes(content)
    edit(folder, arrays_sha256=sha256(content).hexdigest())
    refuses(folder, "header|safetensors")


def test_an_array_too_many_or_too_few_is_refused(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    listed = manifest["arrays"]
    edit(folder, arrays=listed | {"router.more": {"dtype": "float64", "shape": [1]}})
    refuses(folder, "'router.more' is missing")
    listed.pop("router.kmeans.counts")
    edit(folder, arrays=listed)
    refuses(folder, "'router.kmeans.counts' is not listed")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.pop("router.kmeans.profiles"),
        lambda a: a.update({"router.kmeans.profiles": np.zeros((4, 2))}),
        lambda a: a.update({"router.kmeans.centres": np.zeros((4, 3), np.float32)}),
        lambda a: a.update({"cost.prices.cap": np.zeros(2)}),
        lambda a: a.update({"space.mean": np.zeros(3)}),
        lambda a: a.update({"space.encoder.words": np.full(9, 1 << 30, np.int32)}),
    ],
)
def test_a_forged_state_is_refused_before_it_is_handed_out(folder, change):
    swap_arrays(folder, change)
    refuses(folder, "not the state of a 'kmeans' router")


def test_nan_in_an_array_is_refused(folder):
    swap_arrays(folder, lambda a: a.update({"router.kmeans.profiles": np.full((6, 3), np.nan)}))
    refuses(folder, "NaN")


def test_an_artefact_of_before_digests_were_kept_still_loads(folder):
    prompts = sample_data().prompts
    before = routers.load(folder)
    assert before.space_.met(prompts).all()
    swap_arrays(folder, lambda a: a.pop("space.fitted_on"))
    old = routers.load(folder)
    assert old.space_.met(prompts) is None
    assert np.array_equal(old.predict(prompts).scores, before.predict(prompts).scores)


def test_the_manifest_tells_what_it_learned_from(tmp_path):
    data = sample_data()
    routers.make("stack").fit(data).save(tmp_path / "router")
    told = routers.read_manifest(tmp_path / "router")
    assert told.data_fingerprint == data.fingerprint
    assert told.encoder.name == "words+static"
    assert told.encoder.fingerprint is None
    assert told.calibration is not None
    assert set(told.calibration["kinds"]) == set(data.models)
    assert 0 < told.calibration["brier"] < 0.5
    assert told.evaluation is None
    assert told.price_date is None


def test_the_fingerprint_of_data_is_of_what_is_taught():
    data = sample_data()
    again = sample_data()
    assert again.fingerprint == data.fingerprint
    other = [
        sample_data(seed=1),
        replace(data, scores=1 - data.scores),
        replace(data, costs=2 * data.costs),
        replace(data, models=("x", "y", "z")),
        data.subset(np.arange(len(data))[::-1]),
    ]
    assert len({each.fingerprint for each in [data, *other]}) == 6
    assert replace(data, latencies=np.ones(data.scores.shape)).fingerprint == data.fingerprint


def test_a_manifest_that_was_edited_is_refused(folder):
    told = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(told | {"models": ["a", "b", "c"]}, indent=1) + "\n")
    refuses(folder, "checksum.*changed after it was written")


def test_tuples_come_back_as_tuples(tmp_path):
    class Sized(ZeroRouter):
        def __init__(self, *, sizes: tuple[int, ...] = (3, 4), seed: int = 0) -> None:
            super().__init__(seed=seed)
            self.sizes = sizes

    Sized(sizes=(7,)).fit(sample_data()).save(tmp_path / "router")
    assert load_router(tmp_path / "router", Sized).params() == {"sizes": (7,), "seed": 0}


@pytest.mark.parametrize(
    ("array", "holds", "wrong"),
    [
        (np.zeros((2, 3)), Holds("n 4"), r"shape \(2, 3\), not \(n=2, 4\)"),
        (np.zeros((2, 3)), Holds("n n"), r"shape \(2, 3\), not \(n=2, n=2\)"),
        (np.zeros(2), Holds(), "shape"),
        (np.full(2, 1.1), Holds("m", high=1), r"outside \[-inf, 1\]"),
        (np.full(2, -0.1), Holds("m", low=0), r"outside \[0, inf\]"),
        (np.zeros(2, np.float32), Holds("m"), "holds float32, not float64"),
    ],
)
def test_arrays_are_believed_only_where_they_hold_what_they_must(array, holds, wrong):
    with pytest.raises(ValueError, match=wrong):
        expect("it", array, holds)
