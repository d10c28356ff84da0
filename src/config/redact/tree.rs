//! Which parts of a file that TOML understood are secrets: by key, at any depth.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::super::expand::is_reference;
use super::super::raw::is_known_key;
use super::{Blanks, names_secret};

/// Walks the tree and notes what must not be shown.
pub(super) struct Walk<'a> {
    pub(super) text: &'a str,
    pub(super) blanks: Blanks,
}

impl Walk<'_> {
    /// `parent` is the key that holds the table; `hidden` whether all of it is secret.
    pub(super) fn table(&mut self, table: &DeTable<'_>, parent: &str, hidden: bool) {
        for (key, value) in table {
            self.blanks.tokens.push(key.span());
            let name: &str = key.get_ref();
            let unknown = !is_known_key(name) && parent != "labels";
            let secret = hidden
                || unknown
                || names_secret(name)
                || parent == "headers"
                || (parent == "heartbeat" && name == "url");
            self.value(value.get_ref(), value.span(), name, secret);
        }
    }

    fn value(&mut self, value: &DeValue<'_>, span: Range<usize>, key: &str, secret: bool) {
        match value {
            DeValue::Table(table) => self.table(table, key, secret),
            DeValue::Array(array) => {
                for element in array {
                    self.value(element.get_ref(), element.span(), key, secret);
                }
            }
            scalar => {
                self.blanks.tokens.push(span.clone());
                let reference = scalar.as_str().is_some_and(is_reference);
                if secret && !reference {
                    self.hide_lines(inside_quotes(self.text, span));
                } else if matches!(key, "url" | "proxy") {
                    self.hide_in_url(span);
                }
            }
        }
    }

    /// Hides each line of `range` apart, so that line numbers stay.
    fn hide_lines(&mut self, range: Range<usize>) {
        let mut at = range.start;
        for line in self.text[range].split_inclusive('\n') {
            let shown = line.trim_end_matches(['\r', '\n']).len();
            if shown > 0 {
                self.blanks.ranges.push(at..at + shown);
            }
            at += line.len();
        }
    }

    /// A chat service's URL is a password behind a host name: user and path are hidden.
    fn hide_in_url(&mut self, span: Range<usize>) {
        let range = inside_quotes(self.text, span);
        let text = &self.text[range.clone()];
        if text.to_ascii_lowercase().starts_with("sqlite:") {
            return;
        }
        let host = text.find("://").map_or(0, |at| at + 3);
        let path = text[host..]
            .find(['/', '?', '#'])
            .map_or(text.len(), |at| host + at + 1);
        if let Some(at) = text[host..path].rfind('@') {
            self.hide_lines(range.start + host..range.start + host + at);
        }
        if path < text.len() {
            self.hide_lines(range.start + path..range.end);
        }
    }
}

/// The part of a value's span between its quotes, if it has any.
fn inside_quotes(text: &str, span: Range<usize>) -> Range<usize> {
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        let value = &text[span.clone()];
        if value.len() >= 2 * quote.len() && value.starts_with(quote) && value.ends_with(quote) {
            return span.start + quote.len()..span.end - quote.len();
        }
    }
    span
}
