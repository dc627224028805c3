"""Does it really stop? Every case of the matrix as a program, with and without ProcessEnder."""
