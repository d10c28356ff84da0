//! Where credits go: the price of a credit against the chance of finding something.
//!
//! Pure arithmetic on intensities; it learns nothing and spends nothing. The rules and
//! their derivation are on the scheduling page; a decision allocates nothing.

use super::rhythm::Outlook;
use super::week::{BIN_MINUTES, BINS, Moment};

/// Newton steps towards the root of `e^x - 1 - x = y`: enough for f32 from `sqrt(2 y)`.
const NEWTON_STEPS: usize = 5;
/// Bounds of the wait while live, in minutes.
const LIVE_WAITS: (f32, f32) = (2.0, 180.0);

/// When a poll is worth its price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Worth {
    /// Minutes from the last poll.
    pub(super) wait: f32,
    /// The chance that the creator is then live unseen.
    pub(super) chance: f32,
}

/// The chance at which a poll is made: never below `price`; the square root of the law for
/// dense polling where starts come faster. `yield_` is the intensity times the mean duration.
pub(super) fn threshold(price: f32, yield_: f32) -> f32 {
    price.max((2.0 * price * yield_).sqrt() - price / 3.0)
}

/// What is believed of a creator at a time: the chance that it is live unseen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Believed {
    pub(super) at: Moment,
    pub(super) chance: f32,
}

impl Believed {
    /// Just after a certain answer.
    pub(super) fn nothing(at: Moment) -> Self {
        Self { at, chance: 0.0 }
    }
}

/// When the chance `q` that a creator is live unseen reaches the threshold, with
/// `dq/dt = lambda - q / mean`; `intensity` is lambda in a bin, so many minutes after `from`;
/// `None` if not within `horizon` minutes.
pub(super) fn first_worth(
    intensity: impl Fn(usize, f32) -> f32,
    from: Believed,
    mean: f32,
    price: f32,
    horizon: f32,
) -> Option<Worth> {
    let mut bin = from.at.bin();
    let mut length = BIN_MINUTES - from.at.into_bin();
    let mut kept = (-length / mean).exp();
    let full = (-BIN_MINUTES / mean).exp();
    let (mut time, mut chance) = (0.0_f32, from.chance);
    while time < horizon {
        let limit = intensity(bin, time) * mean;
        let wanted = threshold(price, limit);
        if chance >= wanted {
            return Some(Worth { wait: time, chance });
        }
        let next = limit + (chance - limit) * kept;
        if next >= wanted {
            let within = mean * ((limit - chance) / (limit - wanted)).ln();
            let wait = time + within.clamp(0.0, length);
            return (wait < horizon).then_some(Worth {
                wait,
                chance: wanted,
            });
        }
        (chance, time, bin) = (next, time + length, (bin + 1) % BINS);
        (length, kept) = (BIN_MINUTES, full);
    }
    None
}

/// The chance `minutes` after `from` by the same law.
pub(super) fn grown(outlook: &Outlook<'_>, from: Believed, mean: f32, minutes: f32) -> f32 {
    let (mut bin, mut chance) = (from.at.bin(), from.chance);
    let (mut time, mut length) = (0.0_f32, BIN_MINUTES - from.at.into_bin());
    while time < minutes {
        let step = length.min(minutes - time);
        let limit = outlook.intensity(bin, time) * mean;
        chance = limit + (chance - limit) * (-step / mean).exp();
        (time, bin, length) = (time + step, (bin + 1) % BINS, BIN_MINUTES);
    }
    chance
}

/// Minutes between polls of a live stream of `age` minutes: the time in which the loss by an
/// unseen end outweighs a credit. `value` is the price over the weight of an end, `hazard`
/// the chance of an end per mean duration at an age in mean durations.
pub(super) fn live_wait(value: f32, age: f32, mean: f32, hazard: impl Fn(f32) -> f32) -> f32 {
    let age = age / mean;
    let mut wait = quiet_time(value);
    // The hazard in the middle of the wait depends on the wait: three rounds settle it.
    for _ in 0..3 {
        let rate = hazard(age + wait / 2.0);
        wait = quiet_time(value * rate) / rate;
    }
    (wait * mean).clamp(LIVE_WAITS.0, LIVE_WAITS.1)
}

/// The root of `e^x - 1 - x = y`.
fn quiet_time(y: f32) -> f32 {
    // Beyond this the wait is clamped anyway, and the iteration would overflow.
    let y = y.clamp(1e-6, 20.0);
    let mut x = (2.0 * y).sqrt().clamp(1e-3, 3.0);
    for _ in 0..NEWTON_STEPS {
        let e = x.exp();
        x -= (e - 1.0 - x - y) / (e - 1.0);
    }
    x.max(1e-3)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "bounds and priors are exact")]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::schedule::population::Population;
    use crate::schedule::rhythm::{Hours, Rhythm};

    #[test]
    fn the_root_of_the_live_rule_is_exact_over_its_range() {
        for y in [1e-3_f32, 0.01, 0.1, 1.0, 10.0] {
            let x = quiet_time(y);
            assert!(((x.exp() - 1.0 - x) / y - 1.0).abs() < 2e-2, "{y} {x}");
        }
    }

    #[test]
    fn an_unknown_creator_is_polled_when_the_chance_has_grown_to_the_price() {
        let from = Moment::from(Timestamp::from_millis(1_767_571_200_000));
        let (rhythm, population) = (Rhythm::new(from), Population::default());
        let outlook = rhythm.outlook(&population, Hours::default(), from);
        let intensity = |bin, ahead| outlook.intensity(bin, ahead);
        let unseen = Believed::nothing(from);
        let mut last = 0.0;
        for price in [0.001, 0.003, 0.01, 0.02] {
            let worth = first_worth(intensity, unseen, 90.0, price, 3_000.0).unwrap();
            // lambda m = 3 * 90 / 10080: z (1 - e^(-t/m)) is the chance after t minutes.
            let chance = 3.0 * 90.0 / 10_080.0 * (1.0 - (-worth.wait / 90.0).exp());
            assert!(
                (worth.chance / chance - 1.0).abs() < 0.01,
                "{worth:?} {chance}"
            );
            assert!(worth.chance >= price && worth.wait > last);
            last = worth.wait;
        }
        assert_eq!(first_worth(intensity, unseen, 90.0, 0.03, 3_000.0), None);
    }

    #[test]
    fn a_likelier_end_is_looked_for_sooner() {
        let waits = [0.5, 1.0, 2.0].map(|hazard| live_wait(0.2, 60.0, 90.0, |_| hazard));
        assert!(waits[0] > waits[1] && waits[1] > waits[2], "{waits:?}");
        assert_eq!(live_wait(1e-9, 0.0, 90.0, |_| 1.0), 2.0);
        assert_eq!(live_wait(1e9, 0.0, 90.0, |_| 1.0), 180.0);
    }
}
