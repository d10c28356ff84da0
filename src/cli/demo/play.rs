//! Runs the daemon and the pretend world side by side, tells what happens, and counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use http::StatusCode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::screen;
use super::script::{Act, Script};
use crate::clock::Clock;
use crate::daemon;
use crate::domain::signature::SigningKey;
use crate::simulator::receiver::{Received, Receiver, Verdict};
use crate::simulator::{Account, Answer, Fault, Handle, Simulator, wire};

/// Deliveries on their way to the screen; more than a demo ever has at once.
const LINES: usize = 256;
/// How long the last deliveries may take after the time is over.
const CURTAIN: Duration = Duration::from_secs(3);

/// The pretend world, running.
pub(super) struct Play {
    pub(super) script: Script,
    pub(super) simulator: Simulator,
    pub(super) receiver: Receiver,
    pub(super) key: SigningKey,
    /// Opens the buttons of the page.
    pub(super) token: String,
    clock: Clock,
    span: Duration,
    receiver_fails: Arc<AtomicBool>,
}

/// Plays for `span`; whether every delivery was genuine, in order and told once.
pub(super) async fn play(span: Duration, folder: &Path) -> anyhow::Result<bool> {
    let play = Play::begin(span).await?;
    let config = super::configuration(&play, folder)?;
    let mut world = super::super::world(&config, play.clock.clone())?;
    let page = wire::loopback().await?;
    let address = page.local_addr()?;
    world.listener = Some(page);
    let stop = CancellationToken::new();
    screen::say(&format!(
        "tallylight watches {} creators of a simulated API every 2 s; Ctrl-C ends it early\n\
         page   http://{address}\n\
         token  {} (for its buttons)\n\n",
        config.creators.len(),
        play.token
    ));
    let mut daemon = pin!(daemon::run(&config, world, stop.clone()));
    let mut lines = play.listen();
    tokio::select! {
        ended = &mut daemon => ended.context("the daemon ended by itself")?,
        () = play.tell(&mut lines) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for Ctrl-C")?,
    }
    stop.cancel();
    daemon.await?;
    Ok(play.end().await)
}

impl Play {
    async fn begin(span: Duration) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let script = Script::new(rand::random(), clock.now(), span);
        let key = SigningKey::from_bytes(rand::random());
        let simulator = Simulator::start(
            wire::loopback().await?,
            script.world().clone(),
            Account::default(),
            clock.clone(),
        )?;
        let receiver = Receiver::start(wire::loopback().await?, vec![key.clone()], clock.clone())?;
        Ok(Self {
            script,
            simulator,
            receiver,
            key,
            token: format!("{:016x}", rand::random::<u64>()),
            clock,
            span,
            receiver_fails: Arc::default(),
        })
    }

    /// From now on every delivery also comes out here, with whether it was refused.
    fn listen(&self) -> mpsc::Receiver<(Received, bool)> {
        let (send, receive) = mpsc::channel(LINES);
        let fails = Arc::clone(&self.receiver_fails);
        self.receiver.answer_by(move |received| {
            let refused = fails.load(Ordering::Relaxed);
            // A line that finds no room is not shown; it is counted all the same.
            let _ = send.try_send((received.clone(), refused));
            let status = if refused {
                StatusCode::INTERNAL_SERVER_ERROR
            } else {
                StatusCode::NO_CONTENT
            };
            Answer::status(status).into()
        });
        receive
    }

    /// Tells what happens until the time is over and what was on its way has come.
    async fn tell(&self, lines: &mut mpsc::Receiver<(Received, bool)>) {
        let mut scenes = self.script.scenes().iter().peekable();
        let end = self.span + CURTAIN;
        loop {
            let next = scenes.peek().map_or(end, |scene| scene.after);
            tokio::select! {
                Some((received, refused)) = lines.recv() => {
                    screen::delivery(self.clock.monotonic(), &received, refused);
                }
                () = self.clock.sleep_until(next) => match scenes.next() {
                    Some(scene) => self.act(&scene.act),
                    None => return,
                },
            }
        }
    }

    fn act(&self, act: &Act) {
        let api: Handle = self.simulator.handle();
        match act {
            Act::GoesLive(_) | Act::Ends(_) => {}
            Act::ApiFails => api.fault_everywhere(Some(Fault::Error(502, "platform_error"))),
            Act::ApiWorks => api.fault_everywhere(None),
            Act::ReceiverFails => self.receiver_fails.store(true, Ordering::Relaxed),
            Act::ReceiverWorks => self.receiver_fails.store(false, Ordering::Relaxed),
        }
        screen::act(self.clock.monotonic(), act);
    }

    /// Sums up, and says whether all promises were kept.
    async fn end(self) -> bool {
        let credits = self.simulator.handle().credits_used();
        let ran = self.clock.monotonic();
        let received = self.receiver.stop().await;
        let shown = |wanted: fn(&Act) -> bool| {
            let past = self
                .script
                .scenes()
                .iter()
                .filter(|scene| scene.after <= ran);
            past.filter(|scene| wanted(&scene.act)).count()
        };
        let begun = shown(|act| matches!(act, Act::GoesLive(_)));
        let ended = shown(|act| matches!(act, Act::Ends(_)));
        let tally = Tally::of(&received);
        screen::say(&format!(
            "\nIn the pretend world {begun} streams began and {ended} ended.\n\
             tallylight told of {} starts and {} ends, on average {:.1} s after the start, for {credits} credits.\n\
             {} webhooks arrived, {} of them verified, {} were tried again; {} out of order, {} invented.\n",
            tally.starts,
            tally.ends,
            tally.mean_delay(),
            received.len(),
            tally.genuine,
            received.len() - tally.distinct,
            tally.out_of_order,
            tally.altered,
        ));
        let kept = tally.genuine == received.len() && tally.out_of_order == 0 && tally.altered == 0;
        screen::say(if kept {
            "Every promise was kept. The README says how to run it for real.\n"
        } else {
            "A promise was broken; this is a defect of tallylight.\n"
        });
        kept
    }
}

/// What the deliveries add up to.
#[derive(Debug, Default)]
struct Tally {
    genuine: usize,
    distinct: usize,
    starts: usize,
    ends: usize,
    delays: f64,
    out_of_order: usize,
    /// Came again with another body.
    altered: usize,
}

impl Tally {
    fn of(received: &[Received]) -> Self {
        let mut tally = Self::default();
        let mut bodies = BTreeMap::new();
        let mut sequences: BTreeMap<String, u64> = BTreeMap::new();
        for one in received {
            tally.genuine += usize::from(one.verdict == Verdict::Genuine);
            let before = bodies.insert(one.id().map(str::to_owned), one.body.clone());
            if let Some(before) = before {
                tally.altered += usize::from(before != one.body);
                continue;
            }
            tally.distinct += 1;
            tally.count(&one.json().unwrap_or_default(), &mut sequences);
        }
        tally
    }

    fn count(&mut self, body: &serde_json::Value, sequences: &mut BTreeMap<String, u64>) {
        let data = &body["data"];
        let started = match body["type"].as_str() {
            Some("stream.started") => true,
            Some("stream.ended") => false,
            _ => return,
        };
        if started {
            self.starts += 1;
            self.delays += data["detection"]["delay_seconds"]
                .as_f64()
                .unwrap_or_default();
        } else {
            self.ends += 1;
        }
        let name = data["creator"]["username"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let sequence = sequences.entry(name).or_default();
        *sequence += 1;
        // Odd ones are starts, even ones ends: they alternate from the first.
        let right = data["sequence"].as_u64() == Some(*sequence) && started == (*sequence % 2 == 1);
        self.out_of_order += usize::from(!right);
    }

    fn mean_delay(&self) -> f64 {
        if self.starts == 0 {
            0.0
        } else {
            self.delays / self.starts as f64
        }
    }
}
