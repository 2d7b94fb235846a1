// A WebSocket that comes back: one module without dependencies, for browsers, to copy and keep.
// Part of Holdline; MIT or Apache-2.0, at your option.
//
//   import { ReconnectingWebSocket } from "./reconnecting-websocket.js";
//   const link = new ReconnectingWebSocket("wss://example.org/ws/rooms/lobby");
//   link.onmessage = (event) => show(event.data);
//   link.onstate = () => console.log(link.state, link.retryAt);
//   link.send("hello"); // false: not sent, as no connection is open; nothing is queued, nothing is sent twice
//   link.close();       // for good, or until link.open(), which also ends a wait
//
// state is "connecting", "open", "closing", "closed" or "reconnecting", which waits until retryAt (as Date.now()).
// onstate is called after each change; onopen, onmessage and onclose get the browser's own events, after onstate.
//
// Each wait is drawn evenly from 0 to a ceiling that doubles from try to try (full jitter): pages that were cut off
// together must not come back together. A connection that was stable makes it begin anew. Three codes are obeyed:
//   1008 policy violation   stays closed: the server knows us and does not want us
//   1012 service restart    tries at once if the connection was stable: the server spreads such goodbyes itself
//   1013 try again later    waits for busyWait at least
// When the network is back, the waits begin anew. A browser cannot ping, so a dead connection looks like a silent one:
// to find the dead is left to the server's pings, which browsers answer by themselves.

// Times in milliseconds. Others by name: new ReconnectingWebSocket(address, { protocols: ["chat"], busyWait: 9_000 }).
const DEFAULTS = {
  protocols: [],
  backoffFirst: 500, // the first ceiling
  backoffMax: 30_000, // no ceiling is higher
  busyWait: 5_000,
  openTimeout: 20_000, // a try that takes longer has failed; a browser by itself waits for minutes
  stableAfter: 10_000, // a connection that was open for so long was a good one
};

export class ReconnectingWebSocket {
  state = "closed";
  retryAt = null;
  #options;
  #connection;
  #openedAt;
  #timer;
  #least = 0;
  #tries = 0;

  // Throws what WebSocket throws, for an address or protocols that cannot be.
  constructor(address, options = {}) {
    this.#options = { ...DEFAULTS, ...options, address };
    this.open();
  }
  open() {
    this.#tries = 0;
    if (this.state === "closed" || this.state === "reconnecting") this.#connect();
  }
  send(data) {
    if (this.state === "open") this.#connection.send(data);
    return this.state === "open";
  }
  close(code = 1000, reason = "") {
    this.#connection.close(code, reason);
    if (this.state === "reconnecting") this.#become("closed");
    else if (this.state !== "closed") this.#become("closing");
  }
  #connect() {
    const connection = new WebSocket(this.#options.address, this.#options.protocols);
    connection.onopen = (event) => {
      this.#openedAt = performance.now();
      this.#become("open");
      this.onopen?.(event);
    };
    connection.onmessage = (event) => this.onmessage?.(event);
    connection.onclose = (event) => this.#ended(event);
    this.#connection = connection;
    this.#openedAt = Number.POSITIVE_INFINITY;
    this.#become("connecting", this.#options.openTimeout, () => connection.close());
  }
  #ended(event) {
    const stable = performance.now() - this.#openedAt >= this.#options.stableAfter;
    if (stable) this.#tries = 0;
    this.#least = event.code === 1013 ? this.#options.busyWait : 0;
    if (this.state === "closing" || event.code === 1008) this.#become("closed");
    else if (event.code === 1012 && stable) this.#connect();
    else this.#wait();
    this.onclose?.(event);
  }
  #wait() {
    const ceiling = Math.min(this.#options.backoffFirst * 2 ** this.#tries++, this.#options.backoffMax);
    // Jittered above the least, too: those who were told the same must not return together.
    const wait = Math.max(Math.random() * ceiling, this.#least * (1 + Math.random()));
    this.#become("reconnecting", wait, () => this.#connect());
  }
  #online = () => {
    this.#tries = 0;
    this.#wait();
  };
  #become(state, wait, next) {
    clearTimeout(this.#timer);
    if (next) this.#timer = setTimeout(next, wait);
    this.state = state;
    this.retryAt = state === "reconnecting" ? Date.now() + wait : null;
    (state === "reconnecting" ? addEventListener : removeEventListener)("online", this.#online);
    this.onstate?.();
  }
}
