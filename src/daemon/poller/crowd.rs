//! Holds the changes of a mass flip back until a second poll agrees.
//!
//! A held change leaves the creator's state as it was; it lives in memory only, since after
//! a restart the creator is simply asked again. A change that is not confirmed never happened.

use std::time::Duration;

use super::orders::Now;
use super::roster::{Entry, Held};
use crate::config::Polling;
use crate::domain::mass_flip::{Evidence, MassFlip, Way};
use crate::domain::tracker::{Phase, Step, TransitionKind};
use crate::domain::{RoomId, Timestamp};
use crate::schedule::CreatorIndex;

/// The answers of the last minute, and how many changes wait.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    flips: MassFlip,
    held: usize,
    /// Whether a crowd was seen that has not calmed down yet.
    alarmed: bool,
}

/// What becomes of a certain answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It counts as it is.
    Taken(Step),
    /// It confirms a change that was first detected at this time.
    Confirmed(Timestamp),
    /// It is one of a crowd: nothing happened yet.
    Held,
}

impl Crowd {
    /// Goes on from before a restart; `alarmed` if a crowd was told and not yet told to be over.
    pub(super) fn restored(alarmed: bool) -> Self {
        Self {
            alarmed,
            ..Self::default()
        }
    }

    /// Weighs the `step` that a certain answer would make of `entry`.
    pub(super) fn weigh(
        &mut self,
        (creator, entry): (CreatorIndex, &mut Entry),
        step: Step,
        polling: &Polling,
        now: Now,
    ) -> Verdict {
        let change = change_of(entry, &step);
        let counts = entry.is_followed_closely(polling, now.wall);
        if counts && entry.state.phase != Phase::Unknown {
            let was_live = entry.state.live().is_some();
            let evidence = Evidence {
                was_live,
                change: change.as_ref().map(|(way, _)| *way),
            };
            self.flips.record(creator, evidence, now.monotonic);
        }
        let change = change.filter(|_| step.transitions.iter().any(is_final));
        if let Some(held) = entry.held.take() {
            self.held -= 1;
            if change
                .as_ref()
                .is_some_and(|(way, room)| held.way == *way && held.room == *room)
            {
                return Verdict::Confirmed(held.at);
            }
            tracing::info!(creator = %entry.username(), "a change of a mass flip was not confirmed");
        }
        match change {
            Some((way, room)) if counts && self.flips.is_crowd(way) => {
                entry.held = Some(Box::new(Held {
                    at: now.wall,
                    way,
                    room,
                }));
                self.held += 1;
                self.alarmed = true;
                Verdict::Held
            }
            _ => Verdict::Taken(step),
        }
    }

    /// A change that was held is not waited for any more.
    pub(super) fn let_go(&mut self) {
        self.held -= 1;
    }

    /// How many changes wait.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether a crowd that was seen has calmed down by monotonic time `now`; true once.
    pub(super) fn calmed_down(&mut self, now: Duration) -> bool {
        let calm = self.alarmed && self.held == 0 && !self.flips.any_crowd(now);
        if calm {
            self.alarmed = false;
        }
        calm
    }
}

/// How the step changes the creator, an end that is not confirmed yet included.
fn change_of(entry: &Entry, step: &Step) -> Option<(Way, Option<RoomId>)> {
    let room_before = entry.state.live().map(|live| &live.stream.room);
    let room_after = step.state.live().map(|live| &live.stream.room);
    match (room_before, room_after) {
        (Some(_), None) => Some((Way::WentOffline, None)),
        (Some(_), Some(_)) if step.state.is_ending() => Some((Way::WentOffline, None)),
        (Some(old), Some(new)) if old != new => Some((Way::Replaced, Some(new.clone()))),
        (None, Some(new)) => Some((Way::WentLive, Some(new.clone()))),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn is_final(transition: &crate::domain::tracker::Transition) -> bool {
    matches!(
        transition.kind,
        TransitionKind::Started | TransitionKind::Ended { .. }
    )
}
