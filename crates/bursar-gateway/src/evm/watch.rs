//! Which transactions of a wallet were not sent from here: those whose nonce is final and was never given out, or was
//! used by another transaction than the one that got it.

use std::ops::Range;

use bursar_core::amount::Amount;
use bursar_core::id::{HoldId, TokenId};
use bursar_rails::evm::{Address, B256};
use bursar_service::rail::{Memory, NewNote, Outflow, RailError};

use super::{EvmRail, keys, wallet};

/// How many nonces are looked at in one go.
const AT_ONCE: u64 = 100;
/// The bytes of an [`Entry`].
const ENTRY_BYTES: usize = 97;

/// What is kept of a transaction with its nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Its hash, or the one that the node is to sign.
    pub(super) hash: B256,
    /// What it takes at most of the chain's coin.
    pub(super) takes: Amount,
    /// The spend.
    pub(super) hold: HoldId,
    /// Whose.
    pub(super) token: TokenId,
    /// Whether it takes the place of those before it, which are not offered to the node any more.
    pub(super) replaces: bool,
}

impl EvmRail {
    pub(super) async fn look_for_outflows(
        &self,
        reference: &str,
        memory: &dyn Memory,
    ) -> Result<Vec<Outflow>, RailError> {
        let sender = wallet(reference)?;
        let last_final = self.last_final().await?;
        let count = self.count_at(sender, last_final).await?;
        let seen = match memory.read(&seen_note(sender))? {
            Some(note) => (note.version, number(&note.body)?),
            // What was sent before anybody watched was sent by somebody else, and rightly so.
            None => return self.watch_from(sender, count, memory).await,
        };
        let (mut version, first) = seen;
        let mut outflows = Vec::new();
        for nonce in first..count.min(first.saturating_add(AT_ONCE)) {
            let given = memory.read(&nonce_note(sender, nonce))?;
            let mut notes = vec![NewNote {
                name: seen_note(sender),
                version,
                body: Some(nonce.saturating_add(1).to_be_bytes().to_vec()),
            }];
            // Which transaction it was cannot be seen now: it is looked at the next time.
            let Some(user) = self.user_of_nonce(sender, nonce, last_final).await? else { return Ok(outflows) };
            let mut is_ours = false;
            if let Some(note) = &given {
                notes.push(NewNote { name: nonce_note(sender, nonce), version: note.version, body: None });
                is_ours = entries(&note.body).any(|one| one.hash == user)
                    || self.is_what_node_signed(&note.body, sender, user, memory).await?;
            }
            if !is_ours {
                // The notes after this one rest on its being told.
                let reference = format!("{user:#x}, nonce {nonce} of {sender:#x}");
                outflows.push(Outflow { reference, told: notes });
                return Ok(outflows);
            }
            if !memory.write(notes).await? {
                // Another process watches, too.
                return Ok(outflows);
            }
            version = memory.read(&seen_note(sender))?.map_or(0, |note| note.version);
        }
        Ok(outflows)
    }

    /// Whether a transaction is one that the node was asked to sign, under a signature that was not answered: its note
    /// has the hash that was to be signed.
    async fn is_what_node_signed(
        &self,
        note: &[u8],
        sender: Address,
        user: B256,
        memory: &dyn Memory,
    ) -> Result<bool, RailError> {
        if !keys::is_of_node(memory, &sender)? {
            return Ok(false);
        }
        let seen = match self.seen(user).await {
            // A node that does not show it: rather told once too often.
            Err(RailError::Refused(_)) => None,
            seen => seen?,
        };
        Ok(seen
            .is_some_and(|(_, seen)| seen.sender == sender && entries(note).any(|one| one.hash == seen.signing_hash)))
    }

    async fn watch_from(&self, sender: Address, count: u64, memory: &dyn Memory) -> Result<Vec<Outflow>, RailError> {
        // Unless some were sent from here already: from the first of those on.
        let first = match memory.read(&super::send::next(sender))? {
            Some(_) => (0..count).find(|nonce| matches!(memory.read(&nonce_note(sender, *nonce)), Ok(Some(_)))),
            None => None,
        };
        let body = Some(first.unwrap_or(count).to_be_bytes().to_vec());
        memory.write(vec![NewNote { name: seen_note(sender), version: 0, body }]).await?;
        Ok(Vec::new())
    }
}

/// The note on a nonce that was given out: what was signed with it, and what that takes at most.
pub(super) fn given(memory: &dyn Memory, sender: Address, nonce: u64, entry: &Entry) -> Result<NewNote, RailError> {
    let name = nonce_note(sender, nonce);
    let known = memory.read(&name)?;
    let version = known.as_ref().map_or(0, |note| note.version);
    let mut body = known.map_or_else(Vec::new, |note| note.body);
    body.extend(entry.pack());
    Ok(NewNote { name, version, body: Some(body) })
}

/// The same for a hash by which what was given the nonce last is known, too.
pub(super) fn known_as(
    memory: &dyn Memory,
    sender: Address,
    nonce: u64,
    hold: HoldId,
    hash: B256,
) -> Result<NewNote, RailError> {
    let nobody = TokenId::from_bytes([0; 16]);
    let token = last_given(memory, sender, nonce)?.map_or(nobody, |last| last.token);
    // What it takes is noted with what was asked for.
    given(memory, sender, nonce, &Entry { hash, takes: Amount::ZERO, hold, token, replaces: false })
}

/// What was given a nonce last.
pub(super) fn last_given(memory: &dyn Memory, sender: Address, nonce: u64) -> Result<Option<Entry>, RailError> {
    let note = memory.read(&nonce_note(sender, nonce))?;
    Ok(note.and_then(|note| entries(&note.body).last()))
}

/// Whether another transaction was signed in the place of this one.
pub(super) fn is_replaced(memory: &dyn Memory, sender: Address, nonce: u64, hash: &B256) -> Result<bool, RailError> {
    let Some(note) = memory.read(&nonce_note(sender, nonce))? else { return Ok(false) };
    Ok(entries(&note.body).skip_while(|one| one.hash != *hash).skip(1).any(|one| one.replaces))
}

/// The note on a nonce without what was given it by this hash, which was never signed; nothing if there is no such note.
pub(super) fn taken_back(
    memory: &dyn Memory,
    sender: Address,
    nonce: u64,
    asked: &B256,
) -> Result<Option<NewNote>, RailError> {
    let name = nonce_note(sender, nonce);
    let Some(note) = memory.read(&name)? else { return Ok(None) };
    let left: Vec<u8> = entries(&note.body).filter(|one| one.hash != *asked).flat_map(|one| one.pack()).collect();
    Ok(Some(NewNote { name, version: note.version, body: Some(left).filter(|left| !left.is_empty()) }))
}

/// What is signed with these nonces takes at most, all together.
pub(super) fn taken(memory: &dyn Memory, sender: Address, mut nonces: Range<u64>) -> Result<Amount, RailError> {
    nonces.try_fold(Amount::ZERO, |sum, nonce| {
        let note = memory.read(&nonce_note(sender, nonce))?;
        // Of several with one nonce one is mined.
        let most = note.and_then(|note| entries(&note.body).map(|one| one.takes).max());
        Ok(sum.saturating_add(most.unwrap_or(Amount::ZERO)))
    })
}

/// How many transactions of a wallet were final when it was looked at last, or once one of them was settled: a node that counts
/// fewer is behind, or on another chain.
pub(super) fn were_final(memory: &dyn Memory, sender: Address) -> Result<u64, RailError> {
    let noted = |name: String| memory.read(&name)?.map_or(Ok(0), |note| number(&note.body));
    Ok(noted(seen_note(sender))?.max(noted(final_note(sender))?))
}

/// Notes that a transaction with this nonce is final, before the watch comes by.
pub(super) async fn note_final(memory: &dyn Memory, sender: Address, nonce: u64) -> Result<(), RailError> {
    let (name, count) = (final_note(sender), nonce.saturating_add(1));
    let found = memory.read(&name)?;
    if found.as_ref().map_or(Ok(0), |note| number(&note.body))? >= count {
        return Ok(());
    }
    let version = found.map_or(0, |note| note.version);
    // Whoever notes another at this moment is nearly as right.
    memory.write(vec![NewNote { name, version, body: Some(count.to_be_bytes().to_vec()) }]).await.map(drop)
}

/// Refuses to go by a node that counts fewer transactions of a wallet than were final before.
pub(super) fn check_not_behind(memory: &dyn Memory, sender: Address, seen: u64) -> Result<(), RailError> {
    let were_final = were_final(memory, sender)?;
    if seen >= were_final {
        return Ok(());
    }
    let problem = format!(
        "the node counts {seen} transactions of the wallet, of which {were_final} were final before: it is behind, or on \
         another chain with the same id, where what is signed now would wait for ever"
    );
    Err(RailError::Unavailable(problem))
}

fn entries(body: &[u8]) -> impl Iterator<Item = Entry> {
    let (entries, _) = body.as_chunks::<ENTRY_BYTES>();
    entries.iter().filter_map(Entry::unpack)
}

impl Entry {
    fn pack(&self) -> Vec<u8> {
        let Self { hash, takes, hold, token, replaces } = self;
        [hash.as_slice(), &takes.to_be_bytes(), hold.as_bytes(), token.as_bytes(), &[u8::from(*replaces)]].concat()
    }

    fn unpack(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (hash, rest) = bytes.split_first_chunk::<32>()?;
        let (takes, rest) = rest.split_first_chunk::<32>()?;
        let (hold, rest) = rest.split_first_chunk::<16>()?;
        let (token, rest) = rest.split_first_chunk::<16>()?;
        Some(Self {
            hash: B256::from(*hash),
            takes: Amount::from_be_bytes(*takes),
            hold: HoldId::from_bytes(*hold),
            token: TokenId::from_bytes(*token),
            replaces: rest != [0],
        })
    }
}

fn nonce_note(sender: Address, nonce: u64) -> String {
    format!("nonce/{sender:#x}/{nonce}")
}

fn final_note(sender: Address) -> String {
    format!("final/{sender:#x}")
}

fn seen_note(sender: Address) -> String {
    format!("seen/{sender:#x}")
}

fn number(body: &[u8]) -> Result<u64, RailError> {
    let bytes = body.try_into().map_err(|_| RailError::Unavailable("a note of the rail cannot be read".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}
