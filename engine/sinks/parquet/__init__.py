"""Folders of Parquet files as a target: `sink.ParquetSink` is the whole of it, the other files are its parts."""
