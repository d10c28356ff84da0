//! The Atom feed (RFC 4287) of one creator: an entry for each stream, the newest first.
//!
//! Pure: records in, a document out. Ids are derived from what a stream is known by, so an
//! entry is the same one whenever and wherever the feed is fetched. Titles are strangers'
//! text: on one line, escaped, without what XML cannot hold.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::domain::event::InstallationId;
use crate::domain::text::{hex, one_line};
use crate::domain::{Timestamp, Username};
use crate::store::history::StreamRecord;

/// The media type of the feed.
pub const MEDIA_TYPE: &str = "application/atom+xml; charset=utf-8";

/// Whose feed, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a> {
    /// Whose.
    pub creator: &'a Username,
    /// The store that knows of the streams: part of every id.
    pub installation: &'a InstallationId,
    /// The feed's own address.
    pub address: &'a str,
}

impl Feed<'_> {
    /// The document with an entry for each of `streams`, which are the creator's.
    pub fn render(&self, streams: &[StreamRecord]) -> String {
        let name = self.creator.as_str();
        let updated = streams.iter().map(changed_at).max().unwrap_or_default();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
             <id>{}</id>\n\
             <title>{name} on TikTok LIVE</title>\n\
             <updated>{updated}</updated>\n\
             <author><name>{name}</name><uri>{}</uri></author>\n\
             <link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>\n\
             <generator>tallylight</generator>\n",
            self.id(&["feed"]),
            escaped(&self.creator.profile_url()),
            escaped(self.address),
            escaped(&self.creator.live_url()),
        );
        for stream in streams {
            self.entry(&mut xml, stream);
        }
        xml.push_str("</feed>\n");
        xml
    }

    fn entry(&self, xml: &mut String, stream: &StreamRecord) {
        let seen = stream.first_seen_at.as_millis().to_string();
        let room = stream.room.as_ref().map_or("", |room| room.as_str());
        // Writing into a string cannot fail.
        let _ = write!(
            xml,
            "<entry>\n<id>{}</id>\n<title>{}</title>\n<published>{}</published>\n\
             <updated>{}</updated>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>\n\
             <summary>{}</summary>\n</entry>\n",
            self.id(&["stream", room, &seen]),
            escaped(&headline(self.creator, stream)),
            stream.began_at(),
            changed_at(stream),
            escaped(&self.creator.live_url()),
            escaped(&summary(stream)),
        );
    }

    /// A UUID of version 8 (RFC 9562), made of the names of a thing.
    fn id(&self, names: &[&str]) -> String {
        let mut hash = Sha256::new();
        for name in [self.installation.as_str(), self.creator.as_str()]
            .iter()
            .chain(names)
        {
            hash.update(name.as_bytes());
            // No name holds it, so no two lists of names run together.
            hash.update([0]);
        }
        let digits = hex(&hash.finalize()[..16]);
        // The first digits of the third and fourth groups are version and variant.
        format!(
            "urn:uuid:{}-{}-8{}-8{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[13..16],
            &digits[17..20],
            &digits[20..],
        )
    }
}

/// When an entry last said something new.
fn changed_at(stream: &StreamRecord) -> Timestamp {
    stream.ended_at.unwrap_or(stream.first_seen_at)
}

fn headline(creator: &Username, stream: &StreamRecord) -> String {
    let verb = match stream.ended_at {
        None => "is",
        Some(_) => "was",
    };
    let title = one_line(stream.title.as_deref().unwrap_or_default());
    if title.is_empty() {
        format!("{creator} {verb} live")
    } else {
        format!("{creator} {verb} live: {title}")
    }
}

fn summary(stream: &StreamRecord) -> String {
    let mut text = format!("Live since {}", stream.began_at());
    if let (Some(end), Some(duration)) = (stream.ended_at, stream.duration()) {
        let minutes = duration.as_secs() / 60;
        text = format!("Live from {} to {end}, {minutes} min", stream.began_at());
    }
    if let Some(peak) = stream.peak_viewers {
        let _ = write!(text, ", at most {peak} viewers");
    }
    text + "."
}

/// Text as XML holds it, in elements and in attributes of either quote.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not even their escapes are allowed in XML 1.0.
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::RoomId;
    use crate::domain::tracker::{EndReason, Visibility};
    use crate::store::history::StreamId;

    /// Everything that could end an element, an attribute or a document.
    pub(in crate::web) const HOSTILE: &str =
        "</title><script>alert('1')</script>]]>&amp;\"\u{0}\u{1b}[31m\u{202e}\u{ffff}\n<!--";

    fn stream(title: Option<&str>, ended: Option<i64>) -> StreamRecord {
        let at = |second| Timestamp::from_millis(1_772_217_402_000 + second * 1_000);
        StreamRecord {
            id: StreamId(1),
            creator: "khaby.lame".parse().unwrap(),
            room: RoomId::new("7600000000000000001"),
            title: title.map(str::to_owned),
            started_at: Some(at(0)),
            first_seen_at: at(28),
            last_seen_at: at(3_000),
            ended_at: ended.map(at),
            end_reason: ended.map(|_| EndReason::Offline),
            peak_viewers: Some(15_000),
            average_viewers: Some(9_000),
            views: None,
            samples: 10,
            visibility: Visibility::Announced,
            already_live: false,
            resumed: false,
        }
    }

    fn rendered(streams: &[StreamRecord]) -> String {
        let feed = Feed {
            creator: &"khaby.lame".parse().unwrap(),
            installation: &InstallationId::from_bytes([7; 16]),
            address: "http://localhost:9464/feed?a=1&b=\"2\"",
        };
        feed.render(streams)
    }

    #[test]
    fn a_feed_tells_what_runs_and_what_is_over() {
        let running = stream(Some("Q&A"), None);
        let mut over = stream(None, Some(3_300));
        over.room = RoomId::new("7500000000000000001");
        insta::assert_snapshot!(rendered(&[running, over]));
    }

    #[test]
    fn a_hostile_title_stays_text() {
        let xml = rendered(&[stream(Some(HOSTILE), None)]);
        let title = xml.lines().find(|line| line.contains("alert")).unwrap();
        assert_eq!(
            title,
            "<title>khaby.lame is live: &lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;]]&gt;\
             &amp;amp;&quot; [31m &lt;!--</title>"
        );
        assert!(xml.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!xml.contains('\u{ffff}') && !xml.contains('\u{202e}'));
        assert_eq!(
            xml.matches("<script").count() + xml.matches("<!--").count(),
            0
        );
    }

    #[test]
    fn an_entry_keeps_its_id_while_it_changes_and_shares_it_with_no_other() {
        let ids = |streams: &[StreamRecord]| -> Vec<String> {
            let xml = rendered(streams);
            let lines = xml.lines().filter(|line| line.starts_with("<id>"));
            lines.map(str::to_owned).collect()
        };
        let running = stream(Some("a"), None);
        let over = stream(Some("b"), Some(3_300));
        assert_eq!(ids(std::slice::from_ref(&running)), ids(&[over]));
        let mut again = stream(Some("a"), None);
        again.first_seen_at = again.last_seen_at;
        let mut all = ids(&[running, again]);
        assert_eq!(all.len(), 3);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_feed_without_entries_is_a_feed() {
        let xml = rendered(&[]);
        assert!(xml.contains("<updated>1970-01-01T00:00:00.000Z</updated>"));
        assert!(xml.ends_with("</feed>\n") && !xml.contains("<entry>"));
    }
}
