"""
Object storage with the face of S3: multipart uploads that were never finished, which cost until they are, and objects.

The credentials come from where boto3 finds them (environment, profile, instance), never from a record.

Source: the API reference of S3. An abort may have to be repeated while parts are on their way, and is over when
ListParts knows no upload any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.obligation import Obligation
from ...errors import ReleaserError, Transient
from ...hints import Any
from ...ports import Context
from .server import CONNECT_S, Client, code_of

_GONE = {"404", "NoSuchKey", "NoSuchUpload", "NoSuchBucket", "NoSuchVersion", "NotFound"}


class _Stored:
    """What the releasers of this room share."""

    def dependency(self, obligation: Obligation) -> str:
        """Return the service."""
        return f"s3 {obligation.args.get('endpoint') or 'of AWS'}"

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for a key that tells no object, and an end of an upload that there is not."""
        _place(obligation)
        if obligation.args.get("finish", "abort") not in {"abort", "complete"}:
            raise ReleaserError(f"cannot owe it with finish={obligation.args['finish']!r}: 'abort' or 'complete'")


class UploadReleaser(_Stored):
    """
    Ends a multipart upload: aborts it, or with `finish="complete"` completes it if all its `parts` are there.

    The key is `bucket/key of the object`, the real id that of the upload. The arguments are `endpoint`, `region`,
    `finish`, and `parts`, how many the writer has sent in all. Where the crash came before the real id was known, all
    uploads of this very key are aborted if `exclusive` says that nobody else uploads to it; otherwise, if there are
    some, they are named and left to a human.
    """

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the upload, or one that may be it, is there."""
        with client_of(obligation, CONNECT_S) as s3:
            return bool(_uploads(s3, obligation))

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Complete or abort it; return when it is gone."""
        bucket, key = _place(obligation)
        with client_of(obligation, ctx.remaining()) as s3:
            found = _uploads(s3, obligation)
            if found and not obligation.ref and not obligation.args.get("exclusive"):
                text = f"cannot tell which upload to {bucket}/{key} is the dead one's: {', '.join(found)}"
                raise ReleaserError(f"{text}; abort it by hand, or say exclusive=True if nobody else uploads to it")
            for upload in found:
                where = {"Bucket": bucket, "Key": key, "UploadId": upload}
                parts = _complete_parts(s3, obligation, where)
                if parts:
                    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
                else:
                    s3.abort_multipart_upload(**where)
            left = _uploads(s3, obligation)
        if left:
            raise Transient(f"the upload {left[0]} to {bucket}/{key} is still there: parts were on their way")


class ObjectReleaser(_Stored):
    """
    Deletes an object. The key is `bucket/key of the object`, the real id a version, if it has one.

    The arguments are `endpoint`, `region`, and `etag`, if known: an object with another one is left alone.
    """

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the object is there and is the one that was meant."""
        with client_of(obligation, CONNECT_S) as s3:
            return _is_meant(s3, obligation)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Delete it."""
        etag = obligation.args.get("etag")
        condition = {"IfMatch": etag} if etag and not obligation.ref else {}
        with client_of(obligation, ctx.remaining()) as s3:
            if _is_meant(s3, obligation):
                s3.delete_object(**_object(obligation), **condition)


def client_of(obligation: Obligation, seconds: float | None) -> Client:
    """Return a client of the service that the obligation names; without a limit in *seconds* it has boto3's own."""
    return Client(obligation.args.get("endpoint"), obligation.args.get("region"), seconds)


def _place(obligation: Obligation) -> tuple[str, str]:
    bucket, _, key = obligation.key.partition("/")
    if not bucket or not key:
        raise ReleaserError(f"cannot release {obligation.label}: its key must be `bucket/key of the object`")
    return bucket, key


def _object(obligation: Obligation) -> dict[str, str]:
    bucket, key = _place(obligation)
    return {"Bucket": bucket, "Key": key} | ({"VersionId": obligation.ref} if obligation.ref else {})


def _is_meant(s3: Any, obligation: Obligation) -> bool:
    try:
        found = s3.head_object(**_object(obligation))
    except s3.exceptions.ClientError as error:
        if code_of(error) in _GONE:
            return False
        raise
    etag = obligation.args.get("etag")
    return not etag or found["ETag"].strip('"') == str(etag).strip('"')


def _uploads(s3: Any, obligation: Obligation) -> list[str]:
    """Return the ids of the uploads that are, or may be, meant."""
    bucket, key = _place(obligation)
    try:
        if obligation.ref:
            s3.list_parts(Bucket=bucket, Key=key, UploadId=obligation.ref, MaxParts=1)
            return [obligation.ref]
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
        return [each["UploadId"] for page in pages for each in page.get("Uploads", ()) if each["Key"] == key]
    except s3.exceptions.ClientError as error:
        if code_of(error) in _GONE:
            return []
        raise


def _complete_parts(s3: Any, obligation: Obligation, where: dict[str, str]) -> list[dict[str, Any]]:
    """Return the parts to complete the upload with; none if it is to be aborted."""
    wanted = obligation.args.get("parts")
    if obligation.args.get("finish") != "complete" or not isinstance(wanted, int) or wanted < 1:
        return []
    found = [{"PartNumber": each["PartNumber"], "ETag": each["ETag"]} for each in _parts(s3, where)]
    return found if [each["PartNumber"] for each in found] == [*range(1, wanted + 1)] else []


def _parts(s3: Any, where: dict[str, str]) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_parts").paginate(**where):
        yield from page.get("Parts", ())
