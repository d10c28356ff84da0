//! A pretend `KonbiniAPI` and a webhook receiver, for `demo`, the tests and the benchmarks.
//!
//! [`wire`] is the HTTP server under both; it can misbehave in every way that a network does.
//! [`receiver`] is the receiver. [`api`] is the API: it serves a [`world`] of pretend
//! creators and [`following`] lists, with the [`faults`] it is told to have. All of it is steered in-process, while
//! it runs.

pub mod api;
pub mod faults;
pub mod following;
pub mod receiver;
pub mod wire;
pub mod world;

pub use api::{Account, Handle, Simulator};
pub use faults::Fault;
pub use following::{Flags, Following};
pub use receiver::Receiver;
pub use wire::{Answer, Reply};
pub use world::{Stream, World};
