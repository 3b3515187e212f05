"""What can go wrong, each with the exit code that a shell, a cron job or Kestra acts on.

    EngineError                  1    unexpected
    |-- UsageError               2    the command or its settings make no sense
    |-- NotPublished            10    the source has no such month (yet)
    |-- BadInput                11    the file is not what it should be; nothing of it was loaded
    |   |-- TornInput                 it ends inside a row, or its compression ends early
    |   `-- ShrinkRefused             it would replace a loaded month by much fewer rows
    |-- TooManyRejects          12    more bad rows than `max_rejects` allows
    |-- ContractMismatch        13    file or table do not agree with the contract
    |   |-- HeaderMismatch            the file's columns do not
    |   |-- TableMismatch             the target's table does not
    |   `-- IdentityMismatch          the table's ids were computed in another way
    |-- Unreachable             20    retries are used up
    |   |-- SourceUnreachable
    |   `-- TargetUnreachable
    |       `-- AccessDenied          the account may not do what is needed
    |-- Busy                    21    another engine loads this month, or readers hold its lock
    |-- VerifyFailed            30    verify found differences
    `-- Interrupted        130, 143   Ctrl-C, SIGTERM

A low floor raises the facts it knows; the flow adds the partition and what state is left behind (`EngineError.within`).
`str(error)` is the whole message that a user reads: what happened, where, what state is left, what to do next.
"""

from __future__ import annotations

from typing import ClassVar, Self


class EngineError(Exception):
    """An error with everything that its reader needs.

    Args:
        message: What happened, one sentence without a full stop.
        facts: Where and with which values; label -> text, shown in this order.
        state: What is left behind.
        next_step: What to do now: a command where there is one.

    """

    exit_code: ClassVar[int] = 1
    retriable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, facts: dict[str, str] | None = None, state: str = "", next_step: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.facts = dict(facts or {})
        self.state = state
        self.next_step = next_step

    def within(self, *, subject: str = "", state: str = "", next_step: str = "", **facts: str) -> Self:
        """Add what a higher floor knows; what is already said stays."""
        if subject and not self.message.startswith(subject):
            self.message = f"{subject}: {self.message}"
        self.facts = {**facts, **self.facts}
        self.state = self.state or state
        self.next_step = self.next_step or next_step
        return self

    def __str__(self) -> str:
        lines = [*self.facts.items(), ("state", self.state), ("next", self.next_step)]
        body = [_labelled(label, text) for label, text in lines if text]
        return "\n".join([f"{type(self).__name__}: {self.message}", *body])


def _labelled(label: str, text: str) -> str:
    head, *rest = text.splitlines() or [""]
    return "\n".join([f"  {label:<9} {head}", *(f"            {line}" for line in rest)])


class UsageError(EngineError):
    """The command, a flag, a setting or a dataset file makes no sense."""

    exit_code = 2


class NotPublished(EngineError):
    """The source has no such month, or not yet."""

    exit_code = 10


class BadInput(EngineError):
    """The file is not what it should be."""

    exit_code = 11


class TornInput(BadInput):
    """The file ends inside a row, or its compression ends early or fails its checksum."""


class ShrinkRefused(BadInput):
    """The new file has less than 90 % of the rows that the loaded month has."""


class TooManyRejects(EngineError):
    """More rows were bad than `max_rejects` allows."""

    exit_code = 12


class ContractMismatch(EngineError):
    """File or table do not agree with the contract."""

    exit_code = 13


class HeaderMismatch(ContractMismatch):
    """The file's columns do not agree with the contract."""


class TableMismatch(ContractMismatch):
    """The target's table does not agree with the contract, or is not ours."""


class IdentityMismatch(ContractMismatch):
    """The target's ids were computed by another identity."""


class Unreachable(EngineError):
    """A server did not answer as it should, and retries are used up."""

    exit_code = 20
    retriable = True


class SourceUnreachable(Unreachable):
    """The source did not answer as it should."""


class TargetUnreachable(Unreachable):
    """The target did not answer as it should."""


class AccessDenied(TargetUnreachable):
    """The target answers, and the account may not do what is needed; the same again will not help."""

    retriable = False


class Busy(EngineError):
    """Another engine loads this month, or readers hold its lock."""

    exit_code = 21
    retriable = True


class VerifyFailed(EngineError):
    """The target, the ledger and the source do not agree."""

    exit_code = 30


class Interrupted(EngineError):
    """A signal asked to stop.

    Args:
        signal_number: 2 (SIGINT) or 15 (SIGTERM); the exit code is 128 plus it, as in a POSIX shell.

    """

    def __init__(self, signal_number: int) -> None:
        super().__init__("stopped by Ctrl-C" if signal_number == 2 else "stopped by SIGTERM")  # noqa: PLR2004 - POSIX
        self.exit_code = 128 + signal_number  # type: ignore[misc]  # one class, two codes
