#!/usr/bin/env python3
"""Connects Socket.IO clients as fast as it can, answers their pings, and counts when these come."""

import argparse
import json
import math
import re
import select
import sys
import time

import clients

BUCKET = 0.1  # seconds
PONG = clients.frame(clients.TEXT, b"3")
CONNECT = clients.frame(clients.TEXT, b"40")


class Client:
    def __init__(self, sock, watch):
        self.sock = sock
        self.watch = watch
        self.reader = clients.Reader(self.on_frame)

    def on_readable(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        if not data:
            raise OSError("the server closed a connection")
        self.reader.feed(data)

    def on_frame(self, opcode, start, _length):
        if opcode != clients.TEXT:
            return
        if start[:1] == b"2":
            self.watch.pings.append(time.monotonic())
            self.sock.send(PONG)
        elif start[:1] == b"0":
            self.watch.opened.append(time.monotonic())
            self.watch.interval = int(re.search(rb'"pingInterval":(\d+)', start)[1]) / 1000
            self.sock.send(CONNECT)


class Watch:
    def __init__(self):
        self.epoll = select.epoll()
        self.clients = {}
        self.opened = []
        self.pings = []
        self.interval = 0.0

    def connect(self, address, number):
        request = clients.upgrade_request(address, "/socket.io/?EIO=4&transport=websocket")
        for _ in range(number):
            sock = clients.connect(address, request)
            self.clients[sock.fileno()] = Client(sock, self)
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def run(self, until, enough=None):
        while time.monotonic() < until and (enough is None or len(self.opened) < enough):
            for fd, _ in self.epoll.poll(min(0.05, max(0, until - time.monotonic()))):
                self.clients[fd].on_readable()


def count(times, start, seconds):
    buckets = [0] * round(seconds / BUCKET)
    for t in times:
        i = math.floor((t - start) / BUCKET)
        if 0 <= i < len(buckets):
            buckets[i] += 1
    return buckets


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--json", required=True)
    options = parser.parse_args()

    watch = Watch()
    begin = time.monotonic()
    watch.connect(options.address, options.clients)
    connected = time.monotonic()
    watch.run(begin + 60, enough=options.clients)
    if len(watch.opened) < options.clients:
        sys.exit(f"only {len(watch.opened)} of {options.clients} clients were answered")
    first, interval = watch.opened[0], watch.interval
    watch.run(first + 2 * interval + 0.5)
    with open(options.json, "w", encoding="utf-8") as out:
        json.dump(
            {
                "clients": options.clients,
                "ping_interval_s": interval,
                "connecting_s": connected - begin,
                "handshakes_s": watch.opened[-1] - first,
                "first_interval": count(watch.pings, first, interval),
                "second_interval": count(watch.pings, first + interval, interval),
            },
            out,
        )


if __name__ == "__main__":
    main()
