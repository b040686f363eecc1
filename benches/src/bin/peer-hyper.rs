//! The least that answers over hyper: pages from memory by their path, each as one prepared body or copied together
//! from its 25 fragments. What Shopfront costs above this is what it does.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context;
use benches::page;
use benches::peer::{self, PeerOptions};
use bytes::Bytes;
use clap::Parser;
use http::header::{ETAG, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    peer: PeerOptions,
    /// Copy each list together from its fragments instead of sending one prepared body.
    #[arg(long)]
    copied: bool,
    /// Folders to serve.
    #[arg(long = "folder")]
    folders: Vec<String>,
}

enum Body {
    Prepared(Bytes),
    Copied(Vec<Bytes>),
}

struct Page {
    tag: HeaderValue,
    body: Body,
}

struct Pages {
    by_path: HashMap<String, Page>,
    headers: HeaderMap,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let pages = Arc::new(pages(&arguments)?);
    peer::run(async move {
        let listener = peer::listen(arguments.peer.listen).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let pages = pages.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |request| {
                    std::future::ready(Ok::<_, Infallible>(pages.answer(&request)))
                });
                // A client that went away in the middle is none of a peer's business.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    })
}

fn pages(arguments: &Arguments) -> anyhow::Result<Pages> {
    let mut by_path = HashMap::new();
    for folder in &arguments.folders {
        for (name, page) in peer::pages(&arguments.peer.files, folder)? {
            let path = format!("/{folder}/{name}");
            let tag = HeaderValue::from_str(&format!("\"{:032x}\"", by_path.len()))?;
            let body = if arguments.copied {
                copied(&page).context(path.clone())?
            } else {
                Body::Prepared(page.into())
            };
            by_path.insert(path, Page { tag, body });
        }
    }
    Ok(Pages { by_path, headers: peer::headers() })
}

fn copied(page: &str) -> anyhow::Result<Body> {
    let (around, cards) = page::pieces(page)?;
    let mut pieces = vec![Bytes::copy_from_slice(around.before.as_bytes())];
    for (place, card) in cards.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        pieces.push(format!("{comma}{card}").into());
    }
    pieces.push(Bytes::copy_from_slice(around.after.as_bytes()));
    Ok(Body::Copied(pieces))
}

impl Pages {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::default();
        let Some(page) = self.by_path.get(request.uri().path()) else {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        *response.headers_mut() = self.headers.clone();
        response.headers_mut().insert(ETAG, page.tag.clone());
        let body = match &page.body {
            Body::Prepared(body) => body.clone(),
            Body::Copied(pieces) => {
                let mut body = Vec::with_capacity(pieces.iter().map(Bytes::len).sum());
                pieces.iter().for_each(|piece| body.extend_from_slice(piece));
                body.into()
            }
        };
        *response.body_mut() = Full::new(body);
        response
    }
}
