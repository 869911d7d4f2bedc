//! Amounts as flags write them: base units, or units of the coin with its ticker.

use bursar_client::Client;
use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::limit::text;

use crate::cli::shown;
use crate::failure::Failure;

/// An amount as the interface takes it.
///
/// # Errors
/// It is in units of another coin, of a coin whose decimals are not known, or no number of them.
pub(super) fn in_base_units(flag: &str, text: &str, ticker: &str, decimals: &Decimals) -> Result<String, Failure> {
    let Some((number, unit)) = text.split_once(' ') else {
        return match is_whole(text) {
            true => Ok(text.to_owned()),
            false => {
                let failure = Failure::usage(format!("{flag}: `{text}` is not a whole number of base units"));
                Err(match Coin::parse(ticker).ok().and_then(|coin| decimals.of(&coin)) {
                    Some(_) => failure.with_hint(format!(
                        "in units of the coin it is written with its ticker: {flag} '0.1 {ticker}'"
                    )),
                    None => failure.with_hint(format!("how many decimals {ticker} has is not known here")),
                })
            }
        };
    };
    let coin = Coin::parse(ticker).map_err(|problem| Failure::usage(format!("--coin: {problem}")))?;
    if unit != ticker {
        return Err(Failure::usage(format!("{flag} is in `{unit}`, and the coin is `{ticker}`")));
    }
    let decimals = decimals.of(&coin).ok_or_else(|| {
        Failure::usage(format!("how many decimals {ticker} has is not known here; give {flag} in base units"))
    })?;
    let amount = text::amount(number, decimals).ok_or_else(|| {
        let told =
            format!("{flag}: `{number}` is no number of {ticker}, such as 0.1, with at most {decimals} decimals");
        Failure::usage(told)
    })?;
    Ok(amount.to_string())
}

/// Whether it is written in base units; what cannot be read at all is told here as well.
fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What moved of a spend and which fee, as the interface takes them; the spend says in which coins.
///
/// # Errors
/// As for one amount, or the spend cannot be seen.
pub(super) fn of_spend(
    client: &Client,
    id: &str,
    amount: Option<String>,
    fee: Option<String>,
) -> Result<[Option<String>; 2], Failure> {
    if ![&amount, &fee].into_iter().flatten().any(|text| !is_whole(text)) {
        return Ok([amount, fee]);
    }
    let (spend, decimals) = (client.spend_of_id(id)?, shown::units(client));
    let read = |flag: &str, text: Option<String>, coin: &str| {
        text.map(|text| in_base_units(flag, &text, &shown::text(&spend, coin), &decimals)).transpose()
    };
    Ok([read("--amount", amount, "coin")?, read("--fee", fee, "feeCoin")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_in_base_units_or_in_units_of_the_coin() {
        let read = |text: &str| {
            in_base_units("--amount", text, "tbtc", &Decimals::default()).map_err(|failure| failure.to_string())
        };
        assert_eq!(read("600"), Ok("600".to_owned()));
        assert_eq!(read("0.1 tbtc"), Ok("10000000".to_owned()));
        for wrong in ["0.1 btc", "0.123456789 tbtc", "1e3 tbtc", "-1 tbtc", "0,1 tbtc"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(
            read("0.1")
                .unwrap_err()
                .contains("hint: in units of the coin it is written with its ticker: --amount '0.1 tbtc'")
        );
        let unknown = in_base_units("--amount", "0.1", "xyz", &Decimals::default()).unwrap_err().to_string();
        assert!(
            unknown.contains("how many decimals xyz has is not known here") && !unknown.contains("'0.1"),
            "{unknown}"
        );
        assert!(read("0.123456789 tbtc").unwrap_err().contains("at most 8 decimals"));
        assert!(in_base_units("--amount", "1 xyz", "xyz", &Decimals::default()).is_err());
        let declared = Decimals::declared([(Coin::parse("xyz").unwrap(), 3)]);
        assert_eq!(in_base_units("--amount", "1.5 xyz", "xyz", &declared).unwrap(), "1500", "the server said so");
    }
}
