"""The configuration of gunicorn for the benchmarks with the library."""

from processender.integrations.gunicorn import configure

control_socket_disable = True
globals().update(configure("web_library:ender", grace=20))
