"""Routewright's own prompt set: the generators behind `demo/prompts.jsonl`."""
