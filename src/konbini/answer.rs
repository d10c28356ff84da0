//! What an answer means: status, headers and bytes in, an [`Answer`] out. Pure.
//!
//! Errors are told apart by `errors[].code` together with the status, never by one alone,
//! never by the message. Only what the contract calls certain is live or offline; all
//! else is unclear, with a sentence for a person made of our own words: nothing of the
//! body but a well-formed error code gets into it.

mod envelope;
mod fields;
mod following;
mod headers;

pub use following::{
    Cursor, FollowingAnswer, FollowingFinding, FollowingPage, MAX_MEMBERS, Member, read_following,
};
pub(super) use headers::credits;

use http::HeaderMap;

use self::envelope::{Envelope, malformed};
use self::fields::Object;
use super::{Answer, Credits};
use crate::domain::observation::{LiveStream, Observation, RoomId, Unclear};
use crate::domain::{Profile, Timestamp, Username};

/// What the profile call says of a username.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileAnswer {
    /// What it says of the user.
    pub finding: ProfileFinding,
    /// What it says of the account.
    pub credits: Credits,
}

impl ProfileAnswer {
    /// What it cost.
    pub fn cost(&self) -> Credits {
        let unclear = match &self.finding {
            ProfileFinding::Unclear(unclear) => Some(unclear),
            ProfileFinding::Exists(_) | ProfileFinding::Missing => None,
        };
        self.credits.charged(unclear)
    }
}

/// Whether there is such a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileFinding {
    /// There is.
    Exists(Box<User>),
    /// There is not, or it cannot be seen.
    Missing,
    /// The answer says nothing about the user.
    Unclear(Unclear),
}

/// A user as the profile call describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name it goes by now, which need not be the one that was asked for.
    pub username: Username,
    /// The rest; `profile.id` (secUid) is always there.
    pub profile: Profile,
}

/// Reads the answer to `GET /v1/tiktok/users/{asked}/live`.
///
/// An answer about somebody else is unclear: another creator's stream must not be
/// announced as that of `asked`.
pub fn read_live(asked: &Username, status: u16, headers: &HeaderMap, body: &[u8]) -> Answer {
    let answered_at = headers::date(headers);
    let observation = match envelope::read(status, headers, body) {
        Ok(Envelope::Data(data)) => live(asked, &data, answered_at),
        Ok(Envelope::NotFound) => Ok(Observation::Offline),
        Err(unclear) => Err(unclear),
    };
    Answer::new(
        observation.unwrap_or_else(Observation::Unclear),
        credits(headers),
    )
}

/// Reads the answer to `GET /v1/tiktok/users/{username}`.
pub fn read_profile(status: u16, headers: &HeaderMap, body: &[u8]) -> ProfileAnswer {
    let finding = match envelope::read(status, headers, body) {
        Ok(Envelope::Data(data)) => user(&data).map(|user| ProfileFinding::Exists(Box::new(user))),
        Ok(Envelope::NotFound) => Ok(ProfileFinding::Missing),
        Err(unclear) => Err(unclear),
    };
    ProfileAnswer {
        finding: finding.unwrap_or_else(ProfileFinding::Unclear),
        credits: credits(headers),
    }
}

fn live(
    asked: &Username,
    data: &Object,
    answered_at: Option<Timestamp>,
) -> Result<Observation, Unclear> {
    for name in ["type", "id", "url"] {
        required_text(data, name)?;
    }
    let room = entity_id(data).ok_or_else(|| lacks("entityId"))?;
    let is_live = fields::flag(data, "isLive").ok_or_else(|| lacks("isLive"))?;
    let author = fields::object(data, "attributedTo").ok_or_else(|| lacks("attributedTo"))?;
    is_about(asked, author)?;
    if !is_live {
        return Ok(Observation::Offline);
    }
    Ok(Observation::Live(Box::new(LiveStream {
        room: room_id(&room)?,
        started_at: fields::moment(data, "published").filter(|at| is_plausible(*at, answered_at)),
        title: fields::text(data, "content").or_else(|| fields::text(data, "summary")),
        viewers: fields::count(data, "viewerCount"),
        views: fields::count(data, "viewCount"),
        cover_url: fields::picture(data, "image"),
        media: fields::media(data, "attachment"),
        profile: profile(author),
    })))
}

/// The room or user id, under its present or its older name, as the API spells it.
fn entity_id(object: &Object) -> Option<String> {
    fields::id(object, "entityId").or_else(|| fields::id(object, "internalId"))
}

/// A room id must be able to name a stream: `0` is how TikTok spells "none".
fn room_id(id: &str) -> Result<RoomId, Unclear> {
    let room = RoomId::new(id).filter(|_| id != "0" && id.bytes().all(|b| b.is_ascii_graphic()));
    room.ok_or_else(|| malformed("the answer says live, but its `entityId` names no room"))
}

fn is_about(asked: &Username, author: &Object) -> Result<(), Unclear> {
    let Some(name) = fields::text(author, "preferredUsername") else {
        return Ok(());
    };
    let name = name.trim().trim_start_matches('@');
    if name.eq_ignore_ascii_case(asked.as_str()) {
        return Ok(());
    }
    // Only a name that can be one is repeated.
    let other = name
        .parse::<Username>()
        .map_or_else(|_| "somebody else".to_owned(), |name| format!("@{name}"));
    Err(malformed(&format!(
        "the answer is about {other}; if @{asked} has a new name, change the watchlist"
    )))
}

/// Whether a stream can have begun then: not before live streams existed, and not after
/// the answer itself was given, by more than a day of wrong clocks.
///
/// A start that is wildly wrong would make every true stream after it look stale.
fn is_plausible(at: Timestamp, answered_at: Option<Timestamp>) -> bool {
    /// 2014-01-01, before musical.ly and its live streams.
    const EARLIEST: Timestamp = Timestamp::from_millis(1_388_534_400_000);
    const SLACK: std::time::Duration = std::time::Duration::from_hours(24);
    at >= EARLIEST && answered_at.is_none_or(|now| at <= now.plus(SLACK))
}

fn profile(author: &Object) -> Profile {
    Profile {
        id: entity_id(author).filter(|id| fields::is_identifier(id)),
        name: fields::text(author, "name"),
        avatar_url: fields::picture(author, "icon").or_else(|| fields::picture(author, "image")),
        followers: fields::count(author, "followerCount"),
        verified: fields::flag(author, "isVerified"),
    }
}

fn user(data: &Object) -> Result<User, Unclear> {
    for name in ["type", "id", "url"] {
        required_text(data, name)?;
    }
    let name = fields::text(data, "preferredUsername").ok_or_else(|| lacks("preferredUsername"))?;
    let username = name
        .parse()
        .map_err(|_| malformed("the answer's `preferredUsername` is no username"))?;
    let profile = profile(data);
    if profile.id.is_none() {
        return Err(lacks("entityId"));
    }
    Ok(User { username, profile })
}

fn required_text(data: &Object, name: &str) -> Result<(), Unclear> {
    let present = fields::is_text(data, name);
    present.then_some(()).ok_or_else(|| lacks(name))
}

fn lacks(name: &str) -> Unclear {
    malformed(&format!(
        "the answer lacks the required field `{name}`, or it is of the wrong type"
    ))
}

#[cfg(test)]
mod tests;
