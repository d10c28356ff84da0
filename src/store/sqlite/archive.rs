//! The past in a file, for the daemon's pages and for commands beside a running daemon.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::Connection;

use super::fault::Fault;
use super::file::Place;
use super::{Sqlite, ask, log, migrate, pages};
use crate::domain::{RoomId, Username};
use crate::store::history::{
    Backlog, DeliveryDetail, DetectionDelay, EventQuery, EventRecord, History, Page, PollMark,
    SampleQuery, SampleRecord, StreamQuery, StreamRecord,
};
use crate::store::log::{DeliveryFilter, DeliveryRecord};
use crate::store::{DeliveryId, StoreError};

/// Reads streams and samples. Blocks; takes no lock, so a daemon may run beside it.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
    place: Place,
}

impl Archive {
    /// Opens the file at `path`, which exists and is up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = migrate::open_beside(path)?;
        let place = Place::new(path)?;
        Ok(Self { connection, place })
    }

    /// Whether writing to `path` would destroy the store.
    pub fn holds(&self, path: &Path) -> bool {
        Place::new(path).is_ok_and(|other| self.place.owns(&other))
    }

    /// See [`History::streams`].
    pub fn streams(&self, query: &StreamQuery) -> Result<Page<StreamRecord>, StoreError> {
        pages::streams(&self.connection, query).map_err(|fault| fault.into_error("list streams"))
    }

    /// See [`History::samples`].
    pub fn samples(&self, query: &SampleQuery) -> Result<Page<SampleRecord>, StoreError> {
        pages::samples(&self.connection, query).map_err(|fault| fault.into_error("list samples"))
    }
}

impl Sqlite {
    async fn recall<T: Send + 'static>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        ask(&self.history, doing, question).await
    }
}

#[async_trait]
impl History for Sqlite {
    async fn streams(&self, query: StreamQuery) -> Result<Page<StreamRecord>, StoreError> {
        self.recall("list streams", move |c| pages::streams(c, &query))
            .await
    }

    async fn room(&self, room: &RoomId) -> Result<Vec<StreamRecord>, StoreError> {
        let room = room.clone();
        self.recall("find a room", move |c| pages::room(c, &room))
            .await
    }

    async fn samples(&self, query: SampleQuery) -> Result<Page<SampleRecord>, StoreError> {
        self.recall("list samples", move |c| pages::samples(c, &query))
            .await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<EventRecord>, StoreError> {
        self.recall("list events", move |c| pages::events(c, &query))
            .await
    }

    async fn delays(
        &self,
        creator: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<DetectionDelay>, StoreError> {
        let creator = creator.cloned();
        self.recall("list detection delays", move |c| {
            pages::delays(c, creator.as_ref(), limit)
        })
        .await
    }

    async fn polls(&self, creator: &Username) -> Result<Vec<PollMark>, StoreError> {
        let creator = creator.clone();
        self.recall("list polls", move |c| pages::polls(c, &creator))
            .await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let limit = pages::bounded(limit);
        self.recall("list deliveries", move |c| {
            log::list(c, &filter, "DESC", limit)
        })
        .await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryDetail>, StoreError> {
        self.recall("read a delivery", move |c| {
            // Both as of one moment.
            let view = c.unchecked_transaction()?;
            let record = log::list(&view, &DeliveryFilter::only(id), "ASC", 1)?.pop();
            let rest = log::detail(&view, id)?;
            Ok(record
                .zip(rest)
                .map(|(record, (body, attempts))| DeliveryDetail {
                    record,
                    body,
                    attempts,
                }))
        })
        .await
    }

    async fn backlogs(&self) -> Result<Vec<Backlog>, StoreError> {
        self.recall("count what is pending", pages::backlogs).await
    }
}
