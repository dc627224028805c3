"""What the test kit and the rehearsal both stand on: a real program, the signals of platforms, a network that fails."""
