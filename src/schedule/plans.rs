//! The provider's plans: what a month of credits costs.
//!
//! From the pricing page of `KonbiniAPI` as of 2026-08-22.
//! Credits do not roll over.

/// How often a plan's credits come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// Once, never again.
    Once,
    /// Anew each month.
    Monthly,
}

/// One plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// In US dollars a month.
    pub dollars: u32,
    /// Credits each time they come.
    pub credits: u64,
    /// How often they come.
    pub refill: Refill,
}

const fn monthly(name: &'static str, dollars: u32, credits: u64) -> Plan {
    Plan {
        name,
        dollars,
        credits,
        refill: Refill::Monthly,
    }
}

/// Every plan, the smallest first.
pub const PLANS: [Plan; 5] = [
    Plan {
        name: "Free",
        dollars: 0,
        credits: 100,
        refill: Refill::Once,
    },
    monthly("Plus", 49, 25_000),
    monthly("Pro", 99, 55_000),
    monthly("Max", 199, 160_000),
    monthly("Ultra", 499, 450_000),
];

impl Plan {
    /// Whether the plan pays for `credits` in each month.
    pub fn covers(&self, credits: f64) -> bool {
        self.refill == Refill::Monthly && credits <= self.credits as f64
    }
}

/// The cheapest plan that pays for `credits` in each month, if one does.
pub fn cheapest_for(credits: f64) -> Option<&'static Plan> {
    PLANS.iter().find(|plan| plan.covers(credits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_in_order_and_a_dearer_one_has_more() {
        for pair in PLANS.windows(2) {
            assert!(pair[0].dollars < pair[1].dollars && pair[0].credits < pair[1].credits);
        }
    }

    #[test]
    fn the_cheapest_plan_covers_up_to_its_last_credit() {
        let name = |credits| cheapest_for(credits).map(|plan| plan.name);
        assert_eq!(name(50.0), Some("Plus"));
        assert_eq!(name(25_000.0), Some("Plus"));
        assert_eq!(name(25_000.1), Some("Pro"));
        assert_eq!(name(450_000.0), Some("Ultra"));
        assert_eq!(name(450_001.0), None);
    }
}
