//! What went over the wire, counted where it happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What went over the wire so far.
#[derive(Debug, Default)]
pub struct Traffic {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes_written: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

impl Traffic {
    /// Connections accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests whose head arrived.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes that the sockets took, heads included.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Requests that are not answered to the last byte yet.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The most requests that were ever under way at once.
    pub fn most_in_flight(&self) -> u64 {
        self.most_in_flight.load(Ordering::Relaxed)
    }
}

impl Traffic {
    pub(super) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_written(&self, bytes: usize) {
        self.bytes_written
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Counts one request from its head to the last byte of its answer.
pub(super) struct UnderWay(Arc<Traffic>);

impl UnderWay {
    pub(super) fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        let now = traffic.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        traffic.most_in_flight.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(traffic))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
