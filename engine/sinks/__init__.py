"""Where rows go: one protocol, one package per kind of target."""

from engine.sinks.protocol import Estimates, Sink, Work

__all__ = ["Estimates", "Sink", "Work"]
