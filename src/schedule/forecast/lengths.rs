//! How long streams last, in mean lengths of their creator: what a delay costs.
//!
//! A table of integrals of the survival function, made once for a forecast. Its shape is what
//! was learned of all creators; before that, streams are log-normal as in the measurements
//! that the design rests on.

use crate::schedule::population::Population;

/// Cells of one mean length, and mean lengths in the table.
const CELLS: usize = 64;
pub(super) const LENGTHS: usize = 16;

/// At one age: the share of streams that still run, and integrals from 0 to this age.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    age: f64,
    alive: f64,
    /// Of the share alive.
    seen: f64,
    /// Of age times the share alive.
    delay: f64,
    /// Of `seen`: of the expected loss by a delay.
    loss: f64,
}

impl Cell {
    /// The integrals `more` further on, the share alive being constant until there.
    fn after(&self, more: f64) -> Self {
        Self {
            age: self.age + more,
            alive: self.alive,
            seen: self.seen + self.alive * more,
            delay: self.delay + self.alive * (self.age + more / 2.0) * more,
            loss: self.loss + (self.seen + self.alive * more / 2.0) * more,
        }
    }
}

/// Integrals over delays from 0 to a bound, in mean lengths and their squares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    /// Of the chance that a stream is still running: what is found.
    pub(super) found: f64,
    /// Of the delay of what is found.
    pub(super) delay: f64,
    /// Of the delay, or the whole length of what is not found.
    pub(super) loss: f64,
}

/// The distribution of lengths.
#[derive(Debug, Clone)]
pub(super) struct Lengths {
    cells: Vec<Cell>,
}

impl Lengths {
    /// What is known of the lengths of all creators' streams.
    pub(super) fn of(population: &Population) -> Self {
        let width = 1.0 / CELLS as f64;
        let mut cells = vec![Cell {
            alive: 1.0,
            ..Cell::default()
        }];
        for number in 0..CELLS * LENGTHS {
            let middle = (number as f64 + 0.5) * width;
            let kept = (-width * population.typical_hazard(middle)).exp();
            let last = &mut cells[number];
            let alive = last.alive;
            // The mean over the cell; its own value begins the next one.
            last.alive = alive * (1.0 + kept) / 2.0;
            let mut next = last.after(width);
            next.alive = alive * kept;
            cells.push(next);
        }
        Self { cells }
    }

    /// The mean, in what creators' means are believed to be. Of rare polls these know the long
    /// streams best; ages, counted from when a stream was found, are not deceived by that.
    pub(super) fn mean(&self) -> f64 {
        self.cells[CELLS * LENGTHS].seen
    }

    fn at(&self, age: f64) -> Cell {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and ages are positive"
        )]
        let number = ((age * CELLS as f64) as usize).min(self.cells.len() - 1);
        let cell = &self.cells[number];
        cell.after((age - cell.age).max(0.0))
    }

    /// Share of streams that last longer than `age`.
    pub(super) fn alive(&self, age: f64) -> f64 {
        self.at(age).alive
    }

    /// The integrals over delays from 0 to `longest`.
    pub(super) fn delays(&self, longest: f64) -> Delays {
        let cell = self.at(longest);
        Delays {
            found: cell.seen,
            delay: cell.delay,
            loss: cell.loss,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_mean_one_at_first_and_delays_grow_from_half_the_gap_to_the_whole_stream() {
        let lengths = Lengths::of(&Population::default());
        let long = lengths.delays(100.0);
        assert!((lengths.mean() - 1.0).abs() < 0.03, "{}", lengths.mean());
        // Hardly ever polled, a stream is lost whole.
        assert!(
            (long.loss / 100.0 - lengths.mean()).abs() < 0.02,
            "{long:?}"
        );
        assert!((long.found - lengths.mean()).abs() < 1e-3, "{long:?}");
        let short = lengths.delays(0.01);
        assert!((short.loss / 0.01 / 0.005 - 1.0).abs() < 0.01, "{short:?}");
        assert!((short.found / 0.01 - 1.0).abs() < 0.01, "{short:?}");
        assert!(lengths.alive(0.0) > 0.99 && lengths.alive(20.0) < 0.01);
        assert!((lengths.alive(1.0) - 0.36).abs() < 0.05);
    }
}
