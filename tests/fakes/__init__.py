"""Servers that behave like Google's, small enough to read, over real sockets and with faults at will."""
