"""A WebSocket server that nobody here wrote: the package websockets. What each path does stands in echo.js."""

import asyncio
import http
import json
import os
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
LATE_MESSAGES_MAX = 1024


async def echo(connection, _=None):
    async for message in connection:
        await connection.send(message)


async def push(connection, _):
    for number in (1, 2, 3):
        await connection.send(f"push {number}")
    await echo(connection)


async def close(connection, code):
    await connection.recv()
    await connection.close(int(code), "told to")


async def late(connection, milliseconds):
    waiting = asyncio.Queue(LATE_MESSAGES_MAX)
    clock = asyncio.get_running_loop().time

    async def send():
        while True:
            due, message = await waiting.get()
            await asyncio.sleep(due - clock())
            await connection.send(message)

    sending = asyncio.create_task(send())
    try:
        async for message in connection:
            await waiting.put((clock() + int(milliseconds) / 1000, message))
    finally:
        sending.cancel()


async def mute(connection, _):
    async for _ in connection:
        pass


async def deaf(connection, _):
    # The library reads ahead and answers pings by itself; only its transport can be told not to.
    connection.transport.pause_reading()
    await asyncio.Future()


async def headers(connection, _):
    await connection.send(json.dumps({name.lower(): value for name, value in connection.request.headers.raw_items()}))
    await echo(connection)


BEHAVIOURS = {"echo": echo, "push": push, "close": close, "late": late, "mute": mute, "deaf": deaf, "headers": headers}


def name_and_argument(path):
    _, name, *argument = path.split("/")
    return name, argument[0] if argument else ""


async def behave(connection):
    name, argument = name_and_argument(connection.request.path)
    try:
        await BEHAVIOURS[name](connection, argument)
    except ConnectionClosed:
        pass  # However it ended, it is over.


def refuse(connection, request):
    name, argument = name_and_argument(request.path)
    if name in BEHAVIOURS:
        return None
    status = http.HTTPStatus(int(argument)) if name == "refuse" else http.HTTPStatus.NOT_FOUND
    response = connection.respond(status, "refused")
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "7"
    return response


def subprotocol(_, offered):
    return "chat.v1" if "chat.v1" in offered else None


async def main():
    # Like its siblings: no pings of its own and no compression.
    options = {"ping_interval": None, "compression": None, "max_size": MESSAGE_BYTES_MAX}
    steps = {"process_request": refuse, "select_subprotocol": subprotocol}
    async with serve(behave, "127.0.0.1", 0, **steps, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        # At once: leaving the block would wait for every connection's close.
        os._exit(0)


asyncio.run(main())
