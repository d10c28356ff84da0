//! The text of `/metrics`, in the plain format that every scraper reads.
//!
//! The library writes OpenMetrics, where a counter's family lacks the `_total` of its
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
        let counter = |line: &str| is_type(line, "counter");
        if line.starts_with("# HELP ") && lines.peek().is_some_and(|next| counter(next)) {
            push(&mut plain, &with_total(line));
        } else if counter(line) {
            push(&mut plain, &with_total(line));
        } else {
            push(&mut plain, line);
        }
    }
    plain
}

fn is_type(line: &str, kind: &str) -> bool {
    line.strip_prefix("# TYPE ")
        .and_then(|rest| rest.split_once(' '))
        .is_some_and(|(_, found)| found == kind)
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
