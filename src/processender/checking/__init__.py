"""
What is wrong with how a process will end, seen in the files before anything runs.

`files` and `documents` read, `workload` and `configuration` say what was read, `facts` works out the times, and the
rules are functions `(Pod, Facts) -> Iterator[Finding]` in the tables of `rules`. Nothing here touches a cluster.
"""
