#!/usr/bin/env python3
"""A line between this host and a network namespace, on which packets take time and get lost, like
netem's, which not every kernel has.

usage: line.py NAMESPACE DEVICE OUR_ADDRESS THEIR_ADDRESS DELAY_MS JITTER_MS LOSS

LOSS is the share of packets that do not arrive, 0 to 1. Packets of one direction keep their order.
Prints "ready" when there is a device with the address at both ends; ends with its input.
"""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
PACKET_MAX = 65536


def open_device(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def enter(path):
    """This process goes into a network namespace; devices that it has opened stay where they are."""
    with open(path, encoding="ascii") as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns " + path)


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def set_up(device, address, peer):
    ip("addr", "add", address, "peer", peer, "dev", device)
    ip("link", "set", device, "up")


class Direction:
    def __init__(self, source, sink, delay, jitter, loss):
        self.source, self.sink = source, sink
        self.delay, self.jitter, self.loss = delay, jitter, loss
        self.latest = 0

    numbers = itertools.count()  # of all packets: the heap keeps the order of those due at once

    def take(self, waiting):
        """Takes the packets that are there, and puts when they are due into `waiting`."""
        while True:
            try:
                packet = os.read(self.source, PACKET_MAX)
            except BlockingIOError:
                return
            if random.random() < self.loss:
                continue
            wanted = time.monotonic() + self.delay + random.uniform(-self.jitter, self.jitter)
            self.latest = max(self.latest, wanted)
            heapq.heappush(waiting, (self.latest, next(self.numbers), self.sink, packet))


def carry(directions):
    waiting = []
    poll = select.poll()
    by_source = {direction.source: direction for direction in directions}
    for source in (sys.stdin.fileno(), *by_source):
        poll.register(source, select.POLLIN)
    while True:
        pause = max(0, (waiting[0][0] - time.monotonic()) * 1000) if waiting else None
        for source, _ in poll.poll(pause):
            if source not in by_source:
                return
            by_source[source].take(waiting)
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, sink, packet = heapq.heappop(waiting)
            os.write(sink, packet)


def main(namespace, device, ours, theirs, delay, jitter, loss):
    quality = (float(delay) / 1000, float(jitter) / 1000, float(loss))
    here = open_device(device)
    set_up(device, ours, theirs)
    enter("/var/run/netns/" + namespace)
    there = open_device(device)
    set_up(device, theirs, ours)
    ip("link", "set", "lo", "up")
    ip("route", "add", "default", "via", ours)
    print("ready", flush=True)
    carry([Direction(here, there, *quality), Direction(there, here, *quality)])


if __name__ == "__main__":
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    main(*sys.argv[1:])
