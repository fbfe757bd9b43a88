"""The words an analysis may use."""

from __future__ import annotations

TASKS = (
    "multiple-choice",
    "question",  # an open one
    "maths",  # a problem to be worked out
    "code-writing",
    "code-reading",  # what code does, prints or gets wrong
    "extraction",
    "translation",
    "rewriting",  # summaries too
    "classification",
    "puzzle",
    "tool-call",
    "chat",  # creative writing, advice, small talk
)
"""What is to be done."""

DOMAINS = (
    "law",
    "medicine",
    "maths",
    "science",  # physics, chemistry, astronomy, engineering
    "biology",
    "computing",
    "history",  # geography and politics too
    "philosophy",  # ethics, logic, religion
    "economics",  # business too
    "language",  # literature too
    "psychology",  # and sociology
    "general",  # none of these, or no telling
)
"""What it is about."""

NEEDS = ("reasoning", "code", "maths", "tools")
"""What a model must be good at."""
