//! Promise 5: duplicated, reordered, delayed and dropped, answered from before or after a restore; every section ends at
//! its writer's newest state.

use std::collections::BTreeMap;

use document_store::{Lookup, Projected};
use jiff::Timestamp;
use proptest::prelude::*;
use shop_document::ShopDocument;
use shop_id::{Revision, Writer};
use writer_api::{SectionAnswer, SectionState};

use super::answers::{answer, mark, marked, shop};
use super::found;
use crate::flatten::flatten;
use crate::project::{LOST, project, project_over_ruins};

/// One commit of a writer about the one shop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Commit {
    Present,
    Nothing,
    Gone,
}

type Histories = BTreeMap<Writer, Vec<(Revision, Commit)>>;

/// Some commits of each writer, oldest first; a restore lies between some of them.
fn histories() -> impl Strategy<Value = Histories> {
    let kinds = prop_oneof![6 => Just(Commit::Present), 1 => Just(Commit::Nothing), 2 => Just(Commit::Gone)];
    let history =
        prop::collection::vec((kinds, 1_u64..4, prop::bool::weighted(0.15)), 1..12).prop_map(|commits| {
            let mut at = Revision::new(1, 0);
            let dated = commits.into_iter().map(|(commit, gap, is_restored)| {
                // A restore goes back behind what was committed: counters are given again, in a new epoch.
                at = if is_restored {
                    Revision::new(at.epoch + 1, at.counter.saturating_sub(3) + 1)
                } else {
                    Revision::new(at.epoch, at.counter + gap)
                };
                (at, commit)
            });
            dated.collect::<Vec<_>>()
        });
    prop::array::uniform3(history)
        .prop_map(|histories| Writer::OF_THE_DOCUMENT.into_iter().zip(histories).collect())
}

fn answer_of(writer: Writer, (revision, commit): (Revision, Commit)) -> SectionAnswer {
    match commit {
        Commit::Present => marked(writer, shop(7), revision),
        Commit::Nothing => answer(writer, shop(7), revision, SectionState::Nothing),
        Commit::Gone => answer(writer, shop(7), revision, SectionState::Gone),
    }
}

/// All answers at least once, some more often, in any order.
fn deliveries() -> impl Strategy<Value = (Histories, Vec<SectionAnswer>)> {
    (histories(), prop::collection::vec(any::<prop::sample::Index>(), 0..20)).prop_flat_map(
        |(histories, doubled)| {
            let answers = |(writer, history): (&Writer, &Vec<(Revision, Commit)>)| {
                let writer = *writer;
                history.clone().into_iter().map(move |commit| answer_of(writer, commit))
            };
            let once: Vec<SectionAnswer> = histories.iter().flat_map(answers).collect();
            let again: Vec<SectionAnswer> = doubled.iter().map(|index| index.get(&once).clone()).collect();
            let all: Vec<SectionAnswer> = once.into_iter().chain(again).collect();
            (Just(histories), Just(all).prop_shuffle())
        },
    )
}

fn revisions(held: &Lookup<ShopDocument>) -> [Option<Revision>; 3] {
    let held = held.stored();
    Writer::OF_THE_DOCUMENT.map(|writer| held.and_then(|held| held.part.revision(writer)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_order_of_any_answers_ends_at_each_writers_newest_section(
        (histories, deliveries) in deliveries(),
        broken_at in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let broken_at = broken_at.map(|index| index.index(deliveries.len()));
        let mut held = Lookup::Unknown;
        for (number, answer) in deliveries.iter().enumerate() {
            let offered = flatten(answer.clone()).offered;
            let projected = if broken_at == Some(number) {
                project_over_ruins(shop(7), &offered)
            } else {
                project(shop(7), &held, &offered)
            };
            let before = revisions(&held);
            if let Projected::Save(document) = projected {
                held = found(*document);
            }
            if broken_at != Some(number) {
                let after = revisions(&held);
                prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{before:?} {after:?}");
            }
        }
        if broken_at.is_some() {
            // What was lost is marked until it is asked for again.
            for writer in Writer::OF_THE_DOCUMENT {
                let newest = *histories[&writer].last().unwrap();
                prop_assert!(revisions(&held).iter().all(Option::is_some));
                let offered = flatten(answer_of(writer, newest)).offered;
                if let Projected::Save(document) = project(shop(7), &held, &offered) {
                    held = found(*document);
                }
            }
        }
        let document = &held.stored().unwrap().part;
        for (writer, history) in &histories {
            let (revision, _) = history.last().unwrap();
            prop_assert_eq!(document.revision(*writer), Some(*revision));
            prop_assert!(*revision > LOST);
        }
        let newest = |writer| *histories[&writer].last().unwrap();
        let (shop_revision, shop_commit) = newest(Writer::Shop);
        prop_assert_eq!(document.list.is_visible(), shop_commit == Commit::Present);
        prop_assert_eq!(document.list.is_tombstone(), shop_commit == Commit::Gone);
        prop_assert_eq!(document.list.cells().next().is_some(), shop_commit == Commit::Present);
        if shop_commit == Commit::Present {
            let name = format!("\"name\":\"{}\"", mark(shop_revision));
            let card = String::from_utf8(document.list.flat().card.to_vec()).unwrap();
            prop_assert!(card.contains(&name), "{} in {}", name, card);
        }
        let (ads_revision, ads_commit) = newest(Writer::Ads);
        let label = document.list.ad_at(Timestamp::from_second(1_800_000_000).unwrap());
        let expected = (ads_commit == Commit::Present).then(|| mark(ads_revision));
        prop_assert_eq!(label.map(|ad| ad.label.as_str().to_owned()), expected);
        let (reviews_revision, reviews_commit) = newest(Writer::Reviews);
        let expected = if reviews_commit == Commit::Present {
            [reviews_revision.epoch, u32::try_from(reviews_revision.counter).unwrap(), 0, 0, 0]
        } else {
            [0; 5]
        };
        prop_assert_eq!(document.list.by_stars(), expected);
    }
}

#[test]
fn a_tombstone_outlives_late_saves_until_the_shop_writer_itself_opens_again() {
    let late = |counter| flatten(marked(Writer::Shop, shop(7), Revision::new(1, counter))).offered;
    let gone = flatten(answer(Writer::Shop, shop(7), Revision::new(1, 5), SectionState::Gone)).offered;
    let Projected::Save(document) = project(shop(7), &Lookup::Unknown, &gone) else { panic!("not saved") };
    let held = found(*document);
    assert!(matches!(project(shop(7), &held, &late(4)), Projected::Keep));
    let ads = flatten(marked(Writer::Ads, shop(7), Revision::new(9, 9))).offered;
    let Projected::Save(document) = project(shop(7), &held, &ads) else { panic!("not saved") };
    assert!(document.list.is_tombstone() && document.list.card_bytes() == 0);
    let Projected::Save(document) = project(shop(7), &found(*document), &late(6)) else {
        panic!("not saved")
    };
    assert!(document.list.is_visible());
}

#[test]
fn a_document_without_shop_section_stays_invisible() {
    let mut held = Lookup::Unknown;
    for writer in [Writer::Reviews, Writer::Ads] {
        let offered = flatten(marked(writer, shop(7), Revision::new(1, 1))).offered;
        let Projected::Save(document) = project(shop(7), &held, &offered) else { panic!("not saved") };
        assert!(!document.list.is_visible() && !document.list.is_tombstone());
        held = found(*document);
    }
    let offered = flatten(marked(Writer::Shop, shop(7), Revision::new(1, 1))).offered;
    let Projected::Save(document) = project(shop(7), &held, &offered) else { panic!("not saved") };
    assert!(document.list.is_visible());
    assert_eq!(document.list.by_stars(), [1, 1, 0, 0, 0], "what came before the shop is kept");
}
