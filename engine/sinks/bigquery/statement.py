"""The statements of this folder."""

from __future__ import annotations

from pathlib import Path

from engine.google.statements import Statements

statement = Statements(Path(__file__).parent / "sql")
