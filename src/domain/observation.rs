//! What one poll says of a creator: live, not live, or nothing that can be relied upon.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::creator::Profile;
use super::time::Timestamp;

/// The meaning of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A stream is running.
    Live(Box<LiveStream>),
    /// No stream is running, or there is no such user: the API does not tell them apart.
    Offline,
    /// The answer says nothing about the creator and must not change what is believed of it.
    Unclear(Unclear),
}

impl Observation {
    /// The `outcome` label of `tallylight_polls_total`: `live`, `offline` or `unclear`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Live(_) => "live",
            Self::Offline => "offline",
            Self::Unclear(_) => "unclear",
        }
    }
}

/// TikTok's room id: names one broadcast. A new room id is a new stream.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// The longest room id accepted, in bytes. TikTok's have 19 digits.
    pub const MAX_BYTES: usize = 64;

    /// The id as the API spells it; `None` if it is empty or longer than [`Self::MAX_BYTES`].
    pub fn new(id: &str) -> Option<Self> {
        (!id.is_empty() && id.len() <= Self::MAX_BYTES).then(|| Self(id.into()))
    }

    /// The id as the API spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a number. TikTok's ids grow with time, so they order streams whose start is unknown.
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A running stream as one answer describes it. Text is hostile and bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveStream {
    /// Which broadcast this is.
    pub room: RoomId,
    /// When the broadcast began, if the answer says so.
    pub started_at: Option<Timestamp>,
    /// The stream's title.
    pub title: Option<String>,
    /// Audience at this moment.
    pub viewers: Option<u64>,
    /// Total of views since the start.
    pub views: Option<u64>,
    /// Address of the cover picture.
    pub cover_url: Option<String>,
    /// Where the stream can be pulled from.
    pub media: Vec<Media>,
    /// The person on stage.
    pub profile: Profile,
}

/// The largest number of addresses kept of one stream.
pub const MAX_MEDIA: usize = 8;

/// One address a stream can be pulled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// For example `flv` or `hls`.
    pub name: Option<String>,
    /// For example `video/x-flv`.
    pub mime_type: Option<String>,
    /// The address.
    pub url: String,
}

/// An answer that says nothing certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// What kind of failure it was.
    pub cause: Cause,
    /// One bounded sentence for a person; never holds a secret.
    pub detail: String,
    /// How long the source asked us to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// Whether it took a credit all the same, by the answer's own headers.
    pub paid: bool,
}

impl Unclear {
    /// An unclear answer without a wish for a pause.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: super::text::bounded(&detail.into()),
            retry_after: None,
            paid: false,
        }
    }

    /// What it calls for: its cause's remedy, but what was paid for is not bought again at once.
    pub fn remedy(&self) -> Remedy {
        match self.cause.remedy() {
            Remedy::RetrySoon if self.paid => Remedy::ComeBack,
            remedy => remedy,
        }
    }
}

/// Why an answer is unclear: the closed set used in logs and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No complete answer within the deadline.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// 5xx: a passing fault of the API or of TikTok.
    ServerFault,
    /// The body is longer than the cap.
    BodyTooLarge,
    /// A body that is not what the contract promises.
    Malformed,
    /// Not the API that answered: no error envelope, an unknown route, a redirect.
    NotTheApi,
    /// The API refuses to be asked for this username.
    InvalidUsername,
    /// An error code or status that the contract does not know.
    UnknownError,
    /// 429.
    RateLimited,
    /// 401 or 403: no poll can succeed until a person mends the key.
    KeyRefused,
    /// 402: no poll can succeed until the plan renews.
    CreditsExhausted,
    /// A stream older than the one already known: a stale cache upstream.
    Stale,
}

/// What an unclear answer calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A passing fault that cost no credit: try the same creator again within the same poll.
    RetrySoon,
    /// Nothing at once: come back to this creator a little later than usual.
    ComeBack,
    /// The source wants fewer requests: pause for everyone.
    Pause,
    /// No poll of anyone can succeed: stop, and probe now and then.
    Suspend,
}

impl Cause {
    /// A fixed lower-case name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::ServerFault => "server_fault",
            Self::BodyTooLarge => "body_too_large",
            Self::Malformed => "malformed",
            Self::NotTheApi => "not_the_api",
            Self::InvalidUsername => "invalid_username",
            Self::UnknownError => "unknown_error",
            Self::RateLimited => "rate_limited",
            Self::KeyRefused => "key_refused",
            Self::CreditsExhausted => "credits_exhausted",
            Self::Stale => "stale",
        }
    }

    /// Whether the contract promises that such an answer costs no credit, for answers whose
    /// headers do not say. What a timeout did cost shows in the next answer's remainder.
    pub fn is_free(self) -> bool {
        match self {
            Self::Timeout
            | Self::Connection
            | Self::ServerFault
            | Self::NotTheApi
            | Self::InvalidUsername
            | Self::RateLimited
            | Self::KeyRefused
            | Self::CreditsExhausted => true,
            Self::BodyTooLarge | Self::Malformed | Self::UnknownError | Self::Stale => false,
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Timeout | Self::Connection | Self::ServerFault => Remedy::RetrySoon,
            Self::RateLimited => Remedy::Pause,
            Self::KeyRefused | Self::CreditsExhausted => Remedy::Suspend,
            Self::BodyTooLarge
            | Self::Malformed
            | Self::NotTheApi
            | Self::InvalidUsername
            | Self::UnknownError
            | Self::Stale => Remedy::ComeBack,
        }
    }
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.cause.label(),
            super::text::Printable(&self.detail)
        )
    }
}
