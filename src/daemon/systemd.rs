//! Tells systemd how it stands, in the words of `sd_notify(3)`. Without systemd nothing is done.
//!
//! READY once everybody has gone round; WATCHDOG only from the progress of the loops, never
//! because the store answers; STOPPING on the way out; STATUS for whoever looks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::dispatcher::Switch;
use super::instruments::Instruments;
use super::poller::{Census, Desk};
use super::progress::Loops;
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// How often the status is written anew, at most.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// How long numbers may take; without them the last ones are shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes messages to the service manager.
type Tell = Arc<dyn Fn(&[NotifyState<'_>]) + Send + Sync>;

/// The service manager, if there is one; cheap to clone.
#[derive(Clone, Default)]
pub struct Systemd {
    tell: Option<Tell>,
    /// How soon it takes silence for a hang, if it does.
    watchdog: Option<Duration>,
}

impl fmt::Debug for Systemd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Systemd")
            .field("present", &self.tell.is_some())
            .field("watchdog", &self.watchdog)
            .finish()
    }
}

impl Systemd {
    /// Nobody is told anything.
    pub fn absent() -> Self {
        Self::default()
    }

    /// The one that `NOTIFY_SOCKET` and `WATCHDOG_USEC` name.
    pub fn of_environment() -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self::absent();
        }
        Self {
            tell: Some(Arc::new(|state| {
                if let Err(error) = sd_notify::notify(state) {
                    tracing::warn!("systemd cannot be told anything: {error}");
                }
            })),
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    fn tell(&self, state: &[NotifyState<'_>]) {
        if let Some(tell) = &self.tell {
            tell(state);
        }
    }

    /// A configuration is being loaded.
    pub(super) fn reloading(&self) {
        let now = NotifyState::monotonic_usec_now().ok();
        let state: Vec<_> = std::iter::once(NotifyState::Reloading).chain(now).collect();
        self.tell(&state);
    }

    /// Everything runs, after a start as after a reload, refused ones included.
    pub(super) fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// How often the watchdog and the status are looked after.
    fn period(&self) -> Duration {
        let quarter = self.watchdog.map_or(STATUS_EVERY, |usec| usec / 4);
        quarter.clamp(Duration::from_millis(10), STATUS_EVERY)
    }
}

/// What the service manager is told of.
#[derive(Debug)]
pub(crate) struct Reporter {
    pub(crate) systemd: Systemd,
    pub(crate) clock: Clock,
    pub(crate) desk: Desk,
    pub(crate) switch: Switch,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) loops: Loops,
    pub(crate) instruments: Instruments,
}

impl Reporter {
    /// Reports until `drain` is cancelled.
    pub(crate) async fn run(self, drain: CancellationToken) -> Result<(), StoreError> {
        if self.systemd.tell.is_some() {
            tokio::select! {
                () = self.report() => {}
                () = drain.cancelled() => {}
            }
            let status = NotifyState::Status("stopping: what is under way ends");
            self.systemd.tell(&[NotifyState::Stopping, status]);
        }
        drain.cancelled().await;
        Ok(())
    }

    async fn report(&self) {
        // Each answers between two rounds of its loop; if one is gone, the daemon is stopping.
        if self.desk.census().await.is_err() || self.switch.is_on().await.is_err() {
            return;
        }
        self.systemd.ready();
        let (mut said, mut numbers) = (String::new(), Numbers::default());
        let mut status_at = self.clock.monotonic();
        loop {
            if self.systemd.watchdog.is_some() && self.loops.hung().is_none() {
                self.systemd.tell(&[NotifyState::Watchdog]);
            }
            if self.clock.monotonic() >= status_at {
                status_at = self.clock.monotonic() + STATUS_EVERY;
                self.count(&mut numbers).await;
                let status = self.status(numbers);
                if status != said {
                    self.systemd.tell(&[NotifyState::Status(&status)]);
                    said = status;
                }
            }
            let next = self.clock.monotonic() + self.systemd.period();
            self.clock.sleep_until(next).await;
        }
    }

    /// The newest numbers that can be had soon.
    async fn count(&self, numbers: &mut Numbers) {
        if let Ok(Ok(census)) = tokio::time::timeout(PATIENCE, self.desk.census()).await {
            numbers.census = census;
        }
        if let Ok(Ok(pending)) = tokio::time::timeout(PATIENCE, self.store.pending()).await {
            numbers.pending = pending;
        }
    }

    fn status(&self, numbers: Numbers) -> String {
        let hung = self.loops.hung().map(|name| format!("the {name} HANGS"));
        let last = self.instruments.reloads.last();
        let refused = last.and_then(|reload| reload.problem);
        let refused = refused.map(|why| format!("configuration REFUSED, the old one holds: {why}"));
        let parts = hung.into_iter().chain(refused);
        let parts: Vec<String> = parts.chain([numbers.to_string()]).collect();
        parts.join("; ")
    }
}

/// The daemon in numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    census: Census,
    pending: u64,
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Census {
            creators,
            live,
            credits,
        } = self.census;
        let pending = self.pending;
        write!(
            f,
            "{creators} creators, {live} live; {pending} deliveries pending"
        )?;
        match credits {
            Some((used, budget)) => {
                let percent = used.saturating_mul(100) / budget.max(1);
                write!(f, "; {percent} % of credits used")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
