//! What the running daemon shows over HTTP.

mod chart;
