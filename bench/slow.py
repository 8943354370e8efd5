#!/usr/bin/env python3
"""Clients that stop reading while a lot is broadcast to them; some read on at the end, and what
they get is checked: the messages in order, each once, or a gap that names exactly what is missing.
"""

import argparse
import http.client
import json
import re
import select
import sys
import time

import clients

ROOM = "bulk"
RECEIVE_BUFFER = 65536  # small, so that the server's socket is full soon
SEQ = re.compile(rb'"seq":(\d+)')
RANGE = re.compile(rb'"from":(\d+),"to":(\d+)')


class Stalled:
    """A client whose stream is checked against the list of what was published."""

    def __init__(self, sock):
        self.sock = sock
        self.reader = clients.Reader(self.on_frame)
        self.greeted = False
        self.published = []
        self.next = 0  # index into `published`
        self.messages = 0
        self.gaps = 0
        self.missed = 0

    def read(self, buffer):
        try:
            n = self.sock.recv_into(buffer)
        except BlockingIOError:
            return
        if n == 0:
            raise OSError("the server closed a connection")
        self.reader.feed(memoryview(buffer)[:n])

    def done(self):
        return self.next == len(self.published)

    def on_frame(self, opcode, start, _length):
        if opcode == clients.PING:
            self.sock.send(clients.frame(clients.PONG, start))
        elif opcode == clients.CLOSE:
            raise OSError(f"the server closed: {start!r}")
        elif start.startswith(b'{"type":"hello"'):
            self.greeted = True
        elif start.startswith(b'{"type":"message"'):
            self.on_message(int(SEQ.search(start)[1]))
        elif start.startswith(b'{"type":"gap"'):
            self.on_gap(*(int(number) for number in RANGE.search(start).groups()))
        else:
            raise ValueError(f"unexpected: {start!r}")

    def on_message(self, seq):
        if self.done() or self.published[self.next] != seq:
            expected = "nothing" if self.done() else self.published[self.next]
            raise ValueError(f"message {seq} came, {expected} was due")
        self.next += 1
        self.messages += 1

    def on_gap(self, first, last):
        before = self.next
        if self.done() or first > self.published[before]:
            raise ValueError(f"gap {first}..{last} does not begin with what is due")
        if before > 0 and first <= self.published[before - 1]:
            raise ValueError(f"gap {first}..{last} names what had come")
        while not self.done() and self.published[self.next] <= last:
            self.next += 1
        if self.next == before:
            raise ValueError(f"gap {first}..{last} names nothing that is missing")
        self.gaps += 1
        self.missed += self.next - before


def connect_all(address, number):
    request = clients.upgrade_request(address, f"/ws?room={ROOM}")
    stalled = [Stalled(clients.connect(address, request, RECEIVE_BUFFER)) for _ in range(number)]
    buffer = bytearray(65536)
    until = time.monotonic() + 30
    for client in stalled:
        while not client.greeted:
            if time.monotonic() > until:
                sys.exit("not every client was greeted")
            select.select([client.sock], [], [], 1)
            client.read(buffer)
    return stalled


def rss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def kernel_memory():
    """Bytes that all TCP sockets of the machine hold in their buffers."""
    with open("/proc/net/sockstat", encoding="ascii") as lines:
        line = next(line for line in lines if line.startswith("TCP:")).split()
    return int(line[line.index("mem") + 1]) * 4096


def status(admin):
    connection = http.client.HTTPConnection(*clients.parse_address(admin))
    connection.request("GET", "/status")
    return json.load(connection.getresponse())


class Publisher:
    def __init__(self, options):
        self.options = options
        self.connection = http.client.HTTPConnection(*clients.parse_address(options.admin))
        self.body = b'"' + b"x" * (options.block - 2) + b'"'
        self.seqs = []
        self.peak_rss = 0
        self.peak_kernel = 0

    def publish(self):
        self.connection.request("POST", f"/publish/{ROOM}/block", self.body)
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != 200:
            sys.exit(f"publishing was refused: {answer.decode()}")
        self.seqs.append(json.loads(answer)["seq"])

    def sample(self):
        self.peak_rss = max(self.peak_rss, rss(self.options.pid))
        self.peak_kernel = max(self.peak_kernel, kernel_memory())

    def run(self):
        begin = time.monotonic()
        total = self.options.megabytes * 1000000 // self.options.block
        pause = self.options.block / (self.options.rate * 1e6)
        for i in range(total):
            time.sleep(max(0, begin + i * pause - time.monotonic()))
            self.publish()
            if i % 20 == 0:
                self.sample()
        time.sleep(0.5)
        self.sample()
        return time.monotonic() - begin


def read_on(stalled, published, seconds):
    """Reads until each has everything; returns the faults."""
    epoll, by_fd, faults = select.epoll(), {}, []
    buffer = bytearray(1 << 20)
    for client in stalled:
        client.published = published
        by_fd[client.sock.fileno()] = client
        epoll.register(client.sock.fileno(), select.EPOLLIN)
    until = time.monotonic() + seconds
    while by_fd and time.monotonic() < until:
        for fd, _ in epoll.poll(1):
            client = by_fd[fd]
            try:
                client.read(buffer)
            except (OSError, ValueError) as error:
                faults.append(str(error))
            else:
                if not client.done():
                    continue
            epoll.unregister(fd)
            del by_fd[fd]
    faults += [f"only {client.next} messages are accounted for" for client in by_fd.values()]
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--admin", required=True)
    for name in ("pid", "stalled", "megabytes", "rate", "block", "verify"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--json", required=True)
    options = parser.parse_args()

    stalled = connect_all(options.address, options.stalled)
    time.sleep(1)
    before, kernel_before = rss(options.pid), kernel_memory()
    publisher = Publisher(options)
    seconds = publisher.run()
    journal = status(options.admin)["journal"]
    for client in stalled[options.verify :]:
        client.sock.close()
    checked = stalled[: options.verify]
    faults = read_on(checked, publisher.seqs, 120)
    with open(options.json, "w", encoding="utf-8") as out:
        json.dump(
            {
                "stalled": options.stalled,
                "published": len(publisher.seqs),
                "published_bytes": len(publisher.seqs) * options.block,
                "seconds": seconds,
                "journal": journal,
                "rss_before": before,
                "rss_peak": publisher.peak_rss,
                "rss_after": rss(options.pid),
                "kernel_growth": publisher.peak_kernel - kernel_before,
                "verified": len(checked),
                "messages": sum(client.messages for client in checked),
                "gaps": sum(client.gaps for client in checked),
                "missed": sum(client.missed for client in checked),
                "faults": faults,
            },
            out,
        )
    for fault in sorted(set(faults)):
        print(f"{faults.count(fault)} clients: {fault}", file=sys.stderr)


if __name__ == "__main__":
    main()
