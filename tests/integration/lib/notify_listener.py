"""Stands in for a service manager: prints each datagram of its socket as a line of JSON.

usage: notify_listener.py NAME      a path, or @NAME for one in the abstract namespace
"""
import json
import socket
import sys

name = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("\0" + name[1:] if name.startswith("@") else name)
print(json.dumps("listening"), flush=True)
while True:
    print(json.dumps(listener.recv(65536).decode()), flush=True)
