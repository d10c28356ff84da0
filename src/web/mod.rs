//! What the running daemon shows over HTTP.

pub mod badge;
pub mod feed;
