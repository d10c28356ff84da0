//! The daemon as the web sees it: asks the poller, the dispatcher's board and the store.
//!
//! However many readers there are, the poller is asked for the overview at most once a
//! second, and for anything else by four readers at a time; nobody waits longer than two
//! seconds. What could not be had is remembered as long as what could.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::instruments::{Instruments, Place, Standing};
use super::poller::{Desk, Stopped};
use super::{Progress, Prospect};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Timestamp, Username};
use crate::store::history::{Backlog, History};
use crate::store::{Store, StoreError};
use crate::web::Site;
use crate::web::access::Access;
use crate::web::monitor::{LoopAge, Monitor, Unavailable};
use crate::web::views::{
    Change, CreatorDetail, CreatorPage, CreatorQuery, Lane, LaneState, Overview, Reload,
};

/// How long an answer is shared.
const FRESH: Duration = Duration::from_secs(1);
/// How long a reader waits for anybody.
const PATIENCE: Duration = Duration::from_secs(2);
/// Readers that ask the poller for single creators or pages at once.
const ASKING: usize = 4;

/// What the panel is made of.
#[derive(Debug)]
pub(super) struct PanelParts {
    pub(super) clock: Clock,
    pub(super) store: Arc<dyn Store>,
    pub(super) history: Arc<dyn History>,
    pub(super) desk: Desk,
    pub(super) instruments: Instruments,
    /// What runs.
    pub(super) config: watch::Receiver<Arc<Config>>,
    /// The loops whose hanging makes the program useless.
    pub(super) loops: Vec<(&'static str, Progress)>,
}

/// The one implementation of [`Monitor`].
#[derive(Debug)]
pub(super) struct Panel {
    parts: PanelParts,
    started_at: Timestamp,
    overview: Shared<Overview>,
    lanes: Shared<Vec<Lane>>,
    asking: Semaphore,
    /// Held while a forecast is made: they take seconds of work.
    forecasting: Mutex<()>,
}

impl Panel {
    pub(super) fn new(parts: PanelParts) -> Self {
        Self {
            started_at: parts.clock.now(),
            parts,
            overview: Shared::default(),
            lanes: Shared::default(),
            asking: Semaphore::new(ASKING),
            forecasting: Mutex::default(),
        }
    }

    /// The panel with all that the web needs beside it.
    pub(super) fn into_site(self, access: Access, drain: CancellationToken) -> Site {
        Site {
            store: Arc::clone(&self.parts.store),
            history: Arc::clone(&self.parts.history),
            metrics: self.parts.instruments.metrics.clone(),
            clock: self.parts.clock.clone(),
            monitor: Arc::new(self),
            access,
            drain,
        }
    }

    async fn look(&self) -> Result<Overview, Unavailable> {
        let sight = self.parts.desk.overview().await?;
        let known = self.parts.instruments.reloads.last();
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            as_of: self.parts.clock.now(),
            creators: sight.creators,
            live: sight.live,
            upcoming: sight.upcoming,
            credits: sight.credits,
            sweeps: sight.sweeps,
            degraded: sight.degraded,
            reload: known.unwrap_or(Reload {
                successful: true,
                at: self.started_at,
                problem: None,
            }),
        })
    }

    async fn lanes(&self) -> Result<Vec<Lane>, Unavailable> {
        let backlog = self.parts.history.backlogs().await;
        let backlog = backlog.map_err(|error| Unavailable::Store(error.to_string()))?;
        let now = self.parts.clock.now();
        let places = self.parts.instruments.board.places();
        let lanes = places.into_iter().map(|place| {
            let waiting = backlog.iter().find(|one| *one.webhook == *place.webhook);
            lane(place, waiting, now)
        });
        Ok(lanes.collect())
    }

    /// Asks the poller, together with few others.
    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T, Unavailable> {
        let asked = async {
            // Never closed.
            let _turn = self.asking.acquire().await;
            question.await.map_err(Unavailable::from)
        };
        in_time("poller", asked).await
    }
}

#[async_trait]
impl Monitor for Panel {
    async fn overview(&self) -> Result<Arc<Overview>, Unavailable> {
        let look = in_time("poller", self.look());
        self.overview.get(&self.parts.clock, look).await
    }

    async fn creators(&self, query: CreatorQuery) -> Result<CreatorPage, Unavailable> {
        self.ask(self.parts.desk.creators(query)).await
    }

    async fn creator(&self, username: &Username) -> Result<Option<CreatorDetail>, Unavailable> {
        let found = self.ask(self.parts.desk.creator(username.clone())).await?;
        Ok(found.map(|detail| *detail))
    }

    async fn poll_now(&self, username: &Username) -> Result<bool, Unavailable> {
        self.ask(self.parts.desk.poll(username.clone())).await
    }

    async fn plan(
        &self,
        creator: Option<Username>,
        want: Option<Duration>,
    ) -> Result<Option<Value>, Unavailable> {
        let _turn = self.forecasting.lock().await;
        let lost = |error: StoreError| Unavailable::Store(error.to_string());
        let snapshot = self.parts.store.load().await.map_err(lost)?;
        let streams = self.parts.store.past_streams().await.map_err(lost)?;
        let config = Arc::clone(&self.parts.config.borrow());
        let now = self.parts.clock.now();
        let made = tokio::task::spawn_blocking(move || {
            let prospect = Prospect::new(&config, (snapshot, streams), now);
            let shown = match &creator {
                Some(name) => Some(prospect.creator(name)?),
                None => None,
            };
            serde_json::to_value(prospect.document(shown, want)).ok()
        });
        made.await.map_err(|_| Unavailable::Busy("forecast"))
    }

    async fn webhooks(&self) -> Result<Arc<Vec<Lane>>, Unavailable> {
        let lanes = in_time("store", self.lanes());
        self.lanes.get(&self.parts.clock, lanes).await
    }

    fn loops(&self) -> Vec<LoopAge> {
        let loops = self.parts.loops.iter();
        loops
            .map(|(name, progress)| LoopAge {
                name,
                age: progress.age(),
            })
            .collect()
    }

    fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.parts.instruments.changes.listen()
    }
}

impl From<Stopped> for Unavailable {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

fn lane(place: Place, waiting: Option<&Backlog>, now: Timestamp) -> Lane {
    let Standing {
        state,
        since,
        paused_until,
        last_error,
    } = place.standing;
    Lane {
        id: place.webhook.to_string(),
        state: if place.enabled {
            state
        } else {
            LaneState::Paused
        },
        pending: waiting.map_or(0, |waiting| waiting.pending),
        oldest_pending_at: waiting.map(|waiting| waiting.oldest_event_at),
        since,
        paused_until: paused_until.filter(|at| *at > now),
        last_error,
    }
}

/// The last answer of a kind, shared by all who ask within [`FRESH`].
#[derive(Debug)]
struct Shared<T>(Mutex<Option<(Duration, Answer<T>)>>);

type Answer<T> = Result<Arc<T>, Unavailable>;

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Shared<T> {
    /// The answer of the last second, else what `ask` brings; the others wait for it.
    async fn get(
        &self,
        clock: &Clock,
        ask: impl Future<Output = Result<T, Unavailable>>,
    ) -> Answer<T> {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && clock.monotonic().saturating_sub(*at) < FRESH
        {
            return answer.clone();
        }
        let answer = ask.await.map(Arc::new);
        *last = Some((clock.monotonic(), answer.clone()));
        answer
    }
}

async fn in_time<T>(
    whom: &'static str,
    answer: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.unwrap_or(Err(Unavailable::Busy(whom)))
}

#[cfg(test)]
mod tests;
