"""Folders as ``routewright judge`` leaves them, with a truth that only the test knows."""

import numpy as np

from routewright.judge.run import Verdict
from routewright.judge.table import write_routing_data
from routewright.types import Answer, AnswerState, Prompt, Usage

JUDGE = "llm:kind:00000000"
BIAS = {"model-a": 1.0, "model-b": -0.3}


def judged_folder(folder, n=60, seed=0, judge=JUDGE):
    """Write a folder; the judge likes one model and dislikes the other.

    Returns:
        The true mark of each answer by its key.
    """
    rng = np.random.default_rng(seed)
    prompts = [
        Prompt.from_text(f"p{i}", f"Question {i}?", task=f"task-{i % 3}", reference=f"Key {i}")
        for i in range(n)
    ]
    prompts.append(Prompt.from_text("sum", "1+1?", grader="numeric", reference="2"))
    answers, verdicts, truth = [], [], {}
    for model, bias in BIAS.items():
        for prompt in prompts:
            text = f"Answer to {prompt.id} " + "word " * int(rng.integers(1, 40))
            answers.append(
                Answer(prompt.id, model, text, AnswerState.COMPLETE, Usage(9, 9), 0.001, 1.0)
            )
            if prompt.id == "sum":
                verdicts.append(Verdict("sum", model, 5.0, "", "verify:numeric"))
                continue
            real = float(rng.integers(0, 6))
            seen = float(np.clip(np.round(real + bias + rng.normal(0, 0.4)), 0, 5))
            truth[prompt.id, model, 0] = real
            verdicts.append(Verdict(prompt.id, model, seen, "because", judge))
    write_routing_data(prompts, answers, verdicts, folder)
    return truth
