//! Whether what the monitor believes can be trusted: one flag for each reason it may not.
//!
//! Reports each change of a flag once, however often its cause is seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observation::{Cause, Observation};
use super::time::Timestamp;

/// Polls in a row without a certain answer, over all creators, until the source counts as failing.
const UNCLEAR_IN_A_ROW: u32 = 5;

/// Why there are no trustworthy answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegradedReason {
    /// Several polls in a row gave no certain answer.
    SourceFailing,
    /// The API refuses the key.
    KeyRefused,
    /// The account or the budget has no credits left.
    CreditsExhausted,
    /// Many creators changed the same way at once.
    MassFlip,
    /// Polls start far later than planned.
    FallingBehind,
}

impl DegradedReason {
    /// The name in events, logs and the store.
    pub fn label(self) -> &'static str {
        match self {
            Self::SourceFailing => "source_failing",
            Self::KeyRefused => "key_refused",
            Self::CreditsExhausted => "credits_exhausted",
            Self::MassFlip => "mass_flip",
            Self::FallingBehind => "falling_behind",
        }
    }
}

/// A reason that began or ceased to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// Which one.
    pub reason: DegradedReason,
    /// Whether it ceased to hold.
    pub recovered: bool,
    /// When it began.
    pub since: Timestamp,
    /// When it changed.
    pub at: Timestamp,
    /// One sentence for a person.
    pub detail: String,
}

/// The reasons that hold now.
#[derive(Debug, Clone, Default)]
pub struct SourceHealth {
    active: BTreeMap<DegradedReason, Timestamp>,
    unclear_in_a_row: u32,
    first_unclear_at: Option<Timestamp>,
}

impl SourceHealth {
    /// Goes on from the reasons that held when the program stopped.
    pub fn restored(active: BTreeMap<DegradedReason, Timestamp>) -> Self {
        Self {
            active,
            ..Self::default()
        }
    }

    /// The reasons that hold, each with when it began.
    pub fn active(&self) -> &BTreeMap<DegradedReason, Timestamp> {
        &self.active
    }

    /// Takes the outcome of one poll of anyone.
    pub fn observe(&mut self, observation: &Observation, now: Timestamp) -> Vec<HealthChange> {
        let Observation::Unclear(unclear) = observation else {
            return self.answered(now);
        };
        match unclear.cause {
            Cause::KeyRefused => {
                Vec::from_iter(self.raise(DegradedReason::KeyRefused, now, &unclear.detail))
            }
            Cause::CreditsExhausted => {
                Vec::from_iter(self.raise(DegradedReason::CreditsExhausted, now, &unclear.detail))
            }
            // The source did answer; only this creator, or this stream, is odd.
            Cause::InvalidUsername | Cause::Stale => Vec::new(),
            _ => Vec::from_iter(self.unclear(&unclear.detail, now)),
        }
    }

    /// Raises `reason`; `None` if it holds already.
    pub fn raise(
        &mut self,
        reason: DegradedReason,
        now: Timestamp,
        detail: &str,
    ) -> Option<HealthChange> {
        self.raise_since(reason, now, now, detail)
    }

    /// Lets `reason` go; `None` if it does not hold.
    pub fn clear(
        &mut self,
        reason: DegradedReason,
        now: Timestamp,
        detail: &str,
    ) -> Option<HealthChange> {
        let since = self.active.remove(&reason)?;
        Some(HealthChange {
            reason,
            recovered: true,
            since,
            at: now,
            detail: detail.to_owned(),
        })
    }

    fn raise_since(
        &mut self,
        reason: DegradedReason,
        since: Timestamp,
        now: Timestamp,
        detail: &str,
    ) -> Option<HealthChange> {
        if self.active.contains_key(&reason) {
            return None;
        }
        self.active.insert(reason, since);
        Some(HealthChange {
            reason,
            recovered: false,
            since,
            at: now,
            detail: detail.to_owned(),
        })
    }

    fn unclear(&mut self, detail: &str, now: Timestamp) -> Option<HealthChange> {
        self.unclear_in_a_row = self.unclear_in_a_row.saturating_add(1);
        let since = *self.first_unclear_at.get_or_insert(now);
        (self.unclear_in_a_row >= UNCLEAR_IN_A_ROW)
            .then(|| self.raise_since(DegradedReason::SourceFailing, since, now, detail))
            .flatten()
    }

    fn answered(&mut self, now: Timestamp) -> Vec<HealthChange> {
        self.unclear_in_a_row = 0;
        self.first_unclear_at = None;
        let answered = [
            DegradedReason::SourceFailing,
            DegradedReason::KeyRefused,
            DegradedReason::CreditsExhausted,
        ];
        answered
            .into_iter()
            .filter_map(|reason| self.clear(reason, now, "the API answers again"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Unclear;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn unclear(cause: Cause) -> Observation {
        Observation::Unclear(Unclear::new(cause, "detail"))
    }

    #[test]
    fn the_source_fails_after_five_unclear_polls_and_says_so_once() {
        let mut health = SourceHealth::default();
        let changes: Vec<_> = (0..20)
            .flat_map(|s| health.observe(&unclear(Cause::ServerFault), at(s)))
            .collect();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].reason, DegradedReason::SourceFailing);
        assert_eq!((changes[0].since, changes[0].at), (at(0), at(4)));

        let back = health.observe(&Observation::Offline, at(30));
        assert_eq!(back.len(), 1);
        assert!(back[0].recovered && back[0].since == at(0));
        assert!(health.observe(&Observation::Offline, at(31)).is_empty());
    }

    #[test]
    fn a_certain_answer_in_between_starts_the_count_anew() {
        let mut health = SourceHealth::default();
        for second in 0..40 {
            let answer = if second % 5 == 4 {
                Observation::Offline
            } else {
                unclear(Cause::Timeout)
            };
            assert!(health.observe(&answer, at(second)).is_empty());
        }
    }

    #[test]
    fn a_refused_key_counts_at_once_and_one_odd_creator_never() {
        let mut health = SourceHealth::default();
        for second in 0..20 {
            assert!(
                health
                    .observe(&unclear(Cause::InvalidUsername), at(second))
                    .is_empty()
            );
            assert!(
                health
                    .observe(&unclear(Cause::Stale), at(second))
                    .is_empty()
            );
        }
        let refused = health.observe(&unclear(Cause::KeyRefused), at(20));
        assert_eq!(refused[0].reason, DegradedReason::KeyRefused);
        let spent = health.observe(&unclear(Cause::CreditsExhausted), at(21));
        assert_eq!(spent[0].reason, DegradedReason::CreditsExhausted);
        assert_eq!(health.observe(&Observation::Offline, at(22)).len(), 2);
    }

    #[test]
    fn what_held_before_a_restart_is_not_announced_again() {
        let active = BTreeMap::from([(DegradedReason::KeyRefused, at(1))]);
        let mut health = SourceHealth::restored(active);
        assert!(
            health
                .observe(&unclear(Cause::KeyRefused), at(2))
                .is_empty()
        );
        assert_eq!(health.observe(&Observation::Offline, at(3))[0].since, at(1));
    }
}
