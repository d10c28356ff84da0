//! What of a file must not be drawn: values whose key names a secret, wherever they stand.
//!
//! Two ways to know: [`Blanks::of_tree`] where TOML understood the file, [`Blanks::of_text`]
//! where it did not and only lines can be judged. Both deny by default: a value under a key
//! that nobody knows may be a secret under a misspelt name, and is blanked too.

mod lines;
mod tree;

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use self::lines::Lines;
use self::tree::Walk;

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
