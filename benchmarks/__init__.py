"""The engine against its peers and against its own promises, on generated months, side by side in one run."""
