//! What the configuration can say and this version cannot do yet, in one table.
//!
//! When the program learns a feature, its line goes, and nothing else changes here.

use super::ScheduleKind;
use super::problem::Finding;
use super::raw::Node;
use super::read::Reader;

/// Features by the names that [`Reader::pending`] is called with. Going on without one would do
/// something else than was asked for, so they are refused.
const PENDING: &[&str] = &["storage.postgres"];

impl Reader<'_> {
    /// Says of `node`, which uses `feature`, what this version makes of it.
    pub(super) fn pending(&mut self, feature: &str, node: &Node<'_>) {
        if PENDING.contains(&feature) {
            let message = format!("`{}` is not available in this version yet", node.path);
            self.report(
                Finding::at(node.span.clone(), node.path.as_str(), message)
                    .help("leave it out until it is"),
            );
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
