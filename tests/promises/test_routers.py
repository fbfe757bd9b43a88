"""Every router keeps the contract, and deciding needs numpy alone."""

import subprocess
import sys

import numpy as np
import pytest

from routewright import routers
from routewright.routers.check import CHECKS, check_router, sample_data

# Families that fine-tune a network need weights and minutes for one fit; each keeps the contract
# in a file of its own, with a network small enough.
QUICK = [name for name in routers.names() if not routers.kind(name).fine_tuned]


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_router_keeps_the_contract(name, check):
    check_router(name, [check])


@pytest.mark.parametrize("name", ["knn", "stack"])
def test_deciding_loads_no_training_stack(tmp_path, name):
    data = sample_data()
    routers.make(name).fit(data).save(tmp_path / "router")
    code = (
        "import sys\n"
        "from routewright import routers\n"
        "from routewright.types import Prompt\n"
        f"router = routers.load({str(tmp_path / 'router')!r})\n"
        "told = router.predict([Prompt.from_text('x', 'What is 2 plus 2?')])\n"
        "assert told.scores.shape == (1, 3)\n"
        "heavy = {'sklearn', 'scipy', 'polars', 'torch', 'pandas'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_router_predicts_the_same_in_another_process(tmp_path):
    data = sample_data()
    router = routers.make("stack").fit(data)
    router.save(tmp_path / "router")
    code = (
        "from routewright import routers\n"
        "from routewright.types import Prompt\n"
        f"router = routers.load({str(tmp_path / 'router')!r})\n"
        "told = router.predict([Prompt.from_text('x', 'Which city is it?')])\n"
        "print(told.scores.tobytes().hex())\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert np.isfinite(np.frombuffer(bytes.fromhex(told[0]))).all()
