// Keeps an open page true: words of time, and parts that changed. The page works without it.
"use strict";

const RELATIVE_EVERY = 10_000;
// Many pages may be open: none asks sooner than this after a change, or twice within it. The
// daemon shows all of them the same second, so whoever asks sooner may see what was before.
const SETTLE = 1_000;
const SPREAD = 500;
// What no change tells of (pending counts, credits) is fetched at this pace.
const REFRESH_EVERY = 15_000;

let due = 0;
let missed = false;

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return m ? `${m} min` : `${s} s`;
}

function tellTimes() {
  for (const time of document.querySelectorAll("time")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if ("since" in time.dataset) time.textContent = span(seconds);
    else if ("due" in time.dataset) time.textContent = seconds > -1 ? "now" : `in ${span(-seconds)}`;
    else time.textContent = seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
  }
}

function swap(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || old.contains(document.activeElement)) return;
  if (old.innerHTML !== fresh.innerHTML) old.replaceWith(fresh);
}

async function refresh() {
  due = 0;
  if (document.hidden) {
    missed = true;
    return;
  }
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    page.querySelectorAll("[data-part]").forEach(swap);
    document.title = page.title;
    tellTimes();
  } catch {
    // The event stream says that the connection is gone.
  }
}

function soon() {
  due ||= setTimeout(refresh, SETTLE + Math.random() * SPREAD);
}

function connection(words) {
  const place = document.getElementById("connection");
  place.textContent = words;
  place.hidden = !words;
}

function listen() {
  const changes = new EventSource("/api/v1/changes");
  changes.onopen = () => {
    if (!document.getElementById("connection").hidden) soon();
    connection("");
  };
  changes.onmessage = soon;
  changes.addEventListener("lagged", soon);
  changes.onerror = () => {
    connection("connection lost: what is shown may be old");
    if (changes.readyState === EventSource.CLOSED) setTimeout(listen, 5_000);
  };
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && missed) {
    missed = false;
    soon();
  }
});
setInterval(tellTimes, RELATIVE_EVERY);
setInterval(soon, REFRESH_EVERY);
tellTimes();
listen();
