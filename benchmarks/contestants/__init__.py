"""Programs that are measured, each run as a fresh process that prints one JSON object."""
