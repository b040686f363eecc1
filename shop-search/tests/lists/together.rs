//! Readers beside a writer: whatever they see was published as a whole.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use shop_search::{AreaLists, AreaListsLimits, ShopIndexer, Sort};

use crate::shops::{Shop, ask, at, cell, following, ids, listed, question};

const SHOPS: u64 = 20;
const ROUNDS: u64 = 300;

/// In round `n` every shop costs what `n` says, and every third one delivers in odd rounds only. One shop of another
/// round among them, and the order is none that was ever published.
fn shop_of(round: u64, number: u64) -> Shop {
    Shop::with(number, |shop| {
        shop.fee = i64::try_from(fee_of(round, number)).unwrap();
        if number.is_multiple_of(3) && round.is_multiple_of(2) {
            shop.cells = vec![cell(1)];
        }
    })
}

fn fee_of(round: u64, number: u64) -> u64 {
    // Spread, so that no order comes twice.
    let mixed = (round * SHOPS + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
}

fn order_of(round: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (1..=SHOPS).filter(|number| number % 3 != 0 || round % 2 == 1).collect();
    numbers.sort_by_key(|number| fee_of(round, *number));
    numbers
}

fn round_of(seen: &[u64], not_before: u64) -> u64 {
    let fits = (not_before..=ROUNDS).find(|round| order_of(*round) == seen);
    fits.unwrap_or_else(|| panic!("{seen:?} was not published in round {not_before} or later"))
}

fn fold_round(index: &AreaLists, round: u64) {
    for number in 1..=SHOPS {
        let shop = shop_of(round, number);
        index.fold(shop.id(), &shop.part());
    }
}

fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

#[test]
fn readers_see_whole_publishings_and_never_go_back() {
    let orders: BTreeSet<Vec<u64>> = (0..=ROUNDS).map(order_of).collect();
    assert_eq!(orders.len() as u64, ROUNDS + 1, "an order tells its round");
    let index = AreaLists::new(AreaListsLimits::default());
    fold_round(&index, 0);
    index.publish(noon());
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut round = 0;
        let mut seen = 0_u64;
        while !is_over.load(Ordering::Acquire) {
            let order = listed(&index, Sort::DeliveryFee, noon());
            round = round_of(&order, round);
            seen += 1;
        }
        assert_eq!(listed(&index, Sort::DeliveryFee, noon()), order_of(ROUNDS));
        seen
    };
    std::thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for round in 1..=ROUNDS {
            fold_round(&index, round);
            index.publish(noon());
        }
        is_over.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

#[test]
fn readers_page_through_a_list_while_others_come_go_and_close() {
    let index = AreaLists::new(AreaListsLimits { list_bytes_max: 30_000 });
    // Even ones stay as they are; odd ones come and go.
    let staying: Vec<u64> = (2..=160).step_by(2).collect();
    for &number in &staying {
        index.fold(Shop::new(number).id(), &Shop::new(number).part());
    }
    index.publish(noon());
    let is_over = AtomicBool::new(false);
    let read = |sort: Sort| {
        let mut rounds = 0_i64;
        while rounds == 0 || !is_over.load(Ordering::Acquire) {
            let mut asked = question(sort);
            let mut seen = Vec::new();
            let mut now = noon() + SignedDuration::from_secs(rounds % 600);
            loop {
                let answer = ask(&index, &asked, now).unwrap();
                seen.extend(ids(&answer).into_iter().filter(|number| number % 2 == 0));
                let Some(next) = following(&asked, &answer) else { break };
                asked = next;
                now += SignedDuration::from_secs(1);
            }
            assert_eq!(seen, staying);
            rounds += 1;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| read(Sort::Rating));
        scope.spawn(|| read(Sort::Distance));
        for round in 0..200_u64 {
            for number in (1..160).step_by(2) {
                let shop = Shop::with(number, |shop| {
                    shop.exists = (number / 2 + round) % 3 > 0;
                    let closes = noon().as_second() + i64::try_from((number + round) % 600).unwrap();
                    shop.pauses = vec![(closes, closes + 60)];
                });
                index.fold(shop.id(), &shop.part());
            }
            index.publish(noon() + SignedDuration::from_millis(i64::try_from(round).unwrap() * 200));
        }
        is_over.store(true, Ordering::Release);
    });
}
