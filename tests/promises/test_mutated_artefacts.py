"""A thousand damaged or forged artefacts: each is refused in one line that names the file.

Half of the damage is blind (bytes, lengths, files). The other half is done by a forger who repairs
every digest and checksum, so that only what an artefact must be can give the change away.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from routewright import routers
from routewright.errors import ArtefactError, WeightsError
from routewright.routers.artefact import ARRAYS, MANIFEST
from routewright.routers.check import sample_data
from routewright.routers.manifest import seal

EACH = 250
SECONDS = 1.0  # a second: whoever loads an artefact is not held up by a bad one

Rng = np.random.Generator
Arrays = dict[str, np.ndarray]
Mutation = Callable[[Path, Rng], None]


def pick(rng: Rng, values: Any) -> Any:
    values = list(values)
    return values[int(rng.integers(len(values)))]


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_bytes())


def reseal(folder: Path, **changes: Any) -> None:
    (folder / MANIFEST).write_bytes(seal(manifest_of(folder) | changes))


def rewrite(folder: Path, arrays: Arrays, packed: bytes | None = None) -> None:
    """New arrays with a manifest that vouches for them."""
    packed = save(arrays) if packed is None else packed
    (folder / ARRAYS).write_bytes(packed)
    listed = {n: {"dtype": str(a.dtype), "shape": list(a.shape)} for n, a in arrays.items()}
    reseal(folder, arrays=listed, arrays_sha256=hashlib.sha256(packed).hexdigest())


def arrays_of(folder: Path) -> Arrays:
    return {name: array.copy() for name, array in load((folder / ARRAYS).read_bytes()).items()}


# Blind damage ---------------------------------------------------------------------------------


def flip_bytes(folder: Path, rng: Rng) -> None:
    file = folder / pick(rng, [ARRAYS, MANIFEST])
    raw = bytearray(file.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        raw[int(rng.integers(len(raw)))] ^= int(rng.integers(1, 256))
    if bytes(raw) == file.read_bytes():
        raw[0] ^= 1
    file.write_bytes(bytes(raw))


def turn_white_space(folder: Path, rng: Rng) -> None:
    raw = bytearray((folder / MANIFEST).read_bytes())
    at = pick(rng, [i for i, byte in enumerate(raw) if byte in b" \n"])
    raw[at] = ord("\t")
    (folder / MANIFEST).write_bytes(bytes(raw))


def cut_off(folder: Path, rng: Rng) -> None:
    file = folder / pick(rng, [ARRAYS, MANIFEST])
    raw = file.read_bytes()
    file.write_bytes(raw[: int(rng.integers(len(raw)))])


def append(folder: Path, rng: Rng) -> None:
    file = folder / pick(rng, [ARRAYS, MANIFEST])
    file.write_bytes(file.read_bytes() + rng.bytes(int(rng.integers(1, 99))))


def change_a_number(folder: Path, rng: Rng) -> None:
    """A finite value, with the arrays' digest repaired and the manifest's checksum not."""
    arrays = arrays_of(folder)
    name = pick(rng, [n for n, a in arrays.items() if a.dtype.kind == "f" and a.size])
    arrays[name].reshape(-1)[int(rng.integers(arrays[name].size))] += 0.5
    packed = save(arrays)
    (folder / ARRAYS).write_bytes(packed)
    manifest = manifest_of(folder) | {"arrays_sha256": hashlib.sha256(packed).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def edit_without_sealing(folder: Path, rng: Rng) -> None:
    manifest = manifest_of(folder)
    change = pick(
        rng,
        [
            {"models": manifest["models"][::-1]},
            {"models": [*manifest["models"][:-1], "another"]},
            {"recommended_worth_usd": 5.0},
            {"params": manifest["params"] | {"seed": 99}},
            {"package_version": "9.9"},
            {"extra": {"hook": "os.system"}},
            {"data_fingerprint": "0" * 32},
            {"evaluation": {"aiq": 1.0}},
        ],
    )
    (folder / MANIFEST).write_text(json.dumps(manifest | change, indent=1) + "\n")


def lose_a_file(folder: Path, rng: Rng) -> None:
    (folder / pick(rng, [ARRAYS, MANIFEST])).unlink()


class _Bang:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("CODE WAS RUN",))


def pickle_instead(folder: Path, rng: Rng) -> None:
    import pickle  # noqa: TID251 - what an attacker would put there

    packed = pickle.dumps(_Bang(), protocol=int(rng.integers(0, 5)))
    file = pick(rng, [ARRAYS, MANIFEST])
    (folder / file).write_bytes(packed)
    if file == ARRAYS and rng.integers(2):
        reseal(folder, arrays_sha256=hashlib.sha256(packed).hexdigest())


def other_thing_instead(folder: Path, rng: Rng) -> None:
    file = folder / pick(rng, [ARRAYS, MANIFEST])
    file.unlink()
    kind = int(rng.integers(6))
    if kind == 0:
        file.mkdir()
    elif kind == 1:
        os.mkfifo(file)
    else:
        other = MANIFEST if file.name == ARRAYS else ARRAYS
        file.symlink_to(["/dev/zero", "nowhere", file.name, folder / other][kind - 2])


def json_bomb(folder: Path, rng: Rng) -> None:
    deep = int(rng.integers(1_000, 1_000_000))
    head = b'{"format": "routewright-router", "format_version": 3, "extra": '
    bombs = [
        head + b"[" * deep,
        head + b'{"a":' * (deep // 10),
        b"[" * deep + b"]" * deep,
        head + b"9" * deep + b"}",
        head + b"1e999}",
        head + b'"' + b"x" * (5 << 20),
        b" " * (5 << 20),
        b"\x00" * deep,
        head + b"NaN}",
        b"\xff\xfe" + head,
    ]
    (folder / MANIFEST).write_bytes(pick(rng, bombs))


# Forgery: every digest is right ---------------------------------------------------------------


def drop_array(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    # A space that doesn't remember its texts is one of an earlier day.
    arrays.pop(pick(rng, sorted(arrays.keys() - {"space.fitted_on"})))
    rewrite(folder, arrays)


def rename_array(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    name = pick(rng, sorted(arrays))
    arrays[name + pick(rng, ["_", ".x", "2"])] = arrays.pop(name)
    rewrite(folder, arrays)


def extra_array(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    prefix = pick(rng, ["router.", "cost.", "space.", "", "space.encoder.", "other."])
    arrays[f"{prefix}more{int(rng.integers(99))}"] = np.zeros(int(rng.integers(4)))
    rewrite(folder, arrays)


def other_type(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    name = pick(rng, sorted(arrays))
    kinds = ["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool"]
    if not arrays[name].ndim:  # one number may be a whole one
        kinds = ["bool"]
    wanted = pick(rng, [kind for kind in kinds if kind != str(arrays[name].dtype)])
    with np.errstate(all="ignore"):
        arrays[name] = arrays[name].astype(wanted)
    rewrite(folder, arrays)


def other_shape(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    free = {"space.fitted_on", "space.encoder", "router.tasks", "router.ids"}
    name = pick(rng, sorted(arrays.keys() - free))
    array = arrays[name]
    shapes = [array[None], array[..., None]]
    if array.ndim:
        shapes += [array[:-1], np.concatenate([array, array[:1]]), array[:0]]
        shapes += [array.sum(dtype=array.dtype)]
    if array.ndim == 2:
        shapes += [array[:, :-1], array.reshape(-1)]
        if array.shape[0] != array.shape[1]:
            shapes += [array.T]
    changed = [each for each in shapes if each.shape != array.shape]
    arrays[name] = np.array(pick(rng, changed), order="C")
    rewrite(folder, arrays)


def not_finite(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    name = pick(rng, [n for n, a in arrays.items() if a.dtype.kind == "f" and a.size])
    at = int(rng.integers(arrays[name].size))
    arrays[name].reshape(-1)[at] = pick(rng, [np.nan, np.inf, -np.inf])
    rewrite(folder, arrays)


BOUNDED = (
    "cost.prices.",
    "cost.volume.alpha",
    "cost.volume.sigma",
    "router.weights",
    "router.mu",
    "router.knn.mu",
    "router.knn.scores",
    "router.knn.k",
    "router.knn.kappa",
    "router.knn.temperature",
    "router.kmeans.profiles",
    "router.kmeans.counts",
    "router.kmeans.kappa",
    "router.ridge.sigma",
    "router.ridge.alpha",
    "router.calibration.y",
    "router.calibration.ends",
    "space.scale",
    "space.encoder.0.words",
)


def out_of_bounds(folder: Path, rng: Rng) -> None:
    """Negative costs, weights off the simplex, scores below 0, counts that make no sense."""
    arrays = arrays_of(folder)
    bounded = [n for n, a in arrays.items() if n.startswith(BOUNDED) and a.size and a.dtype != bool]
    array = arrays[pick(rng, bounded)]
    array.reshape(-1)[int(rng.integers(array.size))] = -pick(rng, [1, 3, 1000])
    rewrite(folder, arrays)


def knots_that_fall(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    if "router.calibration.x" not in arrays:
        arrays["space.encoder.0.words"] = arrays["space.encoder.0.words"][::-1].copy()
    else:
        name = f"router.calibration.{pick(rng, 'xy')}"
        arrays[name] = arrays[name][::-1].copy()
    rewrite(folder, arrays)


def huge_values(folder: Path, rng: Rng) -> None:
    """Finite, and yet the trial prediction overflows or a bound is passed."""
    arrays = arrays_of(folder)
    whole = [
        n for n, a in arrays.items() if n.startswith(("router.weights", "space.encoder.0.words"))
    ]
    name = pick(rng, [*whole, "space.encoder.0.words"])
    arrays[name].reshape(-1)[-1] = 1 << 30
    rewrite(folder, arrays)


def another_encoder(folder: Path, rng: Rng) -> None:
    arrays = arrays_of(folder)
    name = pick(
        rng, ["bogus", "hashed:x", "../../etc", "h\nd", "hashed\x00", "onnx:/dev/zero", " "]
    )
    arrays["space.encoder"] = np.frombuffer(name.encode(), np.uint8)
    rewrite(folder, arrays)
    reseal(folder, encoder={"name": name, "fingerprint": None})


def swapped_arrays(folder: Path, rng: Rng) -> None:
    """The arrays of another router, vouched for."""
    other = pick(rng, ["length", "zero", "task", "oracle"])
    packed = (folder.parent / f"{other}-sound" / ARRAYS).read_bytes()
    rewrite(folder, dict(load(packed)), packed)


def header_lies(folder: Path, rng: Rng) -> None:
    raw = (folder / ARRAYS).read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    name = pick(rng, [each for each in header if each != "__metadata__"])
    lie = int(rng.integers(7))
    entry = header[name]
    if lie == 0:
        entry["data_offsets"][1] += int(rng.integers(1, 999))
    elif lie == 1:
        entry["data_offsets"] = [0, 1 << 60]
    elif lie == 2:
        entry["shape"] = [1 << 40, 1 << 40]
    elif lie == 3:
        entry["shape"] = [-1]
    elif lie == 4:
        entry["dtype"] = pick(rng, ["O", "F128", "BF16", "pickle"])
    elif lie == 5:
        entry["data_offsets"] = entry["data_offsets"][::-1]
        entry["shape"] = [3, *entry["shape"]]
    else:
        header["__metadata__"] = {"x": 1}
    told = json.dumps(header).encode()
    length = len(told) if rng.integers(3) else pick(rng, [0, 1, 1 << 33, (1 << 64) - 1])
    packed = length.to_bytes(8, "little") + told + raw[8 + size :]
    (folder / ARRAYS).write_bytes(packed)
    reseal(folder, arrays_sha256=hashlib.sha256(packed).hexdigest())


def listed_wrongly(folder: Path, rng: Rng) -> None:
    arrays = manifest_of(folder)["arrays"]
    name = pick(rng, sorted(arrays))
    shape, kind = arrays[name]["shape"], arrays[name]["dtype"]
    arrays[name] = pick(
        rng,
        [
            {"dtype": kind, "shape": [*shape, 1]},
            {"dtype": kind, "shape": [1 << 62] * 3},
            {"dtype": kind, "shape": [-1, *shape]},
            {"dtype": "object", "shape": shape},
            {"dtype": "no type\nat all", "shape": shape},
            {"dtype": kind},
            {"dtype": kind, "shape": "all"},
            [],
        ],
    )
    reseal(folder, arrays=arrays)


def field_removed(folder: Path, rng: Rng) -> None:
    manifest = manifest_of(folder)
    manifest.pop(pick(rng, sorted(manifest.keys() - {"checksum"})))
    (folder / MANIFEST).write_bytes(seal(manifest))


def field_retyped(folder: Path, rng: Rng) -> None:
    manifest = manifest_of(folder)
    name = pick(rng, sorted(manifest.keys() - {"checksum"}))
    wrong = [7, "seven", ["x"], True, [[]], -1.5]
    free = {"price_date": str, "package_version": str, "data_fingerprint": str}
    kind = free.get(name)
    if name == "recommended_worth_usd":
        wrong = ["seven", ["x"], True, [[]], -1.5]
    value = pick(rng, [each for each in wrong if kind is None or not isinstance(each, kind)])
    reseal(folder, **{name: value})


def models_wrong(folder: Path, rng: Rng) -> None:
    models = manifest_of(folder)["models"]
    wrong = [[*models, "more"], models[:-1], [models[0]] * len(models), [], models[:1], [1, 2, 3]]
    reseal(folder, models=pick(rng, wrong))


def parameters_wrong(folder: Path, rng: Rng) -> None:
    params = manifest_of(folder)["params"]
    wrong = [
        {**params, "seed": "zero"},
        {**params, "encoder": 7},
        {**params, "__class__": "os"},
        {**params, "self": 1},
        {"wrong\nname": 1},
        {**params, "seed": [0]},
        {**params, "encoder": None},
    ]
    reseal(folder, params=pick(rng, wrong))


def told_wrongly(folder: Path, rng: Rng) -> None:
    """What the manifest says of the router, and the arrays don't."""
    manifest = manifest_of(folder)
    meta, m = manifest["meta"], len(manifest["models"])
    means = meta["train_means"]
    changes = [
        {"router": pick(rng, ["os", "length", "", "x" * 100_000, "../stack"])},
        {"encoder": {"name": "another", "fingerprint": None}},
        {"encoder": {"name": "hashed", "fingerprint": "0" * 64}},
        {"recommended_worth_usd": -1.0},
        {"meta": {**meta, "more": 1}},
        {"meta": {**meta, "train_means": {**means, "scores": [2.0] * m}}},
        {"meta": {**meta, "train_means": {**means, "costs": [-1.0] * m}}},
        {"meta": {**meta, "train_means": {**means, "costs": [1.0] * (m + 1)}}},
        {"meta": {**meta, "train_means": {"scores": means["scores"]}}},
        {"meta": {}},
        {"meta": {**meta, "train_means": None}},
        {"format": "routewright-router2"},
        {"format_version": pick(rng, [0, 1, 2, 4, True, "3", None, 1 << 70])},
        {"hook": "os.system"},
    ]
    reseal(folder, **pick(rng, changes))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes,
    turn_white_space,
    cut_off,
    append,
    change_a_number,
    edit_without_sealing,
    lose_a_file,
    pickle_instead,
    other_thing_instead,
    json_bomb,
    drop_array,
    rename_array,
    extra_array,
    other_type,
    other_shape,
    not_finite,
    out_of_bounds,
    knots_that_fall,
    huge_values,
    another_encoder,
    swapped_arrays,
    header_lies,
    listed_wrongly,
    field_removed,
    field_retyped,
    models_wrong,
    parameters_wrong,
    told_wrongly,
)


@pytest.mark.parametrize("name", ["stack", "knn", "ridge", "kmeans"])
def test_every_mutated_artefact_is_refused_with_a_reason(name, tmp_path, monkeypatch):
    """A-01, A-02: accepted bad ones 0 of 1,000, pickles among them."""
    monkeypatch.chdir(tmp_path)
    sound = tmp_path / f"{name}-sound"
    for each in {name, "length", "zero", "task", "oracle"}:
        routers.make(each).fit(sample_data()).save(tmp_path / f"{each}-sound")
    routers.load(sound)
    read, slow = [], 0.0
    for at in range(EACH):
        mutate, rng = MUTATIONS[at % len(MUTATIONS)], np.random.default_rng([at, len(name)])
        folder = tmp_path / "mutant"
        shutil.copytree(sound, folder)
        mutate(folder, rng)
        started = time.perf_counter()
        try:
            routers.load(folder)
            read.append(f"{mutate.__name__} {at}: was read")
        except WeightsError as error:  # the encoder that it names is not on this machine
            if "\n" in str(error) or mutate is not another_encoder:
                read.append(f"{mutate.__name__} {at}: {error!r:.200}")
        except ArtefactError as error:
            told = str(error)
            if "\n" in told or not told.startswith(str(folder)) or len(told) > 1_000:
                read.append(f"{mutate.__name__} {at}: {told[:200]!r}")
        except BaseException as error:
            read.append(f"{mutate.__name__} {at}: {error!r:.200}")
        slow = max(slow, time.perf_counter() - started)
        shutil.rmtree(folder)
    assert not read, "\n".join(read)
    assert slow < SECONDS
    assert not (tmp_path / "CODE WAS RUN").exists()
