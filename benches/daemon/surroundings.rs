//! The pretend API, in this process or in one of its own, and the real binary.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tallylight::clock::Clock;
use tallylight::config::{self, Config};
use tallylight::domain::Username;
use tallylight::domain::signature::SigningKey;
use tallylight::simulator::{Account, Simulator, World, wire};
use tempfile::TempDir;

/// The argument that makes this program the simulator.
pub(crate) const SERVE: &str = "serve-the-simulator";

/// The key of the pretend account.
pub(crate) fn api_key() -> String {
    Account::default().key
}

/// A pretend API with nobody live and no end of credits.
pub(crate) async fn simulator(clock: Clock) -> Simulator {
    let account = Account {
        credits: u64::MAX / 2,
        ..Account::default()
    };
    let listener = wire::loopback().await.unwrap();
    Simulator::start(listener, World::new(), account, clock).unwrap()
}

/// Serves until stdin ends; the address is the one line on stdout.
pub(crate) async fn serve() {
    let simulator = simulator(Clock::system()).await;
    println!("{}", simulator.url());
    let wait = || std::io::stdin().lines().for_each(drop);
    tokio::task::spawn_blocking(wait).await.unwrap();
}

/// The simulator in a process of its own; gone when dropped.
pub(crate) struct Elsewhere {
    child: Child,
    pub(crate) url: String,
}

impl Elsewhere {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        Self { child, url }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory with a configuration, on the disk of the build, not in memory.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) key: SigningKey,
}

impl Place {
    /// `creators` creators, asked of `api`; events go to `receiver`.
    pub(crate) fn new(creators: usize, polling: &str, api: &str, receiver: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let names: Vec<String> = (0..creators).map(|n| name(n).to_string()).collect();
        fs::write(folder.path().join("creators.txt"), names.join("\n")).unwrap();
        let key = SigningKey::from_bytes([42; 32]);
        let text = format!(
            r#"
[konbini]
api_key = "{}"
base_url = "{api}"

[polling]
{polling}

[watchlist]
file = "creators.txt"

[[webhook]]
id = "backend"
url = "{receiver}/hook"
secret = "{}"

[storage]
url = "sqlite:state.db"

[http]
listen = "off"

[log]
level = "warn"
"#,
            api_key(),
            key.expose(),
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder, key }
    }

    /// Has the daemon that is to come listen on a free port; its address.
    pub(crate) async fn listen(&self) -> String {
        let listener = wire::loopback().await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let text = fs::read_to_string(self.config_file()).unwrap();
        let text = text.replace("listen = \"off\"", &format!("listen = \"{address}\""));
        fs::write(self.config_file(), text).unwrap();
        address
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// The configuration as the program reads it.
    pub(crate) fn config(&self) -> Config {
        config::load(&self.config_file(), &|_| None).unwrap().config
    }

    /// The real binary, running; stopped when dropped.
    pub(crate) fn daemon(&self) -> Daemon {
        Daemon::start(&self.config_file())
    }
}

/// Creator number `number`.
pub(crate) fn name(number: usize) -> Username {
    format!("creator{number}").parse().unwrap()
}

/// `tallylight run` as a child process.
pub(crate) struct Daemon(Child);

impl Daemon {
    fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
        command.args(["run", "--config"]).arg(config);
        // Warnings that secrets are written in the file are of no interest here.
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Its process number, as `/proc` names it.
    pub(crate) fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
