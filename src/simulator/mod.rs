//! A pretend `KonbiniAPI` and a webhook receiver, for `demo`, the tests and the benchmarks.
//!
//! [`wire`] is the HTTP server under both; it can misbehave in every way that a network does.
//! [`receiver`] is the receiver.

pub mod receiver;
pub mod wire;
