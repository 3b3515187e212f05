"""A dataset of BigQuery as a target: `sink.BigQuerySink` is the whole of it, the other files are its parts."""
