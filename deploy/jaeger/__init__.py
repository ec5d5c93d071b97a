"""Distributed tracing."""
