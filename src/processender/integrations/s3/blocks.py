"""Multipart uploads that are owed while a block runs."""

from __future__ import annotations

from collections.abc import Generator

from ...errors import ReleaserError, StateError
from ...hints import AbstractContextManager, Any
from ...ports import Owing
from .releaser import client_of
from .server import NeverSent


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
        with client_of(self._held.obligation, None) as s3:
            sent = s3.upload_part(**self._where, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    def complete(self) -> None:
        """Make the object of the parts; if the process dies meanwhile, `finish="complete"` lets a recovery do it."""
        if self.finished:
            raise StateError("cannot complete the upload: it is finished")
        self._held.acquired(self.id, parts=len(self._parts))
        with client_of(self._held.obligation, None) as s3:
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
        try:
            with client_of(held.obligation, None) as s3:
                made = s3.create_multipart_upload(Bucket=bucket, Key=key)
        except NeverSent:
            held.settle()
            raise
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
