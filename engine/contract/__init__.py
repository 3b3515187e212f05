"""What a dataset promises: columns, the names they had over the years, identity, and what to do with the rest.

A dataset is data: `engine.catalog` reads it from one TOML file. Nothing here knows of files, Polars or databases.
"""

from engine.contract.column import (
    FILENAME,
    ID,
    RESERVED,
    SOURCE_MONTH,
    Alias,
    Allowed,
    Codes,
    Column,
    Form,
    Span,
    carried,
    is_name,
    normalised,
)
from engine.contract.dataset import Contract, Dataset, Fault, Identity, Origin, Policy, UnknownPolicy

__all__ = [
    "FILENAME",
    "ID",
    "RESERVED",
    "SOURCE_MONTH",
    "Alias",
    "Allowed",
    "Codes",
    "Column",
    "Contract",
    "Dataset",
    "Fault",
    "Form",
    "Identity",
    "Origin",
    "Policy",
    "Span",
    "UnknownPolicy",
    "carried",
    "is_name",
    "normalised",
]
