//! What the budget promises everybody: the longest gaps, stretched if it cannot hold them.

/// A promised gap is so many uniform ones, but no shorter than two hours unless asked for.
const UNIFORM_GAPS: f32 = 6.0;
const SHORTEST_GAP: f32 = 120.0;
/// The share of the budget that promises may take.
const MOST_PROMISED: f64 = 0.9;

/// What a creator's settings ask for, in minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::schedule) enum Wish {
    /// A constant interval.
    Pinned(f32),
    /// No gap longer than this.
    AtMost(f32),
    /// What everybody gets.
    Fair,
}

/// Gaps in minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::schedule) struct Plan {
    /// Between polls of a creator if all were polled alike.
    pub(in crate::schedule) gap: f32,
    /// Factor on all promised gaps.
    pub(in crate::schedule) stretch: f32,
    /// Credits a minute that the promises take.
    pub(in crate::schedule) promised_per_minute: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            gap: 60.0,
            stretch: 1.0,
            promised_per_minute: 0.0,
        }
    }
}

impl Plan {
    /// For what so many creators ask for each, with so many credits a minute.
    pub(in crate::schedule) fn new(
        wishes: impl Iterator<Item = (Wish, f64)> + Clone,
        per_minute: f64,
    ) -> Self {
        let creators: f64 = wishes.clone().map(|(_, creators)| creators).sum();
        #[expect(clippy::cast_possible_truncation, reason = "minutes")]
        let gap = (creators.max(1.0) / per_minute.max(1e-9)).min(1e7) as f32;
        let mut plan = Self {
            gap,
            stretch: 1.0,
            promised_per_minute: 0.0,
        };
        let asked: f64 = wishes
            .map(|(wish, creators)| creators / f64::from(plan.gap_for(wish).max(1.0 / 60.0)))
            .sum();
        let stretch = (asked / (MOST_PROMISED * per_minute).max(1e-12)).clamp(1.0, 1e6);
        #[expect(clippy::cast_possible_truncation, reason = "a factor")]
        let narrow = stretch as f32;
        plan.stretch = narrow;
        plan.promised_per_minute = asked / stretch;
        plan
    }

    /// The longest wait of a creator that asks for `wish`.
    pub(in crate::schedule) fn gap_for(&self, wish: Wish) -> f32 {
        let fair = (UNIFORM_GAPS * self.gap).max(SHORTEST_GAP);
        let gap = match wish {
            Wish::Pinned(interval) => interval,
            Wish::AtMost(longest) => longest.min(fair),
            Wish::Fair => fair,
        };
        gap * self.stretch
    }
}
