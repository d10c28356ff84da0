//! Puts a changed configuration into force while everything runs.
//!
//! On SIGHUP, when a file stirs, and by looking every 10 s. The loader is the one of the
//! start. All that can fail is done first; a refused configuration touches nothing that runs,
//! and is told in one line for each distinct content.

mod apply;
mod content;
mod guard;
mod keys;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::apply::Applier;
pub(crate) use self::apply::{Reach, warn};
use self::content::Content;
use self::guard::check;
use self::watch::Watch;
use super::instruments::Instruments;
use super::logs::Logs;
use super::systemd::Systemd;
use crate::clock::Clock;
use crate::config::{Konbini, Loaded};
use crate::konbini::Source;

/// How often the files are looked at, whatever is or is not told of them.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often files are read again that change while they are loaded.
const TRIES: usize = 5;

/// Loads the configuration as the start does.
pub type Load = Arc<dyn Fn() -> Result<Loaded, Refused> + Send + Sync>;
/// Makes a source for another key or address; says why not.
pub type Connect = Arc<dyn Fn(&Konbini) -> Result<Arc<dyn Source>, String> + Send + Sync>;

/// Where the configuration comes from, and what a change of it reaches outside of the daemon.
#[derive(Clone)]
pub struct Origin {
    /// The files that the configuration was read from, itself first.
    pub files: Vec<PathBuf>,
    /// Loads it again.
    pub load: Load,
    /// Asks others.
    pub connect: Connect,
    /// Writes the log.
    pub logs: Logs,
    /// Notified on SIGHUP.
    pub asked: Arc<Notify>,
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// One line, without secrets.
    pub why: String,
    /// Every file that was read or tried.
    pub files: Vec<PathBuf>,
}

impl Origin {
    /// A configuration without a file never changes.
    fn nowhere() -> Self {
        let refused = || Refused {
            why: "the configuration is in no file".to_owned(),
            files: Vec::new(),
        };
        Self {
            files: Vec::new(),
            load: Arc::new(move || Err(refused())),
            connect: Arc::new(move |_| Err(refused().why)),
            logs: Logs::of_others(),
            asked: Arc::new(Notify::new()),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut origin = f.debug_struct("Origin");
        origin.field("files", &self.files).finish_non_exhaustive()
    }
}

/// Follows the files and puts what they say into force.
pub(crate) struct Reloader {
    origin: Origin,
    clock: Clock,
    systemd: Systemd,
    applier: Applier,
    instruments: Instruments,
    watch: Watch,
    /// What was last tried, whatever came of it; `None` if it is to be tried again.
    tried: Option<Content>,
    /// What is in force.
    in_force: Content,
    /// The last content that was refused, and why.
    refused: Option<(Content, String)>,
}

impl Reloader {
    /// Watches the files from now on, if there are any.
    pub(crate) fn new(origin: Option<Origin>, reach: Reach, systemd: Systemd) -> Self {
        let origin = origin.unwrap_or_else(Origin::nowhere);
        let clock = reach.clock.clone();
        Self {
            instruments: reach.instruments.clone(),
            watch: Watch::over(&origin.files),
            applier: Applier::new(reach, &origin),
            origin,
            clock,
            systemd,
            tried: None,
            in_force: Content::default(),
            refused: None,
        }
    }

    /// Reloads whenever there is reason to, until `drain` is cancelled.
    pub(crate) async fn run(mut self, drain: CancellationToken) -> Result<(), Refused> {
        if self.origin.files.is_empty() {
            drain.cancelled().await;
            return Ok(());
        }
        // A disk that does not answer keeps nobody from stopping.
        tokio::select! {
            () = drain.cancelled() => {}
            () = self.follow() => {}
        }
        Ok(())
    }

    async fn follow(&mut self) {
        self.compare_with_start().await;
        loop {
            let look = self.clock.monotonic() + LOOK_EVERY;
            let asked = tokio::select! {
                () = self.origin.asked.notified() => true,
                () = self.watch.settled(&self.clock) => false,
                () = self.clock.sleep_until(look) => false,
            };
            if asked || self.has_changed().await {
                self.attempt().await;
            }
        }
    }

    /// The files may have changed since the start read them: then that is a reload.
    async fn compare_with_start(&mut self) {
        let (content, loaded) = self.load().await;
        match loaded {
            Ok(loaded) if self.applier.is_in_force(&loaded) => {
                self.tried = Some(content.clone());
                self.in_force = content;
            }
            _ => self.attempt().await,
        }
    }

    async fn has_changed(&self) -> bool {
        Some(Content::read(&self.origin.files).await) != self.tried
    }

    async fn attempt(&mut self) {
        self.systemd.reloading();
        match self.reload().await {
            Ok(said) => {
                self.refused = None;
                said.log();
            }
            Err(why) => self.refuse(&why),
        }
        self.systemd.ready();
    }

    fn refuse(&mut self, why: &str) {
        let now = self.clock.now();
        self.instruments.config_refused(now, why.to_owned());
        let content = self.tried.clone().unwrap_or_default();
        let refused = Some((content, why.to_owned()));
        if self.refused == refused {
            tracing::debug!("configuration still refused: {why}");
        } else {
            tracing::error!("configuration refused, everything goes on as it was: {why}");
        }
        self.refused = refused;
    }

    async fn reload(&mut self) -> Result<apply::Said, String> {
        let (content, loaded) = self.load().await;
        self.tried = Some(content.clone());
        let emptied = content.emptied_since(&self.in_force);
        let loaded = loaded.map_err(|refused| emptied.map_or(refused.why, guard::emptied))?;
        check(self.applier.config(), &loaded.config, emptied)?;
        // The store, not the content: the same content may do at the next look.
        let said = self
            .applier
            .apply(loaded)
            .await
            .inspect_err(|_| self.tried = None)?;
        self.in_force = content;
        Ok(said)
    }

    /// The content of the files and what it says: loaded while it did not change.
    async fn load(&mut self) -> (Content, Result<Loaded, Refused>) {
        let mut tries = 1;
        loop {
            let before = Content::at_rest(&self.origin.files, &self.clock).await;
            let load = Arc::clone(&self.origin.load);
            let loaded = tokio::task::spawn_blocking(move || load()).await;
            let loaded = loaded.unwrap_or_else(|_| Err(panicked(&self.origin.files)));
            let files = match &loaded {
                Ok(loaded) => &loaded.files,
                Err(refused) => &refused.files,
            };
            self.origin.files.clone_from(files);
            self.watch.turn_to(files);
            let after = Content::read(files).await;
            if before == after || tries == TRIES {
                return (after, loaded);
            }
            tries += 1;
        }
    }
}

fn panicked(files: &[PathBuf]) -> Refused {
    Refused {
        why: "loading it panicked; this is a defect of tallylight".to_owned(),
        files: files.to_vec(),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refused {}
