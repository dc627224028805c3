"""What becomes of events: log lines and the report."""
