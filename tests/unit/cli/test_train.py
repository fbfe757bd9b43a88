"""What train keeps unseen is really unseen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from routewright import worlds
from routewright.cli.train import command, group_digest
from routewright.data import RoutingData
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
