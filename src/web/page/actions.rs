//! What the buttons do: one thing each, and back to the page they stand on.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;

use super::{Done, Failure, Place, delivery, unwatched, username};
use crate::store::DeliveryId;
use crate::store::log::DeliveryFilter;
use crate::web::{Site, login};

/// `POST /creators/{username}/poll`: has a creator polled soon.
pub(super) async fn poll(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Redirect, Failure> {
    let creator = username(&name)?;
    if !site.monitor.poll_now(&creator).await? {
        return Err(unwatched());
    }
    Ok(back(&format!("/creators/{creator}"), Done::Polled))
}

/// `POST /deliveries/{id}/replay`: sends a delivery again.
pub(super) async fn replay(
    State(site): State<Arc<Site>>,
    id: Place<i64>,
) -> Result<Redirect, Failure> {
    let Path(id) = id?;
    let only = DeliveryFilter::only(DeliveryId(id));
    let moved = site.store.replay(only, 1, site.clock.now()).await?;
    if moved.is_empty() {
        return Err(delivery::unknown());
    }
    Ok(back(&format!("/deliveries/{id}"), Done::Replayed))
}

fn back(path: &str, done: Done) -> Redirect {
    Redirect::to(&login::with_done(path, done))
}
