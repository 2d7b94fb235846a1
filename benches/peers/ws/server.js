// The peer made with the package ws for Node: its echo and its broadcast example, and the heartbeat of its
// documentation.
//
//   node server.js --listen 127.0.0.1:PORT [--ping-interval SECONDS]
//
// `ws` is found by NODE_PATH. Each message is written with `send` as it is: it is a Buffer already, and the package writes
// header and payload together. No compression, which is off by default.
"use strict";

const http = require("node:http");
const { parseArgs } = require("node:util");
const { WebSocketServer } = require("ws");

const BACKLOG = 4096;

const { values } = parseArgs({
  options: { listen: { type: "string" }, "ping-interval": { type: "string", default: "0" } },
});
const [host, port] = values.listen.split(":");
const pingInterval = Number(values["ping-interval"]) * 1000;

const server = http.createServer((_, response) => response.writeHead(426).end());
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const rooms = new Map();

server.on("upgrade", (request, stream, head) => {
  const room = /^\/ws\/rooms\/(.+)$/.exec(request.url)?.[1];
  if (room === undefined && request.url !== "/ws/echo") {
    return stream.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  }
  sockets.handleUpgrade(request, stream, head, (socket) => {
    // Told by the close that follows.
    socket.on("error", () => {});
    if (pingInterval > 0) expectPongs(socket);
    if (room === undefined) echo(socket);
    else join(room, socket);
  });
});

function echo(socket) {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
}

function join(name, socket) {
  let members = rooms.get(name);
  if (members === undefined) {
    members = new Set();
    rooms.set(name, members);
  }
  members.add(socket);
  socket.on("message", (data, binary) => {
    for (const member of members) member.send(data, { binary });
  });
  socket.on("close", () => {
    members.delete(socket);
    if (members.size === 0 && rooms.get(name) === members) rooms.delete(name);
  });
}

function expectPongs(socket) {
  socket.isAlive = true;
  socket.on("pong", () => {
    socket.isAlive = true;
  });
}

if (pingInterval > 0) {
  setInterval(() => {
    for (const socket of sockets.clients) {
      if (!socket.isAlive) {
        socket.terminate();
        continue;
      }
      socket.isAlive = false;
      socket.ping();
    }
  }, pingInterval);
}

server.listen({ host, port: Number(port), backlog: BACKLOG });
