"""What a target needs before months are loaded into it: made once, looked at any time, never made worse.

`making` knows which kinds of target there are; each kind has a file of its own.
"""

from engine.setup.making import set_up
from engine.setup.thing import Asked, Standing, Thing

__all__ = ["Asked", "Standing", "Thing", "set_up"]
