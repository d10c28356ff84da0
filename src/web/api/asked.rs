//! What a request may ask with: types that hold nothing a route does not mean.
//!
//! What is refused here names the parameter and says what is allowed.

use serde::{Deserialize, Deserializer, de};

use crate::domain::Username;
use crate::store::history::Cursor;

/// Rows of a page that was asked for without a limit.
const USUAL: usize = 100;

/// No parameter at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Nothing {}

/// A number, as of the rows that one page may hold: from 1 to `MOST`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit<const MOST: usize>(usize);

impl<const MOST: usize> Limit<MOST> {
    /// The number.
    pub(super) fn number(self) -> usize {
        self.0
    }

    /// The number, or the usual one.
    pub(super) fn rows(limit: Option<Self>) -> usize {
        limit.map_or(USUAL.min(MOST), |limit| limit.0)
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Limit<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok().filter(|rows| (1..=MOST).contains(rows));
        let number = number.ok_or_else(|| format!("allowed is a number from 1 to {MOST}"));
        number.map(Self).map_err(de::Error::custom)
    }
}

/// A creator's name, with or without `@`; no URL, unlike in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(pub(super) Username);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name: Username = text.parse().map_err(de::Error::custom)?;
        let bare = text.strip_prefix('@').unwrap_or(&text);
        if bare.eq_ignore_ascii_case(name.as_str()) {
            Ok(Self(name))
        } else {
            Err(de::Error::custom(format!("write it as {name}")))
        }
    }
}

/// Where a page goes on: what an answer called `next`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(pub(super) Cursor);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}
