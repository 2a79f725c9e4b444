//! The cases, each on a fresh store.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sluice_domain::workflow::Operation;
use sluice_domain::{Day, PartyKey, UserId};
use sluice_store::{
    Author, BackupError, Change, Committed, Keys, Listing, Record, Store, StoreError, Submission, Target,
};

/// A record with every key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    id: String,
    party: PartyKey,
    closed: bool,
    due: Option<Day>,
    holds: Vec<String>,
    text: String,
}

impl Record for Note {
    const NOUN: &'static str = "note";

    fn keys(&self) -> Keys<'_> {
        Keys {
            id: self.id.clone(),
            party: Some(&self.party),
            peer: None,
            state: if self.closed { "closed" } else { "open" },
            due: self.due,
            claims: self.holds.clone(),
        }
    }
}

fn note(id: &str) -> Note {
    let party = PartyKey::new("mz").unwrap();
    Note {
        id: id.into(), party, closed: false, due: None, holds: Vec::new(), text: "临湘 'O''Reilly' \" \\ ;".into()
    }
}

fn author() -> Author {
    Author {
        user: UserId::new("wang").unwrap(),
        party: PartyKey::new("mz").unwrap(),
        operation: Operation::EntryDraft,
        at_us: 1_795_363_200_000_000,
    }
}

fn change() -> Change {
    Change::by(author())
}

fn submission(request: &str, answer: &str) -> Submission {
    Submission { key: "k-1".into(), request: request.into(), answer: answer.into() }
}

async fn opened(target: &Target, folder: &Path) -> Store {
    Store::open(target, folder, 1).await.unwrap().store
}

async fn add(store: &Store, note: &Note) -> Committed {
    store.commit(change().insert(note).unwrap()).await.unwrap()
}

/// Every promise.
pub(crate) async fn all(fresh: &dyn Fn(&'static str) -> Target, folder: &Path) {
    what_was_written_is_read(&opened(&fresh("written"), folder).await).await;
    the_slower_of_two_is_told(&opened(&fresh("revisions"), folder).await).await;
    many_at_once_lose_nothing(&opened(&fresh("many"), folder).await).await;
    a_change_stands_whole_or_not_at_all(&opened(&fresh("whole"), folder).await).await;
    a_claim_has_one_holder(&opened(&fresh("claims"), folder).await).await;
    a_submission_stands_once(&opened(&fresh("once"), folder).await).await;
    intents_follow_the_order_of_commitment(&opened(&fresh("intents"), folder).await).await;
    lists_come_in_pages_by_due_day(&opened(&fresh("lists"), folder).await).await;
    what_was_committed_survives(&fresh("survives"), folder).await;
}

async fn what_was_written_is_read(store: &Store) {
    assert_eq!(store.find::<Note>("a").await.unwrap(), None);
    assert_eq!(add(store, &note("a")).await, Committed::Done { seq: 1 });
    let read = store.find::<Note>("a").await.unwrap().unwrap();
    assert_eq!((read.record, read.revision.number()), (note("a"), 1));
    let again = store.commit(change().insert(&note("a")).unwrap()).await.unwrap_err();
    assert!(matches!(again, StoreError::Exists { noun: "note", .. }), "{again}");
    assert_eq!((store.next_number("A-2026").await.unwrap(), store.next_number("A-2026").await.unwrap()), (1, 2));
    assert_eq!(store.next_number("A-2027").await.unwrap(), 1);
}

async fn the_slower_of_two_is_told(store: &Store) {
    add(store, &note("a")).await;
    let read = store.find::<Note>("a").await.unwrap().unwrap();
    let faster = Note { text: "甲".into(), ..note("a") };
    store.commit(change().update(read.revision, &faster).unwrap()).await.unwrap();
    for slower in [
        change().update(read.revision, &note("a")).unwrap(),
        change().resting_on::<Note>("a", read.revision).insert(&note("b")).unwrap(),
        change().resting_on::<Note>("missing", read.revision).insert(&note("b")).unwrap(),
    ] {
        let refused = store.commit(slower).await.unwrap_err();
        assert!(matches!(refused, StoreError::Stale { noun: "note", .. }), "{refused}");
    }
    assert_eq!(store.find::<Note>("a").await.unwrap().unwrap().record, faster);
    assert_eq!(store.find::<Note>("b").await.unwrap(), None);
}

/// Sixteen people change one record, each trying again until it stands: every change is in it.
async fn many_at_once_lose_nothing(store: &Store) {
    add(store, &Note { text: String::new(), ..note("a") }).await;
    let people = (0..16).map(|person| {
        let store = store.clone();
        async move {
            loop {
                let mut read = store.find::<Note>("a").await.unwrap().unwrap();
                read.record.text.push(char::from(b'a' + person));
                match store.commit(change().update(read.revision, &read.record).unwrap()).await {
                    Ok(_) => return,
                    Err(StoreError::Stale { .. }) => {}
                    Err(fault) => panic!("{fault}"),
                }
            }
        }
    });
    futures_util::future::join_all(people).await;
    let read = store.find::<Note>("a").await.unwrap().unwrap();
    let mut letters: Vec<_> = read.record.text.chars().collect();
    letters.sort_unstable();
    assert_eq!((letters.into_iter().collect::<String>().as_str(), read.revision.number()), ("abcdefghijklmnop", 17));
    assert_eq!(store.intents(100).await.unwrap().len(), 17);
}

async fn a_change_stands_whole_or_not_at_all(store: &Store) {
    add(store, &note("b")).await;
    let half = change().insert(&note("a")).unwrap().insert(&note("b")).unwrap().insert(&note("c")).unwrap();
    assert!(store.commit(half.once(submission("x", "y"))).await.is_err());
    for id in ["a", "c"] {
        assert_eq!(store.find::<Note>(id).await.unwrap(), None, "{id}");
    }
    assert_eq!(store.intents(100).await.unwrap().len(), 1);
    assert_eq!(store.answered(&author().user, &submission("x", "y")).await.unwrap(), None);
}

async fn a_claim_has_one_holder(store: &Store) {
    let holding =
        |id: &str, holds: &[&str]| Note { holds: holds.iter().map(ToString::to_string).collect(), ..note(id) };
    add(store, &holding("v9", &["in force"])).await;
    let second = store.commit(change().insert(&holding("v10", &["in force"])).unwrap()).await.unwrap_err();
    assert!(matches!(&second, StoreError::Taken { claim, .. } if claim == "in force"), "{second}");
    let first = store.holder::<Note>("in force").await.unwrap().unwrap();
    let passed = change().update(first.revision, &holding("v9", &[])).unwrap();
    store.commit(passed.insert(&holding("v10", &["in force"])).unwrap()).await.unwrap();
    assert_eq!(store.holder::<Note>("in force").await.unwrap().unwrap().record.id, "v10");
    assert_eq!(store.holder::<Note>("nothing").await.unwrap(), None);
}

async fn a_submission_stands_once(store: &Store) {
    let user = author().user;
    let submit =
        |id: &str, request: &str, answer: &str| change().insert(&note(id)).unwrap().once(submission(request, answer));
    assert_eq!(store.answered(&user, &submission("r", "1")).await.unwrap(), None);
    let twice = [store.commit(submit("a", "r", "1")), store.commit(submit("b", "r", "2"))];
    let mut outcomes = futures_util::future::join_all(twice).await.into_iter().map(Result::unwrap);
    let (one, other) = (outcomes.next().unwrap(), outcomes.next().unwrap());
    let (done, repeated) = if one == (Committed::Done { seq: 1 }) { (one, other) } else { (other, one) };
    assert_eq!(done, Committed::Done { seq: 1 });
    let Committed::Repeated { answer } = repeated else { panic!("{repeated:?}") };
    let kept = store.list::<Note>(&Listing { limit: 9, ..Listing::default() }).await.unwrap().items;
    assert_eq!((kept.len(), answer.as_str()), (1, if kept[0].record.id == "a" { "1" } else { "2" }));
    assert_eq!(store.answered(&user, &submission("r", "9")).await.unwrap(), Some(answer));
    let other = store.commit(submit("c", "another", "3")).await.unwrap_err();
    assert!(matches!(other, StoreError::KeyReused), "{other}");
    let other = store.answered(&user, &submission("another", "3")).await.unwrap_err();
    assert!(matches!(other, StoreError::KeyReused), "{other}");
}

async fn intents_follow_the_order_of_commitment(store: &Store) {
    assert_eq!((store.settled_to().await.unwrap(), store.last_index().await.unwrap()), (0, None));
    add(store, &note("a")).await;
    let read = store.find::<Note>("a").await.unwrap().unwrap();
    let closed = Note { closed: true, ..note("a") };
    let both = change().update(read.revision, &closed).unwrap().insert(&note("b")).unwrap();
    assert_eq!(store.commit(both).await.unwrap(), Committed::Done { seq: 3 });
    let intents = store.intents(9).await.unwrap();
    let told: Vec<_> = intents.iter().map(|intent| (intent.seq, intent.id.as_str(), intent.revision)).collect();
    assert_eq!(told, [(1, "a", 1), (2, "a", 2), (3, "b", 1)]);
    assert_eq!((intents[0].author.as_str(), intents[0].operation.as_str()), ("wang", "entry.draft"));
    assert_eq!(intents[0].before_digest, "");
    assert_eq!(intents[0].after_digest, intents[1].before_digest);
    assert_ne!(intents[1].before_digest, intents[1].after_digest);
    store.settle(2, 40).await.unwrap();
    assert_eq!(store.settled_to().await.unwrap(), 0, "the first is still open");
    store.settle(1, 41).await.unwrap();
    store.settle(1, 99).await.unwrap();
    assert_eq!((store.settled_to().await.unwrap(), store.last_index().await.unwrap()), (2, Some(41)));
    store.settle(3, 42).await.unwrap();
    assert_eq!((store.settled_to().await.unwrap(), store.intents(9).await.unwrap().len()), (3, 0));
}

async fn lists_come_in_pages_by_due_day(store: &Store) {
    let day = |text: &str| Day::parse(text).unwrap();
    for (id, due, party, closed) in [
        ("n1", None, "mz", false),
        ("n2", Some("2026-11-27"), "mz", false),
        ("n3", Some("2026-11-24"), "rs", false),
        ("n4", Some("2026-11-27"), "mz", true),
        ("n5", Some("2026-12-01"), "mz", false),
    ] {
        let party = PartyKey::new(party).unwrap();
        add(store, &Note { due: due.map(day), party, closed, ..note(id) }).await;
    }
    let all = Listing { limit: 50, ..Listing::default() };
    let mz = Some(PartyKey::new("mz").unwrap());
    for (listing, ids) in [
        (all.clone(), &["n3", "n2", "n4", "n5", "n1"][..]),
        (Listing { party: mz.clone(), state: Some("open".into()), ..all.clone() }, &["n2", "n5", "n1"]),
        (Listing { due_until: Some(day("2026-11-27")), ..all.clone() }, &["n3", "n2", "n4"]),
        (Listing { peer: mz, ..all.clone() }, &[]),
    ] {
        for limit in [1, 2, 50] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.list::<Note>(&Listing { limit, after, ..listing.clone() }).await.unwrap();
                assert!(page.items.len() <= limit as usize);
                found.extend(page.items.into_iter().map(|stored| stored.record.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, ids, "{listing:?} by {limit}");
        }
    }
}

async fn what_was_committed_survives(target: &Target, folder: &Path) {
    let store = opened(target, folder).await;
    add(&store, &note("a")).await;
    store.close().await;
    let opened = Store::open(target, folder, 2).await.unwrap();
    assert_eq!((opened.schema_before, opened.backup.is_none()), (1, true));
    assert_eq!(opened.store.find::<Note>("a").await.unwrap().unwrap().record, note("a"));
    assert_eq!(opened.store.intents(9).await.unwrap().len(), 1);
}

/// A backup of one restored into the other: the same records, numbers and answers.
pub(crate) async fn moved(from: &Target, to: &Target, folder: &Path) {
    let (store, other) = (opened(from, folder).await, opened(to, folder).await);
    add(&store, &Note { holds: vec!["x".into()], due: Some(Day::at(0)), ..note("a") }).await;
    store.commit(change().insert(&note("b")).unwrap().once(submission("r", "1"))).await.unwrap();
    store.settle(1, 7).await.unwrap();
    store.next_number("A-2026").await.unwrap();
    let files = tempfile::tempdir_in(folder).unwrap();
    let (first, second) = (files.path().join("first"), files.path().join("second"));
    let rows = store.backup(&first, 5, &mut |_| ()).await.unwrap();
    assert_eq!(rows, 2 + 1 + 1 + 2 + 2);
    let mut last = None;
    assert_eq!(other.restore(&first, &mut |progress| last = Some(progress.rows)).await.unwrap(), rows);
    assert_eq!(last, Some(rows));
    other.backup(&second, 5, &mut |_| ()).await.unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    assert_eq!(other.commit(change().insert(&note("c")).unwrap()).await.unwrap(), Committed::Done { seq: 3 });
    assert!(matches!(other.restore(&first, &mut |_| ()).await, Err(BackupError::NotEmpty)));
    assert!(matches!(store.backup(&first, 5, &mut |_| ()).await, Err(BackupError::File(_))), "never overwritten");
    spoilt(&first, &files.path().join("spoilt"), to, folder).await;
}

/// A backup that lost or changed anything is refused before a row is written.
async fn spoilt(whole: &Path, spoilt: &Path, target: &Target, folder: &Path) {
    let text = std::fs::read_to_string(whole).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let store = opened(target, folder).await;
    for (text, why) in [
        (text.replacen("临湘", "临澜", 1), "a changed row"),
        (lines[..lines.len() - 1].join("\n"), "no tail"),
        ([&lines[..2], &lines[3..]].concat().join("\n"), "a lost row"),
        (text[..text.len() / 2].to_owned(), "half a file"),
    ] {
        std::fs::write(spoilt, text).unwrap();
        let refused = store.restore(spoilt, &mut |_| ()).await.unwrap_err();
        assert!(matches!(refused, BackupError::Broken | BackupError::Form { .. }), "{why}: {refused}");
    }
}
