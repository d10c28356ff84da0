#![expect(clippy::float_cmp, reason = "an unstretched plan is exactly that")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::schedule::Reason;
use crate::schedule::dice::Dice;
use crate::schedule::ledger::{Renewal, Spent};
use crate::schedule::queue::Queue;
use crate::schedule::week::WeekMask;

mod month;

const START: i64 = 1_767_571_200_000;
const DAY: u64 = 86_400;

fn start() -> Timestamp {
    Timestamp::from_millis(START)
}

fn after(seconds: f64) -> Timestamp {
    start().plus(Duration::from_secs_f64(seconds))
}

fn learned(credits: u64, settings: &[Settings]) -> Learned {
    let renewal = Renewal::Every {
        anchor: start(),
        length: Duration::from_secs(30 * DAY),
    };
    let mut learned = Learned::new(
        Options::default(),
        Ledger::new(credits, renewal, &[], start()),
        start(),
    );
    for one in settings {
        learned.add_creator(one, start());
    }
    learned.replan(start());
    learned
}

fn plain(n: usize) -> Vec<Settings> {
    vec![Settings::default(); n]
}

/// Every poll made: seconds since the start, creator, whether it confirmed an end.
type Polls = Vec<(f64, CreatorIndex, bool)>;

/// Runs `days` with streams at random, as the daemon would.
fn run(learned: &mut Learned, days: f64, live_share: f64, seed: u64) -> Polls {
    let mut dice = Dice(seed | 1);
    let mut queue = Queue::new();
    let creators = u32::try_from(learned.creators.len()).unwrap();
    (0..creators)
        .for_each(|creator| queue.schedule(creator, Duration::from_secs(u64::from(creator))));
    let (mut polls, mut tick) = (Polls::new(), 0.0);
    let mut live_since: BTreeMap<CreatorIndex, f64> = BTreeMap::new();
    let mut confirming = std::collections::BTreeSet::new();
    while let Some((creator, due)) = queue.pop_due(Duration::from_secs_f64(days * DAY as f64)) {
        let t = due.as_secs_f64();
        while tick <= t {
            learned.tick(after(tick));
            tick += 3_600.0;
        }
        let taken = match learned.may_poll(creator, after(t)) {
            Permit::Granted(taken) => taken,
            Permit::Refused { wait, .. } => {
                assert!(wait > Duration::ZERO, "a refusal that does not wait spins");
                queue.schedule(creator, due + wait);
                continue;
            }
        };
        polls.push((t, creator, confirming.remove(&creator)));
        learned.settle(
            taken,
            Headers {
                used: Some(1),
                remaining: None,
            },
            after(t),
        );
        let outcome = match (live_since.get(&creator).copied(), dice.roll()) {
            (_, r) if r < 0.02 => Outcome::Unclear(1),
            (Some(_), r) if r < 0.3 => {
                live_since.remove(&creator);
                confirming.insert(creator);
                Outcome::Ending
            }
            (Some(began), _) => Outcome::Live {
                began: after(began),
            },
            (None, r) if r < live_share => {
                live_since.insert(creator, (t - 600.0 * dice.roll()).max(0.0));
                Outcome::Live {
                    began: after(live_since[&creator]),
                }
            }
            (None, _) => Outcome::Offline,
        };
        let next = learned.after_poll(creator, outcome, after(t), dice.roll());
        queue.schedule(creator, due + next.wait);
    }
    polls
}

fn longest_gap(polls: &Polls, creator: CreatorIndex) -> f64 {
    let own: Vec<f64> = polls
        .iter()
        .filter(|p| p.1 == creator)
        .map(|p| p.0)
        .collect();
    assert!(own.len() > 1, "creator {creator} was polled");
    own.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max)
}

#[test]
fn nobody_waits_longer_than_promised_and_the_month_is_spent_evenly() {
    let mut learned = learned(6_000, &plain(40));
    let polls = run(&mut learned, 30.0, 0.05, 3);
    // 40 creators and 6,000 credits: a uniform gap of 4.8 hours, six of which are 28.8.
    for creator in 0..40 {
        assert!(
            longest_gap(&polls, creator) <= 28.8 * 3_600.0 + 60.0,
            "{creator}"
        );
    }
    let spent = polls.len() as f64 / 6_000.0;
    assert!((0.985..=1.0).contains(&spent), "{spent}");
    for day in 1..30 {
        let by_then = polls
            .iter()
            .filter(|p| p.0 < f64::from(day) * DAY as f64)
            .count() as f64;
        let ahead = by_then / 200.0 - f64::from(day);
        assert!(ahead.abs() < 1.0, "day {day}: {ahead} days ahead");
    }
}

#[test]
fn the_month_is_paced_even_when_most_polls_find_somebody_live() {
    let mut learned = learned(3_000, &plain(20));
    let polls = run(&mut learned, 30.0, 0.4, 5);
    assert!(polls.len() <= 3_000);
    let last_day = polls.iter().filter(|p| p.0 > 29.0 * DAY as f64).count();
    assert!(last_day > 30, "no dark hours at the end: {last_day}");
}

#[test]
fn a_pinned_creator_is_polled_at_its_interval_and_the_others_pay() {
    let pinned = Settings {
        interval: Some(Duration::from_mins(30)),
        ..Settings::default()
    };
    let mut settings = plain(10);
    settings[3] = pinned;
    let mut learned = learned(4_000, &settings);
    assert_eq!(learned.stretch(), 1.0);
    let polls = run(&mut learned, 30.0, 0.0, 7);
    assert!(polls.len() <= 4_000);
    let own = polls.iter().filter(|p| p.1 == 3).count();
    assert!((1_400..=1_480).contains(&own), "{own}");
    assert!(longest_gap(&polls, 3) <= 1_900.0);
}

#[test]
fn wishes_that_the_budget_cannot_hold_are_all_stretched_by_one_factor() {
    let pinned = Settings {
        interval: Some(Duration::from_mins(1)),
        ..Settings::default()
    };
    let mut learned = learned(9_600, &[pinned.clone(), pinned]);
    // Two creators every minute are 86,400 polls; nine tenths of the budget hold 8,640.
    assert!(
        (learned.stretch() - 10.0).abs() < 1e-3,
        "{}",
        learned.stretch()
    );
    let polls = run(&mut learned, 30.0, 0.0, 9);
    for creator in 0..2 {
        assert!((longest_gap(&polls, creator) - 600.0).abs() < 70.0);
    }
}

#[test]
fn strict_hours_are_kept_and_plain_hours_leave_the_promised_gap() {
    let open = WeekMask::from_fn(|bin| bin % 48 >= 36);
    let hours = Settings {
        hours: Some(Box::new(open)),
        ..Settings::default()
    };
    let strict = Settings {
        strict_hours: true,
        ..hours.clone()
    };
    let mut learned = learned(2_000, &[hours, strict]);
    let polls = run(&mut learned, 20.0, 0.0, 11);
    let outside = |creator| {
        polls
            .iter()
            .skip(2)
            .filter(|p| p.1 == creator && !open.contains(Moment::from(after(p.0)).bin()))
            .count()
    };
    assert!(outside(0) > 10, "a look now and then");
    assert_eq!(outside(1), 0);
    assert!(polls.iter().filter(|p| p.1 == 1).count() > 100);
}

#[test]
fn a_creator_of_higher_priority_never_waits_longer() {
    let priorities = [0.25, 0.5, 1.0, 2.0, 4.0, 16.0];
    let settings = priorities.map(|priority| Settings {
        priority,
        ..Settings::default()
    });
    let mut learned = learned(3_000, &settings);
    let waits: Vec<_> = (0..6)
        .map(|creator| {
            learned
                .after_poll(creator, Outcome::Offline, after(60.0), 0.5)
                .wait
        })
        .collect();
    assert!(
        waits.is_sorted_by(|a, b| a >= b) && waits[0] > waits[5],
        "{waits:?}"
    );
}

#[test]
fn a_creator_that_is_worth_nothing_is_still_polled_as_often_as_promised() {
    let mut settings = plain(20);
    for (creator, one) in settings.iter_mut().enumerate().take(10) {
        one.priority = 0.05 * (creator + 1) as f64;
    }
    settings[0].priority = 1e-3;
    let mut learned = learned(3_000, &settings);
    let polls = run(&mut learned, 30.0, 0.05, 13);
    let own = polls.iter().filter(|p| p.1 == 0).count();
    assert!(own < 50, "its polls are few: {own}");
    // A uniform gap of 4.8 hours, six of which are 28.8.
    for creator in 0..20 {
        let gap = longest_gap(&polls, creator) / 3_600.0;
        assert!(gap <= 28.8 + 1.0 / 60.0, "{creator}: {gap}");
    }
}

#[test]
fn the_last_credits_are_kept_for_promises() {
    let renewal = Renewal::Every {
        anchor: start(),
        length: Duration::from_secs(30 * DAY),
    };
    // 10 creators and 600 credits: a promised gap of 3 days, 100 polls a month, and 40 are left.
    let spent = [Spent {
        period: start(),
        credits: 560,
    }];
    let mut learned = Learned::new(
        Options::default(),
        Ledger::new(600, renewal, &spent, start()),
        start(),
    );
    for one in plain(10) {
        learned.add_creator(&one, start());
    }
    learned.replan(start());
    assert!(
        matches!(learned.may_poll(0, after(0.0)), Permit::Granted(_)),
        "a newcomer is promised a poll"
    );
    let next = learned.after_poll(0, Outcome::Live { began: start() }, after(0.0), 0.5);
    assert_eq!(next.reason, Reason::Live);
    let refused = learned.may_poll(0, after(3_600.0));
    assert!(
        matches!(
            refused,
            Permit::Refused {
                refusal: Refusal::Reserved,
                ..
            }
        ),
        "{refused:?}"
    );
    let mut now = 3_600.0;
    while let Permit::Refused { wait, .. } = learned.may_poll(0, after(now)) {
        now += wait.as_secs_f64();
    }
    let days = now / DAY as f64;
    assert!(
        (2.9..3.05).contains(&days),
        "polled as promised, after {days} days"
    );
}

#[test]
fn ordinary_polls_stop_half_a_day_ahead_of_plan() {
    let mut learned = learned(3_000, &plain(10));
    let mut made = 0;
    for minute in 0..200 {
        let now = after(f64::from(minute) * 62.0);
        match learned.may_poll(0, now) {
            Permit::Granted(_) => made += 1,
            Permit::Refused { refusal, .. } => {
                assert_eq!(refusal, Refusal::Ahead);
                break;
            }
        }
        learned.after_poll(0, Outcome::Live { began: start() }, now, 0.5);
    }
    // 100 credits a day: half of them, and what falls due in the hour that this takes.
    assert!((50..60).contains(&made), "{made}");
}

#[test]
fn a_clock_set_back_delays_a_creator_by_its_minimal_interval_at_most() {
    let mut learned = learned(1_000, &plain(1));
    let granted = learned.may_poll(0, after(9e7));
    assert!(matches!(granted, Permit::Granted(_)));
    learned.after_poll(0, Outcome::Offline, after(9e7), 0.5);
    let Permit::Refused {
        wait,
        refusal: Refusal::TooSoon,
    } = learned.may_poll(0, after(8e7))
    else {
        panic!("polled a moment ago");
    };
    assert!(wait <= Duration::from_secs(62));
    assert!(matches!(
        learned.may_poll(0, after(8e7 + 62.0)),
        Permit::Granted(_)
    ));
}

#[test]
fn a_strangers_start_time_is_kept_within_reason() {
    for began in [i64::MIN, 0, i64::MAX] {
        let mut learned = learned(1_000, &plain(1));
        let outcome = Outcome::Live {
            began: Timestamp::from_millis(began),
        };
        let next = learned.after_poll(0, outcome, after(600.0), 0.5);
        assert_eq!(next.reason, Reason::Live);
        assert!(next.wait <= Duration::from_hours(3));
    }
}

#[test]
fn what_was_learned_survives_a_restart_bit_by_bit() {
    let mut before = learned(50_000, &plain(1));
    let mut streams = Vec::new();
    for week in 0..6 {
        let began = after(f64::from(week) * 604_800.0 + 70_000.0);
        let seconds = |s| began.plus(Duration::from_secs(s));
        before.after_poll(
            0,
            Outcome::Offline,
            Timestamp::from_millis(began.as_millis() - 600_000),
            0.5,
        );
        before.after_poll(0, Outcome::Live { began }, seconds(1_200), 0.5);
        before.after_poll(0, Outcome::Ending, seconds(6_000), 0.5);
        before.after_poll(0, Outcome::Offline, seconds(6_060), 0.5);
        streams.push(KnownStream {
            began,
            ended: Some(seconds(3_600)),
            resumed: false,
        });
    }
    let learning = before.learning(0).unwrap();
    let json = serde_json::to_string(&(before.population(), &learning)).unwrap();
    let (population, learning): (Population, Learning) = serde_json::from_str(&json).unwrap();
    let now = after(6.0 * 604_800.0);
    let mut restored = learned(50_000, &plain(1));
    restored.restore_population(population);
    restored.restore(0, streams, Some(&learning));
    restored.controller = before.controller.clone();
    before.creators[0].answered = Some(now.into());
    restored.resume(0, Outcome::Offline, now);
    before.creators[0].polled = Some(now.into());
    assert_eq!(restored.next_poll(0, now), before.next_poll(0, now));
}

#[test]
fn an_import_of_past_streams_alone_warms_a_creator() {
    let mut warm = learned(3_000, &plain(10));
    let streams = (0..10).map(|week| {
        let began = after(f64::from(week) * 604_800.0 + 70_000.0);
        KnownStream {
            began,
            ended: Some(began.plus(Duration::from_mins(90))),
            resumed: false,
        }
    });
    warm.restore(0, streams, None);
    let now = after(10.0 * 604_800.0 + 66_000.0);
    warm.resume(0, Outcome::Offline, now);
    warm.resume(1, Outcome::Offline, now);
    let (known, unknown) = (warm.next_poll(0, now), warm.next_poll(1, now));
    assert!(
        known.wait < unknown.wait && known.wait > Duration::from_mins(40),
        "{known:?} {unknown:?}"
    );
}

#[test]
fn a_creator_is_small_without_history_and_within_bounds_with_it() {
    let small = size_of::<Creator>();
    assert!(small <= 192, "{small}");
    assert!(
        small + size_of::<crate::schedule::rhythm::Tables>() <= 1_843,
        "{small}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_creator_is_polled_twice_within_its_minimal_interval_but_to_confirm(
        seed in any::<u64>(), credits in 50_u64..40_000, live_share in 0.0_f64..0.5
    ) {
        let mut learned = learned(credits, &plain(5));
        let polls = run(&mut learned, 40.0, live_share, seed);
        let mut last = BTreeMap::new();
        for (t, creator, confirms) in polls {
            if let Some(before) = last.insert(creator, t) {
                prop_assert!(confirms || t - before >= 60.0, "{} after {}", t, before);
            }
        }
    }

    #[test]
    fn no_answers_make_it_spend_more_than_the_budget(
        seed in any::<u64>(), credits in 1_u64..5_000, live_share in 0.0_f64..1.0
    ) {
        let mut learned = learned(credits, &plain(7));
        let polls = run(&mut learned, 65.0, live_share, seed);
        for month in 0..3 {
            let length = 30.0 * DAY as f64;
            let within = |t: f64| (f64::from(month) * length..f64::from(month + 1) * length).contains(&t);
            let spent = polls.iter().filter(|p| within(p.0)).count() as u64;
            prop_assert!(spent <= credits, "{} of {}", spent, credits);
        }
    }

    #[test]
    fn no_clock_and_no_restart_makes_it_spend_more_than_the_budget(
        credits in 1_u64..60,
        steps in prop::collection::vec((-45.0_f64..45.0, 0_u32..80, any::<bool>()), 1..25),
    ) {
        let mut learned = learned(credits, &plain(4));
        let mut granted = BTreeMap::<Timestamp, u64>::new();
        let mut days = 400.0_f64;
        for (jump, polls, restart) in steps {
            days = (days + jump).max(0.0);
            for poll in 0..polls {
                let now = after(days * DAY as f64 + f64::from(poll) * 61.0);
                if let Permit::Granted(taken) = learned.may_poll(poll % 4, now) {
                    learned.settle(taken, Headers::default(), now);
                    *granted.entry(learned.ledger().renews_at()).or_default() += 1;
                }
            }
            if restart {
                let renewal = Renewal::Every { anchor: start(), length: Duration::from_secs(30 * DAY) };
                let spent = learned.ledger().to_store(0);
                let now = after(days * DAY as f64);
                *learned.ledger_mut() = Ledger::new(credits, renewal, &spent, now);
            }
        }
        prop_assert!(granted.values().all(|&spent| spent <= credits), "{:?} of {}", granted, credits);
    }

    #[test]
    fn nobody_is_beyond_the_promised_gap_while_the_budget_allows(
        seed in any::<u64>(), creators in 3_usize..16, each in 60_u64..250, live_share in 0.0_f64..0.1,
        longest in prop::option::of(6_u64..24),
    ) {
        let mut settings = plain(creators);
        settings[0].max_interval = longest.map(Duration::from_hours);
        let credits = creators as u64 * each;
        let mut learned = learned(credits, &settings);
        prop_assume!(learned.stretch() == 1.0);
        // In the month's last hours a small budget may be used up: then nothing allows it.
        let polls = run(&mut learned, 29.0, live_share, seed);
        let fair = (6.0 * 720.0 / each as f64).max(2.0);
        for creator in 0..creators {
            let own = longest.filter(|_| creator == 0).map_or(fair, |hours| fair.min(hours as f64));
            let gap = longest_gap(&polls, u32::try_from(creator).unwrap()) / 3_600.0;
            prop_assert!(gap <= own + 0.05, "{} waited {} hours of {}", creator, gap, own);
        }
    }

    #[test]
    fn of_two_with_one_past_the_one_of_higher_priority_never_waits_longer(
        low in 0.05_f64..5.0, factor in 1.0_f64..20.0, credits in 300_u64..20_000,
        past in prop::collection::vec((0.1_f64..40.0, any::<bool>()), 1..60),
    ) {
        let of = |priority| Settings { priority, ..Settings::default() };
        // What is learned of all creators is learned of each in turn: only apart are they alike.
        let mut apart = [low, low * factor].map(|priority| learned(credits, &[of(priority)]));
        let (mut hours, mut running) = (1.0, false);
        for (wait, live) in past {
            hours += wait;
            let now = after(hours * 3_600.0);
            let outcome = match (live, running) {
                (true, _) => Outcome::Live { began: after(hours * 3_600.0 - 300.0) },
                (false, true) => Outcome::Ending,
                (false, false) => Outcome::Offline,
            };
            running = live;
            let [lower, higher] = apart.each_mut().map(|one| one.after_poll(0, outcome, now, 0.5).wait);
            prop_assert!(higher <= lower, "{:?} after {:?}", higher, lower);
        }
    }

    #[test]
    fn the_same_answers_lead_to_the_same_polls(seed in any::<u64>()) {
        let once = run(&mut learned(2_000, &plain(9)), 12.0, 0.1, seed);
        let again = run(&mut learned(2_000, &plain(9)), 12.0, 0.1, seed);
        prop_assert!(!once.is_empty());
        prop_assert_eq!(once, again);
    }
}
