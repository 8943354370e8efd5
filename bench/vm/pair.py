#!/usr/bin/env python3
"""Runs two commands with a network cable between them: pair.py COMMAND... -- COMMAND...

The cable is a pair of sockets; the word "@cable" in a command is replaced by the number of its end.
When one command ends, or this process is told to, the other is ended."""

import os
import signal
import socket
import subprocess
import sys
import time

PATIENCE = 5  # seconds, until what was told to end is killed


def end(process):
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start(command, cable):
    words = [word.replace("@cable", str(cable.fileno())) for word in command]
    cable.set_inheritable(True)
    return subprocess.Popen(words, close_fds=False, start_new_session=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    split = sys.argv.index("--")
    cables = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    processes = []
    try:
        for command, cable in zip((sys.argv[1:split], sys.argv[split + 1 :]), cables):
            processes.append(start(command, cable))
        while all(process.poll() is None for process in processes):
            time.sleep(0.2)
        time.sleep(1)
    finally:
        for process in processes:
            end(process)


main()
