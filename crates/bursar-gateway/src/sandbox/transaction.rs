//! The bytes of a sandbox transaction: `sandbox1`, then JSON in exactly one spelling.
//!
//! What is read is written again and must come out the same, byte for byte: doubled fields, spaces, numbers
//! with leading zeros and whatever else has two spellings is refused, never guessed at.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_service::rail::{Decoded, RailError};
use serde::{Deserialize, Serialize};

use super::destination;

/// What every transaction of this version begins with.
const MAGIC: &[u8] = b"sandbox1";

/// The longest transaction, in bytes: 1 MiB.
const LONGEST: usize = 1 << 20;

/// A transaction as it is spelled. Amounts are decimal text, the nonce is hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    reference: String,
    coin: String,
    recipients: Vec<SpelledRecipient>,
    fee: String,
    /// Tells apart two transactions that do the same.
    nonce: String,
}

/// A recipient as it is spelled.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct SpelledRecipient {
    address: String,
    amount: String,
}

/// Writes a transaction.
pub(super) fn write(
    reference: &str,
    coin: &Coin,
    recipients: &[Recipient],
    fee: Amount,
    nonce: [u8; 16],
) -> Result<Vec<u8>, RailError> {
    spell(&Spelled {
        reference: reference.to_owned(),
        coin: coin.as_str().to_owned(),
        recipients: recipients.iter().map(spelled).collect(),
        fee: fee.to_string(),
        nonce: base16ct::lower::encode_string(&nonce),
    })
}

/// Reads what a transaction would do.
pub(super) fn read(bytes: &[u8]) -> Result<Decoded, RailError> {
    if bytes.len() > LONGEST {
        return Err(invalid("is longer than 1 MiB"));
    }
    let json = bytes.strip_prefix(MAGIC).ok_or_else(|| invalid("is none of the sandbox's"))?;
    let spelled: Spelled = serde_json::from_slice(json).map_err(|_| invalid("is damaged"))?;
    if spell(&spelled)? != bytes {
        return Err(invalid("is not in the spelling the sandbox gave it"));
    }
    if base16ct::lower::decode(&spelled.nonce, &mut [0; 16]).map(<[u8]>::len) != Ok(16) {
        return Err(invalid("has no nonce of 32 lower-case hex digits"));
    }
    let coin = Coin::parse(&spelled.coin).map_err(|_| invalid("names no coin"))?;
    let recipients = spelled.recipients.into_iter().map(recipient).collect::<Result<Vec<_>, _>>()?;
    destination::check(&coin, &recipients)?;
    let fee = amount(&spelled.fee)?;
    // The sandbox takes its price, whatever the bytes say.
    if fee != destination::fee() {
        return Err(invalid("has another fee than the sandbox takes"));
    }
    Ok(Decoded { reference: spelled.reference, coin, recipients, fee })
}

/// Whether bytes claim to be a transaction, sound or not.
pub(super) fn is_claimed_by(bytes: &[u8]) -> bool {
    bytes.strip_prefix(MAGIC).is_some_and(|json| json.starts_with(b"{"))
}

/// Recipients as JSON, for the book.
pub(super) fn recipients_to_json(recipients: &[Recipient]) -> Result<String, serde_json::Error> {
    serde_json::to_string(&recipients.iter().map(spelled).collect::<Vec<_>>())
}

/// Recipients out of the book.
pub(super) fn recipients_from_json(json: &str) -> Option<Vec<Recipient>> {
    let spelled: Vec<SpelledRecipient> = serde_json::from_str(json).ok()?;
    spelled.into_iter().map(|it| recipient(it).ok()).collect()
}

fn spell(spelled: &Spelled) -> Result<Vec<u8>, RailError> {
    let mut bytes = MAGIC.to_vec();
    serde_json::to_writer(&mut bytes, spelled).map_err(|_| invalid("cannot be written"))?;
    Ok(bytes)
}

/// A recipient as it is spelled.
pub(super) fn spelled(recipient: &Recipient) -> SpelledRecipient {
    SpelledRecipient { address: recipient.address.clone(), amount: recipient.amount.to_string() }
}

/// A recipient that was spelled.
pub(super) fn recipient(spelled: SpelledRecipient) -> Result<Recipient, RailError> {
    Ok(Recipient { amount: amount(&spelled.amount)?, address: spelled.address })
}

/// Reads an amount in its one spelling: no leading zeros.
fn amount(text: &str) -> Result<Amount, RailError> {
    let amount = Amount::parse(text).map_err(|problem| invalid(&format!("has an amount that {problem}")))?;
    if amount.to_string() == text { Ok(amount) } else { Err(invalid("has an amount with leading zeros")) }
}

fn invalid(problem: &str) -> RailError {
    RailError::Invalid { field: "txHex", problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::address;
    use super::*;

    const SOUND: &str = r#"sandbox1{"reference":"w","coin":"tbtc","recipients":[{"address":"sandbox:slow","amount":"7"}],"fee":"0","nonce":"00000000000000000000000000000000"}"#;

    #[test]
    fn the_spelling_is_the_one_the_documentation_shows() {
        let recipients = [Recipient { address: "sandbox:slow".to_owned(), amount: Amount::new(7) }];
        let coin = Coin::parse("tbtc").unwrap();
        let bytes = write("w", &coin, &recipients, Amount::ZERO, [0; 16]).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), SOUND);
        assert!(read(SOUND.as_bytes()).is_ok());
    }

    #[test]
    fn whatever_has_a_second_spelling_is_refused() {
        for (from, to) in [
            ("sandbox1", "sandbox2"),
            ("sandbox1", ""),
            (r#""fee":"0""#, r#""fee":"0","fee":"0""#),
            (r#""amount":"7""#, r#""amount":"7","amount":"7""#),
            (r#""amount":"7""#, r#""amount":"7","memo":"x""#),
            (r#""fee":"0""#, r#""fee":"0","memo":"x""#),
            (r#""amount":"7""#, r#""amount":"07""#),
            (r#""amount":"7""#, r#""amount":7"#),
            (r#""amount":"7""#, r#""amount":"-7""#),
            (r#""amount":"7""#, r#""amount":"7e1""#),
            (r#""amount":"7""#, r#""amount":"""#),
            (r#""fee":"0""#, r#""fee":"00""#),
            (r#""fee":"0""#, r#""fee":"-0""#),
            (r#""fee":"0""#, r#""fee":"""#),
            (r#""fee":"0""#, r#""fee":0"#),
            (r#""fee":"0""#, r#""fee":null"#),
            (r#""fee":"0","#, ""),
            (r#""reference":"w""#, r#""reference":"\u0077""#),
            (r#""reference":"w","#, r#" "reference":"w","#),
            (r#""coin":"tbtc""#, r#""coin":"*bitcoin""#),
            (r#""coin":"tbtc""#, r#""coin":null"#),
            ("sandbox:slow", "sandbox:fast"),
            (r#"{"address":"sandbox:slow","amount":"7"}"#, ""),
            (r#"{"address":"sandbox:slow","amount":"7"}"#, r#"["sandbox:slow","7"]"#),
            ("0000000000\"", "000000000\""),
            ("0000000000\"", "000000000A\""),
            ("0000000000\"", "000000000000\""),
            ("\"}", "\"} "),
            ("\"}", "\"}}"),
        ] {
            let text = SOUND.replacen(from, to, 1);
            assert_ne!(text, SOUND, "{from} does not occur");
            assert!(matches!(read(text.as_bytes()), Err(RailError::Invalid { .. })), "{text}");
        }
    }

    #[test]
    fn a_transaction_that_takes_any_fee_is_refused_for_its_fee() {
        for fee in ["1", "250", &Amount::MAX.to_string()] {
            let text = SOUND.replacen(r#""fee":"0""#, &format!(r#""fee":"{fee}""#), 1);
            assert_eq!(read(text.as_bytes()), Err(invalid("has another fee than the sandbox takes")), "{text}");
        }
    }

    #[test]
    fn the_longest_transaction_fits_and_longer_bytes_are_not_even_read() {
        let recipient = Recipient { address: "\\".repeat(256), amount: Amount::ZERO };
        let recipients = vec![recipient; 1000];
        let coin = Coin::parse("tsol").unwrap();
        let bytes = write(&"\\".repeat(256), &coin, &recipients, Amount::ZERO, [255; 16]).unwrap();
        assert_eq!(read(&bytes).unwrap().recipients, recipients);
        let long = [SOUND.as_bytes(), &vec![b' '; LONGEST]].concat();
        assert_eq!(read(&long), Err(invalid("is longer than 1 MiB")));
    }

    fn coin_and_address() -> impl Strategy<Value = (&'static str, String)> {
        prop_oneof![
            ("[!-~]{1,256}").prop_filter("reserved", |it| !it.starts_with("sandbox")).prop_map(|it| ("tsol", it)),
            ("0x[0-9a-f]{40}").prop_map(|it| ("hteth", it)),
            ("0x[0-9A-F]{40}").prop_map(|it| ("hteth:usdc", it)),
            ("sandbox-[0-9a-f]{40}").prop_map(|it| ("btc", it)),
            any::<[u8; 16]>().prop_map(|it| ("tbtc", address::new(&Coin::parse("tbtc").unwrap(), "w", it))),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_it_was_meant(
            reference in "[!-~]{1,256}",
            (ticker, address) in coin_and_address(),
            amounts in prop::collection::vec(any::<u128>().prop_map(Amount::new), 1..20),
            nonce: [u8; 16],
        ) {
            let coin = Coin::parse(ticker).unwrap();
            let recipients: Vec<_> =
                amounts.into_iter().map(|amount| Recipient { address: address.clone(), amount }).collect();
            let fee = destination::fee();
            let bytes = write(&reference, &coin, &recipients, fee, nonce).unwrap();
            prop_assert!(is_claimed_by(&bytes));
            prop_assert_eq!(read(&bytes), Ok(Decoded { reference, coin, recipients, fee }));
        }

        #[test]
        fn a_changed_byte_is_refused_or_means_something_else(position in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = SOUND.as_bytes().to_vec();
            let position = position.index(bytes.len());
            prop_assume!(bytes[position] != byte);
            bytes[position] = byte;
            // Only the nonce may change without a change of meaning: it has none.
            let in_nonce = position >= SOUND.len() - 34;
            if let Ok(read_back) = read(&bytes) {
                prop_assert!(in_nonce || Ok(read_back) != read(SOUND.as_bytes()));
            }
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read(&bytes).is_err());
            prop_assert!(read(&[MAGIC, &bytes].concat()).is_err());
        }
    }
}
