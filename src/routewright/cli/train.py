"""``routewright train``: routing data → artefact."""

from __future__ import annotations

import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import click

from routewright.errors import DataError


@click.command(name="train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--router", "name", default="stack", show_default=True, help="Router by name.")
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
    data: Path, name: str, out: Path, models: str | None, holdout: float, seed: int
) -> None:
    """Fit a router on DATA (a folder in long format, or one table in wide form).

    The held-out prompts, none of them a near-duplicate of a training prompt, are left for
    `routewright evaluate`, which leaves out every prompt that the artefact was trained on.
    """
    import numpy as np

    from routewright import routers
    from routewright.data import RoutingData
    from routewright.data.regimes import joined_groups
    from routewright.data.splits import split
    from routewright.evaluation.checks.from_folder import prices_of

    router = routers.make(name, seed=seed)
    table = RoutingData.load(data)
    if models:
        table = table.select_models([part.strip() for part in models.split(",") if part.strip()])
    rows = np.arange(len(table))
    if holdout:  # a near-duplicate of a training prompt would be no proof
        rows = split(table, holdout=holdout, seed=seed, groups=joined_groups(table))[0]
    training = table.subset(rows)
    started = time.monotonic()
    router.fit(training)
    if router.recommended_worth_usd_ is None and not router.knows_only_training_prompts:
        with suppress(DataError):  # too little data to recommend from; serve then asks for a worth
            router.recommended_worth_usd_ = routers.recommend_worth(router, training)
    groups = sorted({group_digest(group) for group in training.groups})
    router.save(
        out,
        extra={
            "data": table.name,
            "training_prompts": len(training),
            "holdout": holdout,
            "seed": seed,
            "priced_from": {model: day.isoformat() for model, day in prices_of(data).items()},
            "training_groups": groups,
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


def group_digest(group: str) -> str:
    """The name under which an artefact remembers a group of prompts that it was trained on."""
    return blake2b(str(group).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
