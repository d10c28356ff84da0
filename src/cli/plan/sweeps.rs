//! The forecast with sweeps, beside that without.

use std::fmt::Write as _;

use crate::cli::figures::{grouped, percent, rough_seconds};
use crate::config::Config;
use crate::schedule::forecast::{Report, SweepOffer};

/// What the budget brings with sweeps; empty under the fixed schedule.
pub(super) fn forecast(config: &Config, report: &Report) -> String {
    let Some(first) = report.sweeps.first() else {
        return String::new();
    };
    let without = &report.configured;
    let whose = config.sweep.as_ref().map_or_else(
        || "if [sweep] named an account that follows everybody".to_owned(),
        |sweep| format!("with sweeps of whom @{} follows", sweep.account),
    );
    let mut text = format!(
        "\n{whose}, {} a credit each:\n  without: {} after a start, {} unseen, loss {}\n",
        if first.pages == 1 {
            "1 page of".to_owned()
        } else {
            format!("{} pages of", first.pages)
        },
        rough_seconds(without.mean_delay_seconds),
        percent(without.missed_share),
        rough_seconds(without.loss_seconds),
    );
    for offer in &report.sweeps {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {}", line(offer));
    }
    text
}

fn line(offer: &SweepOffer) -> String {
    let recall = percent(offer.recall);
    let flags = if offer.measured {
        format!("flags show {recall} of streams, as measured")
    } else {
        format!("if flags show {recall} of streams")
    };
    match offer.every_seconds {
        None => format!("{flags}: not worth a credit"),
        Some(every) => format!(
            "{flags}: {} after a start, {} unseen, loss {} (a sweep every {}, {} credits)",
            rough_seconds(offer.mean_delay_seconds),
            percent(offer.missed_share),
            rough_seconds(offer.loss_seconds),
            rough_seconds(every),
            grouped(offer.credits_per_month.round()),
        ),
    }
}
