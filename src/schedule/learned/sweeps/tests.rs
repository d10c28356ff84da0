use proptest::prelude::*;

use super::super::{Options, Outcome, Settings};
use super::*;
use crate::schedule::Reason;
use crate::schedule::ledger::{Headers, Ledger, Renewal};

mod world;
use world::{Flags, World};

const HOUR: f64 = 3_600.0;

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_millis(1_767_571_200_000).plus(Duration::from_secs_f64(seconds))
}

fn learned(credits: u64, creators: u32) -> Learned {
    let renewal = Renewal::Every {
        anchor: at(0.0),
        length: Duration::from_hours(720),
    };
    let ledger = Ledger::new(credits, renewal, &[], at(0.0));
    let mut learned = Learned::new(Options::default(), ledger, at(0.0));
    for _ in 0..creators {
        learned.add_creator(&Settings::default(), at(0.0));
    }
    learned.replan(at(0.0));
    learned
}

/// Creators of which the last answer, at the start, was "not live".
fn offline(creators: u32) -> Learned {
    let mut learned = learned(150 * u64::from(creators), creators);
    for creator in 0..creators {
        learned.after_poll(creator, Outcome::Offline, at(0.0), 0.5);
    }
    learned
}

fn hinted(learned: &mut Learned, flagged: bool, now: f64) -> bool {
    let polls = learned.after_sweep(0, &[(0, flagged)], at(now));
    polls[0].1.reason == Reason::Hinted
}

#[test]
fn a_flag_asks_for_a_poll_at_once_and_starts_nothing() {
    let mut learned = offline(1);
    let polls = learned.after_sweep(0, &[(0, true)], at(HOUR));
    assert_eq!(
        polls[0].1,
        NextPoll {
            wait: Duration::ZERO,
            reason: Reason::Hinted
        }
    );
    assert_eq!(learned.creators[0].phase, Phase::Offline);
    assert_eq!(learned.creators[0].claim, Claim::Hinted);
}

#[test]
fn a_flag_that_was_wrong_is_no_news_until_it_has_been_down() {
    let mut learned = offline(1);
    assert!(hinted(&mut learned, true, HOUR));
    learned.after_poll(0, Outcome::Offline, at(HOUR + 1.0), 0.5);
    assert!(!hinted(&mut learned, true, 2.0 * HOUR));
    assert!(!hinted(&mut learned, false, 3.0 * HOUR));
    assert!(hinted(&mut learned, true, 4.0 * HOUR));
}

#[test]
fn a_live_creator_that_loses_its_flag_is_polled_at_once_and_stays_live_till_then() {
    let mut learned = offline(1);
    hinted(&mut learned, true, HOUR);
    learned.after_poll(
        0,
        Outcome::Live {
            began: at(0.5 * HOUR),
        },
        at(HOUR),
        0.5,
    );
    let before = learned.next_poll(0, at(HOUR)).wait;
    assert!(!hinted(&mut learned, true, 1.5 * HOUR), "still flagged");
    assert!(learned.next_poll(0, at(1.5 * HOUR)).wait + Duration::from_mins(30) > before);
    assert!(hinted(&mut learned, false, 2.0 * HOUR));
    assert!(learned.creators[0].is_live());
}

#[test]
fn a_live_creator_that_never_had_a_flag_is_polled_as_ever() {
    let (mut swept, mut polled) = (offline(1), offline(1));
    for one in [&mut swept, &mut polled] {
        one.after_poll(0, Outcome::Live { began: at(0.0) }, at(HOUR), 0.5);
    }
    assert!(!hinted(&mut swept, false, 1.1 * HOUR));
    let now = at(1.1 * HOUR);
    assert_eq!(swept.next_poll(0, now), polled.next_poll(0, now));
}

#[test]
fn a_page_that_is_empty_or_has_lost_a_member_says_nothing_of_who_is_not_on_it() {
    let mut learned = offline(2);
    learned.set_page(0, &[0, 1]);
    let before = learned.next_poll(1, at(HOUR));
    assert!(learned.after_sweep(0, &[], at(HOUR)).is_empty());
    assert_eq!(learned.sweeps.pages[0].members, [0, 1]);
    learned.after_sweep(0, &[(0, false)], at(HOUR));
    let now = learned.next_poll(1, at(HOUR));
    let change = now.wait.as_secs_f64() / before.wait.as_secs_f64() - 1.0;
    assert!(
        change.abs() < 0.01,
        "what is pooled hardly moves: {now} {before}",
        now = now.reason,
        before = before.reason
    );
    assert!(learned.creators[1].sight.is_none());
}

#[test]
fn no_flag_puts_the_next_poll_off() {
    let mut learned = offline(1);
    let before = learned.next_poll(0, at(HOUR)).wait;
    assert!(!hinted(&mut learned, false, HOUR));
    assert!(learned.next_poll(0, at(HOUR)).wait > before);
}

#[test]
fn recall_is_learned_whatever_it_is_though_flags_bring_polls_and_misses_do_not() {
    for recall in [0.95, 0.7, 0.4, 0.0] {
        let mut world = World::new(
            60,
            7_500,
            Flags {
                recall,
                wrong: 0.002,
                lag: 60.0,
            },
            5,
        );
        world.run(30.0);
        let believed = f64::from(world.learned.trust().recall());
        assert!((believed - recall).abs() < 0.25, "{believed} of {recall}");
    }
}

#[test]
fn a_lag_is_learned_as_a_lag_and_not_as_a_low_recall() {
    let mut prompt = World::new(
        60,
        15_000,
        Flags {
            recall: 0.9,
            wrong: 0.002,
            lag: 0.0,
        },
        9,
    );
    let mut late = World::new(
        60,
        15_000,
        Flags {
            recall: 0.9,
            wrong: 0.002,
            lag: 300.0,
        },
        9,
    );
    prompt.run(20.0);
    late.run(20.0);
    let (prompt, late) = (prompt.learned.trust(), late.learned.trust());
    assert!(late.recall() > 0.75, "{}", late.recall());
    assert!(prompt.lag() < 1.5, "{}", prompt.lag());
    assert!((2.5..9.0).contains(&late.lag()), "{}", late.lag());
}

#[test]
fn false_flags_are_counted_and_cease_to_bring_polls() {
    let mut world = World::new(
        60,
        7_500,
        Flags {
            recall: 0.0,
            wrong: 0.05,
            lag: 0.0,
        },
        3,
    );
    world.run(30.0);
    let wrong = world.learned.trust().false_flags();
    assert!((0.02..0.1).contains(&wrong), "{wrong}");
    assert!(
        world.sweeps.len() < 7_500 * 4 / 100,
        "{}",
        world.sweeps.len()
    );
}

#[test]
fn a_trial_without_certain_cases_costs_two_percent_at_most() {
    let mut world = World::new(
        30,
        3_000,
        Flags {
            recall: 0.0,
            wrong: 0.05,
            lag: 0.0,
        },
        3,
    );
    world.streams.iter_mut().for_each(Vec::clear);
    world.run(60.0);
    assert!(world.learned.trust().is_on_trial());
    for month in [0.0, 30.0] {
        let within = |t: &&f64| (month * 86_400.0..(month + 30.0) * 86_400.0).contains(*t);
        let cost =
            world.sweeps.iter().filter(within).count() + world.hints.iter().filter(within).count();
        assert!((20..=63).contains(&cost), "{cost} of 3,000");
    }
}

#[test]
fn when_flags_break_in_the_middle_of_a_month_it_is_soon_as_if_there_had_been_none() {
    let (mut with, mut without) = (0.0, 0.0);
    for seed in 1..=4 {
        let mut world = World::new(
            60,
            7_500,
            Flags {
                recall: 0.95,
                wrong: 0.001,
                lag: 60.0,
            },
            seed,
        );
        world.run(15.0);
        world.flags.recall = 0.0;
        world.run(30.0);
        with += world.loss(20.0, 30.0);
        let mut alone = World::without_pages(60, 7_500, seed);
        alone.run(30.0);
        without += alone.loss(20.0, 30.0);
    }
    assert!(with <= 1.1 * without, "{with} {without}");
}

#[test]
fn a_worthless_flag_is_probed_now_and_then_and_taken_up_again_when_it_heals() {
    let mut world = World::new(
        60,
        7_500,
        Flags {
            recall: 0.0,
            wrong: 0.001,
            lag: 60.0,
        },
        2,
    );
    world.run(50.0);
    let within = |world: &World, from: f64, to: f64| {
        let days = from * 86_400.0..to * 86_400.0;
        world.sweeps.iter().filter(|t| days.contains(t)).count()
    };
    let probes = within(&world, 40.0, 50.0);
    assert!((2..60).contains(&probes), "{probes}");
    world.flags.recall = 0.95;
    world.run(90.0);
    let healed = within(&world, 80.0, 90.0);
    assert!(healed > 300, "{healed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn with_sweeps_too_budget_promise_and_least_interval_hold(
        seed in 1_u64..1_000, credits in 700_u64..6_000, recall in 0.0..1.0, wrong in 0.0..0.1
    ) {
        let mut world = World::new(35, credits, Flags { recall, wrong, lag: 120.0 }, seed);
        world.run(60.0);
        for month in [0.0, 30.0] {
            let within = |t: f64| (month * 86_400.0..(month + 30.0) * 86_400.0).contains(&t);
            let polls = world.polls.iter().filter(|poll| within(poll.0)).count();
            let sweeps = world.sweeps.iter().filter(|&&t| within(t)).count();
            prop_assert!((polls + sweeps) as u64 <= credits);
            prop_assert!((polls + sweeps) as u64 >= credits * 95 / 100, "{} {}", polls, sweeps);
        }
        // Six uniform gaps by polls and sweeps together, four times that by polls alone; but
        // for the last hours of a month, if flags that are often wrong have used its last credits.
        let promised = 6.0 * 720.0 * 35.0 / credits as f64;
        prop_assert!(world.longest_wait(true) <= promised + 1.5, "{} {}", world.longest_wait(true), promised);
        prop_assert!(world.longest_wait(false) <= 4.0 * promised + 1.5);
        prop_assert!(world.shortest_wait() >= 60.0);
    }
}
