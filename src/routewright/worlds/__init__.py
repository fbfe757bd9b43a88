"""Synthetic worlds whose best possible router is known: the positive controls of an evaluation."""
