//! One page of a following list: who is on it, whether each is flagged live, where it goes on.
//!
//! A flag is a hint and starts or ends nothing. A member without a usable name is passed over;
//! a page whose form is not the contract's says nothing of anybody.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

use super::envelope::{self, Envelope, malformed};
use super::fields::{self, Object};
use super::{credits, lacks, profile};
use crate::domain::observation::Unclear;
use crate::domain::{Profile, Username};
use crate::konbini::Credits;

/// Members read of one page; the contract has at most 30.
pub const MAX_MEMBERS: usize = 100;

/// What a page of the following list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowingAnswer {
    /// What it says of the list.
    pub finding: FollowingFinding,
    /// What it says of the account behind the key.
    pub credits: Credits,
}

impl FollowingAnswer {
    /// What it cost.
    pub fn cost(&self) -> Credits {
        let unclear = match &self.finding {
            FollowingFinding::Unclear(unclear) => Some(unclear),
            FollowingFinding::Page(_) | FollowingFinding::Hidden => None,
        };
        self.credits.charged(unclear)
    }

    /// An answer that never came.
    pub(in crate::konbini) fn failed(unclear: Unclear, headers: &HeaderMap) -> Self {
        Self {
            finding: FollowingFinding::Unclear(unclear),
            credits: credits(headers),
        }
    }
}

/// Whether the list can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowingFinding {
    /// It can.
    Page(FollowingPage),
    /// The account is private or missing.
    Hidden,
    /// The answer says nothing.
    Unclear(Unclear),
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowingPage {
    /// Who is on it, in the API's order, at most [`MAX_MEMBERS`].
    pub members: Vec<Member>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// Somebody whom the account follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name it goes by now.
    pub username: Username,
    /// The rest; `profile.id` (secUid) as far as given.
    pub profile: Profile,
    /// The hint, as far as given.
    pub is_live: Option<bool>,
}

/// Where a page begins, in the API's own words.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// `None` for what cannot be sent back: empty, longer than an id, or not visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        fields::is_identifier(text).then(|| Self(Arc::from(text)))
    }

    /// As the API gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({:?})", self.as_str())
    }
}

/// Reads the answer to `GET /v1/tiktok/users/{account}/following`.
pub fn read_following(status: u16, headers: &HeaderMap, body: &[u8]) -> FollowingAnswer {
    let finding = match envelope::read(status, headers, body) {
        Ok(Envelope::Data(data)) => page(&data).map(FollowingFinding::Page),
        Ok(Envelope::NotFound) => Ok(FollowingFinding::Hidden),
        Err(unclear) => Err(unclear),
    };
    FollowingAnswer {
        finding: finding.unwrap_or_else(FollowingFinding::Unclear),
        credits: credits(headers),
    }
}

fn page(data: &Object) -> Result<FollowingPage, Unclear> {
    let items = data.get("orderedItems").and_then(Value::as_array);
    let items = items.ok_or_else(|| lacks("orderedItems"))?;
    let people = items.iter().filter_map(Value::as_object);
    Ok(FollowingPage {
        members: people.filter_map(member).take(MAX_MEMBERS).collect(),
        next: next(data)?,
    })
}

/// A page that does not say where it goes on could hide the rest of the list.
fn next(data: &Object) -> Result<Option<Cursor>, Unclear> {
    match data.get("nextCursor") {
        None => Err(lacks("nextCursor")),
        Some(Value::Null) => Ok(None),
        Some(_) => {
            let cursor = fields::id(data, "nextCursor").and_then(|text| Cursor::new(&text));
            let unusable = || malformed("the page's `nextCursor` cannot be sent back");
            cursor.map(Some).ok_or_else(unusable)
        }
    }
}

fn member(item: &Object) -> Option<Member> {
    Some(Member {
        username: fields::text(item, "preferredUsername")?.parse().ok()?,
        profile: profile(item),
        is_live: fields::flag(item, "isLive"),
    })
}

#[cfg(test)]
mod tests;
