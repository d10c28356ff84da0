//! What the fixed schedule costs and brings, before a credit is spent.
//!
//! A month is 30 days. Jitter lengthens as often as it shortens, so it does not count.
//! The live share is an assumption that callers name to their readers.

use std::time::Duration;

/// The month of the forecast: 30 days.
pub const MONTH: Duration = Duration::from_hours(30 * 24);

/// What the fixed schedule is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// The interval of each creator while offline.
    pub intervals: Vec<Duration>,
    /// The interval while live.
    pub live_interval: Duration,
    /// Answers "not live" in a row that end a stream.
    pub confirm_offline: u32,
    /// Over all creators.
    pub max_requests_per_second: f64,
}

/// How much creators stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits {
    /// Streams a week of one creator.
    pub streams_per_week: f64,
    /// Length of a stream.
    pub stream: Duration,
}

impl Habits {
    /// What the design was measured with: about 4 streams a week, of which the median lasts 93 minutes.
    pub const TYPICAL: Self = Self {
        streams_per_week: 4.0,
        stream: Duration::from_mins(93),
    };
    /// Nobody ever goes live.
    pub const SILENT: Self = Self {
        streams_per_week: 0.0,
        stream: Duration::ZERO,
    };

    /// Share of its time that a creator is live, in `[0, 1]`.
    pub fn live_share(&self) -> f64 {
        let week = 7.0 * 86_400.0;
        (self.streams_per_week * self.stream.as_secs_f64() / week).min(1.0)
    }
}

/// What to expect of the fixed schedule in a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Polls, which is credits, each answered poll costing one.
    pub credits: f64,
    /// Of them, polls that only confirm an end.
    pub confirmations: f64,
    /// Mean time from a start to the poll that sees it: half the interval, mean over creators.
    pub mean_delay: Duration,
    /// The longest interval of any creator, as stretched by the request limit: shorter streams can pass unseen.
    pub longest_interval: Duration,
    /// Share of the asked polls that `max_requests_per_second` lets through, 1 if all.
    pub held: f64,
}

impl Demand {
    /// The forecast for creators with these habits.
    pub fn forecast(&self, habits: Habits) -> Forecast {
        let month = MONTH.as_secs_f64();
        let live = habits.live_share();
        let regular: f64 = self
            .intervals
            .iter()
            .map(|own| (1.0 - live) / seconds(*own) + live / seconds(self.live_interval))
            .sum();
        let streams = habits.streams_per_week * month / (7.0 * 86_400.0);
        let extra = f64::from(self.confirm_offline.saturating_sub(1));
        let confirmations = streams * extra * self.intervals.len() as f64;
        let asked = regular * month + confirmations;
        let allowed = self.max_requests_per_second * month;
        let longest = self.intervals.iter().copied().max().unwrap_or_default();
        let held = if asked > allowed {
            allowed / asked
        } else {
            1.0
        };
        Forecast {
            credits: asked * held,
            confirmations: confirmations * held,
            mean_delay: mean(&self.intervals).div_f64(2.0 * held),
            longest_interval: longest.div_f64(held),
            held,
        }
    }
}

/// The interval at which `credits` a month pay for looking at `creators` evenly; `None` for no credits or creators.
pub fn even_interval(creators: usize, credits: u64) -> Option<Duration> {
    let rate = credits as f64 / creators as f64;
    (creators > 0 && credits > 0).then(|| MONTH.div_f64(rate))
}

/// Share of streams of the length `stream` that begin and end between two polls `interval` apart.
pub fn missed_share(interval: Duration, stream: Duration) -> f64 {
    (1.0 - stream.as_secs_f64() / seconds(interval)).max(0.0)
}

fn mean(intervals: &[Duration]) -> Duration {
    let sum: f64 = intervals.iter().map(Duration::as_secs_f64).sum();
    Duration::from_secs_f64(sum / intervals.len().max(1) as f64)
}

/// Never zero, since it divides.
fn seconds(interval: Duration) -> f64 {
    interval.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(creators: usize, interval_s: u64) -> Demand {
        Demand {
            intervals: vec![Duration::from_secs(interval_s); creators],
            live_interval: Duration::from_secs(interval_s),
            confirm_offline: 2,
            max_requests_per_second: 10.0,
        }
    }

    #[test]
    fn one_creator_a_minute_costs_what_the_provider_says() {
        let forecast = demand(1, 60).forecast(Habits::SILENT);
        assert!((forecast.credits - 43_200.0).abs() < 1e-6);
        assert_eq!(forecast.mean_delay, Duration::from_secs(30));
        assert!((forecast.held - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn intervals_of_their_own_count_each() {
        let mut demand = demand(2, 300);
        demand.intervals[1] = Duration::from_mins(1);
        let forecast = demand.forecast(Habits::SILENT);
        assert!((forecast.credits - (8_640.0 + 43_200.0)).abs() < 1e-6);
        assert_eq!(forecast.mean_delay, Duration::from_secs(90));
        assert_eq!(forecast.longest_interval, Duration::from_mins(5));
    }

    #[test]
    fn live_time_is_paid_at_the_live_interval_and_ends_are_confirmed() {
        let mut demand = demand(10, 300);
        demand.live_interval = Duration::from_mins(1);
        let habits = Habits {
            streams_per_week: 7.0,
            stream: Duration::from_hours(12),
        };
        assert!((habits.live_share() - 0.5).abs() < 1e-9);
        let forecast = demand.forecast(habits);
        assert!((forecast.confirmations - 300.0).abs() < 1e-6);
        let regular = 10.0 * (0.5 * 8_640.0 + 0.5 * 43_200.0);
        assert!((forecast.credits - regular - 300.0).abs() < 1e-6);
        demand.confirm_offline = 1;
        assert!(demand.forecast(habits).confirmations.abs() < 1e-9);
    }

    #[test]
    fn the_request_limit_caps_the_cost_and_stretches_the_delay() {
        let mut demand = demand(100, 1);
        demand.max_requests_per_second = 10.0;
        let forecast = demand.forecast(Habits::SILENT);
        assert!((forecast.held - 0.1).abs() < 1e-9);
        assert!((forecast.credits - 10.0 * MONTH.as_secs_f64()).abs() < 1e-3);
        assert_eq!(forecast.mean_delay, Duration::from_secs(5));
        assert_eq!(forecast.longest_interval, Duration::from_secs(10));
    }

    #[test]
    fn even_looks_share_a_plan() {
        // 25 creators on Plus: one look in 44 minutes, as the provider's prices imply.
        let interval = even_interval(25, 25_000).unwrap();
        assert_eq!(interval.as_secs() / 60, 43);
        assert_eq!(even_interval(0, 25_000), None);
        assert_eq!(even_interval(25, 0), None);
    }

    #[test]
    fn streams_shorter_than_the_interval_are_missed_in_proportion() {
        let hours = Duration::from_hours;
        assert!(missed_share(hours(1), hours(2)).abs() < 1e-9);
        assert!((missed_share(hours(4), hours(1)) - 0.75).abs() < 1e-9);
        assert!(missed_share(Duration::ZERO, hours(1)).abs() < 1e-9);
    }

    #[test]
    fn nobody_to_watch_costs_nothing() {
        let forecast = demand(0, 60).forecast(Habits::TYPICAL);
        assert!(forecast.credits.abs() < 1e-9 && forecast.mean_delay.is_zero());
    }
}
