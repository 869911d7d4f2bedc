use bitcoin::absolute::LockTime;
use bitcoin::psbt::PsbtSighashType;
use bitcoin::transaction::Version;
use bitcoin::{ScriptBuf, Witness};
use proptest::prelude::*;

use super::*;
use crate::bitcoin::fixtures::{KINDS, Key, Kind, coin, coins, transaction};

fn sound() -> Transaction {
    transaction(&[1, 2], &[(500, Key::new(1).script(Kind::Segwit)), (300, Key::new(2).script(Kind::Taproot))])
}

fn read(transaction: &Transaction) -> Result<Raw, Forbidden> {
    Raw::read(encode::serialize(transaction))
}

#[test]
fn a_transaction_keeps_its_very_bytes() {
    let raw = read(&sound()).expect("a transaction");
    assert_eq!(raw.bytes(), encode::serialize(&sound()));
    assert_eq!(Raw::read_hex(&raw.to_hex().to_uppercase()), Ok(raw.clone()));
    assert!(!raw.has_signatures());
}

#[test]
fn bytes_that_could_be_read_in_two_ways_are_refused() {
    let bytes = encode::serialize(&sound());
    let mut longer = bytes.clone();
    longer.push(0);
    let mut shorter = bytes.clone();
    shorter.pop();
    // Two inputs, counted in three bytes instead of one.
    let mut long_count = bytes[..4].to_vec();
    long_count.extend([0xfd, 2, 0]);
    long_count.extend(&bytes[5..]);
    // The marker of witnesses without any.
    let mut marked = bytes[..4].to_vec();
    marked.extend([0, 1]);
    marked.extend(&bytes[4..bytes.len() - 4]);
    marked.extend([0, 0]);
    marked.extend(&bytes[bytes.len() - 4..]);
    for bytes in [longer, shorter, long_count, marked, Vec::new(), vec![0; LONGEST_TRANSACTION + 1]] {
        assert_eq!(Raw::read(bytes).expect_err("refused").why, Why::Undecodable);
    }
    for text in ["", "0", "zz", "0x00", " 00"] {
        assert!(Raw::read_hex(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_carried_out_is_refused() {
    let edited = |edit: &dyn Fn(&mut Transaction)| {
        let mut transaction = sound();
        edit(&mut transaction);
        check(&transaction).expect_err("refused").detail
    };
    assert!(edited(&|it| it.version = Version(3)).contains("version"));
    assert!(edited(&|it| it.version = Version(0)).contains("version"));
    assert!(edited(&|it| it.version = Version(-1)).contains("version"));
    assert!(edited(&|it| it.input.clear()).contains("no input"));
    assert!(edited(&|it| it.output.clear()).contains("no output"));
    assert!(edited(&|it| it.input[1].previous_output = coin(1)).contains("twice"));
    assert!(edited(&|it| it.input[0].previous_output = OutPoint::null()).contains("coinbase"));
    assert!(edited(&|it| it.output[0].value = Amount::MAX_MONEY).contains("more than all bitcoin"));
    assert!(edited(&|it| it.output[0].value = Amount::MAX).contains("more than all bitcoin"));
    assert_eq!(check(&sound()), Ok(()));
}

#[test]
fn the_fee_is_what_the_node_says_the_coins_are_worth_less_what_is_paid() {
    let key = Key::new(1);
    let worth = |one, two| coins(&[(1, one, key.script(Kind::Segwit)), (2, two, key.script(Kind::Legacy))]);
    assert_eq!(fee(&sound(), &worth(500, 301)), Ok(Amount::from_sat(1)));
    assert_eq!(fee(&sound(), &worth(500, 300)), Ok(Amount::ZERO));
    assert!(fee(&sound(), &worth(500, 299)).is_err());
    let one = coins(&[(1, 1000, key.script(Kind::Segwit))]);
    assert_eq!(fee(&sound(), &one).expect_err("unknown").why, Why::NotPriced);
    assert!(fee(&sound(), &worth(u64::MAX, 300)).is_err());
}

#[test]
fn a_spend_keeps_its_name_when_it_is_signed_whatever_the_kinds_of_its_inputs() {
    let key = Key::new(1);
    for kind in KINDS {
        let coins = coins(&[(1, 1000, key.script(kind))]);
        let unsigned = transaction(&[1], &[(500, key.script(Kind::Segwit))]);
        let mut signed = unsigned.clone();
        key.sign(&mut signed, 0, kind, &coins, 1);
        assert_ne!(signed, unsigned);
        assert_eq!(super::key(&signed), super::key(&unsigned), "{kind:?}");
        let is_native = matches!(kind, Kind::Segwit | Kind::Taproot);
        assert_eq!(super::key(&signed) == signed.compute_txid(), is_native, "{kind:?}");
    }
    let mut later = sound();
    later.lock_time = LockTime::from_consensus(1);
    assert_ne!(super::key(&later), super::key(&sound()));
}

fn psbt() -> Psbt {
    Psbt::from_unsigned_tx(sound()).expect("unsigned")
}

fn read_psbt(psbt: &Psbt) -> Result<PartiallySigned, Forbidden> {
    PartiallySigned::read(&psbt.to_string())
}

#[test]
fn a_partly_signed_transaction_is_sent_on_as_it_was_understood() {
    let read = read_psbt(&psbt()).expect("a PSBT");
    assert_eq!(read.transaction(), &sound());
    assert_eq!(PartiallySigned::read(&read.to_base64()), Ok(read));
    let mut longer = psbt().serialize();
    longer.push(0);
    let url_safe = psbt().to_string().replace('/', "_").replace('+', "-");
    let spaced = format!("{} ", psbt());
    for text in
        [STANDARD.encode(longer), psbt().to_string().replace('=', ""), spaced, String::new(), "cHNidP8=".to_owned()]
    {
        assert!(PartiallySigned::read(&text).is_err(), "{text}");
    }
    assert!(url_safe == psbt().to_string() || PartiallySigned::read(&url_safe).is_err());
}

#[test]
fn only_signatures_of_the_whole_transaction_are_asked_for_and_taken() {
    let with = |kind| {
        let mut psbt = psbt();
        psbt.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(kind));
        read_psbt(&psbt)
    };
    assert!(with(0).is_ok() && with(1).is_ok());
    for kind in [2, 3, 0x80, 0x81, 0x82, 0x83, 0x101, u32::MAX] {
        assert!(with(kind).is_err(), "{kind:#x}");
    }
    let key = Key::new(1);
    for (kind, covers) in [(Kind::Segwit, 2), (Kind::Segwit, 0x81), (Kind::Legacy, 3), (Kind::Taproot, 0x83)] {
        let coins = coins(&[(1, 500, key.script(kind)), (2, 500, key.script(kind))]);
        let mut signed = sound();
        key.sign(&mut signed, 1, kind, &coins, covers);
        let mut psbt = psbt();
        psbt.inputs[1].final_script_witness = Some(signed.input[1].witness.clone()).filter(|it| !it.is_empty());
        psbt.inputs[1].final_script_sig = Some(signed.input[1].script_sig.clone()).filter(|it| !it.is_empty());
        assert!(read_psbt(&psbt).is_err(), "{kind:?} {covers:#x}");
        if kind == Kind::Segwit {
            let item = signed.input[1].witness.nth(0).expect("a signature");
            let signature = bitcoin::ecdsa::Signature::from_slice(item).expect("a signature");
            let mut psbt = self::psbt();
            let public = bitcoin::PublicKey::from_slice(signed.input[1].witness.nth(1).expect("a key")).expect("a key");
            psbt.inputs[1].partial_sigs.insert(public, signature);
            assert!(read_psbt(&psbt).is_err(), "{covers:#x}");
        }
        if kind == Kind::Taproot {
            let item = signed.input[1].witness.nth(0).expect("a signature");
            let mut psbt = self::psbt();
            psbt.inputs[1].tap_key_sig = Some(bitcoin::taproot::Signature::from_slice(item).expect("a signature"));
            assert!(read_psbt(&psbt).is_err());
        }
    }
}

#[test]
fn what_a_raw_transaction_has_of_signatures_is_of_all_of_it() {
    let key = Key::new(1);
    let checked = |transaction: &Transaction| read(transaction).expect("a transaction").check_signed_for_all();
    assert_eq!(checked(&sound()), Ok(()));
    for (kind, covers) in KINDS.into_iter().flat_map(|kind| [1, 2, 3, 0x81, 0x82, 0x83].map(|covers| (kind, covers))) {
        let coins = coins(&[(1, 500, key.script(kind)), (2, 500, key.script(kind))]);
        let mut signed = sound();
        key.sign(&mut signed, 1, kind, &coins, covers);
        assert_eq!(checked(&signed).is_ok(), covers == 1, "{kind:?} {covers:#x}");
        let mut annexed = signed.clone();
        annexed.input[1].witness.push([0x50]);
        assert_eq!(checked(&annexed).is_ok(), kind == Kind::Legacy && covers == 1, "{kind:?} {covers:#x}");
        if kind != Kind::Segwit {
            continue;
        }
        // One of two signers of a script, as wallets of several keys are signed: in front of the script itself.
        let signature = signed.input[1].witness.nth(0).expect("a signature").to_vec();
        let script = key.script(Kind::Legacy).to_bytes();
        let mut by_witness = sound();
        by_witness.input[1].witness = Witness::from_slice(&[&[][..], &signature, &[], &script]);
        let mut by_script = sound();
        let pushed = [signature, script].map(|bytes| bitcoin::script::PushBytesBuf::try_from(bytes).expect("short"));
        let of_pushes =
            pushed.iter().fold(bitcoin::script::Builder::new().push_int(0), bitcoin::script::Builder::push_slice);
        by_script.input[1].script_sig = of_pushes.into_script();
        for half in [by_witness, by_script] {
            assert_eq!(checked(&half).is_ok(), covers == 1, "{covers:#x}");
        }
    }
}

#[test]
fn fields_that_are_not_known_are_refused() {
    let unknown = bitcoin::psbt::raw::Key { type_value: 0x50, key: vec![1] };
    let proprietary = bitcoin::psbt::raw::ProprietaryKey { prefix: vec![1], subtype: 1, key: vec![1] };
    let edits: [&dyn Fn(&mut Psbt); 4] = [
        &|psbt| drop(psbt.unknown.insert(unknown.clone(), vec![1])),
        &|psbt| drop(psbt.inputs[0].unknown.insert(unknown.clone(), vec![1])),
        &|psbt| drop(psbt.outputs[0].unknown.insert(unknown.clone(), vec![1])),
        &|psbt| drop(psbt.inputs[0].proprietary.insert(proprietary.clone(), vec![1])),
    ];
    for edit in edits {
        let mut psbt = psbt();
        edit(&mut psbt);
        assert!(read_psbt(&psbt).expect_err("unknown").detail.contains("not known"));
    }
}

#[test]
fn what_a_request_says_its_inputs_are_worth_must_be_what_the_node_says() {
    let key = Key::new(1);
    let mut funding = transaction(&[9], &[(1, key.script(Kind::Legacy)), (700, key.script(Kind::Segwit))]);
    funding.input[0].witness = Witness::new();
    let told = OutPoint::new(funding.compute_txid(), 1);
    let known = Coins::from([(told, funding.output[1].clone())]);
    let mut made = transaction(&[1], &[(500, key.script(Kind::Segwit))]);
    made.input[0].previous_output = told;
    let with = |witness: Option<TxOut>, whole: Option<Transaction>| {
        let mut psbt = Psbt::from_unsigned_tx(made.clone()).expect("unsigned");
        psbt.inputs[0].witness_utxo = witness;
        psbt.inputs[0].non_witness_utxo = whole;
        read_psbt(&psbt).and_then(|psbt| psbt.check_coins(&known))
    };
    let coin = funding.output[1].clone();
    assert_eq!(with(None, None), Ok(()));
    assert_eq!(with(Some(coin.clone()), Some(funding.clone())), Ok(()));
    assert!(with(Some(TxOut { value: Amount::from_sat(701), ..coin.clone() }), None).is_err());
    assert!(with(Some(TxOut { script_pubkey: ScriptBuf::new(), ..coin }), None).is_err());
    let mut other = funding.clone();
    other.output[1].value = Amount::from_sat(701);
    assert!(with(None, Some(other)).is_err());
    let mut stranger = Psbt::from_unsigned_tx(sound()).expect("unsigned");
    stranger.inputs[0].witness_utxo = Some(funding.output[1].clone());
    assert!(read_psbt(&stranger).expect("a PSBT").check_coins(&known).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Raw::read(bytes.clone());
        let _ = PartiallySigned::read(&STANDARD.encode(&bytes));
        let mut magic = b"psbt\xff".to_vec();
        magic.extend(bytes);
        let _ = PartiallySigned::read(&STANDARD.encode(magic));
    }

    #[test]
    fn whatever_is_read_after_a_byte_was_changed_is_written_as_it_was_read(place: usize, value: u8, signed: bool) {
        let key = Key::new(1);
        let coins = coins(&[(1, 500, key.script(Kind::Segwit)), (2, 500, key.script(Kind::Taproot))]);
        let mut transaction = sound();
        if signed {
            key.sign(&mut transaction, 0, Kind::Segwit, &coins, 1);
            key.sign(&mut transaction, 1, Kind::Taproot, &coins, 0);
        }
        let mut bytes = encode::serialize(&transaction);
        let place = place % bytes.len();
        bytes[place] = value;
        if let Ok(raw) = Raw::read(bytes.clone()) {
            prop_assert_eq!(encode::serialize(raw.transaction()), bytes);
        }
        let mut bytes = psbt().serialize();
        let place = place % bytes.len();
        bytes[place] = value;
        if let Ok(read) = PartiallySigned::read(&STANDARD.encode(bytes)) {
            prop_assert_eq!(PartiallySigned::read(&read.to_base64()), Ok(read));
        }
    }
}
