//! The pretend `KonbiniAPI`: the calls, the key, the credits and the log of who asked.
//!
//! Faithful to the contract where no fault is set: the same paths, codes, headers and
//! charges. What an answer looks like is in `bodies`; who is live is in the world.

mod bodies;
mod lists;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, header};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::bodies::Scene;
use super::faults::{Fault, Faults};
use super::following::{Following, NoPage};
use super::wire::{Reply, Request, Traffic, Wire};
use super::world::{Stream, World};
use crate::clock::Clock;
use crate::domain::{Timestamp, Username};

/// Requests remembered; older ones are forgotten first.
pub const MAX_LOGGED: usize = 20_000;

/// Whose requests are served.
#[derive(Debug, Clone)]
pub struct Account {
    /// The one key that is right. Pretend, hence no secret.
    pub key: String,
    /// What is left of the credits.
    pub credits: u64,
    /// Decides which requests random faults befall.
    pub seed: u64,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            key: "knbn_simulated".to_owned(),
            credits: 25_000,
            seed: 1,
        }
    }
}

/// The pretend API, running. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    wire: Wire,
    office: Arc<Office>,
}

/// Steers a running simulator and reads its counters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    office: Arc<Office>,
    traffic: Arc<Traffic>,
}

/// One request as the simulator saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// The same on the clock's monotonic side.
    pub at_monotonic: Duration,
    /// What was called.
    pub call: Call,
    /// For whom, if the path names a user that can be.
    pub username: Option<Username>,
    /// The fault that befell it.
    pub fault: Option<Fault>,
}

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `/v1/tiktok/users/{username}/live`
    Live,
    /// `/v1/tiktok/users/{username}`
    Profile,
    /// `/v1/tiktok/users/{username}/following`
    Following,
    /// Anything else.
    Unknown,
}

impl Simulator {
    /// Serves `world` on `listener` as it is at the time that `clock` shows.
    pub fn start(
        listener: TcpListener,
        world: World,
        account: Account,
        clock: Clock,
    ) -> io::Result<Self> {
        let office = Arc::new(Office {
            clock,
            state: Mutex::new(State::new(world, account)),
            asked: watch::Sender::new(0),
        });
        let at_office = Arc::clone(&office);
        let wire = Wire::start(listener, move |request| {
            std::future::ready(at_office.serve(&request))
        })?;
        Ok(Self { wire, office })
    }

    /// `http://127.0.0.1:PORT`: the `konbini.base_url` for it.
    pub fn url(&self) -> String {
        self.wire.url()
    }

    /// Steers this simulator.
    pub fn handle(&self) -> Handle {
        Handle {
            office: Arc::clone(&self.office),
            traffic: Arc::clone(self.wire.traffic()),
        }
    }

    /// Breaks every connection and returns once the port is free; handles keep their counters.
    pub async fn stop(self) {
        self.wire.stop().await;
    }
}

impl Handle {
    /// Begins a stream of `creator` now; `room` names it, or one is made up.
    pub fn set_live(&self, creator: &Username, room: Option<&str>) {
        let stream = Stream::new(creator, self.office.clock.now());
        let stream = match room {
            Some(room) => stream.in_room(room),
            None => stream,
        };
        self.begin(creator, stream);
    }

    /// Begins `stream`, ending what ran at its start.
    pub fn begin(&self, creator: &Username, stream: Stream) {
        self.change(|state| state.world.set_live(creator, stream));
    }

    /// Ends the stream that runs now; adds the creator if there is none.
    pub fn set_offline(&self, creator: &Username) {
        let now = self.office.clock.now();
        self.change(|state| state.world.set_offline(creator, now));
    }

    /// Lets `change` do what it likes with the world.
    pub fn change_world(&self, change: impl FnOnce(&mut World)) {
        self.change(|state| change(&mut state.world));
    }

    /// Sets, or with `None` lifts, what goes wrong for everybody.
    pub fn fault_everywhere(&self, fault: Option<Fault>) {
        self.change(|state| state.faults.everywhere(fault));
    }

    /// Sets, or with `None` lifts, what goes wrong for `creator`.
    pub fn fault_of(&self, creator: &Username, fault: Option<Fault>) {
        self.change(|state| state.faults.of_creator(creator, fault));
    }

    /// Sets the faults that befall random requests, each with its share in `[0, 1]`.
    pub fn faults_at_random(&self, shares: Vec<(f64, Fault)>) {
        self.change(|state| state.faults.at_random(shares));
    }

    /// Sets what is left of the credits.
    pub fn set_credits(&self, credits: u64) {
        self.change(|state| state.account.credits = credits);
    }

    /// Changes the one key that is right.
    pub fn set_key(&self, key: &str) {
        self.change(|state| key.clone_into(&mut state.account.key));
    }

    /// What is left of the credits.
    pub fn credits_remaining(&self) -> u64 {
        self.office.state().account.credits
    }

    /// Credits charged so far.
    pub fn credits_used(&self) -> u64 {
        self.office.state().credits_used
    }

    /// Live calls for `creator` so far.
    pub fn polls(&self, creator: &Username) -> u64 {
        let state = self.office.state();
        state.polls.get(creator).copied().unwrap_or_default()
    }

    /// Live calls so far, for each creator that was asked for.
    pub fn polls_by_creator(&self) -> BTreeMap<Username, u64> {
        self.office.state().polls.clone()
    }

    /// Waits until `creator` was asked for at least `count` times in all.
    pub async fn wait_for_polls(&self, creator: &Username, count: u64) {
        let mut asked = self.office.asked.subscribe();
        // The sender lives in the office, so this cannot fail.
        let _ = asked.wait_for(|_| self.polls(creator) >= count).await;
    }

    /// The last requests, at most [`MAX_LOGGED`], oldest first.
    pub fn log(&self) -> Vec<Asked> {
        self.office.state().log.iter().cloned().collect()
    }

    /// What went over the wire: connections, bytes, the most requests at once.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.office.state());
    }
}

/// Where requests are answered.
#[derive(Debug)]
struct Office {
    clock: Clock,
    state: Mutex<State>,
    /// Requests answered so far.
    asked: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    world: World,
    following: BTreeMap<Username, Following>,
    faults: Faults,
    account: Account,
    credits_used: u64,
    polls: BTreeMap<Username, u64>,
    log: VecDeque<Asked>,
}

impl Office {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        let (call, name) = route(request);
        let username = name.parse::<Username>().ok();
        let mut state = self.state();
        let fault = username.as_ref().and_then(|name| state.faults.next(name));
        state.remember(Asked {
            at: now,
            at_monotonic: self.clock.monotonic(),
            call,
            username: username.clone(),
            fault: fault.clone(),
        });
        let reply = match (state.refusal(request, call), &username) {
            (Some(refusal), _) => refusal,
            (None, None) => state.error(400, "validation_error"),
            (None, Some(username)) => state.answer(
                request,
                &Scene {
                    call,
                    username,
                    now,
                },
                fault.as_ref(),
            ),
        };
        drop(state);
        self.asked.send_modify(|count| *count += 1);
        bodies::dated(reply, now)
    }
}

impl State {
    fn new(world: World, account: Account) -> Self {
        Self {
            world,
            following: BTreeMap::new(),
            faults: Faults::none(account.seed),
            account,
            credits_used: 0,
            polls: BTreeMap::new(),
            log: VecDeque::new(),
        }
    }

    fn remember(&mut self, asked: Asked) {
        if let (Call::Live, Some(username)) = (asked.call, &asked.username) {
            *self.polls.entry(username.clone()).or_default() += 1;
        }
        if self.log.len() == MAX_LOGGED {
            self.log.pop_front();
        }
        self.log.push_back(asked);
    }

    /// Why the request is refused before anybody looks at whom it asks for.
    fn refusal(&self, request: &Request, call: Call) -> Option<Reply> {
        let authorization = request.headers.get(header::AUTHORIZATION);
        let Some(key) = authorization.and_then(|value| value.to_str().ok()) else {
            return Some(bodies::error(401, "missing_api_key", None));
        };
        if key.strip_prefix("Bearer ") != Some(&self.account.key) {
            return Some(bodies::error(401, "invalid_api_key", None));
        }
        (call == Call::Unknown).then(|| self.error(404, "route_not_found"))
    }

    /// An error that costs nothing.
    fn error(&self, status: u16, code: &str) -> Reply {
        bodies::error(status, code, Some((0, self.account.credits)))
    }

    fn answer(&mut self, request: &Request, scene: &Scene<'_>, fault: Option<&Fault>) -> Reply {
        if let Some(reply) =
            fault.and_then(|fault| bodies::in_place_of_an_answer(fault, self.account.credits))
        {
            return reply;
        }
        if self.account.credits == 0 {
            return self.error(402, "credits_exhausted");
        }
        let page = match scene.call {
            Call::Following => Some(self.page(request, scene)),
            _ => None,
        };
        if page == Some(Err(NoPage::Cursor)) {
            return self.error(400, "validation_error");
        }
        self.account.credits -= 1;
        self.credits_used += 1;
        let credits = Some((1, self.account.credits));
        if let Some(page) = page {
            return match page {
                Ok(data) => bodies::deliver(bodies::success(&data, credits), fault),
                Err(_) => bodies::error(404, "not_found", credits),
            };
        }
        match bodies::data(&self.world, scene, fault) {
            Some(data) => bodies::deliver(bodies::success(&data, credits), fault),
            None => bodies::error(404, "not_found", credits),
        }
    }
}

/// Which call it is, and the name in its path.
fn route(request: &Request) -> (Call, String) {
    let parts: Vec<_> = request.path.split('/').collect();
    let (call, name) = match (&request.method, parts.as_slice()) {
        (&Method::GET, ["", "v1", "tiktok", "users", name, "live"]) => (Call::Live, *name),
        (&Method::GET, ["", "v1", "tiktok", "users", name, "following"]) => {
            (Call::Following, *name)
        }
        (&Method::GET, ["", "v1", "tiktok", "users", name]) => (Call::Profile, *name),
        _ => (Call::Unknown, ""),
    };
    (call, name.replace("%40", "@"))
}

#[cfg(test)]
mod tests;
