//! Notices that a file of the configuration may have changed.
//!
//! The directories are watched, since editors and Kubernetes put another file in a file's
//! place. An event is a hint and never the truth: bind mounts and network file systems give
//! none, so the content is looked at now and then whatever happens here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::clock::Clock;

/// So long nothing must have happened, before a change is taken for complete,
const QUIET: Duration = Duration::from_millis(500);
/// but no longer than this.
const LONGEST: Duration = Duration::from_secs(5);

/// Watches the directories of some files.
#[derive(Debug)]
pub(super) struct Watch {
    stirred: Arc<Notify>,
    files: Vec<PathBuf>,
    /// `None` where the system lets nobody watch.
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    pub(super) fn over(files: &[PathBuf]) -> Self {
        let mut watch = Self {
            stirred: Arc::new(Notify::new()),
            files: Vec::new(),
            watcher: None,
        };
        watch.turn_to(files);
        watch
    }

    /// Watches these files from now on.
    pub(super) fn turn_to(&mut self, files: &[PathBuf]) {
        if self.files == files && self.watcher.is_some() {
            return;
        }
        files.clone_into(&mut self.files);
        if files.is_empty() {
            return;
        }
        self.watcher = match watcher(files, &self.stirred) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!("changes of the configuration are noticed every 10 s only: {error}");
                None
            }
        };
    }

    /// Returns when something has happened and it has become quiet again.
    pub(super) async fn settled(&self, clock: &Clock) {
        self.stirred.notified().await;
        let latest = clock.monotonic() + LONGEST;
        loop {
            let quiet = (clock.monotonic() + QUIET).min(latest);
            tokio::select! {
                () = self.stirred.notified(), if clock.monotonic() < latest => {}
                () = clock.sleep_until(quiet) => return,
            }
        }
    }
}

fn watcher(files: &[PathBuf], stirred: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let (ours, stirred) = (files.to_vec(), Arc::clone(stirred));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error may mean that events were lost: look.
        if event.map_or(true, |event| concerns(&event, &ours)) {
            stirred.notify_one();
        }
    })?;
    let folders: BTreeSet<&Path> = files.iter().map(|file| folder_of(file)).collect();
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether an event can mean another content: the store may lie in the same directory.
fn concerns(event: &Event, files: &[PathBuf]) -> bool {
    let name = |path: &Path| path.file_name().map(std::ffi::OsStr::to_owned);
    let ours = |path: &PathBuf| {
        let swapped = name(path).is_some_and(|n| n.as_encoded_bytes().starts_with(b".."));
        swapped || files.iter().any(|file| name(file) == name(path))
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(ours)
}
