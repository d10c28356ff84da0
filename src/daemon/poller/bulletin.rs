//! What the outside is told of the monitor's own health, once for each change and in order.
//!
//! One change at a time is on its way to the store; what comes and goes before anybody could
//! be told of it is not told.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::source_health::{DegradedReason, HealthChange, SourceHealth};
use crate::domain::text::Printable;
use crate::domain::{Observation, Timestamp};
use crate::web::views::Degraded;

/// The monitor's health, and the changes of it that are not stored yet.
#[derive(Debug)]
pub(super) struct Bulletin {
    health: SourceHealth,
    /// What held as far as anybody was told: what the store is to know, lest a restart take
    /// the untold for told.
    announced: BTreeMap<DegradedReason, Timestamp>,
    untold: VecDeque<HealthChange>,
    /// What was said of each reason that holds.
    details: BTreeMap<DegradedReason, String>,
    /// Whether the first of `untold` is on its way to the store.
    telling: bool,
}

impl Bulletin {
    /// Goes on from the reasons that held when the program stopped.
    pub(super) fn restored(degraded: BTreeMap<DegradedReason, Timestamp>) -> Self {
        Self {
            announced: degraded.clone(),
            health: SourceHealth::restored(degraded),
            untold: VecDeque::new(),
            details: BTreeMap::new(),
            telling: false,
        }
    }

    /// Takes the outcome of one poll of anyone.
    pub(super) fn observe(&mut self, observation: &Observation, now: Timestamp) {
        for change in self.health.observe(observation, now) {
            self.note(change);
        }
    }

    /// A reason holds from now on, if it did not before.
    pub(super) fn raise(&mut self, reason: DegradedReason, now: Timestamp, detail: &str) {
        if let Some(change) = self.health.raise(reason, now, detail) {
            self.note(change);
        }
    }

    /// A reason ceases to hold, if it did.
    pub(super) fn clear(&mut self, reason: DegradedReason, now: Timestamp, detail: &str) {
        if let Some(change) = self.health.clear(reason, now, detail) {
            self.note(change);
        }
    }

    /// The reasons that hold once the change from [`next`](Self::next) is told.
    pub(super) fn announced(&self) -> &BTreeMap<DegradedReason, Timestamp> {
        &self.announced
    }

    /// The reasons that hold now, told or not.
    pub(super) fn standing(&self) -> impl Iterator<Item = Degraded> {
        self.health.active().iter().map(|(reason, since)| Degraded {
            reason: reason.label().to_owned(),
            since: *since,
            detail: self.details.get(reason).cloned(),
        })
    }

    /// The next change to store; `None` until the one before is [`told`](Self::told).
    pub(super) fn next(&mut self) -> Option<HealthChange> {
        if self.telling {
            return None;
        }
        let change = self.untold.front().cloned()?;
        self.telling = true;
        if change.recovered {
            self.announced.remove(&change.reason);
        } else {
            self.announced.insert(change.reason, change.since);
        }
        Some(change)
    }

    /// The change on its way is stored.
    pub(super) fn told(&mut self) {
        self.untold.pop_front();
        self.telling = false;
    }

    fn note(&mut self, change: HealthChange) {
        log(&change);
        if change.recovered {
            self.details.remove(&change.reason);
        } else {
            self.details.insert(change.reason, change.detail.clone());
        }
        let on_its_way = usize::from(self.telling);
        let waiting = self.untold.iter().skip(on_its_way);
        match waiting
            .map(|old| old.reason)
            .position(|reason| reason == change.reason)
        {
            Some(place) => drop(self.untold.remove(on_its_way + place)),
            None => self.untold.push_back(change),
        }
    }
}

fn log(change: &HealthChange) {
    let (reason, detail) = (change.reason.label(), Printable(&change.detail));
    if change.recovered {
        tracing::info!(reason, since = %change.since, "monitor recovered: {detail}");
    } else {
        tracing::error!(reason, since = %change.since, "monitor degraded: {detail}");
    }
}
