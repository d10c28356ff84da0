//! What the configuration can say and this version cannot do yet, in one table.
//!
//! When the program learns a feature, its line goes, and nothing else changes here.

use super::ScheduleKind;
use super::problem::Finding;
use super::raw::Node;
use super::read::Reader;

/// What becomes of a feature that is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Going on without it would do something else than was asked for.
    Refused,
    /// Going on without it does less than was asked for.
    NoEffect,
}

/// Features by the names that [`Reader::pending`] is called with.
const PENDING: &[(&str, Standing)] = &[
    ("storage.postgres", Standing::Refused),
    ("sweep", Standing::NoEffect),
];

impl Reader<'_> {
    /// Says of `node`, which uses `feature`, what this version makes of it.
    pub(super) fn pending(&mut self, feature: &str, node: &Node<'_>) {
        let found = PENDING.iter().find(|(name, _)| *name == feature);
        match found.map(|(_, standing)| standing) {
            Some(Standing::Refused) => {
                let message = format!("`{}` is not available in this version yet", node.path);
                self.report(
                    Finding::at(node.span.clone(), node.path.as_str(), message)
                        .help("leave it out until it is"),
                );
            }
            Some(Standing::NoEffect) => {
                let message = format!("`{}` has no effect in this version yet", node.path);
                self.report(Finding::at(node.span.clone(), node.path.as_str(), message).warning());
            }
            None => {}
        }
    }

    /// Warns of `node` where the schedule does not heed it.
    pub(super) fn learned_only(&mut self, node: &Node<'_>) {
        if self.schedule == ScheduleKind::Fixed {
            let message = format!("`{}` has no effect under the fixed schedule", node.path);
            self.report(Finding::at(node.span.clone(), node.path.as_str(), message).warning());
        }
    }
}
