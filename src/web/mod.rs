//! What the running daemon shows over HTTP: health, metrics, status; reads, and little else.
//!
//! It knows the daemon by [`monitor::Monitor`] alone and owns no state that outlives a
//! request. Whoever may read or change something is decided in one place, before any route.

pub mod monitor;
pub mod views;
