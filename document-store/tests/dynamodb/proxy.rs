//! Between a store and DynamoDB Local: what the local version never does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::tables::{PATIENCE, endpoint};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// With this code, as DynamoDB refuses.
    Refused(&'static str),
    /// Nobody answers, nor closes the connection.
    Silent,
    /// It is done, and the connection breaks before the answer is there.
    BrokenOff,
    /// Of a `BatchGetItem` only the first key is looked at.
    FirstKeyOnly,
}

/// The operation and the body of a request decide.
type Rule = Box<dyn FnMut(&str, &str) -> Fate + Send>;

pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    rule: Arc<Mutex<Rule>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_, _| Fate::Answered)));
        let shared = Arc::clone(&rule);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let rule = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(&client, &rule)));
            }
        });
        Self { endpoint, rule }
    }

    pub(crate) fn now_decides(&self, rule: impl FnMut(&str, &str) -> Fate + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// The next so many requests of one operation; those after them are answered.
    pub(crate) fn next(&self, count: usize, operation: &'static str, fate: Fate) {
        let mut left = count;
        self.now_decides(move |asked, _| {
            if asked != operation || left == 0 {
                return Fate::Answered;
            }
            left -= 1;
            fate
        });
    }
}

/// One request on each connection.
fn serve(client: &TcpStream, rule: &Mutex<Rule>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let (mut operation, mut head, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        } else if lower.starts_with("x-amz-target:") {
            operation = line.trim().rsplit('.').next().unwrap_or_default().to_owned();
        }
        match line.as_str() {
            "" => return Ok(()),
            "\r\n" => break,
            _ if lower.starts_with("content-length:") || lower.starts_with("connection:") => {}
            // Then the answer ends with the connection.
            _ => head += &line.replace("HTTP/1.1", "HTTP/1.0"),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();
    let fate = rule.lock().unwrap()(&operation, &body);
    match fate {
        Fate::Refused(code) => {
            let said = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "so it is" });
            answer(client, 400, &said.to_string())
        }
        Fate::Silent => {
            std::thread::sleep(PATIENCE);
            Ok(())
        }
        Fate::Answered => forwarded(&head, &body).and_then(|(status, said)| answer(client, status, &said)),
        Fate::BrokenOff => forwarded(&head, &body).map(drop),
        Fate::FirstKeyOnly => {
            let mut asked: Value = serde_json::from_str(&body).unwrap();
            let mut left = json!({});
            for (table, of_table) in asked["RequestItems"].as_object_mut().unwrap() {
                let keys = of_table["Keys"].as_array_mut().unwrap();
                let others = keys.split_off(1);
                if !others.is_empty() {
                    left[table] = json!({ "Keys": others, "ConsistentRead": true });
                }
            }
            let (status, said) = forwarded(&head, &asked.to_string())?;
            let mut said: Value = serde_json::from_str(&said).unwrap();
            said["UnprocessedKeys"] = left;
            answer(client, status, &said.to_string())
        }
    }
}

fn forwarded(head: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut server = TcpStream::connect(endpoint().trim_start_matches("http://"))?;
    write!(server, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
    let mut said = String::new();
    server.read_to_string(&mut said)?;
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(500);
    Ok((status, body.to_owned()))
}

fn answer(mut client: &TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    write!(
        client,
        "HTTP/1.1 {status} Said\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
