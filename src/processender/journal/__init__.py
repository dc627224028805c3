"""What is owed, on disk: an append-only log of zero-filled segments, one directory and one writer for each owner."""
