//! Following lists at the API: whose list a request asks for, and from where on.

use serde_json::Value;

use super::super::following::{Following, NoPage};
use super::super::wire::Request;
use super::super::world::World;
use super::bodies::{self, Scene};
use super::{Handle, State};
use crate::domain::Username;

/// Members on a page, by the contract.
const MOST_ON_A_PAGE: usize = 30;

impl Handle {
    /// Gives `account` a following list in place of the one it had.
    pub fn set_following(&self, account: &Username, members: &[Username], seed: u64) {
        self.change(|state| {
            let list = Following::new(&state.world, members, seed);
            state.following.insert(account.clone(), list);
        });
    }

    /// Lets `change` do what it likes with the following list of `account`, if it has one.
    pub fn change_following(
        &self,
        account: &Username,
        change: impl FnOnce(&mut Following, &World),
    ) {
        self.change(|state| {
            if let Some(list) = state.following.get_mut(account) {
                change(list, &state.world);
            }
        });
    }
}

impl State {
    /// `data` of the page of a following list that `request` asks for.
    pub(super) fn page(&self, request: &Request, scene: &Scene<'_>) -> Result<Value, NoPage> {
        let query = request.query.as_deref().unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let count = value("count").and_then(|count| count.parse().ok());
        let count = count.unwrap_or(MOST_ON_A_PAGE).clamp(1, MOST_ON_A_PAGE);
        let cursor = value("cursor");
        let list = self.following.get(scene.username).ok_or(NoPage::Hidden)?;
        let page = list.page(&self.world, (cursor, count), scene.now)?;
        Ok(bodies::following(
            &self.world,
            scene.username,
            cursor,
            &page,
        ))
    }
}
