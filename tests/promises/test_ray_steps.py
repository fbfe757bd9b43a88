"""Import, encoding and fits on a Ray cluster give what one process gives, killed workers or not."""

import importlib.util
import os
import signal
from functools import partial

import numpy as np
import pytest

from routewright.bench import bench
from routewright.data.logs import Source, log_format
from routewright.data.logs.importing import Steps, import_log
from routewright.data.logs.sample import representative
from routewright.data.near import near_clusters
from routewright.encoders.named import make
from routewright.scale import ClusterHands, each_on, map_in_order, open_cluster
from routewright.types import Model, Price
from tests.promises.test_bench import timeless
from tests.promises.test_import import log_of, pair
from tests.unit.bench.worlds import table

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
)


@pytest.fixture(scope="module")
def cluster():
    with open_cluster("ray", 2) as opened:
        yield opened


def questions(count):
    """Questions of which every seventh is an edit of the one before it."""
    draw = np.random.default_rng(5)
    words = ["".join(draw.choice(list("abcdefghiklmnoprstu"), size=5)) for _ in range(800)]
    texts = []
    for at in range(count):
        if at % 7 == 6:
            texts.append(texts[-1].capitalize() + " please")
        else:
            texts.append(" ".join(draw.choice(words, size=30)))
    return texts


def test_an_imported_folder_is_the_same_to_the_last_byte(cluster, tmp_path):
    rows = [pair(f"{text} mail me at a{at}@b.org") for at, text in enumerate(questions(700))]
    log = log_of(tmp_path, [*rows, "not a row", *rows[:30]])
    steps = Steps(scrub="US", sample=200, seed=3)
    told = {}
    for where, more in (("one", {}), ("ray", {"each": each_on(cluster)})):
        source = Source(log)
        told[where] = import_log(
            source,
            "openai",
            log_format("openai"),
            tmp_path / where,
            steps=steps,
            encoder=make("static"),
            models=[Model("cheap", "x", (Price("2026-01-01"),))],
            **more,
        )
    assert told["one"]["scrubbed"] == {"EMAIL": 730}
    for name in ("imported.jsonl", "answers.journal", "sources.jsonl", "dropped.jsonl"):
        one, ray = ((tmp_path / where / name).read_bytes() for where in ("one", "ray"))
        assert one, name
        assert one == ray, name
    assert told["one"] == told["ray"]


def test_near_duplicates_among_many_texts_are_the_same(cluster):
    texts = questions(1_500)
    here = near_clusters(texts, whole=0)
    assert (here != np.arange(len(texts))).sum() >= 150, "there are near duplicates to find"
    assert (near_clusters(texts, whole=0, each=each_on(cluster)) == here).all()


@pytest.mark.parametrize("encoder", ["static", "hashed"])
def test_a_sample_by_an_encoder_that_the_workers_keep_is_the_same(cluster, encoder):
    texts = questions(900)
    draw = partial(representative, texts, ["en"] * len(texts), 90, seed=1)
    here = draw(make(encoder, seed=1))
    assert (draw(make(encoder, seed=1), each=each_on(cluster)) == here).all()


def killed_once(marker, rows):
    """Twice each number; the first process that sees 500 dies."""
    if 500 in rows and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [2 * row for row in rows]


def test_a_step_whose_worker_is_killed_is_done_again(cluster, tmp_path):
    step = partial(killed_once, tmp_path / "marker")
    assert list(map_in_order(cluster, step, range(2_000), batch=50)) == list(range(0, 4_000, 2))
    assert (tmp_path / "marker").exists(), "a worker was to be killed"


def test_a_comparison_is_that_of_one_machine(cluster, tmp_path):
    terms = {"seeds": 2, "replicates": 100, "regimes": ["in-distribution"]}
    one = bench([table(120)], "length", out=tmp_path / "one", jobs=1, **terms)
    on_ray = bench(
        [table(120)], "length", out=tmp_path / "ray", hands=ClusterHands(cluster), **terms
    )
    assert on_ray.fitted == one.fitted > 0
    assert timeless(on_ray.board.to_dict()) == timeless(one.board.to_dict())
    again = bench(
        [table(120)], "length", out=tmp_path / "ray", hands=ClusterHands(cluster), **terms
    )
    assert again.fitted == 0, "what was fitted on the cluster stands in the folder"
