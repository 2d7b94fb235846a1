// The page at work: what the reader wants, how the connection is, what was said.
// Leaves to reconnecting-websocket.js: connecting, and when to try again.

import { ReconnectingWebSocket } from "./reconnecting-websocket.js";

// More would slow the page down: the oldest go.
const ENTRIES_MAX = 200;
// Own messages on their way at once; a server that returns nothing must not fill the page.
const AWAITED_MAX = 100;
// Of a long message only so many characters are shown.
const SHOWN_MAX = 1_000;

const view = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const choice = view.target.elements.mode;

let link = null;
// When the connection was opened, on the clock of performance.now(); null while none is open.
let openedAt = null;
// Whether the log says already that no connection comes about: once is enough for a row of failed tries.
let failing = false;
// Own messages that are not back yet, the oldest first: {text, sentAt, aside}.
let awaited = [];
// The shortest round trip since the reader connected.
let best = Number.POSITIVE_INFINITY;

start();

function start() {
  const room = new URLSearchParams(location.hash.slice(1)).get("room");
  if (room) {
    choice.value = "room";
    view.room.value = room;
  }
  view.name.value = `guest-${100 + Math.floor(Math.random() * 900)}`;
  view.choices.addEventListener("change", showChoice);
  view.target.addEventListener("submit", toggle);
  view.now.addEventListener("click", tryNow);
  view.compose.addEventListener("submit", send);
  // Often enough for a countdown in seconds to look even.
  setInterval(showTime, 200);
  showChoice();
}

// What the reader does.

function toggle(event) {
  event.preventDefault();
  // Fields that are switched off below must not take the keyboard's focus with them.
  view.toggle.focus();
  if (isClosed()) connect();
  else link.close();
}

function connect() {
  // Whoever opens this address, in another tab or elsewhere, finds the room chosen.
  history.replaceState(null, "", inRoom() ? `#room=${view.room.value}` : location.pathname);
  best = Number.POSITIVE_INFINITY;
  failing = false;
  link = new ReconnectingWebSocket(address());
  link.onstate = showState;
  link.onopen = opened;
  link.onmessage = received;
  link.onclose = ended;
  showState();
}

function tryNow() {
  view.toggle.focus();
  link.open();
}

function send(event) {
  event.preventDefault();
  if (!view.name.reportValidity()) return;
  const text = inRoom() ? `${view.name.value}: ${view.text.value}` : view.text.value;
  if (awaited.length >= AWAITED_MAX) {
    note(`Not sent: ${AWAITED_MAX} messages are not back yet.`);
  } else if (link?.send(text)) {
    awaited.push({ text, sentAt: performance.now(), aside: say("own", text, "on its way") });
    view.text.value = "";
  } else {
    note("Not sent: no connection is open.");
  }
}

function isClosed() {
  return !link || link.state === "closed";
}

function inRoom() {
  return choice.value === "room";
}

// Where the page came from, with TLS if the page came with it.
function address() {
  const url = new URL(inRoom() ? `ws/rooms/${view.room.value}` : "ws/echo", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// What the connection does.

function opened() {
  openedAt = performance.now();
  failing = false;
  note(`Connected to ${address()}.`);
}

function received({ data }) {
  const text = typeof data === "string" ? data : `(binary, ${data.size} bytes)`;
  // Own messages return in the order in which they were sent, others between them.
  if (awaited[0]?.text !== data) return say("", text);
  const { sentAt, aside } = awaited.shift();
  const roundTrip = performance.now() - sentAt;
  aside.textContent = `back after ${milliseconds(roundTrip)}`;
  best = Math.min(best, roundTrip);
  view["round-trip"].textContent = `${milliseconds(roundTrip)}, best ${milliseconds(best)}`;
}

function ended({ code, reason }) {
  const row = rowOf(code);
  const name = row ? words(row.querySelector("strong")) : "(not registered)";
  const meaning = row ? `: ${words(row.cells[1]).slice(name.length + 1)}` : ".";
  const said = reason && ` The server said: “${reason}”.`;
  view["last-close"].textContent = `${code} ${name}${meaning}${said}`;
  for (const other of view.codes.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");

  if (openedAt !== null) note(`The connection ended after ${duration(openedAt)}: ${code} ${name}.`);
  else if (!failing) note(`No connection came about: ${code} ${name}.`);
  failing = openedAt === null;
  openedAt = null;
  for (const { aside } of awaited) aside.textContent = "not back, perhaps not arrived";
  awaited = [];
  showTime();
}

// The table of close codes is the only place where they are explained.
function rowOf(code) {
  return view[`code-${code >= 3_000 ? Math.floor(code / 1_000) * 1_000 : code}`];
}

// What the reader sees.

function showChoice() {
  view["room-fields"].hidden = !inRoom();
  // What is hidden must not refuse to be submitted.
  view.name.disabled = !inRoom();
  view.choices.disabled = !isClosed();
  view.room.disabled = !inRoom() || !isClosed();
}

function showState() {
  view.connection.dataset.state = link.state;
  put(view.state, link.state);
  put(view.toggle, isClosed() ? "Connect" : "Disconnect");
  view.toggle.formNoValidate = !isClosed();
  if (link.state !== "reconnecting" && document.activeElement === view.now) view.toggle.focus();
  view.now.hidden = link.state !== "reconnecting";
  showChoice();
  showTime();
}

function showTime() {
  const wait = link?.retryAt ? Math.max(link.retryAt - Date.now(), 0) : null;
  put(view.countdown, wait === null ? "" : `in ${Math.ceil(wait / 1_000)} s`);
  put(view.held, openedAt === null ? "–" : duration(openedAt));
}

function note(text) {
  say("notice", text);
}

// Adds to the log; what comes back is the place beside the words, for how a message fared.
function say(kind, text, beside = "") {
  const isAtEnd = view.log.scrollHeight - view.log.scrollTop - view.log.clientHeight < 40;
  const entry = view.entry.content.cloneNode(true).firstElementChild;
  const [time, shown, aside] = entry.children;
  if (kind) entry.classList.add(kind);
  time.textContent = new Date().toLocaleTimeString("en-GB");
  shown.textContent = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (${text.length} characters)` : text;
  aside.textContent = beside;
  view.log.append(entry);
  if (view.log.childElementCount > ENTRIES_MAX) view.log.firstElementChild.remove();
  // Whoever has scrolled up to read is left there.
  if (isAtEnd) view.log.scrollTop = view.log.scrollHeight;
  return aside;
}

// What did not change is not written: a screen reader would say it again.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The text of an element, however its source is wrapped.
function words(element) {
  return element.textContent.replace(/\s+/g, " ").trim();
}

function milliseconds(time) {
  return `${time.toFixed(time < 10 ? 1 : 0)}\u00a0ms`;
}

function duration(since) {
  const seconds = Math.floor((performance.now() - since) / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
