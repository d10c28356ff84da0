//! How one line looks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::limit::Limit;

/// Writes lines.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) json: Arc<AtomicBool>,
    /// Whether journald reads along: it knows the time, and wants a priority.
    pub(super) journal: bool,
    pub(super) limit: Limit,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let Some(left_out) = self.limit.admit(event.metadata()) else {
            // An empty line is not written.
            return Ok(());
        };
        if left_out > 0 {
            self.prefix(&mut writer, level)?;
            self.left_out(&mut writer, level, left_out)?;
        }
        self.prefix(&mut writer, level)?;
        let format = Format::default().with_target(false);
        if self.json.load(Ordering::Relaxed) {
            let format = format.json().flatten_event(true);
            format.format_event(context, writer, event)
        } else if self.journal {
            format.without_time().format_event(context, writer, event)
        } else {
            format.format_event(context, writer, event)
        }
    }
}

impl Lines {
    fn prefix(&self, writer: &mut Writer<'_>, level: Level) -> fmt::Result {
        if self.journal {
            write!(writer, "<{}>", priority(level))?;
        }
        Ok(())
    }

    fn left_out(&self, writer: &mut Writer<'_>, level: Level, lines: u64) -> fmt::Result {
        let text = format!("{lines} more lines like the next one were left out");
        if self.json.load(Ordering::Relaxed) {
            writeln!(writer, r#"{{"level":"{level}","message":"{text}"}}"#)
        } else {
            writeln!(writer, "{level:>5} {text}")
        }
    }
}

/// The priority of sd-daemon(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}
