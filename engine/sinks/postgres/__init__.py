"""PostgreSQL as a target: `sink.PostgresSink` is the whole of it, the other files are its parts."""
