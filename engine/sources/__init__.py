"""Where months come from: a folder, a file, or an http(s) server.

`open_source` turns a location into a `Source`; `look` tells what is there for one HEAD request or one stat, `fetch`
makes it a local file whose bytes are the published ones, counted and with a checksum.
"""

from engine.sources.location import open_source
from engine.sources.source import Fetched, Progress, Source
from engine.sources.spool import clean

__all__ = ["Fetched", "Progress", "Source", "clean", "open_source"]
