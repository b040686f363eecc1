//! Tens of anything, several at once; of a ten that was only partly done, only the rest is done again.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};

use super::failure::{Failure, Kind};

/// Entries that SNS and SQS take at once.
pub(super) const ENTRIES_MAX: usize = 10;
/// Bytes that they take at once are 262,144, attributes and framing included.
const BYTES_MAX: usize = 240_000;
/// Calls in flight.
const CALLS_MAX: usize = 8;
/// Of one entry.
const ATTEMPTS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// An entry that was not done, and why.
pub(super) type Failed<T> = (T, Failure);

/// Groups of at most [`ENTRIES_MAX`] entries and [`BYTES_MAX`] bytes. An entry that is larger stands alone.
pub(super) fn groups<T>(entries: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut groups: Vec<(usize, Vec<T>)> = Vec::new();
    for entry in entries {
        let more = bytes(&entry);
        match groups.last_mut() {
            Some((held, group)) if group.len() < ENTRIES_MAX && *held + more <= BYTES_MAX => {
                *held += more;
                group.push(entry);
            }
            _ => groups.push((more, vec![entry])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Does all groups. `attempt` does one and answers what was not done. Entries that can never be done, and calls that
/// failed as a whole, end their group; the other groups are done all the same. Answers the first failure.
pub(super) async fn all<T, Attempt, Attempting>(groups: Vec<Vec<T>>, attempt: Attempt) -> Result<(), Failure>
where
    Attempt: Fn(Vec<T>) -> Attempting,
    Attempting: Future<Output = Result<Vec<Failed<T>>, Failure>>,
{
    let done = stream::iter(groups).map(|group| one(group, &attempt)).buffer_unordered(CALLS_MAX);
    done.fold(Ok(()), |before, done| std::future::ready(before.and(done))).await
}

async fn one<T, Attempt, Attempting>(mut group: Vec<T>, attempt: &Attempt) -> Result<(), Failure>
where
    Attempt: Fn(Vec<T>) -> Attempting,
    Attempting: Future<Output = Result<Vec<Failed<T>>, Failure>>,
{
    let mut refused = Ok(());
    for attempts in 1.. {
        let failed = attempt(group).await?;
        let (again, never): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(_, failure)| failure.is_transient());
        if let Some((_, failure)) = never.into_iter().find(|(_, failure)| failure.kind != Kind::Stale) {
            refused = refused.and(Err(failure));
        }
        match again.first() {
            None => break,
            Some((_, failure)) if attempts >= ATTEMPTS_MAX => return Err(failure.clone()),
            Some(_) => tokio::time::sleep(PAUSE * (1 << (attempts - 1))).await,
        }
        group = again.into_iter().map(|(entry, _)| entry).collect();
    }
    refused
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;

    fn throttled() -> Failure {
        Failure::said("Throttled", "slow down", true)
    }

    #[test]
    fn groups_are_bounded_in_entries_and_in_bytes() {
        let sizes =
            |entries: Vec<usize>| groups(entries, |bytes| *bytes).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![200; 25]), [10, 10, 5]);
        assert_eq!(sizes(vec![100_000; 5]), [2, 2, 1]);
        assert_eq!(sizes(vec![300_000, 1, 300_000]), [1, 1, 1]);
        assert_eq!(sizes(vec![]), [0_usize; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_failed_is_repeated() {
        let tried = Mutex::new(BTreeMap::<u32, u32>::new());
        let attempt = |group: Vec<u32>| {
            let mut tried = tried.lock().unwrap();
            group.iter().for_each(|entry| *tried.entry(*entry).or_default() += 1);
            // Sevens are thrown back twice.
            let failed = group.into_iter().filter(|entry| entry % 7 == 0 && tried[entry] <= 2);
            std::future::ready(Ok(failed.map(|entry| (entry, throttled())).collect()))
        };
        assert_eq!(all(groups((1..=30).collect(), |_| 1), attempt).await, Ok(()));
        let tried = tried.into_inner().unwrap();
        assert!(tried.iter().all(|(entry, tries)| *tries == if entry % 7 == 0 { 3 } else { 1 }), "{tried:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_the_others_are_done_all_the_same() {
        let done = Mutex::new(Vec::new());
        let attempt = |group: Vec<u32>| {
            let (failed, well): (Vec<_>, Vec<_>) = group.into_iter().partition(|entry| *entry == 3);
            done.lock().unwrap().extend(well);
            std::future::ready(Ok(failed.into_iter().map(|entry| (entry, throttled())).collect()))
        };
        assert_eq!(all(groups((1..=20).collect(), |_| 1), attempt).await, Err(throttled()));
        assert_eq!(done.into_inner().unwrap().len(), 19);
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_be_done_is_tried_once_and_a_stale_receipt_is_no_failure() {
        let attempts = Mutex::new(0);
        let attempt = |code: &'static str| {
            let attempts = &attempts;
            move |group: Vec<u32>| {
                *attempts.lock().unwrap() += 1;
                let failed = group.into_iter().filter(|entry| *entry == 2);
                let failed = failed.map(|entry| (entry, Failure::said(code, "no", true))).collect();
                std::future::ready(Ok(failed))
            }
        };
        assert_eq!(all(vec![vec![1, 2]], attempt("ReceiptHandleIsInvalid")).await, Ok(()));
        let refused = all(vec![vec![1, 2]], attempt("InvalidMessageContents")).await;
        assert_eq!(refused.unwrap_err().kind, Kind::Refused);
        assert_eq!(*attempts.lock().unwrap(), 2);
    }
}
