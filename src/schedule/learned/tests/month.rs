//! What is promised holds to a month's end and across it, whatever is found live.

use super::*;

/// A month of these tests, in days.
const MONTH: f64 = 30.0;

/// Two months of `creators` with so many credits `each`: nobody waits longer than promised, the
/// month's end included, and no month is overspent. Says what is wrong.
fn two_months(creators: usize, each: u64, live_share: f64, seed: u64) -> Result<(), String> {
    let credits = creators as u64 * each;
    let mut learned = learned(credits, &plain(creators));
    let polls = run(&mut learned, 2.0 * MONTH, live_share, seed);
    let case = format!("{creators} creators, {each} credits each, {live_share} live, seed {seed}");
    // A refused poll asks again after a minute at least.
    let promised = (6.0 * MONTH * 24.0 / each as f64).max(2.0) + 0.05;
    for creator in 0..u32::try_from(creators).unwrap() {
        let hours = longest_gap(&polls, creator) / 3_600.0;
        if hours > promised {
            return Err(format!("{case}: {creator} waits {hours} h of {promised}"));
        }
    }
    for end in [MONTH, 2.0 * MONTH].map(|day| day * DAY as f64) {
        let before = polls.iter().map(|poll| poll.0).filter(|&at| at < end);
        let dark = (end - before.fold(0.0, f64::max)) / 3_600.0;
        if dark > promised {
            return Err(format!("{case}: dark for {dark} h at a month's end"));
        }
    }
    Ok(())
}

#[test]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers above nothing"
)]
fn nobody_waits_longer_than_promised_across_the_ends_of_many_small_months() {
    let mut dice = Dice(99);
    let mut wrong = Vec::new();
    for seed in 1..=400 {
        let creators = 1 + (dice.roll() * 6.0) as usize;
        let each = 60 + (dice.roll() * 200.0) as u64;
        let live_share = 0.2 * dice.roll();
        wrong.extend(two_months(creators, each, live_share, seed * 7_919).err());
    }
    assert!(wrong.is_empty(), "{} of 400: {wrong:#?}", wrong.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_budget_leaves_anybody_waiting_at_a_months_end(
        seed in any::<u64>(), creators in 1_usize..30, each in 60_u64..800, live_share in 0.0_f64..0.5,
    ) {
        let fine = two_months(creators, each, live_share, seed);
        prop_assert!(fine.is_ok(), "{:?}", fine);
    }
}
