"""The end of a real program, rehearsed before it is needed: load, a scripted end, faults, assertions, one verdict."""
