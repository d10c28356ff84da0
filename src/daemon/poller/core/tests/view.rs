//! What the poller shows of itself.

use super::*;
use crate::config::Budget;
use crate::web::views::{CreatorDetail, CreatorQuery, State};

fn name(number: usize) -> Username {
    creator(number).username
}

fn query(limit: usize) -> CreatorQuery {
    CreatorQuery {
        limit,
        ..CreatorQuery::default()
    }
}

#[test]
fn creators_are_counted_by_state_whatever_happens_to_them() {
    let mut bench = Bench::new(30);
    let counted = |bench: &mut Bench| {
        let census = bench.core.sight(bench.at()).creators;
        bench.core.roster.recount();
        assert_eq!(bench.core.sight(bench.at()).creators, census);
        (census.watched, census.unknown, census.offline, census.live)
    };
    assert_eq!(counted(&mut bench), (30, 30, 0, 0));
    bench.round(|n| match n {
        0..3 => live(u64::from(n), START),
        3..5 => unclear(Cause::Malformed),
        _ => Observation::Offline,
    });
    assert_eq!(counted(&mut bench), (30, 2, 25, 3));
    for _ in 0..200 {
        let poll = bench.poll();
        bench.answer(&poll, &Observation::Offline);
    }
    assert_eq!(counted(&mut bench), (30, 0, 30, 0));
}

#[test]
fn the_newest_stream_comes_first_and_the_soonest_poll() {
    let mut bench = Bench::settled(5);
    for room in 1..4_u32 {
        let poll = bench.poll();
        bench.answer(&poll, &live(u64::from(room), bench.at().wall));
        bench.now += second(1);
    }
    let sight = bench.core.sight(bench.at());
    let seen: Vec<_> = sight.live.iter().map(|l| l.stream.first_seen_at).collect();
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    assert_eq!(sight.live[0].stream.title.as_deref(), Some("a title"));
    assert_eq!(sight.live[0].stream.detection_delay_seconds, Some(0.0));
    let due: Vec<_> = sight.upcoming.iter().map(|next| next.poll.at).collect();
    assert!(due.is_sorted() && due.len() == 5, "{due:?}");
    let poll = bench.poll();
    assert_eq!(sight.upcoming[0].username, poll.username);
    assert_eq!(sight.upcoming[0].poll.reason, poll.reason.label());
    assert_eq!(sight.upcoming[0].poll.at, bench.at().wall);
}

#[test]
fn pages_hold_everybody_once_in_order_and_filters_leave_out_the_others() {
    let mut bench = Bench::settled(45);
    let poll = bench.poll();
    bench.answer(&poll, &live(1, bench.at().wall));
    let mut names = Vec::new();
    let mut next = None;
    loop {
        let query = CreatorQuery {
            after: next,
            ..query(20)
        };
        let page = bench.core.page(&query, bench.at());
        assert!(page.creators.len() <= 20);
        names.extend(page.creators.into_iter().map(|c| c.username));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let mut all: Vec<_> = (0..45).map(name).collect();
    all.sort();
    assert_eq!(names, all);

    let filtered = |state, search: Option<&str>| {
        let query = CreatorQuery {
            state,
            search: search.map(str::to_owned),
            ..query(999)
        };
        let page = bench.core.page(&query, bench.at());
        page.creators
            .into_iter()
            .map(|c| c.username)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        filtered(Some(State::Live), None),
        std::slice::from_ref(&poll.username)
    );
    assert_eq!(filtered(Some(State::Offline), None).len(), 44);
    let text = name(7).to_string();
    assert!(filtered(None, Some(&text)).contains(&name(7)));
    assert!(filtered(None, Some("nobody")).is_empty());
}

#[test]
fn a_page_of_a_long_watchlist_is_made_in_bounded_steps() {
    let bench = Bench::new(12_000);
    let nobody = CreatorQuery {
        search: Some("nobody".to_owned()),
        ..query(10)
    };
    let page = bench.core.page(&nobody, bench.at());
    assert!(page.creators.is_empty() && page.next.is_some());
    assert_eq!(
        bench.core.page(&query(9_999), bench.at()).creators.len(),
        200
    );
}

#[test]
fn one_creator_is_shown_with_its_polls_and_a_stranger_is_not() {
    let mut bench = Bench::settled(4);
    let poll = bench.poll();
    let under_way = bench.core.detail(&poll.username, bench.at()).unwrap();
    assert_eq!(under_way.creator.next_poll, None);
    let why = |detail: &CreatorDetail| detail.creator.last_reason.clone();
    assert_eq!(why(&under_way).as_deref(), Some(poll.reason.label()));
    bench.answer(&poll, &unclear(Cause::Malformed));
    let detail = bench.core.detail(&poll.username, bench.at()).unwrap();
    assert_eq!(detail.creator.last_outcome.as_deref(), Some("unclear"));
    assert_eq!(
        why(&detail).as_deref(),
        Some("interval"),
        "not the next one's"
    );
    assert_eq!(detail.creator.state, State::Offline);
    assert_eq!((detail.polls, detail.poll_share), (2, Some(0.4)));
    assert!(detail.creator.next_poll.is_some() && detail.rhythm.is_none());
    let stranger = "nobody.here".parse().unwrap();
    assert!(bench.core.detail(&stranger, bench.at()).is_none());
}

#[test]
fn a_learned_week_begins_on_monday_and_adds_up_to_its_rate() {
    let mut config = config(2);
    config.polling.schedule = crate::config::ScheduleKind::Learned;
    config.budget = Some(Budget {
        credits_per_month: 100_000,
        renews_on: 1,
        end_weight: 0.15,
    });
    let mut bench = Bench::restarted(&config, Snapshot::default());
    bench.round(|_| Observation::Offline);
    let poll = bench.poll();
    // A Monday, 20:00 UTC: bin 40.
    let monday: Timestamp = "2027-01-18T20:00:00Z".parse().unwrap();
    bench.now = monday.since(START);
    bench.answer(&poll, &live(1, monday));
    let detail = bench.core.detail(&poll.username, bench.at()).unwrap();
    let rhythm = detail.rhythm.unwrap();
    assert_eq!(rhythm.week.len(), 336);
    let most = rhythm.week.iter().copied().fold(0.0, f32::max);
    assert!((rhythm.week[40] - most).abs() < 1e-9, "{:?}", rhythm.week);
    assert!(rhythm.week[40 + 48 * 3] < most);
    let budget = bench.core.sight(bench.at()).credits.budget.unwrap();
    assert_eq!((budget.credits, budget.used), (100_000, 3));
    assert_eq!(budget.remaining, 99_997);
    // 3 in 84 hours, 316 hours to go.
    assert_eq!(
        (budget.projected_used, budget.exhausted_at),
        (Some(14), None)
    );
}
