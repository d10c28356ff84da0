//! `template`: the operator's own body, a Jinja template that writes JSON.
//!
//! Everything printed is printed as JSON, quotes included, so no title breaks out of its
//! string; what comes out is checked to be JSON. It knows `type`, `timestamp` and `data`,
//! and nothing of the clock or the machine: the same event is always the same bytes.

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;

use super::{FormatError, MAX_BODY, sample};
use crate::domain::EventType;
use crate::domain::text::{Printable, bounded};

const NAME: &str = "template";
/// Instructions for one body: a loop over a loop ends here, not with the patience of the lane.
const FUEL: u64 = 100_000;

/// A template that parses.
#[derive(Debug)]
pub(in crate::webhook) struct Template {
    environment: Environment<'static>,
}

impl Template {
    pub(super) fn parse(source: &str) -> Result<Self, FormatError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Json);
        environment.set_fuel(Some(FUEL));
        // A type that nobody subscribed to, as `ping` sends, gets `null` where it has no value.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| explained(&error))?;
        Ok(Self { environment })
    }

    /// Tries the template on a sample of every type.
    ///
    /// Of the `subscribed` types it must not print what they do not have: that is a typing
    /// error, and would be found at the first event else.
    pub(super) fn check(&self, subscribed: &[EventType]) -> Result<(), FormatError> {
        let mut strict = self.environment.clone();
        strict.set_undefined_behavior(UndefinedBehavior::Strict);
        let strict = Self {
            environment: strict,
        };
        for kind in EventType::ALL {
            let event = super::parse(&sample::body(*kind))?;
            let template = if subscribed.contains(kind) {
                &strict
            } else {
                self
            };
            template.render(&event).map_err(|error| match error {
                FormatError::Template(why) => FormatError::Template(format!("{why}, for {kind}")),
                other => other,
            })?;
        }
        Ok(())
    }

    pub(super) fn render(&self, event: &Value) -> Result<String, FormatError> {
        let template = self.environment.get_template(NAME);
        let template = template.map_err(|error| explained(&error))?;
        let context = minijinja::Value::from(minijinja::value::Serde(event));
        let written = template.render(context).map_err(|e| explained(&e))?;
        if written.len() > MAX_BODY {
            return Err(FormatError::TooLarge(written.len()));
        }
        serde_json::from_str::<serde::de::IgnoredAny>(&written).map_err(|error| {
            FormatError::Template(format!("writes no JSON: {}", bounded(&error.to_string())))
        })?;
        Ok(written)
    }
}

fn explained(error: &minijinja::Error) -> FormatError {
    let line = error.line().map(|line| format!(" in line {line}"));
    let what = error.detail().map_or_else(
        || error.kind().to_string(),
        |detail| format!("{}: {detail}", error.kind()),
    );
    let what = Printable(&bounded(&what)).to_string();
    FormatError::Template(format!("fails{}: {what}", line.unwrap_or_default()))
}
