"""Objects of a bucket as a target: `sink.BucketSink` is the whole of it, the other files are its parts."""
