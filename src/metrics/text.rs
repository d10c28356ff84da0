//! The text of `/metrics`, in the plain format that every scraper reads.
//!
//! The library writes `OpenMetrics`, where a counter's family lacks the `_total` of its
//! samples; in the plain format the two names are one, and there is no end mark.

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// The `content-type` of [`encode`]'s text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of `registry` as text.
pub(super) fn encode(registry: &Registry) -> String {
    let mut open = String::new();
    // Writing into a string cannot fail.
    let _ = text::encode_registry(&mut open, registry);
    plain(&open)
}

fn plain(open: &str) -> String {
    let mut plain = String::with_capacity(open.len() + 512);
    let mut lines = open.lines().peekable();
    while let Some(line) = lines.next() {
        let described = line.starts_with("# HELP ");
        let kind = if described { lines.peek() } else { Some(&line) };
        if kind.is_some_and(|kind| is_counter(kind)) {
            push(&mut plain, &with_total(line));
        } else {
            push(&mut plain, line);
        }
    }
    plain
}

/// Whether the line is the `# TYPE` of a counter.
fn is_counter(line: &str) -> bool {
    line.starts_with("# TYPE ") && line.ends_with(" counter")
}

/// `# HELP name text` as `# HELP name_total text`.
fn with_total(line: &str) -> String {
    let mut parts = line.splitn(4, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (hash, keyword, name, rest) = (part(), part(), part(), part());
    format!("{hash} {keyword} {name}_total {rest}")
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
