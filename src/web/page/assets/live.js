// Keeps an open page true: words of time, and parts that changed. The page works without it.
// A hidden page asks nothing and listens to nothing; a page that was logged out asks nothing more.
"use strict";

const RELATIVE_EVERY = 10_000;
// Many pages may be open: none asks sooner than this after a change, or twice within it. The
// daemon shows all of them the same second, so whoever asks sooner may see what was before.
const SETTLE = 1_000;
const SPREAD = 500;
// What no change tells of (pending counts, credits) is fetched at this pace.
const REFRESH_EVERY = 15_000;
const PATIENCE = 10_000;
// A daemon that is away is asked again after this, then twice as long, up to a minute.
const RETRY = 2_000;
const LONGEST_RETRY = 60_000;

let changes = null;
let due = 0;
let retry = 0;
let wait = RETRY;
let skew = 0;
let asking = false;
let more = false;
let loggedOut = false;
let ticked = Date.now();

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return m ? `${m} min` : `${s} s`;
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time:not([data-exact])")) {
    const seconds = (Date.now() + skew - Date.parse(time.dateTime)) / 1000;
    let words = seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
    if ("since" in time.dataset) words = span(seconds);
    if ("due" in time.dataset && seconds > -1) words = "now";
    if (time.textContent !== words) time.textContent = words;
  }
}

// The daemon's clock counts, whatever the browser's says.
function setClock(page) {
  const now = Date.parse(page.documentElement.dataset.now);
  if (now) skew = now - Date.now();
}

function swap(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || old.innerHTML === fresh.innerHTML) return;
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(old, true)) return;
  const focused = old.contains(document.activeElement) && document.activeElement;
  const again = focused && [...fresh.querySelectorAll("a, button, pre")].find((one) => one.outerHTML === focused.outerHTML);
  if (focused && !again) return;
  old.replaceWith(fresh);
  if (again) again.focus({ preventScroll: true });
}

function connection(words, link) {
  const place = document.getElementById("connection");
  place.textContent = words;
  if (!link) return;
  const a = document.createElement("a");
  a.href = link;
  a.textContent = "Log in";
  place.append(" ", a);
}

function leave() {
  loggedOut = true;
  stop();
  connection("What is shown is old: the token is wanted.", `/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

async function refresh() {
  due = retry = 0;
  if (document.hidden || loggedOut) return;
  asking = true;
  more = false;
  try {
    const answer = await fetch(location.href, {
      headers: { accept: "text/html" },
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.type === "opaqueredirect" || answer.status === 401) return leave();
    if (!answer.ok) return lost();
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    wait = RETRY;
    if (!changes || changes.readyState === EventSource.CLOSED) listen();
  } catch {
    lost();
  } finally {
    asking = false;
    if (more) soon();
  }
}

function show(page) {
  setClock(page);
  tellTimes(page);
  page.querySelectorAll("[data-part]").forEach(swap);
  document.title = page.title;
  connection("");
}

function soon() {
  if (asking) more = true;
  else if (!retry) due ||= setTimeout(refresh, SETTLE + Math.random() * SPREAD);
}

// Whatever is tried next is one fetch of this page, and listening again if it works.
function lost() {
  stop();
  more = false;
  if (document.hidden || loggedOut) return;
  connection("Connection lost: what is shown may be old.");
  retry = setTimeout(refresh, wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, LONGEST_RETRY);
}

function stop() {
  clearTimeout(due);
  clearTimeout(retry);
  due = retry = 0;
  if (changes) changes.close();
  changes = null;
}

function listen() {
  const source = new EventSource("/api/v1/changes");
  changes = source;
  for (const kind of ["message", "lagged"]) source.addEventListener(kind, soon);
  source.onerror = () => {
    // One that was refused is tried again after the next refresh; until then that has to do.
    if (changes === source && source.readyState !== EventSource.CLOSED) lost();
  };
}

function wake() {
  stop();
  if (document.hidden || loggedOut) return;
  wait = RETRY;
  soon();
}

function tick() {
  // After a sleep the connection may be dead without knowing it.
  const slept = Date.now() - ticked > 3 * RELATIVE_EVERY;
  ticked = Date.now();
  if (document.hidden) return;
  tellTimes(document);
  if (slept) wake();
}

function forgetDone() {
  const here = new URL(location.href);
  if (!here.searchParams.has("done")) return;
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}

document.addEventListener("visibilitychange", wake);
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && wake());
addEventListener("online", wake);
setInterval(tick, RELATIVE_EVERY);
setInterval(soon, REFRESH_EVERY);
setClock(document);
tellTimes(document);
forgetDone();
if (!document.hidden) listen();
