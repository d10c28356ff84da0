//! How a lane fares, for those who look: the board, the metrics, the changes.

use super::shared::Shared;
use crate::daemon::dispatcher::attempt::Decision;
use crate::daemon::dispatcher::report;
use crate::daemon::instruments::{Instruments, Standing};
use crate::web::views::LaneState;

impl Shared {
    /// How the receiver fares, but for its last error.
    fn standing(&self) -> Standing {
        let clock = &self.common.clock;
        let left = self.paused_until().saturating_sub(clock.monotonic());
        let condition = self.condition();
        Standing {
            state: condition.state(),
            since: condition.failing_since(),
            paused_until: (!left.is_zero()).then(|| clock.now().plus(left)),
            last_error: None,
        }
    }

    /// Writes down how the receiver fares before the first attempt.
    pub(super) fn note_beginning(&self) {
        let board = &self.common.instruments.board;
        board.note(self.id(), self.standing());
    }

    /// Writes down what came of a delivery.
    pub(super) fn note(&self, decision: &Decision) {
        let Instruments {
            metrics,
            board,
            changes,
            ..
        } = &self.common.instruments;
        let settlement = &decision.settlement;
        let attempt = settlement.attempt.as_ref();
        metrics.attempted(
            self.id(),
            report::outcome(settlement.fate),
            attempt.map(|a| a.took),
        );
        let Some(attempt) = attempt else { return };
        if attempt.error.is_none() {
            let after = attempt.ended_at().since(decision.delivery.event_at);
            metrics.arrived(self.id(), after);
        }
        if self.has_left() {
            return;
        }
        let mut standing = self.standing();
        standing.last_error = attempt.error.is_some().then(|| decision.detail.clone());
        if let Some(record) = &settlement.disable {
            standing.state = LaneState::Disabled;
            standing.since = Some(record.since);
            standing.last_error = Some(record.reason.clone());
        } else if self.disabled() {
            // Begun before the webhook was disabled: what is known of it stays.
            return;
        }
        board.note(self.id(), standing);
        for alert in &settlement.alerts {
            changes.tell(report::change(self.id(), &alert.event, &decision.detail));
        }
    }
}
