"""Object storage with the face of S3: uploads and objects that are owed, and small states."""

from __future__ import annotations

from .blocks import Upload, upload
from .releaser import ObjectReleaser, UploadReleaser
from .store import S3Store

__all__ = ["ObjectReleaser", "S3Store", "Upload", "UploadReleaser", "upload"]
