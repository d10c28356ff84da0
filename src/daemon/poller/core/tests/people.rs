//! Who is missing and who is renamed, and what finding out may cost.

use super::*;
use crate::config::{Budget, ScheduleKind};
use crate::domain::identity::Identity;
use crate::store::{IdentityChange, Spending};

const DAY: Duration = Duration::from_hours(24);

/// `creators` creators; the webhook hears of everything about people.
fn listening(creators: usize) -> Config {
    let mut config = config(creators);
    config.polling.interval = second(3_600);
    let mut webhook = Arc::unwrap_or_clone(config.webhooks.remove(0));
    webhook.events = EventType::ALL.to_vec();
    config.webhooks = vec![Arc::new(webhook)];
    config
}

fn name(number: usize) -> Username {
    creator(number).username
}

impl Bench {
    fn listening(creators: usize) -> Self {
        Self::restarted(&listening(creators), Snapshot::default())
    }

    fn missing(&mut self, number: usize) {
        self.profiles.insert(name(number), ProfileFinding::Missing);
    }

    /// Everybody is offline until `end`.
    fn quiet_until(&mut self, end: Duration) {
        while let Some(poll) = self.poll_before(end) {
            self.answer(&poll, &Observation::Offline);
        }
    }

    fn bodies(&self, kind: EventType) -> Vec<serde_json::Value> {
        let events = self.changes.iter().flat_map(|change| &change.events);
        events
            .filter(|outgoing| outgoing.event.kind == kind)
            .map(|outgoing| serde_json::from_str(&outgoing.event.body).unwrap())
            .collect()
    }

    /// What a store would hold of identities, credits and states.
    fn stored(&self) -> Snapshot {
        let mut known = HashMap::<Username, Identity>::new();
        let mut snapshot = Snapshot::default();
        for change in &self.changes {
            for IdentityChange {
                username, identity, ..
            } in &change.identities
            {
                known.insert(username.clone(), identity.clone());
            }
            if let Some(changed) = &change.creator {
                snapshot
                    .creators
                    .retain(|old| old.username != changed.row.username);
                snapshot.creators.push(changed.row.clone());
            }
            if let Some(told) = &change.credits_told {
                snapshot.credits_told = told.clone();
            }
        }
        for learnt in self.checkpoints.iter().flat_map(|c| &c.creators) {
            let mut rows = snapshot.creators.iter_mut();
            let row = rows.find(|row| row.username == learnt.username).unwrap();
            row.state.last_answer_at = learnt.last_answer_at.max(row.state.last_answer_at);
            row.next_poll_at = learnt.next_poll_at.or(row.next_poll_at);
        }
        let last = self.checkpoints.last();
        snapshot.spending = last.map_or_else(Vec::new, |c| c.spending.clone());
        for (username, identity) in self.checkpoints.iter().flat_map(|c| &c.identities) {
            let row = known.entry(username.clone()).or_default();
            row.id = row.id.clone().or(identity.id.clone());
            row.profile_at = row.profile_at.max(identity.profile_at);
        }
        snapshot.identities = known.into_iter().collect();
        snapshot
    }

    /// Killed and started again. What it does from then on is all that the new one remembers.
    fn restart(self, config: &Config) -> Self {
        let mut changes = self.changes;
        let after = Self::restarted_at(self.now, config, (Snapshot::default(), Vec::new()));
        for change in &mut changes {
            change.events.clear();
        }
        let kept = Self {
            changes,
            checkpoints: self.checkpoints,
            ..after
        };
        let past = (kept.stored(), Vec::new());
        Self {
            changes: kept.changes,
            checkpoints: kept.checkpoints,
            ..Self::restarted_at(self.now, config, past)
        }
    }
}

fn live_as(id: &str, room: u64, started: Timestamp) -> Observation {
    let Observation::Live(mut stream) = live(room, started) else {
        unreachable!()
    };
    stream.profile.id = Some(id.to_owned());
    Observation::Live(stream)
}

#[test]
fn a_creator_that_does_not_exist_is_told_once_across_restarts_and_stays_offline() {
    let config = listening(3);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    bench.missing(1);
    bench.quiet_until(second(3_600));
    let told = bench.bodies(EventType::CreatorMissing);
    assert_eq!(told.len(), 1, "{:?}", bench.events());
    assert_eq!(told[0]["data"]["creator"]["username"], "creator1");
    assert_eq!(bench.core.roster.entry(1).state.phase, Phase::Offline);
    assert_eq!(bench.profiled.len(), 3);

    bench.checkpoint(false);
    let killed = bench.now;
    let mut after = bench.restart(&config);
    after.missing(1);
    after.quiet_until(killed + 29 * DAY);
    assert!(after.profiled.is_empty(), "{:?}", after.profiled);
    after.quiet_until(killed + 62 * DAY);
    assert_eq!(after.profiled.len(), 6, "each again after 30 days, twice");
    assert_eq!(after.count(EventType::CreatorMissing), 0);
}

#[test]
fn who_comes_back_and_is_lost_again_is_told_again() {
    let config = listening(1);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    bench.missing(0);
    bench.quiet_until(DAY);
    bench.profiles.clear();
    bench.quiet_until(40 * DAY);
    assert_eq!(bench.core.registry.of(&name(0)).missing_since, None);
    bench.missing(0);
    bench.quiet_until(70 * DAY);
    assert_eq!(bench.count(EventType::CreatorMissing), 2);
    // This time it is known by its id.
    let poll = bench.poll();
    bench.answer(&poll, &live_as("creator0", 1, START));
    assert_eq!(bench.core.registry.of(&name(0)).missing_since, None);
}

#[test]
fn a_live_answer_takes_a_missing_creator_back_without_a_credit() {
    let mut bench = Bench::listening(1);
    bench.missing(0);
    bench.quiet_until(second(600));
    let poll = bench.poll();
    bench.answer(&poll, &live(1, START));
    assert_eq!(bench.core.registry.of(&name(0)).missing_since, None);
    assert_eq!(bench.profiled.len(), 1);
    let kinds = bench.events();
    assert_eq!(kinds, [EventType::CreatorMissing, EventType::StreamStarted]);
    // Its sequence counts starts and ends alone.
    let started = &bench.bodies(EventType::StreamStarted)[0];
    assert_eq!(started["data"]["sequence"], 1);
}

#[test]
fn nothing_unclear_is_missing() {
    for cause in [Cause::NotTheApi, Cause::Malformed, Cause::ServerFault] {
        let mut bench = Bench::listening(1);
        let unclear = Unclear::new(cause, "as scripted");
        let finding = ProfileFinding::Unclear(unclear);
        bench.profiles.insert(name(0), finding);
        bench.quiet_until(DAY);
        // It was asked, and asked again, and never believed.
        assert!((3..=5).contains(&bench.profiled.len()), "{cause:?}");
        assert_eq!(bench.count(EventType::CreatorMissing), 0, "{cause:?}");
    }
}

#[test]
fn while_the_source_is_not_trusted_nobody_is_asked_for_and_nobody_missing() {
    let row = StoredCreator {
        username: name(0),
        state: CreatorState {
            phase: Phase::Offline,
            last_answer_at: Some(START),
            ..CreatorState::default()
        },
        next_poll_at: Some(START.plus(second(3_000))),
    };
    for trusted in [false, true] {
        let reason = if trusted {
            DegradedReason::FallingBehind
        } else {
            DegradedReason::SourceFailing
        };
        let snapshot = Snapshot {
            creators: vec![row.clone()],
            degraded: [(reason, START)].into(),
            ..Snapshot::default()
        };
        let mut bench = Bench::restarted(&listening(1), snapshot);
        bench.missing(0);
        bench.quiet_until(second(2_900));
        assert_eq!(bench.profiled.len(), usize::from(trusted));
        // A certain answer, and it is trusted again.
        bench.quiet_until(second(3_200));
        assert_eq!(bench.count(EventType::CreatorMissing), 1);
    }
}

#[test]
fn a_fresh_watchlist_is_asked_for_one_a_minute_and_nobody_whom_no_webhook_hears_of() {
    let mut config = listening(100);
    config.creators[7].webhooks = Some(Vec::new());
    let mut bench = Bench::restarted(&config, Snapshot::default());
    bench.quiet_until(second(3_600));
    let asked = bench.profiled.len();
    assert!((58..=61).contains(&asked), "{asked} in the first hour");
    let times = bench.profiled.windows(2);
    assert!(
        times
            .into_iter()
            .all(|two| two[1].1 - two[0].1 >= second(60))
    );
    bench.quiet_until(3 * second(3_600));
    let names: std::collections::HashSet<_> = bench.profiled.iter().map(|(n, _)| n).collect();
    assert_eq!((bench.profiled.len(), names.len()), (99, 99));
    assert!(!names.contains(&name(7)));
}

#[test]
fn profile_calls_take_one_percent_of_the_budget_also_of_a_program_that_dies_every_hour() {
    for schedule in [ScheduleKind::Fixed, ScheduleKind::Learned] {
        let mut config = listening(400);
        config.polling.schedule = schedule;
        config.polling.interval = 3 * DAY;
        config.budget = Some(Budget {
            credits_per_month: 10_000,
            renews_on: 15,
            end_weight: Budget::END_WEIGHT,
        });
        let mut bench = Bench::restarted(&config, Snapshot::default());
        let mut asked = 0;
        for hour in 1..=48 {
            bench.quiet_until(second(3_600) * hour);
            bench.checkpoint(false);
            asked += bench.profiled.len();
            bench = bench.restart(&config);
        }
        // 100 in 31 days: 6.45 in two days, and the first at once.
        assert!((6..=7).contains(&asked), "{schedule:?}: {asked}");
        bench.quiet_until(25 * DAY);
        let all = asked + bench.profiled.len();
        assert!((75..=82).contains(&all), "{schedule:?}: {all} in 25 days");
    }
}

/// What is stored of a month of which so much is spent.
fn spent(credits: u64) -> Snapshot {
    let midnight = START.minus(second(8 * 3_600));
    Snapshot {
        spending: vec![Spending {
            period: midnight,
            credits,
        }],
        ..Snapshot::default()
    }
}

fn thousand(creators: usize) -> Config {
    let mut config = listening(creators);
    config.polling.interval = 30 * DAY;
    config.budget = Some(Budget {
        credits_per_month: 1_000,
        renews_on: 15,
        end_weight: Budget::END_WEIGHT,
    });
    config
}

#[test]
fn the_last_tenth_of_the_budget_is_for_polls() {
    for (credits, calls) in [(500, 4), (930, 0)] {
        let mut bench = Bench::restarted(&thousand(10), spent(credits));
        bench.quiet_until(10 * DAY);
        assert_eq!(bench.profiled.len(), calls, "{credits}");
    }
}

#[test]
fn a_budget_that_is_found_used_up_after_a_crash_is_told() {
    let mut bench = Bench::restarted(&thousand(2), spent(1_000));
    bench.quiet_until(DAY);
    let told = bench.bodies(EventType::CreditsLow);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"]["reason"], "used_up");
}

#[test]
fn a_new_name_with_the_same_id_is_a_rename_told_once() {
    let config = listening(2);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let (old, new) = (name(0), name(1));
    bench.quiet_until(second(600));
    assert_eq!(bench.profiled.len(), 2);
    bench.missing(0);
    let answers = |creator| match creator {
        1 => live_as("creator0", 5, START),
        _ => Observation::Offline,
    };
    bench.round(answers);
    bench.round(answers);
    let told = bench.bodies(EventType::CreatorRenamed);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"]["previous_username"], "creator0");
    assert_eq!(told[0]["data"]["creator"]["username"], "creator1");
    assert_eq!(told[0]["data"]["creator"]["id"], "creator0");
    let change = bench
        .changes
        .iter()
        .find(|change| !change.identities.is_empty())
        .unwrap();
    assert_eq!(change.identities[0].username, old);
    assert_eq!(change.identities[0].identity.id, None);
    assert_eq!(change.identities[1].inherits_from, Some(old.clone()));
    // The old name is asked for without waiting for thirty days of silence.
    let again = bench.profiled.iter().filter(|(name, _)| *name == old);
    assert_eq!(again.count(), 2);
    assert_eq!(bench.count(EventType::CreatorMissing), 1);

    let mut after = bench.restart(&config);
    after.missing(0);
    after.round(answers);
    after.round(answers);
    assert_eq!(after.count(EventType::CreatorRenamed), 0);
    assert_eq!(after.core.registry.name_of("creator0"), Some(&new));
}

#[test]
fn a_rename_of_a_name_that_is_watched_no_more_is_told_for_the_new_one() {
    let snapshot = Snapshot {
        identities: vec![(
            "old.name".parse().unwrap(),
            Identity {
                id: Some("MS4w".into()),
                ..Identity::default()
            },
        )],
        ..Snapshot::default()
    };
    let mut bench = Bench::restarted(&listening(1), snapshot);
    bench.profiles.insert(name(0), exists("creator0", "MS4w"));
    bench.quiet_until(second(3_600));
    let told = bench.bodies(EventType::CreatorRenamed);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["data"]["previous_username"], "old.name");
}

#[test]
fn a_page_of_strangers_tells_of_watched_names_alone() {
    let mut bench = Bench::listening(1);
    bench.quiet_until(second(600));
    let who = |id: &str| Profile {
        id: Some(id.to_owned()),
        ..Profile::default()
    };
    let stranger: Username = "a.stranger".parse().unwrap();
    let now = bench.at();
    bench.core.sighted(&stranger, &who("unheard.of"), now);
    assert_eq!(bench.core.registry.name_of("unheard.of"), None);
    bench.core.sighted(&stranger, &who("creator0"), now);
    bench.store_what_is_wanted();
    assert_eq!(bench.count(EventType::CreatorRenamed), 1);
}

#[test]
fn a_source_that_gives_two_names_one_id_does_not_rename_to_and_fro() {
    let mut bench = Bench::listening(2);
    for round in 0..10 {
        bench.round(|_| live_as("one.id", 5, START));
        assert!(bench.count(EventType::CreatorRenamed) <= 1, "{round}");
    }
    assert_eq!(bench.count(EventType::CreatorRenamed), 1);
}

#[test]
fn the_profile_of_somebody_else_renames_nobody() {
    let known = Identity {
        id: Some("another.id".into()),
        ..Identity::default()
    };
    let snapshot = Snapshot {
        identities: vec![("old.name".parse().unwrap(), known)],
        ..Snapshot::default()
    };
    let mut bench = Bench::restarted(&listening(2), snapshot);
    // Asked for creator 0, it tells of creator 1.
    let finding = exists("creator1", "another.id");
    bench.profiles.insert(name(0), finding);
    bench.quiet_until(DAY);
    assert_eq!(bench.profiled.len(), 2);
    assert!(bench.bodies(EventType::CreatorRenamed).is_empty());
    assert!(bench.bodies(EventType::CreatorMissing).is_empty());
}

#[test]
fn a_missing_creator_whose_telling_is_not_stored_is_not_taken_for_told() {
    let config = listening(1);
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let poll = bench.poll();
    bench.answer(&poll, &Observation::Offline);
    bench.now += second(1);
    let Next::Inquire(inquiry) = bench.core.next(bench.at()) else {
        panic!("no profile call")
    };
    let answer = ProfileAnswer {
        finding: ProfileFinding::Missing,
        credits: Credits::default(),
    };
    bench.core.profiled(&inquiry, &answer, bench.at());
    // On its way to the store when the last checkpoint is made, and lost.
    let job = bench.core.news_job().unwrap();
    assert_eq!(job.change.events.len(), 1);
    bench.core.registry.mark_dirty(&name(0));
    bench.checkpoint(true);
    let killed = bench.now;
    let mut after = bench.restart(&config);
    after.missing(0);
    after.quiet_until(killed + second(600));
    assert_eq!(after.count(EventType::CreatorMissing), 1);
}

#[test]
fn the_budget_is_told_at_75_90_and_100_percent_and_no_restart_tells_it_again() {
    let mut config = listening(4);
    config.budget = Some(Budget {
        credits_per_month: 1_000,
        renews_on: 15,
        end_weight: Budget::END_WEIGHT,
    });
    config.polling.interval = second(600);
    config.polling.jitter = 0.0;
    let mut bench = Bench::restarted(&config, Snapshot::default());
    let mut told = Vec::new();
    for day in 1..=30 {
        bench.quiet_until(day * DAY);
        bench.checkpoint(false);
        told.extend(bench.bodies(EventType::CreditsLow));
        // What was stored ahead counts as used after a crash.
        bench = bench.restart(&config);
    }
    let told: Vec<_> = told
        .iter()
        .map(|body| {
            let data = &body["data"];
            (data["reason"].as_str().unwrap(), data["remaining"].as_u64())
        })
        .collect();
    let reasons: Vec<_> = told.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons, ["pace", "used_75", "used_90", "used_up"]);
    assert_eq!(told[1].1, Some(250));
    assert_eq!(told[3].1, Some(0));
}

#[test]
fn without_a_budget_the_headers_tell_of_an_account_that_runs_out() {
    let mut bench = Bench::listening(1);
    for remaining in [1_000, 600, 250, 90, 0, 0] {
        let poll = bench.poll();
        let mut offline = answer(Observation::Offline);
        offline.credits.remaining = Some(remaining);
        let job = bench.core.answered(&poll, &offline, bench.at(), 0.5);
        if let Some(job) = job {
            bench.store(job);
        }
        bench.store_what_is_wanted();
    }
    let told = bench.bodies(EventType::CreditsLow);
    let reasons: Vec<_> = told.iter().map(|b| b["data"]["reason"].clone()).collect();
    assert_eq!(reasons, ["used_75", "used_90", "used_up"]);
    assert_eq!(told[0]["data"]["used"], 750);
    assert_eq!(told[0]["data"]["renews_at"], serde_json::Value::Null);
}

#[test]
fn who_goes_live_while_the_profile_is_asked_for_is_not_missing() {
    let mut bench = Bench::listening(1);
    let poll = bench.poll();
    bench.answer(&poll, &Observation::Offline);
    bench.now += second(1);
    let Next::Inquire(inquiry) = bench.core.next(bench.at()) else {
        panic!("no profile call")
    };
    let poll = bench.poll();
    bench.answer(&poll, &live(1, START));
    let answer = ProfileAnswer {
        finding: ProfileFinding::Missing,
        credits: Credits::default(),
    };
    bench.core.profiled(&inquiry, &answer, bench.at());
    bench.store_what_is_wanted();
    assert_eq!(bench.count(EventType::StreamStarted), 1);
    assert_eq!(bench.count(EventType::CreatorMissing), 0);
}

#[test]
fn the_learned_schedule_tells_of_the_thresholds_and_of_no_pace() {
    let mut config = listening(20);
    config.polling.schedule = ScheduleKind::Learned;
    config.budget = Some(Budget {
        credits_per_month: 2_000,
        renews_on: 15,
        end_weight: Budget::END_WEIGHT,
    });
    let mut bench = Bench::restarted(&config, Snapshot::default());
    // The month has 31 days, and began eight hours before.
    bench.quiet_until(30 * DAY);
    let told = bench.bodies(EventType::CreditsLow);
    let reasons: Vec<_> = told.iter().map(|b| b["data"]["reason"].clone()).collect();
    assert_eq!(reasons, ["used_75", "used_90"]);
}
