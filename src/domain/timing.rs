//! Where the time of one exchange went, as far as the client can tell. Pure.
//!
//! A connection that is used again was neither looked up nor made: it leaves both out. TCP
//! and TLS are one part, since the HTTP client makes them in one step.

use std::fmt;
use std::time::Duration;

/// Parts of one exchange; `None` for one that there was not, or that never ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Until the name had addresses.
    pub dns: Option<Duration>,
    /// From then until the connection stood, the TLS handshake and a proxy's part included.
    pub connect: Option<Duration>,
    /// From the beginning of the attempt until the head of an answer had come.
    pub first_byte: Option<Duration>,
}

impl Timing {
    /// Each part that there was, with its name for a person.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let all = [
            ("dns", self.dns),
            ("connect and tls", self.connect),
            ("first byte", self.first_byte),
        ];
        all.into_iter()
            .filter_map(|(name, part)| Some((name, part?)))
    }
}

/// ` (dns 1 ms, connect and tls 12 ms, first byte 30 ms)`, or nothing.
impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = " (";
        for (name, part) in self.parts() {
            write!(f, "{before}{name} {} ms", part.as_millis())?;
            before = ", ";
        }
        f.write_str(if before == ", " { ")" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_that_there_were_are_shown_and_no_others() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let new = Timing {
            dns: ms(1),
            connect: ms(12),
            first_byte: ms(30),
        };
        let reused = Timing {
            first_byte: ms(7),
            ..Timing::default()
        };
        let shown = " (dns 1 ms, connect and tls 12 ms, first byte 30 ms)";
        assert_eq!(new.to_string(), shown);
        assert_eq!(reused.to_string(), " (first byte 7 ms)");
        assert_eq!(Timing::default().to_string(), "");
    }
}
