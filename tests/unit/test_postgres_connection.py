"""Connections: no password in any text, and clear words for wrong targets."""

import pytest

from engine.errors import TargetUnreachable, UsageError
from engine.postgres import connect, masked, quoted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5432/d?sslmode=require", "postgresql://u:***@h:5432/d?sslmode=require"),
        ("postgresql://u:se%40cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d?user=u&password=secret", "postgresql://h/d?user=u&password=***"),
        ("postgresql:///d?host=/s&sslpassword=secret", "postgresql:///d?host=/s&sslpassword=***"),
        ("host=h password=secret dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='se cret' dbname=d", "host=h password=*** dbname=d"),
        ("", "PostgreSQL (PG* variables)"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    """Whatever form the URL has, its password becomes stars and the rest stays."""
    assert masked(url) == shown


def test_a_server_that_is_not_there_is_unreachable_and_keeps_its_password_secret() -> None:
    """The error says which target, and says nothing of the password."""
    with pytest.raises(TargetUnreachable) as caught:
        connect("postgresql://u:secret@127.0.0.1:1/d")
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_url_that_makes_no_sense_is_a_usage_error() -> None:
    """Libpq's own reason is part of the message."""
    with pytest.raises(UsageError, match="URL is wrong") as caught:
        connect("postgresql://h/d?nonsense=1")
    assert "nonsense" in str(caught.value)


def test_identifiers_are_quoted_whatever_they_hold() -> None:
    """A name with quotes stays one name."""
    assert quoted("s", 'a"; DROP TABLE x; --').as_string(None) == '"s"."a""; DROP TABLE x; --"'


def test_a_connection_is_ready_for_months(database_url: str) -> None:
    """Dates print as the partition bounds are written, and no limit of a role cuts a load short."""
    with connect(database_url) as connection:
        row = connection.execute("SELECT date '2019-01-02'::text, current_setting('statement_timeout')").fetchone()
    assert row == ("2019-01-02", "0")
