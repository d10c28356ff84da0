use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn start() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn month(used: u64, remaining: u64) -> Standing {
    Standing {
        period: start(),
        used,
        remaining,
        renews_at: Some(start().plus(HOUR * 720)),
        must_last_until: None,
    }
}

/// The marks that are told as `standings` come in.
fn marks(watch: &mut CreditWatch, standings: &[Standing]) -> Vec<&'static str> {
    let told = standings.iter().filter_map(|s| watch.judge(s, start()));
    told.map(|news| news.mark.label()).collect()
}

#[test]
fn each_threshold_is_told_once_and_at_its_very_credit() {
    let life: Vec<_> = (0..=1_000).map(|used| month(used, 1_000 - used)).collect();
    let mut watch = CreditWatch::default();
    let told: Vec<_> = life
        .iter()
        .filter_map(|s| watch.judge(s, start()))
        .map(|news| (news.mark.label(), news.standing.used))
        .collect();
    assert_eq!(
        told,
        [("used_75", 750), ("used_90", 900), ("used_up", 1_000)]
    );
    assert!(marks(&mut watch, &life).is_empty(), "told again");
}

#[test]
fn a_leap_over_several_marks_is_told_as_the_last_of_them() {
    let table: [(u64, u64, &[&str]); 6] = [
        (0, 1_000, &[]),
        (749, 251, &[]),
        (800, 200, &["used_75"]),
        (950, 50, &["used_90"]),
        (1_000, 0, &["used_up"]),
        // An account that is empty when it is first seen.
        (0, 0, &["used_up"]),
    ];
    for (used, remaining, expected) in table {
        let twice = [month(used, remaining); 2];
        let mut watch = CreditWatch::default();
        assert_eq!(marks(&mut watch, &twice), expected, "{used}");
    }
}

#[test]
fn what_was_told_survives_a_restart_and_is_told_anew_in_the_next_month() {
    let mut watch = CreditWatch::default();
    assert_eq!(marks(&mut watch, &[month(80, 20)]), ["used_75"]);
    let stored = serde_json::to_string(watch.told()).unwrap();
    let mut watch = CreditWatch::restored(serde_json::from_str(&stored).unwrap());
    assert!(marks(&mut watch, &[month(81, 19)]).is_empty());
    let mut next = month(75, 25);
    next.period = start().plus(HOUR * 720);
    assert_eq!(marks(&mut watch, &[next]), ["used_75"]);
    // A clock that is set back finds the month before told.
    assert!(marks(&mut watch, &[month(95, 5)]).is_empty());
    assert!(marks(&mut watch, &[next]).is_empty());
}

/// Uses `a_day` credits a day out of 10,000 for `hours`; when the first news comes, and which.
fn pace(a_day: u64, hours: u64) -> Option<(u64, &'static str)> {
    let mut watch = CreditWatch::default();
    let end = start().plus(HOUR * 720);
    (0..hours).find_map(|hour| {
        let used = hour * a_day / 24;
        let mut standing = month(used, 10_000 - used);
        standing.must_last_until = Some(end);
        let news = watch.judge(&standing, start().plus(HOUR * u32::try_from(hour).unwrap()))?;
        Some((hour, news.mark.label()))
    })
}

#[test]
fn a_pace_that_does_not_last_the_month_is_told_within_hours_and_one_that_does_never() {
    assert_eq!(pace(1_000, 720), Some((7, "pace")));
    assert_eq!(pace(400, 720), Some((7, "pace")));
    // 9,900 in the month: nothing but the thresholds.
    assert_eq!(pace(330, 720), Some((546, "used_75")));
}

#[test]
fn the_burst_of_first_polls_is_no_pace() {
    let mut watch = CreditWatch::default();
    let minute = Duration::from_mins(1);
    for n in 0..720_u32 {
        // 2,000 in the first hour, then 10 an hour.
        let used = u64::from(n.min(60)) * 33 + u64::from(n / 6);
        let mut standing = month(used, 10_000 - used);
        standing.must_last_until = standing.renews_at;
        assert_eq!(watch.judge(&standing, start().plus(minute * n)), None);
    }
}

#[test]
fn without_a_budget_the_account_itself_is_the_measure() {
    let mut watch = CreditWatch::default();
    let mut told = Vec::new();
    let mut hear = |watch: &mut CreditWatch, remaining: u64, hour: u32| {
        let now = start().plus(HOUR * hour);
        let standing = watch.hear(remaining, now);
        if let Some(news) = watch.judge(&standing, now) {
            told.push((news.mark.label(), news.standing.remaining));
        }
    };
    for (hour, remaining) in [(0, 4_000), (1, 3_990), (2, 1_001), (3, 1_000), (4, 1_030)] {
        hear(&mut watch, remaining, hour);
    }
    assert!(watch.take_changed() && !watch.take_changed());
    for (hour, remaining) in [(5, 400), (30, 0), (31, 0)] {
        hear(&mut watch, remaining, hour);
    }
    // Renewed, and used again.
    for (hour, remaining) in [(700, 25_000), (701, 6_000), (702, 25_000), (703, 5_900)] {
        hear(&mut watch, remaining, hour);
    }
    assert_eq!(
        told,
        [
            ("used_75", 1_000),
            ("used_90", 400),
            ("used_up", 0),
            ("used_75", 6_000),
        ]
    );
}

#[test]
fn without_a_budget_credits_that_are_gone_in_three_days_are_told() {
    let told = |an_hour: u64| {
        let mut watch = CreditWatch::default();
        (0..24_u32).any(|hour| {
            let now = start().plus(HOUR * hour);
            let standing = watch.hear(10_000 - u64::from(hour) * an_hour, now);
            let news = watch.judge(&standing, now);
            news.is_some_and(|news| news.mark == Mark::Pace)
        })
    };
    assert!(told(150));
    assert!(!told(100));
}

#[test]
fn a_month_that_is_counted_from_another_day_is_told_of_after_a_restart_too() {
    let told = |since: Timestamp| {
        let mut watch = CreditWatch::default();
        let mut standing = month(80, 20);
        standing.period = since;
        assert!(watch.judge(&standing, start()).is_some());
        CreditWatch::restored(watch.told().clone())
    };
    let now = start().plus(HOUR * 240);
    // Begins earlier than the month that was told, which is no clock that was set back.
    let mut watch = told(start().plus(HOUR * 120));
    assert!(watch.judge(&month(80, 20), now).is_some());
    // Neither is an account that was seen first within the month, and has a budget now.
    let mut watch = CreditWatch::default();
    watch.hear(100, start().plus(HOUR * 100));
    let standing = watch.hear(10, start().plus(HOUR * 101));
    assert!(watch.judge(&standing, start().plus(HOUR * 101)).is_some());
    let mut watch = CreditWatch::restored(watch.told().clone());
    assert!(watch.judge(&month(80, 20), now).is_some());
}
