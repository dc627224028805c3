"""The public test kit: a clock that stands still, an observer that remembers, runs in virtual time, real programs."""
