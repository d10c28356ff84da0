//! How a key is described: what it takes, and what it is when it is left out.

use super::super::raw::Table;

/// What a value may be, as far as it can be told without the rest of the file.
#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Texts,
    /// One text, or a list of at least one.
    OneOrMore,
    Flag,
    /// From the first to the second.
    Whole(u64, u64),
    /// From the first to the second.
    Number(f64, f64),
    /// More than 0, at most this.
    Positive(f64),
    Duration,
    /// `"none"` switches it off.
    DurationOrNone,
    Durations,
    Rate,
    Choice(&'static [&'static str]),
    /// A list of event types.
    Events,
    /// A table of names with texts.
    Strings,
    Table(&'static Table),
    Tables(&'static Table),
    TextsOrTables(&'static Table),
}

/// The value of a key that is left out.
#[derive(Debug)]
pub(super) enum Default {
    Text(&'static str),
    Whole(u64),
    Number(f64),
    Flag(bool),
    Texts(&'static [&'static str]),
}

/// One key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Option<Default>,
    pub(super) about: &'static str,
}

/// Two keys of which one speaks.
#[derive(Debug)]
pub(super) enum Pair {
    /// Exactly one is there.
    One(&'static str, &'static str),
    /// At most one is there.
    NotBoth(&'static str, &'static str),
}

/// One table.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) table: &'static Table,
    pub(super) about: &'static str,
    pub(super) keys: &'static [Key],
    pub(super) required: &'static [&'static str],
    pub(super) pair: Option<Pair>,
}

pub(super) const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        name,
        kind,
        default: None,
        about,
    }
}

impl Key {
    pub(super) const fn or(self, default: Default) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }
}

pub(super) const fn shape(
    table: &'static Table,
    about: &'static str,
    keys: &'static [Key],
) -> Shape {
    Shape {
        table,
        about,
        keys,
        required: &[],
        pair: None,
    }
}

impl Shape {
    pub(super) const fn requires(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }

    pub(super) const fn pair(self, pair: Pair) -> Self {
        Self {
            pair: Some(pair),
            ..self
        }
    }
}
