"""
A face of the agent on sockets, from a thread of its own: probes for kubelets and balancers, or control.

It must answer while everything else is blocked, and nobody who can reach it may make the agent slow or large: there are
at most 64 clients, a newcomer takes the place of the one that has been there longest, and each has 5 s for a request,
however slowly it sends.
"""

from __future__ import annotations

import os
import select
import threading

from ..hints import TYPE_CHECKING
from ..ports import Clock
from .errors import ProbeError
from .wire import Face, Wire

if TYPE_CHECKING:
    from socket import socket

CLIENTS = 64
"""The most connections at once."""
PATIENCE_S = 5.0
"""How long a client may take for a request, for reading an answer, or between two."""
LINGER_S = 1.0
"""How long a connection that was refused is read on, so that the client gets to see why."""
_PAUSE_S = 0.1
_SHUT_WR = 1


def parse_address(text: str) -> tuple[str, int]:
    """
    Return the host and the port of *text*, which is like `127.0.0.1:8080`, `[::1]:8080` or `:8080` for every address.

    Raise `ValueError` that says what is wrong and what to write.
    """
    host, colon, port = text.rpartition(":")
    example = "write it like '127.0.0.1:8080', '[::1]:8080' or ':8080'"
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5:
        raise ValueError(f"{text!r} names no port; {example}")
    if int(port) > 65535:
        raise ValueError(f"{text!r}: the port must be from 0 to 65535")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in host and bare == host) or "[" in bare or "]" in bare or not bare.isascii() or " " in bare:
        raise ValueError(f"{text!r} names no host; {example}")
    return bare, int(port)


def _listen(host: str, port: int) -> socket:
    import socket  # noqa: PLC0415 - 6 ms, for those who ask for the face

    if not host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", port), family=family, backlog=CLIENTS, dualstack_ipv6=both)
    # As bytes: for text Python loads a codec of 1 MB.
    found = socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(found[4][:2], family=found[0], backlog=CLIENTS)


class ProbeServer:
    """Listens from the moment it is made; answers from `start` on, until the process ends."""

    def __init__(self, address: str, face: Face, clock: Clock, *, option: str = "--probe-listen") -> None:
        """Listen at *address*, which stands in *option*; raise `ProbeError` when that cannot be done."""
        try:
            self._listener = _listen(*parse_address(address))
        except OSError as error:
            purpose = "probes" if option == "--probe-listen" else "control"
            text = f"cannot listen on {address!r} for {purpose}: {error.strerror or error}; choose another {option}"
            raise ProbeError(text) from error
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        """The port, also where 0 was asked for."""
        self._clock = clock
        self._face = face
        self._clients: dict[int, _Client] = {}
        self._poll = select.poll()
        self._bell_out, self._bell_in = os.pipe()
        self._paused_until = 0.0
        self._thread = threading.Thread(
            target=self._serve, name=f"processender{option.rpartition('-')[0][1:]}", daemon=True
        )

    def start(self) -> None:
        """Start to answer."""
        self._poll.register(self._bell_out, select.POLLIN)
        self._poll.register(self._listener, select.POLLIN)
        self._thread.start()

    def close(self) -> None:
        """Stop to answer and close everything."""
        os.write(self._bell_in, b"!")
        self._thread.join()
        for client in list(self._clients.values()):
            self._drop(client)
        self._listener.close()
        os.close(self._bell_in)
        os.close(self._bell_out)

    def _serve(self) -> None:
        while True:
            ready = self._poll.poll(self._patience_ms())
            now = self._clock.now()
            for descriptor, _ in ready:
                if descriptor == self._bell_out:
                    return
                client = self._clients.get(descriptor)
                if client is not None:
                    self._attend(client, now)
            if any(descriptor == self._listener.fileno() for descriptor, _ in ready):
                self._accept(now)
            self._expire(now)

    def _patience_ms(self) -> float | None:
        times = [client.until for client in self._clients.values()]
        if self._paused_until:
            times.append(self._paused_until)
        return max(0.0, (min(times) - self._clock.now()) * 1000 + 1) if times else None

    def _accept(self, now: float) -> None:
        for _ in range(CLIENTS):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptor is left, or the client is gone again; a poll that returns at once would spin on it.
                self._poll.unregister(self._listener)
                self._paused_until = now + _PAUSE_S
                return
            if len(self._clients) >= CLIENTS:
                self._drop(min(self._clients.values(), key=lambda client: client.since))
            sock.setblocking(False)
            client = _Client(sock, Wire(self._face), now)
            self._clients[sock.fileno()] = client
            self._poll.register(sock, select.POLLIN)
            self._attend(client, now)

    def _attend(self, client: _Client, now: float) -> None:
        if not client.proceed(now):
            self._drop(client)
        else:
            self._poll.modify(client.sock, client.interest())

    def _expire(self, now: float) -> None:
        if self._paused_until and now >= self._paused_until:
            self._paused_until = 0.0
            self._poll.register(self._listener, select.POLLIN)
        for client in [each for each in self._clients.values() if each.until <= now]:
            if client.wire.started and not client.wire.closing:
                client.wire.refuse(408)
                self._attend(client, now)
            else:
                self._drop(client)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.sock.fileno()]
        self._poll.unregister(client.sock)
        client.sock.close()


class _Client:
    """One connection and how long it may still take."""

    def __init__(self, sock: socket, wire: Wire, now: float) -> None:
        self.sock = sock
        self.wire = wire
        self.since = now
        self.until = now + PATIENCE_S
        self._answered = 0
        self._lingers = False

    def interest(self) -> int:
        """Return what to wait for: room for what must be sent, or more from the client."""
        return select.POLLOUT if self.wire.output else select.POLLIN

    def proceed(self, now: float) -> bool:
        """Read, answer and send as far as nothing blocks; tell whether the connection goes on."""
        try:
            return self._proceed(now)
        except Exception:
            # The client has gone; or a bug of ours, which must cost one connection and not the whole face.
            return False

    def _proceed(self, now: float) -> bool:
        goes_on = self._linger() if self._lingers else self._read() and self._write()
        if self.wire.answered > self._answered:
            self._answered = self.wire.answered
            self.until = now + PATIENCE_S
        if goes_on and self.wire.closing and not self.wire.output and not self._lingers:
            self._lingers = True
            self.until = now + LINGER_S
            self.sock.shutdown(_SHUT_WR)
        return goes_on

    def _read(self) -> bool:
        wants = self.wire.wants
        if not wants:
            return True
        try:
            data = self.sock.recv(wants)
        except BlockingIOError:
            return True
        self.wire.feed(data)
        return bool(data) or bool(self.wire.output)

    def _write(self) -> bool:
        while self.wire.output:
            try:
                sent = self.sock.send(self.wire.output)
            except BlockingIOError:
                return True
            del self.wire.output[:sent]
            self.wire.proceed()
        return True

    def _linger(self) -> bool:
        try:
            return bool(self.sock.recv(65536))
        except BlockingIOError:
            return True
