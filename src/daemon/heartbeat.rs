//! The dead man's switch: an address that is asked while every loop makes progress.
//!
//! Its silence is the message, so nothing here is ever tried harder: one request at a time,
//! within its own deadline, delaying nobody. The address is a secret.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::progress::Loops;
use crate::clock::Clock;
use crate::config::{Config, Heartbeat, Secret};
use crate::webhook::{HttpSender, SenderError};

/// For the whole request.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks for an address and wants a 2xx; says why there was none.
type Visit = Box<dyn Fn(Secret) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What the heartbeat works with.
pub(crate) struct Heart {
    clock: Clock,
    loops: Loops,
    config: watch::Receiver<Arc<Config>>,
    visit: Visit,
    /// Whether the last beat was withheld or failed, and that was said.
    complained: bool,
}

impl Heart {
    /// A heart that asks over HTTP.
    pub(crate) fn new(
        clock: Clock,
        loops: Loops,
        config: watch::Receiver<Arc<Config>>,
    ) -> Result<Self, SenderError> {
        let http = HttpSender::new()?;
        let visit = move |url: Secret| -> BoxFuture<'static, Result<(), String>> {
            let http = http.clone();
            Box::pin(async move { http.visit(url.expose(), DEADLINE).await })
        };
        Ok(Self {
            clock,
            loops,
            config,
            visit: Box::new(visit),
            complained: false,
        })
    }

    /// Beats until `drain` is cancelled.
    pub(crate) async fn run(mut self, drain: CancellationToken) -> Result<(), SenderError> {
        tokio::select! {
            () = self.beats() => {}
            () = drain.cancelled() => {}
        }
        Ok(())
    }

    async fn beats(&mut self) {
        loop {
            let begun = self.clock.monotonic();
            let heartbeat = self.config.borrow_and_update().heartbeat.clone();
            let every = heartbeat.as_ref().map_or(Duration::MAX, |h| h.every);
            if let Some(heartbeat) = &heartbeat {
                self.beat(heartbeat).await;
            }
            self.until_changed(heartbeat.as_ref(), begun.saturating_add(every))
                .await;
        }
    }

    /// Until the next beat is due, or the heartbeat is another one.
    async fn until_changed(&mut self, now: Option<&Heartbeat>, due: Duration) {
        loop {
            tokio::select! {
                () = self.clock.sleep_until(due) => return,
                Ok(()) = self.config.changed() => {
                    if self.config.borrow_and_update().heartbeat.as_ref() != now {
                        return;
                    }
                }
            }
        }
    }

    async fn beat(&mut self, heartbeat: &Heartbeat) {
        let outcome = if let Some(name) = self.loops.hung() {
            Err(format!("withheld, the {name} makes no progress"))
        } else {
            let asked = (self.visit)(heartbeat.url.clone());
            let asked = tokio::time::timeout(DEADLINE, asked).await;
            asked.unwrap_or_else(|_| Err("no answer in time".to_owned()))
        };
        let complained = std::mem::replace(&mut self.complained, outcome.is_err());
        match outcome {
            Ok(()) if complained => tracing::info!("the heartbeat is heard again"),
            Ok(()) => {}
            Err(why) if complained => tracing::debug!("heartbeat: {why}"),
            Err(why) => tracing::warn!("heartbeat not heard: {why}"),
        }
    }
}

impl fmt::Debug for Heart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut heart = f.debug_struct("Heart");
        heart.field("loops", &self.loops).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::fixtures;
    use crate::daemon::Progress;
    use crate::domain::Timestamp;

    fn config(every: Option<u64>) -> Arc<Config> {
        let mut config = fixtures::config(1);
        config.heartbeat = every.map(|seconds| Heartbeat {
            url: Secret::new("https://hc.example/hunter2".to_owned()),
            every: Duration::from_secs(seconds),
        });
        Arc::new(config)
    }

    /// A heart whose beats are counted; each takes as long as `takes`.
    fn heart(
        takes: Duration,
    ) -> (
        Heart,
        watch::Sender<Arc<Config>>,
        Progress,
        Arc<AtomicUsize>,
    ) {
        let clock = Clock::simulated(Timestamp::default());
        let progress = Progress::new(clock.clone());
        let (sender, config) = watch::channel(config(Some(60)));
        let beats = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&beats);
        let heart = Heart {
            clock,
            loops: Loops::new([("poller", progress.clone())]),
            config,
            visit: Box::new(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                Box::pin(async move {
                    tokio::time::sleep(takes).await;
                    Ok(())
                })
            }),
            complained: false,
        };
        (heart, sender, progress, beats)
    }

    /// Lets time pass, with a loop that goes round every second if it does.
    async fn pass(seconds: u64, progress: Option<&Progress>) {
        for _ in 0..seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            progress.inspect(|progress| progress.beat());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_beats_while_every_loop_goes_round_and_is_silent_while_one_hangs() {
        let (heart, _config, progress, beats) = heart(Duration::ZERO);
        let drain = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(heart.run(drain.clone()));
        pass(601, Some(&progress)).await;
        assert_eq!(beats.load(Ordering::Relaxed), 11);
        pass(600, None).await;
        let silent = beats.load(Ordering::Relaxed);
        assert!(silent <= 12, "{silent} beats of a daemon that hangs");
        progress.beat();
        pass(600, Some(&progress)).await;
        assert!(beats.load(Ordering::Relaxed) >= silent + 9);
        drain.cancel();
        tasks.join_next().await.unwrap().unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_configuration_and_gives_up_a_request_that_hangs() {
        let (heart, now, progress, beats) = heart(Duration::from_secs(86_400));
        let drain = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(heart.run(drain.clone()));
        pass(601, Some(&progress)).await;
        assert_eq!(beats.load(Ordering::Relaxed), 11);
        now.send_replace(config(None));
        pass(600, Some(&progress)).await;
        assert_eq!(beats.load(Ordering::Relaxed), 11);
        now.send_replace(config(Some(20)));
        pass(61, Some(&progress)).await;
        assert_eq!(beats.load(Ordering::Relaxed), 15);
        // An order to stop waits for no answer.
        drain.cancel();
        let ended = tokio::time::timeout(Duration::from_millis(1), tasks.join_next()).await;
        ended.unwrap().unwrap().unwrap().unwrap();
    }
}
