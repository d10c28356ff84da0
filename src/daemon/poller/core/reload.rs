//! Another configuration while polls and commits are under way.
//!
//! Whoever is watched before and after with the same settings keeps state, rhythm, next poll
//! and poll under way. A creator taken off the list while live gets no end: nobody saw one.

use std::collections::HashMap;
use std::time::Duration;

use super::super::orders::Now;
use super::super::planner::Past;
use super::{Core, timer_burst};
use crate::config::Config;
use crate::domain::Username;
use crate::schedule::CreatorIndex;
use crate::schedule::gate::Gate;
use crate::store::{PastStream, Snapshot, StoredCreator};

/// What the core is told of another configuration.
#[derive(Debug)]
pub(in crate::daemon::poller) struct News<'a> {
    pub(in crate::daemon::poller) config: &'a Config,
    /// What the store knows of whoever is new, and of the schedule.
    pub(in crate::daemon::poller) known: (Snapshot, Vec<PastStream>),
    /// Whether others are asked from now on, or with another key.
    pub(in crate::daemon::poller) other_source: bool,
    /// Whether that is with another key, or at another address.
    pub(in crate::daemon::poller) other_account: bool,
}

impl Core {
    /// Takes over another configuration, all of it at once.
    pub(in crate::daemon::poller) fn reload(&mut self, news: News<'_>, now: Now) {
        let (config, (snapshot, streams)) = (news.config, news.known);
        let sweeps = snapshot.sweeps;
        self.polling = config.polling.clone();
        let rate = self.polling.max_requests_per_second;
        self.rate.change(rate, timer_burst(rate), now.monotonic);
        self.announcer.change(config.webhooks.clone());
        let queue = &self.queue;
        let changes = self.roster.change(
            &config.creators,
            by_name(snapshot.creators),
            now.monotonic,
            |creator| queue.due_of(creator).is_none(),
        );
        for &creator in &changes.gone {
            self.queue.cancel(creator);
            self.inquiries.cancel(creator);
            self.sweep_without(creator);
            self.let_go(creator);
        }
        let past = Past {
            learning: snapshot.learning,
            population: snapshot.population,
            spending: snapshot.spending,
            streams,
        };
        let other_budget = !self.planner.keeps_to(config.budget);
        let anew = self
            .planner
            .reload(config, (&self.roster, &changes), past, now);
        let came = changes.back.iter().filter(|(_, busy)| !busy);
        let came: Vec<_> = changes.new.iter().chain(came.map(|(c, _)| c)).collect();
        let grown = !came.is_empty();
        for &&creator in &came {
            self.queue_first(creator, now);
        }
        let rethought: Vec<_> = if anew {
            self.roster.all().map(|(creator, _)| creator).collect()
        } else {
            changes.changed
        };
        for creator in rethought {
            self.rethink(creator, now);
        }
        if news.other_source {
            self.ask_others(now);
        }
        if news.other_account {
            self.planner.forget_account();
            self.account_remaining = None;
            self.credit_watch.forget_account();
        }
        if other_budget {
            self.credit_watch.begin_anew();
        }
        self.set_sweeps(config, sweeps.as_deref(), now);
        if grown {
            self.sweep_for_newcomers(now);
        }
        self.queue_inquiries(now);
    }

    /// A change that waited for a second poll is not waited for any more.
    fn let_go(&mut self, creator: CreatorIndex) {
        let entry = self.roster.entry_mut(creator);
        (entry.failed_tries, entry.unclear_in_a_row) = (0, 0);
        if entry.held.take().is_some() {
            self.crowd.let_go();
        }
    }

    fn queue_first(&mut self, creator: CreatorIndex, now: Now) {
        let plan = self.planner.first(creator, self.roster.entry(creator), now);
        self.roster.entry_mut(creator).reason = plan.reason;
        self.queue.schedule(creator, now.monotonic + plan.wait);
    }

    /// Plans anew what was planned by other settings; what a poll has begun goes on as it is.
    fn rethink(&mut self, creator: CreatorIndex, now: Now) {
        let is_queued = self.queue.due_of(creator).is_some();
        let entry = self.roster.entry_mut(creator);
        if !is_queued {
            entry.replan = true;
        } else if entry.failed_tries == 0 && entry.unclear_in_a_row == 0 && entry.held.is_none() {
            self.queue_first(creator, now);
        }
    }

    /// When a creator whose commit was under way is to be polled by settings that changed meanwhile.
    pub(super) fn rethought(&mut self, creator: CreatorIndex, now: Now) -> Duration {
        if !std::mem::take(&mut self.roster.entry_mut(creator).replan) {
            return Duration::MAX;
        }
        let plan = self.planner.first(creator, self.roster.entry(creator), now);
        now.monotonic + plan.wait
    }

    /// What the last source or key refused says nothing of this one.
    fn ask_others(&mut self, now: Now) {
        self.source_number += 1;
        self.gate = Gate::Open;
        self.opened_at = now.monotonic;
        let unclear = |entry: &super::super::roster::Entry| entry.unclear_in_a_row > 0;
        let waiting = self.roster.all().filter(|(_, entry)| unclear(entry));
        let waiting: Vec<_> = waiting.map(|(creator, _)| creator).collect();
        for creator in waiting {
            if self.queue.due_of(creator).is_some() {
                self.queue.schedule(creator, now.monotonic);
            }
        }
    }
}

fn by_name(rows: Vec<StoredCreator>) -> HashMap<Username, StoredCreator> {
    let named = rows.into_iter().map(|row| (row.username.clone(), row));
    named.collect()
}

#[cfg(test)]
mod tests;
