//! Who is watched: usernames as TikTok spells them, and what an answer says of a person.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A TikTok username in its one spelling: lower case, without `@`.
///
/// 2-24 letters, digits, `_` and `.`. Cloning is cheap. [`Username::from_str`] accepts
/// what people paste: `@Name`, `https://www.tiktok.com/@name`, with surrounding blanks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(Arc<str>);

/// Why a text is no username.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// The reduced name is shorter than 2 or longer than 24 characters.
    #[error("a username has 2 to 24 characters, this has {0}")]
    Length(usize),
    /// The reduced name holds something else than `a-z`, `0-9`, `_` and `.`.
    #[error("a username is made of letters, digits, `_` and `.`, not {0:?}")]
    Character(char),
    /// Nothing but dots, which would lead to another address.
    #[error("a username is more than dots")]
    OnlyDots,
    /// A URL that is not the address of a profile.
    #[error("not the URL of a profile, which looks like https://www.tiktok.com/@name")]
    Url,
}

impl Username {
    /// The name itself, for example `khaby.lame`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Address of the profile page.
    pub fn profile_url(&self) -> String {
        format!("https://www.tiktok.com/@{self}")
    }

    /// Address of the live page.
    pub fn live_url(&self) -> String {
        format!("https://www.tiktok.com/@{self}/live")
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(text: &str) -> Result<Self, UsernameError> {
        let name = strip_url(text.trim())?;
        let name = name.strip_prefix('@').unwrap_or(name);
        let length = name.chars().count();
        if !(2..=24).contains(&length) {
            return Err(UsernameError::Length(length));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        match name.chars().find(|&c| !allowed(c)) {
            Some(other) => Err(UsernameError::Character(other)),
            None if name.bytes().all(|b| b == b'.') => Err(UsernameError::OnlyDots),
            None => Ok(Self(name.to_ascii_lowercase().into())),
        }
    }
}

/// Reduces `https://www.tiktok.com/@name/live?lang=en` to `@name`; leaves a bare name alone.
fn strip_url(text: &str) -> Result<&str, UsernameError> {
    let lower = text.to_ascii_lowercase();
    let after_scheme = ["https://", "http://"]
        .iter()
        .find_map(|scheme| lower.starts_with(scheme).then_some(scheme.len()));
    let has_host = ["www.tiktok.com/", "tiktok.com/", "m.tiktok.com/"];
    let start = after_scheme.unwrap_or(0);
    let Some(host) = has_host.iter().find(|h| lower[start..].starts_with(**h)) else {
        return if after_scheme.is_some() {
            Err(UsernameError::Url)
        } else {
            Ok(text)
        };
    };
    let path = &text[start + host.len()..];
    let end = path.find(['/', '?', '#']).unwrap_or(path.len());
    match &path[..end] {
        name if name.starts_with('@') => Ok(name),
        _ => Err(UsernameError::Url),
    }
}

impl TryFrom<String> for Username {
    type Error = UsernameError;
    fn try_from(text: String) -> Result<Self, UsernameError> {
        text.parse()
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What an answer says of the person behind a stream. Everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// TikTok's secUid: the same after a rename.
    pub id: Option<String>,
    /// Display name, hostile text, bounded.
    pub name: Option<String>,
    /// Address of the profile picture.
    pub avatar_url: Option<String>,
    /// Number of followers.
    pub followers: Option<u64>,
    /// Whether TikTok has verified the account.
    pub verified: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_reduced_to_the_lower_case_name() {
        for text in [
            "khaby.lame",
            "@khaby.lame",
            " @Khaby.Lame ",
            "https://www.tiktok.com/@khaby.lame",
            "https://www.tiktok.com/@Khaby.Lame/live?lang=en",
            "http://tiktok.com/@khaby.lame#x",
            "www.tiktok.com/@khaby.lame/",
            "HTTPS://M.TikTok.com/@khaby.lame",
        ] {
            assert_eq!(
                text.parse::<Username>().unwrap().as_str(),
                "khaby.lame",
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_username_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<Username>().unwrap_err();
        assert_eq!(refused(""), UsernameError::Length(0));
        assert_eq!(refused("@a"), UsernameError::Length(1));
        assert_eq!(refused(&"a".repeat(25)), UsernameError::Length(25));
        assert_eq!(refused("a b"), UsernameError::Character(' '));
        assert_eq!(refused("naïve"), UsernameError::Character('ï'));
        assert_eq!(refused("../../etc"), UsernameError::Character('/'));
        assert_eq!(refused(".."), UsernameError::OnlyDots);
        assert_eq!(refused("https://example.com/@name"), UsernameError::Url);
        assert_eq!(refused("https://www.tiktok.com/foryou"), UsernameError::Url);
        assert_eq!(
            refused("https://www.tiktok.com/@"),
            UsernameError::Length(0)
        );
    }
}
