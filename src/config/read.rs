//! Reading single values: text, numbers, durations, choices, lists, secrets and files.
//!
//! Each reader either returns the value or records what is wrong with it and returns
//! `None`; nobody stops at the first problem. Values never appear in messages after
//! `${VAR}` was expanded in them, since the variable may hold a secret.

use std::fmt::Display;
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::Secret;
use super::duration::{self, FORM, display};
use super::expand::{Env, ExpandError, expand, mentions_variable};
use super::problem::{Finding, Place};
use super::raw::{Node, Section, TABLES, Table};
use super::suggest::{closest, did_you_mean, listed};

/// The largest file read: a watchlist of a million names fits.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Collects problems while the file is read.
pub(super) struct Reader<'e> {
    env: Env<'e>,
    /// Where relative paths start.
    base: PathBuf,
    pub(super) findings: Vec<Finding>,
    /// Every file that was read or tried.
    pub(super) files: Vec<PathBuf>,
}

/// Bounds of a duration and why they are what they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: Duration,
    pub(super) most: Duration,
    pub(super) why: &'static str,
}

impl<'e> Reader<'e> {
    /// Reads for the configuration file at `path`.
    pub(super) fn new(path: &Path, env: Env<'e>) -> Self {
        Self {
            env,
            base: path.parent().unwrap_or(Path::new("")).to_owned(),
            findings: Vec::new(),
            files: vec![path.to_owned()],
        }
    }

    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Reports that the value of `node` cannot be.
    pub(super) fn refuse(
        &mut self,
        node: &Node<'_>,
        message: impl Display,
        help: impl Into<String>,
    ) {
        let message = format!("`{}` {message}", node.path);
        self.report(Finding::at(node.span.clone(), node.path.as_str(), message).help(help));
    }

    /// Opens the table `key` of `parent` and reports the keys it does not know.
    pub(super) fn section<'t>(
        &mut self,
        parent: &Section<'t>,
        key: &'static str,
        known: &'static Table,
    ) -> Section<'t> {
        match parent.find(key) {
            None => Section::missing(known),
            Some(node) => self.open(&node, known, &format!("a table: [{}]", known.name)),
        }
    }

    /// The table that `node` should be; `wanted` says how it is written.
    pub(super) fn open<'t>(
        &mut self,
        node: &Node<'t>,
        known: &'static Table,
        wanted: &str,
    ) -> Section<'t> {
        if node.value.as_table().is_none() {
            self.wrong_type(node, wanted);
        }
        let section = Section::of(node, known);
        self.unknown_keys(&section);
        section
    }

    /// Reports every key that `section` does not know.
    pub(super) fn unknown_keys(&mut self, section: &Section<'_>) {
        for (key, span) in section.unknown_keys() {
            let place = match section.known.name {
                "" => "at the top of the file".to_owned(),
                _ => format!("in `{}`", section.path),
            };
            let message = format!("there is no key `{key}` {place}");
            self.report(
                Finding::at(span, section.path_of(key), message)
                    .label("unknown key")
                    .help(unknown_key_help(key, section.known)),
            );
        }
    }

    /// Reports a required key that `section` leaves out.
    pub(super) fn missing(&mut self, section: &Section<'_>, key: &str, help: &str) {
        let path = section.path_of(key);
        let message = format!("`{path}` is missing");
        let finding = match &section.span {
            Some(span) => Finding::at(span.clone(), path, message),
            None => Finding::absent(path, message),
        };
        self.report(finding.help(help));
    }

    pub(super) fn wrong_type(&mut self, node: &Node<'_>, wanted: &str) {
        let found = match node.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{}` is {found}", node.path);
        self.report(
            Finding::at(node.span.clone(), node.path.as_str(), message)
                .label(format!(
                    "not {}",
                    wanted.split(':').next().unwrap_or(wanted)
                ))
                .help(format!("it has to be {wanted}")),
        );
    }

    /// A string, `${VAR}` expanded.
    pub(super) fn text(&mut self, node: &Node<'_>) -> Option<String> {
        let Some(text) = node.value.as_str() else {
            self.wrong_type(node, "a string");
            return None;
        };
        match expand(text, self.env) {
            Ok(text) => Some(text),
            Err(ExpandError::Unset(names)) => {
                for name in names {
                    self.refuse(
                        node,
                        format_args!("needs the environment variable {name}, which is not set"),
                        format!("set {name}, or write `$${{` for a literal `${{`"),
                    );
                }
                None
            }
            Err(ExpandError::Malformed) => {
                self.refuse(
                    node,
                    "has a `${` without a variable's name and `}` after it",
                    "variables are `${NAME}`; write `$${` for a literal `${`",
                );
                None
            }
        }
    }

    /// A string with something in it, on one line.
    pub(super) fn line(&mut self, node: &Node<'_>, most_chars: usize) -> Option<String> {
        let text = self.text(node)?;
        let fits = (1..=most_chars).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            return Some(text);
        }
        let allowed = format!("allowed are 1 to {most_chars} characters on one line");
        self.refuse(
            node,
            "is empty, too long or holds control characters",
            allowed,
        );
        None
    }

    pub(super) fn boolean(&mut self, section: &Section<'_>, key: &'static str) -> Option<bool> {
        let node = section.find(key)?;
        let DeValue::Boolean(value) = node.value else {
            self.wrong_type(&node, "true or false");
            return None;
        };
        Some(*value)
    }

    /// A whole number within `allowed`; `why` explains the bounds.
    pub(super) fn integer(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        allowed: RangeInclusive<u64>,
        why: &str,
    ) -> Option<u64> {
        let node = section.find(key)?;
        let DeValue::Integer(integer) = node.value else {
            self.wrong_type(&node, "a whole number");
            return None;
        };
        let value = i128::from_str_radix(integer.as_str(), integer.radix());
        let value = value.ok().and_then(|value| u64::try_from(value).ok());
        let inside = value.filter(|value| allowed.contains(value));
        if inside.is_none() {
            let (least, most) = (allowed.start(), allowed.end());
            self.refuse(
                &node,
                format_args!("is {integer}"),
                format!("allowed is {least} to {most}{why}"),
            );
        }
        inside
    }

    /// A number that `allowed` accepts; `range` describes which those are.
    pub(super) fn number(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        allowed: fn(f64) -> bool,
        range: &str,
    ) -> Option<f64> {
        let node = section.find(key)?;
        let value = match node.value {
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|value| value as f64),
            _ => {
                self.wrong_type(&node, "a number");
                return None;
            }
        };
        let inside = value.filter(|value| allowed(*value));
        if inside.is_none() {
            self.refuse(&node, "is out of range", format!("allowed is {range}"));
        }
        inside
    }

    /// A duration within `bounds`.
    pub(super) fn duration(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        bounds: Bounds,
    ) -> Option<Duration> {
        let node = section.find(key)?;
        self.duration_of(&node, bounds)
    }

    /// A duration within `bounds`, or `"none"`.
    pub(super) fn duration_or_none(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        bounds: Bounds,
    ) -> Option<Limit> {
        let node = section.find(key)?;
        if node.value.as_str() == Some("none") {
            return Some(Limit::None);
        }
        self.duration_of(&node, bounds).map(Limit::At)
    }

    pub(super) fn duration_of(&mut self, node: &Node<'_>, bounds: Bounds) -> Option<Duration> {
        if let DeValue::Integer(_) | DeValue::Float(_) = node.value {
            self.refuse(node, "is a number without a unit", FORM);
            return None;
        }
        let text = self.text(node)?;
        let Some(duration) = duration::parse(&text) else {
            self.refuse(node, "is not a duration", FORM);
            return None;
        };
        if (bounds.least..=bounds.most).contains(&duration) {
            return Some(duration);
        }
        let (least, most) = (display(bounds.least), display(bounds.most));
        let bound = if duration < bounds.least {
            "short"
        } else {
            "long"
        };
        self.refuse(
            node,
            format_args!("is too {bound}"),
            format!("allowed is {least} to {most}{}", bounds.why),
        );
        None
    }

    /// One of a few names.
    pub(super) fn choice<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let node = section.find(key)?;
        let text = self.text(&node)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let guess = closest(&text, names.iter().copied());
        let message = format!("`{}` has an unknown value", node.path);
        self.report(
            Finding::at(node.span.clone(), node.path.as_str(), message)
                .help(format!("allowed are {}", listed(&names)))
                .maybe_help(guess.map(did_you_mean)),
        );
        None
    }

    /// The elements of a list.
    pub(super) fn list<'t>(&mut self, node: &Node<'t>, wanted: &str) -> Option<Vec<Node<'t>>> {
        let elements = node.elements();
        if elements.is_none() {
            self.wrong_type(node, wanted);
        }
        elements
    }

    /// A path, relative ones starting at the configuration file.
    pub(super) fn path(&mut self, node: &Node<'_>) -> Option<PathBuf> {
        let text = self.text(node)?;
        if text.is_empty() || text.contains('\0') {
            self.refuse(
                node,
                "is not a path",
                "the name of a file, relative to the configuration file or absolute",
            );
            return None;
        }
        Some(self.resolve(&text))
    }

    /// `path` as seen from the configuration file.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// Notes that `path` matters, whether or not it can be read.
    fn note_file(&mut self, path: &Path) {
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
    }

    /// The text of the file that `node` names.
    pub(super) fn file(&mut self, node: &Node<'_>) -> Option<(PathBuf, String)> {
        let path = self.path(node)?;
        self.note_file(&path);
        match read_text(&path) {
            Ok(text) => Some((path, text)),
            Err(reason) => {
                self.refuse(
                    node,
                    format_args!("names a file that cannot be used: {reason}"),
                    format!("the file is {}", path.display()),
                );
                None
            }
        }
    }

    /// A secret from `key` or `key_file`, and where it was given; no newline at its end.
    pub(super) fn secret<'t>(
        &mut self,
        section: &Section<'t>,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<(Secret, Node<'t>)> {
        let (text, node) = match self.either(section, key, file_key)? {
            Given::Inline(node) => {
                self.warn_if_literal(&node);
                (self.text(&node)?, node)
            }
            Given::File(node) => {
                let (_, text) = self.file(&node)?;
                (text.trim_end_matches(['\r', '\n']).to_owned(), node)
            }
        };
        if text.is_empty() {
            self.refuse(&node, "holds nothing", "an empty secret protects nothing");
            return None;
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.refuse(
                &node,
                "holds characters that no secret of this kind has",
                "allowed are letters, digits and punctuation, without blanks and line breaks",
            );
            return None;
        }
        Some((Secret::new(text), node))
    }

    /// Which of `x` and `x_file` is given; both is a problem.
    pub(super) fn either<'t>(
        &mut self,
        section: &Section<'t>,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<Given<'t>> {
        match (section.find(key), section.find(file_key)) {
            (Some(inline), Some(file)) => {
                let message = format!("`{}` and `{}` are both given", inline.path, file.path);
                let first = Place {
                    file: 0,
                    span: inline.span,
                };
                self.report(
                    Finding::at(file.span, file.path, message)
                        .also(first, "also here")
                        .help("leave out one of them"),
                );
                None
            }
            (Some(inline), None) => Some(Given::Inline(inline)),
            (None, Some(file)) => Some(Given::File(file)),
            (None, None) => None,
        }
    }

    /// Warns of a secret that stands in the file itself.
    pub(super) fn warn_if_literal(&mut self, node: &Node<'_>) {
        let literal = node
            .value
            .as_str()
            .is_some_and(|text| !text.is_empty() && !mentions_variable(text));
        if literal {
            let message = format!("`{}` is a secret written into the file", node.path);
            self.report(
                Finding::at(node.span.clone(), node.path.as_str(), message)
                    .warning()
                    .help("whoever can read the file can use it; better is \"${VARIABLE}\" or a file of its own"),
            );
        }
    }
}

/// A duration that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// `"none"`
    None,
    At(Duration),
}

/// How a secret is given.
pub(super) enum Given<'t> {
    /// In the file itself.
    Inline(Node<'t>),
    /// As the name of another file.
    File(Node<'t>),
}

fn unknown_key_help(key: &str, known: &Table) -> String {
    if let Some(guess) = closest(key, known.keys.iter().copied()) {
        return did_you_mean(guess);
    }
    let elsewhere = TABLES.iter().find(|table| table.keys.contains(&key));
    match elsewhere {
        Some(table) if table.name.is_empty() => {
            format!("`{key}` belongs at the top of the file, before the first table")
        }
        Some(table) => format!("`{key}` is a key of `{}`", table.name),
        None => format!("known are {}", listed(known.keys)),
    }
}

/// A whole text file of bounded size; says why not in words without the path.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| reason(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| reason(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("it is larger than 64 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}

/// The operating system's words without its error number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}
