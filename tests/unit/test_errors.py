"""What users read when something goes wrong, and the codes that programs read."""

import pytest

from engine import errors


def test_a_message_says_what_where_state_and_next() -> None:
    """The form is that of the house style: one line, then labelled facts, then state and next step."""
    error = errors.HeaderMismatch(
        "green 2021-07 does not match its contract",
        facts={"file": "green_tripdata_2021-07.csv.gz, line 1, column 20", "expected": "a", "found": "b"},
        state="nothing was written",
        next_step="declare the column, then run\nengine ingest green 2021-07",
    )
    assert str(error).splitlines() == [
        "HeaderMismatch: green 2021-07 does not match its contract",
        "  file      green_tripdata_2021-07.csv.gz, line 1, column 20",
        "  expected  a",
        "  found     b",
        "  state     nothing was written",
        "  next      declare the column, then run",
        "            engine ingest green 2021-07",
    ]


def test_a_higher_floor_adds_and_never_overwrites() -> None:
    """`within` names the subject once and fills only what is not said yet."""
    error = errors.BadInput("it is empty", state="known")
    error.within(subject="green 2020-05", state="other", next_step="go on", file="x.csv")
    error.within(subject="green 2020-05")
    assert error.message == "green 2020-05: it is empty"
    assert (error.state, error.next_step, error.facts) == ("known", "go on", {"file": "x.csv"})


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.EngineError, 1),
        (errors.UsageError, 2),
        (errors.NotPublished, 10),
        (errors.BadInput, 11),
        (errors.TornInput, 11),
        (errors.ShrinkRefused, 11),
        (errors.TooManyRejects, 12),
        (errors.HeaderMismatch, 13),
        (errors.TableMismatch, 13),
        (errors.IdentityMismatch, 13),
        (errors.SourceUnreachable, 20),
        (errors.TargetUnreachable, 20),
        (errors.Busy, 21),
        (errors.VerifyFailed, 30),
    ],
)
def test_each_error_has_its_exit_code(kind: type[errors.EngineError], code: int) -> None:
    """The codes are the documented ones."""
    assert kind("x").exit_code == code


def test_an_interruption_exits_as_a_shell_would() -> None:
    """Ctrl-C is 130 and SIGTERM 143 (POSIX: 128 plus the signal)."""
    assert errors.Interrupted(2).exit_code == 130
    assert errors.Interrupted(15).exit_code == 143
