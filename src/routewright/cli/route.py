"""``routewright route``: a prompt → the decision, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routewright.serve.decider import Decider
    from routewright.types import Analysis, Decision


@click.command(name="route")
@click.argument("prompt")
@click.option("--config", type=click.Path(path_type=Path), help="Default: routewright.toml.")
@click.option(
    "--artefact",
    type=click.Path(path_type=Path),
    help="A trained router; without --config its models are the pool.",
)
@click.option(
    "--model",
    default="auto",
    show_default=True,
    help="A name as requests give it: auto, auto:best, auto:quality=0.95,max_usd=0.002 ...",
)
@click.option("--worth-usd", type=float, help="Dollars for one whole unit of score.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Take the cheapest model whose expected score reaches this (policy satisfice).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def command(
    prompt: str,
    config: Path | None,
    artefact: Path | None,
    model: str,
    worth_usd: float | None,
    threshold: float | None,
    as_json: bool,
) -> None:
    """Decide which model PROMPT should go to; no model is called."""
    import msgspec

    from routewright.types import Prompt

    decider = _decider(config, artefact, worth_usd, threshold)
    asked, what = decider.names.read(model), Prompt.from_text("", prompt)
    if asked.model:
        decision = decider.named(asked.model, what)
    else:
        decision = decider.decide(what, policy=asked.policy)
    click.echo(msgspec.json.encode(decision) if as_json else _table(decision))


def _decider(
    config: Path | None, artefact: Path | None, worth_usd: float | None, threshold: float | None
) -> Decider:
    from routewright.config import Settings, load_settings
    from routewright.serve.configured import decider_of_artefact, make_decider, with_flags

    if config is None and artefact is not None:
        flags = with_flags(Settings(), artefact=artefact, worth_usd=worth_usd)
        return decider_of_artefact(artefact, flags.gateway.worth_usd, threshold)
    settings = load_settings(config or "routewright.toml")
    return make_decider(
        with_flags(settings, artefact=artefact, worth_usd=worth_usd, threshold=threshold)
    )


def _table(decision: Decision) -> str:
    """Every model with its predicted score and cost, best first, the chosen one marked."""
    ranks = {name: at for at, name in enumerate((decision.model, *decision.fallbacks))}
    seen = sorted(decision.candidates, key=lambda c: ranks.get(c.model, len(ranks)))
    about = [_about(decision.analysis)] if decision.analysis else []
    if not seen:
        return "\n".join([f"→ {decision.model}", *about, decision.reason])
    width = max(len(candidate.model) for candidate in seen)
    lines = [f"  {'model':<{width}}  {'score':>5}  {'cost (USD)':>11}"]
    for candidate in seen:
        mark = "→" if candidate.model == decision.model else " "
        note = f"  {candidate.excluded}" if candidate.excluded else ""
        lines.append(
            f"{mark} {candidate.model:<{width}}  {candidate.score:5.2f}  "
            f"{candidate.cost_usd:11.7f}{note}"
        )
    worth = f" (${decision.worth_usd:g} for one whole unit of score)"
    if "utility" not in decision.reason:
        worth = ""
    return "\n".join([*lines, *about, f"{decision.reason}{worth}"])


def _about(analysis: Analysis) -> str:
    """The analysis on one line."""
    told = [f"task {analysis.task}", f"domain {analysis.domain}", f"language {analysis.language}"]
    if analysis.needs:
        told.append(f"needs {', '.join(analysis.needs)}")
    if analysis.difficulty is not None:
        told.append(f"difficulty {analysis.difficulty:.2f}")
    if analysis.expected_tokens is not None:
        told.append(f"about {analysis.expected_tokens:.0f} tokens to answer")
    by = "" if analysis.source == "built-in" else f" (by {analysis.source})"
    note = f" ({analysis.note})" if analysis.note else ""
    return f"analysis: {'; '.join(told)}{by}{note}"
