//! A wallet by the name that people gave it.

use bursar_client::Client;
use serde_json::Value;

use crate::cli::{output, shown};
use crate::failure::Failure;

/// Bytes of an id.
const ID: usize = 16;

/// The id of the wallet that is meant: by its id, or by its label if no other wallet that one has a part in has it.
/// Only a label is looked up, so that a token that may list no wallets still names one by its id.
pub(in crate::cli) fn named(client: &Client, named: String) -> Result<String, Failure> {
    if is_id(&named) {
        return Ok(named);
    }
    one_of(&client.wallets(None)?, &named)
}

fn is_id(text: &str) -> bool {
    base16ct::mixed::decode_vec(text).is_ok_and(|bytes| bytes.len() == ID)
}

/// The one wallet of this label. Labels are given by people, and money has to go from the wallet that is meant.
fn one_of(wallets: &[Value], label: &str) -> Result<String, Failure> {
    let ids: Vec<String> = wallets
        .iter()
        .filter(|wallet| wallet.get("label").and_then(Value::as_str) == Some(label))
        .map(|wallet| shown::text(wallet, "id"))
        .collect();
    let label = output::printable(label);
    match &ids[..] {
        [id] => Ok(id.clone()),
        [] => Err(Failure::usage(format!(
            "`{label}` is neither the id nor the label of a wallet that you have a part in"
        ))
        .and_hint("`bursar wallet list` lists them")),
        several => {
            Err(Failure::usage(format!("{} wallets are called `{label}`: {}", several.len(), several.join(", ")))
                .and_hint("name the one that you mean by its id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_label_names_a_wallet_only_if_no_other_has_it() {
        let wallets =
            [("01", "till"), ("02", "vault"), ("03", "till")].map(|(id, label)| json!({"id": id, "label": label}));
        assert_eq!(one_of(&wallets, "vault").ok().as_deref(), Some("02"));
        let why = |label| one_of(&wallets, label).unwrap_err().to_string();
        assert!(why("till").starts_with("error: 2 wallets are called `till`: 01, 03\n"));
        assert!(
            why("Vault")
                .starts_with("error: `Vault` is neither the id nor the label of a wallet that you have a part in\n")
        );
    }

    #[test]
    fn what_is_an_id_is_no_label() {
        assert!(is_id("01a229924d10c39d4cd01019d8c202cd") && is_id("01A229924D10C39D4CD01019D8C202CD"));
        assert!(!is_id("01a229924d10c39d4cd01019d8c202") && !is_id("till") && !is_id(""));
    }
}
