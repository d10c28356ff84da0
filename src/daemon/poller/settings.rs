//! From the configuration's words for one creator to the learned schedule's.
//!
//! Hours and time zones become half hours of the week in UTC, as the clocks stand at one
//! moment; they are made anew every hour, since clocks change.

use crate::config::{Creator, Hours, Polling, TimeZoneName};
use crate::domain::Timestamp;
use crate::schedule::learned::Settings;
use crate::schedule::week::WeekMask;

const MINUTES_OF_A_DAY: i32 = 1_440;
const MINUTES_OF_A_BIN: i32 = 30;

/// What the learned schedule is told of `creator`.
pub(super) fn of(creator: &Creator, polling: &Polling, now: Timestamp) -> Settings {
    Settings {
        priority: creator.priority,
        interval: creator.interval,
        min_interval: creator.min_interval.unwrap_or(polling.min_interval),
        max_interval: creator.max_interval.or(polling.max_interval),
        hours: creator
            .hours
            .as_ref()
            .map(|hours| Box::new(mask(hours, now))),
        strict_hours: creator.strict_hours,
        utc_offset: creator.time_zone.as_ref().map(|zone| offset(zone, now)),
    }
}

/// Whether the settings change when clocks do.
pub(super) fn depends_on_a_clock(creator: &Creator) -> bool {
    creator.hours.is_some() || creator.time_zone.is_some()
}

/// The half hours of the week that overlap the creator's hours.
fn mask(hours: &Hours, now: Timestamp) -> WeekMask {
    let offset = i32::from(offset(&hours.zone, now));
    let (start, end) = (i32::from(hours.start), i32::from(hours.end));
    let length = (end - start).rem_euclid(MINUTES_OF_A_DAY);
    WeekMask::from_fn(|bin| {
        let begins = i32::try_from(bin).unwrap_or(0) * MINUTES_OF_A_BIN + offset;
        let after_start = (begins - start).rem_euclid(MINUTES_OF_A_DAY);
        after_start < length || after_start + MINUTES_OF_A_BIN > MINUTES_OF_A_DAY
    })
}

/// Minutes that clocks in `zone` are ahead of UTC at `now`; 0 for a zone that is gone.
pub(super) fn offset(zone: &TimeZoneName, now: Timestamp) -> i16 {
    let at = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let offset =
        jiff::tz::TimeZone::get(zone.as_str()).map(|zone| zone.to_offset(at).seconds() / 60);
    offset
        .ok()
        .and_then(|minutes| i16::try_from(minutes).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(start: u16, end: u16, zone: &str, at: &str) -> Vec<String> {
        let hours = Hours {
            start,
            end,
            zone: TimeZoneName::new(zone).unwrap(),
        };
        let mask = mask(&hours, at.parse().unwrap());
        (0..48)
            .filter(|&bin| mask.contains(bin))
            .map(|bin| format!("{:02}:{:02}", bin / 2, bin % 2 * 30))
            .collect()
    }

    #[test]
    fn hours_of_another_zone_become_half_hours_in_utc() {
        let winter = open(18 * 60, 20 * 60, "Europe/Berlin", "2026-01-15T12:00:00Z");
        assert_eq!(winter, ["17:00", "17:30", "18:00", "18:30"]);
        let summer = open(18 * 60, 20 * 60, "Europe/Berlin", "2026-07-15T12:00:00Z");
        assert_eq!(summer, ["16:00", "16:30", "17:00", "17:30"]);
    }

    #[test]
    fn hours_may_cross_midnight_and_begin_within_a_half_hour() {
        let night = open(23 * 60 + 15, 45, "UTC", "2026-01-15T12:00:00Z");
        assert_eq!(night, ["00:00", "00:30", "23:00", "23:30"]);
    }

    #[test]
    fn every_day_of_the_week_is_alike() {
        let hours = Hours {
            start: 600,
            end: 660,
            zone: TimeZoneName::new("Asia/Kolkata").unwrap(),
        };
        let mask = mask(&hours, Timestamp::default());
        for bin in 0..336 {
            assert_eq!(mask.contains(bin), mask.contains(bin % 48));
        }
    }
}
