//! What the files of a configuration hold, as one value to compare.
//!
//! Files are hashed and not kept. A file is read again until two readings agree, since an
//! editor may be writing it. Symbolic links are followed: a `..data` swap changes the content
//! and no name.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::config::open;

/// Between two readings that have to agree.
const APART: Duration = Duration::from_millis(100);
/// Readings before the last one is taken as it is: a file that never rests is judged all the same.
const READINGS: usize = 20;
/// Less than any file that can be loaded is cut off: what is longer is refused by the loader.
const MOST: u64 = 64 * 1024 * 1024 + 1;

/// The files by name, with what each holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content(Vec<(PathBuf, Held)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It cannot be read.
    Nothing,
    /// Nothing but blanks.
    Blank,
    /// A hash of it.
    Text([u8; 32]),
}

impl Content {
    /// What the files hold now, once two readings agree.
    pub(super) async fn at_rest(files: &[PathBuf], clock: &Clock) -> Self {
        let mut content = Self::read(files).await;
        for _ in 0..READINGS {
            clock.sleep_until(clock.monotonic() + APART).await;
            let again = Self::read(files).await;
            if again == content {
                break;
            }
            content = again;
        }
        content
    }

    /// What the files hold now. They are small, or loaded as often anyway.
    pub(super) async fn read(files: &[PathBuf]) -> Self {
        let files = files.to_vec();
        let read = move || Self(files.into_iter().map(|f| (f.clone(), held(&f))).collect());
        // Fails only if reading panics; then nothing is known.
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// A file that holds nothing any more, and did before.
    pub(super) fn emptied_since(&self, before: &Self) -> Option<&Path> {
        let had = |file: &Path| {
            let mut files = before.0.iter();
            files.any(|(f, held)| f == file && matches!(held, Held::Text(_)))
        };
        let mut files = self.0.iter();
        files
            .find(|(file, held)| *held == Held::Blank && had(file))
            .map(|(file, _)| file.as_path())
    }
}

fn held(file: &Path) -> Held {
    let Ok(bytes) = bytes(file) else {
        return Held::Nothing;
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Held::Blank;
    }
    Held::Text(Sha256::digest(&bytes).into())
}

fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let mut bytes = Vec::new();
    open(file)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn content_is_what_files_hold_and_not_how_they_came_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let files = vec![path.clone()];
        let missing = Content::read(&files).await;
        std::fs::write(&path, "one").unwrap();
        let one = Content::read(&files).await;
        assert_ne!(missing, one);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(folder.path().join("b"), "one").unwrap();
        std::os::unix::fs::symlink(folder.path().join("b"), &path).unwrap();
        assert_eq!(Content::read(&files).await, one);
        std::fs::write(folder.path().join("b"), " \n").unwrap();
        let emptied = Content::read(&files).await;
        assert_eq!(emptied.emptied_since(&one), Some(path.as_path()));
        assert_eq!(emptied.emptied_since(&emptied), None);
        assert_eq!(emptied.emptied_since(&missing), None);
    }
}
