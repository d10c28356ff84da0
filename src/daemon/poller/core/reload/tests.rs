mod thousand;

use std::collections::HashSet;

use super::*;
use crate::config::ScheduleKind;
use crate::config::fixtures::config;
use crate::daemon::poller::core::tests::{Bench, START, live};
use crate::daemon::poller::orders::{Job, Poll};
use crate::domain::observation::{Cause, Observation, Unclear};
use crate::domain::{EventType, Timestamp};
use crate::konbini::{Answer, Credits};
use crate::schedule::Reason;

const HOUR: Duration = Duration::from_hours(1);

impl Bench {
    fn reload(&mut self, config: &Config) {
        self.reload_knowing(config, Snapshot::default());
    }

    fn reload_knowing(&mut self, config: &Config, known: Snapshot) {
        let news = News {
            config,
            known: (known, Vec::new()),
            other_source: false,
            other_account: false,
        };
        self.core.reload(news, self.at());
    }

    fn run_until(&mut self, end: Duration, answer: impl Fn(&Poll) -> Observation) -> Vec<Poll> {
        let mut polls = Vec::new();
        while let Some(poll) = self.poll_before(end) {
            let observation = answer(&poll);
            self.answer(&poll, &observation);
            polls.push(poll);
        }
        polls
    }

    fn due(&self, name: &str) -> Option<Duration> {
        let creator = self.core.roster.find(&name.parse().unwrap())?;
        self.core.queue.due_of(creator)
    }
}

fn offline(_: &Poll) -> Observation {
    Observation::Offline
}

fn without(mut config: Config, number: usize) -> Config {
    config.creators.remove(number);
    config
}

#[test]
fn who_stays_keeps_the_next_poll_and_who_comes_is_asked_at_once() {
    let mut bench = Bench::restarted(&config(10), Snapshot::default());
    bench.run_until(2 * HOUR, offline);
    let before: Vec<_> = (0..10).map(|n| bench.due(&format!("creator{n}"))).collect();
    let mut more = without(config(12), 3);
    more.polling.max_in_flight = 3;
    bench.reload(&more);
    for (n, due) in before.into_iter().enumerate().filter(|(n, _)| *n != 3) {
        assert_eq!(bench.due(&format!("creator{n}")), due, "creator{n}");
    }
    assert_eq!(bench.due("creator3"), None);
    let now = bench.now;
    let polls = bench.run_until(now + Duration::from_secs(1), offline);
    let new = polls.iter().filter(|p| p.reason == Reason::Newcomer);
    assert_eq!(new.count(), 2);
    let polls = bench.run_until(now + 2 * HOUR, offline);
    assert!(polls.iter().all(|p| p.username.as_str() != "creator3"));
}

#[test]
fn a_creator_taken_off_the_list_while_live_gets_no_end_and_goes_on_when_it_comes_back() {
    for away in [Duration::from_secs(30), HOUR] {
        let mut bench = Bench::restarted(&config(2), Snapshot::default());
        bench.run_until(HOUR, |p| match p.creator {
            0 => live(1, START),
            _ => Observation::Offline,
        });
        assert_eq!(bench.events(), [EventType::StreamStarted]);
        bench.reload(&without(config(2), 0));
        let back = bench.now + away;
        bench.run_until(back, offline);
        // Its place may be another's by then.
        bench.reload(&without(config(3), 0));
        bench.run_until(back + Duration::from_secs(1), offline);
        assert_eq!(
            bench.events(),
            [EventType::StreamStarted],
            "an end was invented"
        );
        let stored = bench.changes.iter().filter_map(|c| c.creator.as_ref());
        let stored = stored.map(|c| c.row.clone()).collect();
        let known = Snapshot {
            creators: stored,
            ..Snapshot::default()
        };
        bench.reload_knowing(&config(3), known);
        bench.run_until(back + HOUR, offline);
        let told = [EventType::StreamStarted, EventType::StreamEnded];
        assert_eq!(bench.events(), told, "away for {away:?}");
        let sequences = bench.changes.iter().flat_map(|c| &c.events);
        let sequences: Vec<_> = sequences.map(|o| o.event.sequence).collect();
        assert_eq!(sequences, [Some(1), Some(2)]);
    }
}

#[test]
fn a_poll_under_way_is_neither_lost_nor_doubled_by_going_and_coming_back() {
    let mut bench = Bench::restarted(&config(1), Snapshot::default());
    let poll = bench.poll();
    let other = |number: usize| {
        let mut other = config(number + 1);
        other.creators.drain(..number);
        other
    };
    bench.reload(&other(1));
    let second = bench.poll();
    assert_eq!(second.username.as_str(), "creator1");
    bench.reload(&config(1));
    assert_eq!(bench.due("creator0"), None, "it would be asked twice");
    bench.answer(&poll, &live(1, START));
    assert!(bench.due("creator0").is_some());
    // Of who is gone nothing is told, and nobody asks again.
    bench.answer(&second, &live(2, START));
    assert_eq!(bench.events(), [EventType::StreamStarted]);
    let end = bench.now + 2 * HOUR;
    let polls = bench.run_until(end, |_| live(1, START));
    assert!(polls.len() > 10 && polls.iter().all(|p| p.creator == poll.creator));
}

#[test]
fn a_shorter_interval_holds_at_once_also_for_a_commit_under_way() {
    let mut slow = config(2);
    slow.polling.interval = Duration::from_secs(86_400);
    let mut bench = Bench::restarted(&slow, Snapshot::default());
    let first = bench.poll();
    bench.answer(&first, &Observation::Offline);
    let second = bench.poll();
    let job = bench.job_of(&second, &Observation::Offline).unwrap();
    bench.reload(&config(2));
    bench.core.stored(job.then, bench.at());
    for name in ["creator0", "creator1"] {
        let due = bench.due(name).unwrap().saturating_sub(bench.now);
        assert!(due <= Duration::from_secs(330), "{name} in {due:?}");
    }
}

impl Bench {
    fn job_of(&mut self, poll: &Poll, observation: &Observation) -> Option<Job> {
        let answer = Answer {
            observation: observation.clone(),
            credits: Credits::default(),
        };
        self.core.answered(poll, &answer, self.at(), 0.5)
    }
}

#[test]
fn places_are_used_again_so_that_memory_follows_the_watchlist() {
    let mut bench = Bench::restarted(&config(0), Snapshot::default());
    for round in 0..50 {
        let mut other = config(10 * (round + 1));
        other.creators.drain(..10 * round);
        bench.reload(&other);
        let end = bench.now + Duration::from_secs(100);
        bench.run_until(end, offline);
        bench.checkpoint(false);
    }
    let places = bench.core.roster.places().count();
    assert!(places <= 30, "{places} places for 10 creators at a time");
    assert_eq!(bench.core.census().creators, 10);
}

#[test]
fn a_refusal_of_the_old_key_shuts_nobody_out_under_the_new_one() {
    let mut bench = Bench::restarted(&config(3), Snapshot::default());
    let refused = Observation::Unclear(Unclear::new(Cause::KeyRefused, "as scripted"));
    let (first, late) = (bench.poll(), bench.poll());
    bench.answer(&first, &refused);
    assert_ne!(bench.core.gate, Gate::Open);
    let news = News {
        config: &config(3),
        known: Default::default(),
        other_source: true,
        other_account: true,
    };
    bench.core.reload(news, bench.at());
    bench.answer(&late, &refused);
    assert_eq!(bench.core.gate, Gate::Open);
    let end = bench.now + Duration::from_secs(2);
    assert_eq!(bench.run_until(end, offline).len(), 3);
}

fn with_budget(creators: usize, credits: u64, day: u8) -> Config {
    let mut config = config(creators);
    config.polling.schedule = ScheduleKind::Learned;
    config.budget = Some(crate::config::Budget {
        credits_per_month: credits,
        renews_on: day,
        end_weight: 0.15,
    });
    config
}

#[test]
fn what_was_spent_stays_spent_under_every_other_plan() {
    let mut bench = Bench::restarted(&with_budget(5, 10_000, 1), Snapshot::default());
    bench.run_until(30 * HOUR, offline);
    let (used, _) = bench.core.planner.used().unwrap();
    assert!(used > 20, "{used}");
    let mut fixed = with_budget(5, 10_000, 1);
    fixed.polling.schedule = ScheduleKind::Fixed;
    for plan in [
        with_budget(5, 20_000, 1),
        with_budget(5, 20_000, 28),
        with_budget(5, 20_000, 3),
        fixed,
        with_budget(5, 10_000, 1),
    ] {
        bench.reload(&plan);
        assert_eq!(bench.core.planner.used().unwrap().0, used);
        // A restart counts the same: no period is in the store twice.
        bench.checkpoint(true);
        let mut rows: HashMap<Timestamp, u64> = HashMap::new();
        for checkpoint in &bench.checkpoints {
            rows.extend(checkpoint.spending.iter().map(|s| (s.period, s.credits)));
        }
        let spending = rows
            .iter()
            .map(|(&period, &credits)| crate::store::Spending { period, credits });
        let snapshot = Snapshot {
            spending: spending.collect(),
            ..Snapshot::default()
        };
        let again = Bench::restarted_at(bench.now, &plan, (snapshot, Vec::new()));
        assert_eq!(again.core.planner.used().unwrap().0, used, "{plan:?}");
    }
    // And no credit is used beyond a budget that is spent by then.
    bench.reload(&with_budget(5, used, 1));
    let end = bench.now + 3 * HOUR;
    assert_eq!(bench.run_until(end, offline), []);
}

#[test]
fn a_creator_keeps_its_rhythm_when_others_come_and_go() {
    let mut bench = Bench::restarted(&with_budget(4, 20_000, 1), Snapshot::default());
    bench.run_until(60 * HOUR, offline);
    let before = bench.learning(1);
    bench.reload(&without(with_budget(6, 20_000, 1), 0));
    assert_eq!(bench.learning(1), before);
    bench.reload(&with_budget(6, 20_000, 1));
    assert_eq!(bench.learning(1), before);
    let end = bench.now + 60 * HOUR;
    let asked: HashSet<_> = bench
        .run_until(end, offline)
        .iter()
        .map(|p| p.creator)
        .collect();
    assert_eq!(asked.len(), 6);
}

impl Bench {
    fn ask_others(&mut self, other_account: bool) {
        let news = News {
            config: &config(3),
            known: Default::default(),
            other_source: true,
            other_account,
        };
        self.core.reload(news, self.at());
    }

    /// An offline answer by which the account has `remaining` credits left.
    fn answer_leaving(&mut self, poll: &Poll, remaining: u64) {
        let answer = Answer {
            observation: Observation::Offline,
            credits: Credits {
                used: Some(1),
                remaining: Some(remaining),
            },
        };
        if let Some(job) = self.core.answered(poll, &answer, self.at(), 0.5) {
            self.store(job);
        }
        self.store_what_is_wanted();
    }
}

#[test]
fn another_account_that_has_less_is_not_one_that_runs_low() {
    let mut bench = Bench::restarted(&config(3), Snapshot::default());
    let (first, late) = (bench.poll(), bench.poll());
    bench.answer_leaving(&first, 10_000);
    bench.ask_others(true);
    assert_eq!(bench.core.account_remaining, None);
    let poll = bench.poll();
    bench.answer_leaving(&poll, 2_000);
    // Nor is the old one, whose last answer comes now.
    bench.answer_leaving(&late, 9_998);
    assert_eq!(bench.core.account_remaining, Some(2_000));
    assert_eq!(bench.count(EventType::CreditsLow), 0);
    for (remaining, told) in [(501, 0), (500, 1), (499, 1)] {
        let poll = bench.poll();
        bench.answer_leaving(&poll, remaining);
        assert_eq!(bench.count(EventType::CreditsLow), told, "{remaining}");
    }
    // The same account by another timeout.
    bench.ask_others(false);
    let poll = bench.poll();
    bench.answer_leaving(&poll, 498);
    assert_eq!(bench.count(EventType::CreditsLow), 1, "told twice");
}

#[test]
fn a_budget_of_the_same_size_is_told_of_once() {
    let mut config = with_budget(3, 100, 1);
    config.polling.schedule = ScheduleKind::Fixed;
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let end = bench.now + 3 * HOUR;
    bench.run_until(end, offline);
    let told = bench.count(EventType::CreditsLow);
    assert!(told > 0, "nothing was tested");
    config.budget.as_mut().unwrap().end_weight = 0.5;
    bench.reload(&config);
    let end = bench.now + 3 * HOUR;
    bench.run_until(end, offline);
    assert_eq!(bench.count(EventType::CreditsLow), told, "told twice");
}

#[test]
fn what_a_poll_said_is_never_noted_of_another_creator() {
    let mut bench = Bench::restarted(&config(2), Snapshot::default());
    for number in 1..=2 {
        let poll = bench.poll();
        bench.answer(&poll, &live(number, START));
    }
    bench.reload(&without(config(2), 0));
    // The store is slow: no checkpoint since.
    bench.now += HOUR;
    bench.reload(&without(config(3), 0));
    bench.checkpoint(false);
    let polled = &bench.checkpoints.last().unwrap().polls.polled;
    let names: HashSet<_> = polled.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, HashSet::from(["creator0", "creator1"]));
}

#[test]
fn nobody_is_asked_for_whose_absence_nobody_wants_to_hear_of_any_more() {
    let mut wanted = config(3);
    let mut hook = (*wanted.webhooks[0]).clone();
    hook.events = vec![EventType::CreatorMissing];
    wanted.webhooks = vec![std::sync::Arc::new(hook)];
    for (after, calls) in [(wanted.clone(), 3), (config(3), 0)] {
        let mut bench = Bench::restarted(&wanted, Snapshot::default());
        for _ in 0..3 {
            let poll = bench.poll();
            bench.answer(&poll, &Observation::Offline);
        }
        bench.reload(&after);
        bench.run_until(30 * HOUR, offline);
        assert_eq!(bench.profiled_count(), calls);
    }
}
