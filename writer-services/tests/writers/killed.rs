//! Kill -9 of the real program: what was answered is committed, what was committed is announced.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use change_events::embedded::{EmbeddedConsumer, EmbeddedOptions};
use shop_id::Writer;
use tempfile::TempDir;

use crate::running::{PATIENCE, answer_of, campaign, heard};

/// Kills what it started.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The program, and where it says that it listens.
fn program(directory: &Path) -> (Killed, String) {
    let at = directory.display();
    let settings = [
        "listen=127.0.0.1:0".to_owned(),
        "ops=127.0.0.1:0".to_owned(),
        format!("database={at}/ads.sqlite"),
        format!("events={at}/events"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_ads-writer"));
    // What says where tests find servers is no setting of the program, which would refuse it.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SHOPFRONT_"))
    {
        command.env_remove(name);
    }
    for setting in settings {
        command.arg("--set").arg(setting);
    }
    let mut child = command.env("RUST_LOG", "info").stderr(Stdio::piped()).spawn().unwrap();
    let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = words
        .find_map(|line| {
            let (_, rest) = line.unwrap().split_once("listen=").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
            rest.split(' ').next().map(str::to_owned)
        })
        .expect("the program says where it listens");
    // Somebody must go on reading what it says, or it would wait for that.
    std::thread::spawn(move || words.for_each(drop));
    (Killed(child), format!("http://{address}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_killed_between_commit_and_announcement_announces_after_its_next_start() {
    let directory = TempDir::new().unwrap();
    let events = directory.path().join("events");
    std::fs::write(&events, b"not a directory").unwrap();
    let (mut killed, url) = program(directory.path());
    let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
    let changes = (1..=20).map(|number: u64| {
        let request = http.put(format!("{url}/v1/ads/{number}")).json(&campaign("a"));
        tokio::spawn(async move { answer_of(request.send().await.unwrap()).await })
    });
    for change in changes.collect::<Vec<_>>() {
        assert_eq!(change.await.unwrap().0, 201);
    }
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();

    std::fs::remove_file(&events).unwrap();
    let options = EmbeddedOptions { visibility_timeout: PATIENCE, look_around: PATIENCE };
    let listener = EmbeddedConsumer::open(&events, Writer::Ads, "listener", options);
    let (_running, url) = program(directory.path());
    let announced = heard(&listener, 20).await;
    for number in 1..=20 {
        let section =
            answer_of(http.get(format!("{url}/v1/sections/{number}")).send().await.unwrap()).await.1;
        let revision = section["revision"].as_str().unwrap().to_owned();
        assert!(announced.contains(&(number, revision)), "{section} in {announced:?}");
    }
}
