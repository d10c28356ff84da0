//! Sweeps among the polls, with a list that the test writes.

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::config::{Budget, ScheduleKind, Sweep as Account};
use crate::daemon::poller::core::News;
use crate::daemon::poller::orders::Sweep;
use crate::konbini::answer::{Cursor, FollowingAnswer, FollowingFinding, FollowingPage, Member};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// The following list: who is on it, under which id, and who is flagged.
#[derive(Debug, Default)]
pub(super) struct List {
    members: Vec<(String, String)>,
    flagged: HashSet<String>,
    /// What is said in place of pages, in order.
    scripted: VecDeque<FollowingFinding>,
    /// How long cursors work, if not for ever.
    cursors_last: Option<Duration>,
    asked: Vec<(u32, Duration)>,
    credits: u64,
}

impl List {
    fn answer(&mut self, cursor: Option<&Cursor>, now: Duration) -> FollowingFinding {
        if let Some(finding) = self.scripted.pop_front() {
            return finding;
        }
        let (from, issued) = cursor.map_or((0, now), |cursor| {
            let (from, issued) = cursor.as_str().split_once('-').unwrap();
            (
                from.parse().unwrap(),
                Duration::from_millis(issued.parse().unwrap()),
            )
        });
        if now.saturating_sub(issued) > self.cursors_last.unwrap_or(Duration::MAX) {
            return FollowingFinding::Unclear(Unclear::new(Cause::InvalidUsername, "expired"));
        }
        let to = from + 30;
        let on_it = self.members.iter().skip(from).take(30);
        FollowingFinding::Page(FollowingPage {
            members: on_it
                .map(|(name, id)| member(name, id, self.flagged.contains(name)))
                .collect(),
            next: (to < self.members.len())
                .then(|| Cursor::new(&format!("{to}-{}", now.as_millis())).unwrap()),
        })
    }
}

fn member(name: &str, id: &str, is_live: bool) -> Member {
    Member {
        username: name.parse().unwrap(),
        profile: Profile {
            id: Some(id.to_owned()),
            ..Profile::default()
        },
        is_live: Some(is_live),
    }
}

fn swept(creators: usize, credits: u64) -> Config {
    let mut config = config(creators);
    config.polling.schedule = ScheduleKind::Learned;
    config.budget = Some(Budget {
        credits_per_month: credits,
        renews_on: 15,
        end_weight: Budget::END_WEIGHT,
    });
    let mut webhook = Arc::unwrap_or_clone(config.webhooks.remove(0));
    webhook.events = EventType::ALL.to_vec();
    config.webhooks = vec![Arc::new(webhook)];
    config.sweep = Some(Account {
        account: "watcher".parse().unwrap(),
    });
    config
}

fn name(number: usize) -> String {
    format!("creator{number}")
}

impl Bench {
    pub(super) fn sweep(&mut self, sweep: &Sweep) {
        self.list.asked.push((sweep.page, self.now));
        let finding = self.list.answer(sweep.cursor.as_ref(), self.now);
        let used = u64::from(!matches!(finding, FollowingFinding::Unclear(_)));
        self.list.credits += used;
        let answer = FollowingAnswer {
            finding,
            credits: Credits {
                used: Some(used),
                remaining: None,
            },
        };
        self.core.swept(sweep, &answer, self.at());
        self.store_what_is_wanted();
    }

    /// Everybody is watched and followed, and was seen offline lately.
    fn swept(creators: usize) -> Self {
        let mut bench = Self::restarted(&swept(creators, 25_000), Snapshot::default());
        bench.list.members = (0..creators).map(|n| (name(n), format!("id{n}"))).collect();
        for _ in 0..creators {
            let poll = bench.poll_before(MINUTE).unwrap();
            bench.answer(&poll, &Observation::Offline);
        }
        bench
    }

    /// Polls until `end`; those in `live` are live from their start on.
    fn run(
        &mut self,
        end: Duration,
        live_ones: &[(usize, Duration)],
    ) -> Vec<(Username, Reason, Duration)> {
        let mut polls = Vec::new();
        while let Some(poll) = self.poll_before(end) {
            polls.push((poll.username.clone(), poll.reason, self.now));
            let is = |&&(number, from): &&(usize, Duration)| {
                poll.username.as_str() == name(number) && from <= self.now
            };
            let observation = live_ones
                .iter()
                .find(is)
                .map_or(Observation::Offline, |&(n, from)| {
                    live(n as u64 + 1, START.plus(from))
                });
            self.answer(&poll, &observation);
        }
        polls
    }

    fn sweeps_after(&self, from: Duration) -> Vec<u32> {
        let asked = self.list.asked.iter().filter(|(_, at)| *at >= from);
        asked.map(|(page, _)| *page).collect()
    }

    fn plans(&self) -> Vec<(Option<Duration>, Reason)> {
        let plan = |n| {
            let creator = self.core.roster.find(&name(n).parse().unwrap()).unwrap();
            let reason = self.core.roster.entry(creator).reason;
            (self.core.queue.due_of(creator), reason)
        };
        (0..self.core.roster.len()).map(plan).collect()
    }
}

#[test]
fn the_list_is_read_once_everybody_was_looked_at_and_a_flag_brings_a_poll_at_once() {
    let mut bench = Bench::swept(40);
    bench.list.flagged.insert(name(33));
    let from = bench.now;
    let polls = bench.run(from + 3 * MINUTE, &[(33, from)]);
    assert_eq!(bench.sweeps_after(Duration::ZERO), [0, 1]);
    let (who, reason, at) = &polls[0];
    assert_eq!((who.as_str(), *reason), ("creator33", Reason::Hinted));
    // Its own least gap of a minute is over by then.
    assert!(*at <= from + MINUTE + second(5), "{at:?}");
    assert_eq!(bench.count(EventType::StreamStarted), 1);
    let sweeps = bench.core.sweeps().unwrap();
    assert_eq!((sweeps.found, sweeps.credits, sweeps.pages), (1, 2, 2));
    assert!(sweeps.minutes_saved > 5.0, "{}", sweeps.minutes_saved);
    assert_eq!(sweeps.missing_in_all, Some(0));
}

#[test]
fn a_flag_alone_starts_nothing_and_a_false_one_costs_one_poll() {
    let mut bench = Bench::swept(20);
    bench.list.flagged.insert(name(3));
    let from = bench.now;
    let polls = bench.run(from + 30 * MINUTE, &[]);
    let hinted = polls.iter().filter(|(_, why, _)| *why == Reason::Hinted);
    assert_eq!(hinted.count(), 1);
    assert_eq!(bench.count(EventType::StreamStarted), 0);
    assert_eq!(bench.core.sweeps().unwrap().found, 0);
}

#[test]
fn a_page_that_says_nothing_moves_nobody() {
    let findings = [
        FollowingFinding::Hidden,
        FollowingFinding::Page(FollowingPage::default()),
        FollowingFinding::Unclear(Unclear::new(Cause::Malformed, "as scripted")),
        FollowingFinding::Unclear(Unclear::new(Cause::ServerFault, "as scripted")),
        FollowingFinding::Page(FollowingPage {
            members: vec![member("stranger", "s", true), member("another", "a", false)],
            next: None,
        }),
    ];
    for finding in findings {
        let mut bench = Bench::swept(20);
        bench.list.scripted.push_back(finding.clone());
        let before = bench.plans();
        let end = bench.now + second(1);
        assert_eq!(bench.poll_before(end), None);
        assert_eq!(bench.list.asked.len(), 1);
        assert_eq!(bench.plans(), before, "{finding:?}");
    }
}

#[test]
fn no_flag_on_a_live_member_brings_its_poll_forward_and_ends_nothing() {
    let mut bench = Bench::swept(30);
    bench.list.flagged.insert(name(7));
    let from = bench.now;
    bench.run(from + 40 * MINUTE, &[(7, from)]);
    assert_eq!(bench.count(EventType::StreamStarted), 1);
    // The next sweep still shows it, the one after does not: it may have ended.
    let sweeps = bench.list.asked.len();
    while bench.list.asked.len() == sweeps {
        let end = bench.now + MINUTE;
        bench.run(end, &[(7, from)]);
    }
    bench.list.flagged.clear();
    let sweeps = bench.list.asked.len();
    let mut polls = Vec::new();
    while bench.list.asked.len() == sweeps {
        let end = bench.now + second(10);
        polls = bench.run(end, &[(7, from)]);
    }
    let end = bench.now + MINUTE;
    polls.extend(bench.run(end, &[(7, from)]));
    let hinted = |(who, why, _): &(Username, Reason, Duration)| {
        who.as_str() == name(7) && *why == Reason::Hinted
    };
    assert!(polls.iter().any(hinted), "{polls:?}");
    assert_eq!(bench.count(EventType::StreamEnded), 0);
    let end = bench.now + 3 * DAY;
    bench.run(end, &[]);
    assert_eq!(bench.count(EventType::StreamEnded), 1);
}

#[test]
fn a_cursor_that_expires_has_the_list_read_from_its_first_page_and_no_loop() {
    let mut bench = Bench::swept(70);
    bench.list.cursors_last = Some(MINUTE);
    let from = bench.now;
    bench.run(from + DAY, &[]);
    let asked = bench.sweeps_after(from);
    assert_eq!(asked[..3], [0, 1, 2]);
    // A reused cursor failed once; from then on pages are reached through those before them.
    let broken = asked
        .windows(2)
        .filter(|two| two[1] > 0 && two[1] != two[0] + 1);
    assert!(broken.count() <= 1, "{asked:?}");
    assert!(asked.len() > 6 && asked.len() < 200, "{asked:?}");
    assert_eq!(bench.core.sweeps().unwrap().missing_in_all, Some(0));
}

#[test]
fn a_list_that_keeps_failing_is_asked_for_more_and_more_rarely() {
    let mut bench = Bench::swept(20);
    bench.list.scripted = std::iter::repeat_n(FollowingFinding::Hidden, 10_000).collect();
    let from = bench.now;
    bench.run(from + 2 * DAY, &[]);
    assert!(bench.list.asked.len() < 20, "{}", bench.list.asked.len());
    assert!(bench.core.sweeps().unwrap().hidden);
}

#[test]
fn a_new_name_on_a_page_is_a_rename() {
    let mut bench = Bench::swept(20);
    let end = bench.now + 2 * MINUTE;
    bench.run(end, &[]);
    assert_eq!(bench.count(EventType::CreatorRenamed), 0);
    bench.list.members[4].0 = "somebody.new".to_owned();
    let end = bench.now + 2 * DAY;
    bench.run(end, &[]);
    assert_eq!(bench.count(EventType::CreatorRenamed), 1);
    let renamed = bench
        .changes
        .iter()
        .flat_map(|change| &change.events)
        .find(|event| event.event.kind == EventType::CreatorRenamed)
        .unwrap();
    assert!(renamed.event.body.contains("somebody.new"));
}

#[test]
fn nobody_sweeps_while_the_key_is_refused() {
    let mut bench = Bench::swept(20);
    let refused = FollowingFinding::Unclear(Unclear::new(Cause::KeyRefused, "as scripted"));
    bench.list.scripted.push_back(refused);
    let end = bench.now + second(1);
    assert_eq!(bench.poll_before(end), None);
    assert_eq!(bench.list.asked.len(), 1);
    // Polls find out now and then whether the key works; sweeps wait for them.
    let end = bench.now + 6 * 60 * MINUTE;
    while let Some(poll) = bench.poll_before(end) {
        bench.answer(&poll, &unclear(Cause::KeyRefused));
    }
    assert_eq!(bench.list.asked.len(), 1);
    let end = bench.now + 6 * 60 * MINUTE;
    bench.run(end, &[]);
    assert!(bench.list.asked.len() > 1);
}

#[test]
fn who_is_not_on_the_list_is_named_and_who_leaves_a_page_for_a_while_is_not() {
    let mut bench = Bench::restarted(&swept(40, 25_000), Snapshot::default());
    bench.list.members = (0..38).map(|n| (name(n), format!("id{n}"))).collect();
    bench.run(MINUTE, &[]);
    let sweeps = bench.core.sweeps().unwrap();
    let names: Vec<_> = sweeps.missing.iter().map(Username::as_str).collect();
    assert_eq!(names, ["creator38", "creator39"]);
    // Somebody is on neither page while pages change.
    let one = bench.list.members.remove(5);
    let reads = bench.list.asked.len();
    while bench.list.asked.len() < reads + 2 {
        let end = bench.now + MINUTE;
        bench.run(end, &[]);
    }
    assert_eq!(bench.core.sweeps().unwrap().missing_in_all, Some(2));
    bench.list.members.push(one);
    let end = bench.now + DAY;
    bench.run(end, &[]);
    assert_eq!(bench.core.sweeps().unwrap().missing_in_all, Some(2));
}

#[test]
fn sweeps_follow_a_reload_and_a_restart() {
    let mut bench = Bench::swept(40);
    let end = bench.now + 2 * MINUTE;
    bench.run(end, &[]);
    assert_eq!(bench.list.asked.len(), 2);
    let reload = |bench: &mut Bench, config: &Config| {
        let news = News {
            config,
            known: (Snapshot::default(), Vec::new()),
            other_source: false,
            other_account: false,
        };
        bench.core.reload(news, bench.at());
        let end = bench.now + 5 * MINUTE;
        bench.run(end, &[]);
        std::mem::take(&mut bench.list.asked).len()
    };
    bench.list.asked.clear();
    // The same once more reads nothing; one creator more reads the list anew.
    assert_eq!(reload(&mut bench, &swept(40, 25_000)), 0);
    assert_eq!(reload(&mut bench, &swept(41, 25_000)), 2);
    let mut without = swept(41, 25_000);
    without.sweep = None;
    assert_eq!(reload(&mut bench, &without), 0);
    assert!(bench.core.sweeps().is_none());
    assert_eq!(reload(&mut bench, &swept(41, 25_000)), 2);
    let mut fixed = swept(41, 25_000);
    fixed.polling.schedule = ScheduleKind::Fixed;
    assert_eq!(reload(&mut bench, &fixed), 0);
    assert_eq!(reload(&mut bench, &swept(41, 25_000)), 2);

    bench.checkpoint(true);
    let stored = bench
        .checkpoints
        .iter()
        .rev()
        .find_map(|c| c.sweeps.clone());
    let snapshot = Snapshot {
        sweeps: stored,
        ..Snapshot::default()
    };
    let known = bench.core.sweeps().unwrap();
    let again = Bench::restarted(&swept(41, 25_000), snapshot);
    let after = again.core.sweeps().unwrap();
    assert_eq!((after.recall, after.credits), (known.recall, known.credits));
}

#[test]
fn a_late_page_of_another_account_says_nothing_of_this_one() {
    let mut bench = Bench::swept(40);
    let sweep = loop {
        match bench.core.next(bench.at()) {
            Next::Sweep(sweep) => break sweep,
            Next::WaitUntil(due) => bench.now = due,
            Next::Poll(poll) => bench.answer(&poll, &Observation::Offline),
            other => panic!("{other:?}"),
        }
        bench.store_what_is_wanted();
    };
    let news = News {
        config: &swept(40, 25_000),
        known: (Snapshot::default(), Vec::new()),
        other_source: true,
        other_account: true,
    };
    bench.core.reload(news, bench.at());
    let answer = FollowingAnswer {
        finding: FollowingFinding::Hidden,
        credits: Credits {
            used: Some(1),
            remaining: Some(17),
        },
    };
    bench.core.swept(&sweep, &answer, bench.at());
    assert_eq!(bench.core.account_remaining, None);
    let told = bench.count(EventType::CreditsLow);
    assert_eq!(told, 0, "17 credits are the old account's");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn polls_and_sweeps_together_never_use_more_than_the_budget(
        seed in prop::collection::vec((0_u8..8, 0_u8..4), 50..150),
        budget in 100_u64..1_500,
    ) {
        let mut bench = Bench::restarted(&swept(40, budget), Snapshot::default());
        bench.list.members = (0..40).map(|n| (name(n), format!("id{n}"))).collect();
        let mut polls = 0;
        let mut turns = seed.iter().cycle();
        // The month began eight hours before.
        let month = (31 * DAY).saturating_sub(Duration::from_hours(8));
        while let Some(poll) = bench.poll_before(month) {
            let &(say, page) = turns.next().unwrap();
            let observation = match say {
                0..5 => Observation::Offline,
                5 | 6 => live(u64::from(say), START),
                _ => unclear(Cause::ServerFault),
            };
            polls += u64::from(say < 7);
            match page {
                0 => bench.list.flagged.clear(),
                1 => drop(bench.list.flagged.insert(name(usize::from(say) * 5))),
                2 if say == 0 => bench.list.scripted.push_back(FollowingFinding::Hidden),
                _ => bench.list.flagged.extend((0..40).map(name)),
            }
            bench.answer(&poll, &observation);
        }
        prop_assert!(polls + bench.list.credits <= budget, "{polls} + {}", bench.list.credits);
        // The trial of a very small budget may be worth no sweep at all.
        prop_assert!(budget < 500 || bench.list.credits > 0);
    }
}
