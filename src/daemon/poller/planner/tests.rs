//! The budget as the whole core spends it: hard, told once, and none the worse for a crash.

mod judge;

use std::time::Duration;

use proptest::prelude::*;

use crate::config::fixtures::config;
use crate::config::{Budget, Config, ScheduleKind};
use crate::daemon::poller::core::tests::{Bench, START, live};
use crate::domain::tracker::TransitionKind;
use crate::domain::{Cause, EventType, Observation, Timestamp, Unclear};
use crate::store::{Checkpoint, PastStream, Snapshot, Spending, StoredCreator};

const DAY: Duration = Duration::from_secs(86_400);

/// START is 2027-01-15: with renewal on the 15th, the months of these tests have 31 and 28 days.
fn budgeted(creators: usize, credits: u64, schedule: ScheduleKind) -> Config {
    let mut config = config(creators);
    config.polling.schedule = schedule;
    config.budget = Some(Budget {
        credits_per_month: credits,
        renews_on: 15,
        end_weight: Budget::END_WEIGHT,
    });
    config
}

/// Polls until `end`, with everybody offline but for an hour each evening; how many polls there were.
fn run_until(bench: &mut Bench, end: Duration) -> u64 {
    let mut polls = 0;
    while let Some(poll) = bench.poll_before(end) {
        polls += 1;
        let second = bench.at().wall.as_seconds();
        let evening = second.rem_euclid(86_400) / 3_600 == 19;
        let began = Timestamp::from_millis(second / 3_600 * 3_600_000);
        let room = u64::try_from(second / 86_400).unwrap();
        let answer = if evening {
            live(room, began)
        } else {
            Observation::Offline
        };
        bench.answer(&poll, &answer);
    }
    polls
}

#[test]
fn the_fixed_schedule_stops_at_the_budget_says_so_once_and_goes_on_when_it_renews() {
    let config = budgeted(5, 500, ScheduleKind::Fixed);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    assert_eq!(START.to_string(), "2027-01-15T08:00:00.000Z");
    // A poll that waits for the renewal starts within an hour after it.
    let first = run_until(&mut bench, 30 * DAY);
    assert_eq!(first, 500);
    let second = run_until(&mut bench, 45 * DAY);
    assert_eq!(second, 500);
    let told = [
        EventType::MonitorDegraded,
        EventType::MonitorRecovered,
        EventType::MonitorDegraded,
    ];
    let health: Vec<_> = bench
        .events()
        .into_iter()
        .filter(|kind| told.contains(kind))
        .collect();
    assert_eq!(health, told);
}

#[test]
fn the_learned_schedule_spends_its_budget_evenly_and_never_more() {
    let config = budgeted(20, 2_000, ScheduleKind::Learned);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    // The month began eight hours before.
    let month = (31 * DAY).saturating_sub(Duration::from_secs(8 * 3_600));
    let half = run_until(&mut bench, month / 2);
    assert!((850..=1_200).contains(&half), "{half} of 2000 by half time");
    let most = half + run_until(&mut bench, month.saturating_sub(DAY));
    assert_eq!(
        bench.count(EventType::MonitorDegraded),
        0,
        "dark before the last day"
    );
    let all = most + run_until(&mut bench, month);
    assert!(
        (1_960..=2_001).contains(&all),
        "{all} of 2000; the last one may be the next month's first"
    );
    assert!(bench.count(EventType::StreamStarted) > 100);
}

#[test]
fn an_outage_without_headers_costs_nothing_of_the_budget() {
    let config = budgeted(5, 500, ScheduleKind::Learned);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    run_until(&mut bench, DAY);
    let before = stored_after(&mut bench);
    while let Some(poll) = bench.poll_before(3 * DAY) {
        let silence = Unclear::new(Cause::Timeout, "no answer");
        bench.answer_without_headers(&poll, Observation::Unclear(silence));
    }
    assert_eq!(stored_after(&mut bench), before);
}

/// Credits used, as a clean end would store them.
fn stored_after(bench: &mut Bench) -> u64 {
    bench.checkpoint(true);
    stored(bench).spending[0].credits
}

/// What a store would hold after these checkpoints and changes.
fn stored(bench: &Bench) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for change in bench
        .changes
        .iter()
        .filter_map(|change| change.creator.as_ref())
    {
        let row: &StoredCreator = &change.row;
        snapshot.creators.retain(|old| old.username != row.username);
        snapshot.creators.push(row.clone());
    }
    for checkpoint in &bench.checkpoints {
        let Checkpoint {
            creators,
            population,
            spending,
            ..
        } = checkpoint;
        for month in spending {
            snapshot.spending.retain(|old| old.period != month.period);
            snapshot.spending.push(*month);
        }
        for row in creators.iter().filter(|row| row.learning.is_some()) {
            snapshot.learning.retain(|(name, _)| *name != row.username);
            let learning = row.learning.clone().unwrap();
            snapshot.learning.push((row.username.clone(), learning));
        }
        snapshot.population = population.clone().or(snapshot.population);
    }
    snapshot
}

/// The streams that a store would know of.
fn streams(bench: &Bench) -> Vec<PastStream> {
    let mut streams: Vec<PastStream> = Vec::new();
    for change in bench
        .changes
        .iter()
        .filter_map(|change| change.creator.as_ref())
    {
        for transition in &change.transitions {
            let creator = change.row.username.clone();
            match transition.kind {
                TransitionKind::Started => streams.push(PastStream {
                    creator,
                    began_at: transition.live.began_at(),
                    ended_at: None,
                    resumed: transition.live.resumed,
                }),
                TransitionKind::Ended { ended_at, .. } => {
                    let running = streams.iter_mut().rev().find(|s| s.creator == creator);
                    running.unwrap().ended_at = Some(ended_at);
                }
                TransitionKind::Updated { .. } | TransitionKind::Sampled => {}
            }
        }
    }
    streams
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_crash_makes_it_spend_more_than_the_budget(
        learned in any::<bool>(),
        hours in prop::collection::vec((1_u64..60, any::<bool>()), 1..20),
    ) {
        let schedule = if learned { ScheduleKind::Learned } else { ScheduleKind::Fixed };
        let config = budgeted(4, 300, schedule);
        let mut bench = Bench::restarted(&config, Snapshot::default());
        let mut polls = 0;
        for (hours, clean) in hours {
            let end = bench.now + Duration::from_secs(hours * 3_600);
            if end > 30 * DAY {
                break;
            }
            polls += run_until(&mut bench, end);
            if clean {
                bench.checkpoint(true);
            }
            let mut next = Bench::restarted_at(bench.now, &config, (stored(&bench), streams(&bench)));
            next.changes = std::mem::take(&mut bench.changes);
            next.checkpoints = std::mem::take(&mut bench.checkpoints);
            bench = next;
        }
        prop_assert!(polls <= 300, "{polls} polls");
    }
}

#[test]
fn a_crash_loses_no_more_than_what_was_stored_ahead() {
    let config = budgeted(4, 100_000, ScheduleKind::Fixed);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let polls = run_until(&mut bench, DAY);
    let Spending { credits, .. } = stored(&bench).spending[0];
    assert!(credits >= polls, "{credits} stored, {polls} used");
    assert!(credits - polls <= 200, "{credits} stored, {polls} used");
    bench.checkpoint(true);
    assert_eq!(
        stored(&bench).spending[0].credits,
        polls,
        "a clean end loses none"
    );
}

#[test]
fn what_was_learnt_survives_a_restart() {
    let config = budgeted(10, 3_000, ScheduleKind::Learned);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    run_until(&mut bench, 10 * DAY);
    bench.checkpoint(true);
    let snapshot = stored(&bench);
    assert_eq!(snapshot.learning.len(), 10);
    let again = Bench::restarted_at(bench.now, &config, (snapshot, streams(&bench)));
    for index in 0..10 {
        let learnt = |bench: &Bench| bench.learning(index);
        assert_eq!(learnt(&again), learnt(&bench));
    }
}
