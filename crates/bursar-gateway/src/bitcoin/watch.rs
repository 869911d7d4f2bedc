//! Which transactions of a wallet were not sent from here: the node's wallet shows them, and nothing that was signed here
//! is of their name.
//!
//! They are told as soon as they are seen, confirmed or not: whoever made one has the keys. What the node lists is listed
//! for a while again, so that neither a reorganisation nor a late block hides one, and what was seen is remembered for
//! as long.

use std::collections::BTreeMap;

use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bitcoin::hashes::Hash as _;
use bitcoin::{Transaction, Txid};
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::transaction;
use bursar_service::rail::{Memory, NewNote, Outflow, RailError};

use super::BitcoinRail;
use super::node::{Body, Listed, unreadable};
use super::sent::{self, Remembered, Signed};

/// How many transactions that were not seen before are looked at in one go.
const AT_ONCE: usize = 100;
/// How many are taken as seen when the watch over a wallet begins.
const AT_FIRST: usize = 10_000;
/// The bytes of what is kept of a transaction that was seen: its id, and its name if it was signed here.
const ENTRY_BYTES: usize = 64;

/// How far a wallet was watched.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Watched {
    /// Where the node goes on from.
    since: String,
    /// What it lists from there on and was looked at, each with its name if it was signed here.
    seen: BTreeMap<Txid, Option<Txid>>,
}

impl BitcoinRail {
    pub(super) async fn look_for_outflows(&self, wallet: &str, memory: &dyn Memory) -> Result<Vec<Outflow>, RailError> {
        let name = watched_note(wallet);
        let Some(note) = memory.read(&name)? else {
            let body = Some(self.watch_from(wallet).await?.pack());
            memory.write(vec![NewNote { name, version: 0, body }]).await?;
            return Ok(Vec::new());
        };
        let before = Watched::unpack(&note.body).ok_or_else(|| unreadable("place to go on from"))?;
        let most = before.seen.len().saturating_add(AT_ONCE);
        let left = self.node.left(wallet, &before.since, most).await?;
        let mut after = Watched { since: before.since.clone(), seen: BTreeMap::new() };
        let (mut unexplained, mut looked_at, mut is_all) = (Vec::new(), 0, true);
        for Listed { txid, spends } in left.transactions {
            if let Some(known) = before.seen.get(&txid) {
                after.seen.insert(txid, *known);
                continue;
            }
            if looked_at == AT_ONCE {
                is_all = false;
                continue;
            }
            looked_at += 1;
            if !spends {
                after.seen.insert(txid, None);
                continue;
            }
            let given = match self.node.body(wallet, txid).await? {
                // Forgotten by the node since it was listed.
                Body::Gone => continue,
                // What is of a kind that is not made here was not made here.
                Body::Foreign => None,
                Body::Read(found) => given_name(&found, memory)?,
            };
            if given.is_none() {
                unexplained.push(txid);
            }
            after.seen.insert(txid, given);
        }
        if is_all {
            after.since = left.next;
        }
        let mut notes = let_go(&before, &mut after, memory)?;
        if after != before {
            notes.push(NewNote { name, version: note.version, body: Some(after.pack()) });
        }
        let Some(last) = unexplained.pop() else {
            // Should another process watch, too, this is told or kept by it.
            if !notes.is_empty() {
                memory.write(notes).await?;
            }
            return Ok(Vec::new());
        };
        let outflow = |txid: Txid, told| Outflow { reference: format!("{txid} of wallet `{wallet}`"), told };
        let mut outflows: Vec<_> = unexplained.into_iter().map(|txid| outflow(txid, Vec::new())).collect();
        // Only the last one says that all were told.
        outflows.push(outflow(last, notes));
        Ok(outflows)
    }

    /// What was sent before anybody watched was sent by somebody else, and rightly so.
    async fn watch_from(&self, wallet: &str) -> Result<Watched, RailError> {
        let since = self.node.watched_from(wallet).await?;
        let left = self.node.left(wallet, &since, AT_FIRST).await?;
        let seen = left.transactions.into_iter().map(|listed| (listed.txid, None)).collect();
        Ok(Watched { since: left.next, seen })
    }
}

/// Forgets what was signed here and is listed no more. What is not settled is kept: it may be seen anew.
fn let_go(before: &Watched, after: &mut Watched, memory: &dyn Memory) -> Result<Vec<NewNote>, RailError> {
    let mut notes = Vec::new();
    for (txid, key) in &before.seen {
        let Some(key) = key.filter(|_| !after.seen.contains_key(txid)) else { continue };
        let name = given_note(key);
        let Some(note) = memory.read(&name)? else { continue };
        let hold = note.body.as_slice().try_into().map(HoldId::from_bytes).ok();
        let remembered = hold.map(|hold| sent::read(memory, hold)).transpose()?.flatten();
        if matches!(remembered, Some(Remembered::Signed(_))) {
            after.seen.insert(*txid, Some(key));
        } else {
            notes.push(NewNote { name, version: note.version, body: None });
        }
    }
    Ok(notes)
}

impl Watched {
    fn pack(&self) -> Vec<u8> {
        let mut body = serialize(&self.since.clone().into_bytes());
        for (txid, key) in &self.seen {
            body.extend_from_slice(&txid.to_byte_array());
            // No transaction has a name of zeros.
            body.extend_from_slice(&key.unwrap_or_else(Txid::all_zeros).to_byte_array());
        }
        body
    }

    fn unpack(body: &[u8]) -> Option<Self> {
        let (since, read) = deserialize_partial::<Vec<u8>>(body).ok()?;
        let (entries, []) = body.get(read..)?.as_chunks::<ENTRY_BYTES>() else { return None };
        let entry = |entry: &[u8; ENTRY_BYTES]| {
            let (txid, key) = entry.split_first_chunk::<32>()?;
            let key = Txid::from_byte_array(*key.first_chunk()?);
            Some((Txid::from_byte_array(*txid), Some(key).filter(|key| *key != Txid::all_zeros())))
        };
        let seen = entries.iter().map(entry).collect::<Option<_>>()?;
        Some(Self { since: String::from_utf8(since).ok()?, seen })
    }
}

/// The note that says that a transaction was signed here: kept with the signature, before anything leaves.
pub(super) fn given(memory: &dyn Memory, hold: HoldId, signed: &Signed) -> Result<NewNote, RailError> {
    let name = given_note(transaction::key(signed.raw.transaction()));
    // The same may be asked for anew, after a person said that it did not move.
    let version = memory.read(&name)?.map_or(0, |note| note.version);
    Ok(NewNote { name, version, body: Some(hold.as_bytes().to_vec()) })
}

/// The spend that a transaction was signed for, by its name.
pub(super) fn given_for(memory: &dyn Memory, key: Txid) -> Result<Option<HoldId>, RailError> {
    let found = memory.read(&given_note(key))?;
    Ok(found.and_then(|note| note.body.as_slice().try_into().ok().map(HoldId::from_bytes)))
}

/// The name of a transaction, if it was signed here.
fn given_name(found: &Transaction, memory: &dyn Memory) -> Result<Option<Txid>, RailError> {
    let key = transaction::key(found);
    Ok(memory.read(&given_note(key))?.map(|_| key))
}

fn given_note(key: Txid) -> String {
    format!("given/{key}")
}

fn watched_note(wallet: &str) -> String {
    format!("watched/{wallet}")
}
