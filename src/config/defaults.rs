//! What holds where the file says nothing: the values of the documentation.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{
    Budget, Creator, Format, Http, Konbini, NamedAt, Polling, ScheduleKind, SignatureStyle,
    Storage, Webhook,
};
use crate::domain::event::Labels;
use crate::domain::retry::RetrySchedule;
use crate::domain::tracker::{Rules, Visibility};
use crate::domain::{EventType, Username};

impl Konbini {
    /// Default of `base_url`.
    pub const BASE_URL: &'static str = "https://api.konbiniapi.com";
    /// Default of `timeout`.
    pub const TIMEOUT: Duration = Duration::from_secs(15);
}

impl Budget {
    /// Default of `end_weight`.
    pub const END_WEIGHT: f64 = 0.15;
}

impl Default for Polling {
    /// The fixed schedule with the documented defaults.
    fn default() -> Self {
        Self {
            schedule: ScheduleKind::Fixed,
            interval: Duration::from_mins(5),
            live_interval: Duration::from_mins(5),
            longest_live_wait: None,
            min_interval: Duration::from_mins(1),
            max_interval: None,
            jitter: 0.1,
            max_requests_per_second: 10.0,
            max_in_flight: 16,
            confirm_after: Duration::from_secs(45),
            rules: Rules {
                confirm_offline: 2,
                resume_within: Duration::from_mins(10),
                when_already_live: Visibility::Announced,
            },
        }
    }
}

impl Creator {
    /// A creator of whom only the name is given.
    pub fn new(username: Username) -> Self {
        Self {
            username,
            priority: 1.0,
            interval: None,
            min_interval: None,
            max_interval: None,
            hours: None,
            strict_hours: false,
            time_zone: None,
            webhooks: None,
            labels: Arc::default(),
            note: None,
            named_at: NamedAt::default(),
        }
    }
}

impl Storage {
    /// Default file, beside the configuration.
    pub const FILE: &'static str = "tallylight.db";
    /// Default of `keep`: 90 days.
    pub const KEEP: Duration = Duration::from_hours(90 * 24);
}

impl Http {
    /// Default of `listen`.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
}

impl Default for Webhook {
    /// The documented defaults; id, URL and secrets are empty and have to be given.
    fn default() -> Self {
        Self {
            id: "".into(),
            url: String::new(),
            secrets: Vec::new(),
            events: vec![EventType::StreamStarted, EventType::StreamEnded],
            timeout: Self::TIMEOUT,
            retry: RetrySchedule::default(),
            max_age: None,
            announce_resumed: true,
            headers: Vec::new(),
            concurrency: Self::CONCURRENCY,
            creators: None,
            labels: Labels::new(),
            enabled: true,
            format: Format::Standard,
            template: None,
            allow_http: false,
            rate: None,
            signature_style: SignatureStyle::Standard,
            proxy: None,
            ca_file: None,
            client_identity: None,
        }
    }
}

impl Webhook {
    /// Default of `timeout`.
    pub const TIMEOUT: Duration = Duration::from_secs(15);
    /// Default of `concurrency`.
    pub const CONCURRENCY: usize = 4;
    /// Default of `max_age` for formats that people read in a chat.
    pub const CHAT_MAX_AGE: Duration = Duration::from_hours(1);
}
