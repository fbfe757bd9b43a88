"""Prompts that share a long prefix go together: one ahead, the others when it has been answered."""

import asyncio

from routewright.collect import Cell, Run, Terms
from routewright.collect.order import PREFIX_CHARS, arrange, shared_messages
from routewright.data.journal import Journal
from routewright.types import Message, Model, Price, Prompt, Usage
from tests.fakes.canned import Canned

PRICE = Price(
    "2026-01-01",
    input_usd_per_mtok=2.0,
    output_usd_per_mtok=8.0,
    cached_input_usd_per_mtok=0.5,
)
MODEL = Model("m", "canned", prices=(PRICE,))
LONG = "rules " * (PREFIX_CHARS // 5)


def with_rules(n):
    return Prompt(f"p{n}", (Message("system", LONG), Message("user", f"question {n}")))


class Watched:
    """Answers after a moment and remembers what was asked when."""

    name = "canned"

    def __init__(self):
        self.asked = []
        self.answered = []
        self.prefixes = {}

    async def start(self):
        pass

    async def complete(self, model, body, *, cache_prefix=0, idempotency_key=""):
        text = body["messages"][-1]["content"]
        self.asked.append((text, tuple(self.answered)))
        self.prefixes[text] = cache_prefix
        await asyncio.sleep(0.02)
        self.answered.append(text)
        cached = 900 if len(self.answered) > 1 and cache_prefix else 0
        usage = Usage(input_tokens=1000, output_tokens=10, cached_tokens=cached)
        told = {"prompt_tokens": 1000, "completion_tokens": 10}
        return Canned(told=told, usage=usage, cost_usd=0.001)

    async def aclose(self):
        pass


async def collected(tmp_path, prompts, samples=1):
    provider = Watched()
    cells = [Cell(p, MODEL, sample) for p in prompts for sample in range(samples)]
    with Journal(tmp_path / "answers.journal") as journal:
        terms = Terms(concurrency={"canned": 8})
        tally = await Run({"canned": provider}, journal, terms=terms).ask(cells)
    return provider, tally


async def test_the_first_of_a_group_goes_alone_and_the_others_find_the_cache_warm(tmp_path):
    prompts = [with_rules(n) for n in range(4)]
    prompts.insert(1, Prompt.from_text("short", "something else"))
    provider, tally = await collected(tmp_path, prompts)
    seen = dict(provider.asked)
    assert seen["question 0"] == ()
    assert seen["something else"] == (), "a prompt of its own waits for nobody"
    assert all("question 0" in seen[f"question {n}"] for n in (1, 2, 3))
    assert tally.ended == 5


async def test_how_many_messages_are_shared_is_told_to_the_dialect(tmp_path):
    provider, _ = await collected(tmp_path, [with_rules(0), with_rules(1)])
    assert set(provider.prefixes.values()) == {1}
    provider, _ = await collected(tmp_path / "alone", [with_rules(0)])
    assert set(provider.prefixes.values()) == {0}


async def test_the_saving_is_the_cached_tokens_at_the_difference_of_prices(tmp_path):
    _, tally = await collected(tmp_path, [with_rules(n) for n in range(3)])
    assert tally.cached_tokens == 1800
    assert abs(tally.saved_usd - 1800 * 1.5e-6) < 1e-12


async def test_samples_of_one_long_prompt_share_all_of_it(tmp_path):
    provider, tally = await collected(tmp_path, [with_rules(0)], samples=3)
    assert tally.ended == 3
    assert [len(answered) for _, answered in provider.asked] == [0, 1, 1]
    assert set(provider.prefixes.values()) == {2}


def test_groups_never_mix_models_and_lose_no_cell():
    other = Model("n", "canned")
    prompts = [with_rules(n) for n in range(3)] + [Prompt.from_text("s", "short")]
    cells = [Cell(prompt, model) for prompt in prompts for model in (MODEL, other)]
    groups = list(arrange(cells))
    assert all(len({cell.model.name for cell in group.cells}) == 1 for group in groups)
    assert sorted(cell.key for group in groups for cell in group.cells) == sorted(
        cell.key for cell in cells
    )
    assert [len(group.cells) for group in groups] == [3, 3, 1, 1]


def test_only_whole_messages_that_all_share_count():
    a, b = with_rules(0), with_rules(1)
    c = Prompt("c", (Message("system", LONG + "!"),))
    assert shared_messages([a, b]) == 1
    assert shared_messages([a, a]) == 2
    assert shared_messages([a, b, c]) == 0
