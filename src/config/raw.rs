//! The mirror of the file: every table with its keys, and the parsed values with their places.
//!
//! The tables are walked by hand over toml's spanned tree, because serde's derive would
//! stop at the first problem and lose places. A key that is not listed here is unknown;
//! the tests hold `config.example.toml` and the checker against these lists.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table of the file and the keys it may hold.
#[derive(Debug)]
pub(super) struct Table {
    /// As it is written in brackets; empty for the top of the file.
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

pub(super) const ROOT: Table = Table {
    name: "",
    keys: &[
        "allow_shrink",
        "budget",
        "heartbeat",
        "http",
        "konbini",
        "log",
        "polling",
        "storage",
        "sweep",
        "watchlist",
        "webhook",
    ],
};
pub(super) const KONBINI: Table = Table {
    name: "konbini",
    keys: &["api_key", "api_key_file", "base_url", "timeout"],
};
pub(super) const BUDGET: Table = Table {
    name: "budget",
    keys: &["credits_per_month", "renews_on", "end_weight"],
};
pub(super) const POLLING: Table = Table {
    name: "polling",
    keys: &[
        "schedule",
        "interval",
        "live_interval",
        "min_interval",
        "max_interval",
        "jitter",
        "max_requests_per_second",
        "max_in_flight",
        "confirm_offline",
        "confirm_after",
        "resume_within",
    ],
};
pub(super) const SWEEP: Table = Table {
    name: "sweep",
    keys: &["account"],
};
pub(super) const WATCHLIST: Table = Table {
    name: "watchlist",
    keys: &["file", "creators", "when_already_live"],
};
/// An inline table in `watchlist.creators`.
pub(super) const CREATOR: Table = Table {
    name: "watchlist.creators",
    keys: &[
        "username",
        "priority",
        "interval",
        "min_interval",
        "max_interval",
        "hours",
        "strict_hours",
        "time_zone",
        "webhooks",
        "labels",
        "note",
    ],
};
pub(super) const WEBHOOK: Table = Table {
    name: "webhook",
    keys: &[
        "id",
        "url",
        "secret",
        "secret_file",
        "events",
        "format",
        "template",
        "timeout",
        "retry",
        "max_age",
        "announce_resumed",
        "allow_http",
        "headers",
        "concurrency",
        "rate",
        "signature_style",
        "creators",
        "labels",
        "proxy",
        "ca_file",
        "client_cert_file",
        "client_key_file",
        "enabled",
    ],
};
pub(super) const STORAGE: Table = Table {
    name: "storage",
    keys: &["url", "keep"],
};
pub(super) const HTTP: Table = Table {
    name: "http",
    keys: &["listen", "hosts", "token", "token_file"],
};
pub(super) const HEARTBEAT: Table = Table {
    name: "heartbeat",
    keys: &["url", "url_file", "every"],
};
pub(super) const LOG: Table = Table {
    name: "log",
    keys: &["format", "level"],
};

/// Every table, in the order of the documentation.
pub(super) const TABLES: [&Table; 12] = [
    &ROOT, &KONBINI, &BUDGET, &POLLING, &SWEEP, &WATCHLIST, &CREATOR, &WEBHOOK, &STORAGE, &HTTP,
    &HEARTBEAT, &LOG,
];

/// Whether any table knows a key of this name.
pub(super) fn is_known_key(name: &str) -> bool {
    TABLES.iter().any(|table| table.keys.contains(&name))
}

/// One value of the file.
#[derive(Debug, Clone)]
pub(super) struct Node<'t> {
    /// For example `webhook[0].url`.
    pub(super) path: String,
    pub(super) value: &'t DeValue<'t>,
    pub(super) span: Range<usize>,
}

/// One table of the file; reads as empty where the file has none.
#[derive(Debug, Clone)]
pub(super) struct Section<'t> {
    /// For example `webhook[0]`; empty for the top of the file.
    pub(super) path: String,
    pub(super) known: &'static Table,
    table: Option<&'t DeTable<'t>>,
    /// The table's header, or the whole inline table; `None` where the file has none.
    pub(super) span: Option<Range<usize>>,
}

impl<'t> Node<'t> {
    /// The value of `entry`, reached by `path`.
    pub(super) fn new(path: String, entry: &'t Spanned<DeValue<'t>>) -> Self {
        Self {
            path,
            value: entry.get_ref(),
            span: entry.span(),
        }
    }

    /// The elements, if this is an array.
    pub(super) fn elements(&self) -> Option<Vec<Node<'t>>> {
        let array = self.value.as_array()?;
        let element = |(i, entry)| Node::new(format!("{}[{i}]", self.path), entry);
        Some(array.iter().enumerate().map(element).collect())
    }

    /// The entries, if this is a table: key, place of the key, value.
    pub(super) fn entries(&self) -> Option<Vec<(&'t str, Range<usize>, Node<'t>)>> {
        let table = self.value.as_table()?;
        let entry = |(key, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
            let name: &'t std::borrow::Cow<'t, str> = key.get_ref();
            let node = Node::new(join(&self.path, name), value);
            (&**name, key.span(), node)
        };
        Some(table.iter().map(entry).collect())
    }
}

impl<'t> Section<'t> {
    /// The top of the file.
    pub(super) fn root(table: &'t DeTable<'t>) -> Self {
        Self {
            path: String::new(),
            known: &ROOT,
            table: Some(table),
            span: None,
        }
    }

    /// A table that `node` holds; empty if it holds something else.
    pub(super) fn of(node: &Node<'t>, known: &'static Table) -> Self {
        Self {
            path: node.path.clone(),
            known,
            table: node.value.as_table(),
            span: Some(node.span.clone()),
        }
    }

    /// A table that the file leaves out.
    pub(super) fn missing(known: &'static Table) -> Self {
        Self {
            path: known.name.to_owned(),
            known,
            table: None,
            span: None,
        }
    }

    /// The value of `key`, if the file has one.
    pub(super) fn find(&self, key: &'static str) -> Option<Node<'t>> {
        debug_assert!(self.known.keys.contains(&key), "{key} is not in the mirror");
        let entry = self.table?.get(key)?;
        Some(Node::new(join(&self.path, key), entry))
    }

    /// Keys that this table does not know, with their places.
    pub(super) fn unknown_keys(&self) -> Vec<(&'t str, Range<usize>)> {
        let keys = self.table.into_iter().flat_map(|table| table.keys());
        keys.filter(|key| !self.known.keys.contains(&key.get_ref().as_ref()))
            .map(|key| (key.get_ref().as_ref(), key.span()))
            .collect()
    }

    /// The path of `key` in this table.
    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Parses `text`: the tree, or the best guess at it and all syntax errors.
pub(super) fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<toml::de::Error>) {
    DeTable::parse_recoverable(text)
}
