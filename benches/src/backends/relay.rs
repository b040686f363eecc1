//! Between a client and its server: one question is late, or one connection is lost, and nothing else is.
//!
//! The crate `fault-proxy` fails all that goes through it at once; here it matters that two of 25 gets are late and the
//! others are not, and that the connection is lost over which a store listens while gathers go on over another one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that are late at the same time; the client waits for more.
const CHUNKS_MAX: usize = 1_024;
/// By this a connection is told apart from which a Redis is listened to.
const LISTENS: &[u8] = b"TRACKING";

/// What happens to the connections that a store listens over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Not lost.
    Not,
    /// Both ends are told.
    Reset,
    /// It stays open and nothing arrives any more, as when the other host lost its power.
    Silent,
}

/// Dropping it cuts all connections.
#[derive(Debug)]
pub struct Relay {
    /// Where clients connect to.
    pub address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Rules {
    /// Questions with one of these in them are late, once.
    marks: Vec<Vec<u8>>,
    late_by: Duration,
    /// Questions that were.
    late: u64,
    /// Of connections that are listened over.
    listening: Vec<watch::Sender<Loss>>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(rules: &Mutex<Rules>) -> MutexGuard<'_, Rules> {
    rules.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Before a server.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn before(server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let rules = Arc::<Mutex<Rules>>::default();
        let accepting = {
            let rules = Arc::clone(&rules);
            tokio::spawn(async move {
                // They end with this.
                let mut connections = tokio::task::JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    connections.spawn(connection(client, server, Arc::clone(&rules)));
                    while connections.try_join_next().is_some() {}
                }
            })
        };
        Ok(Self { address, rules, accepting })
    }

    /// The next question with one of these marks in it arrives so much later, with all that is sent behind it on the same
    /// connection; asked again over another one it does not.
    pub fn make_late(&self, marks: Vec<Vec<u8>>, by: Duration) {
        let mut rules = lock(&self.rules);
        rules.marks = marks;
        rules.late_by = by;
    }

    /// Nothing is late any more that was not yet; how many questions were.
    #[must_use]
    pub fn late(&self) -> u64 {
        let mut rules = lock(&self.rules);
        rules.marks.clear();
        rules.late
    }

    /// How many connections a store listens over.
    #[must_use]
    pub fn listening(&self) -> usize {
        let mut rules = lock(&self.rules);
        rules.listening.retain(|connection| !connection.is_closed());
        rules.listening.len()
    }

    /// Loses the connections that a store listens over, and no others.
    pub fn lose_listening(&self, loss: Loss) {
        for connection in lock(&self.rules).listening.drain(..) {
            // It may have ended by itself.
            connection.send_replace(loss);
        }
    }
}

async fn connection(client: TcpStream, server: SocketAddr, rules: Arc<Mutex<Rules>>) {
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    // Whoever is cut is told at once.
    let prepare = |stream: &TcpStream| stream.set_nodelay(true).and_then(|()| stream.set_zero_linger());
    if prepare(&client).is_err() || prepare(&upstream).is_err() {
        return;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = upstream.into_split();
    let (lost, mut is_lost) = watch::channel(Loss::Not);
    let (under_way, arriving) = mpsc::channel(CHUNKS_MAX);
    let questions = async {
        tokio::try_join!(read(&mut from_client, under_way, lost, &rules), arrive(arriving, to_server))
    };
    let answers = async {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = from_server.read(&mut chunk).await?;
            if read == 0 {
                return std::io::Result::Ok(());
            }
            to_client.write_all(&chunk[..read]).await?;
        }
    };
    let loss = tokio::select! {
        _ = questions => Loss::Reset,
        _ = answers => Loss::Reset,
        Ok(loss) = async { is_lost.wait_for(|loss| *loss != Loss::Not).await.map(|loss| *loss) } => loss,
    };
    if loss == Loss::Silent {
        // What is sent is taken and goes nowhere, until the client has had enough.
        let mut chunk = vec![0; CHUNK_BYTES];
        while from_client.read(&mut chunk).await.is_ok_and(|read| read > 0) {}
    }
    // Dropped, it would say an orderly end before the reset.
    to_client.forget();
}

/// What the client sends -> pieces, each with the moment at which it may arrive.
async fn read(
    from: &mut OwnedReadHalf,
    under_way: mpsc::Sender<(Vec<u8>, Instant)>,
    lost: watch::Sender<Loss>,
    rules: &Mutex<Rules>,
) -> std::io::Result<()> {
    let (mut chunk, mut lost) = (vec![0; CHUNK_BYTES], Some(lost));
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        let (in_time, late, by) = {
            let mut rules = lock(rules);
            if find(&chunk[..count], LISTENS).is_some() {
                rules.listening.extend(lost.take());
            }
            let (late_from, by) = lateness(&chunk[..count], &mut rules);
            (chunk[..late_from].to_vec(), chunk[late_from..count].to_vec(), by)
        };
        for (piece, due) in [(in_time, Instant::now()), (late, Instant::now() + by)] {
            if !piece.is_empty() {
                under_way.send((piece, due)).await.map_err(|_| std::io::ErrorKind::BrokenPipe)?;
            }
        }
    }
}

/// In order: what is behind a late piece is late, too.
async fn arrive(
    mut arriving: mpsc::Receiver<(Vec<u8>, Instant)>,
    mut to: OwnedWriteHalf,
) -> std::io::Result<()> {
    while let Some((piece, due)) = arriving.recv().await {
        // A sleep of nothing would last up to a millisecond.
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        to.write_all(&piece).await?;
    }
    Ok(())
}

/// From where on a chunk is late, and by how much; its length if nothing is. Marks are used up by what is late.
fn lateness(chunk: &[u8], rules: &mut Rules) -> (usize, Duration) {
    let first = rules.marks.iter().filter_map(|mark| find(chunk, mark)).min();
    let Some(first) = first else { return (chunk.len(), Duration::ZERO) };
    // Several commands of Redis may stand in one chunk; a request over HTTP never shares one.
    let begins = chunk[..first].windows(3).rposition(|three| three == b"\r\n*").map_or(0, |end| end + 2);
    rules.marks.retain(|mark| find(&chunk[begins..], mark).is_none());
    rules.late += 1;
    (begins, rules.late_by)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> String {
        let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*2\r\n{words}")
    }

    #[test]
    fn a_late_question_holds_up_what_is_behind_it_and_nothing_before() {
        let (one, two, three) =
            (command(&["MGET", "list:1"]), command(&["MGET", "list:2"]), command(&["MGET", "list:3"]));
        let all = format!("{one}{two}{three}");
        let by = Duration::from_millis(50);
        let mut rules = Rules {
            marks: vec![b"list:2\r".to_vec(), b"list:9\r".to_vec()],
            late_by: by,
            ..Rules::default()
        };
        assert_eq!(lateness(all.as_bytes(), &mut rules), (one.len(), by));
        assert_eq!((rules.marks.len(), rules.late), (1, 1), "the mark is used up, the other one is not");
        assert_eq!(lateness(all.as_bytes(), &mut rules).0, all.len(), "asked again it is not late");
    }

    #[test]
    fn all_marks_in_one_question_make_it_late_once() {
        let request = b"POST / HTTP/1.1\r\nhost: x\r\n\r\n{\"a\":\"AAAB\",\"b\":\"AAAC\"}";
        let mut rules = Rules { marks: vec![b"AAAB".to_vec(), b"AAAC".to_vec()], ..Rules::default() };
        assert_eq!(lateness(request, &mut rules).0, 0);
        assert!(rules.marks.is_empty() && rules.late == 1);
    }

    #[tokio::test(start_paused = true)]
    async fn questions_that_are_late_at_the_same_time_do_not_wait_for_each_other() {
        let (under_way, arriving) = mpsc::channel(8);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (connected, accepted) = tokio::join!(connecting, listener.accept());
        let due = Instant::now() + Duration::from_millis(50);
        for piece in [b"one", b"two"] {
            under_way.send((piece.to_vec(), due)).await.unwrap();
        }
        drop(under_way);
        let began = Instant::now();
        arrive(arriving, connected.unwrap().into_split().1).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(60), "{:?}", began.elapsed());
        let mut got = Vec::new();
        accepted.unwrap().0.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"onetwo");
    }

    #[tokio::test]
    async fn only_the_connection_that_is_listened_over_is_lost() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let mut byte = [0; 32];
                    while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {
                        drop(stream.write_all(b"+OK\r\n").await);
                    }
                });
            }
        });
        let relay = Relay::before(address).await.unwrap();
        let mut streams = Vec::new();
        for said in ["GET 7", "CLIENT TRACKING ON"] {
            let mut stream = TcpStream::connect(relay.address).await.unwrap();
            for said in ["HELLO 3", said] {
                stream.write_all(said.as_bytes()).await.unwrap();
                assert_eq!(stream.read(&mut [0; 32]).await.unwrap(), 5);
            }
            streams.push(stream);
        }
        assert_eq!(relay.listening(), 1);
        relay.lose_listening(Loss::Reset);
        assert!(streams[1].read(&mut [0; 32]).await.is_err(), "reset");
        streams[0].write_all(b"GET 8").await.unwrap();
        assert_eq!(streams[0].read(&mut [0; 32]).await.unwrap(), 5);
        assert_eq!(relay.listening(), 0);
    }
}
