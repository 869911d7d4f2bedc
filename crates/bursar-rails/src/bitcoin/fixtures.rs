//! Calls, keys, coins and transactions for tests.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::key::TapTweak as _;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, CompressedPublicKey, KnownHrp, NetworkKind, OutPoint, PublicKey, ScriptBuf, Sequence, Transaction,
    TxIn, TxOut, Txid, Witness, ecdsa, taproot,
};

use super::change::Verdict;
use super::transaction::Coins;
use crate::json::Json;
use crate::jsonrpc::{Call, Calls};

pub(super) const CHANGE: Verdict = Verdict { is_mine: true, is_solvable: true, is_watch_only: false, is_change: true };

pub(super) fn call(method: &str, params: &str) -> Call {
    let written = format!(r#"{{"method":"{method}","id":1,"params":{params}}}"#);
    match Calls::read(written.as_bytes()).expect("a call") {
        Calls::One(call) => call,
        Calls::Batch(_) => panic!("one call"),
    }
}

pub(super) fn json(text: &str) -> Json {
    Json::read(text.as_bytes()).expect("JSON")
}

/// A key and what can be paid to it.
pub(super) struct Key {
    secret: SecretKey,
}

/// Kinds of scripts that a key can spend from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Legacy,
    Nested,
    Segwit,
    Taproot,
}

pub(super) const KINDS: [Kind; 4] = [Kind::Legacy, Kind::Nested, Kind::Segwit, Kind::Taproot];

impl Key {
    pub(super) fn new(number: u8) -> Self {
        Self { secret: SecretKey::from_slice(&[number; 32]).expect("a key") }
    }

    fn public(&self) -> PublicKey {
        PublicKey::new(self.secret.public_key(&Secp256k1::new()))
    }

    pub(super) fn address(&self, kind: Kind) -> Address {
        let key = CompressedPublicKey(self.public().inner);
        match kind {
            Kind::Legacy => Address::p2pkh(key, NetworkKind::Test),
            Kind::Nested => Address::p2shwpkh(&key, NetworkKind::Test),
            Kind::Segwit => Address::p2wpkh(&key, KnownHrp::Regtest),
            Kind::Taproot => {
                let (key, _) = self.secret.x_only_public_key(&Secp256k1::new());
                Address::p2tr(&Secp256k1::new(), key, None, KnownHrp::Regtest)
            }
        }
    }

    pub(super) fn script(&self, kind: Kind) -> ScriptBuf {
        self.address(kind).script_pubkey()
    }

    /// Signs an input whose coin this key can spend.
    pub(super) fn sign(&self, transaction: &mut Transaction, place: usize, kind: Kind, coins: &Coins, covers: u8) {
        let curve = Secp256k1::new();
        let coin = coins[&transaction.input[place].previous_output].clone();
        let (script, public) = (self.script(Kind::Segwit), self.public());
        let covered = EcdsaSighashType::from_consensus(covers.into());
        let mut cache = SighashCache::new(transaction.clone());
        let ecdsa = |digest: [u8; 32]| {
            let signature = curve.sign_ecdsa(&Message::from_digest(digest), &self.secret);
            ecdsa::Signature { signature, sighash_type: covered }
        };
        let input = &mut transaction.input[place];
        match kind {
            Kind::Legacy => {
                let digest = cache.legacy_signature_hash(place, &coin.script_pubkey, covers.into()).expect("a digest");
                let signature = PushBytesBuf::try_from(ecdsa(digest.to_byte_array()).to_vec()).expect("short");
                input.script_sig = Builder::new().push_slice(signature).push_key(&public).into_script();
            }
            Kind::Nested | Kind::Segwit => {
                let digest = cache.p2wpkh_signature_hash(place, &script, coin.value, covered).expect("a digest");
                input.witness = Witness::p2wpkh(&ecdsa(digest.to_byte_array()), &public.inner);
                if kind == Kind::Nested {
                    let redeem = PushBytesBuf::try_from(script.to_bytes()).expect("short");
                    input.script_sig = Builder::new().push_slice(redeem).into_script();
                }
            }
            Kind::Taproot => {
                let covered = TapSighashType::from_consensus_u8(covers).expect("a type");
                let spent: Vec<_> =
                    cache.transaction().input.iter().map(|input| &coins[&input.previous_output]).collect();
                let digest =
                    cache.taproot_key_spend_signature_hash(place, &Prevouts::All(&spent), covered).expect("a digest");
                let pair = Keypair::from_secret_key(&curve, &self.secret).tap_tweak(&curve, None);
                let message = Message::from_digest(digest.to_byte_array());
                let signature = curve.sign_schnorr_no_aux_rand(&message, &pair.to_keypair());
                let signature = taproot::Signature { signature, sighash_type: covered };
                input.witness = Witness::p2tr_key_spend(&signature);
            }
        }
    }
}

pub(super) fn coin(number: u8) -> OutPoint {
    OutPoint::new(Txid::from_byte_array([number; 32]), number.into())
}

pub(super) fn coins(worth: &[(u8, u64, ScriptBuf)]) -> Coins {
    let one = |(number, value, script): &(u8, u64, ScriptBuf)| {
        (coin(*number), TxOut { value: Amount::from_sat(*value), script_pubkey: script.clone() })
    };
    worth.iter().map(one).collect()
}

/// A transaction that spends the coins of these numbers.
pub(super) fn transaction(spent: &[u8], paid: &[(u64, ScriptBuf)]) -> Transaction {
    let input = |number: &u8| TxIn {
        previous_output: coin(*number),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    };
    let output =
        |(value, script): &(u64, ScriptBuf)| TxOut { value: Amount::from_sat(*value), script_pubkey: script.clone() };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: spent.iter().map(input).collect(),
        output: paid.iter().map(output).collect(),
    }
}
