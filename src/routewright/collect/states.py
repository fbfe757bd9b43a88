"""From what came back to an answer: in which state a cell ended, with usage that can be true."""

from __future__ import annotations

from routewright import catalog
from routewright.collect.bill import input_tokens, most_input_tokens
from routewright.collect.cells import Cell, max_tokens
from routewright.collect.rows import Unsure
from routewright.protocols import Completion
from routewright.types import Answer, AnswerState, Usage, json_object

# A provider may put words of its own before the prompt, and charge for them.
INPUT_SLACK = 4096
# Reasoning may be counted beyond max_tokens; more than this nobody can have written.
OUTPUT_SLACK = 4


def answered(cell: Cell, done: Completion, unsure: Unsure) -> Answer:
    """The answer that a completion is; its usage is estimated where what was told cannot be."""
    usage, cost_usd, note = done.usage, done.cost_usd, ""
    oddity = odd_usage(cell, done)
    if oddity:
        usage = _estimated(cell, done)
        cost_usd = done.cost_usd if usage.cpu_s is not None else catalog.cost_usd(cell.model, usage)
        note = f"usage: {oddity}; tokens are estimated from the text"
    return Answer(
        prompt_id=cell.prompt.id,
        model=cell.model.name,
        sample=cell.sample,
        text=done.text,
        state=state_of(done),
        usage=usage,
        cost_usd=cost_usd,
        latency_s=done.latency_s,
        first_token_s=done.first_token_s,
        finish_reason=done.finish_reason,
        note=note,
        unsure_calls=unsure.calls,
        unsure_usd=unsure.most_usd,
    )


def failed(cell: Cell, reason: str, unsure: Unsure) -> Answer:
    """The answer of a cell that got none; the next run asks it again."""
    return Answer(
        prompt_id=cell.prompt.id,
        model=cell.model.name,
        sample=cell.sample,
        text="",
        state=AnswerState.FAILED,
        usage=Usage(),
        cost_usd=0.0,
        latency_s=0.0,
        error=reason,
        unsure_calls=unsure.calls,
        unsure_usd=unsure.most_usd,
    )


def state_of(done: Completion) -> AnswerState:
    """How a call that was answered has ended."""
    if done.refused:
        return AnswerState.REFUSED
    if not done.text.strip():
        return AnswerState.EMPTY
    return AnswerState.TRUNCATED if done.finish_reason == "length" else AnswerState.COMPLETE


def odd_usage(cell: Cell, done: Completion) -> str:
    """Why the usage that the provider told cannot be true; "" where it can."""
    told = json_object(done.body.get("usage"))
    if not told:
        return "none told"
    counts = [told.get("prompt_tokens"), told.get("completion_tokens")]
    if any(type(count) is not int or count < 0 for count in counts):
        return f"told {counts[0]!r:.20} and {counts[1]!r:.20}, which are no counts"
    usage = done.usage
    if usage.cached_tokens > usage.input_tokens:
        return "more tokens from the cache than were read"
    most = most_input_tokens(cell.prompt) + INPUT_SLACK
    if usage.input_tokens > most:
        return f"told {usage.input_tokens} tokens read, where {most} are the most"
    most = OUTPUT_SLACK * max(max_tokens(cell.prompt), len(done.text.encode())) + 1024
    if usage.output_tokens > most:
        return f"told {usage.output_tokens} tokens written, where {most} are the most"
    return ""


def _estimated(cell: Cell, done: Completion) -> Usage:
    written = -(-len(done.text.encode("utf-8", "replace")) // 4)
    return Usage(
        input_tokens=input_tokens(cell.prompt),
        output_tokens=written,
        cpu_s=done.usage.cpu_s,
        estimated=True,
    )
