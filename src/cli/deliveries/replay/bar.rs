//! How far a replay is, for a person at a terminal; nothing is drawn for anybody else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::say;

/// A bar below what is said.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// For so many deliveries, on stderr if that is a terminal.
    pub(super) fn on_stderr(total: u64) -> Self {
        Self::on(ProgressDrawTarget::stderr(), total)
    }

    fn on(target: ProgressDrawTarget, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let drawn = ProgressStyle::with_template("{wide_bar} {pos} of {len}, {eta} left");
        Self(match drawn {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// One more is done.
    pub(super) fn advance(&self) {
        self.0.inc(1);
    }

    /// Says something above it.
    pub(super) fn say(&self, text: &str) {
        self.0.suspend(|| say(text));
    }
}

/// What is said next stands in its place.
impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// Keeps what is drawn.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<Vec<String>>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            60
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("cleared")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_sees_how_far_it_is_and_in_the_end_nothing_of_it() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = Bar::on(target, 3);
        bar.advance();
        bar.advance();
        bar.advance();
        drop(bar);
        let drawn = screen.0.lock().unwrap().clone();
        for step in ["1 of 3", "2 of 3", "3 of 3"] {
            assert!(drawn.iter().any(|text| text.contains(step)), "{drawn:?}");
        }
        let last = drawn.iter().rposition(|text| text == "cleared");
        let bar = drawn.iter().rposition(|text| text.contains(" of 3"));
        assert!(last > bar, "{drawn:?}");
    }
}
