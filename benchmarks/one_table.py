"""All routers in one table: skill on three data sets, seconds to train, time to decide, size.

    python benchmarks/one_table.py > benchmarks/results/one_table.txt     # after leaderboards.sh

Read from runs/*_leaderboard/leaderboard.json, those that there are: means over five splits,
intervals over prompts. Fits, decisions and sizes are those on the last data set, medians over its
folds, in CPU time of whatever machine made the run. Fine-tuned routers take minutes a split and
stand below with one split each, read from benchmarks/results/{bert,causal}_*.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BOARDS = ("gsm8k", "routerbench", "mmlu")
RESULTS = Path(__file__).parent / "results"
LEFT_OUT = {"model", "oracle"}


def main() -> None:
    boards = {name: _board(name) for name in BOARDS if _file(name).exists()}
    if boards:
        _fitted_in_seconds(boards)
    else:
        print("no leaderboard in runs/ (benchmarks/leaderboards.sh makes them)")
    print("\nfine-tuned, one split each: APGR [95 %], the same less that of length; minutes of CPU")
    for file in sorted([*RESULTS.glob("bert_*.json"), *RESULTS.glob("causal_*.json")]):
        for line in _tuned(json.loads(file.read_text())):
            print(line)


def _fitted_in_seconds(boards: dict[str, dict[str, Any]]) -> None:
    timed = list(boards.values())[-1]
    names = sorted(
        {name for board in boards.values() for name in board},
        key=lambda name: (
            -sum(
                board[name]["minus_zero"]["value"] if name in board else -1
                for board in boards.values()
            )
        ),
    )
    print("difference to the zero router in AIQ [95 %]; APGR where there are two models")
    heads = "".join(f"{name:30}" for name in boards)
    print(f"{'router':13}{heads}{'CPU s':>7}{'p50 ms':>8}{'KB':>8}")
    for name in names:
        cells = "".join(f"{_skill(board.get(name)):30}" for board in boards.values())
        print(f"{name:13}{cells}{_overhead(timed.get(name))}")


def _file(name: str) -> Path:
    return Path(f"runs/{name}_leaderboard/leaderboard.json")


def _board(name: str) -> dict[str, Any]:
    told = json.loads(_file(name).read_text())
    (section,) = told["sections"]
    return {
        each["name"]: each
        for each in section["standings"]
        if each["kind"] not in LEFT_OUT and each["name"] not in section["models"]
    }


def _skill(standing: Any) -> str:
    if standing is None:
        return "–"
    gain = standing["minus_zero"]
    told = f"{gain['value']:+.4f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    pair = standing["pair"]
    return told + (f" {pair['apgr']['value']:.3f}" if pair else "")


def _overhead(standing: Any) -> str:
    spent = standing and standing["overhead"]
    if not spent:
        return ""
    size = spent["artefact_bytes"]
    kilobytes = "–" if size is None else f"{size / 1000:,.0f}"
    return f"{spent['fit_s']:7.1f}{spent['decision_ms_p50']:8.2f}{kilobytes:>8}"


def _tuned(told: Any) -> list[str]:
    data, seed = told["data"], told["seed"]
    if "entrants" in told:
        return [
            f"{_who(name):21} {data:15} seed {seed:4}  {told['train']:5,} prompts  "
            f"{each['apgr']:.3f} [{each['apgr_low']:.3f}, {each['apgr_high']:.3f}]  "
            f"{_over_length(each)}  {each['fit_cpu_minutes']:.0f} min  "
            f"{each['decision_cpu_ms']:.0f} ms"
            for name, each in told["entrants"].items()
            if "fit_cpu_minutes" in each
        ]
    each, over = told["routers"]["bert"], told["apgr_gain"]["length"]
    return [
        f"{'bert':21} {data:15} seed {seed:4}  {told['training_prompts']:5,} prompts  "
        f"{each['apgr']:.3f} [{each['low']:.3f}, {each['high']:.3f}]  "
        f"{over['value']:+.3f} [{over['low']:+.3f}, {over['high']:+.3f}]  "
        f"{each['fit_cpu_minutes']:.0f} min  {told['latency_ms']['cpu_p50']:.0f} ms"
    ]


def _who(entrant: str) -> str:
    return entrant if entrant == "length" else f"causal-llm {entrant}"


def _over_length(each: Any) -> str:
    over = each.get("over_length")
    if over is None:
        return "–"
    return f"{over['value']:+.3f} [{over['low']:+.3f}, {over['high']:+.3f}]"


if __name__ == "__main__":
    main()
