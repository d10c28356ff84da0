//! `[budget]` and `[polling]`: how often, and for how many credits.

use std::time::Duration;

use super::super::raw::{self, Section};
use super::super::read::{Bounds, Reader};
use super::super::{Budget, Polling, ScheduleKind};
use crate::domain::tracker::{Rules, Visibility};

/// Any wait between polls. Tests and `demo` poll many times a second.
pub(super) const INTERVAL: Bounds = Bounds {
    least: Duration::from_millis(10),
    most: Duration::from_hours(7 * 24),
    why: "",
};
const CONFIRM_AFTER: Bounds = Bounds {
    least: Duration::from_millis(10),
    most: Duration::from_hours(1),
    why: ": an end is told this much later for each confirmation",
};
const RESUME_WITHIN: Bounds = Bounds {
    least: Duration::ZERO,
    most: Duration::from_hours(24),
    why: "; 0s never takes a stream for a resumed one",
};

/// `[budget]`, if the file has one.
pub(super) fn budget(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Budget> {
    let section = reader.section(root, "budget", &raw::BUDGET);
    section.span.as_ref()?;
    if section.find("credits_per_month").is_none() {
        let help = "how many credits may be spent a month; leave out [budget] for no limit";
        reader.missing(&section, "credits_per_month", help);
    }
    let credits = reader.integer(&section, "credits_per_month", 1..=1_000_000_000_000, "");
    let renews_on = reader.integer(
        &section,
        "renews_on",
        1..=31,
        ": the day of the month, in UTC",
    );
    let weight = |weight| (0.0..=10.0).contains(&weight);
    let end_weight = reader.number(&section, "end_weight", weight, "0 to 10");
    Some(Budget {
        credits_per_month: credits.unwrap_or(1),
        renews_on: renews_on
            .and_then(|day| u8::try_from(day).ok())
            .unwrap_or(1),
        end_weight: end_weight.unwrap_or(Budget::END_WEIGHT),
    })
}

/// `[polling]`, with `when_already_live` of `[watchlist]`.
pub(super) fn polling(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    watchlist: &Section<'_>,
    has_budget: bool,
) -> Polling {
    let section = reader.section(root, "polling", &raw::POLLING);
    let default = Polling::default();
    let longest_live_wait = wait(reader, &section, "live_interval");
    let polling = Polling {
        schedule: schedule(reader, &section, has_budget),
        interval: wait(reader, &section, "interval").unwrap_or(default.interval),
        live_interval: longest_live_wait.unwrap_or(default.live_interval),
        longest_live_wait,
        min_interval: wait(reader, &section, "min_interval").unwrap_or(default.min_interval),
        max_interval: wait(reader, &section, "max_interval"),
        confirm_after: reader
            .duration(&section, "confirm_after", CONFIRM_AFTER)
            .unwrap_or(default.confirm_after),
        rules: rules(reader, &section, watchlist),
        ..limits(reader, &section)
    };
    ordered(reader, &section);
    polling
}

fn schedule(reader: &mut Reader<'_>, section: &Section<'_>, has_budget: bool) -> ScheduleKind {
    let kinds = [
        ("learned", ScheduleKind::Learned),
        ("fixed", ScheduleKind::Fixed),
    ];
    let chosen = reader.choice(section, "schedule", &kinds);
    let unpaid = chosen == Some(ScheduleKind::Learned) && !has_budget;
    if let Some(node) = section.find("schedule").filter(|_| unpaid) {
        let help = "add [budget] with `credits_per_month`, or choose \"fixed\"";
        reader.refuse(&node, "needs a budget to spend", help);
    }
    chosen.unwrap_or(if has_budget {
        ScheduleKind::Learned
    } else {
        ScheduleKind::Fixed
    })
}

fn limits(reader: &mut Reader<'_>, section: &Section<'_>) -> Polling {
    let default = Polling::default();
    let share = |share| (0.0..=0.5).contains(&share);
    let jitter = reader.number(
        section,
        "jitter",
        share,
        "0 to 0.5: the share by which a wait may differ",
    );
    // Slower than one in a quarter of an hour is a slip that would blind the program in silence.
    let rate = |rate: f64| (0.001..=1_000.0).contains(&rate);
    let rate = reader.number(section, "max_requests_per_second", rate, "0.001 to 1000");
    let in_flight = reader.integer(section, "max_in_flight", 1..=1_024, "");
    Polling {
        jitter: jitter.unwrap_or(default.jitter),
        max_requests_per_second: rate.unwrap_or(default.max_requests_per_second),
        max_in_flight: in_flight
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(default.max_in_flight),
        ..default
    }
}

fn rules(reader: &mut Reader<'_>, section: &Section<'_>, watchlist: &Section<'_>) -> Rules {
    let default = Polling::default().rules;
    let why = ": one answer is evidence, not proof, and each one more delays the end";
    let confirm = reader.integer(section, "confirm_offline", 1..=10, why);
    let resume = reader.duration(section, "resume_within", RESUME_WITHIN);
    let visible = [
        ("notify", Visibility::Announced),
        ("silent", Visibility::Silent),
    ];
    let already = reader.choice(watchlist, "when_already_live", &visible);
    Rules {
        confirm_offline: confirm
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(default.confirm_offline),
        resume_within: resume.unwrap_or(default.resume_within),
        when_already_live: already.unwrap_or(default.when_already_live),
    }
}

/// A wait between polls.
pub(super) fn wait(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &'static str,
) -> Option<Duration> {
    reader.duration(section, key, INTERVAL)
}

/// Reports a `min_interval` above the `max_interval` beside it.
pub(super) fn ordered(reader: &mut Reader<'_>, section: &Section<'_>) {
    let value = |key| {
        let node = section.find(key)?;
        let duration = super::super::duration::parse(node.value.as_str()?)?;
        Some((node, duration))
    };
    if let (Some((node, least)), Some((_, most))) = (value("min_interval"), value("max_interval"))
        && least > most
    {
        let help = "the shortest wait cannot be longer than the longest";
        reader.refuse(&node, "is longer than `max_interval`", help);
    }
}
