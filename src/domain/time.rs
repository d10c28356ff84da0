//! Points in time as the program stores and prints them.
//!
//! One unit everywhere: milliseconds since 1970-01-01T00:00:00Z. Intervals are
//! [`Duration`]s; arithmetic saturates, so a hostile `published` cannot panic.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in milliseconds since the Unix epoch (UTC).
///
/// Prints and serialises as RFC 3339 with exactly three decimals,
/// `2026-02-27T18:36:42.000Z`; parses any RFC 3339 time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant that prints as RFC 3339: 0001-01-01.
    const MIN: i64 = -62_135_596_800_000;
    /// 9999-12-30, about the last instant that jiff can represent.
    const MAX: i64 = 253_402_128_000_000;

    /// The instant `millis` milliseconds after the Unix epoch, kept within the years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < Self::MIN {
            Self::MIN
        } else if millis > Self::MAX {
            Self::MAX
        } else {
            millis
        })
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Time passed since `earlier`; zero if `earlier` lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant plus `wait`, saturating.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant minus `span`, saturating.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The constructor keeps the value within what jiff can represent.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{time:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse()?;
        Ok(Self::from_millis(time.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_three_decimals_and_parses_what_it_prints() {
        let at = Timestamp::from_millis(1_772_217_402_000);
        assert_eq!(at.to_string(), "2026-02-27T18:36:42.000Z");
        assert_eq!("2026-02-27T18:36:42.000Z".parse::<Timestamp>().unwrap(), at);
        assert_eq!(
            "2026-02-27T19:36:42+01:00".parse::<Timestamp>().unwrap(),
            at
        );
    }

    #[test]
    fn arithmetic_saturates_at_the_printable_range() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(last.to_string(), "9999-12-30T00:00:00.000Z");
        let first = Timestamp::from_millis(i64::MIN);
        assert_eq!(
            first.minus(Duration::MAX).to_string(),
            "0001-01-01T00:00:00.000Z"
        );
        assert_eq!(first.since(last), Duration::ZERO);
    }
}
