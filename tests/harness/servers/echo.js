// A WebSocket server that nobody here wrote: the package ws. Listens on a free port of 127.0.0.1, prints it, and ends
// with its standard input. What it does depends on the path; its siblings echo.py and echo.go do the same:
//   /echo           every message returns
//   /push           says "push 1" to "push 3" unasked, then echoes
//   /close/CODE     closes with CODE and "told to" after the first message
//   /late/MS        every message returns MS milliseconds later, in order
//   /mute           never answers anything but control frames
//   /deaf           reads nothing at all, so that no ping is answered either
//   /refuse/STATUS  refuses the handshake with STATUS; 503 comes with Retry-After: 7
//   /headers        says the headers of the request in JSON, names in lower case, then echoes
// The subprotocol chat.v1 is chosen when it is offered.
"use strict";

const http = require("node:http");
const { WebSocketServer } = require("ws");

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

const server = http.createServer((request, response) => response.writeHead(426).end());
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: MESSAGE_BYTES_MAX,
  handleProtocols: (offered) => offered.has("chat.v1") && "chat.v1",
});

// What each path does with a connection that is open.
const behaviours = {
  echo,
  push(socket) {
    for (const number of [1, 2, 3]) socket.send(`push ${number}`);
    echo(socket);
  },
  close: (socket, code) => socket.once("message", () => socket.close(code, "told to")),
  late(socket, milliseconds) {
    // Timers of one length fire in the order in which they were set.
    socket.on("message", (data, binary) => setTimeout(() => socket.send(data, { binary }), milliseconds));
  },
  mute() {},
  deaf: (socket) => socket.pause(),
  headers(socket, _, request) {
    socket.send(JSON.stringify(request.headers));
    echo(socket);
  },
};

function echo(socket) {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
}

function refuse(stream, status) {
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    ...(status === 503 ? ["Retry-After: 7"] : []),
    "Connection: close",
    "Content-Length: 7",
  ];
  stream.end(`${head.join("\r\n")}\r\n\r\nrefused`);
}

server.on("upgrade", (request, stream, head) => {
  const [, name, argument] = request.url.split("/");
  if (name === "refuse") return refuse(stream, Number(argument));
  if (!Object.hasOwn(behaviours, name)) return refuse(stream, 404);
  sockets.handleUpgrade(request, stream, head, (socket) => {
    // Told by the close that follows.
    socket.on("error", () => {});
    behaviours[name](socket, Number(argument), request);
  });
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
