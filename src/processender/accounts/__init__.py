"""
What can be read out of an account, the report of one run: its line in the archive, its spans, figures, and timeline.

All of it is pure, and takes the account as it stands in the file, a `dict`: of another process, of another version, or
damaged. What is missing there reads as nothing; nothing of it is trusted to be of its type.
"""
