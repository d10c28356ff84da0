//! A creator's learned week in the terminal: seven days of 48 half hours, darker where starts
//! are likelier. Legible without colour; colour only where the terminal wants it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anstyle::{Ansi256Color, Style};

use crate::cli::figures::{percent, rough_seconds};
use crate::daemon::CreatorPlan;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// From no start to the likeliest half hour of the week.
const SHADES: [(char, u8); 6] = [
    ('.', 238),
    ('\u{2591}', 22),
    ('\u{2592}', 28),
    ('\u{2593}', 34),
    ('\u{2588}', 40),
    ('\u{2588}', 46),
];

/// Prints the week and the figures; a reader that has seen enough is no failure.
pub(super) fn show(creator: &CreatorPlan) -> anyhow::Result<ExitCode> {
    let text = figures(creator) + &week(creator);
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn figures(creator: &CreatorPlan) -> String {
    let forecast = &creator.forecast;
    let expected = &forecast.expected;
    format!(
        "@{}: {} streams seen, about {:.1} a week of {}\n  \
         {:.0} credits in 30 days, {} of all; a start is seen {} after it happened, {} pass unseen\n\n",
        creator.username,
        forecast.streams_seen,
        forecast.starts_per_week,
        rough_seconds(forecast.mean_stream_seconds),
        expected.credits_per_month,
        percent(forecast.share_of_credits),
        rough_seconds(expected.mean_delay_seconds),
        percent(expected.missed_share),
    )
}

fn week(creator: &CreatorPlan) -> String {
    let week = &creator.forecast.week;
    let most = week.iter().flatten().copied().fold(0.0_f32, f32::max);
    let mut text = "       ".to_owned();
    for hour in (0..24).step_by(3) {
        let _ = write!(text, "{hour:02}    ");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    for (day, halves) in DAYS.iter().zip(week) {
        let _ = write!(text, "  {day}  ");
        for &starts in halves {
            let (glyph, colour) = SHADES[shade(starts, most)];
            let style = Style::new().fg_color(Some(Ansi256Color(colour).into()));
            let _ = write!(text, "{style}{glyph}{style:#}");
        }
        text.push('\n');
    }
    let zone = creator.time_zone.as_deref().unwrap_or("UTC");
    let _ = writeln!(
        text,
        "\n  {zone}, two columns an hour; the darkest is {most:.2} starts an hour, a dot nearly none"
    );
    text
}

/// Which shade: by the share of the likeliest half hour.
fn shade(starts: f32, most: f32) -> usize {
    let bounds = [0.04, 0.15, 0.35, 0.6, 0.85];
    let share = starts / most.max(f32::MIN_POSITIVE);
    bounds.iter().filter(|&&bound| share >= bound).count()
}
