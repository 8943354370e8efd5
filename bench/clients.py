"""WebSocket clients for the measurements, on the standard library alone.

A client here is a raw socket and a Reader: tests that stop reading, or that want to know exactly
when a byte came, need what libraries hide.
"""

import socket

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

# Masking with zeros is masking (RFC 6455 section 5.3 asks for unpredictable keys against proxies,
# of which there are none here), and leaves prepared frames as they are.
MASK = bytes(4)


def frame(opcode, payload=b""):
    """A client's frame with a payload of at most 125 bytes."""
    assert len(payload) <= 125
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + MASK + payload


def parse_address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def upgrade_request(address, resource):
    return (
        f"GET {resource} HTTP/1.1\r\n"
        f"Host: {address}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: c3RlbnRvciBiZW5jaG1hcg==\r\n\r\n"
    ).encode()


def connect(address, request, receive_buffer=0):
    """A connected, non-blocking socket on which the request has been sent."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(parse_address(address))
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sock.send(request) != len(request):
        raise OSError("a fresh socket is full")
    return sock


class Reader:
    """Reads the answer to the handshake, then frames: calls on_frame(opcode, start, length) with
    the first `keep` bytes of each payload when all of the payload has arrived."""

    def __init__(self, on_frame, keep=256):
        self.on_frame = on_frame
        self.keep = keep
        self.upgraded = False
        self.pending = bytearray()
        self.opcode = 0
        self.length = 0
        self.start = b""
        self.skip = 0  # bytes of the payload that are still to come, and are not kept

    def feed(self, data):
        data = memoryview(data)
        if self.skip:
            skipped = min(self.skip, len(data))
            self.skip -= skipped
            data = data[skipped:]
            if self.skip:
                return
            self.on_frame(self.opcode, self.start, self.length)
        if len(data) == 0:
            return
        self.pending += data
        if self.upgraded or self._read_answer():
            while self._read_frame():
                pass

    def _read_answer(self):
        end = self.pending.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not self.pending.startswith(b"HTTP/1.1 101 "):
            raise OSError("the handshake was refused: " + self.pending[:400].decode("latin-1"))
        del self.pending[: end + 4]
        self.upgraded = True
        return True

    def _read_frame(self):
        pending = self.pending
        if len(pending) < 2:
            return False
        short, head = pending[1] & 0x7F, 2
        if short == 126:
            head = 4
        elif short == 127:
            head = 10
        if len(pending) < head:
            return False
        length = short if head == 2 else int.from_bytes(pending[2:head], "big")
        have = min(length, len(pending) - head)
        if have < min(length, self.keep):
            return False
        self.opcode = pending[0] & 0x0F
        self.length = length
        self.start = bytes(pending[head : head + min(length, self.keep)])
        del pending[: head + have]
        self.skip = length - have
        if self.skip:
            return False
        self.on_frame(self.opcode, self.start, self.length)
        return True
