//! A place between two rows, as text that is nobody's business but ours.
//!
//! Inside are a time and a row's number. Who is given one can hand it back and nothing else;
//! what was never given out is refused, or begins a page somewhere: it cannot do harm.

use std::fmt;
use std::str::FromStr;

/// Where a page goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(in crate::store) at: i64,
    pub(in crate::store) number: i64,
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: give back what an answer called the next one, unchanged")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.at, self.number)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.len() != 32 || !is_hex {
            return Err(BadCursor);
        }
        let (at, number) = text.split_at(16);
        let read = |digits| u64::from_str_radix(digits, 16).map(u64::cast_signed);
        Ok(Self {
            at: read(at).map_err(|_| BadCursor)?,
            number: read(number).map_err(|_| BadCursor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_writes_and_nothing_else() {
        for (at, number) in [
            (0, 0),
            (1_772_217_402_000, 41),
            (-5, i64::MAX),
            (i64::MIN, -1),
        ] {
            let cursor = Cursor { at, number };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let wrong = [
            "",
            "7",
            &"0".repeat(31),
            &"0".repeat(33),
            &"+".repeat(32),
            &"é".repeat(16),
        ];
        for text in wrong {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text:?}");
        }
    }
}
