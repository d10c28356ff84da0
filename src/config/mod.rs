//! The configuration as the rest of the program sees it: checked, complete, typed.
//!
//! [`load()`] is the one way in, for start, `check` and reload alike. It reports every problem
//! at once, reads the configuration and the files it names, and opens nothing else. The
//! environment is an argument.

mod check;
mod defaults;
mod duration;
mod expand;
#[cfg(test)]
pub(crate) mod fixtures;
mod load;
mod options;
mod pending;
mod problem;
mod raw;
mod read;
mod redact;
mod schema;
pub mod secret;
mod suggest;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::event::Labels;
use crate::domain::retry::RetrySchedule;
use crate::domain::signature::SigningKey;
use crate::domain::tracker::Rules;
use crate::domain::{EventType, Username};
pub use duration::{display as display_duration, parse as parse_duration};
pub use expand::Env;
pub use load::{Line, Loaded, NamedAt, from_text, http, load};
pub use options::{
    ClientIdentity, Format, Heartbeat, Hours, HoursError, Rate, SignatureStyle, Sweep, TextFile,
    TimeZoneName,
};
pub use problem::{Problem, Problems, Severity};
pub(crate) use read::open;
pub use schema::schema;
pub use secret::Secret;

/// Everything that the file and the watchlist say.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[konbini]`
    pub konbini: Konbini,
    /// `[budget]`, if there is one.
    pub budget: Option<Budget>,
    /// `[polling]`
    pub polling: Polling,
    /// `[watchlist]`: each creator once, in the order of the file.
    pub creators: Vec<Creator>,
    /// `[[webhook]]`, in the order of the file; ids are unique.
    pub webhooks: Vec<Arc<Webhook>>,
    /// `[storage]`
    pub storage: Storage,
    /// `[http]`
    pub http: Http,
    /// `[log]`
    pub log: Log,
    /// `[sweep]`, if there is one.
    pub sweep: Option<Sweep>,
    /// `[heartbeat]`, if there is one.
    pub heartbeat: Option<Heartbeat>,
    /// Whether a reload may drop most of the watchlist.
    pub allow_shrink: bool,
}

/// `[konbini]`: the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Konbini {
    /// The key, sent as a bearer token.
    pub api_key: Secret,
    /// For example `https://api.konbiniapi.com`, without a slash at the end.
    pub base_url: String,
    /// For one request, from connecting to the last byte.
    pub timeout: Duration,
}

/// `[budget]`: the credits that may be spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Per billing month.
    pub credits_per_month: u64,
    /// Day of the month, 1 to 31, UTC.
    pub renews_on: u8,
    /// A minute of undetected end against a minute of undetected start. Default 0.15.
    pub end_weight: f64,
}

/// How waits are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// Every creator at its interval.
    Fixed,
    /// Where credits find starts.
    Learned,
}

/// `[polling]`
#[derive(Debug, Clone, PartialEq)]
pub struct Polling {
    /// `schedule`
    pub schedule: ScheduleKind,
    /// While offline.
    pub interval: Duration,
    /// While live, under the fixed schedule.
    pub live_interval: Duration,
    /// `live_interval` where the file has it: the longest wait while live under the learned schedule.
    pub longest_live_wait: Option<Duration>,
    /// The learned schedule never polls a creator sooner again than this. Default 1 min.
    pub min_interval: Duration,
    /// The learned schedule lets no creator wait longer than this, if set.
    pub max_interval: Option<Duration>,
    /// Share of a wait, in `[0, 0.5]`.
    pub jitter: f64,
    /// Over all creators.
    pub max_requests_per_second: f64,
    /// Requests under way at once.
    pub max_in_flight: usize,
    /// Wait before a confirming poll.
    pub confirm_after: Duration,
    /// `confirm_offline`, `resume_within` and `when_already_live`.
    pub rules: Rules,
}

/// One creator of the watchlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Creator {
    /// Who.
    pub username: Username,
    /// Weight in the learned schedule; 1 by default.
    pub priority: f64,
    /// An interval of its own.
    pub interval: Option<Duration>,
    /// Not sooner again than this, in the learned schedule.
    pub min_interval: Option<Duration>,
    /// Never longer than this, in the learned schedule.
    pub max_interval: Option<Duration>,
    /// When streams are expected.
    pub hours: Option<Hours>,
    /// Whether to poll within `hours` only.
    pub strict_hours: bool,
    /// Where the creator lives.
    pub time_zone: Option<TimeZoneName>,
    /// Webhooks that hear of this creator; all if `None`.
    pub webhooks: Option<Vec<WebhookId>>,
    /// Sent along with each event.
    pub labels: Arc<Labels>,
    /// For whoever reads the configuration.
    pub note: Option<String>,
    /// The line that names the creator.
    pub named_at: NamedAt,
}

/// A webhook's id in configuration, store and metrics: 1-64 of letters, digits, `_`, `-`, `.`.
pub type WebhookId = Arc<str>;

/// One `[[webhook]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where to send.
    pub url: String,
    /// Each signs; at least one.
    pub secrets: Vec<SigningKey>,
    /// Event types wanted.
    pub events: Vec<EventType>,
    /// For one attempt, 1-30 s.
    pub timeout: Duration,
    /// Waits between attempts.
    pub retry: RetrySchedule,
    /// Deliveries older than this expire.
    pub max_age: Option<Duration>,
    /// Whether a resumed stream is told.
    pub announce_resumed: bool,
    /// Headers sent along.
    pub headers: Vec<(String, Secret)>,
    /// Attempts under way at once, 1-32.
    pub concurrency: usize,
    /// Creators it hears of; all if `None`.
    pub creators: Option<Vec<Username>>,
    /// Labels a creator must have, all of them.
    pub labels: Labels,
    /// Whether it takes part.
    pub enabled: bool,
    /// How a body is written.
    pub format: Format,
    /// The file of [`Format::Template`].
    pub template: Option<TextFile>,
    /// Whether `http://` may leave this machine.
    pub allow_http: bool,
    /// Most requests in a span.
    pub rate: Option<Rate>,
    /// How a request is signed.
    pub signature_style: SignatureStyle,
    /// The proxy to send through; its URL may hold a password.
    pub proxy: Option<Secret>,
    /// PEM file of the authorities to trust, besides those of the system.
    pub ca_file: Option<TextFile>,
    /// The certificate to show.
    pub client_identity: Option<ClientIdentity>,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Where.
    pub location: StorageLocation,
    /// How long history and finished deliveries are kept.
    pub keep: Duration,
}

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageLocation {
    /// A file.
    Sqlite(PathBuf),
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// `None` for `off`.
    pub listen: Option<SocketAddr>,
    /// Names under which a loopback address is asked besides its own, as by a reverse proxy.
    pub hosts: Vec<String>,
    /// Needed for anything that changes something.
    pub token: Option<Secret>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Least severity shown.
    pub level: tracing::Level,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Webhook {
    /// Whether this webhook hears of an event of `kind` about `creator` (`None`: the monitor itself).
    pub fn wants(&self, kind: EventType, creator: Option<&Creator>, resumed: bool) -> bool {
        let told = self.announce_resumed || !(resumed && kind == EventType::StreamStarted);
        self.enabled
            && told
            && self.events.contains(&kind)
            && creator.is_none_or(|c| self.follows(c))
    }

    fn follows(&self, creator: &Creator) -> bool {
        let chosen = creator
            .webhooks
            .as_ref()
            .is_none_or(|ids| ids.contains(&self.id));
        let listed = self
            .creators
            .as_ref()
            .is_none_or(|names| names.contains(&creator.username));
        let labelled = self
            .labels
            .iter()
            .all(|(key, value)| creator.labels.get(key) == Some(value));
        chosen && listed && labelled
    }
}

#[cfg(test)]
mod tests;
