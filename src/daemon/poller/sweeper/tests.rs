use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn cursor(page: usize) -> Cursor {
    Cursor::new(&format!("c{page}")).unwrap()
}

fn sweeper() -> Sweeper {
    let account = "watcher".parse().unwrap();
    Sweeper::new(account, None, (Duration::ZERO, Timestamp::default()))
}

/// Reads the three pages from the first on, with these on them.
fn round(sweeper: &mut Sweeper, on: [&[CreatorIndex]; 3], now: Duration) {
    for (page, members) in on.into_iter().enumerate() {
        let next = sweeper.next(now).unwrap();
        assert_eq!((next.page as usize, next.in_round), (page, true));
        let from = sweeper.started(next);
        assert_eq!(from, (page > 0).then(|| cursor(page)));
        let after = (page < 2).then(|| cursor(page + 1));
        sweeper.read(members, after.as_ref(), 9, now);
        sweeper.plan(next.page, Duration::MAX);
    }
}

#[test]
fn a_cursor_that_fails_is_not_reused_for_a_day_and_pages_are_reached_through_those_before() {
    let mut sweeper = sweeper();
    round(&mut sweeper, [&[0], &[1], &[2]], MINUTE);
    assert!(sweeper.is_complete());
    sweeper.plan(2, 10 * MINUTE);
    let next = sweeper.next(10 * MINUTE).unwrap();
    assert_eq!((next.page, next.in_round), (2, false));
    assert_eq!(sweeper.started(next), Some(cursor(2)));
    sweeper.failed(Failure::Lasting, 10 * MINUTE);
    assert!(!sweeper.is_complete() && sweeper.pages() == 2);
    round(&mut sweeper, [&[0], &[1], &[2]], 10 * MINUTE);
    sweeper.plan(2, 60 * MINUTE);
    round(&mut sweeper, [&[0], &[1], &[2]], 60 * MINUTE);
    let later = 60 * MINUTE + DISTRUST;
    sweeper.plan(2, later);
    let next = sweeper.next(later).unwrap();
    assert_eq!((next.page, next.in_round), (2, false));
}

#[test]
fn a_passing_failure_blames_no_cursor_and_waits_longer_each_time() {
    let mut sweeper = sweeper();
    round(&mut sweeper, [&[0], &[1], &[2]], MINUTE);
    let mut now = 10 * MINUTE;
    sweeper.plan(1, now);
    for wait in [1, 2, 4] {
        let next = sweeper.next(now).unwrap();
        assert_eq!((next.page, next.in_round, next.at), (1, false, now));
        sweeper.started(next);
        sweeper.failed(Failure::Passing, now);
        now += wait * MINUTE;
    }
    assert_eq!(sweeper.pages(), 3);
}

#[test]
fn who_is_on_no_page_once_is_not_missing_and_twice_is() {
    let mut sweeper = sweeper();
    let now = [MINUTE, 10 * MINUTE, 20 * MINUTE];
    round(&mut sweeper, [&[0], &[1], &[2]], now[0]);
    assert!(sweeper.is_missing(3) && !sweeper.is_missing(1));
    sweeper.look_again(now[1]);
    round(&mut sweeper, [&[0], &[], &[2]], now[1]);
    assert!(!sweeper.is_missing(1));
    sweeper.look_again(now[2]);
    round(&mut sweeper, [&[0], &[], &[2]], now[2]);
    assert!(sweeper.is_missing(1) && !sweeper.is_missing(2));
}

#[test]
fn the_list_is_read_no_further_than_bounded() {
    let mut sweeper = sweeper();
    for page in 0..MOST_PAGES {
        let next = sweeper.next(MINUTE).unwrap();
        assert_eq!(next.page as usize, page);
        sweeper.started(next);
        sweeper.read(&[], Some(&cursor(page + 1)), 9, MINUTE);
    }
    assert_eq!(sweeper.pages(), MOST_PAGES);
    assert!(sweeper.is_complete());
}
