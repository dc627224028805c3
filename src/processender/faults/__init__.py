"""What goes wrong on purpose: faults of the network and of handlers, for a rehearsal and for the test kit alike."""
