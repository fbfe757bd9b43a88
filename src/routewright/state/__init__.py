"""Decisions, outcomes and feedback: a spool on this host, and the database it is shipped to.

A row is on the local spool before it counts as kept; a thread takes it from there to SQLite or
PostgreSQL, as often as it takes, and each row arrives once. docs/state.md is the manual.
"""
