//! Deliveries as text. What receivers and strangers wrote is shown printable.

use std::fmt::Write as _;

use serde_json::json;

use crate::cli::table::{Align, aligned};
use crate::domain::Username;
use crate::domain::text::Printable;
use crate::store::log::{AttemptRecord, DeliveryRecord, Status};

/// One row each.
pub(super) fn table(records: &[DeliveryRecord]) -> String {
    if records.is_empty() {
        return "no deliveries\n".to_owned();
    }
    let head = [
        "id", "event", "creator", "webhook", "detected", "status", "attempts", "last",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(records.iter().map(row));
    let (left, right) = (Align::Left, Align::Right);
    aligned([right, left, left, left, left, left, right, left], &rows)
}

fn row(record: &DeliveryRecord) -> [String; 8] {
    [
        record.id.0.to_string(),
        record.kind.to_string(),
        creator(record).to_owned(),
        record.webhook.to_string(),
        record.event_at.to_string(),
        record.status.as_str().to_owned(),
        record.attempts.to_string(),
        last(record.last_status, record.last_error.as_deref()),
    ]
}

fn creator(record: &DeliveryRecord) -> &str {
    record.creator.as_ref().map_or("-", Username::as_str)
}

/// `204`, `http_5xx 500`, `timeout`, or `-` for none.
fn last(status: Option<u16>, error: Option<&str>) -> String {
    match (error, status) {
        (Some(error), Some(status)) => format!("{error} {status}"),
        (Some(error), None) => error.to_owned(),
        (None, Some(status)) => status.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// One JSON object a line.
pub(super) fn lines(records: &[DeliveryRecord]) -> String {
    let line = |record: &DeliveryRecord| {
        let value = json!({
            "id": record.id.0,
            "event": record.event.as_str(),
            "type": record.kind.as_str(),
            "creator": record.creator.as_ref().map(Username::as_str),
            "webhook": &*record.webhook,
            "detected_at": record.event_at,
            "status": record.status.as_str(),
            "attempts": record.attempts,
            "due_at": (record.status == Status::Pending).then_some(record.due_at),
            "finished_at": record.finished_at,
            "last_status": record.last_status,
            "last_error": record.last_error,
        });
        format!("{value}\n")
    };
    records.iter().map(line).collect()
}

/// Everything about one.
pub(super) fn detail(record: &DeliveryRecord, body: &str, attempts: &[AttemptRecord]) -> String {
    let mut text = format!(
        "delivery  {} to {}\nevent     {} ({}) about {}, detected {}\nstatus    {}",
        record.id.0,
        record.webhook,
        record.event,
        record.kind,
        creator(record),
        record.event_at,
        record.status.as_str(),
    );
    // Writing into a string cannot fail.
    let _ = match (record.status, record.finished_at) {
        (Status::Pending, _) => writeln!(text, ", next attempt {}", record.due_at),
        (_, Some(at)) => writeln!(text, " since {at}"),
        (_, None) => writeln!(text),
    };
    let _ = writeln!(text, "body      {}", Printable(body));
    for attempt in attempts {
        let _ = writeln!(
            text,
            "attempt   {} at {}: {} after {} ms{}",
            attempt.number,
            attempt.started_at,
            last(attempt.status, attempt.error.as_deref()),
            attempt.took.as_millis(),
            attempt.timing,
        );
        if !attempt.answer.is_empty() {
            let answer = String::from_utf8_lossy(&attempt.answer);
            let _ = writeln!(text, "          {}", Printable(&answer));
        }
    }
    text
}
