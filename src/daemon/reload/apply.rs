//! From a configuration that can be used to one that holds.
//!
//! First everything that can fail: endpoints, the source, the store. Then the swap: lanes,
//! poller, log, and what the other tasks read.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::Origin;
use super::keys::{Effect, compare};
use super::{Connect, Logs};
use crate::clock::Clock;
use crate::config::{Config, Konbini, Loaded, Problem, ScheduleKind, Secret};
use crate::daemon::dispatcher::{Assignment, Switch};
use crate::daemon::instruments::Instruments;
use crate::daemon::poller::{Desk, Known, Reload};
use crate::domain::Username;
use crate::konbini::Source;
use crate::store::{Store, StoreError};

/// What a reload reaches.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) desk: Desk,
    pub(crate) switch: Switch,
    pub(crate) instruments: Instruments,
    /// The configuration in force, as the other tasks read it.
    pub(crate) config: watch::Sender<Arc<Config>>,
}

/// Puts configurations into force, one after another.
pub(super) struct Applier {
    reach: Reach,
    connect: Connect,
    logs: Logs,
    config: Arc<Config>,
    /// What was said of the file last: it is not said again.
    warned: Vec<Problem>,
}

/// What there is to say of a reload that went well.
#[derive(Debug)]
pub(super) struct Said {
    applied: Vec<&'static str>,
    needs_restart: Vec<&'static str>,
    warnings: Vec<Problem>,
}

impl Said {
    pub(super) fn log(&self) {
        for warning in &self.warnings {
            warn(warning);
        }
        if self.applied.is_empty() {
            tracing::info!("configuration reloaded, nothing has changed");
        } else {
            let changed = self.applied.join(", ");
            tracing::info!(%changed, "configuration reloaded");
        }
        for key in &self.needs_restart {
            tracing::warn!(
                "{key} has changed: that needs a restart, until then the old value holds"
            );
        }
    }
}

/// One line for a warning of the configuration.
pub(crate) fn warn(warning: &Problem) {
    tracing::warn!(
        file = %warning.file.display(),
        line = warning.position.map(|(line, _)| line),
        "{}",
        warning.message
    );
}

impl Applier {
    pub(super) fn new(reach: Reach, origin: &Origin) -> Self {
        let config = reach.config.borrow().clone();
        Self {
            config,
            reach,
            connect: Arc::clone(&origin.connect),
            logs: origin.logs.clone(),
            warned: Vec::new(),
        }
    }

    /// What holds.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether `loaded` says what holds; its warnings were told at the start.
    pub(super) fn is_in_force(&mut self, loaded: &Loaded) -> bool {
        let same = loaded.config == *self.config;
        if same {
            self.warned.clone_from(&loaded.warnings);
        }
        same
    }

    /// Puts `loaded` into force; an error says why nothing was changed.
    pub(super) async fn apply(&mut self, loaded: Loaded) -> Result<Said, String> {
        let keys = compare(&self.config, &loaded.config);
        let config = Arc::new(but_for_restarts(&self.config, loaded.config));
        let store = self.reach.store.as_ref();
        let known = known(self.reach.store.as_ref(), &self.config, &config)
            .await
            .map_err(|e| e.to_string())?;
        let source = self.source(&config)?;
        let assignment = Assignment::of(store, &config.webhooks).await;
        let assignment = assignment.map_err(|error| error.to_string())?;
        let reload = Reload {
            config: Arc::clone(&config),
            known,
            source,
            other_account: account(&self.config.konbini) != account(&config.konbini),
        };
        let now = self.reach.clock.now();
        self.reach
            .instruments
            .config_accepted(now, &config.webhooks);
        let stopped = "the daemon is stopping";
        let switched = self.reach.switch.assign(assignment).await;
        switched.map_err(|_| stopped)?;
        self.reach.desk.reload(reload).await.map_err(|_| stopped)?;
        self.logs.change(&config.log);
        self.reach.config.send_replace(Arc::clone(&config));
        self.config = config;
        let warned = std::mem::replace(&mut self.warned, loaded.warnings);
        let new = self.warned.iter().filter(|w| !warned.contains(w));
        Ok(Said {
            applied: keys.changed(Effect::Applied),
            needs_restart: keys.changed(Effect::NeedsRestart),
            warnings: new.cloned().collect(),
        })
    }

    fn source(&self, new: &Config) -> Result<Option<Arc<dyn Source>>, String> {
        if new.konbini == self.config.konbini {
            return Ok(None);
        }
        (self.connect)(&new.konbini).map(Some)
    }
}

/// What the store knows of whoever is new in `new`, of the schedule if that is another, and of
/// sweeps if they begin.
async fn known(store: &dyn Store, old: &Config, new: &Config) -> Result<Known, StoreError> {
    let watched: HashSet<&Username> = old.creators.iter().map(|c| &c.username).collect();
    let all = new.polling.schedule != old.polling.schedule
        || new.budget.is_some() != old.budget.is_some();
    let names = new.creators.iter().map(|c| &c.username);
    let wanted: HashSet<&Username> = names.filter(|n| all || !watched.contains(n)).collect();
    let account = |config: &Config| config.sweep.as_ref().map(|sweep| sweep.account.clone());
    let sweeps_begin = account(new).is_some() && account(new) != account(old);
    if wanted.is_empty() && !sweeps_begin {
        return Ok(Default::default());
    }
    let mut snapshot = store.load().await?;
    snapshot
        .creators
        .retain(|row| wanted.contains(&row.username));
    snapshot.learning.retain(|(name, _)| wanted.contains(name));
    let mut streams = match new.polling.schedule {
        ScheduleKind::Learned => store.past_streams().await?,
        ScheduleKind::Fixed => Vec::new(),
    };
    streams.retain(|stream| wanted.contains(&stream.creator));
    Ok((snapshot, streams))
}

/// Whose credits are used.
fn account(konbini: &Konbini) -> (&Secret, &str) {
    (&konbini.api_key, &konbini.base_url)
}

/// `new` with the `old` values of what needs a restart.
fn but_for_restarts(old: &Config, mut new: Config) -> Config {
    new.storage.location = old.storage.location.clone();
    // An address that is open to others stays shut without a token, whatever the new one needs.
    new.http.listen = old.http.listen;
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sweep, fixtures};
    use crate::store::Checkpoint;
    use crate::store::sqlite::Sqlite;

    #[tokio::test]
    async fn sweeps_that_a_reload_begins_go_on_from_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("state.db")).unwrap();
        let kept = Checkpoint {
            sweeps: Some("what was learned of the list".to_owned()),
            ..Checkpoint::default()
        };
        store.checkpoint(kept.clone()).await.unwrap();
        let without = fixtures::config(2);
        let mut with = fixtures::config(2);
        with.sweep = Some(Sweep {
            account: "watcher".parse().unwrap(),
        });
        let begun = known(&store, &without, &with).await.unwrap().0;
        assert_eq!(begun.sweeps, kept.sweeps);
        let same = known(&store, &with, &with).await.unwrap().0;
        assert_eq!(same.sweeps, None, "the store is asked for what is needed");
    }

    #[test]
    fn what_needs_a_restart_stays_and_nothing_else() {
        let mut open = fixtures::config(1);
        open.http.listen = Some(([0, 0, 0, 0], 9464).into());
        open.http.token = Some(Secret::new("hunter2".to_owned()));
        let mut new = fixtures::config(2);
        new.storage.location = crate::config::StorageLocation::Sqlite("other.db".into());
        let taken = but_for_restarts(&open, new);
        assert_eq!(taken.storage.location, open.storage.location);
        assert_eq!(taken.http.listen, open.http.listen);
        assert_eq!(taken.http.token, None);
        assert_eq!(taken.creators.len(), 2);
    }
}
