"""
Object storage with the face of S3: multipart uploads that were never finished, which cost until they are, and objects.

The credentials come from where boto3 finds them (environment, profile, instance), never from a record.

Source: the API reference of S3. An abort may have to be repeated while parts are on their way, and is over when
ListParts knows no upload any more.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ..core.obligation import Obligation
from ..errors import ReleaserError, StateError, Transient
from ..hints import AbstractContextManager, Any
from ..ports import Context, Owing

_CONNECT_S = 10.0
_GONE = {"404", "NoSuchKey", "NoSuchUpload", "NoSuchBucket", "NoSuchVersion", "NotFound"}
_PASSING = {"408", "429", "500", "502", "503", "504", "InternalError", "OperationAborted", "RequestTimeout"}
_PASSING |= {"ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException", "ConditionalRequestConflict"}


class _Stored:
    """What the releasers of this room share."""

    def dependency(self, obligation: Obligation) -> str:
        """Return the service."""
        return f"s3 {obligation.args.get('endpoint') or 'of AWS'}"


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
        with _Client(obligation, _CONNECT_S) as s3:
            return bool(_uploads(s3, obligation))

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Complete or abort it; return when it is gone."""
        bucket, key = _place(obligation)
        with _Client(obligation, ctx.remaining()) as s3:
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
        with _Client(obligation, _CONNECT_S) as s3:
            return _is_meant(s3, obligation)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Delete it."""
        etag = obligation.args.get("etag")
        condition = {"IfMatch": etag} if etag and not obligation.ref else {}
        with _Client(obligation, ctx.remaining()) as s3:
            if _is_meant(s3, obligation):
                s3.delete_object(**_object(obligation), **condition)


class Upload:
    """A multipart upload that is on."""

    def __init__(self, held: Any, where: dict[str, str]) -> None:
        """Only `upload` makes one."""
        self.finished = False
        """Whether the object is there."""
        self._held = held
        self._where = where
        self._parts: list[dict[str, Any]] = []

    @property
    def id(self) -> str:
        """Its id at the service."""
        return self._where["UploadId"]

    def put(self, data: bytes) -> None:
        """Send the next part: 5 MiB to 5 GiB, only the last may be smaller."""
        number = len(self._parts) + 1
        with _Client(self._held.obligation, None) as s3:
            sent = s3.upload_part(**self._where, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    def complete(self) -> None:
        """Make the object of the parts; if the process dies meanwhile, `finish="complete"` lets a recovery do it."""
        if self.finished:
            raise StateError("cannot complete the upload: it is finished")
        self._held.acquired(self.id, parts=len(self._parts))
        with _Client(self._held.obligation, None) as s3:
            s3.complete_multipart_upload(**self._where, MultipartUpload={"Parts": self._parts})
        self.finished = True


def upload(
    owing: Owing, bucket: str, key: str,
    *, endpoint: str = "", region: str = "", exclusive: bool = False, finish: str = "abort",
) -> AbstractContextManager[Upload]:  # fmt: skip
    """
    Return the block of one multipart upload; leaving it without `complete()` aborts it.

    Args:

        owing: The Ender.

        bucket: The bucket.

        key: The key of the object that it is to become.

        endpoint: The URL of the service, if it is not AWS's.

        region: The region, if boto3 does not find it.

        exclusive: Whether nobody else uploads to this key; then a recovery may abort whatever is on there.

        finish: What a recovery does with an upload all of whose parts were sent: `abort` or `complete`.
    """
    from contextlib import contextmanager  # noqa: PLC0415 - 3 ms, for those who need it

    if finish not in {"abort", "complete"}:
        raise ReleaserError(f"cannot owe an upload with finish={finish!r}: it is 'abort' or 'complete'")
    args: dict[str, Any] = {"endpoint": endpoint, "region": region, "exclusive": exclusive, "finish": finish}
    held = owing.obligation(
        "s3-upload", key=f"{bucket}/{key}", **{name: value for name, value in args.items() if value}
    )

    @contextmanager
    def block() -> Generator[Upload]:
        held.acquire()
        with _Client(held.obligation, None) as s3:
            made = s3.create_multipart_upload(Bucket=bucket, Key=key)
        held.acquired(made["UploadId"])
        running = Upload(held, {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]})
        try:
            yield running
        finally:
            if running.finished:
                held.settle()
            else:
                # What was not completed by its writer is completed by nobody.
                held.acquired(made["UploadId"], finish="abort")
                held.release()

    return block()


class _Client:
    """A client of boto3; without a limit in *seconds* it has boto3's own. What it raises becomes an error of ours."""

    def __init__(self, obligation: Obligation, seconds: float | None) -> None:
        try:
            from boto3.session import Session  # noqa: PLC0415 - 140 ms, for those who need it
            from botocore import exceptions  # noqa: PLC0415 - see above
            from botocore.config import Config  # noqa: PLC0415 - see above
        except ImportError as error:
            text = "cannot reach the object storage: its client is missing"
            raise ReleaserError(f"{text}; pip install 'processender[s3]'") from error
        self._errors: Any = exceptions
        args, config = obligation.args, {}
        if seconds is not None:
            limit = max(0.1, min(seconds, _CONNECT_S))
            # Whoever calls has a retry policy of its own.
            config = {"connect_timeout": limit, "read_timeout": limit, "retries": {"total_max_attempts": 1}}
        names = {"endpoint_url": args.get("endpoint"), "region_name": args.get("region")}
        known = {name: value for name, value in names.items() if isinstance(value, str) and value}
        try:
            self._client: Any = Session().client("s3", config=Config(**config), **known)
        except (exceptions.BotoCoreError, ValueError) as error:
            raise ReleaserError(f"cannot reach the object storage: {error}") from error

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._client.close()
        if isinstance(error, self._errors.ClientError):
            code = _code(error)
            text = f"the object storage refused it: {error}"
            raise (Transient(text) if code in _PASSING else ReleaserError(text)) from error
        if isinstance(error, self._errors.NoCredentialsError | self._errors.ParamValidationError):
            raise ReleaserError(f"cannot ask the object storage: {error}") from error
        if isinstance(error, self._errors.BotoCoreError):
            raise Transient(f"cannot reach the object storage: {error}") from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


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
        if _code(error) in _GONE:
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
        if _code(error) in _GONE:
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
