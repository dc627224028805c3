"""Does it really stop? Programs that do not, plain and with ProcessEnder."""
