//! The lanes that run: started, given other orders, and ended, one for each webhook.
//!
//! A webhook has at most one lane at any time, also while its configuration changes: only so
//! is nothing sent twice. One that was removed ends when nothing of it is under way.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::lane::{Lane, Orders};
use super::switch::{Assignment, Inbox};
use super::{Common, DispatchError, Progress};
use crate::config::WebhookId;
use crate::daemon::instruments::Standing;
use crate::store::{DisabledWebhook, StoreError};
use crate::web::views::LaneState;

/// How often the lanes' progress is gathered.
const GATHER: Duration = Duration::from_secs(5);

/// The lanes, and how to stop them.
pub(super) struct Lanes {
    common: Common,
    tasks: JoinSet<Result<(), StoreError>>,
    webhooks: HashMap<Id, WebhookId>,
    running: HashMap<WebhookId, Running>,
    stop: CancellationToken,
}

/// One lane.
struct Running {
    orders: watch::Sender<Orders>,
    progress: Progress,
}

impl Lanes {
    /// None yet. `common` serves for all but the webhooks, which come with each assignment.
    pub(super) fn new(common: Common, stop: CancellationToken) -> Self {
        Self {
            common,
            tasks: JoinSet::new(),
            webhooks: HashMap::new(),
            running: HashMap::new(),
            stop,
        }
    }

    /// Has exactly these webhooks delivered to from now on.
    pub(super) fn assign(&mut self, assignment: Assignment) {
        self.common.webhooks = assignment.webhooks.into();
        for (id, lane) in &self.running {
            // Not the others, not even for a moment: their lanes would end.
            if !self.common.webhooks.iter().any(|w| w.id == *id) {
                lane.orders.send_modify(|orders| orders.takes_part = false);
            }
        }
        for post in assignment.posts {
            let id = post.endpoint.webhook().id.clone();
            if let Some(record) = &post.disabled {
                self.note_disabled(record);
            }
            let orders = Orders {
                takes_part: post.takes_part(),
                endpoint: post.endpoint,
                common: self.common.clone(),
                past: post.past,
            };
            match self.running.get(&id) {
                Some(lane) => drop(lane.orders.send_replace(orders)),
                None if orders.takes_part => self.start(id, orders),
                None => {}
            }
        }
    }

    fn note_disabled(&self, record: &DisabledWebhook) {
        let standing = Standing {
            state: LaneState::Disabled,
            since: Some(record.since),
            paused_until: None,
            last_error: Some(record.reason.clone()),
        };
        let board = &self.common.instruments.board;
        board.note(&record.webhook, standing);
    }

    fn start(&mut self, id: WebhookId, orders: Orders) {
        let progress = Progress::new(self.common.clock.clone());
        let lane = Lane::new(&orders, progress.clone());
        let (orders, heard) = watch::channel(orders);
        let task = self.tasks.spawn(lane.run(heard, self.stop.clone()));
        self.webhooks.insert(task.id(), id.clone());
        self.running.insert(id, Running { orders, progress });
    }

    /// Until every lane has ended; the first that fails stops the others.
    pub(super) async fn watch(
        &mut self,
        mut inbox: Inbox,
        progress: &Progress,
    ) -> Result<(), DispatchError> {
        let clock = self.common.clock.clone();
        let mut result = Ok(());
        loop {
            self.gather(progress);
            let gather = clock.monotonic().saturating_add(GATHER);
            let ended = tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => ended,
                () = self.stop.cancelled(), if self.tasks.is_empty() => return result,
                Some((assignment, reply)) = inbox.recv(), if !self.stop.is_cancelled() => {
                    if let Some(assignment) = assignment {
                        self.assign(assignment);
                    }
                    let _ = reply.send(());
                    continue;
                }
                () = clock.sleep_until(gather) => continue,
            };
            if let Err(error) = self.ended(ended) {
                self.stop.cancel();
                result = result.and(Err(error));
            }
        }
    }

    /// Without a lane there is nothing that could hang.
    fn gather(&self, progress: &Progress) {
        let furthest_behind = self.running.values().map(|l| l.progress.last()).min();
        progress.beat_at(furthest_behind.unwrap_or_else(|| self.common.clock.monotonic()));
    }

    /// A lane ends well when it is told to.
    fn ended(
        &mut self,
        ended: Result<(Id, Result<(), StoreError>), JoinError>,
    ) -> Result<(), DispatchError> {
        let (task, result) = ended.map_err(|error| DispatchError::Lane(error.to_string()))?;
        result?;
        let id = self.webhooks.remove(&task);
        let Some((id, lane)) = id.and_then(|id| self.running.remove_entry(&id)) else {
            return Err(DispatchError::Lane("it returned".to_owned()));
        };
        let orders = lane.orders.borrow().clone();
        // The order to go on came when it had just ended.
        if orders.takes_part && !self.stop.is_cancelled() {
            self.start(id, orders);
        }
        Ok(())
    }
}
