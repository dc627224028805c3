"""One room per foreign system: its source, drainer and releaser side by side, strangers to one another."""
