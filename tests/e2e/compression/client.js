// A client that nobody here wrote: the package ws, which offers permessage-deflate unless told otherwise.
//   node client.js URL COUNT   hears COUNT messages, sending each line of its standard input as one
// Prints "open" and the extensions agreed to, then each message's length and first letters, then the close code.
"use strict";

const readline = require("node:readline");
const { WebSocket } = require("ws");

const [url, count] = process.argv.slice(2);
const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
let heard = 0;
socket.on("open", () => {
  console.log(`open ${socket.extensions ? JSON.stringify(socket._extensions["permessage-deflate"].params) : "plain"}`);
  readline.createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
});
socket.on("message", (data) => {
  console.log(`message ${data.length} ${data.toString().slice(0, 8)}`);
  heard += 1;
  if (heard === Number(count)) socket.close(1000);
});
socket.on("close", (code) => process.exit(code === 1000 ? 0 : 1));
socket.on("error", (error) => console.log(`error ${error.message}`));
