//! Reads single fields leniently: what is missing, null or of the wrong type is `None`.
//!
//! Whatever comes out is bounded, and what cannot be used safely does not come out: half
//! a URL is none, and a count that no audience has is none.

use serde_json::Value;

use crate::domain::Timestamp;
use crate::domain::observation::{MAX_MEDIA, Media};
use crate::domain::text::{MAX_URL_BYTES, bounded};

/// The longest technical name kept, in bytes. [`MAX_MEDIA`] sources with the longest names and
/// addresses must leave an event's body below 64 KiB.
const MAX_WORD_BYTES: usize = 100;

/// A JSON object.
pub(super) type Object = serde_json::Map<String, Value>;

/// Above this a JSON number has no exact neighbour any more, and a store's integer near its end.
const MAX_COUNT: u64 = 1 << 53;

/// The longest secUid kept, in bytes. TikTok's have 76.
const MAX_ID_BYTES: usize = 256;

/// Whether the field is a text, empty or not.
pub(super) fn is_text(object: &Object, name: &str) -> bool {
    object.get(name).is_some_and(Value::is_string)
}

/// A stranger's text, bounded; `None` if there is nothing in it.
pub(super) fn text(object: &Object, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?;
    (!text.trim().is_empty()).then(|| bounded(text))
}

/// A technical name like `hls` or `video/x-flv`; a longer one is none.
fn word(object: &Object, name: &str) -> Option<String> {
    text(object, name).filter(|word| word.len() <= MAX_WORD_BYTES)
}

/// `true` or `false`.
pub(super) fn flag(object: &Object, name: &str) -> Option<bool> {
    object.get(name)?.as_bool()
}

/// An object within.
pub(super) fn object<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    object.get(name)?.as_object()
}

/// An id: a text, or a whole number as it is written, since no digit is lost in it.
pub(super) fn id(object: &Object, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => id.as_u64().map(|id| id.to_string()),
        _ => None,
    }
}

/// Whether `id` can be kept as one.
pub(super) fn is_identifier(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

/// A number of people or views, rounded down; negative and absurd ones are none.
pub(super) fn count(object: &Object, name: &str) -> Option<u64> {
    let number = object.get(name)?.as_number()?;
    let whole = number.as_u64().or_else(|| floor(number.as_f64()?));
    whole.filter(|count| *count <= MAX_COUNT)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked, and rounding down is meant"
)]
fn floor(number: f64) -> Option<u64> {
    (0.0..=MAX_COUNT as f64)
        .contains(&number)
        .then_some(number as u64)
}

/// A point in time in RFC 3339.
pub(super) fn moment(object: &Object, name: &str) -> Option<Timestamp> {
    object.get(name)?.as_str()?.parse().ok()
}

/// The address of a picture: of an object with `url`, of the first usable one of an array, or a text.
pub(super) fn picture(object: &Object, name: &str) -> Option<String> {
    one_or_many(object.get(name)?)
        .iter()
        .find_map(|picture| url(picture).or_else(|| urls(picture.get("url")?).next()))
}

/// The addresses of a stream, at most [`MAX_MEDIA`].
pub(super) fn media(object: &Object, name: &str) -> Vec<Media> {
    let sources = object.get(name).map(one_or_many).unwrap_or_default();
    sources
        .iter()
        .filter_map(Value::as_object)
        .flat_map(addresses)
        .take(MAX_MEDIA)
        .collect()
}

fn addresses(source: &Object) -> impl Iterator<Item = Media> {
    let urls = source.get("url").into_iter().flat_map(urls);
    urls.map(|url| Media {
        name: word(source, "name"),
        mime_type: word(source, "mediaType"),
        url,
    })
}

/// An array's values, or the one value itself.
fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn urls(value: &Value) -> impl Iterator<Item = String> {
    one_or_many(value).iter().filter_map(url)
}

/// A web address that can be passed on: http or https, of visible ASCII, not too long.
fn url(value: &Value) -> Option<String> {
    let url = value.as_str()?;
    let host = ["https://", "http://"].into_iter().find_map(|scheme| {
        let begin = url.get(..scheme.len())?;
        begin
            .eq_ignore_ascii_case(scheme)
            .then_some(&url[scheme.len()..])
    })?;
    let usable = !host.is_empty()
        && !host.starts_with('/')
        && url.len() <= MAX_URL_BYTES
        && url.bytes().all(|b| b.is_ascii_graphic());
    usable.then(|| url.to_owned())
}
