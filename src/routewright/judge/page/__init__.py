"""The audit in a browser: one loopback page that loads nothing from anywhere."""

from __future__ import annotations

from routewright.judge.page.app import audit_app, serve

__all__ = ["audit_app", "serve"]
