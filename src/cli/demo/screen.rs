//! The demo's lines and its summary, in colour where the terminal wants it.

use std::io::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::script::Act;
use crate::domain::text::Printable;
use crate::simulator::receiver::{Received, Verdict};

const WORLD: Style = Style::new().dimmed();
const LIVE: Style = AnsiColor::Green.on_default().bold();
const ENDED: Style = AnsiColor::Cyan.on_default().bold();
const TROUBLE: Style = AnsiColor::Yellow.on_default().bold();
const WRONG: Style = AnsiColor::Red.on_default().bold();

/// The longest title shown, in characters.
const TITLE: usize = 36;

/// Says one line, with the time since the start.
fn line(at: Duration, style: Style, word: &str, rest: &str) {
    let (minutes, seconds) = (at.as_secs() / 60, at.as_secs_f64() % 60.0);
    say(&format!(
        "{minutes}:{seconds:04.1}  {style}{word:<8}{style:#} {rest}\n"
    ));
}

/// Says something to whoever watches, on stdout.
pub(super) fn say(text: &str) {
    // A watcher who has left misses nothing.
    let _ = anstream::stdout().lock().write_all(text.as_bytes());
}

/// What happens in the pretend world, which the daemon has to find out.
pub(super) fn act(at: Duration, act: &Act) {
    let (style, word, rest) = match act {
        Act::GoesLive(name) => (WORLD, "·", format!("{WORLD}@{name} goes live{WORLD:#}")),
        Act::Ends(name) => (WORLD, "·", format!("{WORLD}@{name} stops{WORLD:#}")),
        Act::ApiFails => (
            TROUBLE,
            "API",
            "answers 502 from now on: nothing may be invented".to_owned(),
        ),
        Act::ApiWorks => (TROUBLE, "API", "works again".to_owned()),
        Act::ReceiverFails => (
            TROUBLE,
            "RECEIVER",
            "answers 500 from now on: nothing may be lost".to_owned(),
        ),
        Act::ReceiverWorks => (TROUBLE, "RECEIVER", "works again".to_owned()),
    };
    line(at, style, word, &rest);
}

/// A delivery as it arrived.
pub(super) fn delivery(at: Duration, received: &Received, refused: bool) {
    if received.verdict != Verdict::Genuine {
        line(
            at,
            WRONG,
            "FORGED",
            &format!("signature not right: {:?}", received.verdict),
        );
        return;
    }
    let body = received.json().unwrap_or_default();
    let (style, word, what) = match body["type"].as_str() {
        Some("stream.started") => (LIVE, "LIVE", started(&body["data"])),
        Some("stream.ended") => (ENDED, "ENDED", ended(&body["data"])),
        Some("monitor.degraded") => (TROUBLE, "DEGRADED", text(&body["data"]["reason"])),
        Some("monitor.recovered") => (TROUBLE, "RECOVERED", text(&body["data"]["reason"])),
        other => (WRONG, "?", format!("{other:?}")),
    };
    let note = if refused {
        "webhook verified, refused"
    } else {
        "webhook verified"
    };
    line(at, style, word, &format!("{what} {WORLD}({note}){WORLD:#}"));
}

fn started(data: &Value) -> String {
    let title: String = data["stream"]["title"]
        .as_str()
        .unwrap_or("")
        .chars()
        .take(TITLE)
        .collect();
    let late = data["detection"]["delay_seconds"]
        .as_f64()
        .unwrap_or_default();
    let (name, sequence) = (text(&data["creator"]["username"]), &data["sequence"]);
    format!(
        "@{name} #{sequence} noticed after {late:.1} s \"{}\"",
        Printable(&title)
    )
}

fn ended(data: &Value) -> String {
    let stream = &data["stream"];
    let lasted = stream["duration_seconds"].as_f64().unwrap_or_default();
    let (name, sequence) = (text(&data["creator"]["username"]), &data["sequence"]);
    format!(
        "@{name} #{sequence} after {lasted:.0} s, at most {} watching",
        stream["peak_viewers"]
    )
}

fn text(value: &Value) -> String {
    Printable(value.as_str().unwrap_or("?")).to_string()
}
