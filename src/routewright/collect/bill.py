"""The bill before anything is asked: tokens are estimated, prices are the catalogue's.

Input: a token for every four bytes of the prompt, and a few for each message. Output: the mean of
what this model has answered in this folder, from ``ENOUGH`` answers on; before that half of
what it may write. A quarter less input and half the output is the low end. The most is what no
call can pass: a token for every byte, and all the output it may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from routewright import catalog
from routewright.collect.cells import Cell, max_tokens
from routewright.collect.rows import Known
from routewright.types import Model, Prompt, Usage

ENOUGH = 20  # answers from which a mean says more than a rule of thumb
CPU_S = 20.0  # of an answer by a model that runs here, before there are any
MESSAGE_TOKENS = 4
MOST_MESSAGE_TOKENS = 64
MOST_PART_TOKENS = 4096  # an image or another part that is no text


@dataclass(frozen=True)
class ModelBill:
    """What the missing cells of one model will cost, in US dollars."""

    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    low_usd: float
    expected_usd: float
    most_usd: float
    price_date: str  # the day from which the price is valid; "" where there is no price


@dataclass(frozen=True)
class Bill:
    """What a collection will cost; one line a model."""

    models: tuple[ModelBill, ...]

    @property
    def calls(self) -> int:
        """How many calls are missing."""
        return sum(line.calls for line in self.models)

    @property
    def low_usd(self) -> float:
        """The low end of the range."""
        return sum(line.low_usd for line in self.models)

    @property
    def expected_usd(self) -> float:
        """The expected total."""
        return sum(line.expected_usd for line in self.models)

    @property
    def most_usd(self) -> float:
        """What it can cost at most."""
        return sum(line.most_usd for line in self.models)


def estimate(models: Sequence[Model], cells: Iterable[Cell], known: Mapping[str, Known]) -> Bill:
    """The bill for the cells; ``known`` is what a model's answers have shown so far."""
    sums: dict[str, list[float]] = {model.name: [0, 0, 0, 0, 0] for model in models}
    sizes: dict[str, tuple[int, int]] = {}
    for cell in cells:
        size = sizes.get(cell.prompt.id)
        if size is None:
            size = input_tokens(cell.prompt), most_input_tokens(cell.prompt)
            sizes[cell.prompt.id] = size
        line = sums[cell.model.name]
        most_output = max_tokens(cell.prompt)
        for place, value in enumerate((1, size[0], most_output / 2, size[1], most_output)):
            line[place] += value
    return Bill(
        tuple(_line(model, sums[model.name], known.get(model.name, Known())) for model in models)
    )


def most_usd(cell: Cell, known: Known | None = None) -> float:
    """The most that one call can cost; for a model that runs here twice the mean so far."""
    if cell.model.price.usd_per_cpu_hour:
        return 2 * _cpu_usd(cell.model, known or Known())
    usage = Usage(most_input_tokens(cell.prompt), max_tokens(cell.prompt))
    return _dearest_usd(cell.model, usage)


def input_tokens(prompt: Prompt) -> int:
    """About how many tokens a prompt is."""
    return sum(MESSAGE_TOKENS + -(-len(m.text.encode()) // 4) for m in prompt.messages)


def most_input_tokens(prompt: Prompt) -> int:
    """No tokenizer that reads bytes makes more of a prompt than this."""
    tokens = 0
    for message in prompt.messages:
        tokens += MOST_MESSAGE_TOKENS + len(message.text.encode())
        if not isinstance(message.content, str):
            others = [part for part in message.content or () if "text" not in part]
            tokens += MOST_PART_TOKENS * len(others)
    return tokens


def _line(model: Model, sums: Sequence[float], known: Known) -> ModelBill:
    calls, read, written, most_read, most_written = (round(value) for value in sums)
    price = model.price
    if known.answers >= ENOUGH:
        written = round(calls * known.output_tokens / known.answers)
    if price.usd_per_cpu_hour:
        expected = calls * _cpu_usd(model, known)
        low, most = expected / 2, expected * 2
    else:
        low = catalog.cost_usd(model, Usage(round(read * 0.75), round(written * 0.5)))
        expected = catalog.cost_usd(model, Usage(read, written))
        most = _dearest_usd(model, Usage(most_read, most_written))
    return ModelBill(
        model=model.name,
        calls=calls,
        input_tokens=read,
        output_tokens=written,
        low_usd=low,
        expected_usd=expected,
        most_usd=most,
        price_date=price.valid_from,
    )


def _cpu_usd(model: Model, known: Known) -> float:
    if known.answers >= ENOUGH:
        return known.cost_usd / known.answers
    return catalog.cost_usd(model, Usage(cpu_s=CPU_S))


def _dearest_usd(model: Model, usage: Usage) -> float:
    """What the tokens cost if all that is read is also written to the provider's cache."""
    written = Usage(usage.input_tokens, usage.output_tokens, cache_write_tokens=usage.input_tokens)
    return max(catalog.cost_usd(model, usage), catalog.cost_usd(model, written))
