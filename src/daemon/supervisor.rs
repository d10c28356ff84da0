//! The one owner of the daemon's long tasks.
//!
//! Each has a name. If one ends before it was told to, the others drain and the program
//! fails naming it. On the order to stop all drain together, within a deadline below
//! systemd's; what has not ended by then is dropped, and the store holds the rest.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long all tasks together may take to drain.
const DEADLINE: Duration = Duration::from_secs(22);

/// Why a task, and so the daemon, cannot go on.
type TaskError = Box<dyn Error + Send + Sync>;

/// The tasks, by name.
#[derive(Debug)]
pub(crate) struct Supervisor {
    tasks: JoinSet<Result<(), TaskError>>,
    names: HashMap<Id, &'static str>,
    drain: CancellationToken,
}

/// A task that ended as it should not have.
#[derive(Debug, thiserror::Error)]
pub enum TaskFailure {
    /// It returned an error.
    #[error("the {name} cannot go on: {error}")]
    Failed {
        /// Which task.
        name: &'static str,
        /// Its error.
        error: TaskError,
    },
    /// It panicked.
    #[error("the {name} panicked; this is a defect of tallylight")]
    Panicked {
        /// Which task.
        name: &'static str,
    },
    /// It returned before it was told to stop.
    #[error("the {name} ended by itself; this is a defect of tallylight")]
    Ended {
        /// Which task.
        name: &'static str,
    },
}

impl Supervisor {
    /// Tasks are told to stop by `drain`.
    pub(crate) fn new(drain: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            drain,
        }
    }

    /// The token that tells a task to stop.
    pub(crate) fn drain(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// Starts a task under a name that reads well after "the".
    pub(crate) fn start<E>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: Error + Send + Sync + 'static,
    {
        let handle = self
            .tasks
            .spawn(async move { task.await.map_err(TaskError::from) });
        self.names.insert(handle.id(), name);
    }

    /// Waits for the order to stop, or for a task that ends too soon; then drains all.
    pub(crate) async fn supervise(mut self) -> Result<(), TaskFailure> {
        let mut failure = None;
        tokio::select! {
            // A task that has drained already has not ended too soon.
            biased;
            () = self.drain.cancelled() => {}
            Some(ended) = self.tasks.join_next_with_id() => {
                failure = Some(self.premature(ended));
                self.drain.cancel();
            }
        }
        let drained = tokio::time::timeout(DEADLINE, self.drain_all(&mut failure)).await;
        if drained.is_err() {
            let left: Vec<_> = self.names.values().collect();
            tracing::warn!(?left, "not drained in time; what is left is in the store");
        }
        failure.map_or(Ok(()), Err)
    }

    async fn drain_all(&mut self, failure: &mut Option<TaskFailure>) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let Err(error) = self.outcome(ended) {
                tracing::error!("while draining: {error}");
                failure.get_or_insert(error);
            }
        }
    }

    fn premature(&mut self, ended: Result<(Id, Result<(), TaskError>), JoinError>) -> TaskFailure {
        let failure = match self.outcome(ended) {
            Ok(name) => TaskFailure::Ended { name },
            Err(failure) => failure,
        };
        tracing::error!("stopping: {failure}");
        failure
    }

    /// The name of a task that ended well.
    fn outcome(
        &mut self,
        ended: Result<(Id, Result<(), TaskError>), JoinError>,
    ) -> Result<&'static str, TaskFailure> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let name = self.names.remove(&id).unwrap_or("unnamed task");
        match ended {
            Ok((_, Ok(()))) => Ok(name),
            Ok((_, Err(error))) => Err(TaskFailure::Failed { name, error }),
            Err(_) => Err(TaskFailure::Panicked { name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    async fn until(drain: CancellationToken) -> Result<(), io::Error> {
        drain.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn all_tasks_drain_on_the_order_to_stop_however_fast_they_are() {
        for _ in 0..100 {
            let stop = CancellationToken::new();
            let mut supervisor = Supervisor::new(stop.clone());
            supervisor.start("poller", until(supervisor.drain()));
            supervisor.start("dispatcher", until(supervisor.drain()));
            stop.cancel();
            tokio::task::yield_now().await;
            supervisor.supervise().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_task_that_fails_ends_or_panics_stops_the_others_and_is_named() {
        type End = fn() -> Result<(), io::Error>;
        let cases: [(End, &str); 3] = [
            (
                || Err(io::Error::other("disk gone")),
                "the poller cannot go on: disk gone",
            ),
            (
                || Ok(()),
                "the poller ended by itself; this is a defect of tallylight",
            ),
            (
                || panic!("boom"),
                "the poller panicked; this is a defect of tallylight",
            ),
        ];
        for (end, message) in cases {
            let mut supervisor = Supervisor::new(CancellationToken::new());
            supervisor.start("dispatcher", until(supervisor.drain()));
            supervisor.start("poller", async move { end() });
            assert_eq!(
                supervisor.supervise().await.unwrap_err().to_string(),
                message
            );
        }
    }

    #[tokio::test]
    async fn the_reason_behind_a_dispatcher_that_ends_is_told() {
        use crate::daemon::DispatchError;
        use crate::store::StoreError;

        let mut supervisor = Supervisor::new(CancellationToken::new());
        supervisor.start("dispatcher", async {
            Err(DispatchError::from(StoreError::Closed))
        });
        assert_eq!(
            supervisor.supervise().await.unwrap_err().to_string(),
            "the dispatcher cannot go on: the store is closed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_drain_is_dropped_at_the_deadline() {
        let stop = CancellationToken::new();
        let mut supervisor = Supervisor::new(stop.clone());
        supervisor.start("poller", std::future::pending::<Result<(), io::Error>>());
        stop.cancel();
        supervisor.supervise().await.unwrap();
    }
}
