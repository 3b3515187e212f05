"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

BOM: Final = b"\xef\xbb\xbf"
PARQUET: Final = b"PAR1"
ENCRYPTED: Final = b"PARE"  # Parquet format, "Encryption": a file whose footer is encrypted too

# First bytes of what is often found where a CSV should be: name, and what its reader can do about it.
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive", "unpack it and give the CSV inside"),
    (b"BZh", "compressed with bzip2", "decompress it, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it, or compress it with gzip"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (b"\x1f\x8b", "compressed twice", "decompress it once"),
    (PARQUET, "compressed Parquet", "decompress it: Parquet is compressed within"),
)


def is_parquet(path: Path, name: str) -> bool:
    """Tell whether a file is Parquet, by its first bytes.

    Args:
        path: The file.
        name: Its name as its users know it.

    Raises:
        BadInput: It is encrypted, has no footer, or is called `.parquet` and is none.

    """
    with path.open("rb") as file:
        head = file.read(len(PARQUET))
        size = file.seek(0, 2)
        file.seek(max(0, size - len(PARQUET)))
        tail = file.read()
    facts = {"file": name}
    if ENCRYPTED in (head, tail):
        message = "this Parquet file is encrypted"
        raise BadInput(message, facts=facts, next_step="decrypt it: the engine holds no keys")
    if head == PARQUET:
        if tail != PARQUET or size <= 2 * len(PARQUET):
            message = "this is a Parquet file without its footer"
            raise BadInput(message, facts=facts, next_step="fetch the file again: it was cut off")
        return True
    if name.endswith(".parquet") and head:
        message = "this is no Parquet file, although its name says so"
        found = f"it begins with {head!r}, a Parquet file with {PARQUET!r}"
        raise BadInput(message, facts=facts | {"found": found}, next_step="open the source's URL in a browser")
    return False


def refuse_foreign(data: bytes, name: str) -> None:
    """Refuse what is no CSV.

    Args:
        data: The first bytes of the content, decompressed.
        name: The file's name, for messages.

    Raises:
        BadInput: It is something else, or empty.

    """
    facts = {"file": name}
    if not data.strip():
        message = "the file is empty"
        raise BadInput(message, facts=facts)
    for magic, what, advice in _FOREIGN:
        if data.startswith(magic):
            message = f"this is no CSV: it is {what}"
            raise BadInput(message, facts=facts, next_step=advice)
    if data.removeprefix(BOM).lstrip().startswith(b"<"):
        message = "this is no CSV: it is a web page or XML"
        found = data.removeprefix(BOM).lstrip()[:80].decode("utf-8", "backslashreplace")
        raise BadInput(message, facts=facts | {"found": found}, next_step="open the source's URL in a browser")
