"""Engine: every row of a monthly file in the warehouse exactly once."""

__version__ = "0.1.0"
