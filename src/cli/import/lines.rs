//! The lines of an import: CSV or JSON objects, each checked, every problem told at once.
//!
//! Text from a stranger: values are shown short and printable. Memory is a few dozen bytes a
//! line, a name is kept once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead, Read as _};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::cli::figures::grouped;
use crate::domain::text::Printable;
use crate::domain::{Timestamp, Username};

/// A longer line is none of ours.
const LONGEST_LINE: u64 = 4_096;
/// Problems that are written out; the others are counted.
const SHOWN: usize = 50;
/// A stream that lasts longer is a mistake.
const LONGEST_STREAM: Duration = Duration::from_hours(72);
const TIME: &str = "a time is like 2026-02-27T18:36:42Z";

/// One past stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) creator: Username,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    line: u64,
}

/// What a file holds: its streams by creator and start, or what is wrong with it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) rows: Vec<Row>,
    pub(super) problems: Problems,
}

/// What is wrong, in the order of the lines.
#[derive(Debug, Default)]
pub(super) struct Problems {
    told: Vec<(u64, String)>,
    count: usize,
}

/// Between which times streams may lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    latest: Timestamp,
}

impl Bounds {
    pub(super) fn before(now: Timestamp) -> Self {
        Self { latest: now }
    }
}

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, line: u64, problem: String) {
        self.count += 1;
        if self.told.len() < SHOWN {
            self.told.push((line, problem));
        }
    }

    fn add_overlap(&mut self, one: &Row, other: &Row) {
        let (late, early) = if one.line > other.line {
            (one, other)
        } else {
            (other, one)
        };
        let problem = format!(
            "@{} from {} to {} overlaps line {}: a creator has one stream at a time",
            late.creator, late.start, late.end, early.line
        );
        self.add(late.line, problem);
    }

    /// One line each, for a person.
    pub(super) fn shown(&self, file: &str) -> String {
        let mut text = String::new();
        for (line, problem) in &self.told {
            let _ = writeln!(text, "{file}:{line}: {problem}");
        }
        let more = self.count - self.told.len();
        if more > 0 {
            let _ = writeln!(text, "and {} more", grouped(more as f64));
        }
        let _ = writeln!(text, "nothing was imported");
        text
    }
}

/// A line's words, not yet understood.
#[derive(Debug, Default, Deserialize)]
struct Words {
    #[serde(alias = "username")]
    creator: Option<String>,
    #[serde(alias = "started_at")]
    start: Option<String>,
    #[serde(alias = "ended_at")]
    end: Option<String>,
}

/// Where the columns of a CSV file are.
#[derive(Debug, Clone, Copy)]
struct Columns([usize; 3]);

impl Columns {
    const PLAIN: Self = Self([0, 1, 2]);

    /// By the names in the first line, if those are names.
    fn named(first: &csv::StringRecord) -> Option<Self> {
        let find = |names: [&str; 2]| {
            first.iter().position(|cell| {
                names
                    .iter()
                    .any(|name| cell.trim().eq_ignore_ascii_case(name))
            })
        };
        let columns = [
            find(["creator", "username"])?,
            find(["start", "started_at"])?,
            find(["end", "ended_at"])?,
        ];
        Some(Self(columns))
    }

    fn words(self, record: &csv::StringRecord) -> Words {
        let [creator, start, end] = self.0.map(|column| record.get(column).map(str::to_owned));
        Words {
            creator,
            start,
            end,
        }
    }
}

/// Reads all of it; an error is one of reading, not of what was read.
pub(super) fn read(mut input: Box<dyn BufRead>, file: &Path, bounds: Bounds) -> io::Result<Read> {
    let extension = file
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    let is_json = match extension {
        "csv" => false,
        "jsonl" | "ndjson" | "json" => true,
        _ => input.fill_buf()?.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{'),
    };
    let mut taken = Taken {
        bounds,
        names: BTreeSet::new(),
        rows: Vec::new(),
        problems: Problems::default(),
    };
    let mut columns = None;
    let (mut number, mut line) = (0, Vec::new());
    while {
        line.clear();
        input
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?
    } > 0
    {
        number += 1;
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            taken
                .problems
                .add(number, format!("a line has at most {LONGEST_LINE} bytes"));
            skip_line(&mut input)?;
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        let words = if is_json {
            json(text)
        } else {
            csv(text, &mut columns)
        };
        match words {
            Ok(Some(words)) => taken.take(number, &words),
            Ok(None) => {}
            Err(problem) => taken.problems.add(number, problem),
        }
    }
    Ok(taken.finished())
}

/// Reads on to the end of a line without keeping it.
fn skip_line(input: &mut Box<dyn BufRead>) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|&b| b == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() || used == 0 {
            return Ok(());
        }
    }
}

fn json(text: &str) -> Result<Option<Words>, String> {
    serde_json::from_str(text).map(Some).map_err(|_| {
        format!(
            "{} is no object like {{\"creator\": \"name\", \"start\": \"...\", \"end\": \"...\"}}",
            quoted(text)
        )
    })
}

/// The words of a line; nothing for the names of the columns.
fn csv(text: &str, columns: &mut Option<Columns>) -> Result<Option<Words>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let Some(Ok(record)) = reader.records().next() else {
        return Err(format!("{} is no line of CSV", quoted(text)));
    };
    if let Some(columns) = columns {
        return Ok(Some(columns.words(&record)));
    }
    let named = Columns::named(&record);
    *columns = Some(named.unwrap_or(Columns::PLAIN));
    Ok(named.is_none().then(|| Columns::PLAIN.words(&record)))
}

/// What was read so far.
struct Taken {
    bounds: Bounds,
    names: BTreeSet<Username>,
    rows: Vec<Row>,
    problems: Problems,
}

impl Taken {
    fn take(&mut self, line: u64, words: &Words) {
        let creator = self.creator(line, words.creator.as_deref());
        let start = self.time(line, "start", words.start.as_deref());
        let end = self.time(line, "end", words.end.as_deref());
        let (Some(creator), Some(start), Some(end)) = (creator, start, end) else {
            return;
        };
        let problem = if end <= start {
            Some(format!("end {end} is not after start {start}"))
        } else if end.since(start) > LONGEST_STREAM {
            Some(format!("{start} to {end} is longer than 72 hours"))
        } else if end > self.bounds.latest {
            Some(format!("end {end} lies in the future"))
        } else {
            None
        };
        match problem {
            Some(problem) => self.problems.add(line, problem),
            None => self.rows.push(Row {
                creator,
                start,
                end,
                line,
            }),
        }
    }

    fn creator(&mut self, line: u64, text: Option<&str>) -> Option<Username> {
        let text = self.present(line, "creator", text)?;
        match text.parse::<Username>() {
            Ok(name) => {
                if let Some(known) = self.names.get(&name) {
                    return Some(known.clone());
                }
                self.names.insert(name.clone());
                Some(name)
            }
            Err(error) => {
                self.problems
                    .add(line, format!("creator {}: {error}", quoted(text)));
                None
            }
        }
    }

    fn time(&mut self, line: u64, column: &str, text: Option<&str>) -> Option<Timestamp> {
        let text = self.present(line, column, text)?;
        let time = text.trim().parse().ok();
        if time.is_none() {
            self.problems
                .add(line, format!("{column} {}: {TIME}", quoted(text)));
        }
        time
    }

    fn present<'a>(&mut self, line: u64, column: &str, text: Option<&'a str>) -> Option<&'a str> {
        let text = text.filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.problems.add(
                line,
                format!("{column} is missing: a line has creator, start and end"),
            );
        }
        text
    }

    /// By creator and start, each stream once; those that overlap are problems.
    fn finished(mut self) -> Read {
        self.rows.sort_unstable();
        self.rows
            .dedup_by(|b, a| (&a.creator, a.start, a.end) == (&b.creator, b.start, b.end));
        let mut running: Option<&Row> = None;
        for row in &self.rows {
            match running {
                Some(other) if other.creator == row.creator && row.start < other.end => {
                    self.problems.add_overlap(row, other);
                    if row.end > other.end {
                        running = Some(row);
                    }
                }
                _ => running = Some(row),
            }
        }
        self.problems.told.sort_unstable();
        Read {
            rows: self.rows,
            problems: self.problems,
        }
    }
}

/// A stranger's value, short and printable.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    format!("\"{}\"", Printable(&short))
}
