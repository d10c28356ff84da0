//! A pretend `KonbiniAPI` and a webhook receiver, for `demo`, the tests and the benchmarks.
