"""How the XML API words things: its documents, and its refusals (https://cloud.google.com/storage/docs/xml-api)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.fakes.gcs.calls import Refusal, Reply
from tests.fakes.gcs.records import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.gcs.listing import Page, Query
    from tests.fakes.gcs.records import Record

_HEAD = "<?xml version='1.0' encoding='UTF-8'?>"
_NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"
_CODES = {
    400: "InvalidArgument",
    401: "AuthenticationRequired",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "Conflict",
    412: "PreconditionFailed",
    416: "InvalidRange",
    429: "SlowDown",
    500: "InternalError",
    503: "ServiceUnavailable",
}
_CODES_OF_REASONS = {"EntityTooSmall", "InvalidPart", "NoSuchUpload"}


def xml_refusal(refusal: Refusal) -> Reply:
    """Return a refusal as the XML API words it."""
    if refusal.status == 304:
        return Reply(status=304, headers=refusal.headers)
    code = refusal.reason if refusal.reason in _CODES_OF_REASONS else _CODES.get(refusal.status, "InternalError")
    if refusal.status == 404 and "bucket" in refusal.message:
        code = "NoSuchBucket"
    details = f"<Code>{code}</Code><Message>{escape(refusal.message)}</Message>"
    return document("Error", details, status=refusal.status, headers=refusal.headers)


def document(root: str, content: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply of XML."""
    space = "" if root == "Error" else f" xmlns='{_NAMESPACE}'"
    head = {"Content-Type": "application/xml; charset=UTF-8", **(headers or {})}
    return Reply(status=status, headers=head, body=f"{_HEAD}<{root}{space}>{content}</{root}>".encode())


def listed(bucket: str, page: Page, query: Query, *, version: int) -> Reply:
    """Return a page of a listing, of version 1 (markers) or 2 (continuation tokens)."""
    head = _tags(
        Name=bucket,
        Prefix=query.prefix,
        Delimiter=query.delimiter,
        MaxKeys=str(query.most),
        IsTruncated=str(bool(page.last)).lower(),
    )
    if page.last:
        head += _tags(**{"NextContinuationToken" if version == 2 else "NextMarker": page.last})
    if version == 2:
        head += _tags(KeyCount=str(len(page.records) + len(page.prefixes)))
    records = "".join(f"<Contents>{_listed_record(record)}</Contents>" for record in page.records)
    prefixes = "".join(f"<CommonPrefixes>{_tags(Prefix=prefix)}</CommonPrefixes>" for prefix in page.prefixes)
    return document("ListBucketResult", head + records + prefixes)


def initiated(bucket: str, name: str, upload_id: str) -> Reply:
    """Return the answer to the beginning of a multipart upload."""
    return document("InitiateMultipartUploadResult", _tags(Bucket=bucket, Key=name, UploadId=upload_id))


def completed(record: Record) -> Reply:
    """Return the answer to the end of a multipart upload."""
    content = _tags(Bucket=record.bucket, Key=record.name, ETag=f'"{record.etag}"')
    return document("CompleteMultipartUploadResult", content, headers=written(record))


def copied(record: Record) -> Reply:
    """Return the answer to a copy."""
    content = _tags(ETag=f'"{record.etag}"', LastModified=timestamp(record.updated))
    return document("CopyObjectResult", content, headers=written(record))


def written(record: Record) -> dict[str, str]:
    """Return the headers that tell of an object that was written."""
    return {
        "ETag": f'"{record.etag}"',
        "X-Goog-Generation": str(record.generation),
        "X-Goog-Metageneration": str(record.metageneration),
        "X-Goog-Hash": f"crc32c={record.crc32c}" + (f",md5={record.md5}" if record.md5 else ""),
    }


def _listed_record(record: Record) -> str:
    return _tags(
        Key=record.name,
        Generation=str(record.generation),
        MetaGeneration=str(record.metageneration),
        LastModified=timestamp(record.updated),
        ETag=f'"{record.etag}"',
        Size=str(record.size),
    )


def _tags(**contents: str) -> str:
    return "".join(f"<{name}>{escape(content)}</{name}>" for name, content in contents.items())
