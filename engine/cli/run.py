"""How every command ends: with its result, or with one error that a person and a shell can act on."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from engine.errors import EngineError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def ending() -> Iterator[None]:
    """Run a command's body; errors go to stderr and become the exit code.

    SIGTERM ends the process in the same orderly way as Ctrl-C: whatever is unpublished is removed on the way out.
    """
    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        asked.append(number)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except EngineError as error:
        fail(error)
    except KeyboardInterrupt:
        interrupted = Interrupted(asked[0] if asked else signal.SIGINT)
        interrupted.within(state="nothing unpublished is left", next_step="run the same command again")
        fail(interrupted)
    finally:
        signal.signal(signal.SIGTERM, previous)


def fail(error: EngineError) -> None:
    """Print an error and end the process with its code."""
    click.echo(str(error), err=True)
    sys.exit(error.exit_code)
