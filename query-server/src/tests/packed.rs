//! Packed answers: the same page in fewer bytes, under a validator of its own.

use std::io::Read as _;

use http_body_util::BodyExt;

use super::shops::*;
use crate::config::Config;
use crate::front::Answering;

/// One answer with its body as it was sent.
struct Sent {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// As a client reads it.
    fn unpacked(&self) -> String {
        let mut text = String::new();
        match self.header("content-encoding") {
            "" => text.push_str(std::str::from_utf8(&self.body).unwrap()),
            "zstd" => text.push_str(&String::from_utf8(zstd::decode_all(&*self.body).unwrap()).unwrap()),
            "br" => drop(brotli::Decompressor::new(&*self.body, 4_096).read_to_string(&mut text).unwrap()),
            "gzip" => drop(flate2::read::GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap()),
            other => panic!("packed as {other}"),
        }
        text
    }
}

async fn ask(server: &Server, url: &str, accepted: &str, held: &str) -> Sent {
    let mut request = http::Request::get(url).header("host", "shops").header("accept-encoding", accepted);
    if !held.is_empty() {
        request = request.header("if-none-match", held);
    }
    let response = match server.door().answer(&request.body(()).unwrap()).1 {
        Answering::Now(response) => response,
        Answering::Later(answering) => answering.await,
    };
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Sent { status: head.status.as_u16(), headers: head.headers, body }
}

async fn forty_shops(config: Config) -> Server {
    let server = Server::open(config).await;
    for number in 1..=40 {
        server.save(number, sections(&format!("Shop {number}"), number)).await;
    }
    server
}

/// A list, a batch, a search, and a list by place.
fn urls() -> [String; 4] {
    [
        list_url(),
        "/v1/shops?ids=3,1,2,7".to_owned(),
        search_url("shop"),
        "/v1/shops?lat=51.5076&lng=-0.1303".to_owned(),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_page_says_the_same_under_its_own_tag() {
    let server = forty_shops(Config::default()).await;
    for url in urls() {
        let plain = ask(&server, &url, "identity", "").await;
        let mut tags =
            std::collections::HashMap::from([(plain.header("etag").to_owned(), plain.body.clone())]);
        for accepted in ["zstd", "gzip", "br", "br, gzip", "zstd, br, gzip", "identity"] {
            // Often enough for a form that is made thoroughly.
            for turn in 0..6 {
                let sent = ask(&server, &url, accepted, "").await;
                assert_eq!(sent.unpacked(), plain.unpacked(), "{url} {accepted} {turn}");
                assert_eq!(sent.header("vary"), "accept-encoding");
                let before = tags.entry(sent.header("etag").to_owned()).or_insert_with(|| sent.body.clone());
                assert_eq!(*before, sent.body, "one strong validator stands for one sequence of bytes");
                if accepted == "zstd" || accepted == "gzip" {
                    assert_eq!(sent.header("content-encoding"), accepted);
                    assert!(sent.body.len() < plain.body.len() / 2);
                }
            }
        }
        assert!(tags.len() > 2, "packed ones have other tags: {:?}", tags.keys());
        for tag in tags.keys() {
            let held = ask(&server, &url, "zstd, br, gzip", tag).await;
            assert_eq!((held.status, held.header("etag")), (304, tag.as_str()), "whichever form it holds");
            assert_eq!(held.header("content-encoding"), "");
            let cannot_unpack = tag.contains("-zstd") || tag.contains("-br");
            let by_gzip = ask(&server, &url, "gzip", tag).await;
            assert_eq!(by_gzip.status == 304, !cannot_unpack, "{tag} held by who unpacks gzip");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_asked_for_again_and_again_gets_smaller_and_a_changed_one_begins_anew() {
    let server = forty_shops(Config::default()).await;
    let mut endings = Vec::new();
    for _ in 0..5 {
        let sent = ask(&server, &list_url(), "zstd", "").await;
        endings.push(sent.header("etag").rsplit_once('-').unwrap().1.to_owned());
    }
    assert_eq!(endings, ["zstd1\"", "zstd1\"", "zstd1\"", "zstd9\"", "zstd9\""]);
    let brotli = ask(&server, &list_url(), "br", "").await;
    assert_eq!(brotli.header("content-encoding"), "", "nothing about brotli is quick");
    for _ in 0..3 {
        ask(&server, &list_url(), "br", "").await;
    }
    assert_eq!(ask(&server, &list_url(), "br", "").await.header("content-encoding"), "br");
    server.save(3, sections("Renamed", 100)).await;
    let renamed = ask(&server, &list_url(), "zstd", "").await;
    assert!(renamed.unpacked().contains("Renamed") && renamed.header("etag").ends_with("-zstd1\""));
}

#[tokio::test(start_paused = true)]
async fn who_forbids_the_plain_bytes_gets_packed_ones_or_a_refusal() {
    let server = forty_shops(Config { pages_bytes_max: 0, ..Config::default() }).await;
    for (accepted, expected) in
        [("gzip, identity;q=0", "gzip"), ("br, *;q=0", "br"), ("zstd;q=0.1, *;q=0", "zstd")]
    {
        // A detail of some hundred bytes, which is not worth packing.
        for url in [list_url(), "/v1/shops/7".to_owned()] {
            let sent = ask(&server, &url, accepted, "").await;
            assert_eq!((sent.status, sent.header("content-encoding")), (200, expected), "{url} {accepted}");
            assert!(sent.unpacked().contains("Shop 7"));
        }
    }
    let refused = ask(&server, &list_url(), "identity;q=0, deflate", "").await;
    assert_eq!(refused.status, 406);
    assert!(
        refused.unpacked().contains(r#""allowed":["zstd","br","gzip","identity"]"#),
        "{}",
        refused.unpacked()
    );
}
