"""Datasets by name: the ones that ship with the engine, and a user's own TOML files."""

from engine.catalog.files import SHIPPED, find, load, paths

__all__ = ["SHIPPED", "find", "load", "paths"]
