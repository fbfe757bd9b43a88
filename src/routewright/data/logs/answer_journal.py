"""The answers that a log holds → the journal that collect goes on from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from routewright.catalog import cost_usd
from routewright.data.journal import Journal
from routewright.data.logs.entry import Dropped, Reason, Said
from routewright.data.logs.tally import Tally
from routewright.types import Answer, AnswerState, Model

BATCH = 1000  # answers a flush; a killed import begins again, so none has to be safe by itself


class AnswerJournal:
    """Answers on their way into the journal that collect goes on from.

    Args:
        path: the journal, in the import's working folder.
        ids: of the prompts, by row.
        tally: told of answers that are left out.
        rename: the log's names of models → those to write.
        models: by name, with their prices, for answers whose cost the log doesn't tell.

    Attributes:
        models: for each model of the log, under its new name, how many answers were written, what
            they cost in dollars, and how many have no latency.
    """

    def __init__(
        self,
        path: Path,
        ids: Sequence[str],
        tally: Tally,
        *,
        rename: Mapping[str, str],
        models: Mapping[str, Model],
    ) -> None:
        self._journal = Journal(path)
        self._ids = ids
        self._tally = tally
        self._rename = rename
        self._priced = models
        self._samples: Counter[tuple[int, str]] = Counter()
        self._pending: list[Answer] = []
        self.models: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> None:
        self._journal.open()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._journal.close()

    def add(self, row: int, place: str, answers: Sequence[Said]) -> None:
        """Write the answers to one prompt; one without a known cost would look free."""
        for said in answers:
            name = self._rename.get(said.model, said.model)
            cost = self._cost(said, name)
            if cost is None:
                note = f"no price of {name}: give it in routewright.toml with --config"
                self._tally.answer(Dropped(place, Reason.NO_COST, note))
                continue
            answer = Answer(
                prompt_id=self._ids[row],
                model=name,
                text=said.text,
                state=_state(said),
                usage=said.usage,
                cost_usd=cost,
                latency_s=said.latency_s or 0.0,
                first_token_s=said.first_token_s,
                finish_reason=said.finish_reason,
                sample=self._samples[row, name],
            )
            self._samples[row, name] += 1
            self._pending.append(answer)
            if len(self._pending) >= BATCH:
                self._flush()
            counted = self.models.setdefault(
                name, {"answers": 0, "cost_usd": 0.0, "without_latency": 0}
            )
            counted["answers"] += 1
            counted["cost_usd"] += cost
            counted["without_latency"] += said.latency_s is None

    def _flush(self) -> None:
        self._journal.append_all(self._pending)
        self._pending.clear()

    def _cost(self, said: Said, name: str) -> float | None:
        if said.cost_usd is not None:
            return said.cost_usd
        model = self._priced.get(name)
        tokens = said.usage.input_tokens + said.usage.output_tokens
        if model is None or not model.prices or model.price.usd_per_cpu_hour or not tokens:
            return None
        return cost_usd(model, said.usage)


def _state(said: Said) -> AnswerState:
    if said.refused:
        return AnswerState.REFUSED
    if not said.text.strip():
        return AnswerState.EMPTY
    return AnswerState.TRUNCATED if said.finish_reason == "length" else AnswerState.COMPLETE
