//! Who passes with these shares in force.

use super::*;

fn gate(config: &Config) -> Arc<Gate> {
    Gate::new(config, Arc::default())
}

fn url(text: &str) -> Uri {
    text.parse().unwrap()
}

const LIST: &str = "/v1/cells/88195da49bfffff/shops";
const DETAIL: &str = "/v1/shops/7";
const OWN_WRITE: &str = "/v1/shops/7?min_revision=shop:1-42";

/// Of a thousand, asked in turn.
fn refused(gate: &Gate, urls: &[&str]) -> Vec<usize> {
    let urls: Vec<Uri> = urls.iter().map(|text| url(text)).collect();
    let mut refused = vec![0; urls.len()];
    for _ in 0..1_000 {
        for (url, refused) in urls.iter().zip(&mut refused) {
            *refused += usize::from(gate.refusal(url).is_some());
        }
    }
    refused
}

#[test]
fn shares_are_refused_evenly_and_in_order() {
    let gate = gate(&Config::default());
    let urls = [LIST, OWN_WRITE, DETAIL];
    assert_eq!(refused(&gate, &urls), [0, 0, 0]);
    for (browse, order, expected) in [
        (ALL / 4, 0, [250, 0, 0]),
        (ALL / 10 * 9, 0, [900, 0, 0]),
        (ALL, 0, [1_000, 1_000, 0]),
        (ALL, ALL / 2, [1_000, 1_000, 500]),
        (ALL, ALL, [1_000, 1_000, 1_000]),
    ] {
        gate.set(Refused { browse, order }, 64);
        for (refused, expected) in refused(&gate, &urls).into_iter().zip(expected) {
            assert!(refused.abs_diff(expected) <= 3, "{refused} instead of {expected} at {browse}, {order}");
        }
    }
    assert!(gate.counters().admission.refusals(Class::Order) >= 1_490);
}

#[test]
fn a_refusal_is_counted_where_the_answer_would_have_been() {
    let gate = gate(&Config::default());
    gate.set(Refused { browse: ALL, order: 0 }, 64);
    let (endpoint, response) = gate.refusal(&url("/v1/search?q=pizza")).unwrap();
    assert_eq!((endpoint, response.status().as_u16()), (Endpoint::Search, 503));
}

#[test]
fn lists_may_be_half_of_those_that_wait_and_the_order_path_all() {
    let gate = gate(&Config { own_writes_max: 2, ..Config::default() });
    gate.set(Refused::default(), 64);
    let wait = |endpoint| gate.wait(endpoint, Instant::now());
    let mut waiting: Vec<Waiting> = (0..32).map(|_| wait(Endpoint::List).unwrap()).collect();
    assert_eq!(wait(Endpoint::Search).unwrap_err().status().as_u16(), 503);
    waiting.extend((0..32).map(|_| wait(Endpoint::Detail).unwrap()));
    assert_eq!(wait(Endpoint::Batch).unwrap_err().status().as_u16(), 503);
    let own: Vec<Waiting> = (0..2).map(|_| wait(Endpoint::OwnWrite).unwrap()).collect();
    assert_eq!(wait(Endpoint::OwnWrite).unwrap_err().status().as_u16(), 503, "a bound of their own");
    assert_eq!(gate.waiting(), (64, 2));
    drop(own);
    assert_eq!(gate.waits(), Waits::default(), "they say nothing about the store");
    waiting.truncate(31);
    assert_eq!((gate.waiting(), gate.waits().finished), ((31, 0), 33));
    wait(Endpoint::Search).unwrap();
}
