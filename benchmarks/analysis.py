"""How often the built-in analysis names the right task and domain, on published benchmarks.

    ROUTEWRIGHT_DATA=folder python benchmarks/analysis.py

The benchmarks' own subjects and names are the key; nothing in the analyser was fitted on them.
Prints one row a benchmark, then the recall of each domain, then the time of an analysis.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl

from routewright.analysis import DOMAINS, analyse

MMLU = {
    "law": "professional_law international_law jurisprudence",
    "medicine": "professional_medicine clinical_knowledge nutrition human_aging college_medicine "
    "virology anatomy medical_genetics",
    "maths": "elementary_mathematics high_school_mathematics high_school_statistics "
    "abstract_algebra college_mathematics",
    "science": "conceptual_physics high_school_chemistry high_school_physics astronomy "
    "electrical_engineering college_physics college_chemistry",
    "biology": "high_school_biology college_biology",
    "computing": "machine_learning college_computer_science computer_security "
    "high_school_computer_science",
    "history": "prehistory security_studies high_school_world_history high_school_us_history "
    "high_school_geography high_school_government_and_politics high_school_european_history "
    "us_foreign_policy",
    "philosophy": "moral_scenarios moral_disputes philosophy world_religions logical_fallacies "
    "formal_logic business_ethics",
    "economics": "high_school_macroeconomics professional_accounting high_school_microeconomics "
    "marketing econometrics public_relations management",
    "psychology": "professional_psychology high_school_psychology sociology human_sexuality",
}
MMLU_PRO = {
    "law": "law",
    "medicine": "health",
    "maths": "math",
    "science": "physics chemistry engineering",
    "biology": "biology",
    "computing": "computer_science",
    "history": "history",
    "philosophy": "philosophy",
    "economics": "economics business",
    "psychology": "psychology",
}
TASKS = {
    ("routellm_mmlu", "mmlu"): "multiple-choice",
    ("mmlu_pro", "mmlu_pro"): "multiple-choice",
    ("routerbench", "arc-challenge"): "multiple-choice",
    ("routellm_gsm8k", "gsm8k"): "maths",
    ("llmrouter_mix", "math"): "maths",
    ("routerbench", "mbpp"): "code-writing",
    ("llmrouter_mix", "human_eval"): "code-writing",
    ("livecodebench", "livecodebench"): "code-writing",
    ("zeroeval_crux", "crux"): "code-reading",
    ("bfcl", "bfcl_v1"): "tool-call",
    ("llmrouter_mix", "natural_qa"): "question",
    ("llmrouter_mix", "trivia_qa"): "question",
    ("reasoning_gym", "logic"): "puzzle",
    ("routerarena", "WMT19"): "translation",
}
LANGUAGES = {("routerdc7", "cmmlu"): "zh", ("routerdc7", "mmlu"): "en"}


def main() -> None:
    home = os.environ.get("ROUTEWRIGHT_DATA")
    if not home:
        sys.exit("set ROUTEWRIGHT_DATA to the folder that holds the benchmarks")
    for (benchmark, dataset), wanted in TASKS.items():
        said = Counter(analyse(text).task for text in _texts(home, benchmark, dataset))
        _line(f"{benchmark}/{dataset}", wanted, said)
    for (benchmark, dataset), wanted in LANGUAGES.items():
        said = Counter(analyse(text).language for text in _texts(home, benchmark, dataset))
        _line(f"{benchmark}/{dataset}", wanted, said)
    _domains("routellm_mmlu", MMLU, home)
    _domains("mmlu_pro", MMLU_PRO, home)
    texts = [t for t in _texts(home, "mmlu_pro", "mmlu_pro") if 180 <= len(t.split()) <= 220]
    started = time.process_time()
    for text in texts:
        analyse(text)
    spent_s = time.process_time() - started
    print(f"{spent_s / len(texts) * 1e3:.3f} ms of CPU a prompt of 200 words, {len(texts)} prompts")


def _domains(benchmark: str, key: dict[str, str], home: str) -> None:
    owner = {s: domain for domain, subjects in key.items() for s in subjects.split()}
    table = pl.read_parquet(Path(home) / benchmark / "prompts.parquet")
    right, total, said = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for subject, text in table.select("subject", "prompt").iter_rows():
        wanted = owner.get(subject.replace(" ", "_"))
        if wanted is None:
            continue
        found = analyse(text).domain
        total[wanted] += 1
        right[wanted] += found == wanted
        said[wanted, found] += 1
    print(f"{benchmark}: domain right {right.total() / total.total():.3f} of {total.total()}")
    for domain in DOMAINS:
        if total[domain]:
            wrong = [(n, f) for (w, f), n in said.items() if w == domain and f != domain]
            rest = ", ".join(f"{f} {n / total[domain]:.2f}" for n, f in sorted(wrong)[::-1][:4])
            print(f"  {domain:<12} {right[domain] / total[domain]:.2f}  else {rest}")


def _texts(home: str, benchmark: str, dataset: str) -> list[str]:
    table = pl.read_parquet(Path(home) / benchmark / "prompts.parquet")
    return table.filter(pl.col("dataset") == dataset)["prompt"].to_list()


def _line(name: str, wanted: str, said: Counter[str]) -> None:
    n = max(said.total(), 1)
    rest = ", ".join(f"{w} {c / n:.2f}" for w, c in said.most_common(4) if w != wanted)
    print(f"{name:<28} {wanted:<16} {said[wanted] / n:.3f} of {n}  else {rest}")


if __name__ == "__main__":
    main()
