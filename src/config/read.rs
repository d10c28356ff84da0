//! Reading tables and text: what is unknown, missing, of the wrong type or unset.
//!
//! Each reader either returns the value or records what is wrong with it and returns
//! `None`; nobody stops at the first problem. Values never appear in messages after
//! `${VAR}` was expanded in them, since the variable may hold a secret.

mod file;
mod scalar;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::ScheduleKind;
use super::expand::{Env, ExpandError, expand};
use super::problem::{Finding, Place};
use super::raw::{Node, Section, TABLES, Table};
use super::suggest::{closest, did_you_mean, listed};
pub(crate) use file::open;
pub(super) use file::{Given, read_text};
pub(super) use scalar::{Bounds, Limit};

/// Collects problems while the file is read.
pub(super) struct Reader<'e> {
    env: Env<'e>,
    /// Where relative paths start.
    base: PathBuf,
    pub(super) findings: Vec<Finding>,
    /// How waits are chosen, once that is known.
    pub(super) schedule: ScheduleKind,
    /// Every file that was read or tried.
    pub(super) files: Vec<PathBuf>,
    /// Where each creator of the watchlist is named, in its order.
    pub(super) creators_at: Vec<Place>,
}

impl<'e> Reader<'e> {
    /// Reads for the configuration file at `path`.
    pub(super) fn new(path: &Path, env: Env<'e>) -> Self {
        Self {
            env,
            base: path.parent().unwrap_or(Path::new("")).to_owned(),
            findings: Vec::new(),
            schedule: ScheduleKind::Fixed,
            files: vec![path.to_owned()],
            creators_at: Vec::new(),
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

    /// The elements of a list.
    pub(super) fn list<'t>(&mut self, node: &Node<'t>, wanted: &str) -> Option<Vec<Node<'t>>> {
        let elements = node.elements();
        if elements.is_none() {
            self.wrong_type(node, wanted);
        }
        elements
    }
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
