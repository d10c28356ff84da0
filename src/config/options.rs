//! The values of single keys that are more than a number: hours, rates, formats, styles.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Secret;
use crate::domain::Username;

/// The name of a time zone that this machine knows, for example `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZoneName(Arc<str>);

/// Hours of the day in which a creator goes live: `18:00-02:00 Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// First minute of the day, 0 to 1439.
    pub start: u16,
    /// The minute after the last, 0 to 1439; before `start` if midnight lies between.
    pub end: u16,
    /// Whose day.
    pub zone: TimeZoneName,
}

/// Why a text holds no hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not of the form `HH:MM-HH:MM ZONE`.
    #[error("holds no hours of the day")]
    Form,
    /// Start and end are the same.
    #[error("begins when it ends")]
    Empty,
    /// No zone in the text and none for the creator.
    #[error("does not say in which time zone")]
    NoZone,
    /// A zone that this machine does not know.
    #[error("names an unknown time zone")]
    UnknownZone,
}

/// At most so many requests in a span: `5/s`, `30/m`, `100/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub count: u32,
    /// In this long: a second, a minute or an hour.
    pub per: Duration,
}

/// How an event's body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The event as it is, signed.
    #[default]
    Standard,
    /// A Discord embed.
    Discord,
    /// Slack blocks.
    Slack,
    /// An ntfy message.
    Ntfy,
    /// The webhook's own template.
    Template,
}

/// How deliveries are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SignatureStyle {
    /// Standard Webhooks.
    #[default]
    Standard,
    /// `x-hub-signature-256` besides, for receivers that know only that.
    Github,
}

/// A file that was read with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held.
    pub text: Arc<str>,
}

/// A certificate that a webhook's receiver asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate as PEM, with those that lead to its authority.
    pub cert: TextFile,
    /// Its key as PEM.
    pub key: Secret,
}

/// `[sweep]`: an account whose following list hints at who is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The account.
    pub account: Username,
}

/// `[heartbeat]`: a dead man's switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Asked while every loop makes progress.
    pub url: Secret,
    /// How often.
    pub every: Duration,
}

impl TimeZoneName {
    pub(super) const FORM: &'static str = "a name of the IANA database, like \"Europe/Berlin\"";

    /// The zone of that name, if this machine knows it.
    pub fn new(name: &str) -> Option<Self> {
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        Some(Self(zone.iana_name()?.into()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Hours {
    pub(super) const FORM: &'static str =
        "from, to and time zone, like \"18:00-02:00 Europe/Berlin\"";

    /// Reads `18:00-02:00 Europe/Berlin`; without a zone in the text, `default` is meant.
    pub fn parse(text: &str, default: Option<&TimeZoneName>) -> Result<Self, HoursError> {
        let text = text.trim();
        let (span, zone) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (from, to) = span.split_once('-').ok_or(HoursError::Form)?;
        let start = minute_of_day(from).filter(|minute| *minute < 1_440);
        let start = start.ok_or(HoursError::Form)?;
        let end = minute_of_day(to).ok_or(HoursError::Form)?;
        if start == end {
            return Err(HoursError::Empty);
        }
        let zone = match zone.trim() {
            "" => default.cloned().ok_or(HoursError::NoZone)?,
            name => TimeZoneName::new(name).ok_or(HoursError::UnknownZone)?,
        };
        let end = end % 1_440;
        Ok(Self { start, end, zone })
    }
}

/// `18:05` as a minute of the day; 24:00 is the end of it.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 1_440).then_some(minutes)
}

impl Rate {
    pub(super) const FORM: &'static str = "requests in a second, minute or hour, like \"5/s\", \"30/m\" or \"100/h\", at most 1000 in a second";

    /// Reads `5/s`, `30/m` or `100/h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let count: u32 = count.parse().ok()?;
        let per = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => return None,
        };
        let rate = Self { count, per };
        (count > 0 && rate.per_second() <= 1_000.0).then_some(rate)
    }

    /// Requests a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.count) / self.per.as_secs_f64()
    }
}

impl Format {
    /// Whether people read it in a chat, where an old message is noise.
    pub fn is_chat(self) -> bool {
        matches!(self, Self::Discord | Self::Slack | Self::Ntfy)
    }
}

impl Heartbeat {
    pub(super) const EVERY: Duration = Duration::from_mins(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_two_times_and_a_zone() {
        let berlin = TimeZoneName::new("Europe/Berlin").unwrap();
        let hours = Hours::parse("18:00-02:30 Europe/Berlin", None).unwrap();
        assert_eq!((hours.start, hours.end, &hours.zone), (1_080, 150, &berlin));
        let hours = Hours::parse("00:00-24:00", Some(&berlin)).unwrap();
        assert_eq!((hours.start, hours.end), (0, 0));
    }

    #[test]
    fn what_are_no_hours_is_refused_with_its_reason() {
        let refused = |text| Hours::parse(text, None).unwrap_err();
        for text in [
            "",
            "18-02 UTC",
            "24:00-02:00 UTC",
            "8:00-09:00 UTC",
            "18:60-19:00 UTC",
            "18:00-25:00 UTC",
            "+1:00-02:00 UTC",
        ] {
            assert_eq!(refused(text), HoursError::Form, "{text}");
        }
        assert_eq!(refused("18:00-18:00 UTC"), HoursError::Empty);
        assert_eq!(refused("18:00-19:00"), HoursError::NoZone);
        assert_eq!(
            refused("18:00-19:00 Europe/Berlim"),
            HoursError::UnknownZone
        );
    }

    #[test]
    fn rates_are_a_count_and_a_unit() {
        let per_second = |text| Rate::parse(text).map(Rate::per_second);
        assert_eq!(per_second("5/s"), Some(5.0));
        assert_eq!(per_second("30/m"), Some(0.5));
        assert_eq!(per_second("3600/h"), Some(1.0));
        for text in [
            "",
            "5",
            "0/s",
            "-1/s",
            "+1/s",
            "1001/s",
            "5/d",
            "5 /s",
            "/s",
            "99999999999/s",
        ] {
            assert_eq!(per_second(text), None, "{text}");
        }
    }
}
