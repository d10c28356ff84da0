//! The real binary as a child process, between a simulated API and a real receiver.

mod aborts;
mod heartbeat;
mod hostile;
mod kills;
mod ledger;
mod life;
mod logs;
mod outbox;
mod people;
mod reload;
mod sweeps;
mod systemd;
pub(crate) mod web;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tallylight::clock::Clock;
use tallylight::domain::Username;
use tallylight::domain::signature::SigningKey;
use tallylight::simulator::{Account, Handle, Receiver, Simulator, World, wire};
use tempfile::TempDir;

use crate::program;

/// Longer than anything here takes; a test that hangs ends with a message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// What surrounds the daemon, and outlives it.
pub(crate) struct Surroundings {
    pub(crate) api: Simulator,
    pub(crate) receiver: Receiver,
    folder: TempDir,
}

/// The daemon, running; killed if the test forgets it.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

/// Creator number `number` of any test.
pub(crate) fn name(number: usize) -> Username {
    format!("creator{number}").parse().unwrap()
}

impl Surroundings {
    /// `creators` creators who are offline, a receiver that accepts, and a configuration in a hurry.
    pub(crate) async fn of(creators: usize) -> Self {
        let clock = Clock::system();
        let key = SigningKey::from_bytes([42; 32]);
        let mut world = World::new();
        (0..creators).for_each(|number| world.add(&name(number)));
        let listener = wire::loopback().await.unwrap();
        let account = Account {
            credits: u64::MAX / 2,
            ..Account::default()
        };
        let api = Simulator::start(listener, world, account, clock.clone()).unwrap();
        let listener = wire::loopback().await.unwrap();
        let receiver = Receiver::start(listener, vec![key.clone()], clock).unwrap();
        let surroundings = Self {
            api,
            receiver,
            folder: tempfile::tempdir().unwrap(),
        };
        let names: Vec<String> = (0..creators)
            .map(|number| name(number).to_string())
            .collect();
        fs::write(
            surroundings.folder.path().join("creators.txt"),
            names.join("\n") + "\n",
        )
        .unwrap();
        fs::write(surroundings.config_file(), surroundings.configuration(&key)).unwrap();
        surroundings
    }

    fn configuration(&self, key: &SigningKey) -> String {
        format!(
            r#"
[konbini]
api_key = "{}"
base_url = "{}"

[polling]
interval = "60ms"
live_interval = "60ms"
confirm_after = "20ms"
resume_within = "0s"
max_requests_per_second = 400
max_in_flight = 32

[watchlist]
file = "creators.txt"

[[webhook]]
id = "backend"
url = "{}/hook"
secret = "{}"
timeout = "15s"
retry = [{}]

[storage]
url = "sqlite:state.db"

[http]
listen = "off"
"#,
            Account::default().key,
            self.api.url(),
            self.receiver.url(),
            key.expose(),
            vec!["\"100ms\""; 50].join(", "),
        )
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub(crate) fn store_file(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    pub(crate) fn handle(&self) -> Handle {
        self.api.handle()
    }

    /// Replaces a part of the configuration, which has to be there.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config_file()).unwrap();
        assert!(text.contains(from), "{from:?} is not in the configuration");
        fs::write(self.config_file(), text.replace(from, to)).unwrap();
    }

    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    /// Starts the daemon with further environment variables; its log goes to a file.
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Daemon {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
        command.envs(environment.iter().copied());
        self.spawn(command)
    }

    /// Starts the daemon where no file may grow beyond so many KiB: what a full disk looks like.
    pub(crate) fn start_with_files_up_to(&self, kibibytes: u64) -> Daemon {
        let blocks = 2 * kibibytes;
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tallylight")]);
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> Daemon {
        let log = self.folder.path().join("log.txt");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = command
            .args(["run", "--config"])
            .arg(self.config_file())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Daemon { child, log }
    }
}

impl Daemon {
    /// SIGKILL, and the wait for its effect.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name, like `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        program::signal(self.child.id(), name);
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let started = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        started
            .await
            .unwrap_or_else(|_| panic!("still running; its log:\n{}", self.log()))
    }

    /// SIGTERM, and the exit code it leads to.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await.code()
    }

    /// Everything logged so far, by earlier daemons in the same place too.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
