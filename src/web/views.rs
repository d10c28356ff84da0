//! What is shown of the running daemon: plain values, as JSON in the API and for pages.
//!
//! Titles, names and error texts are strangers' words, bounded but not escaped: whoever
//! prints them escapes them by the rules of the place.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::event::Labels;
use crate::domain::{Timestamp, Username};

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// The program's version.
    pub version: String,
    /// When the daemon was started.
    pub started_at: Timestamp,
    /// When this was true.
    pub as_of: Timestamp,
    /// Creators by state.
    pub creators: Census,
    /// Who is live, newest first, at most [`Overview::MOST_LIVE`].
    pub live: Vec<LiveCreator>,
    /// Who is polled next, soonest first, at most [`Overview::MOST_UPCOMING`].
    pub upcoming: Vec<Upcoming>,
    /// What polls cost and may cost.
    pub credits: Credits,
    /// Sweeps, if an account is configured for them.
    pub sweeps: Option<Sweeps>,
    /// Why answers cannot be trusted; empty if they can.
    pub degraded: Vec<Degraded>,
    /// How the last load of the configuration went.
    pub reload: Reload,
}

impl Overview {
    /// Live creators shown at most; [`CreatorQuery`] lists all.
    pub const MOST_LIVE: usize = 200;
    /// Coming polls shown at most.
    pub const MOST_UPCOMING: usize = 20;
}

/// Creators by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Census {
    /// All of them.
    pub watched: usize,
    /// No certain answer yet.
    pub unknown: usize,
    /// Not live.
    pub offline: usize,
    /// Live.
    pub live: usize,
}

/// A creator's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No certain answer yet.
    Unknown,
    /// Not live.
    Offline,
    /// Live.
    Live,
}

impl State {
    /// The name in JSON and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Offline => "offline",
            Self::Live => "live",
        }
    }
}

/// Somebody who is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveCreator {
    /// Who.
    pub username: Username,
    /// Display name.
    pub name: Option<String>,
    /// What runs.
    pub stream: Stream,
}

/// A stream that is running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each shown by its name"
)]
pub struct Stream {
    /// TikTok's room id.
    pub id: String,
    /// Where to watch it.
    pub url: String,
    /// The title.
    pub title: Option<String>,
    /// Audience at the last poll.
    pub viewers: Option<u64>,
    /// Total of views since the start.
    pub views: Option<u64>,
    /// The largest audience seen.
    pub peak_viewers: u64,
    /// Mean audience over the samples.
    pub average_viewers: Option<u64>,
    /// Its own word on its start.
    pub started_at: Option<Timestamp>,
    /// The first poll that saw it.
    pub first_seen_at: Timestamp,
    /// The last poll that saw it.
    pub last_seen_at: Timestamp,
    /// From its start to the first poll that saw it; `None` without a start, or if it ran before its creator was watched.
    pub detection_delay_seconds: Option<f64>,
    /// It ran before the creator was first polled.
    pub already_live: bool,
    /// It continues the stream before.
    pub resumed: bool,
    /// Whether its start was announced.
    pub announced: bool,
    /// Whether an end waits for its confirmation.
    pub ending: bool,
    /// Address of the cover picture, on another host.
    pub cover_url: Option<String>,
}

/// A poll to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Upcoming {
    /// Of whom.
    pub username: Username,
    /// When and why.
    pub poll: NextPoll,
}

/// When a creator is polled next, and why then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NextPoll {
    /// When; rate and budget may move it.
    pub at: Timestamp,
    /// `newcomer`, `interval`, `worth`, `max_gap`, `pinned`, `hinted`, `live`, `confirm`, `retry`, `probe` or `asked`.
    pub reason: String,
    /// The chance of finding something new, in `[0, 1]`, if that is the reason (`worth`).
    pub chance: Option<f32>,
    /// The price of a credit that the chance has reached.
    pub price: Option<f32>,
}

/// What polls cost and may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Credits {
    /// The budget of the configuration, if there is one.
    pub budget: Option<Budget>,
    /// What the account behind the key has left, as the last answer said.
    pub account_remaining: Option<u64>,
}

/// How a billing month's budget stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// For the month.
    pub credits: u64,
    /// Used so far; credits stored ahead and lost in a crash count as used.
    pub used: u64,
    /// What may still be used, the account's remainder considered.
    pub remaining: u64,
    /// When the month began.
    pub period_started_at: Timestamp,
    /// When the next begins.
    pub renews_at: Timestamp,
    /// Used by then, if it goes on as since the start of the month or of the program; `None` in its first minutes.
    pub projected_used: Option<u64>,
    /// When nothing is left at that pace, if that is before the renewal.
    pub exhausted_at: Option<Timestamp>,
}

/// Sweeps: pages of a following list, one credit each, as hints at who is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sweeps {
    /// Whose list it is.
    pub account: Username,
    /// Pages with somebody of the watchlist on them, as far as known.
    pub pages: usize,
    /// The chance that a live creator is flagged, as measured.
    pub recall: f32,
    /// One standard deviation of it.
    pub uncertainty: f32,
    /// Too few cases are in: sweeps take 2 % of the budget at most.
    pub on_trial: bool,
    /// The chance that a creator who is not live is flagged.
    pub false_flags: f32,
    /// Mean time from a start to its flag.
    pub lag_seconds: f32,
    /// What sweeps have cost since the account was configured.
    pub credits: u64,
    /// Streams found by a poll that a flag brought.
    pub found: u64,
    /// How much sooner than planned, all together.
    pub minutes_saved: f64,
    /// Who of the watchlist is not on the list, by name, at most [`Sweeps::MOST_MISSING`].
    pub missing: Vec<Username>,
    /// How many that are; `None` until the whole list was read.
    pub missing_in_all: Option<usize>,
    /// The list cannot be seen: the account is private or missing.
    pub hidden: bool,
    /// When a page was last read since the start of the program.
    pub last_at: Option<Timestamp>,
}

impl Sweeps {
    /// Names of [`Sweeps::missing`] at most.
    pub const MOST_MISSING: usize = 20;
}

/// A reason not to trust what is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degraded {
    /// `source_failing`, `key_refused`, `credits_exhausted`, `mass_flip` or `falling_behind`.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// One sentence; `None` if it began before this start of the program.
    pub detail: Option<String>,
}

/// How the last load of the configuration went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// Whether what runs is what the file says.
    pub successful: bool,
    /// When it was loaded or refused.
    pub at: Timestamp,
    /// Why it was refused, printable and without secrets.
    pub problem: Option<String>,
}

/// Which creators are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreatorQuery {
    /// With a name after this one: the last page's [`CreatorPage::next`].
    pub after: Option<Username>,
    /// How many, at most [`CreatorQuery::MOST`].
    pub limit: usize,
    /// In this state alone.
    pub state: Option<State>,
    /// With this text in the name, lower-case.
    pub search: Option<String>,
}

impl CreatorQuery {
    /// Creators on one page at most.
    pub const MOST: usize = 200;
}

/// One page of the watchlist, by name.
///
/// A page can be shorter than asked for, even empty, with more to come: what is looked
/// through for one page is bounded too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatorPage {
    /// In the order of their names.
    pub creators: Vec<Creator>,
    /// Where the next page goes on; `None` on the last.
    pub next: Option<Username>,
}

/// One creator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Creator {
    /// Who.
    pub username: Username,
    /// TikTok's stable id, as far as known: while live.
    pub id: Option<String>,
    /// Display name, as far as known: while live.
    pub name: Option<String>,
    /// Where the creator is believed to be.
    pub state: State,
    /// What runs, if live.
    pub stream: Option<Stream>,
    /// When the last certain answer was given.
    pub last_answer_at: Option<Timestamp>,
    /// Of the last poll: `live`, `offline` or `unclear`; `None` before it.
    pub last_outcome: Option<String>,
    /// Why the last poll was made, in the words of [`NextPoll::reason`]; `None` before the first
    /// since this start of the program.
    #[serde(default)]
    pub last_reason: Option<String>,
    /// Polls in a row without a certain answer.
    pub unclear_in_a_row: u32,
    /// When the next poll is, and why; `None` while one is under way.
    pub next_poll: Option<NextPoll>,
    /// Weight in the learned schedule.
    pub priority: f64,
    /// As configured.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub labels: Labels,
}

/// One creator with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatorDetail {
    /// What a list shows too.
    #[serde(flatten)]
    pub creator: Creator,
    /// Announced starts and ends, ever.
    pub sequence: u64,
    /// The first poll of all.
    pub first_poll_at: Option<Timestamp>,
    /// When the last stream ended.
    pub last_ended_at: Option<Timestamp>,
    /// A note from the configuration.
    pub note: Option<String>,
    /// Polls since this start of the program.
    pub polls: u64,
    /// Their share of everybody's, in `[0, 1]`; `None` before the first.
    pub poll_share: Option<f64>,
    /// What the learned schedule believes; `None` under the fixed one.
    pub rhythm: Option<Rhythm>,
}

/// What the learned schedule believes of a creator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rhythm {
    /// Streams a week.
    pub starts_per_week: f32,
    /// Mean length of a stream.
    pub mean_duration_seconds: f32,
    /// Expected starts in each half hour of a week, 336 of them, from Monday 00:00 UTC.
    pub week: Vec<f32>,
}

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lane {
    /// Its id.
    pub id: String,
    /// How it fares.
    pub state: LaneState,
    /// Deliveries waiting, those of a disabled webhook included.
    pub pending: u64,
    /// When the oldest of them was detected.
    pub oldest_pending_at: Option<Timestamp>,
    /// The first failure since the last 2xx, or since when it is disabled.
    pub since: Option<Timestamp>,
    /// The receiver asked to be left alone until then.
    pub paused_until: Option<Timestamp>,
    /// Why the last attempt failed, printable; `None` after a 2xx.
    pub last_error: Option<String>,
}

/// How a webhook fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LaneState {
    /// Deliveries go out.
    #[default]
    Healthy,
    /// It keeps failing: one delivery at a time probes it.
    Failing,
    /// It takes no part: it answered 410, or failed for days.
    Disabled,
    /// The configuration says `enabled = false`.
    Paused,
}

impl LaneState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Failing, Self::Disabled, Self::Paused];

    /// The name in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Disabled => "disabled",
            Self::Paused => "paused",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// An event type, like `stream.started`; `stream.updated` and `stream.sampled` too, whoever subscribed.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was detected.
    pub at: Timestamp,
    /// Whom it concerns.
    pub creator: Option<Username>,
    /// The stream it concerns, as known then.
    pub stream: Option<Stream>,
    /// The webhook it concerns.
    pub webhook: Option<String>,
    /// One sentence for a person, printable.
    pub detail: Option<String>,
}

/// What `GET /api/v1/status` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The monitor.
    #[serde(flatten)]
    pub overview: Overview,
    /// Every webhook.
    pub webhooks: Vec<Lane>,
}
