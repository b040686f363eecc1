//! Named conditions: ready when all hold, and by name why not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What `/readyz` and `/startupz` answer from. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Condition>>>);

#[derive(Clone, Debug, Default)]
struct Condition {
    holds: bool,
    once_held: bool,
    why: String,
}

impl Readiness {
    /// Without conditions, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A condition that does not hold yet; `why` is shown until it does.
    pub fn expect(&self, name: &'static str, why: impl Into<String>) {
        let mut conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let condition = conditions.entry(name).or_default();
        condition.holds = false;
        condition.why = why.into();
    }

    /// The condition holds.
    pub fn hold(&self, name: &'static str) {
        let mut conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *conditions.entry(name).or_default() = Condition { holds: true, once_held: true, why: String::new() };
    }

    /// `Ok` when all conditions hold, else the others with their reasons.
    ///
    /// # Errors
    /// One line per condition that does not hold.
    pub fn ready(&self) -> Result<(), String> {
        self.report(|condition| condition.holds)
    }

    /// `Ok` once every condition has held at least once.
    ///
    /// # Errors
    /// One line per condition that never held.
    pub fn started(&self) -> Result<(), String> {
        self.report(|condition| condition.once_held)
    }

    fn report(&self, fulfilled: impl Fn(&Condition) -> bool) -> Result<(), String> {
        let conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lacking: Vec<String> = conditions
            .iter()
            .filter(|(_, condition)| !fulfilled(condition))
            .map(|(name, condition)| format!("{name}: {}", condition.why))
            .collect();
        if lacking.is_empty() { Ok(()) } else { Err(lacking.join("\n")) }
    }
}
