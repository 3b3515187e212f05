"""How every command ends: with its result, or with one error that a person and a shell can act on."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from engine.cli.kestra import is_no_failure
from engine.errors import EngineError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Signals:
    """What signals asked of a command; an exception that is raised for one may be lost in a library, this is not."""

    def __init__(self) -> None:
        self._asked: int | None = None

    def __bool__(self) -> bool:
        return self._asked is not None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del frame
        self._asked = self._asked or number
        raise KeyboardInterrupt

    def check(self) -> None:
        """Stop now, if a signal asked for that: to be called where a month failed, or before the next one begins."""
        if self:
            raise KeyboardInterrupt

    def error(self, subject: str) -> EngineError:
        """Return the error that the command ends with."""
        error = Interrupted(self._asked or signal.SIGINT)
        return error.within(subject=subject, state="nothing unpublished is left", next_step=again())

    def unraisable(self, what: sys.UnraisableHookArgs) -> None:
        """Say nothing of exceptions that nobody could catch, once a signal was the reason."""
        if not self:
            sys.__unraisablehook__(what)


@contextmanager
def ending(subject: str = "", failed: Callable[[EngineError], str] | None = None) -> Iterator[Signals]:
    """Run a command's body; errors go to stderr and become the exit code.

    SIGTERM ends the process in the same orderly way as Ctrl-C: whatever is unpublished is removed on the way out.

    Args:
        subject: What the command is about, such as `yellow 2019-01`.
        failed: Makes the object that stdout gets in place of a result; None: it gets nothing.

    """
    signals = Signals()
    previous = {number: signal.signal(number, signals.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    hook, sys.unraisablehook = sys.unraisablehook, signals.unraisable
    try:
        yield signals
    except EngineError as error:
        # Inside a call of a library a signal's exception may be lost, or end as another error.
        known = signals.error(subject) if signals else error.within(subject=subject, state="nothing was changed")
        _give_up(known, failed)
    except KeyboardInterrupt:
        _give_up(signals.error(subject), failed)
    except (click.ClickException, click.exceptions.Abort, click.exceptions.Exit):
        raise  # click's own words and codes
    except Exception as error:  # noqa: BLE001 - the last floor: whatever it is, its reader gets a whole message
        _give_up(signals.error(subject) if signals else _unexpected(error).within(subject=subject), failed)
    finally:
        sys.unraisablehook = hook
        for number, handler in previous.items():
            signal.signal(number, handler)


def fail(error: EngineError) -> NoReturn:
    """Print an error and end the process with its code; Kestra is told of months that are due later by their state."""
    say(str(error))
    sys.exit(0 if to_kestra() and is_no_failure(error) else error.exit_code)


def say(text: str) -> None:
    """Tell people something that is no result: on stderr, but Kestra would take that for an error."""
    click.echo(text, err=not to_kestra())


def to_kestra() -> bool:
    """Tell whether Kestra reads what the command prints."""
    context = click.get_current_context(silent=True)
    return context is not None and context.params.get("output") == "kestra"


def again() -> str:
    """Return the command that is running, for messages: passwords are masked."""
    return shlex.join(["engine", *map(without_password, sys.argv[1:])])


def without_password(text: str) -> str:
    """Return a URL or any other word of a command line without the password in it."""
    if "://" not in text and "password" not in text:
        return text
    from engine.postgres import masked  # noqa: PLC0415 - psycopg only where something went wrong

    return masked(text)


def leave(code: int) -> NoReturn:
    """End the process now.

    A scan that was given up may still have threads of Polars on their way into Python; an interpreter that takes itself
    apart under them aborts (seen: exit 134 after Ctrl-C). And whoever called would wait until all that was imported is
    taken apart. Everything that must be cleaned up has been by now.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without looking for garbage: a hundred thousand objects that stay are looked at again and again else.

    They are left out of later collections too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _give_up(error: EngineError, failed: Callable[[EngineError], str] | None) -> NoReturn:
    if failed is not None:
        click.echo(failed(error))
    fail(error)


def _unexpected(error: Exception) -> EngineError:
    if isinstance(error, OSError):
        found = EngineError(f"the operating system refused: {error}")
        return found.within(state="nothing unpublished is visible", next_step=f"see to that, then run\n{again()}")
    traceback.print_exception(error)
    found = EngineError(f"unexpected {type(error).__name__}: {error}")
    return found.within(state="nothing unpublished is visible", next_step="please report this with the lines above")
