"""Encoders beside each other: seconds to load, CPU per prompt, and what they tell a router.

    ROUTEWRIGHT_DATA=… python benchmarks/encoders.py [NAME ...] > benchmarks/results/encoders.txt

``ROUTEWRIGHT_DATA`` names a folder with ``routellm_mmlu`` in long format. Quality is measured on
2,000 rows of its training part alone, out of five folds over groups: the mean squared error of
ridge and kNN where each prompt's mean over the models is taken off, times 1,000, and APGR of
GPT-4 over Mixtral. In brackets the change against ``hashed`` with its standard error, over rows.
CPU is that of a process of its own with one thread, without any cache. wordllama, which is no part
of the package, is compared where it can be imported.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data import RoutingData
from routewright.data.splits import split
from routewright.encoders import named
from routewright.encoders.cache import forget_recent
from routewright.encoders.frozen import FrozenEncoder, fingerprint_of
from routewright.metrics.two_models import apgr
from routewright.protocols import Encoder

Floats = NDArray[np.float64]
NAMES = ("hashed", "minilm:64", "minilm:128", "minilm:256", "hashed+minilm:128")
ROWS = 2_000
LEARNT_ON = 500  # prompts that a learned encoder is fitted on to measure its speed
WORDS = ("the", "harvest", "of", "winter", "apples", "grows", "slowly", "near", "old", "rivers")


class Foreign(FrozenEncoder):
    """A package's encoder, for comparison only."""

    def __init__(self, name: str, opened: Callable[[], Callable[[Sequence[str]], Any]]) -> None:
        super().__init__(name)
        self.opened = opened

    def _open(self) -> tuple[bytes, int]:
        self.embed = self.opened()
        return fingerprint_of(self.name), len(np.asarray(self.embed(["a"]))[0])

    def _vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        return [np.asarray(self.embed([text]))[0] for text in texts]


def wordllama() -> Callable[[Sequence[str]], Any]:
    module: Any = importlib.import_module("wordllama")
    here = Path(module.__file__).parent
    return module.WordLlama.load(cache_dir=here, disable_download=True).embed


def foreign(opened: Callable[[], Any]) -> Callable[[str, str, int], Encoder]:
    return lambda name, _detail, _seed: Foreign(name, opened)


FOREIGN = {"wordllama": wordllama}


def training_rows() -> RoutingData:
    """``ROWS`` prompts of the training part, a seeded draw."""
    data = RoutingData.load(Path(os.environ["ROUTEWRIGHT_DATA"]) / "routellm_mmlu")
    train, _ = split(data, holdout=0.3, seed=0)
    rows = np.random.default_rng(0).choice(train, min(ROWS, len(train)), replace=False)
    return data.subset(np.sort(rows))


def prompt_of(words: int, variant: int) -> str:
    rng = np.random.default_rng(variant)
    return " ".join(rng.choice(WORDS, words)) + "?"


def speed(name: str) -> dict[str, float]:
    """Load seconds, CPU ms a prompt of 15 and of 200 words alone, prompts/s, width, megabytes."""
    data = training_rows()
    texts = [prompt.text for prompt in data.prompts[:LEARNT_ON]]
    state = {}
    if "hashed" in name:  # fitting is not loading
        state = named.make(name).fit(texts).state()
    start = time.process_time()
    encoder = named.restore(name, state) if state else named.make(name).fit(())
    encoder.encode(["first"])
    loaded = time.process_time() - start
    told = {"load_s": loaded if "+" not in name else float("nan")}  # the fit opened a part of it
    for words in (15, 200):
        prompts = [prompt_of(words, variant) for variant in range(30)]
        forget_recent()
        start = time.process_time()
        for prompt in prompts:
            encoder.encode([prompt])
        told[f"ms_{words}"] = (time.process_time() - start) / len(prompts) * 1000
    forget_recent()
    start = time.process_time()
    rows = encoder.encode(texts)
    told["per_s"] = len(texts) / (time.process_time() - start)
    return told | {"width": rows.shape[1], "megabytes": megabytes(name, encoder)}


def megabytes(name: str, encoder: Encoder) -> float:
    """Bytes of the files that the encoder reads, or of the arrays that it learned."""
    parts: Sequence[Encoder] = getattr(encoder, "parts", ())
    if parts:
        return sum(megabytes(name, part) for part in parts)
    files = [getattr(encoder, which, None) for which in ("model_", "tokenizer_")]
    found = [path for path in files if isinstance(path, Path)]
    if isinstance(encoder, Foreign):
        spec = importlib.util.find_spec(name)
        folder = Path(spec.origin).parent if spec and spec.origin else Path()
        found = [path for path in folder.rglob("*") if path.is_file()]
    model = getattr(encoder, "model", None)
    if isinstance(model, str) and Path(model).is_dir():
        found = [*Path(model).glob("*.safetensors"), Path(model) / "tokenizer.json"]
    held = sum(array.nbytes for array in encoder.state().values())
    return (sum(path.stat().st_size for path in found) or held) / 1e6


def quality(name: str, data: RoutingData) -> dict[str, tuple[Floats, float]]:
    """For ridge and kNN: each row's squared relative error (n,), and APGR."""
    from routewright import routers
    from routewright.routers.table import centre

    known = np.isfinite(data.scores)
    strong = int(data.scores.mean(axis=0).argmax())
    told: dict[str, tuple[Floats, float]] = {}
    for family in ("ridge", "knn"):
        router = routers.make(family, encoder=name)
        guess = routers.out_of_fold(router, data).scores
        error = ((centre(guess, known) - centre(data.scores, known)) ** 2).mean(axis=1)
        lead = guess[:, strong] - guess[:, 1 - strong]
        told[family] = error, apgr(data.scores[:, strong], data.scores[:, 1 - strong], lead)
    return told


def measured(name: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--speed", name]
    quiet = os.environ | {"ROUTEWRIGHT_CACHE": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet)
    return json.loads(done.stdout.splitlines()[-1])


def line(name: str, data: RoutingData, base: dict[str, Floats]) -> str:
    fast = measured(name)
    slow = name.startswith("hf:")  # the vectors are those of the same weights in ONNX
    shown = f"hf:{Path(name).name}" if slow else name
    cells = (
        f"{shown:<18}{fast['load_s']:>7.2f}{fast['ms_15']:>8.2f}{fast['ms_200']:>9.2f}"
        f"{fast['per_s']:>8.0f}{fast['width']:>6.0f}{fast['megabytes']:>7.1f}"
    )
    if slow:
        return cells
    for family, (error, area) in quality(name, data).items():
        change = error - base.setdefault(family, error)
        told = f"{change.mean() * 1000:+.2f}±{change.std() / np.sqrt(len(change)) * 1000:.2f}"
        cells += f"{error.mean() * 1000:>9.2f} ({told:>10}){area:>7.3f}"
    return cells


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--speed", metavar="NAME")
    asked = parser.parse_args()
    os.environ["ROUTEWRIGHT_CACHE"] = ""
    present = [name for name in FOREIGN if importlib.util.find_spec(name)]
    named.FAMILIES.update({name: foreign(FOREIGN[name]) for name in present})
    if asked.speed:
        print(json.dumps(speed(asked.speed)))
        return
    data = training_rows()
    print(f"{len(data)} training rows of routellm_mmlu; CPU of one thread")
    print(
        f"{'encoder':<18}{'load s':>7}{'ms/15w':>8}{'ms/200w':>9}{'batch/s':>8}{'d':>6}{'MB':>7}"
        f"{'ridge (against hashed)':>22}{'APGR':>7}{'kNN (against hashed)':>22}{'APGR':>7}"
    )
    base: dict[str, Floats] = {}
    for name in asked.names or [*NAMES, *present]:
        print(line(name, data, base), flush=True)


if __name__ == "__main__":
    main()
