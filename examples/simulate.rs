//! The pretend world on fixed loopback addresses, for programs that run beside it:
//! `simulate API_ADDRESS RECEIVER_ADDRESS SECRET CREATORS`.
//!
//! `creator0`, `creator1` ... stream for 18 of every 30 seconds, one after the other. Prints as
//! JSON lines what happens: `began` and `ended` are the truth, `received` is a webhook that came.

use std::env;
use std::io::{self, Write as _};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tallylight::clock::Clock;
use tallylight::domain::Username;
use tallylight::domain::signature::SigningKey;
use tallylight::simulator::receiver::Received;
use tallylight::simulator::{Account, Handle, Receiver, Reply, Simulator, World};
use tokio::net::TcpListener;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Seconds from one start of a creator to the next, and how many of them are live.
const PERIOD: u64 = 30;
const LIVE: u64 = 18;

#[tokio::main]
async fn main() -> Fallible<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [api, receiver, secret, creators] = arguments.as_slice() else {
        return Err("usage: simulate API_ADDRESS RECEIVER_ADDRESS SECRET CREATORS".into());
    };
    let clock = Clock::system();
    let names = (0..creators.parse::<u32>()?).map(|number| format!("creator{number}").parse());
    let creators: Vec<Username> = names.collect::<Result<_, _>>()?;
    let mut world = World::new();
    for creator in &creators {
        world.add(creator);
    }
    let account = Account {
        credits: 1_000_000,
        ..Account::default()
    };
    let api = Simulator::start(TcpListener::bind(api).await?, world, account, clock.clone())?;
    let keys = vec![secret.parse::<SigningKey>()?];
    let receiver = Receiver::start(TcpListener::bind(receiver).await?, keys, clock.clone())?;
    receiver.answer_by(|received| {
        tell(&arrival(received));
        Reply::status(StatusCode::NO_CONTENT)
    });
    stage(&api.handle(), &creators, &clock).await
}

/// Begins and ends streams, for ever.
async fn stage(api: &Handle, creators: &[Username], clock: &Clock) -> Fallible<()> {
    for second in 0_u64.. {
        for (number, creator) in (0_u64..).zip(creators) {
            // The first starts come a while after the daemon's first look.
            let phase = (second + PERIOD - 4 * number % PERIOD) % PERIOD;
            if phase == 3 {
                api.set_live(creator, None);
                tell(&json!({ "what": "began", "creator": creator.as_str(), "second": second }));
            } else if phase == 3 + LIVE && second > LIVE {
                api.set_offline(creator);
                tell(&json!({ "what": "ended", "creator": creator.as_str(), "second": second }));
            }
        }
        clock.sleep_until(Duration::from_secs(second + 1)).await;
    }
    Ok(())
}

/// What a webhook said, as one line.
fn arrival(received: &Received) -> Value {
    let body = received.json().unwrap_or_default();
    let data = &body["data"];
    json!({
        "what": "received",
        "id": received.id(),
        "verdict": format!("{:?}", received.verdict),
        "type": body["type"],
        "creator": data["creator"]["username"],
        "sequence": data["sequence"],
        "body": body,
    })
}

fn tell(line: &Value) {
    // With stdout gone there is nobody left to tell.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
