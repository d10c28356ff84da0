//! Which parts of a file with syntax errors may be secrets, judged line by line.
//!
//! Shown are headers of known tables, assignments to known keys on lines that speak of no
//! secret, and the further lines of a list so begun. Everything else is hidden.

use std::ops::Range;

use super::super::raw::{TABLES, is_known_key};
use super::SECRET_WORDS;

/// Words that make a line suspicious where no tree tells keys from values.
const SENSITIVE_WORDS: [&str; 3] = ["url", "proxy", "header"];

/// Judges line by line; what is not known to be harmless is hidden.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) ranges: Vec<Range<usize>>,
    /// Inside a table whose values are all hidden.
    table_hidden: bool,
    /// The last key seen holds a secret: the lines that follow may be its value.
    owner_hidden: bool,
    /// Brackets that the last key's value has opened and not closed.
    depth: usize,
    /// The quotes that end the multi-line string we are in.
    string: Option<&'static str>,
}

impl Lines {
    /// Takes the next line, which begins at byte `at`.
    pub(super) fn line(&mut self, at: usize, line: &str) {
        let content = line.trim_end_matches(['\r', '\n']);
        let indent = content.len() - content.trim_start().len();
        let body = &content[indent..];
        let suspicious = suspicious(body);
        let open = self.depth > 0;
        let shown = if self.string.is_some() {
            self.owner_hidden |= suspicious;
            if self.owner_hidden { 0 } else { body.len() }
        } else if body.starts_with('#') {
            // Neither shown nor counted, but a secret may go on below it.
            self.owner_hidden |= suspicious;
            self.hide(at + indent + 1, at + content.len());
            return;
        } else if body.starts_with('[') && self.header(body) {
            body.find(']')
                .map_or(body.len(), |end| body.len().min(end + 2))
        } else if let Some(value) = known_assignment(body) {
            self.owner_hidden = self.table_hidden || suspicious || !is_tidy(&body[value..]);
            self.depth = 0;
            self.follow_brackets(body);
            if self.owner_hidden { value } else { body.len() }
        } else {
            // Only a list that is known to go on may hold a line of its own.
            self.owner_hidden |= suspicious || !open;
            if open {
                self.follow_brackets(body);
            }
            let hidden = self.owner_hidden || self.table_hidden;
            if hidden { 0 } else { body.len() }
        };
        self.follow_quotes(body);
        self.hide(at + indent + shown.min(body.len()), at + content.len());
    }

    fn hide(&mut self, from: usize, to: usize) {
        if from < to {
            self.ranges.push(from..to);
        }
    }

    /// Enters the table that `body` opens; `false` if it opens none that is known.
    fn header(&mut self, body: &str) -> bool {
        let name = body.trim_start_matches('[');
        let name = name.split(']').next().unwrap_or_default().trim();
        let known = !name.is_empty() && TABLES.iter().any(|table| table.name == name);
        self.table_hidden = !known || name == "heartbeat";
        self.owner_hidden = self.table_hidden;
        self.depth = 0;
        known
    }

    fn follow_brackets(&mut self, body: &str) {
        let mut quote = None;
        for c in body.chars() {
            match c {
                '"' | '\'' if quote == Some(c) => quote = None,
                '"' | '\'' if quote.is_none() => quote = Some(c),
                _ if quote.is_some() => {}
                '[' | '{' => self.depth += 1,
                ']' | '}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn follow_quotes(&mut self, body: &str) {
        let mut rest = body;
        loop {
            let found = match self.string {
                Some(quote) => rest.find(quote).map(|at| (at, quote)),
                None => ["\"\"\"", "'''"]
                    .into_iter()
                    .filter_map(|quote| Some((rest.find(quote)?, quote)))
                    .min(),
            };
            let Some((at, quote)) = found else { return };
            self.string = self.string.is_none().then_some(quote);
            rest = &rest[at + quote.len()..];
        }
    }
}

/// Whether `value` is one value and nothing else, as far as a broken line can tell.
///
/// What follows a value on its line may be another line's, whose key and break were lost.
fn is_tidy(value: &str) -> bool {
    let value = value.trim().trim_start_matches("= ");
    let quotes = |text: &str| text.matches(['"', '\'']).count();
    match value.chars().next() {
        Some('[' | '{') => quotes(value) % 2 == 0,
        Some(quote @ ('"' | '\'')) => match value[1..].split_once(quote) {
            Some((_, rest)) => rest.trim().is_empty() || rest.trim().starts_with('#'),
            None => false,
        },
        _ => {
            let bare = value.split('#').next().unwrap_or_default();
            quotes(bare) == 0 && bare.split_whitespace().count() <= 1
        }
    }
}

/// Whether `body` speaks of a secret, or assigns to anything that no table knows.
fn suspicious(body: &str) -> bool {
    let lower = body.to_ascii_lowercase();
    let mut words = SECRET_WORDS.iter().chain(&SENSITIVE_WORDS);
    let in_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let known = |at: usize| {
        let before = body[..at].trim_end();
        let start = before.rfind(|c| !in_key(c)).map_or(0, |end| {
            end + before[end..].chars().next().map_or(1, char::len_utf8)
        });
        let key = &before[start..];
        before.ends_with('=') || key.split('.').all(is_known_key)
    };
    words.any(|word| lower.contains(word)) || body.match_indices('=').any(|(at, _)| !known(at))
}

/// Where the value begins, if `body` is `key = ...` and every part of the key is known.
fn known_assignment(body: &str) -> Option<usize> {
    let equals = body.find('=')?;
    let key = body[..equals].trim();
    key.split('.')
        .all(|part| is_known_key(part.trim()))
        .then_some(equals + 1)
}
