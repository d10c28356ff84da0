#![expect(clippy::float_cmp, reason = "the same inputs give the same bits")]

use super::outlook::evening;
use super::*;
use crate::domain::Timestamp;
use crate::schedule::week::WeekMask;

const WEEK: i64 = 604_800;
/// A Monday, 20:00 UTC.
const MONDAY: i64 = 1_767_643_200;

fn at(seconds: i64) -> Moment {
    Moment::from(Timestamp::from_millis(seconds * 1000))
}

fn taught(starts: impl Iterator<Item = i64>) -> Rhythm {
    let mut rhythm = Rhythm::new(at(MONDAY - WEEK));
    for start in starts {
        rhythm.learn(&Population::default(), at(start));
    }
    rhythm
}

fn shape(rhythm: &Rhythm, hours: Hours<'_>, seconds: i64) -> f32 {
    let population = Population::default();
    let outlook = rhythm.outlook(&population, hours, at(MONDAY + 20 * WEEK));
    outlook.intensity(at(seconds).bin(), 0.0) / outlook.rate
}

/// Between two polls.
fn span(since: Moment, now: Moment) -> Span {
    Span {
        since: Some(since),
        now,
        share: 1.0,
    }
}

#[test]
fn a_creator_without_history_costs_no_table_and_is_expected_at_any_hour() {
    let rhythm = Rhythm::new(at(MONDAY));
    assert!(rhythm.tables.is_none());
    assert_eq!(shape(&rhythm, Hours::default(), MONDAY), 1.0);
}

#[test]
fn a_weekly_slot_is_told_from_an_hour_of_the_day() {
    let weekly = taught((0..8).map(|week| MONDAY + week * WEEK));
    let daily = taught((0..24).map(|day| MONDAY + day * 86_400));
    let (monday, tuesday) = (MONDAY, MONDAY + 86_400);
    let of = |rhythm: &Rhythm, when| shape(rhythm, Hours::default(), when);
    assert!(
        of(&weekly, monday) > 20.0 * of(&weekly, tuesday),
        "{} {}",
        of(&weekly, monday),
        of(&weekly, tuesday)
    );
    assert!(of(&daily, tuesday) > 3.0 && of(&daily, tuesday + 9 * 3_600) < 0.5);
}

#[test]
fn a_slot_that_is_watched_in_vain_fades_and_one_never_watched_does_not() {
    let mut watched = taught((0..4).map(|week| MONDAY + week * WEEK));
    let before = shape(&watched, Hours::default(), MONDAY);
    let untouched = watched.clone();
    let mut population = Population::default();
    for week in 4..8 {
        let last = MONDAY + week * WEEK - 3_600;
        for poll in 1..4 {
            let span = span(at(last + (poll - 1) * 2_400), at(last + poll * 2_400));
            watched.expose(&mut population, Hours::default(), span, None);
        }
    }
    assert!(shape(&watched, Hours::default(), MONDAY) < 0.8 * before);
    assert_eq!(shape(&untouched, Hours::default(), MONDAY), before);
}

#[test]
fn silence_lowers_the_rate_and_a_hit_ends_it() {
    let mut population = Population::default();
    let mut rhythm = Rhythm::new(at(MONDAY));
    let fresh = rhythm.rate(&population, at(MONDAY));
    let mut last = at(MONDAY);
    for hour in 1..=28 * 24 {
        let now = at(MONDAY + hour * 3_600);
        rhythm.expose(&mut population, Hours::default(), span(last, now), None);
        last = now;
    }
    let silent = rhythm.rate(&population, last);
    assert!(silent < 0.2 * fresh, "{silent} {fresh}");
    let now = last.plus_minutes(60.0);
    rhythm.expose(
        &mut population,
        Hours::default(),
        span(last, now),
        Some(last),
    );
    assert_eq!(rhythm.silence, 0.0);
    assert!(rhythm.rate(&population, now) > silent);
}

#[test]
fn what_was_not_looked_at_is_no_evidence_of_absence() {
    let mut population = Population::default();
    let (mut asked, mut unasked) = (Rhythm::new(at(MONDAY)), Rhythm::new(at(MONDAY)));
    for hour in 1..=14 * 24 {
        let span = span(at(MONDAY + (hour - 1) * 3_600), at(MONDAY + hour * 3_600));
        asked.expose(&mut population, Hours::default(), span, None);
    }
    let end = at(MONDAY + 2 * WEEK);
    unasked.expose(
        &mut population,
        Hours::default(),
        span(at(MONDAY), end),
        None,
    );
    assert!(
        asked.weeks > 1.0 && unasked.weeks < 0.02,
        "{} {}",
        asked.weeks,
        unasked.weeks
    );
}

#[test]
fn outside_its_hours_nobody_is_expected() {
    let night = WeekMask::from_fn(|bin| bin % DAY_BINS < 12);
    let hours = Hours {
        open: Some(&night),
        utc_offset: None,
    };
    let rhythm = taught((0..4).map(|week| MONDAY + week * WEEK));
    assert_eq!(shape(&rhythm, hours, MONDAY), 0.0);
    assert!(shape(&rhythm, hours, MONDAY + 6 * 3_600) > 0.0);
}

#[test]
fn a_time_zone_makes_the_evening_likelier_until_more_is_known() {
    let hours = |utc_offset| Hours {
        open: None,
        utc_offset: Some(utc_offset),
    };
    let fresh = Rhythm::new(at(MONDAY));
    let mean: f32 = (0..BINS).map(|bin| evening(bin, 330)).sum::<f32>() / BINS as f32;
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
    assert!(shape(&fresh, hours(0), MONDAY) > 1.5, "20:00 there");
    assert!(shape(&fresh, hours(480), MONDAY) < 0.7, "04:00 there");
    let mornings = taught((0..30).map(|day| MONDAY + day * 86_400 - 12 * 3_600));
    assert!(shape(&mornings, hours(0), MONDAY - 12 * 3_600) > 3.0);
    assert!(shape(&mornings, hours(0), MONDAY) < 0.5);
}

#[test]
fn a_start_adds_one_unit_of_mass_wherever_it_lies() {
    for minute in (0..10_080).step_by(7) {
        let mut table = [0.0_f32; BINS];
        spread(&mut table, minute as f32, WEEK_SIGMA);
        assert!((table.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let peak = table.iter().copied().fold(0.0, f32::max);
        assert!(table[minute / 30] >= peak - 1e-5, "{minute}");
    }
}
