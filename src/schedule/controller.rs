//! The price of a credit: one number for all creators, moved so that the money lasts.
//!
//! It knows neither creators nor dates: the ledger's pace goes in, a price comes out.

/// How fast the price follows a pace that is a day off, a day.
const GAIN_PER_DAY: f64 = 0.2;
/// The longest time that one step may account for, in days: a clock that jumps moves little.
const LONGEST_STEP: f64 = 1.0 / 12.0;
/// How far off the plan counts, in days.
const MOST_DAYS_OFF: f64 = 6.0;

/// How spending stands against the plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// Days of spending ahead of the straight line; negative if behind.
    pub(super) days_ahead: f64,
    /// Days until the credits are renewed.
    pub(super) days_left: f64,
}

/// `v = exp(ln vbar + e k)` of the scheduling page.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    ln_mean: f64,
    ln_boost: f64,
}

impl Controller {
    /// A first price for a uniform gap of `gap` minutes, from streams of 90 minutes, three a week.
    pub(super) fn new(gap: f64) -> Self {
        let x = (gap / 90.0).clamp(1e-3, 1e3);
        let z = 3.0 * 90.0 / 10_080.0;
        let price = (z * (1.0 - (1.0 + x) * (-x).exp())).min(0.6 * z * (1.0 - (-x).exp()));
        Self {
            ln_mean: price.max(1e-9).ln(),
            ln_boost: 0.0,
        }
    }

    /// The price of a credit, as the chance of a hit on a stream of mean length.
    pub(super) fn price(&self) -> f32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to what f32 holds well"
        )]
        let price = (self.ln_mean + self.ln_boost).exp().clamp(1e-7, 1e3) as f32;
        price
    }

    /// Takes account of `days` that have passed and of the pace now.
    pub(super) fn step(&mut self, days: f64, pace: Pace) {
        let off = pace.days_ahead.clamp(-MOST_DAYS_OFF, MOST_DAYS_OFF);
        self.ln_mean =
            (self.ln_mean + GAIN_PER_DAY * off * days.clamp(0.0, LONGEST_STEP)).clamp(-16.0, 3.0);
        self.ln_boost = off * (3.0 / pace.days_left.max(0.25)).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spending_ahead_of_plan_raises_the_price_and_the_more_so_near_the_end() {
        let mut controller = Controller::new(345.0);
        let before = controller.price();
        controller.step(
            0.04,
            Pace {
                days_ahead: 0.3,
                days_left: 20.0,
            },
        );
        let early = controller.price();
        controller.step(
            0.04,
            Pace {
                days_ahead: 0.3,
                days_left: 0.5,
            },
        );
        assert!(before < early && early < controller.price());
        controller.step(
            0.04,
            Pace {
                days_ahead: -1.0,
                days_left: 20.0,
            },
        );
        assert!(controller.price() < before);
    }

    #[test]
    fn a_jump_of_the_clock_moves_the_mean_price_by_two_hours_at_most() {
        let mut jumped = Controller::new(100.0);
        let mut stepped = jumped.clone();
        let pace = Pace {
            days_ahead: 6.0,
            days_left: 20.0,
        };
        jumped.step(10_000.0, pace);
        stepped.step(LONGEST_STEP, pace);
        assert_eq!(jumped.price().to_bits(), stepped.price().to_bits());
    }
}
