"""``routewright route``: a prompt → the decision, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routewright.serve.decider import Decider
    from routewright.types import Decision


@click.command(name="route")
@click.argument("prompt")
@click.option("--config", type=click.Path(path_type=Path), help="Default: routewright.toml.")
@click.option(
    "--artefact",
    type=click.Path(path_type=Path),
    help="A trained router; without --config its models are the pool.",
)
@click.option("--worth-usd", type=float, help="Dollars for one whole unit of score.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def command(
    prompt: str,
    config: Path | None,
    artefact: Path | None,
    worth_usd: float | None,
    as_json: bool,
) -> None:
    """Decide which model PROMPT should go to; no model is called."""
    import msgspec

    from routewright.types import Prompt

    decider = _decider(config, artefact, worth_usd)
    decision = decider.decide(Prompt.from_text("", prompt))
    click.echo(msgspec.json.encode(decision) if as_json else _table(decision))


def _decider(config: Path | None, artefact: Path | None, worth_usd: float | None) -> Decider:
    from routewright.config import Settings, load_settings
    from routewright.serve.gateway import decider_of_artefact, make_decider, with_flags

    if config is None and artefact is not None:
        flags = with_flags(Settings(), artefact=artefact, worth_usd=worth_usd)
        return decider_of_artefact(artefact, flags.gateway.worth_usd)
    settings = load_settings(config or "routewright.toml")
    return make_decider(with_flags(settings, artefact=artefact, worth_usd=worth_usd))


def _table(decision: Decision) -> str:
    """Every model with its predicted score and cost, best first, the chosen one marked."""
    ranks = {name: at for at, name in enumerate((decision.model, *decision.fallbacks))}
    seen = sorted(decision.candidates, key=lambda c: ranks.get(c.model, len(ranks)))
    if not seen:
        return f"→ {decision.model}\n{decision.reason}"
    width = max(len(candidate.model) for candidate in seen)
    lines = [f"  {'model':<{width}}  {'score':>5}  {'cost (USD)':>11}"]
    for candidate in seen:
        mark = "→" if candidate.model == decision.model else " "
        note = f"  {candidate.excluded}" if candidate.excluded else ""
        lines.append(
            f"{mark} {candidate.model:<{width}}  {candidate.score:5.2f}  "
            f"{candidate.cost_usd:11.7f}{note}"
        )
    worth = f"${decision.worth_usd:g} for one whole unit of score"
    return "\n".join([*lines, f"{decision.reason} ({worth})"])
