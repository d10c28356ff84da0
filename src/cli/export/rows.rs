//! Rows as text: CSV that no spreadsheet takes for a formula, and JSON that no terminal obeys.
//!
//! The names of the columns are what `import` and people's scripts go by: new ones are added
//! at the end, none is renamed.

use std::fmt::Write as _;

use serde::Serialize;

use crate::domain::text::one_line;
use crate::domain::tracker::{EndReason, Visibility};
use crate::domain::{RoomId, Timestamp};
use crate::store::history::{BeganBy, SampleRecord, StreamRecord};

/// How a stranger's text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// On one line, and never a formula.
    OneLine,
    /// Exactly; JSON escapes it.
    AsItWas,
}

/// A stream as it is exported.
#[derive(Debug, Serialize)]
pub(super) struct StreamRow<'a> {
    creator: &'a str,
    start: Timestamp,
    end: Option<Timestamp>,
    duration_seconds: Option<f64>,
    title: Option<String>,
    peak_viewers: Option<u64>,
    average_viewers: Option<u64>,
    views: Option<u64>,
    samples: u64,
    start_known_by: &'static str,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    end_reason: Option<EndReason>,
    detection_delay_seconds: Option<f64>,
    already_live: bool,
    resumed: bool,
    announced: bool,
    room: Option<&'a str>,
    stream: i64,
}

impl<'a> StreamRow<'a> {
    /// The names of the columns, in their order.
    pub(super) const HEAD: &'static [&'static str] = &[
        "creator",
        "start",
        "end",
        "duration_seconds",
        "title",
        "peak_viewers",
        "average_viewers",
        "views",
        "samples",
        "start_known_by",
        "first_seen_at",
        "last_seen_at",
        "end_reason",
        "detection_delay_seconds",
        "already_live",
        "resumed",
        "announced",
        "room",
        "stream",
    ];

    pub(super) fn new(stream: &'a StreamRecord, text: Text) -> Self {
        let title = |title: &String| match text {
            Text::OneLine => inert(&one_line(title)),
            Text::AsItWas => title.clone(),
        };
        Self {
            creator: stream.creator.as_str(),
            start: stream.began_at(),
            end: stream.ended_at,
            duration_seconds: stream.duration().map(|d| d.as_secs_f64()),
            title: stream.title.as_ref().map(title),
            peak_viewers: stream.peak_viewers,
            average_viewers: stream.average_viewers,
            views: stream.views,
            samples: stream.samples,
            start_known_by: match stream.began_by() {
                BeganBy::ItsOwnWord => "stream",
                BeganBy::FirstSeen => "first_seen",
            },
            first_seen_at: stream.first_seen_at,
            last_seen_at: stream.last_seen_at,
            end_reason: stream.end_reason,
            detection_delay_seconds: stream.detection_delay().map(|d| d.as_secs_f64()),
            already_live: stream.already_live,
            resumed: stream.resumed,
            announced: stream.visibility == Visibility::Announced,
            room: stream.room.as_ref().map(RoomId::as_str),
            stream: stream.id.0,
        }
    }
}

/// A sample as it is exported.
#[derive(Debug, Serialize)]
pub(super) struct SampleRow<'a> {
    creator: &'a str,
    at: Timestamp,
    viewers: u64,
    room: Option<&'a str>,
    stream: i64,
}

impl<'a> SampleRow<'a> {
    /// The names of the columns, in their order.
    pub(super) const HEAD: &'static [&'static str] =
        &["creator", "at", "viewers", "room", "stream"];

    pub(super) fn new(sample: &'a SampleRecord) -> Self {
        Self {
            creator: sample.creator.as_str(),
            at: sample.at,
            viewers: sample.viewers,
            room: sample.room.as_ref().map(RoomId::as_str),
            stream: sample.stream.0,
        }
    }
}

/// Text that a spreadsheet shows and does not calculate, as OWASP advises on CSV injection:
/// what begins like a formula begins with an apostrophe instead.
fn inert(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        _ => text.to_owned(),
    }
}

/// Rows by RFC 4180, without a head.
pub(super) fn csv(rows: impl Iterator<Item = impl Serialize>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?)
}

/// One object a line.
pub(super) fn json_lines(rows: impl Iterator<Item = impl Serialize>) -> anyhow::Result<Vec<u8>> {
    let mut text = String::new();
    for row in rows {
        let plain = serde_json::to_string(&row)?;
        for c in plain.chars() {
            escape(&mut text, c);
        }
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// JSON escapes C0 alone; a terminal also obeys C1, and people are misled by what turns or hides
/// text. Such characters stand in strings only, so their escape means the same.
fn escape(text: &mut String, c: char) {
    let shows = || one_line(c.encode_utf8(&mut [0; 4])).starts_with(c);
    // What is dropped from a line for people is what must not be printed raw.
    if (' '..='~').contains(&c) || shows() {
        text.push(c);
        return;
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing into a string cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::StreamId;

    fn stream(title: &str) -> StreamRecord {
        let at = Timestamp::from_millis;
        StreamRecord {
            id: StreamId(7),
            creator: "khaby.lame".parse().unwrap(),
            room: RoomId::new("7600000000000000001"),
            title: Some(title.to_owned()),
            started_at: Some(at(1_772_217_402_000)),
            first_seen_at: at(1_772_217_430_412),
            last_seen_at: at(1_772_221_000_000),
            ended_at: Some(at(1_772_221_300_000)),
            end_reason: Some(EndReason::Offline),
            peak_viewers: Some(15_000),
            average_viewers: None,
            views: Some(42_600_000),
            samples: 12,
            visibility: Visibility::Announced,
            already_live: false,
            resumed: true,
        }
    }

    #[test]
    fn a_stream_is_one_line_of_csv_under_its_names() {
        let mut headed = csv::Writer::from_writer(Vec::new());
        headed
            .serialize(StreamRow::new(&stream("x"), Text::OneLine))
            .unwrap();
        let headed = String::from_utf8(headed.into_inner().unwrap()).unwrap();
        let (head, line) = headed.split_once('\n').unwrap();
        assert_eq!(head, StreamRow::HEAD.join(","));
        let own = csv([StreamRow::new(&stream("x"), Text::OneLine)].into_iter()).unwrap();
        assert_eq!(own, line.as_bytes());
        assert_eq!(
            line,
            "khaby.lame,2026-02-27T18:36:42.000Z,2026-02-27T19:41:40.000Z,3898.0,x,15000,,42600000,12,\
             stream,2026-02-27T18:37:10.412Z,2026-02-27T19:36:40.000Z,offline,28.412,false,true,true,\
             7600000000000000001,7\n"
        );
    }

    #[test]
    fn a_sample_is_one_line_of_csv_under_its_names() {
        let sample = SampleRecord {
            stream: StreamId(7),
            creator: "ada".parse().unwrap(),
            room: None,
            at: Timestamp::from_millis(0),
            viewers: 3,
        };
        let mut headed = csv::Writer::from_writer(Vec::new());
        headed.serialize(SampleRow::new(&sample)).unwrap();
        let headed = String::from_utf8(headed.into_inner().unwrap()).unwrap();
        let expected = SampleRow::HEAD.join(",") + "\nada,1970-01-01T00:00:00.000Z,3,,7\n";
        assert_eq!(headed, expected);
    }

    #[test]
    fn hostile_titles_are_inert_in_csv_and_exact_in_json() {
        let titles = [
            (
                "=HYPERLINK(\"http://evil\")",
                "'=HYPERLINK(\"http://evil\")",
            ),
            ("\t\r\n@SUM(1)", "'@SUM(1)"),
            ("\u{200b}+1", "'+1"),
            ("-1", "'-1"),
            ("＝1", "'＝1"),
            ("a\"b,c\r\nd", "a\"b,c d"),
            ("\u{1b}[31m\u{9b}2J\u{202e}x", "[31m 2Jx"),
            ("👩\u{200d}👩 2 - 1 = 1", "👩\u{200d}👩 2 - 1 = 1"),
        ];
        for (title, shown) in titles {
            let stream = stream(title);
            let bytes = csv([StreamRow::new(&stream, Text::OneLine)].into_iter()).unwrap();
            assert_eq!(bytes.split(|b| *b == b'\n').count(), 2, "{title:?}");
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(&*bytes);
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(&record[4], shown, "{title:?}");

            let line = json_lines([StreamRow::new(&stream, Text::AsItWas)].into_iter()).unwrap();
            let line = String::from_utf8(line).unwrap();
            let text = line.strip_suffix('\n').unwrap();
            assert_eq!(one_line(text), text, "{title:?}");
            let back: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(back["title"], title);
            assert_eq!(back["average_viewers"], serde_json::Value::Null);
        }
    }
}
