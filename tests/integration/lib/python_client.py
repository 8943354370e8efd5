"""The unmodified client of python-socketio, driven through JSON lines.

usage: python_client.py sync|async URL TRANSPORTS AUTH NAMESPACES EVENTS (the last four are JSON)

It tells {"connected": transport}, {"event": [namespace, name, args...]}, {"answer": ...} and
{"disconnected": namespace}; it is told {"ask": [namespace, name, data]} and, as the last thing,
{"disconnect": true}. Bytes are {"base64": "..."} in either direction.
"""

import asyncio
import base64
import json
import sys
import threading

import socketio

lock = threading.Lock()


def pack(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [pack(element) for element in value]
    if isinstance(value, dict):
        return {name: pack(element) for name, element in value.items()}
    return value


def unpack(value):
    if isinstance(value, list):
        return [unpack(element) for element in value]
    if isinstance(value, dict):
        if list(value) == ["base64"]:
            return base64.b64decode(value["base64"])
        return {name: unpack(element) for name, element in value.items()}
    return value


def tell(what):
    with lock:
        print(json.dumps(pack(what)), flush=True)


def listen(client, namespaces, events, wrap):
    """Tells of all events; `wrap` makes a handler of the client's kind of a function."""
    for namespace in namespaces:
        for name in events:
            client.on(name, wrap(lambda *args, head=(namespace, name): tell({"event": [*head, *args]})),
                      namespace=namespace)
        client.on("disconnect", wrap(lambda *_, name=namespace: tell({"disconnected": name})),
                  namespace=namespace)


def run_sync(url, transports, auth, namespaces, events):
    client = socketio.Client(reconnection=False)
    listen(client, namespaces, events, lambda handler: handler)
    client.connect(url, transports=transports, auth=auth, namespaces=namespaces)
    tell({"connected": client.transport()})
    for line in sys.stdin:
        command = json.loads(line)
        if "ask" not in command:
            break
        namespace, name, data = unpack(command["ask"])
        tell({"answer": client.call(name, data, namespace=namespace)})
    client.disconnect()


async def run_async(url, transports, auth, namespaces, events):
    def wrap(handler):
        async def handle(*args):
            handler(*args)
        return handle

    loop = asyncio.get_running_loop()
    client = socketio.AsyncClient(reconnection=False)
    listen(client, namespaces, events, wrap)
    await client.connect(url, transports=transports, auth=auth, namespaces=namespaces)
    tell({"connected": client.transport()})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if "ask" not in command:
            break
        namespace, name, data = unpack(command["ask"])
        tell({"answer": await client.call(name, data, namespace=namespace)})
    await client.disconnect()


def main():
    kind, url = sys.argv[1:3]
    rest = [json.loads(argument) for argument in sys.argv[3:]]
    if kind == "sync":
        run_sync(url, *rest)
    else:
        asyncio.run(run_async(url, *rest))


main()
