//! tallylight tells people the moment a `TikTok` creator goes live, and the moment the stream ends.

mod abort;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod konbini;
pub mod metrics;
pub mod schedule;
pub mod simulator;
pub mod store;
pub mod web;
pub mod webhook;
