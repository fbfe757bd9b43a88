"""A causal LLM that reads a question and predicts the mark of every candidate's answer."""

from routewright.routers.causal.router import CausalLlmRouter

__all__ = ["CausalLlmRouter"]
