//! `tallylight check`: says what is wrong with the configuration, or what it will cost.
//!
//! Problems and warnings go to stderr, the forecast to stdout. Nothing is opened but the
//! configuration and the files it names, and nothing is asked of the outside without `--online`.

mod online;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::table::{Align, aligned};
use crate::config::{Config, Loaded, ScheduleKind, display_duration};
use crate::schedule::forecast::{Demand, Forecast, Habits, even_interval, missed_share};
use crate::schedule::plans::{PLANS, Plan, Refill, cheapest_for};

/// Check the configuration and forecast what it costs
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Also ask the API whether the key works and each username exists; costs a credit for each
    #[arg(long)]
    online: bool,
}

/// Checks the configuration at `path`; 78 if it cannot be used.
pub(super) fn run(arguments: &Check, path: &Path) -> anyhow::Result<ExitCode> {
    let loaded = match super::load_config(path) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    super::show_problems(&loaded.warnings);
    if let Some(warning) = budget_warning(&loaded.config) {
        super::say(&format!("warning: {warning}\n"));
    }
    let checked = super::print(report(&loaded).as_bytes())?;
    if arguments.online {
        return online::run(&loaded);
    }
    Ok(checked)
}

/// Everything that goes to stdout.
fn report(loaded: &Loaded) -> String {
    let config = &loaded.config;
    format!(
        "the configuration is fine: {}, {}\n\n{}\n{}",
        counted(config.creators.len(), "creator"),
        counted(config.webhooks.len(), "webhook"),
        forecast(config),
        plans(config)
    )
}

/// What the fixed schedule would do with the watchlist.
fn demand(config: &Config) -> Demand {
    let interval = config.polling.interval;
    let own = |creator: &crate::config::Creator| creator.interval.unwrap_or(interval);
    Demand {
        intervals: config.creators.iter().map(own).collect(),
        live_interval: config.polling.live_interval,
        confirm_offline: config.polling.rules.confirm_offline,
        max_requests_per_second: config.polling.max_requests_per_second,
    }
}

/// Why the budget will not last, if the fixed schedule has one.
fn budget_warning(config: &Config) -> Option<String> {
    let budget = config
        .budget
        .filter(|_| config.polling.schedule == ScheduleKind::Fixed)?;
    let needed = demand(config).forecast(Habits::TYPICAL).credits;
    let allowed = budget.credits_per_month;
    (needed > allowed as f64).then(|| {
        format!(
            "the fixed schedule needs about {} credits a month, the budget is {}: \
             it would last {:.0} days of 30; lengthen `polling.interval` or choose schedule = \"learned\"",
            grouped(needed),
            grouped(allowed as f64),
            30.0 * allowed as f64 / needed
        )
    })
}

/// The lines about this configuration's own schedule.
fn forecast(config: &Config) -> String {
    match (config.polling.schedule, config.budget) {
        (ScheduleKind::Learned, Some(budget)) => learned(config, budget.credits_per_month),
        _ => fixed(config),
    }
}

fn fixed(config: &Config) -> String {
    let demand = demand(config);
    let quiet = demand.forecast(Habits::SILENT);
    let typical = demand.forecast(Habits::TYPICAL);
    let mut text = format!(
        "schedule: fixed\n  {} credits in 30 days while nobody is live\n",
        grouped(quiet.credits)
    );
    let habits = Habits::TYPICAL;
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "  {} if each creator streams {} times a week for {} ({:.1} % of the time at live_interval = {}; {} confirm ends)",
        grouped(typical.credits),
        habits.streams_per_week,
        rough(habits.stream),
        100.0 * habits.live_share(),
        display_duration(demand.live_interval),
        grouped(typical.confirmations),
    );
    let _ = writeln!(
        text,
        "  a start is seen {} after it happened, on average (half the interval)",
        rough(quiet.mean_delay)
    );
    text.push_str(&caveats(&quiet));
    let _ = writeln!(text, "  {}", verdict(typical.credits));
    text
}

fn caveats(forecast: &Forecast) -> String {
    let mut text = String::new();
    if forecast.held < 1.0 {
        let _ = writeln!(
            text,
            "  max_requests_per_second lets only {:.0} % of these polls through: intervals will be longer",
            100.0 * forecast.held
        );
    }
    if forecast.longest_interval > Duration::from_mins(30) {
        let _ = writeln!(
            text,
            "  streams shorter than the longest interval ({}) can pass unseen",
            rough(forecast.longest_interval)
        );
    }
    text
}

fn learned(config: &Config, credits: u64) -> String {
    let mut text = format!(
        "schedule: learned\n  spends the budget of {} credits a month, and never more\n",
        grouped(credits as f64)
    );
    if let Some(interval) = even_interval(config.creators.len(), credits) {
        let _ = writeln!(
            text,
            "  the same credits at a fixed interval: every {}, a start seen {} after it happened, on average",
            rough(interval),
            rough(interval / 2)
        );
    }
    let _ = writeln!(text, "  {}", verdict(credits as f64));
    text
}

fn verdict(credits: f64) -> String {
    match cheapest_for(credits) {
        Some(plan) => format!("covered by {} (${} a month)", plan.name, plan.dollars),
        None => "no plan covers this".to_owned(),
    }
}

/// What each plan would buy for these creators.
fn plans(config: &Config) -> String {
    let needed = match (config.polling.schedule, config.budget) {
        (ScheduleKind::Learned, Some(budget)) => budget.credits_per_month as f64,
        _ => demand(config).forecast(Habits::TYPICAL).credits,
    };
    let head = [
        "plan",
        "a month",
        "credits",
        "covers this",
        "evenly spent",
        "mean delay",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(
        PLANS
            .iter()
            .map(|plan| row(plan, config.creators.len(), needed)),
    );
    let right = Align::Right;
    aligned(
        [Align::Left, right, right, Align::Left, right, right],
        &rows,
    )
}

fn row(plan: &Plan, creators: usize, needed: f64) -> [String; 6] {
    let once = plan.refill == Refill::Once;
    let interval = even_interval(creators, plan.credits).filter(|_| !once);
    let credits = grouped(plan.credits as f64);
    [
        plan.name.to_owned(),
        format!("${}", plan.dollars),
        if once {
            format!("{credits} once")
        } else {
            credits
        },
        if plan.covers(needed) { "yes" } else { "no" }.to_owned(),
        interval.map_or_else(|| "-".to_owned(), |i| format!("every {}", rough(i))),
        interval.map_or_else(|| "-".to_owned(), delay),
    ]
}

/// The mean delay at an interval, or how much of typical streams it would miss.
fn delay(interval: Duration) -> String {
    let missed = missed_share(interval, Habits::TYPICAL.stream);
    if missed > 0.0 {
        format!("{:.0} % missed", 100.0 * missed)
    } else {
        rough(interval / 2)
    }
}

/// `1 creator`, `12 creators`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as f64))
}

/// A whole number with commas between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration to two units or so: nobody forecasts milliseconds of an hour.
fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let step = match seconds {
        s if s >= 86_400.0 => 3_600.0,
        s if s >= 600.0 => 60.0,
        s if s >= 10.0 => 1.0,
        _ => 0.001,
    };
    display_duration(Duration::from_secs_f64((seconds / step).round() * step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0.0), "0");
        assert_eq!(grouped(999.6), "1,000");
        assert_eq!(grouped(12_345_678.0), "12,345,678");
    }

    #[test]
    fn durations_are_rounded_to_what_matters() {
        let rough = |seconds| rough(Duration::from_secs_f64(seconds));
        assert_eq!(rough(0.005), "5ms");
        assert_eq!(rough(89.6), "1m30s");
        assert_eq!(rough(2_592.0), "43m");
        assert_eq!(rough(93_784.0), "1d2h");
    }
}
