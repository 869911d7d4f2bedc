use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{Amount, ScriptBuf, consensus};
use proptest::prelude::*;

use super::*;
use crate::bitcoin::change::Verdicts;
use crate::bitcoin::fixtures::{KINDS, Key, Kind, coins, transaction};
use crate::bitcoin::network::Network;

fn key() -> Key {
    Key::new(3)
}

fn owned(kind: Kind) -> Coins {
    coins(&[(1, 1000, key().script(kind)), (2, 1000, key().script(kind))])
}

fn made() -> Transaction {
    transaction(&[1, 2], &[(1500, Key::new(1).script(Kind::Segwit)), (400, Key::new(2).script(Kind::Segwit))])
}

fn held(kind: Kind) -> Payment {
    Payment::of_raw(Network::Regtest, &made(), &owned(kind), &Verdicts::new()).expect("a payment")
}

fn signed(kind: Kind, covers: [u8; 2]) -> Transaction {
    let mut transaction = made();
    for (place, covers) in covers.into_iter().enumerate() {
        key().sign(&mut transaction, place, kind, &owned(kind), covers);
    }
    transaction
}

fn judged(kind: Kind, transaction: &Transaction) -> Result<Signed, Forbidden> {
    Raw::read(consensus::serialize(transaction)).and_then(|raw| Signed::of(&held(kind), raw, &owned(kind)))
}

#[test]
fn exactly_what_was_held_may_be_broadcast() {
    for kind in KINDS {
        let transaction = signed(kind, [1, 1]);
        let judged = judged(kind, &transaction).expect("signed");
        assert_eq!(judged.raw.bytes(), consensus::serialize(&transaction));
        assert_eq!(judged.txid, transaction.compute_txid());
    }
    assert!(judged(Kind::Taproot, &signed(Kind::Taproot, [0, 1])).is_ok(), "DEFAULT is the whole");
}

#[test]
fn any_other_transaction_is_not_what_was_held() {
    for kind in KINDS {
        let edits: [&dyn Fn(&mut Transaction); 6] = [
            &|it| it.output[0].value = Amount::from_sat(1499),
            &|it| it.output[0].script_pubkey = Key::new(9).script(Kind::Segwit),
            &|it| it.output.push(it.output[0].clone()),
            &|it| it.input[0].sequence = bitcoin::Sequence::MAX,
            &|it| it.lock_time = bitcoin::absolute::LockTime::from_consensus(1),
            &|it| it.input.truncate(1),
        ];
        for edit in edits {
            let mut transaction = signed(kind, [1, 1]);
            edit(&mut transaction);
            assert!(
                judged(kind, &transaction).expect_err("edited").detail.contains("not the transaction that is held")
            );
        }
    }
}

#[test]
fn every_input_is_signed_for_the_whole_transaction() {
    for kind in KINDS {
        for covers in [2, 3, 0x81, 0x82, 0x83] {
            for covers in [[1, covers], [covers, 1]] {
                assert!(judged(kind, &signed(kind, covers)).is_err(), "{kind:?} {covers:?}");
            }
        }
        for place in [0, 1] {
            let mut transaction = signed(kind, [1, 1]);
            transaction.input[place].witness.clear();
            transaction.input[place].script_sig = ScriptBuf::new();
            assert!(judged(kind, &transaction).is_err(), "{kind:?} {place}");
        }
    }
    assert!(judged(Kind::Segwit, &made()).expect_err("unsigned").detail.contains("not signed"));
}

#[test]
fn scripts_of_several_keys_are_read_too() {
    let both = |covers: [u8; 2]| {
        let one = signed(Kind::Segwit, covers);
        let signatures = [0, 1].map(|place| one.input[place].witness.nth(0).expect("a signature").to_vec());
        let mut transaction = made();
        for input in &mut transaction.input {
            input.witness = Witness::from_slice(&[&[][..], &signatures[0], &signatures[1], &[0x52, 0xae]]);
        }
        judged(Kind::Segwit, &transaction)
    };
    assert!(both([1, 1]).is_ok());
    assert!(both([1, 2]).is_err() && both([0x81, 1]).is_err());
    let mut transaction = signed(Kind::Legacy, [1, 1]);
    let bad = signed(Kind::Legacy, [2, 1]).input[0].script_sig.clone();
    let pushed = PushBytesBuf::try_from(bad.as_bytes()[1..usize::from(bad.as_bytes()[0]) + 1].to_vec()).expect("short");
    let mut script = Builder::new().push_slice(pushed).into_script().into_bytes();
    script.extend(transaction.input[0].script_sig.as_bytes());
    transaction.input[0].script_sig = ScriptBuf::from_bytes(script);
    assert!(judged(Kind::Legacy, &transaction).is_err());
}

#[test]
fn taproot_scripts_are_signed_for_the_whole_and_have_no_annex() {
    let spend = |items: &[&[u8]]| {
        let mut transaction = signed(Kind::Taproot, [1, 1]);
        transaction.input[1].witness = Witness::from_slice(items);
        judged(Kind::Taproot, &transaction)
    };
    let signature = |covers: u8| [vec![7; 64], vec![covers]].concat();
    let (script, control): (&[u8], &[u8]) = (&[0xac], &[0xc0; 33]);
    assert!(spend(&[&signature(1), script, control]).is_ok());
    assert!(spend(&[&[7; 64], script, control]).is_ok());
    assert!(spend(&[&signature(2), script, control]).is_err());
    assert!(spend(&[&[7; 64], &signature(0x81), script, control]).is_err());
    assert!(spend(&[&signature(0), script, control]).is_err(), "a DEFAULT is never written out");
    assert!(spend(&[script, control]).is_err(), "nobody signed");
    assert!(spend(&[&[7; 63]]).is_err());
    assert!(spend(&[&signature(1), &[0x50]]).is_err(), "an annex");
    assert!(spend(&[&signature(1), script, control, &[0x50]]).is_err(), "an annex");
    assert!(spend(&[&[0x50; 64]]).is_ok(), "a signature that begins as an annex does");
}

#[test]
fn a_signers_psbt_is_of_the_transaction_that_is_held() {
    let read = |transaction: Transaction| {
        let psbt = bitcoin::Psbt::from_unsigned_tx(transaction).expect("unsigned");
        PartiallySigned::read(&psbt.to_string()).expect("a PSBT")
    };
    assert_eq!(check_psbt(&held(Kind::Segwit), &read(made())), Ok(()));
    let mut other = made();
    other.output[0].value = Amount::from_sat(1499);
    assert!(check_psbt(&held(Kind::Segwit), &read(other)).is_err());
}

proptest! {
    #[test]
    fn no_signature_makes_it_panic(
        script in prop::collection::vec(any::<u8>(), 0..120),
        items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..5),
    ) {
        for kind in KINDS {
            let mut transaction = signed(kind, [1, 1]);
            transaction.input[0].script_sig = ScriptBuf::from_bytes(script.clone());
            transaction.input[0].witness = Witness::from_slice(&items);
            let _ = judged(kind, &transaction);
        }
    }
}
