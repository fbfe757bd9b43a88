"""Answers → scores: graders that verify, LLM judges that grade, agreement between them."""

from __future__ import annotations

from routewright.judge.agreement import cohen_kappa, rogan_gladen, weighted_kappa
from routewright.judge.graders import GRADERS, Grader, is_verifiable, verify
from routewright.judge.llm import LlmJudge, UngradedError
from routewright.judge.run import Verdict, judge_answers, paired_marks, verify_rows

__all__ = [
    "GRADERS",
    "Grader",
    "LlmJudge",
    "UngradedError",
    "Verdict",
    "cohen_kappa",
    "is_verifiable",
    "judge_answers",
    "paired_marks",
    "rogan_gladen",
    "verify",
    "verify_rows",
    "weighted_kappa",
]
