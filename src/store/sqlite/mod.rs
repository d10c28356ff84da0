//! The store in one SQLite file: the default, for one instance.
//!
//! One thread writes, batching what waits into one durable commit; two read beside it. The
//! file belongs to one process at a time, by a lock. `synchronous=FULL` with a write-ahead
//! log: what was acknowledged survives a power cut.

pub mod archive;
pub mod backup;
mod beside;
mod change;
mod checkpoint;
mod crew;
mod fault;
mod file;
mod health;
mod history;
mod identity;
mod import;
mod load;
pub mod log;
mod migrate;
mod pages;
mod prune;
mod queue;
pub mod replay;
mod writer;

#[cfg(test)]
mod tests;

pub use beside::known;
pub use import::ImportedStream;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crew::{Crew, Work};
use fault::Fault;
use file::{Access, Place};
use replay::{Waits, Wanted};
use writer::{Effect, Job, Operation, Writer};

use crate::config::WebhookId;
use crate::domain::Timestamp;
use crate::domain::event::InstallationId;
use crate::store::log::{DeliveryFilter, Replayed};
use crate::store::{
    Change, Checkpoint, Delivery, DeliveryId, DisabledWebhook, Expired, PastStream, Settlement,
    Snapshot, Store, StoreError, WebhookHealth,
};

/// Operations that may wait for the writer; whoever comes then waits outside.
const WRITES_WAITING: usize = 1_024;

/// Questions that may wait for a reader.
const READS_WAITING: usize = 64;

/// Threads that read what the daemon goes by.
const READERS: usize = 2;

/// Threads that read the past for pages.
const HISTORIANS: usize = 1;

/// A question, with its answer's way back inside.
type Question = Box<dyn FnOnce(&Connection) + Send>;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    installation: InstallationId,
    writes: Crew<Job>,
    reads: Crew<Question>,
    /// Questions about the past, apart: a page must not keep a delivery waiting.
    history: Crew<Question>,
    committed: Arc<AtomicU64>,
    outbox: watch::Sender<u64>,
}

impl Sqlite {
    /// Opens the file, creating it if it is missing and bringing its schema up to date.
    ///
    /// Blocks. Fails with [`StoreError::Locked`] if another daemon has it, with
    /// [`StoreError::Newer`] if a newer program wrote it, and with [`StoreError::Open`] and a
    /// sentence for a person if the path will not do.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, migrate::MIGRATIONS)
    }

    /// Write transactions since this store was opened.
    pub fn writes_committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    fn open_with(path: &Path, migrations: &[&str]) -> Result<Self, StoreError> {
        let place = Place::new(path)?;
        let lock = place.lock()?;
        let connection = prepared(&place, migrations)?;
        let explain = |error: rusqlite::Error| place.refused_by(&error);
        let installation = installation(&connection).map_err(explain)?;
        let readers = std::iter::repeat_n((), READERS + HISTORIANS);
        let readers = readers.map(|()| place.connect(Access::Read));
        let readers = readers.collect::<Result<_, _>>().map_err(explain)?;
        let started = Self::start(installation, connection, readers, lock);
        started.map_err(|error| place.refuse(format!("no thread could be started: {error}")))
    }

    fn start(
        installation: InstallationId,
        connection: Connection,
        mut readers: Vec<Connection>,
        lock: File,
    ) -> std::io::Result<Self> {
        let committed = Arc::new(AtomicU64::new(0));
        let outbox = watch::Sender::new(0);
        let body = Writer {
            connection,
            lock,
            committed: Arc::clone(&committed),
            outbox: outbox.clone(),
        };
        let (jobs, queue) = mpsc::channel(WRITES_WAITING);
        let work: Work = Box::new(move || body.run(queue));
        let writes = Crew::start("store-writer", jobs, vec![work])?;
        let historians = readers.split_off(READERS);
        Ok(Self {
            installation,
            writes,
            reads: crew_of("store-reader", readers)?,
            history: crew_of("store-history", historians)?,
            committed,
            outbox,
        })
    }

    /// Stores what came of a replay by hand, durable when this returns.
    ///
    /// Of a delivery that is pending nothing is stored: the daemon sends it.
    pub async fn replayed(&self, replayed: Replayed) -> Result<(), StoreError> {
        let operation = Operation::Replayed(Box::new(replayed));
        self.write(operation).await.map(drop)
    }

    /// Stores past streams, all of them or none: no event, no creator's state. The next start
    /// learns from them. One that is stored already is left as it is.
    pub async fn import(&self, streams: Vec<ImportedStream>) -> Result<(), StoreError> {
        self.write(Operation::Import(streams)).await.map(drop)
    }

    async fn write(&self, operation: Operation) -> Result<Effect, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writes.hand(Job { operation, reply }).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        ask(&self.reads, doing, question).await
    }
}

/// Has one of `crew` answer a question.
async fn ask<T: Send + 'static>(
    crew: &Crew<Question>,
    doing: &'static str,
    question: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
) -> Result<T, StoreError> {
    let (reply, answer) = oneshot::channel();
    let question: Question = Box::new(move |connection| {
        if reply.is_closed() {
            // Who no longer waits has no use for the answer.
            return;
        }
        let _ = reply.send(question(connection).map_err(|fault| fault.into_error(doing)));
    });
    crew.hand(question).await?;
    answer.await.map_err(|_| StoreError::Closed)?
}

/// One thread for each connection, all taking from one channel.
fn crew_of(name: &str, connections: Vec<Connection>) -> std::io::Result<Crew<Question>> {
    let (questions, queue) = mpsc::channel(READS_WAITING);
    let queue = Arc::new(Mutex::new(queue));
    let work = connections.into_iter().map(|connection| {
        let queue = Arc::clone(&queue);
        Box::new(move || answer(&connection, &queue)) as Work
    });
    Crew::start(name, questions, work.collect())
}

#[async_trait]
impl Store for Sqlite {
    fn installation(&self) -> &InstallationId {
        &self.installation
    }

    async fn load(&self) -> Result<Snapshot, StoreError> {
        self.read("load what is known", load::load).await
    }

    async fn commit(&self, change: Change) -> Result<(), StoreError> {
        let operation = Operation::Commit(Box::new(change));
        self.write(operation).await.map(drop)
    }

    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        if checkpoint == Checkpoint::default() {
            return Ok(());
        }
        let operation = Operation::Checkpoint(Box::new(checkpoint));
        self.write(operation).await.map(drop)
    }

    async fn past_streams(&self) -> Result<Vec<PastStream>, StoreError> {
        self.read("list past streams", load::past_streams).await
    }

    async fn due(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let webhook = Arc::clone(webhook);
        self.read("find due deliveries", move |connection| {
            queue::due(connection, &webhook, now, limit)
        })
        .await
    }

    async fn next_due_at(&self, webhook: &WebhookId) -> Result<Option<Timestamp>, StoreError> {
        let webhook = Arc::clone(webhook);
        self.read("find the next delivery", move |connection| {
            queue::next_due_at(connection, &webhook)
        })
        .await
    }

    async fn pending(&self) -> Result<u64, StoreError> {
        self.read("count pending deliveries", queue::count_pending)
            .await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let operation = Operation::Settle(Box::new(settlement));
        self.write(operation).await.map(drop)
    }

    async fn replay(
        &self,
        filter: DeliveryFilter,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let wanted = Wanted { filter, limit, now };
        let operation = Operation::Replay(Box::new(wanted));
        Ok(self.write(operation).await?.replayed)
    }

    async fn pull_in(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        longest: Vec<Duration>,
    ) -> Result<usize, StoreError> {
        let waits = Waits {
            webhook: Arc::clone(webhook),
            now,
            longest,
        };
        let operation = Operation::PullIn(Box::new(waits));
        Ok(self.write(operation).await?.rows)
    }

    async fn disabled_webhooks(&self) -> Result<Vec<DisabledWebhook>, StoreError> {
        self.read("list disabled webhooks", queue::disabled).await
    }

    async fn webhook_health(&self) -> Result<Vec<WebhookHealth>, StoreError> {
        self.read("read webhooks' health", health::all).await
    }

    async fn enable_webhook(&self, webhook: &WebhookId) -> Result<(), StoreError> {
        let operation = Operation::Enable(Arc::clone(webhook));
        self.write(operation).await.map(drop)
    }

    async fn prune(&self, expired: Expired, limit: usize) -> Result<usize, StoreError> {
        let operation = Operation::Prune { expired, limit };
        Ok(self.write(operation).await?.rows)
    }

    fn outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    async fn close(&self) -> Result<(), StoreError> {
        // Readers first: the last connection to close is the one that can tidy up.
        self.history.end().await?;
        self.reads.end().await?;
        self.writes.end().await
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Without this the lock would outlive the store for a moment.
        let _ = self.history.join();
        let _ = self.reads.join();
        let _ = self.writes.join();
    }
}

/// A connection to a file that is ours, up to date and set to survive a power cut.
fn prepared(place: &Place, migrations: &[&str]) -> Result<Connection, StoreError> {
    place.claim()?;
    let explain = |error: rusqlite::Error| place.refused_by(&error);
    let mut connection = place.connect(Access::Write).map_err(explain)?;
    let version = migrate::identify(&connection, place, migrations.len())?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(explain)?;
    if mode != "wal" {
        return Err(
            place.refuse("its file system cannot hold a write-ahead log; put it on a local disk")
        );
    }
    connection
        .pragma_update(None, "synchronous", "full")
        .map_err(explain)?;
    migrate::run(&mut connection, place, version, migrations)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(explain)?;
    Ok(connection)
}

/// The id of this store, drawn when it is opened for the first time.
fn installation(connection: &Connection) -> rusqlite::Result<InstallationId> {
    let drawn = InstallationId::from_bytes(rand::random());
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('installation', ?1) ON CONFLICT (key) DO NOTHING",
        [drawn.as_str()],
    )?;
    let id = connection.query_row(
        "SELECT value FROM meta WHERE key = 'installation'",
        [],
        |row| row.get(0),
    )?;
    Ok(InstallationId::from_stored(id))
}

/// Answers questions until nobody can ask any more.
fn answer(
    connection: &Connection,
    queue: &Mutex<mpsc::Receiver<Question>>,
) -> Result<(), StoreError> {
    loop {
        // The guard is gone before the question is answered: the other reader takes the next.
        let question = crew::locked(queue).blocking_recv();
        match question {
            Some(question) => question(connection),
            None => return Ok(()),
        }
    }
}

/// Milliseconds as stored.
fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

/// A count as SQLite holds it; what it cannot hold is a stranger's fancy and stays at the largest.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
