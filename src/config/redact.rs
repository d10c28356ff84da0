//! What of a file must not be drawn: values whose key names a secret, wherever they stand.
//!
//! Two ways to know: [`Blanks::of_tree`] where TOML understood the file, [`Blanks::of_text`]
//! where it did not and only lines can be judged. Both deny by default: a value under a key
//! that nobody knows may be a secret under a misspelt name, and is blanked too.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::expand::is_reference;
use super::raw::{TABLES, is_known_key};

/// Stands for whatever was blanked, of any length.
pub(super) const BLANK: &str = "***";

/// Parts of key names that mean a secret.
const SECRET_WORDS: [&str; 8] = [
    "secret",
    "token",
    "key",
    "passw",
    "auth",
    "cookie",
    "credential",
    "bearer",
];

/// Words that make a line suspicious where no tree tells keys from values.
const SENSITIVE_WORDS: [&str; 3] = ["url", "proxy", "header"];

/// What our own and the API's secrets begin with.
const SECRET_PREFIXES: [&str; 2] = ["whsec_", "knbn_"];

/// Whether a value under `key` is a secret. Names of files are not.
pub(super) fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !key.ends_with("_file") && SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Byte ranges of a file that are not shown, in order and apart from each other.
#[derive(Debug, Default)]
pub(super) struct Blanks {
    ranges: Vec<Range<usize>>,
    /// Strings and keys, to tell a `#` in them from a comment; empty if not known.
    tokens: Vec<Range<usize>>,
}

impl Blanks {
    /// For a file that TOML understood.
    pub(super) fn of_tree(text: &str, root: &DeTable<'_>) -> Self {
        let mut walk = Walk {
            text,
            blanks: Self::default(),
        };
        walk.table(root, "", false);
        let mut blanks = walk.blanks;
        blanks.ranges.sort_by_key(|range| range.start);
        blanks.tokens.sort_by_key(|range| range.start);
        blanks
    }

    /// For a file with syntax errors.
    pub(super) fn of_text(text: &str) -> Self {
        let mut lines = Lines::default();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            lines.line(at, line);
            at += line.len();
        }
        Self {
            ranges: lines.ranges,
            tokens: Vec::new(),
        }
    }

    /// For a list of usernames: a line with `=` is no username, and who knows what.
    pub(super) fn of_list(text: &str) -> Self {
        let mut ranges = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let end = at + line.trim_end().len();
            if let Some(equals) = line.find('=').filter(|_| !line.contains("tiktok.com/")) {
                ranges.push(at + equals + 1..end.max(at + equals + 1));
            }
            at += line.len();
        }
        Self {
            ranges,
            tokens: Vec::new(),
        }
    }

    /// The line `line` of `text` as it may be shown, and where `span` of the file lies in it.
    pub(super) fn show(&self, text: &str, line: Range<usize>, span: &Range<usize>) -> Shown {
        let mut hidden: Vec<_> = self.within(&line).collect();
        hidden.extend(self.comment(text, &line));
        hidden.extend(
            prefixed(&text[line.clone()]).map(|r| r.start + line.start..r.end + line.start),
        );
        hidden.sort_by_key(|range| range.start);
        let mut shown = Shown::default();
        let mut at = line.start;
        for range in hidden {
            let start = range.start.max(at);
            if range.end <= start {
                continue;
            }
            shown.copy(text, at..start, span);
            shown.blank(start..range.end, span);
            at = range.end;
        }
        shown.copy(text, at..line.end, span);
        shown.finish(span, line.end)
    }

    fn within(&self, line: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let first = self.ranges.partition_point(|range| range.end <= line.start);
        let line = line.clone();
        self.ranges[first..]
            .iter()
            .take_while(move |range| range.start < line.end)
            .map(move |range| range.start.max(line.start)..range.end.min(line.end))
            .filter(|range| !range.is_empty())
    }

    /// The line's comment: old secrets like to be kept there.
    fn comment(&self, text: &str, line: &Range<usize>) -> Option<Range<usize>> {
        let mut from = line.start;
        loop {
            let at = from + text[from..line.end].find('#')?;
            let after = self.tokens.partition_point(|token| token.end <= at);
            match self.tokens.get(after).filter(|token| token.start <= at) {
                Some(token) if token.end < line.end => from = token.end,
                Some(_) => return None,
                None => return Some(at + 1..line.end),
            }
        }
    }
}

/// One line as it may be shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) text: String,
    /// The span asked for, in `text`.
    pub(super) span: Range<usize>,
    started: bool,
}

impl Shown {
    fn copy(&mut self, text: &str, range: Range<usize>, span: &Range<usize>) {
        if !self.started && span.start < range.end {
            self.span.start = self.text.len() + span.start.saturating_sub(range.start);
            self.started = true;
        }
        if span.end > range.start {
            self.span.end = self.text.len() + span.end.min(range.end) - range.start;
        }
        self.text.push_str(&text[range]);
    }

    fn blank(&mut self, range: Range<usize>, span: &Range<usize>) {
        if !self.started && span.start < range.end {
            self.span.start = self.text.len();
            self.started = true;
        }
        self.text.push_str(BLANK);
        if span.end > range.start {
            self.span.end = self.text.len();
        }
    }

    fn finish(mut self, span: &Range<usize>, line_end: usize) -> Self {
        if !self.started || span.start >= line_end {
            self.span = self.text.len()..self.text.len();
        }
        self.span.end = self.span.end.max(self.span.start);
        self
    }
}

/// Walks the tree and notes what must not be shown.
struct Walk<'a> {
    text: &'a str,
    blanks: Blanks,
}

impl Walk<'_> {
    /// `parent` is the key that holds the table; `hidden` whether all of it is secret.
    fn table(&mut self, table: &DeTable<'_>, parent: &str, hidden: bool) {
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

/// Judges line by line; what is not known to be harmless is hidden.
#[derive(Debug, Default)]
struct Lines {
    ranges: Vec<Range<usize>>,
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
    fn line(&mut self, at: usize, line: &str) {
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
            self.owner_hidden = self.table_hidden || suspicious;
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

/// Where texts stand that begin like a secret.
fn prefixed(text: &str) -> impl Iterator<Item = Range<usize>> {
    SECRET_PREFIXES.iter().flat_map(move |prefix| {
        text.match_indices(prefix).map(move |(at, _)| {
            let start = at + prefix.len();
            let is_secret = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
            let length = text[start..]
                .find(|c| !is_secret(c))
                .unwrap_or(text.len() - start);
            start..start + length
        })
    })
}

/// `text` without what begins like a secret: the net under every message.
pub(super) fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut found: Vec<_> = prefixed(text).filter(|range| !range.is_empty()).collect();
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_by_key(|range| range.start);
    let mut safe = String::with_capacity(text.len());
    let mut at = 0;
    for range in found {
        if range.start >= at {
            safe.push_str(&text[at..range.start]);
            safe.push_str(BLANK);
            at = range.end;
        }
    }
    safe.push_str(&text[at..]);
    Cow::Owned(safe)
}
