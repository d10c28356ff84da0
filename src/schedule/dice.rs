//! A small generator for tests, so that a failing case can be run again.

pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// In `[0, 1)`.
    pub(super) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
