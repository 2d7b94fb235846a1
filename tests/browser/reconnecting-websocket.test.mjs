// What the module promises that readers of the page may copy, on a clock of the test's own and with a WebSocket that does
// what it is told. That it works with a real one is proven in a real browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";

const source = readFileSync(new URL("../../src/page/reconnecting-websocket.js", import.meta.url), "utf8");
// By its text: Node before 22.7 does not take a file that ends in .js for a module.
const { ReconnectingWebSocket } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const ADDRESS = "ws://127.0.0.1/ws/echo";

// The clock in milliseconds, timers as {at, run} by their numbers, connections in the order in which they were made.
let now;
let timers;
let made;
let online;
// What every draw of a number from 0 to 1 gives.
let chance;

class FakeWebSocket {
  sent = [];
  closed = [];

  constructor(address, protocols) {
    Object.assign(this, { address, protocols });
    made.push(this);
  }
  send(data) {
    this.sent.push(data);
  }
  close(code) {
    this.closed.push(code);
  }
}

beforeEach(() => {
  [now, timers, made, online, chance] = [0, new Map(), [], new Set(), 0.5];
  let timer = 0;
  globalThis.WebSocket = FakeWebSocket;
  globalThis.setTimeout = (run, wait) => {
    timer += 1;
    timers.set(timer, { at: now + wait, run });
    return timer;
  };
  globalThis.clearTimeout = (timer) => timers.delete(timer);
  globalThis.addEventListener = (name, listener) => name === "online" && online.add(listener);
  globalThis.removeEventListener = (_, listener) => online.delete(listener);
  performance.now = () => now;
  Date.now = () => 1_700_000_000_000 + now;
  Math.random = () => chance;
});

// Lets time pass, with all that is due.
function pass(time) {
  const end = now + time;
  for (;;) {
    const due = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
    if (!due) break;
    timers.delete(due[0]);
    now = due[1].at;
    due[1].run();
  }
  now = end;
}

function last() {
  return made.at(-1);
}

function end(code, reason = "") {
  last().onclose({ code, reason });
}

// The wait that is on, in milliseconds.
function wait(link) {
  assert.equal(link.state, "reconnecting");
  assert.equal(timers.size, 1, "nothing else is due");
  const [{ at }] = timers.values();
  assert.equal(link.retryAt, Date.now() + at - now, "it is told until when");
  return at - now;
}

// As many tries that open nothing, and the beginning of another.
function fail(link, tries) {
  for (let failed = 0; failed < tries; failed += 1) {
    end(1006);
    pass(wait(link));
  }
}

function opened() {
  const link = new ReconnectingWebSocket(ADDRESS);
  last().onopen({});
  return link;
}

test("the module needs no other, and has at most 100 lines to read before it is copied", () => {
  assert.ok(source.trimEnd().split("\n").length <= 100);
  assert.doesNotMatch(source, /^import/m);
});

test("what the connection does is told, after the state has changed", () => {
  const link = new ReconnectingWebSocket(ADDRESS, { protocols: ["chat"] });
  const told = [];
  link.onstate = () => told.push(link.state);
  link.onopen = () => told.push(`open: ${link.state}`);
  link.onmessage = ({ data }) => told.push(data);
  link.onclose = ({ code }) => told.push(`${code}: ${link.state}`);
  assert.equal(link.state, "connecting");
  assert.deepEqual([last().address, last().protocols], [ADDRESS, ["chat"]]);
  last().onopen({});
  last().onmessage({ data: "hello" });
  end(1011);
  assert.deepEqual(told, ["open", "open: open", "hello", "reconnecting", "1011: reconnecting"]);
});

test("what cannot be sent now is not kept", () => {
  const link = new ReconnectingWebSocket(ADDRESS);
  assert.equal(link.send("too early"), false);
  last().onopen({});
  assert.equal(link.send("in time"), true);
  end(1006);
  assert.equal(link.send("too late"), false);
  pass(60_000);
  last().onopen({});
  assert.deepEqual(
    made.map(({ sent }) => sent),
    [["in time"], []],
  );
});

test("each wait is drawn from the whole of a ceiling that doubles up to its maximum", () => {
  for (const [part, waits] of [
    [0, [0, 0, 0, 0, 0, 0, 0, 0]],
    [0.5, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]],
    [1, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
  ]) {
    chance = part;
    const link = new ReconnectingWebSocket(ADDRESS);
    for (const expected of waits) {
      end(1006);
      assert.equal(wait(link), expected);
      const before = made.length;
      pass(expected);
      assert.deepEqual([link.state, made.length], ["connecting", before + 1]);
    }
    link.close();
    end(1006);
  }
});

test("a link that has tried for years goes on", () => {
  const link = new ReconnectingWebSocket(ADDRESS);
  fail(link, 3_000);
  end(1006);
  assert.equal(wait(link), 15_000);
});

test("a connection that was stable makes the waits begin anew, a shorter one does not", () => {
  for (const [lived, waits] of [
    [9_999, [8_000, 15_000]],
    [10_000, [250, 500]],
  ]) {
    const link = new ReconnectingWebSocket(ADDRESS);
    fail(link, 5);
    last().onopen({});
    pass(lived);
    for (const expected of waits) {
      end(1006);
      assert.equal(wait(link), expected);
      pass(expected);
    }
    link.close();
    end(1006);
  }
});

test("after 1008 nothing is tried, until somebody asks for it", () => {
  const link = opened();
  pass(3_600_000);
  end(1008);
  assert.equal(link.state, "closed");
  assert.equal(timers.size + online.size, 0, "nothing will happen by itself");
  link.open();
  assert.deepEqual([link.state, made.length], ["connecting", 2]);
});

test("after 1012 a stable connection is replaced at once, another one is waited for", () => {
  const link = opened();
  pass(10_000);
  end(1012);
  assert.deepEqual([link.state, made.length], ["connecting", 2]);
  last().onopen({});
  pass(20);
  end(1012);
  assert.equal(wait(link), 250);
});

test("after 1013 the server has its time, and those who were told so do not return together", () => {
  for (const [part, expected] of [
    [0, 5_000],
    [0.5, 7_500],
    [1, 10_000],
  ]) {
    chance = part;
    const link = opened();
    pass(20_000);
    end(1013);
    assert.equal(wait(link), expected);
    link.close();
  }
});

test("who closes is closed: from a connection after its answer, from a wait at once", () => {
  const link = opened();
  link.close(4_000, "enough");
  assert.deepEqual([link.state, last().closed], ["closing", [4_000]]);
  end(4_000);
  assert.deepEqual([link.state, timers.size], ["closed", 0]);
  link.open();
  end(1006);
  wait(link);
  link.close();
  assert.deepEqual([link.state, link.retryAt, timers.size, online.size], ["closed", null, 0, 0]);
});

test("a try that takes too long has failed", () => {
  const link = new ReconnectingWebSocket(ADDRESS);
  pass(19_999);
  assert.deepEqual(last().closed, []);
  pass(1);
  assert.deepEqual(last().closed, [undefined], "given up, which a browser reports as 1006");
  end(1006);
  assert.equal(wait(link), 250);
});

test("an open connection is not cut by the time that opening may take", () => {
  opened();
  pass(3_600_000);
  assert.deepEqual(last().closed, []);
});

test("when the network is back a long wait is cut short, unless the server asked for it", () => {
  const link = new ReconnectingWebSocket(ADDRESS);
  fail(link, 7);
  end(1006);
  assert.equal(wait(link), 15_000);
  assert.equal(online.size, 1);
  for (const listener of online) listener();
  assert.equal(wait(link), 250);
  pass(250);
  assert.equal(online.size, 0, "only a wait is interrupted");
  last().onopen({});
  end(1013);
  for (const listener of online) listener();
  assert.equal(wait(link), 7_500);
});

test("who asks for a try during a wait gets it at once, and the waits begin anew", () => {
  const link = new ReconnectingWebSocket(ADDRESS);
  fail(link, 4);
  end(1006);
  link.open();
  assert.deepEqual([link.state, made.length], ["connecting", 6]);
  link.open();
  assert.equal(made.length, 6, "one try at a time");
  end(1006);
  assert.equal(wait(link), 250);
});

test("how patient it is can be changed by name", () => {
  const link = new ReconnectingWebSocket(ADDRESS, { backoffFirst: 100, busyWait: 60_000 });
  end(1006);
  assert.equal(wait(link), 50);
  pass(50);
  end(1013);
  assert.equal(wait(link), 90_000);
});
