"""A client that nobody here wrote: the package websockets, which offers permessage-deflate by default.

python client.py URL COUNT   as client.js beside it
"""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main(url: str, count: int) -> None:
    """Hears COUNT messages, sending each line of standard input as one."""
    async with connect(url) as socket:
        agreed = [repr(extension) for extension in socket.protocol.extensions]
        print("open", *(agreed or ["plain"]), flush=True)
        lines = asyncio.create_task(send_lines(socket))
        for _ in range(count):
            message = await socket.recv()
            print("message", len(message), message[:8], flush=True)
        lines.cancel()


async def send_lines(socket) -> None:
    """Sends each line of standard input."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        await socket.send(line.rstrip("\n"))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
