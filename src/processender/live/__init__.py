"""What a run does now: its course as data, a picture of it, and who shows that on a terminal."""
