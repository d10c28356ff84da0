//! The schedule and the budget as they were when the program stopped.
//!
//! What was learnt can be learnt again: stored text that cannot be read costs credits, never
//! the start.

use std::collections::HashMap;

use super::outcome_of;
use crate::config::{Budget, Config, Creator, Polling};
use crate::daemon::poller::roster::{Entry, Roster};
use crate::daemon::poller::settings;
use crate::domain::{Timestamp, Username};
use crate::schedule::CreatorIndex;
use crate::schedule::learned::{KnownStream, Learned, Learning, Options};
use crate::schedule::ledger::{Ledger, Renewal, Spent};
use crate::store::{PastStream, Spending};

/// What is stored of the past that the schedule builds on.
#[derive(Debug, Default)]
pub(in crate::daemon::poller) struct Past {
    pub(in crate::daemon::poller) learning: Vec<(Username, String)>,
    pub(in crate::daemon::poller) population: Option<String>,
    pub(in crate::daemon::poller) spending: Vec<Spending>,
    pub(in crate::daemon::poller) streams: Vec<PastStream>,
}

pub(in crate::daemon::poller) fn ledger(
    budget: Budget,
    spending: &[Spending],
    now: Timestamp,
) -> Ledger {
    let spent: Vec<Spent> = spending
        .iter()
        .map(|month| Spent {
            period: month.period,
            credits: month.credits,
        })
        .collect();
    let renewal = Renewal::DayOfMonth(budget.renews_on);
    let mut ledger = Ledger::new(budget.credits_per_month, renewal, &spent, now);
    // From here on no credit is used that the store does not cover.
    ledger.stored(&spent);
    ledger
}

/// The learned schedule with all that is known of the past; says if the budget is short.
pub(super) fn learned(
    config: &Config,
    budget: Budget,
    ledger: Ledger,
    (roster, past): (&Roster, Past),
    now: Timestamp,
) -> Learned {
    let learned = rebuilt(config, budget, ledger, (roster, past), now);
    warn_if_stretched(&learned);
    learned
}

/// The learned schedule with all that is known of the past.
pub(in crate::daemon::poller) fn rebuilt(
    config: &Config,
    budget: Budget,
    ledger: Ledger,
    (roster, past): (&Roster, Past),
    now: Timestamp,
) -> Learned {
    let mut learned = Learned::new(options(&config.polling, budget), ledger, now);
    if let Some(population) = past
        .population
        .and_then(|text| readable("population", &text))
    {
        learned.restore_population(population);
    }
    let mut memory = Memory::new(past.learning, past.streams);
    for (creator, entry) in roster.places() {
        memory.take_in(&mut learned, (creator, entry), &config.polling, now);
        if !entry.is_watched() {
            learned.remove_creator(creator);
        }
    }
    learned.replan(now);
    learned
}

/// What the configuration says about all creators.
pub(super) fn options(polling: &Polling, budget: Budget) -> Options {
    Options {
        end_weight: budget.end_weight,
        live_interval: polling.longest_live_wait,
        confirm_after: polling.confirm_after,
        ..Options::default()
    }
}

/// New promises and a new price; says so if the budget cannot hold what is wished for.
pub(super) fn replan(learned: &mut Learned, now: Timestamp) {
    learned.replan(now);
    warn_if_stretched(learned);
}

fn warn_if_stretched(learned: &Learned) {
    let stretch = learned.stretch();
    if stretch > 1.0 {
        tracing::warn!(
            stretch,
            "the budget does not carry all intervals that are wished for: each is stretched"
        );
    }
}

/// What is known of each creator, until it is handed over.
pub(super) struct Memory {
    learning: HashMap<Username, Learning>,
    streams: HashMap<Username, Vec<KnownStream>>,
}

impl Memory {
    pub(super) fn new(learning: Vec<(Username, String)>, past: Vec<PastStream>) -> Self {
        let learning = learning
            .into_iter()
            .filter_map(|(name, text)| Some((name, readable("learning", &text)?)))
            .collect();
        let mut streams = HashMap::<_, Vec<_>>::new();
        for stream in past {
            let known = KnownStream {
                began: stream.began_at,
                ended: stream.ended_at,
                resumed: stream.resumed,
            };
            streams.entry(stream.creator).or_default().push(known);
        }
        Self { learning, streams }
    }

    /// Puts a creator at its place, with all that is known of it.
    pub(super) fn take_in(
        &mut self,
        learned: &mut Learned,
        (creator, entry): (CreatorIndex, &Entry),
        polling: &Polling,
        now: Timestamp,
    ) {
        learned.place_creator(creator, &settings::of(&entry.creator, polling, now), now);
        self.restore(learned, creator, &entry.creator);
        if let Some(answered) = entry.state.last_answer_at {
            learned.resume(creator, outcome_of(&entry.state), answered);
        }
    }

    fn restore(&mut self, learned: &mut Learned, creator: CreatorIndex, who: &Creator) {
        let streams = self.streams.remove(&who.username).unwrap_or_default();
        let learning = self.learning.remove(&who.username);
        if !streams.is_empty() || learning.is_some() {
            learned.restore(creator, streams, learning.as_ref());
        }
    }
}

/// What `text` says, if it can be read.
fn readable<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Option<T> {
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!("stored {what} cannot be read and is learnt anew: {error}");
            None
        }
    }
}
