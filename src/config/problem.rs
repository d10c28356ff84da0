//! Problems of a configuration: found by the checks, drawn here for people.
//!
//! A [`Finding`] points into files by byte ranges; a [`Problem`] is what is left when the
//! files are gone: place, message and a drawing in which every secret is blanked.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::redact::{Blanks, without_secrets};
use crate::domain::text::Printable;

/// Problems shown at most; the rest is counted.
const MAX_SHOWN: usize = 100;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, and somebody should know.
    Warning,
}

/// One problem, without any secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: PathBuf,
    /// Line and column (in characters), from 1; `None` if something is missing from the file.
    pub position: Option<(usize, usize)>,
    /// For example `webhook[0].url`; empty if no key is concerned.
    pub key: String,
    /// One sentence.
    pub message: String,
    drawn: String,
}

/// Every problem of one attempt to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// In the order of the files; errors and warnings, at least one error.
    pub problems: Vec<Problem>,
    /// How many more errors there are.
    pub left_out: usize,
    /// All files that were read or tried, for whoever watches them.
    pub files: Vec<PathBuf>,
}

/// A file that problems point into.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) blanks: Blanks,
}

/// A part of a file, by its index among the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) span: Range<usize>,
}

/// A problem that still points into its files.
#[derive(Debug)]
pub(super) struct Finding {
    severity: Severity,
    key: String,
    message: String,
    place: Place,
    /// Whether the place itself is worth drawing; else the file alone is named.
    pointed: bool,
    label: String,
    also: Option<(Place, String)>,
    help: Vec<String>,
}

impl Finding {
    /// Something wrong at a place of the main file.
    pub(super) fn at(
        span: Range<usize>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            key: key.into(),
            message: message.into(),
            place: Place { file: 0, span },
            pointed: true,
            label: String::new(),
            also: None,
            help: Vec::new(),
        }
    }

    /// Something missing from the main file as a whole.
    pub(super) fn absent(key: impl Into<String>, message: impl Into<String>) -> Self {
        let mut finding = Self::at(0..0, key, message);
        finding.pointed = false;
        finding
    }

    /// The same, at another place.
    pub(super) fn in_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Said beside the place.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// A second place that matters.
    pub(super) fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.also = Some((place, label.into()));
        self
    }

    /// What is allowed, or what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// As [`Finding::help`], if there is something to say.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    pub(super) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The findings as problems in the order of the files, and how many were left out.
pub(super) fn draw_all(mut findings: Vec<Finding>, sources: &[Source]) -> (Vec<Problem>, usize) {
    if findings.len() > MAX_SHOWN {
        // Too many to read: the errors first.
        findings.sort_by_key(|finding| finding.severity);
    }
    let errors = findings.iter().filter(|finding| finding.is_error());
    let left_out = errors.count().saturating_sub(MAX_SHOWN);
    findings.truncate(MAX_SHOWN);
    findings.sort_by_key(|f| (f.place.file, f.pointed, f.place.span.start, f.severity));
    let drawn = findings.iter().map(|f| draw(f, sources)).collect();
    (drawn, left_out)
}

fn draw(finding: &Finding, sources: &[Source]) -> Problem {
    let message = safe(&finding.message);
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (file, spot) = match sources.get(finding.place.file) {
        Some(source) if finding.pointed => {
            (&source.path, Some(Spot::of(source, &finding.place.span)))
        }
        Some(source) => (&source.path, None),
        None => (&PathBuf::new(), None),
    };
    let label = safe(&finding.label);
    let also = finding.also.as_ref().and_then(|(place, label)| {
        let source = sources.get(place.file)?;
        Some((Spot::of(source, &place.span), safe(label)))
    });
    let mut group = level.primary_title(message.as_str()).elements(
        spot.iter()
            .map(|s| s.snippet(AnnotationKind::Primary, &label))
            .chain(
                also.iter()
                    .map(|(s, l)| s.snippet(AnnotationKind::Context, l)),
            ),
    );
    if spot.is_none() {
        group = group.element(Origin::path(safe(&file.display().to_string())));
    }
    group = with_help(group, &finding.help);
    let mut drawn = Renderer::styled().render(&[group]);
    for spot in spot.iter().chain(also.iter().map(|(spot, _)| spot)) {
        drawn = spot.with_true_column(drawn);
    }
    Problem {
        severity: finding.severity,
        file: file.clone(),
        position: spot.map(|s| (s.line, s.column)),
        key: safe(&finding.key),
        message,
        drawn,
    }
}

fn with_help<'a>(mut group: Group<'a>, help: &[String]) -> Group<'a> {
    for line in help {
        group = group.element(Level::HELP.message(safe(line)));
    }
    group
}

/// Without control characters and without what begins like a secret.
fn safe(text: &str) -> String {
    Printable(&without_secrets(text)).to_string()
}

/// One line of a file, ready to be drawn.
struct Spot {
    path: String,
    line: usize,
    column: usize,
    shown: String,
    span: Range<usize>,
}

impl Spot {
    /// The first line that `span` touches.
    fn of(source: &Source, span: &Range<usize>) -> Self {
        let text = &source.text;
        let start = floor(text, span.start);
        let end = floor(text, span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
        let clamped = start.min(line_end)..end.min(line_end).max(start.min(line_end));
        let shown = source.blanks.show(text, line_start..line_end, &clamped);
        Self {
            path: safe(&source.path.display().to_string()),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start.min(line_end)].chars().count() + 1,
            shown: shown.text,
            span: shown.span,
        }
    }

    fn snippet<'a>(
        &'a self,
        kind: AnnotationKind,
        label: &'a str,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let annotation = kind.span(self.span.clone());
        let annotation = if label.is_empty() {
            annotation
        } else {
            annotation.label(label)
        };
        Snippet::source(self.shown.as_str())
            .path(self.path.as_str())
            .line_start(self.line)
            .annotation(annotation)
    }

    /// The renderer counts columns in the blanked line; people look at the file.
    fn with_true_column(&self, drawn: String) -> String {
        let column = self.shown[..self.span.start].chars().count() + 1;
        if column == self.column {
            return drawn;
        }
        let place = format!("{}:{}:", self.path, self.line);
        drawn.replacen(
            &format!("{place}{column}"),
            &format!("{place}{}", self.column),
            1,
        )
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Problem {
    /// The drawing with colours, for a stream that knows whether it wants them.
    pub fn styled(&self) -> &str {
        &self.drawn
    }
}

impl fmt::Display for Problem {
    /// The drawing without colours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", anstream::adapter::strip_str(&self.drawn))
    }
}

impl Problems {
    /// How many errors there are among those shown.
    pub fn errors(&self) -> usize {
        let errors = self
            .problems
            .iter()
            .filter(|p| p.severity == Severity::Error);
        errors.count()
    }

    /// The line after the last problem.
    pub fn summary(&self) -> String {
        let all = self.errors() + self.left_out;
        let noun = if all == 1 { "problem" } else { "problems" };
        let shown = if self.left_out == 0 {
            String::new()
        } else {
            format!(", the first {} shown", self.problems.len())
        };
        format!("the configuration has {all} {noun}{shown}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}\n")?;
        }
        f.write_str(&self.summary())
    }
}

impl std::error::Error for Problems {}
