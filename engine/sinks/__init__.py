"""Where rows go: one protocol, one package per kind of target."""

from engine.sinks.protocol import Sink, Work

__all__ = ["Sink", "Work"]
