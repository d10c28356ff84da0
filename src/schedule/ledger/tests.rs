use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn monthly(credits: u64, now: &str) -> Ledger {
    Ledger::new(credits, Renewal::DayOfMonth(1), &[], at(now))
}

fn take(ledger: &mut Ledger, now: Timestamp) -> bool {
    ledger.take(now).is_some()
}

#[test]
fn the_last_credit_is_the_last_until_the_month_ends() {
    let mut ledger = monthly(3, "2026-02-27T00:00:00Z");
    let now = at("2026-02-27T00:00:00Z");
    assert_eq!((0..5).filter(|_| take(&mut ledger, now)).count(), 3);
    assert!(!take(&mut ledger, at("2026-02-28T23:59:59Z")));
    assert!(take(&mut ledger, at("2026-03-01T00:00:00Z")));
    assert_eq!(ledger.left(), 2);
}

#[test]
fn what_is_told_of_the_credits_leaves_out_polls_under_way() {
    let now = at("2026-02-27T00:00:00Z");
    let mut ledger = monthly(10, "2026-02-27T00:00:00Z");
    assert!((0..7).all(|_| take(&mut ledger, now)));
    assert_eq!(ledger.standing(0), (7, 3));
    assert_eq!(ledger.standing(4), (3, 7));
    assert_eq!(ledger.left(), 3, "what is under way may not be used twice");
}

#[test]
fn a_poll_that_cost_nothing_gives_its_credit_back_and_one_without_headers_does_not() {
    let now = at("2026-02-27T00:00:00Z");
    let mut ledger = monthly(10, "2026-02-27T00:00:00Z");
    for used in [Some(0), Some(1), None] {
        let taken = ledger.take(now).unwrap();
        ledger.settle(
            taken,
            Headers {
                used,
                remaining: None,
            },
            now,
        );
    }
    assert_eq!(ledger.spent(), 2);
}

#[test]
fn a_refund_goes_to_the_month_that_paid() {
    let (before, after) = (at("2026-02-28T23:59:59Z"), at("2026-03-01T00:00:00Z"));
    let mut ledger = monthly(10, "2026-02-28T00:00:00Z");
    let early = ledger.take(before).unwrap();
    let _late = ledger.take(after).unwrap();
    ledger.settle(
        early,
        Headers {
            used: Some(0),
            remaining: None,
        },
        after,
    );
    assert_eq!(ledger.spent(), 1);
}

#[test]
fn what_the_account_has_left_caps_the_budget_and_others_are_noticed() {
    let now = at("2026-02-10T00:00:00Z");
    let mut ledger = monthly(1_000, "2026-02-10T00:00:00Z");
    for remaining in [500, 300, 100] {
        let taken = ledger.take(now).unwrap();
        ledger.settle(
            taken,
            Headers {
                used: Some(1),
                remaining: Some(remaining),
            },
            now,
        );
    }
    assert_eq!(ledger.left(), 100);
    assert_eq!(ledger.used_elsewhere(), 398);
    let pace = ledger.pace(now);
    assert!(pace.days_ahead.is_finite());
}

#[test]
fn an_empty_account_is_asked_again_after_an_hour() {
    let now = at("2026-02-10T00:00:00Z");
    let mut ledger = monthly(1_000, "2026-02-10T00:00:00Z");
    let taken = ledger.take(now).unwrap();
    ledger.settle(
        taken,
        Headers {
            used: Some(1),
            remaining: Some(0),
        },
        now,
    );
    assert!(!take(&mut ledger, now.plus(Duration::from_secs(3_500))));
    assert!(take(&mut ledger, now.plus(Duration::from_secs(3_700))));
}

#[test]
fn after_a_crash_what_was_allowed_ahead_counts_as_used() {
    let now = at("2026-02-10T00:00:00Z");
    let mut ledger = monthly(1_000, "2026-02-10T00:00:00Z");
    let stored = ledger.to_store(20);
    ledger.stored(&stored);
    assert_eq!(
        (0..50).filter(|_| take(&mut ledger, now)).count(),
        20,
        "no more than is covered"
    );
    let after_crash = Ledger::new(1_000, Renewal::DayOfMonth(1), &stored, now);
    assert_eq!(after_crash.spent(), 20);
    ledger.stored(&ledger.to_store(20));
    assert!(take(&mut ledger, now));
}

#[test]
fn what_was_stored_for_one_month_covers_nothing_in_the_next() {
    let mut ledger = monthly(1_000, "2026-02-28T00:00:00Z");
    ledger.stored(&ledger.to_store(20));
    assert!(!take(&mut ledger, at("2026-03-01T00:00:00Z")));
    ledger.stored(&ledger.to_store(20));
    assert!(take(&mut ledger, at("2026-03-01T00:00:00Z")));
}

#[test]
fn another_day_of_renewal_gives_no_credit_back() {
    let now = at("2026-02-10T00:00:00Z");
    let mut ledger = monthly(100, "2026-02-10T00:00:00Z");
    assert_eq!((0..60).filter(|_| take(&mut ledger, now)).count(), 60);
    ledger.set_plan(100, Renewal::DayOfMonth(5), now);
    assert_eq!((ledger.spent(), ledger.left()), (60, 40));
    assert_eq!(ledger.renews_at(), at("2026-03-05T00:00:00Z"));
    ledger.set_plan(50, Renewal::DayOfMonth(5), now);
    assert_eq!(ledger.left(), 0);
}

#[test]
fn a_clock_that_went_ahead_and_came_back_finds_its_spending_still_counted() {
    let (truth, ahead) = (at("2026-02-10T00:00:00Z"), at("2026-05-10T00:00:00Z"));
    let mut ledger = monthly(100, "2026-02-10T00:00:00Z");
    assert_eq!((0..40).filter(|_| take(&mut ledger, truth)).count(), 40);
    assert_eq!((0..50).filter(|_| take(&mut ledger, ahead)).count(), 50);
    assert_eq!((0..99).filter(|_| take(&mut ledger, truth)).count(), 10);
    let restarted = Ledger::new(100, Renewal::DayOfMonth(1), &ledger.to_store(0), truth);
    assert_eq!(restarted.left(), 0);
}

#[test]
fn a_start_in_the_middle_of_the_month_spends_evenly_from_there() {
    let mut ledger = monthly(2_800, "2026-02-15T00:00:00Z");
    let pace = ledger.pace(at("2026-02-15T00:00:00Z"));
    assert!(pace.days_ahead.abs() < 1e-6, "no backlog: {pace:?}");
    let later = ledger.pace(at("2026-02-22T00:00:00Z"));
    assert!(
        (later.days_ahead + 13.958).abs() < 0.01,
        "half of it is due by then: {later:?}"
    );
}

proptest! {
    /// Polls, free polls, restarts and jumps of the clock by months, in any order.
    #[test]
    fn no_month_ever_sees_more_polls_than_its_budget(
        steps in prop::collection::vec((-60_i64..60, 0_u8..20, any::<bool>()), 1..400),
        budget in 1_u64..30, day in 1_u8..=31,
    ) {
        let renewal = Renewal::DayOfMonth(day);
        let mut now = at("2026-03-15T00:00:00Z");
        let mut ledger = Ledger::new(budget, renewal, &[], now);
        let mut paid = std::collections::BTreeMap::new();
        for (days, kind, jump) in steps {
            let hours = if jump { days * 24 } else { days.abs() % 5 };
            now = Timestamp::from_millis(now.as_millis() + hours * HOUR);
            if kind == 0 {
                ledger = Ledger::new(budget, renewal, &ledger.to_store(0), now);
            }
            if let Some(taken) = ledger.take(now) {
                let free = kind == 1;
                ledger.settle(taken, Headers { used: Some(u64::from(!free)), remaining: None }, now);
                if !free {
                    *paid.entry(renewal.period_of(now).0).or_insert(0) += 1;
                }
            }
        }
        for (month, polls) in paid {
            prop_assert!(polls <= budget, "{} polls in the month from {}", polls, month);
        }
    }
}
