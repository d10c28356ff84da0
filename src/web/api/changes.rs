//! What happens, as it happens: server-sent events.
//!
//! A reader that falls behind is told so and goes on with what comes then; it never holds up
//! anybody. Streams are counted, and all of them end when the daemon drains.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::asked::Nothing;
use crate::web::Site;
use crate::web::problem::Problem;
use crate::web::views::Change;

/// Streams open at once. They leave places for other requests among the listener's connections.
const MOST: usize = 1_500;
/// A silent stream shows this often that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// Places for streams.
#[derive(Debug, Clone)]
pub(super) struct Listeners(Arc<Semaphore>);

impl Default for Listeners {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

struct Listening {
    changes: Receiver<Arc<Change>>,
    drain: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// Server-sent events: a `message` with a change as JSON for each that happens from now on, and
/// `lagged` with how many were lost to a reader that is too slow.
#[utoipa::path(get, path = "/api/v1/changes", tag = "api",
    responses((status = 200, description = "changes, until the daemon stops",
        body = Change, content_type = "text/event-stream")))]
pub(super) async fn changes(
    State(site): State<Arc<Site>>,
    Extension(listeners): Extension<Listeners>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = listeners.0.try_acquire_owned();
    let listening = Listening {
        _place: place.map_err(|_| Problem::unavailable("too many streams of changes are open"))?,
        changes: site.monitor.changes(),
        drain: site.drain.clone(),
    };
    let events = unfold(listening, |mut listening| async {
        let event = listening.next().await?;
        Some((Ok(event), listening))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

impl Listening {
    /// The next event; `None` when the daemon drains.
    async fn next(&mut self) -> Option<Event> {
        let change = tokio::select! {
            biased;
            () = self.drain.cancelled() => return None,
            change = self.changes.recv() => change,
        };
        match change {
            Ok(change) => Some(Event::default().data(text(&change))),
            Err(RecvError::Lagged(lost)) => {
                let event = Event::default().event("lagged");
                Some(event.data(lost.to_string()))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// JSON holds no line break, so it is one line of data.
fn text(change: &Change) -> String {
    serde_json::to_string(change).unwrap_or_default()
}
