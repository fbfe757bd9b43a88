"""What train keeps unseen is really unseen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from routewright import routers, worlds
from routewright.bench import choose
from routewright.cli.train import command, group_digest, seconds
from routewright.data import RoutingData
from routewright.errors import ConfigError
from routewright.types import Prompt


def test_no_near_duplicate_of_a_training_prompt_is_held_out(tmp_path: Path) -> None:
    world = worlds.cluster_bernoulli(length=60, seed=3).draw(60, seed=1)
    texts = [prompt.text for prompt in world.prompts]
    twins = [f"{text.upper()}  !" for text in texts]
    prompts = tuple(
        Prompt.from_text(f"p{at}", text, group=f"g{at}") for at, text in enumerate(texts + twins)
    )
    data = RoutingData(
        prompts, world.models, np.tile(world.scores, (2, 1)), np.tile(world.costs, (2, 1))
    )
    data.save(tmp_path / "data")
    arguments = [str(tmp_path / "data"), "--router", "length", "--out", str(tmp_path / "router")]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "router" / "manifest.json").read_text())
    seen = set(manifest["extra"]["training_groups"])
    trained = [group_digest(prompt.group) in seen for prompt in prompts]
    assert trained[:60] == trained[60:]
    assert 0.6 < np.mean(trained) < 0.8


def train(data: RoutingData, folder: Path, *arguments: str) -> tuple[str, dict]:
    data.save(folder / "data")
    given = [str(folder / "data"), "--out", str(folder / "router"), *arguments]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    return done.output, json.loads((folder / "router" / "manifest.json").read_text())


def test_auto_says_why_and_the_manifest_keeps_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(choose, "candidates", lambda: ("zero", "length", "ridge"))
    data = worlds.cluster_bernoulli(((0.9, 0.95), (0.2, 0.9)), length=20).draw(400, seed=2)
    printed, manifest = train(data, tmp_path, "--router", "auto", "--time-limit", "5m")
    assert manifest["router"] == "ridge"
    assert "ridge is best" in printed
    assert printed.index("zero") < printed.index("length ") < printed.index("ridge ")
    assert manifest["comparison"]["chosen"] == "ridge"
    assert [each["name"] for each in manifest["comparison"]["candidates"]] == [
        "zero",
        "length",
        "ridge",
    ]
    assert manifest["comparison"]["prompts"] == manifest["extra"]["training_prompts"]


def test_auto_without_a_signal_takes_the_zero_router(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(choose, "candidates", lambda: ("zero", "length", "ridge"))
    printed, manifest = train(worlds.luck(3).draw(200, seed=3), tmp_path, "--router", "auto")
    assert manifest["router"] == "zero"
    assert "no evidence of skill" in printed


def test_the_manifest_tells_what_it_is_worth_on_prompts_held_out(tmp_path: Path) -> None:
    data = worlds.cluster_bernoulli(((0.9, 0.95), (0.2, 0.9)), length=20).draw(400, seed=2)
    _, manifest = train(data, tmp_path, "--router", "ridge")
    told = manifest["evaluation"]
    assert told["prompts"] == "held-out"
    assert told["count"] == 400 - manifest["extra"]["training_prompts"]
    assert told["minus_zero"]["low"] > 0
    assert told["aiq"]["low"] < told["aiq"]["value"] < told["aiq"]["high"]
    assert 0.5 < told["apgr"] <= 1
    assert manifest["price_date"] is None


def test_without_a_holdout_it_is_worth_what_it_was_out_of_fold(tmp_path: Path) -> None:
    data = worlds.luck(3).draw(80, seed=2)
    _, manifest = train(data, tmp_path, "--router", "stack", "--holdout", "0")
    assert manifest["evaluation"]["prompts"] == "out-of-fold"
    assert manifest["evaluation"]["count"] == 80
    assert "apgr" not in manifest["evaluation"]
    assert manifest["calibration"]["prompts"] == 80


def test_the_newest_price_is_told(tmp_path: Path) -> None:
    data = worlds.luck(2).draw(60, seed=2)
    data.save(tmp_path / "data")
    dated = {
        model: {"price": {"valid_from": day}}
        for model, day in zip(data.models, ("2026-03-01", "2026-05-01"), strict=True)
    }
    (tmp_path / "data" / "manifest.json").write_text(json.dumps({"models": dated}))
    arguments = ["--router", "zero", "--out", str(tmp_path / "router")]
    done = CliRunner().invoke(command, [str(tmp_path / "data"), *arguments])
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "router" / "manifest.json").read_text())
    assert told["price_date"] == "2026-05-01"


def test_equal_training_gives_equal_bytes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(choose, "candidates", lambda: ("zero", "length"))
    data = worlds.luck(3).draw(120, seed=3)
    data.save(tmp_path / "data")
    for name in ("one", "two"):
        arguments = ["--router", "auto", "--out", str(tmp_path / name)]
        done = CliRunner().invoke(command, [str(tmp_path / "data"), *arguments])
        assert done.exit_code == 0, done.output
    one, two = ((tmp_path / n / "manifest.json").read_bytes() for n in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("told", "expected"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)]
)
def test_times_are_read(told: str, expected: float) -> None:
    assert seconds(told) == expected


@pytest.mark.parametrize("told", ["", "m", "0", "-5m", "10 days", "ten"])
def test_what_is_no_time_is_refused(told: str) -> None:
    with pytest.raises(ConfigError, match="like 90s, 10m or 2h"):
        seconds(told)


def test_a_routers_parameters_are_set_by_name(tmp_path: Path) -> None:
    worlds.cluster_bernoulli(seed=3).draw(60, seed=1).save(tmp_path / "data")
    arguments = [str(tmp_path / "data"), "--router", "knn", "--out", str(tmp_path / "router")]
    done = CliRunner().invoke(command, [*arguments, "--set", "k=7", "--set", "encoder=hashed:8"])
    assert done.exit_code == 0, done.output
    params = json.loads((tmp_path / "router" / "manifest.json").read_text())["params"]
    assert (params["k"], params["encoder"]) == (7, "hashed:8")


@pytest.mark.parametrize(
    ("router", "setting", "says"),
    [
        ("knn", "k", "write NAME=VALUE"),
        ("knn", "k=many", "router 'knn': params.k"),
        ("knn", "neighbours=7", "neighbours"),
        ("auto", "k=7", "goes with a router's name"),
    ],
)
def test_a_wrong_parameter_is_told_before_data_is_read(router, setting, says) -> None:
    arguments = ["nowhere", "--router", router, "--out", "x", "--set", setting]
    done = CliRunner().invoke(command, arguments)
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)


@pytest.mark.parametrize("router", ["sw-ranking", "mf", "stack"])
def test_a_router_is_trained_on_votes(router: str, tmp_path: Path) -> None:
    """The one that wins in code is told above the other there, from votes alone."""
    lines = ["prompt,model_a,model_b,winner"]
    for at in range(60):
        lines.append(f"fix the python bug number {at},coder,poet,model_a")
        lines.append(f"a love poem about river number {at},coder,poet,model_b")
    (tmp_path / "votes.csv").write_text("\n".join(lines))
    arguments = [str(tmp_path / "votes.csv"), "--router", router, "--out", str(tmp_path / "router")]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    told = routers.load(tmp_path / "router").predict(
        [Prompt.from_text("a", "fix the python bug"), Prompt.from_text("b", "a love poem")]
    )
    better = told.scores[:, told.models.index("coder")] > told.scores[:, told.models.index("poet")]
    assert better.tolist() == [True, False]
