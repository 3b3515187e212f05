"""The embedded PostgreSQL: a server of the user's own, started on demand, stopped when its last user ends.

Guarantees: no TCP port; no mode or owner of a folder that is not ours changes; the server never runs as root; any
number of processes share it; a killed process neither stops it under the others nor keeps it alive.
"""

from engine.embedded.cluster import SETTINGS, Setting
from engine.embedded.programs import program
from engine.embedded.server import DATABASE, Server

__all__ = ["DATABASE", "SETTINGS", "Server", "Setting", "program"]
