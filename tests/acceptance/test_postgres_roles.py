"""Roles and schemas: which rights a load needs, and what it says where they are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine.errors import TableMismatch
from engine.targets import Place
from tests.conformance.world import lines

if TYPE_CHECKING:
    from tests.conformance.postgres_world import PostgresWorld


def _role(world: PostgresWorld, *grants: str) -> str:
    """Make a role with certain rights and return the URL of its connection."""
    role = f"r_{world.schema}"
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret-word'".encode())
        for grant in grants:
            connection.execute(f"GRANT {grant} ON SCHEMA {world.schema} TO {role}".encode())
    address = psycopg.conninfo.conninfo_to_dict(world.url)
    user = address.get("user")
    return world.url.replace(f"//{user}@", f"//{role}:secret-word@").replace(f"//{user}:", f"//{role}:")


def test_a_role_that_may_only_create_in_one_schema(world: PostgresWorld) -> None:
    """A role needs nothing but USAGE and CREATE on one schema to load, replace, append and verify."""
    world.place = Place(url=_role(world, "USAGE, CREATE"), schema=world.schema)
    world.write(lines(*range(20)))
    receipt = world.load()
    assert "secret-word" not in receipt.to_json()
    world.write(lines(*range(19), note="x"))
    world.load()
    world.write(lines(100))
    receipt = world.load(mode="append")
    assert receipt.rows.total == 20
    world.assert_consistent(receipt)


@pytest.mark.parametrize("grants", [(), ("USAGE",)])
def test_a_role_without_rights_is_told_which(world: PostgresWorld, grants: tuple[str, ...]) -> None:
    """A role that may not create in the schema is told so, without its password."""
    world.place = Place(url=_role(world, *grants), schema=world.schema)
    world.write(lines(*range(20)))
    result = world.run()
    assert isinstance(result.error, TableMismatch)
    assert "GRANT" in str(result.error)
    assert "secret-word" not in str(result.error)


def test_a_schema_that_is_not_there(world: PostgresWorld) -> None:
    """A schema that does not exist is not made silently."""
    world.place = Place(url=world.url, schema="no_such_schema")
    world.write(lines(*range(20)))
    result = world.run()
    assert isinstance(result.error, TableMismatch)
    assert "CREATE SCHEMA" in str(result.error)
