//! Measures the parts of one exchange from inside the HTTP client.
//!
//! The resolver and the connector find the stopwatch of the request that called them by the
//! task that polls it. What the client goes on with by itself, after its request has left it
//! behind, is nobody's and is not measured.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tower::{Layer, Service};

use crate::clock::Clock;
use crate::domain::Timing;

tokio::task_local! {
    static RUNNING: Stopwatch;
}

/// One exchange's stopwatch.
#[derive(Debug, Clone)]
pub(super) struct Stopwatch {
    clock: Clock,
    timing: Arc<Mutex<Timing>>,
}

impl Stopwatch {
    /// Begins now.
    pub(super) fn start() -> Self {
        Self {
            clock: Clock::system(),
            timing: Arc::default(),
        }
    }

    /// That of the request which the present task works at.
    pub(super) fn running() -> Option<Self> {
        RUNNING.try_with(Clone::clone).ok()
    }

    /// Makes it the running one for all that `work` does in its own task.
    pub(super) async fn around<F: Future>(&self, work: F) -> F::Output {
        RUNNING.scope(self.clone(), work).await
    }

    /// Since it began.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    /// What was measured.
    pub(super) fn timing(&self) -> Timing {
        *self.timing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something, as long as no answer has begun: then a connection came too late to be its.
    pub(super) fn note(&self, write: impl FnOnce(&mut Timing)) {
        let mut timing = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        if timing.first_byte.is_none() {
            write(&mut timing);
        }
    }
}

/// Measures connectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured;

impl<S> Layer<S> for Measured {
    type Service = MeasuredConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MeasuredConnector(inner)
    }
}

/// A connector that notes how long a connection took.
#[derive(Debug, Clone)]
pub(super) struct MeasuredConnector<S>(S);

impl<S, Target> Service<Target> for MeasuredConnector<S>
where
    S: Service<Target>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let connecting = self.0.call(target);
        let Some(stopwatch) = Stopwatch::running() else {
            return Box::pin(connecting);
        };
        let start = stopwatch.elapsed();
        Box::pin(async move {
            let connection = connecting.await?;
            let took = stopwatch.elapsed().saturating_sub(start);
            stopwatch.note(|timing| {
                timing.connect = Some(took.saturating_sub(timing.dns.unwrap_or_default()));
            });
            Ok(connection)
        })
    }
}
