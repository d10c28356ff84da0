//! When a billing month begins and ends, in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::time::Duration;

use crate::domain::Timestamp;

/// When credits are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// On this day of each month at 00:00 UTC, 1 to 31; on the last day of a month that has no such day.
    DayOfMonth(u8),
    /// At `anchor` and every `length` before and after.
    Every {
        /// Any renewal.
        anchor: Timestamp,
        /// From one to the next.
        length: Duration,
    },
}

impl Renewal {
    /// First instants of the period of `now` and of the next one.
    pub fn period_of(self, now: Timestamp) -> (Timestamp, Timestamp) {
        match self {
            Self::DayOfMonth(day) => month_of(now, day),
            Self::Every { anchor, length } => {
                let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
                let passed = now
                    .as_millis()
                    .saturating_sub(anchor.as_millis())
                    .div_euclid(length);
                let start = anchor
                    .as_millis()
                    .saturating_add(passed.saturating_mul(length));
                (
                    Timestamp::from_millis(start),
                    Timestamp::from_millis(start.saturating_add(length)),
                )
            }
        }
    }
}

fn month_of(now: Timestamp, day: u8) -> (Timestamp, Timestamp) {
    let today = jiff::Timestamp::from_millisecond(now.as_millis())
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC)
        .date();
    let this = renewal_in(today.first_of_month(), day);
    if today >= this {
        (
            midnight(this),
            midnight(renewal_in(first_of_next(today), day)),
        )
    } else {
        let before = today.first_of_month().yesterday().unwrap_or(Date::MIN);
        (
            midnight(renewal_in(before.first_of_month(), day)),
            midnight(this),
        )
    }
}

fn first_of_next(date: Date) -> Date {
    date.last_of_month().tomorrow().unwrap_or(Date::MAX)
}

/// The renewal in the month that begins with `first`.
fn renewal_in(first: Date, day: u8) -> Date {
    let last = first.last_of_month();
    let day = i8::try_from(day.clamp(1, 31)).unwrap_or(31).min(last.day());
    Date::new(first.year(), first.month(), day).unwrap_or(last)
}

fn midnight(date: Date) -> Timestamp {
    let millis = date
        .to_zoned(TimeZone::UTC)
        .map_or(i64::MAX, |at| at.timestamp().as_millisecond());
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(now: &str, day: u8) -> (String, String) {
        let (start, end) = Renewal::DayOfMonth(day).period_of(now.parse().unwrap());
        (
            start.to_string()[..10].to_owned(),
            end.to_string()[..10].to_owned(),
        )
    }

    #[test]
    fn months_begin_on_the_day_of_renewal_or_on_the_last_day_of_a_shorter_month() {
        let cases = [
            ("2026-02-27T18:00:00Z", 1, "2026-02-01", "2026-03-01"),
            ("2026-02-27T18:00:00Z", 31, "2026-01-31", "2026-02-28"),
            ("2026-02-28T00:00:00Z", 31, "2026-02-28", "2026-03-31"),
            ("2028-02-28T23:59:59Z", 30, "2028-01-30", "2028-02-29"),
            ("2028-02-29T00:00:00Z", 29, "2028-02-29", "2028-03-29"),
            ("2026-02-28T00:00:00Z", 29, "2026-02-28", "2026-03-29"),
            ("2026-04-30T00:00:00Z", 31, "2026-04-30", "2026-05-31"),
            ("2026-01-15T00:00:00Z", 28, "2025-12-28", "2026-01-28"),
            ("2026-12-31T23:00:00Z", 15, "2026-12-15", "2027-01-15"),
        ];
        for (now, day, start, end) in cases {
            assert_eq!(
                period(now, day),
                (start.to_owned(), end.to_owned()),
                "{now} {day}"
            );
        }
    }

    proptest! {
        #[test]
        fn periods_join_without_gap_and_hold_their_moment(
            now in 0_i64..4_000_000_000_000, day in 1_u8..=31
        ) {
            let now = Timestamp::from_millis(now);
            let (start, end) = Renewal::DayOfMonth(day).period_of(now);
            prop_assert!(start <= now && now < end);
            let days = end.since(start).as_secs() / 86_400;
            prop_assert!((28..=31).contains(&days), "{}", days);
            let next = Renewal::DayOfMonth(day).period_of(end);
            prop_assert_eq!(next.0, end);
            let last_moment = Timestamp::from_millis(end.as_millis() - 1);
            prop_assert_eq!(Renewal::DayOfMonth(day).period_of(last_moment), (start, end));
        }
    }
}
