//! The one way from a file to a [`Config`]: for start, `check` and reload alike.
//!
//! Reads the configuration and the files it names, nothing else; the environment is an
//! argument. Either everything is usable, or every problem is told at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{self, check, syntax};
use super::expand::Env;
use super::problem::{Finding, Place, Problem, Problems, Source, draw_all};
use super::raw::Section;
use super::read::{Reader, read_text};
use super::redact::Blanks;
use super::{Config, Http, raw};
use crate::domain::text::Printable;

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What somebody should know of it.
    pub warnings: Vec<Problem>,
    /// Every file that was read, the configuration itself first.
    pub files: Vec<PathBuf>,
    /// Where each of `config.creators` is named, in their order.
    pub creators_at: Vec<Line>,
}

/// A line of a file, shown as `creators.txt:12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file, as it was named.
    pub file: Arc<Path>,
    /// From 1.
    pub number: usize,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display().to_string();
        write!(f, "{}:{}", Printable(&file), self.number)
    }
}

/// Where a creator is named, if that is known. All are equal: a line that moves changes no setting.
#[derive(Debug, Clone, Default)]
pub struct NamedAt(pub Option<Line>);

impl PartialEq for NamedAt {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Loads the configuration at `path`; `env` looks up one variable of the environment.
pub fn load(path: &Path, env: Env<'_>) -> Result<Loaded, Problems> {
    match read_text(path) {
        Ok(text) => from_text(path, text, env),
        Err(reason) => {
            let message = format!("the configuration cannot be read: {reason}");
            let help = "`--config FILE` or TALLYLIGHT_CONFIG says where it is";
            let help = (!path.exists()).then(|| help.to_owned());
            let source = Source {
                path: path.to_owned(),
                text: String::new(),
                blanks: Blanks::default(),
            };
            let finding = Finding::absent("", message).maybe_help(help);
            Err(problems(vec![finding], &[source], vec![path.to_owned()]))
        }
    }
}

/// `[http]` of the file at `path` as far as it can be read, whatever is wrong with the rest; the
/// defaults where it says nothing that can be used.
pub fn http(path: &Path, env: Env<'_>) -> Http {
    let text = read_text(path).unwrap_or_default();
    let (root, _) = raw::parse(&text);
    check::http(&mut Reader::new(path, env), &Section::root(root.get_ref()))
}

/// Checks `text` as the configuration at `path`, relative to which other files are read.
pub fn from_text(path: &Path, text: String, env: Env<'_>) -> Result<Loaded, Problems> {
    let mut reader = Reader::new(path, env);
    let source = |text: String, blanks| Source {
        path: path.to_owned(),
        text,
        blanks,
    };
    let (root, errors) = raw::parse(&text);
    if !errors.is_empty() {
        let blanks = Blanks::of_text(&text);
        let findings = syntax(&errors);
        return Err(problems(findings, &[source(text, blanks)], reader.files));
    }
    let blanks = Blanks::of_tree(&text, root.get_ref());
    let mut sources = vec![source(text.clone(), blanks)];
    let mut config = check(&mut reader, root.get_ref(), &mut sources);
    if reader.findings.iter().any(Finding::is_error) {
        return Err(problems(reader.findings, &sources, reader.files));
    }
    let (warnings, _) = draw_all(reader.findings, &sources);
    let creators_at = lines(&reader.creators_at, &sources);
    for (creator, line) in config.creators.iter_mut().zip(&creators_at) {
        creator.named_at = NamedAt(Some(line.clone()));
    }
    Ok(Loaded {
        config,
        warnings,
        creators_at,
        files: reader.files,
    })
}

/// The lines on which `places` begin. Counts each file through once where they are in its order.
fn lines(places: &[Place], sources: &[Source]) -> Vec<Line> {
    let files: Vec<Arc<Path>> = sources.iter().map(|s| s.path.as_path().into()).collect();
    let (mut file, mut counted, mut number) = (0, 0, 1);
    let mut line = |place: &Place| {
        if place.file != file || place.span.start < counted {
            (file, counted, number) = (place.file, 0, 1);
        }
        let passed = sources[file].text.get(counted..place.span.start);
        number += passed.unwrap_or_default().matches('\n').count();
        counted = place.span.start;
        Line {
            file: Arc::clone(&files[file]),
            number,
        }
    };
    places.iter().map(&mut line).collect()
}

fn problems(findings: Vec<Finding>, sources: &[Source], files: Vec<PathBuf>) -> Problems {
    let (problems, left_out) = draw_all(findings, sources);
    Problems {
        problems,
        left_out,
        files,
    }
}
