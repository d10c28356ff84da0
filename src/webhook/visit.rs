//! A plain GET, under the same rules as every webhook: no redirect, no proxy, no metadata address.

use std::time::Duration;

use reqwest::Url;

use super::egress::{is_blocked, literal};
use super::sender::{HttpSender, breakage};

impl HttpSender {
    /// Asks for `url` and wants a 2xx before `deadline`; says why there was none, without the address.
    pub async fn visit(&self, url: &str, deadline: Duration) -> Result<(), String> {
        let url: Url = url.parse().map_err(|_| "the url does not parse")?;
        if literal(&url).is_some_and(is_blocked) {
            return Err("the url is a link-local or metadata address".to_owned());
        }
        let asked = self.plain().get(url).timeout(deadline).send().await;
        let answer = asked.map_err(|error| breakage(error, None, Vec::new()).detail)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("the answer was {}", status.as_u16()))
    }
}
