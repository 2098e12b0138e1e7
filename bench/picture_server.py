"""Serve a folder on a free port, each file 50 ms after it was asked for: `python -m bench.picture_server DIR`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

LATENCY = 0.05


def serve(folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(LATENCY)
        content = files[request.split()[1].decode().strip("/").partition("?")[0]]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content))
        writer.write(content)
        await writer.drain()
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=200)
        print("{}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await server.serve_forever()

    asyncio.run(listen())


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
