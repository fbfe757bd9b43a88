"""Many mixed requests leave no memory behind, and every one is accounted for."""

import shutil

import pytest

from benchmarks.gateway.bench import bench
from benchmarks.gateway.soak import Soak, page, soak

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")


def run(folder, requests) -> Soak:
    with bench(logged=True, folder=folder) as made:
        return soak(made, requests)


def test_client_upstream_and_ledger_agree_on_every_request_however_it_ends(tmp_path):
    """L-05: whole answers, streams, clients that leave, refusals, failures: all accounted for."""
    seen = run(tmp_path, 2_000)
    assert seen.load.begun == 2_000
    assert seen.load.broken == 0
    assert (seen.load.answered, seen.load.refused, seen.load.left) == (1_700, 200, 100)
    assert seen.upstream.failed >= 200  # those that failed may have been asked elsewhere
    assert seen.unaccounted == 0, page(seen)
    assert seen.exit_code == 0


@pytest.mark.nightly
def test_memory_and_open_files_stay_flat(tmp_path, figures):
    """L-05: at most 1 MB a 100,000 requests; open files and threads return to where they were."""
    seen = run(tmp_path, 1_000_000)
    figures(
        "L-05",
        requests=seen.load.begun,
        mb_per_100k=round(seen.slope_mb or 0, 2),
        unaccounted=seen.unaccounted,
        broken=seen.load.broken,
        files=[seen.settled[0].files, seen.idle.files],
        threads=[seen.settled[0].threads, seen.idle.threads],
    )
    assert seen.unaccounted == 0, page(seen)
    assert seen.load.broken == 0
    assert seen.slope_mb is not None
    assert seen.slope_mb <= 1, page(seen)
    assert seen.idle.threads <= seen.settled[0].threads + 5
    assert seen.idle.files <= seen.settled[0].files + 5
