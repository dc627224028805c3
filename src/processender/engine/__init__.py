"""The engine: the only room that makes threads and tasks for a run, sleeps, or reads a clock."""
