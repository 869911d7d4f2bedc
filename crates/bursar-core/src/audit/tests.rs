//! The promise of the chain: whatever single thing is changed, the first link that is broken is named.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::id::{TokenId, UserId};
use crate::time::Timestamp;

type Covered = (Link, Vec<Event>);

fn event(action: &str) -> Event {
    Event {
        time: Timestamp::from_millis(1_790_000_000_000),
        actor: Actor::Operator,
        action: action.to_owned(),
        subject: "token:1".to_owned(),
        data: vec![("label".to_owned(), "bot".to_owned())],
    }
}

/// Links over these batches of events, from the beginning.
fn chained(batches: Vec<Vec<Event>>) -> Vec<Covered> {
    continued(Head::default(), batches)
}

fn continued(mut head: Head, batches: Vec<Vec<Event>>) -> Vec<Covered> {
    let link = |events: Vec<Event>| {
        let link = head.next(&events);
        head = link.head();
        (link, events)
    };
    batches.into_iter().map(link).collect()
}

fn verified(verifier: Verifier, chain: &[Covered]) -> Result<Verified, Broken> {
    let mut verifier = verifier;
    chain.iter().try_for_each(|(link, events)| verifier.check(link, events))?;
    verifier.finish()
}

fn broken(chain: &[Covered]) -> Option<u64> {
    verified(Verifier::default(), chain).err().map(|broken| broken.link)
}

fn three() -> Vec<Covered> {
    chained(vec![vec![event("a"), event("b")], vec![event("c")], vec![event("d")]])
}

#[test]
fn changing_dropping_or_reordering_an_event_changes_the_link() {
    let link = |events: &[Event]| Head::default().next(events).hash;
    let all = link(&[event("a"), event("b")]);
    assert_ne!(all, link(&[event("a"), event("c")]));
    assert_ne!(all, link(&[event("a")]));
    assert_ne!(all, link(&[event("b"), event("a")]));
}

#[test]
fn a_link_depends_on_every_link_before_it() {
    let first = Head::default().next(&[event("a")]);
    let other = Head::default().next(&[event("b")]);
    assert_ne!(first.head().next(&[event("c")]).hash, other.head().next(&[event("c")]).hash);
    assert_eq!(first.head().next(&[event("c")]).number, 2);
}

#[test]
fn moving_text_between_fields_changes_the_hash() {
    let mut shifted = event("a");
    shifted.data = vec![("labelb".to_owned(), "ot".to_owned())];
    assert_ne!(shifted.hash(), event("a").hash());
    shifted.data = vec![("la".to_owned(), "bel".to_owned()), ("bo".to_owned(), "t".to_owned())];
    assert_ne!(shifted.hash(), event("a").hash());
}

/// What `docs/audit.md` prints for those who write a verifier of their own; it must not change.
#[test]
fn the_canonical_forms_are_those_that_are_documented() {
    let mut told = event("token.issue");
    told.data.push(("note".to_owned(), "ü".to_owned()));
    let link = Head::default().next(&[told.clone(), event("token.revoke")]);
    assert_eq!(hex(told.hash()), "7036ec7c1ea9f185abd1dfd565d868dbcfea2c9ab75620a5d3a3eeb9eadcd65c");
    assert_eq!(hex(link.hash), "953973d45ca0e448567d61ffc3ea478467a055785ae650da1c785214efb3b3f5");
    assert_eq!(
        hex(link.head().next(&[event("user.login")]).hash),
        "02690249f92576c86f0d58463c09b08fb98b43d36cef558b892a6b129def6ebe"
    );
}

fn hex(hash: Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_sound_chain_is_told_with_its_end() {
    let chain = three();
    let head = chain[2].0.head();
    let sound = Verified { from: 1, head, events: 4, checkpoints: 0 };
    assert_eq!(verified(Verifier::default(), &chain), Ok(sound));
    assert_eq!(
        verified(Verifier::default(), &[]),
        Ok(Verified { from: 1, head: Head::default(), events: 0, checkpoints: 0 })
    );
    let after = Verifier::after(chain[0].0.head());
    assert_eq!(verified(after, &chain[1..]), Ok(Verified { from: 2, events: 2, ..sound }));
}

#[test]
fn a_part_of_a_chain_is_verified_from_the_link_that_was_named_and_no_other() {
    let chain = three();
    let sound = verified(Verifier::believing(2), &chain[1..]).unwrap();
    assert_eq!((sound.from, sound.events), (2, 2));
    let broken = verified(Verifier::believing(2), &chain[2..]).unwrap_err();
    assert_eq!(broken, Broken { link: 2, fault: Fault::Number { found: 3 } });
    let beyond = verified(Verifier::believing(4), &[]).unwrap_err();
    assert_eq!(beyond, Broken { link: 4, fault: Fault::Beyond }, "a cut chain has nothing to verify");
    assert_eq!(beyond.to_string(), "there is no link 4, so nothing to verify from there on");
    let until = verified(Verifier::believing(4).until(Some(9)), &[]).unwrap_err();
    assert_eq!(until, Broken { link: 4, fault: Fault::Beyond });
    let recorded = chain[2].0.head();
    let cut = verified(Verifier::believing(3).against([recorded]), &[]).unwrap_err();
    assert_eq!(cut, Broken { link: 3, fault: Fault::Truncated { reached: 3 } }, "it was there once");
    assert!(verified(Verifier::believing(0), &chain).is_ok());
    let mut other = chain.clone();
    other[0].0.previous = [1; 32];
    let broken = verified(Verifier::believing(1), &other).unwrap_err();
    assert_eq!(broken, Broken { link: 1, fault: Fault::Previous }, "nothing comes before the first");
}

#[test]
fn a_chain_has_to_reach_the_link_it_is_verified_to() {
    let chain = three();
    let verifier = Verifier::default().until(Some(2)).against([chain[2].0.head()]);
    let mut done = verifier.clone();
    chain[..2].iter().for_each(|(link, events)| done.check(link, events).unwrap());
    assert!(done.is_done());
    assert_eq!(done.finish().unwrap().checkpoints, 0, "one beyond the end says nothing");
    let broken = verified(verifier, &chain[..1]).unwrap_err();
    assert_eq!(broken, Broken { link: 2, fault: Fault::Ends { asked: 2 } });
    assert_eq!(broken.to_string(), "the chain is sound as far as it goes, and ends with link 1: there is no link 2");
    let recorded = Verifier::default().until(Some(9)).against([chain[2].0.head()]);
    let broken = verified(recorded, &chain[..1]).unwrap_err();
    assert_eq!(broken, Broken { link: 2, fault: Fault::Truncated { reached: 3 } }, "it once went further");
}

#[test]
fn checkpoints_find_a_chain_that_was_cut_or_rewritten() {
    let chain = three();
    let heads = || chain.iter().map(|(link, _)| link.head());
    let against = |chain: &[Covered]| verified(Verifier::default().against(heads()), chain);
    assert_eq!(against(&chain).unwrap().checkpoints, 3);
    assert_eq!(against(&chain[..1]), Err(Broken { link: 2, fault: Fault::Truncated { reached: 3 } }));
    assert_eq!(against(&[]), Err(Broken { link: 1, fault: Fault::Truncated { reached: 3 } }));
    let rewritten = [&chain[..1], &continued(chain[0].0.head(), vec![vec![event("x")], vec![event("d")]])].concat();
    assert!(verified(Verifier::default(), &rewritten).is_ok(), "by itself it is sound");
    assert_eq!(against(&rewritten), Err(Broken { link: 2, fault: Fault::Checkpoint }));
}

#[test]
fn a_checkpoint_of_the_link_before_vouches_for_where_a_part_begins() {
    let chain = three();
    let recorded = chain[0].0.head();
    let part = |head| verified(Verifier::believing(2).against([head]), &chain[1..]);
    assert_eq!(part(recorded).unwrap().checkpoints, 1);
    assert_eq!(part(Head { hash: [3; 32], ..recorded }), Err(Broken { link: 1, fault: Fault::Checkpoint }));
    assert_eq!(part(Head::default()).unwrap().checkpoints, 0, "what lies before is not seen");
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "\\PC{0,8}", any::<String>()]
}

fn actors() -> impl Strategy<Value = Actor> {
    let token = (any::<[u8; 16]>(), any::<[u8; 16]>());
    let token = token
        .prop_map(|(user, token)| Actor::Token { user: UserId::from_bytes(user), token: TokenId::from_bytes(token) });
    prop_oneof![Just(Actor::System), Just(Actor::Operator), Just(Actor::Anonymous), token]
}

fn events() -> impl Strategy<Value = Event> {
    let data = vec((texts(), texts()), 0..4);
    (any::<i64>(), actors(), texts(), texts(), data).prop_map(|(time, actor, action, subject, data)| Event {
        time: Timestamp::from_millis(time),
        actor,
        action,
        subject,
        data,
    })
}

fn chains() -> impl Strategy<Value = Vec<Covered>> {
    vec(vec(events(), 1..4), 2..7).prop_map(chained)
}

/// Changes one bit of a text, or makes an empty one longer; what it becomes is text again.
fn change(text: &mut String, at: Index) {
    let mut characters: Vec<char> = text.chars().collect();
    match characters.is_empty() {
        true => characters.push('x'),
        false => {
            let place = at.index(characters.len());
            let flipped = char::from_u32(u32::from(characters[place]) ^ 1);
            characters[place] = flipped.unwrap_or('x');
        }
    }
    *text = characters.into_iter().collect();
}

/// Changes one part of an event.
fn change_event(event: &mut Event, part: Index, at: Index) {
    let parts = 4 + 2 * event.data.len();
    match part.index(parts) {
        0 => event.time = Timestamp::from_millis(event.time.as_millis() ^ 1),
        1 => event.actor = if event.actor == Actor::System { Actor::Operator } else { Actor::System },
        2 => change(&mut event.action, at),
        3 => change(&mut event.subject, at),
        datum => {
            let (key, value) = &mut event.data[(datum - 4) / 2];
            change(if datum % 2 == 0 { key } else { value }, at);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_nobody_touched_is_sound(chain in chains()) {
        let events = chain.iter().map(|(_, events)| events.len() as u64).sum();
        let head = chain.last().unwrap().0.head();
        let sound = Verified { from: 1, head, events, checkpoints: 1 };
        prop_assert_eq!(verified(Verifier::default().against([head]), &chain), Ok(sound));
    }

    #[test]
    fn a_changed_event_breaks_its_link(chain in chains(), link: Index, event: Index, part: Index, at: Index) {
        let mut chain = chain;
        let place = link.index(chain.len());
        let events = &mut chain[place].1;
        let event = event.index(events.len());
        change_event(&mut events[event], part, at);
        prop_assert_eq!(broken(&chain), Some(place as u64 + 1));
    }

    #[test]
    fn an_event_dropped_inserted_or_moved_breaks_its_link(
        chain in chains(), link: Index, event: Index, new in events(), kind in 0..4,
    ) {
        let mut chain = chain;
        let place = link.index(chain.len() - 1);
        let events = &mut chain[place].1;
        let event = event.index(events.len());
        match kind {
            0 => { events.remove(event); }
            1 => events.insert(event, new),
            2 => {
                let moved = events.remove(event);
                chain[place + 1].1.insert(0, moved);
            }
            _ => {
                prop_assume!(events.first() != events.last());
                let last = events.len() - 1;
                events.swap(0, last);
            }
        }
        prop_assert_eq!(broken(&chain), Some(place as u64 + 1));
    }

    #[test]
    fn a_changed_link_is_broken(chain in chains(), link: Index, byte in 0..32usize, bit in 0..8u32, kind in 0..5) {
        let mut chain = chain;
        let place = link.index(chain.len());
        let changed = &mut chain[place].0;
        match kind {
            0 => changed.hash[byte] ^= 1 << bit,
            1 => changed.previous[byte] ^= 1 << bit,
            2 => changed.events ^= 1 << bit,
            3 => changed.number ^= 1 << bit,
            // Another hash of what it covers, by somebody who leaves the links that follow as they were.
            _ => {
                prop_assume!(place + 1 < chain.len());
                let before = if place == 0 { Head::default() } else { chain[place - 1].0.head() };
                chain[place].1.clear();
                chain[place].0 = before.next(&[]);
                prop_assert_eq!(broken(&chain), Some(place as u64 + 2));
                return Ok(());
            }
        }
        prop_assert_eq!(broken(&chain), Some(place as u64 + 1));
    }

    #[test]
    fn a_link_dropped_doubled_swapped_or_inserted_is_named(
        chain in chains(), link: Index, new in vec(events(), 1..3), kind in 0..4,
    ) {
        let mut chain = chain;
        let place = link.index(chain.len() - 1);
        let first_broken = match kind {
            0 => { chain.remove(place); place + 1 }
            1 => { chain.insert(place, chain[place].clone()); place + 2 }
            2 => { chain.swap(place, place + 1); place + 1 }
            // A perfect one, in front of one that followed another.
            _ => {
                let inserted = continued(chain[place].0.head(), vec![new]);
                chain.splice(place + 1..place + 1, inserted);
                place + 3
            }
        };
        prop_assert_eq!(broken(&chain), Some(first_broken as u64));
    }

    #[test]
    fn a_chain_that_was_cut_or_rolled_back_breaks_where_it_ends(chain in chains(), left: Index, new in events()) {
        let recorded = chain.last().unwrap().0.head();
        let left = left.index(chain.len());
        let cut = &chain[..left];
        let against = |chain: &[Covered]| verified(Verifier::default().against([recorded]), chain).unwrap_err();
        let reached = Fault::Truncated { reached: chain.len() as u64 };
        prop_assert_eq!(against(cut), Broken { link: left as u64 + 1, fault: reached });
        prop_assert_eq!(broken(cut), None, "only a checkpoint finds it");

        // Rolled back, and gone on from there as if nothing had been.
        prop_assume!(!chain[left].1.contains(&new));
        let head = cut.last().map(|(link, _)| link.head()).unwrap_or_default();
        let others = (left..chain.len()).map(|_| vec![new.clone()]).collect();
        let gone_on = [cut, &continued(head, others)].concat();
        prop_assert_eq!(against(&gone_on), Broken { link: recorded.number, fault: Fault::Checkpoint });
    }
}
