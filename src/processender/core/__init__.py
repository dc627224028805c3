"""The pure core: what is decided, without a clock, I/O, threads or chance of its own."""
