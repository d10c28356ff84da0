//! The state machine of one creator: `step(state, observation, now) -> state', transitions`.
//!
//! One answer is evidence; an end needs several in a row, and an answer that is not
//! certain changes nothing. `stream.started` and `stream.ended` alternate by construction,
//! and `sequence` counts exactly these two, without a gap.

mod step;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::observation::{LiveStream, RoomId};
use super::time::Timestamp;
pub use step::step;

/// What is known of one creator between two polls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreatorState {
    /// Where the creator is believed to be.
    pub phase: Phase,
    /// How many announced starts and ends there were, ever.
    pub sequence: u64,
    /// The last stream that ended.
    pub last_end: Option<Box<LastEnd>>,
    /// When the last certain answer was given.
    pub last_answer_at: Option<Timestamp>,
    /// When the creator was first asked for, certain answer or not.
    pub first_poll_at: Option<Timestamp>,
}

/// Where a creator is believed to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Phase {
    /// No certain answer yet.
    #[default]
    Unknown,
    /// Not live.
    Offline,
    /// Live, in the room given inside.
    Live(Box<LiveState>),
}

/// The stream that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveState {
    /// The newest description of the stream; what a later answer leaves out is kept.
    pub stream: LiveStream,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen; the true end lies after this.
    pub last_seen_at: Timestamp,
    /// The audience so far.
    pub audience: Audience,
    /// Whether its start was announced, and so will its end be.
    pub visibility: Visibility,
    /// It was running before the creator was first asked for.
    pub already_live: bool,
    /// It continues the stream before.
    pub resumed: bool,
    /// How many answers in a row said "not live".
    pub offline_in_a_row: u32,
    /// When the first of these was given.
    pub first_offline_at: Option<Timestamp>,
}

/// Whether a stream is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its start was announced.
    Announced,
    /// It was already running at the first poll, and the configuration wants it silent.
    Silent,
}

/// Running figures of a stream's audience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// The largest audience seen.
    pub peak: u64,
    /// Sum over the samples.
    pub sum: u64,
    /// Number of samples.
    pub samples: u64,
}

/// The stream that ended last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEnd {
    /// Its room.
    pub room: RoomId,
    /// When it began, if known.
    pub started_at: Option<Timestamp>,
    /// When it ended: the first poll that said so.
    pub ended_at: Timestamp,
}

/// The rules of the state machine that the configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Answers "not live" in a row before a stream counts as ended; at least 1.
    pub confirm_offline: u32,
    /// A stream that begins this soon after the last end is the same evening going on.
    pub resume_within: Duration,
    /// What to do with a stream that the first poll finds running.
    pub when_already_live: Visibility,
}

/// A change worth a row in history and, if [announced](Transition::is_announced), an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// When it was detected.
    pub at: Timestamp,
    /// The creator's count of starts and ends, this one included.
    pub sequence: u64,
    /// When the certain answer before this one was given.
    pub previous_poll_at: Option<Timestamp>,
    /// The stream concerned, as known now.
    pub live: LiveState,
}

/// The kinds of [`Transition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransitionKind {
    /// A stream was seen for the first time.
    Started,
    /// A stream is over.
    Ended {
        /// How this is known.
        reason: EndReason,
        /// The first poll that showed it; for a replaced stream, not later
        /// than its successor's start, unless it was seen live after that.
        ended_at: Timestamp,
    },
    /// The title changed.
    Updated {
        /// The title before.
        previous_title: Option<String>,
    },
    /// The audience was counted.
    Sampled,
}

/// How the end of a stream is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Enough answers in a row said "not live".
    Offline,
    /// Another room took its place.
    Replaced,
}

/// What one answer made of a creator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The creator from now on.
    pub state: CreatorState,
    /// What happened, in order.
    pub transitions: Vec<Transition>,
    /// How the answer was taken.
    pub reading: Reading,
}

/// How an answer was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It changed nothing but the time of the last answer: nothing needs to be stored.
    Quiet,
    /// It has to be stored before it counts.
    Telling,
    /// It was not certain, or contradicts what is certain.
    Unclear,
}

impl Transition {
    /// Whether the outside hears of it.
    pub fn is_announced(&self) -> bool {
        self.live.visibility == Visibility::Announced
    }
}

impl LiveState {
    /// When the stream began, as far as known: its own word, else the first poll that saw it.
    pub fn began_at(&self) -> Timestamp {
        self.stream.started_at.unwrap_or(self.first_seen_at)
    }
}

impl Audience {
    /// The mean over the samples, rounded; `None` without samples.
    pub fn average(&self) -> Option<u64> {
        (self.sum + self.samples / 2).checked_div(self.samples)
    }

    fn add(&mut self, viewers: u64) {
        self.peak = self.peak.max(viewers);
        self.sum = self.sum.saturating_add(viewers);
        self.samples += 1;
    }
}

impl CreatorState {
    /// The running stream, if one is believed to run.
    pub fn live(&self) -> Option<&LiveState> {
        match &self.phase {
            Phase::Live(live) => Some(live),
            Phase::Unknown | Phase::Offline => None,
        }
    }

    /// Whether an end waits for its confirmation.
    pub fn is_ending(&self) -> bool {
        self.live().is_some_and(|live| live.offline_in_a_row > 0)
    }
}

#[cfg(test)]
mod tests;
