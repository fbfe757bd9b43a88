"""One account's line: what waits for it, and how its calls are made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from routewright.collect.cells import Cell
from routewright.collect.pace import Pace
from routewright.collect.rows import Unsure
from routewright.types import Model

TIMEOUT_S = 600.0


def by_provider(model: Model) -> str:
    """The account of a model: one a provider, as a key has one rate limit for all its models."""
    return model.provider


@dataclass(frozen=True)
class Terms:
    """How to ask.

    Args:
        concurrency: the most calls in flight, by account; 1 where not given.
        account: which account a model's calls go through.
        timeout_s: from sending a call to its last byte, however slowly it comes.
        stream: ask for streams, to learn when an answer's first words came.
        temperature: of every call.
        collection: names the collection in idempotency keys, the same in each of its runs.
    """

    concurrency: Mapping[str, int] = field(default_factory=dict[str, int])
    account: Callable[[Model], str] = by_provider
    timeout_s: float = TIMEOUT_S
    stream: bool = False
    temperature: float = 0.0
    collection: str = ""


@dataclass(eq=False, slots=True)
class Job:
    """A cell on its way to its one final state."""

    cell: Cell
    most_usd: float
    unsure: Unsure
    tried: bool = False  # in vain, by this run or an earlier one
    shared: int = 0
    followers: Sequence[Job] = ()  # share its prefix and wait until it is in the cache
    attempts: int = 0
    sent_back: int = 0
    noted: bool = False  # a row says that it goes out, and that send is not used up yet


@dataclass
class Lane:
    """One account: what waits for it, and how many calls it takes at a time."""

    name: str
    pace: Pace
    fresh: Iterator[Job]  # not asked yet
    queue: deque[Job] = field(default_factory=deque["Job"])  # to be asked next
    resting: set[Job] = field(default_factory=set["Job"])  # wait for their next attempt
    closed: bool = False

    @property
    def busy(self) -> bool:
        """Whether something of this lane will happen by itself."""
        return bool(self.pace.in_flight or self.resting)

    def head(self) -> Job | None:
        """The job that goes next, if one may."""
        if self.closed:
            return None
        if not self.queue:
            self.queue.extend(islice(self.fresh, 1))
        return self.queue[0] if self.queue else None
