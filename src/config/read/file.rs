//! Secrets, and the files that hold them or other values. Nothing read here is ever told.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::super::Secret;
use super::super::expand::mentions_variable;
use super::super::problem::{Finding, Place};
use super::super::raw::{Node, Section};
use super::Reader;

/// The largest file read: a watchlist of a million names fits.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How a secret is given.
pub(in crate::config) enum Given<'t> {
    /// In the file itself.
    Inline(Node<'t>),
    /// As the name of another file.
    File(Node<'t>),
}

impl Reader<'_> {
    /// A path, relative ones starting at the configuration file.
    pub(in crate::config) fn path(&mut self, node: &Node<'_>) -> Option<PathBuf> {
        let text = self.text(node)?;
        if text.is_empty() || text.contains('\0') {
            self.refuse(
                node,
                "is not a path",
                "the name of a file, relative to the configuration file or absolute",
            );
            return None;
        }
        Some(self.resolve(&text))
    }

    /// `path` as seen from the configuration file.
    pub(in crate::config) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// Notes that `path` matters, whether or not it can be read.
    fn note_file(&mut self, path: &Path) {
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
    }

    /// The text of the file that `node` names.
    pub(in crate::config) fn file(&mut self, node: &Node<'_>) -> Option<(PathBuf, String)> {
        let path = self.path(node)?;
        self.note_file(&path);
        match read_text(&path) {
            Ok(text) => Some((path, text)),
            Err(reason) => {
                self.refuse(
                    node,
                    format_args!("names a file that cannot be used: {reason}"),
                    format!("the file is {}", path.display()),
                );
                None
            }
        }
    }

    /// A secret from `key` or `key_file`, and where it was given; no newline at its end.
    pub(in crate::config) fn secret<'t>(
        &mut self,
        section: &Section<'t>,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<(Secret, Node<'t>)> {
        let (text, node) = match self.either(section, key, file_key)? {
            Given::Inline(node) => {
                self.warn_if_literal(&node);
                (self.text(&node)?, node)
            }
            Given::File(node) => {
                let (_, text) = self.file(&node)?;
                (text.trim_end_matches(['\r', '\n']).to_owned(), node)
            }
        };
        if text.is_empty() {
            self.refuse(&node, "holds nothing", "an empty secret protects nothing");
            return None;
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.refuse(
                &node,
                "holds characters that no secret of this kind has",
                "allowed are letters, digits and punctuation, without blanks and line breaks",
            );
            return None;
        }
        Some((Secret::new(text), node))
    }

    /// Which of `x` and `x_file` is given; both is a problem.
    pub(in crate::config) fn either<'t>(
        &mut self,
        section: &Section<'t>,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<Given<'t>> {
        match (section.find(key), section.find(file_key)) {
            (Some(inline), Some(file)) => {
                let message = format!("`{}` and `{}` are both given", inline.path, file.path);
                let first = Place {
                    file: 0,
                    span: inline.span,
                };
                self.report(
                    Finding::at(file.span, file.path, message)
                        .also(first, "also here")
                        .help("leave out one of them"),
                );
                None
            }
            (Some(inline), None) => Some(Given::Inline(inline)),
            (None, Some(file)) => Some(Given::File(file)),
            (None, None) => None,
        }
    }

    /// Warns of a secret that stands in the file itself.
    pub(in crate::config) fn warn_if_literal(&mut self, node: &Node<'_>) {
        let literal = node
            .value
            .as_str()
            .is_some_and(|text| !text.is_empty() && !mentions_variable(text));
        if literal {
            let message = format!("`{}` is a secret written into the file", node.path);
            self.report(
                Finding::at(node.span.clone(), node.path.as_str(), message)
                    .warning()
                    .help("whoever can read the file can use it; better is \"${VARIABLE}\" or a file of its own"),
            );
        }
    }
}

/// Opens a file of the configuration, and waits for nobody: a named pipe is refused.
///
/// The pipe of a shell, as in `--config <(...)`, is no file of any directory and can be read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let is_pipe = std::fs::metadata(path)?.file_type().is_fifo();
    if is_pipe && path.canonicalize().is_ok() {
        return Err(io::Error::other("it is a named pipe"));
    }
    File::open(path)
}

/// A whole text file of bounded size; says why not in words without the path.
pub(in crate::config) fn read_text(path: &Path) -> Result<String, String> {
    let file = open(path).map_err(|error| reason(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| reason(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("it is larger than 64 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}

/// The operating system's words without its error number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}
