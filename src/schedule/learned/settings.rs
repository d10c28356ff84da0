//! What goes in and comes out of the learned schedule, besides time.

use std::time::Duration;

use super::plan::Wish;
use crate::domain::Timestamp;
use crate::schedule::ledger::Taken;
use crate::schedule::rhythm::Hours;
use crate::schedule::week::WeekMask;

/// What the configuration says about all creators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// A minute of undetected end against a minute of undetected start. Default 0.15.
    pub end_weight: f64,
    /// The longest wait while live, if configured.
    pub live_interval: Option<Duration>,
    /// Before a confirming poll.
    pub confirm_after: Duration,
    /// 0: every stream counts alike; 1: every creator counts alike, however often it streams.
    pub fairness: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            end_weight: 0.15,
            live_interval: None,
            confirm_after: Duration::from_secs(45),
            fairness: 0.0,
        }
    }
}

/// What the configuration says about one creator.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Worth of a minute of this creator against others. Default 1.
    pub priority: f64,
    /// Polled at exactly this interval.
    pub interval: Option<Duration>,
    /// Never two polls closer than this. Default 1 minute.
    pub min_interval: Duration,
    /// Never a longer wait than this.
    pub max_interval: Option<Duration>,
    /// Half hours of the week in which starts are expected; all if `None`.
    pub hours: Option<Box<WeekMask>>,
    /// No poll at all outside `hours`, but of a live stream.
    pub strict_hours: bool,
    /// Offset of the creator's time zone from UTC in minutes, if known.
    pub utc_offset: Option<i16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            priority: 1.0,
            interval: None,
            min_interval: Duration::from_mins(1),
            max_interval: None,
            hours: None,
            strict_hours: false,
            utc_offset: None,
        }
    }
}

/// What a poll made of a creator: the tracker's state after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A stream runs since then, as far as known.
    Live {
        /// When it began.
        began: Timestamp,
    },
    /// "Not live" after live, to be confirmed.
    Ending,
    /// Not live.
    Offline,
    /// So many polls in a row were unclear, at least one.
    Unclear(u32),
}

/// Whether a poll that is due may start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Permit {
    /// Go; hand the credit back to [`Learned::settle`](super::Learned::settle).
    Granted(Taken),
    /// Not now: queue it again after this wait.
    Refused {
        /// From now.
        wait: Duration,
        /// Why.
        refusal: Refusal,
    },
}

/// Why a poll may not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The creator was polled less than its minimal interval ago.
    TooSoon,
    /// Outside the creator's strict hours.
    Closed,
    /// What is left is reserved for creators that would wait longer than promised.
    Reserved,
    /// More than half a day ahead of plan.
    Ahead,
    /// Sweeps have had their share until it is known what they are worth.
    Trial,
    /// The period's credits are used, or the account's are.
    Exhausted,
    /// The spending must be stored first: [`Ledger::to_store`](crate::schedule::ledger::Ledger::to_store).
    Unstored,
}

/// [`Settings`] in minutes and half the size.
#[derive(Debug)]
pub(super) struct Compact {
    pub(super) priority: f32,
    pub(super) interval: Option<f32>,
    pub(super) min_interval: f32,
    pub(super) max_interval: Option<f32>,
    pub(super) hours: Option<Box<WeekMask>>,
    pub(super) strict_hours: bool,
    pub(super) utc_offset: Option<i16>,
}

impl Compact {
    pub(super) fn hours(&self) -> Hours<'_> {
        Hours {
            open: self.hours.as_deref(),
            utc_offset: self.utc_offset,
        }
    }

    pub(super) fn wish(&self) -> Wish {
        match (self.interval, self.max_interval) {
            (Some(interval), _) => Wish::Pinned(interval),
            (None, Some(longest)) => Wish::AtMost(longest),
            (None, None) => Wish::Fair,
        }
    }
}

impl From<&Settings> for Compact {
    fn from(settings: &Settings) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a weight of about one")]
        let priority = settings.priority.clamp(1e-3, 1e6) as f32;
        let shortest = settings
            .min_interval
            .min(settings.interval.unwrap_or(Duration::MAX));
        Self {
            priority,
            interval: settings.interval.map(as_minutes),
            min_interval: as_minutes(shortest).max(0.0),
            max_interval: settings.max_interval.map(as_minutes),
            hours: settings.hours.clone(),
            strict_hours: settings.strict_hours,
            utc_offset: settings.utc_offset,
        }
    }
}

pub(super) fn as_minutes(duration: Duration) -> f32 {
    duration.as_secs_f32() / 60.0
}
