"""
What `processender doctor` finds out about where it runs: who ends the process, how long that takes, who tells of it.

Rules in tables, one small function for what can be read or asked, and one place where all of it is put together.
"""
