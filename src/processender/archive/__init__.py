"""
The archive: what became of every run, for longer than reports are kept, on one machine or over a fleet.

The truth is a few files of lines, to which the ending processes only ever append; an index beside them, in SQLite or in
PostgreSQL, answers what is asked, and can be made anew from the lines at any time.
"""
