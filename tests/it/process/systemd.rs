//! What a service manager hears of the real binary, through a socket as systemd's.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use super::life::wait_for_log;
use super::{Daemon, PATIENCE, Surroundings, name};

/// A service manager that writes down what it hears.
struct Manager {
    socket: tokio::net::UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn of(around: &Surroundings) -> Self {
        let path = around.folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket: tokio::net::UnixDatagram::from_std(socket).unwrap(),
            path,
        }
    }

    fn start(&self, around: &Surroundings, watchdog: Duration) -> Daemon {
        let usec = watchdog.as_micros().to_string();
        let path = self.path.to_str().unwrap();
        around.start_with(&[("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", &usec)])
    }

    /// The next message, line by line.
    async fn hear(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let heard = tokio::time::timeout(PATIENCE, self.socket.recv(&mut buffer));
        let length = heard.await.expect("nothing is heard").unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Everything up to a message with a line that begins like this, that message included.
    async fn until(&self, line: &str) -> Vec<Vec<String>> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.hear().await);
            if heard.last().unwrap().iter().any(|l| l.starts_with(line)) {
                return heard;
            }
        }
    }
}

fn all(heard: &[Vec<String>]) -> Vec<&str> {
    heard.iter().flatten().map(String::as_str).collect()
}

#[tokio::test]
async fn a_life_as_a_service_manager_hears_it() {
    let around = Surroundings::of(3).await;
    around.reconfigure(
        "[polling]",
        "[budget]\ncredits_per_month = 1000000\n\n[polling]\nschedule = \"fixed\"",
    );
    let manager = Manager::of(&around);
    let daemon = manager.start(&around, Duration::from_secs(1));

    let heard = manager.until("READY=1").await;
    assert_eq!(all(&heard), ["READY=1"], "READY is the first thing");
    let status = manager.until("STATUS=").await.pop().unwrap().pop().unwrap();
    let numbers = "3 creators, 0 live; 0 deliveries pending; 0 % of credits used";
    assert_eq!(status, format!("STATUS={numbers}"));
    // Twice as often as it has to.
    manager.until("WATCHDOG=1").await;
    manager.until("WATCHDOG=1").await;

    daemon.signal("HUP");
    let heard = manager.until("READY=1").await;
    let reloading = heard.iter().find(|m| m[0] == "RELOADING=1").unwrap();
    let usec: u64 = reloading[1]
        .strip_prefix("MONOTONIC_USEC=")
        .unwrap()
        .parse()
        .unwrap();
    assert!(usec > 0);

    daemon.signal("TERM");
    let heard = manager.until("STOPPING=1").await;
    assert!(heard.last().unwrap()[1].starts_with("STATUS=stopping"));
    let mut daemon = daemon;
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_refused_reload_ends_with_ready_and_the_status_says_so_until_it_is_mended() {
    let around = Surroundings::of(1).await;
    let manager = Manager::of(&around);
    let daemon = manager.start(&around, Duration::from_secs(60));
    manager.until("READY=1").await;
    let good = fs::read_to_string(around.config_file()).unwrap();
    fs::write(around.config_file(), good.replace("[polling]", "[poling]")).unwrap();
    daemon.signal("HUP");
    manager.until("RELOADING=1").await;
    manager.until("READY=1").await;
    wait_for_log(&daemon, "configuration refused").await;
    let heard = manager.until("STATUS=configuration REFUSED").await;
    let status = heard.last().unwrap().last().unwrap();
    assert!(
        status.contains("config.toml:6: there is no key `poling`"),
        "{status}"
    );
    assert!(
        status.ends_with("1 creators, 0 live; 0 deliveries pending"),
        "{status}"
    );

    fs::write(around.config_file(), &good).unwrap();
    manager.until("RELOADING=1").await;
    manager.until("READY=1").await;
    manager.until("STATUS=1 creators").await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_daemon_that_cannot_load_what_is_known_is_never_ready() {
    let around = Surroundings::of(1).await;
    let manager = Manager::of(&around);
    // Nobody says READY who cannot load what is known: it ends instead.
    fs::create_dir(around.store_file()).unwrap();
    let mut daemon = manager.start(&around, Duration::from_secs(60));
    assert_eq!(daemon.ended().await.code(), Some(1));
    assert_eq!(around.handle().polls(&name(0)), 0);
    let mut buffer = [0; 64];
    assert!(manager.socket.try_recv(&mut buffer).is_err());
}
