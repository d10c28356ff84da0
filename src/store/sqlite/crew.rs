//! Threads of the store's own, fed by one bounded channel.
//!
//! SQLite blocks, so it runs beside the runtime and never in it. What was handed over before
//! the end is done before the end; afterwards everything is refused.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::store::StoreError;

/// What one thread does from its start to the end of its channel.
pub(super) type Work = Box<dyn FnOnce() -> Result<(), StoreError> + Send>;

/// Threads that take jobs of kind `J`.
pub(super) struct Crew<J> {
    /// `None` once the crew has been told to end.
    jobs: Mutex<Option<mpsc::Sender<J>>>,
    threads: Mutex<Vec<JoinHandle<Result<(), StoreError>>>>,
    /// Closes when the last thread has ended; nothing is ever sent.
    ended: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

impl<J> Crew<J> {
    /// Starts one thread for each piece of work; they take what is sent into `jobs`.
    pub(super) fn start(name: &str, jobs: mpsc::Sender<J>, work: Vec<Work>) -> io::Result<Self> {
        let (alive, ended) = mpsc::channel(1);
        let mut threads = Vec::with_capacity(work.len());
        for piece in work {
            let alive = alive.clone();
            let body = move || {
                let result = piece();
                drop(alive);
                result
            };
            threads.push(thread::Builder::new().name(name.to_owned()).spawn(body)?);
        }
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            threads: Mutex::new(threads),
            ended: tokio::sync::Mutex::new(ended),
        })
    }

    /// Hands a job over; waits while the channel is full.
    pub(super) async fn hand(&self, job: J) -> Result<(), StoreError> {
        let jobs = locked(&self.jobs).clone().ok_or(StoreError::Closed)?;
        jobs.send(job).await.map_err(|_| StoreError::Closed)
    }

    /// Lets the threads finish what they were handed, and waits for them.
    pub(super) async fn end(&self) -> Result<(), StoreError> {
        locked(&self.jobs).take();
        self.ended.lock().await.recv().await;
        self.join()
    }

    /// Like [`Crew::end`], for [`Drop`]: blocks.
    pub(super) fn join(&self) -> Result<(), StoreError> {
        locked(&self.jobs).take();
        let threads = std::mem::take(&mut *locked(&self.threads));
        let results = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| {
                Err(StoreError::Failed {
                    doing: "end",
                    reason: "one of its threads panicked".to_owned(),
                })
            })
        });
        // All are joined even if the first one failed.
        results.collect::<Vec<_>>().into_iter().collect()
    }
}

/// The content of a mutex that guards a plain value: whole even if a holder panicked.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<J> fmt::Debug for Crew<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").finish_non_exhaustive()
    }
}
