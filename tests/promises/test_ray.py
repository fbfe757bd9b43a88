"""On a Ray cluster the job is that of one process, also where a worker is killed in the middle."""

import importlib.util
import sys

import pytest

from benchmarks.ray_job import JUDGE, Job, paid_once, same
from routewright import errors
from routewright.cli.main import cli
from routewright.errors import (
    ConfigError,
    RequestError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)
from routewright.judge.llm import UngradedError
from routewright.scale.cluster import open_cluster
from routewright.scale.worker import Failure
from tests.fakes.grading import GradingUpstream

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
)
PROMPTS = 40


@needs_ray
def test_a_killed_worker_loses_nothing_and_the_result_is_that_of_one_process(tmp_path):
    runs = []
    for where, on in (("one", ()), ("ray", ("--on", "ray", "--workers", "2"))):
        with GradingUpstream(latency_s=0.1, judge=JUDGE) as upstream:
            job = Job(tmp_path / where, PROMPTS, upstream, on, in_flight=8)
            job.write()
            killed = job.run(kill_at=PROMPTS // 2 if on else 0)
        runs.append(job)
    assert len(killed) == 2, "one worker of each stage was to be killed"
    same(*runs)
    paid_once(runs[1])
    left = [row for row in runs[1].answers() if row.get("unsure_calls")]
    assert left, "the calls that the killed worker had are counted as unsure"


@pytest.mark.parametrize(
    "error",
    [
        RequestError("no", param="seed", status=422),
        UpstreamLimitError("slow down", retry_after_s=1.5),
        UpstreamError("broke off"),
        UpstreamError("never reached", maybe_paid=False),
        UpstreamTimeoutError("late"),
        UpstreamAccountError("no credit"),
        ConfigError("no key"),
    ],
)
def test_an_error_of_a_worker_is_raised_as_it_was_there(error):
    again = Failure.of(error).error()
    assert type(again) is type(error)
    fields = ("param", "status", "retry_after_s", "maybe_paid", "exit_code")
    for told in (str, *(lambda each, name=name: getattr(each, name, None) for name in fields)):
        assert told(again) == told(error)


def test_an_error_from_elsewhere_is_raised_as_its_nearest_base():
    again = Failure.of(UngradedError("no mark")).error()
    assert type(again) is errors.UpstreamError


@pytest.mark.parametrize("on", ["", "spark", "http://host:1"])
def test_a_cluster_of_another_kind_is_refused(on):
    with pytest.raises(ConfigError, match="give ray"), open_cluster(on):
        pass


def test_workers_without_a_cluster_are_refused(tmp_path):
    (tmp_path / "prompts.jsonl").write_text('{"prompt_id": "a", "prompt": "b"}\n')
    (tmp_path / "r.toml").write_text(
        '[providers.x]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[models.m]\nprovider = "x"\n'
    )
    given = ["--models", "m", "--config", str(tmp_path / "r.toml"), "--out", str(tmp_path / "o")]
    with pytest.raises(errors.UsageError, match="--workers goes with --on"):
        cli.main(
            ["collect", str(tmp_path / "prompts.jsonl"), *given, "--yes", "--workers", "2"],
            standalone_mode=False,
        )


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with pytest.raises(errors.MissingExtraError, match=r"routewright\[ray\]"), open_cluster("ray"):
        pass
