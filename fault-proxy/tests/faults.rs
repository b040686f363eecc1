//! What a client meets behind each fault. The clock is paused: it moves on when nobody has anything left to do, so that minutes
//! of a slow network take no time, and only lower bounds are asserted.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::time::Duration;

use fault_proxy::{Fault, FaultProxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// Longer than anybody waits for a shop.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// Answers each byte with the same byte.
async fn behind_a_proxy() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.into_split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    FaultProxy::start(server).await.unwrap()
}

async fn connected(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn echoed(client: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    let sent = vec![7; bytes];
    client.write_all(&sent).await?;
    let mut heard = vec![0; bytes];
    client.read_exact(&mut heard).await?;
    assert_eq!(heard, sent);
    Ok(())
}

/// A reset, or an end: never an answer.
async fn is_over(client: &mut TcpStream) -> bool {
    let mut byte = [0];
    !matches!(client.read(&mut byte).await, Ok(1))
}

#[tokio::test(start_paused = true)]
async fn a_sound_network_passes_questions_and_answers_and_the_end() {
    let proxy = behind_a_proxy().await;
    let mut client = connected(&proxy).await;
    echoed(&mut client, 1_000).await.unwrap();
    assert_eq!(proxy.open_connections(), 1);
    // The end of the question passes through, the answer still comes, and then its end.
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"last");
    proxy.until_open_connections(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_network_delays_both_directions_of_open_connections() {
    let proxy = behind_a_proxy().await;
    let mut client = connected(&proxy).await;
    echoed(&mut client, 10).await.unwrap();
    proxy.set(Fault::Delay(Duration::from_secs(30))).await;
    let asked = Instant::now();
    echoed(&mut client, 10).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(60), "answered after {:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_narrow_network_takes_its_time_for_a_long_answer() {
    let proxy = behind_a_proxy().await;
    proxy.set(Fault::Limit { bytes_per_second: NonZeroU32::new(1_000).unwrap() }).await;
    let mut client = connected(&proxy).await;
    let asked = Instant::now();
    echoed(&mut client, 10_000).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(9), "answered after {:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_silent_and_then_forgotten() {
    let proxy = behind_a_proxy().await;
    let mut before = connected(&proxy).await;
    echoed(&mut before, 10).await.unwrap();
    proxy.set(Fault::HalfOpen).await;
    let mut during = connected(&proxy).await;
    for client in [&mut before, &mut during] {
        assert!(timeout(FOR_EVER, echoed(client, 10)).await.is_err(), "an answer came through");
    }
    proxy.set(Fault::Pass).await;
    for client in [&mut before, &mut during] {
        assert!(is_over(client).await, "the other side remembers what it never heard");
    }
    echoed(&mut connected(&proxy).await, 10).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_was_silent_through_a_half_open_time_goes_on_after_it() {
    let proxy = behind_a_proxy().await;
    let mut client = connected(&proxy).await;
    echoed(&mut client, 10).await.unwrap();
    proxy.set(Fault::HalfOpen).await;
    proxy.set(Fault::Pass).await;
    echoed(&mut client, 10).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn cut_connections_are_gone_and_new_ones_work() {
    let proxy = behind_a_proxy().await;
    let mut clients = [connected(&proxy).await, connected(&proxy).await];
    for client in &mut clients {
        echoed(client, 10).await.unwrap();
    }
    proxy.cut().await;
    assert_eq!(proxy.open_connections(), 0);
    for client in &mut clients {
        assert!(is_over(client).await);
    }
    echoed(&mut connected(&proxy).await, 10).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn refused_is_who_comes_new_until_the_port_listens_again() {
    let proxy = behind_a_proxy().await;
    let mut before = connected(&proxy).await;
    echoed(&mut before, 10).await.unwrap();
    for _ in 0..3 {
        proxy.set(Fault::Refuse).await;
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        echoed(&mut before, 10).await.unwrap();
        proxy.set(Fault::Pass).await;
        echoed(&mut connected(&proxy).await, 10).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_ends_the_connection() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = FaultProxy::start(gone).await.unwrap();
    assert!(is_over(&mut connected(&proxy).await).await);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_proxy_takes_its_connections_along() {
    let proxy = behind_a_proxy().await;
    let mut client = connected(&proxy).await;
    echoed(&mut client, 10).await.unwrap();
    let address = proxy.address();
    drop(proxy);
    assert!(is_over(&mut client).await);
    assert!(TcpStream::connect(address).await.is_err());
}
