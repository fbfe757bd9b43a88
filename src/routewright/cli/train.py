"""``routewright train``: routing data → artefact."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from routewright.errors import ConfigError, DataError

if TYPE_CHECKING:
    from routewright.data import RoutingData
    from routewright.routers import BaseRouter

AUTO = "auto"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


@click.command(name="train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--router",
    "name",
    default="stack",
    show_default=True,
    help="Router by name; auto compares them and takes the simplest that is as good as the best.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the router, as encoder=minilm or epochs=4; may be repeated.",
)
@click.option(
    "--time-limit",
    default="10m",
    show_default=True,
    help="For auto's comparison: 90s, 10m, 2h. A fit that has begun is finished.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Artefact folder.")
@click.option("--models", help="Only these models, separated by commas.")
@click.option(
    "--holdout",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.3,
    show_default=True,
    help="Share of the prompts to keep unseen for evaluate; 0 trains on all.",
)
@click.option("--seed", default=0, show_default=True, help="Of the split and the training.")
def command(
    data: Path,
    name: str,
    settings: tuple[str, ...],
    time_limit: str,
    out: Path,
    models: str | None,
    holdout: float,
    seed: int,
) -> None:
    """Fit a router on DATA (a folder in long format, or one table in wide form).

    The held-out prompts, none of them a near-duplicate of a training prompt, are left for
    `routewright evaluate`, which leaves out every prompt that the artefact was trained on.

    With --router auto the routers are compared by cross-validation on the training prompts alone.
    """
    import numpy as np

    from routewright import routers
    from routewright.data import RoutingData
    from routewright.data.regimes import joined_groups
    from routewright.data.splits import split
    from routewright.evaluation.checks.from_folder import prices_of

    limit_s = seconds(time_limit)
    if name == AUTO and settings:
        raise ConfigError("--set goes with a router's name; auto compares routers as they are")
    given = {} if name == AUTO else _params(name, settings)
    if name != AUTO:
        routers.make(name, seed=seed, **given)  # a mistake is told before any data is read
    table = RoutingData.load(data)
    if models:
        table = table.select_models([part.strip() for part in models.split(",") if part.strip()])
    rows, held = np.arange(len(table)), np.arange(0)
    groups = joined_groups(table) if holdout or name == AUTO else table.groups
    if holdout:  # a near-duplicate of a training prompt would be no proof
        rows, held = split(table, holdout=holdout, seed=seed, groups=groups)
    training = table.subset(rows)
    comparison = None
    if name == AUTO:
        name, comparison = _chosen(training, groups[rows], limit_s, seed)
    router = routers.make(name, seed=seed, **given)
    started = time.monotonic()
    router.fit(training)
    if router.recommended_worth_usd_ is None and not router.knows_only_training_prompts:
        with suppress(DataError):  # too little data to recommend from; serve then asks for a worth
            router.recommended_worth_usd_ = routers.recommend_worth(router, training)
    dates = prices_of(data)
    router.record_ = msgspec.structs.replace(
        router.record_,
        price_date=max(dates.values()).isoformat() if dates else None,
        evaluation=_evaluation(router, training, table.subset(held), seed),
        comparison=comparison,
    )
    router.save(
        out,
        extra={
            "data": table.name,
            "training_prompts": len(training),
            "holdout": holdout,
            "seed": seed,
            "priced_from": {model: day.isoformat() for model, day in dates.items()},
            "training_groups": sorted({group_digest(group) for group in training.groups}),
        },
    )
    spent = time.monotonic() - started
    worth = router.recommended_worth_usd_
    click.echo(
        f"{name}: trained on {len(training)} of {len(table)} prompts x {len(table.models)} models "
        f"in {spent:.1f} s → {out}"
    )
    if worth is not None:
        click.echo(f"recommended willingness to pay: ${worth:.3g} for one whole unit of score")


def _params(name: str, settings: tuple[str, ...]) -> dict[str, Any]:
    """What --set gave, as the router's constructor wants it.

    Raises:
        ConfigError: no equals sign, or a value of the wrong type.
    """
    from routewright import routers
    from routewright.routers.artefact import typed_params

    told: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {setting}: write NAME=VALUE, as encoder=minilm")
        try:
            told[key] = msgspec.json.decode(value)
        except msgspec.DecodeError:  # a plain word
            told[key] = value
    try:
        return typed_params(routers.kind(name), told)
    except ValueError as error:
        raise ConfigError(f"router {name!r}: {error}") from error


def seconds(told: str) -> float:
    """Seconds of a time like 90s, 10m or 2h.

    Raises:
        ConfigError: something else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *([smh]?)", told.strip())
    if match is None or not float(match[1]):
        raise ConfigError(f"--time-limit {told!r}: give a time above 0 like 90s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def _chosen(
    training: RoutingData, groups: Any, limit_s: float, seed: int
) -> tuple[str, dict[str, Any]]:
    """The router that auto takes, and the comparison for the manifest; prints why."""
    from routewright.bench.choose import choose

    choice = choose(
        training,
        groups=groups,
        time_limit_s=limit_s,
        seed=seed,
        progress=lambda done: click.echo(f"compared {done}", err=True),
    )
    click.echo(f"{choice.folds} folds over {choice.prompts} complete training prompts:")
    for line in choice.lines():
        click.echo(line)
    return choice.chosen, choice.to_dict()


def _evaluation(
    router: BaseRouter, training: RoutingData, held: RoutingData, seed: int
) -> dict[str, Any] | None:
    """What the manifest says of the router's worth: held-out if possible, else out of fold."""
    from routewright.evaluation.summary import MOST, summarise

    means = (router.train_means_["scores"], router.train_means_["costs"])
    worth = router.recommended_worth_usd_
    test = held.subset(held.complete)
    test = test.subset(range(min(MOST, len(test))))  # the rest isn't worth the wait
    if len(test) and not router.knows_only_training_prompts:
        told, on = router.predict(test.prompts), "held-out"
    elif router.out_of_fold_ is not None:
        told, on, test = router.out_of_fold_, "out-of-fold", training
    else:
        return None
    return summarise(told, test, prompts=on, train_means=means, worth_usd=worth, seed=seed)


def group_digest(group: str) -> str:
    """The name under which an artefact remembers a group of prompts that it was trained on."""
    return blake2b(str(group).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
