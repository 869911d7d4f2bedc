//! A wallet as the upstream shows it.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;

use crate::json::Json;

/// The longest id of a wallet, in characters.
const LONGEST_ID: usize = 64;
/// The most addresses of one answer that are read.
const MOST_ADDRESSES: usize = 1000;

/// Whether a text can be the id of a wallet upstream: one spelling, and one name in a path.
pub fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Checks that a wallet is the one that was asked for, and that it can be spent from; gives its balance.
///
/// # Errors
/// It is another one, of another coin, or not to be spent from: what is wrong.
pub fn read(shown: &Json, id: &str, coin: &Coin) -> Result<Amount, String> {
    let text = |name: &str| shown.get(name).and_then(Json::as_text);
    if text("id") != Some(id) {
        return Err("the upstream shows another wallet".to_owned());
    }
    if text("coin") != Some(coin.as_str()) {
        return Err(format!("the upstream's wallet is of another coin than `{coin}`"));
    }
    if let Some(permissions) = shown.get("permissions").and_then(Json::as_list)
        && !permissions.iter().any(|permission| permission.as_text() == Some("spend"))
    {
        return Err("the upstream's token may not spend from this wallet".to_owned());
    }
    let balance = text("confirmedBalanceString").or_else(|| text("balanceString"));
    let balance = balance.ok_or("the upstream does not tell what the wallet holds")?;
    Amount::parse(balance).map_err(|_| "the upstream's balance cannot be read".to_owned())
}

/// The addresses of a wallet.
///
/// # Errors
/// They cannot be read.
pub fn addresses(shown: &Json) -> Result<Vec<String>, String> {
    let list = shown.get("addresses").and_then(Json::as_list).ok_or("the upstream shows no addresses")?;
    list.iter().take(MOST_ADDRESSES).map(address).collect()
}

/// An address that was made.
///
/// # Errors
/// It cannot be read.
pub fn address(shown: &Json) -> Result<String, String> {
    let address = shown.get("address").and_then(Json::as_text);
    address.map(str::to_owned).ok_or_else(|| "the upstream shows an address that cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_the_one_that_was_asked_for_and_can_be_spent_from() {
        let coin = Coin::parse("tbtc").expect("a ticker");
        let sound = r#"{"id":"w1","coin":"tbtc","permissions":["view","spend"],"balanceString":"7"}"#;
        let of = |text: &str| read(&Json::read(text.as_bytes()).expect("JSON"), "w1", &coin);
        assert_eq!(of(sound), Ok(Amount::new(7)));
        for (from, to) in [("w1", "w2"), ("tbtc", "btc"), ("spend", "admin"), (r#""7""#, "7"), ("balance", "b")] {
            assert!(of(&sound.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn an_id_has_one_spelling_and_leads_nowhere_else() {
        assert!(
            is_id("0a9f") && !is_id("") && !is_id("0A") && !is_id("..") && !is_id("a/b") && !is_id(&"a".repeat(65))
        );
    }
}
