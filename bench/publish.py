"""Publishes small messages at a rate: publish.py HOST:PORT PER_SECOND SECONDS.

Each has 40 bytes beside the monotonic time at which it was due, for clients that count delays.
"""

import http.client
import sys
import time


def main():
    where, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    connection = http.client.HTTPConnection(where)
    due = time.monotonic_ns() + 10_000_000
    for _ in range(int(rate * seconds)):
        time.sleep(max(0, (due - time.monotonic_ns()) / 1e9))
        body = '{"t":%d,"x":"%s"}' % (due, "x" * 40)
        connection.request("POST", "/publish/*/e", body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"publish.py: refused with status {answer.status}")
        due += int(1e9 / rate)
    time.sleep(0.5)  # until what was published last has arrived


main()
