//! Numbers, durations and choices, each within its bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::super::duration::{self, FORM, display};
use super::super::problem::Finding;
use super::super::raw::{Node, Section};
use super::super::suggest::{closest, did_you_mean, listed};
use super::Reader;

/// Bounds of a duration and why they are what they are.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Bounds {
    pub(in crate::config) least: Duration,
    pub(in crate::config) most: Duration,
    pub(in crate::config) why: &'static str,
}

/// A duration that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Limit {
    /// `"none"`
    None,
    At(Duration),
}

impl Reader<'_> {
    pub(in crate::config) fn boolean(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
    ) -> Option<bool> {
        let node = section.find(key)?;
        let DeValue::Boolean(value) = node.value else {
            self.wrong_type(&node, "true or false");
            return None;
        };
        Some(*value)
    }

    /// A whole number within `allowed`; `why` explains the bounds.
    pub(in crate::config) fn integer(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        allowed: RangeInclusive<u64>,
        why: &str,
    ) -> Option<u64> {
        let node = section.find(key)?;
        let DeValue::Integer(integer) = node.value else {
            self.wrong_type(&node, "a whole number");
            return None;
        };
        let value = i128::from_str_radix(integer.as_str(), integer.radix());
        let value = value.ok().and_then(|value| u64::try_from(value).ok());
        let inside = value.filter(|value| allowed.contains(value));
        if inside.is_none() {
            let (least, most) = (allowed.start(), allowed.end());
            self.refuse(
                &node,
                format_args!("is {integer}"),
                format!("allowed is {least} to {most}{why}"),
            );
        }
        inside
    }

    /// A number that `allowed` accepts; `range` describes which those are.
    pub(in crate::config) fn number(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        allowed: fn(f64) -> bool,
        range: &str,
    ) -> Option<f64> {
        let node = section.find(key)?;
        let value = match node.value {
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|value| value as f64),
            _ => {
                self.wrong_type(&node, "a number");
                return None;
            }
        };
        let inside = value.filter(|value| allowed(*value));
        if inside.is_none() {
            self.refuse(&node, "is out of range", format!("allowed is {range}"));
        }
        inside
    }

    /// A duration within `bounds`.
    pub(in crate::config) fn duration(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        bounds: Bounds,
    ) -> Option<Duration> {
        let node = section.find(key)?;
        self.duration_of(&node, bounds)
    }

    /// A duration within `bounds`, or `"none"`.
    pub(in crate::config) fn duration_or_none(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        bounds: Bounds,
    ) -> Option<Limit> {
        let node = section.find(key)?;
        if node.value.as_str() == Some("none") {
            return Some(Limit::None);
        }
        self.duration_of(&node, bounds).map(Limit::At)
    }

    pub(in crate::config) fn duration_of(
        &mut self,
        node: &Node<'_>,
        bounds: Bounds,
    ) -> Option<Duration> {
        if let DeValue::Integer(_) | DeValue::Float(_) = node.value {
            self.refuse(node, "is a number without a unit", FORM);
            return None;
        }
        let text = self.text(node)?;
        let Some(duration) = duration::parse(&text) else {
            self.refuse(node, "is not a duration", FORM);
            return None;
        };
        if (bounds.least..=bounds.most).contains(&duration) {
            return Some(duration);
        }
        let (least, most) = (display(bounds.least), display(bounds.most));
        let bound = if duration < bounds.least {
            "short"
        } else {
            "long"
        };
        self.refuse(
            node,
            format_args!("is too {bound}"),
            format!("allowed is {least} to {most}{}", bounds.why),
        );
        None
    }

    /// One of a few names.
    pub(in crate::config) fn choice<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let node = section.find(key)?;
        let text = self.text(&node)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let guess = closest(&text, names.iter().copied());
        let message = format!("`{}` has an unknown value", node.path);
        self.report(
            Finding::at(node.span.clone(), node.path.as_str(), message)
                .help(format!("allowed are {}", listed(&names)))
                .maybe_help(guess.map(did_you_mean)),
        );
        None
    }
}
