//! Which outputs are change: what the wallet's own node says about an address that no request named.

use std::collections::BTreeMap;

use bitcoin::{Script, ScriptBuf};

use super::network::Network;
use crate::json::Json;

/// What the node of a wallet says about one of its addresses. What it does not say is not so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// The wallet holds what spends from it.
    pub is_mine: bool,
    /// The wallet knows how to sign for it.
    pub is_solvable: bool,
    /// The wallet only looks at it.
    pub is_watch_only: bool,
    /// It was made for change.
    pub is_change: bool,
}

/// What the node said, by script. About what is not in it nobody asked, so that it is no change.
pub type Verdicts = BTreeMap<ScriptBuf, Verdict>;

impl Verdict {
    /// Nobody said anything: money that goes there is gone.
    pub const STRANGER: Self = Self { is_mine: false, is_solvable: false, is_watch_only: true, is_change: false };

    /// Whether money that goes there stays in the wallet as change.
    pub const fn keeps(self) -> bool {
        self.is_mine && self.is_solvable && !self.is_watch_only && self.is_change
    }

    /// Reads Bitcoin Core's answer to `getaddressinfo` about a script.
    ///
    /// An answer about another script, or one that leaves out a word, says nothing.
    pub fn of_address_info(answer: &Json, script: &Script) -> Self {
        let said = |name: &str| match answer.get(name) {
            Some(Json::Bool(value)) => Some(*value),
            _ => None,
        };
        let is_about = answer.get("scriptPubKey").and_then(Json::as_text) == Some(&*script.to_hex_string());
        match (said("ismine"), said("solvable"), said("iswatchonly"), said("ischange")) {
            (Some(is_mine), Some(is_solvable), Some(is_watch_only), Some(is_change)) if is_about => {
                Self { is_mine, is_solvable, is_watch_only, is_change }
            }
            _ => Self::STRANGER,
        }
    }

    /// Reads bcoin's answer about the key of an address (`/wallet/<id>/key/<address>`), which it has for its own only.
    ///
    /// Whether the wallet only watches is said of the wallet as a whole, and so comes as an argument.
    pub fn of_key(answer: &Json, network: Network, script: &Script, wallet_watches_only: bool) -> Self {
        let is_about = answer
            .get("address")
            .and_then(Json::as_text)
            .and_then(|address| network.address(address).ok())
            .is_some_and(|payable| *payable.script == *script);
        let has_path = |name: &str| matches!(answer.get(name), Some(Json::Number(_)));
        let is_change = answer.get("branch") == Some(&Json::Number("1".into()));
        if is_about && has_path("account") && has_path("index") {
            Self { is_mine: true, is_solvable: true, is_watch_only: wallet_watches_only, is_change }
        } else {
            Self::STRANGER
        }
    }
}

/// Whether an output is change: its script was named by no request, and the node keeps what goes there.
pub fn is_change(script: &Script, named: &[&Script], verdicts: &Verdicts) -> bool {
    !named.contains(&script) && verdicts.get(script).copied().unwrap_or(Verdict::STRANGER).keeps()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: Verdict = Verdict { is_mine: true, is_solvable: true, is_watch_only: false, is_change: true };
    const ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

    fn script() -> ScriptBuf {
        Network::Regtest.address(ADDRESS).expect("an address").script
    }

    fn answer(text: &str) -> Json {
        Json::read(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn every_single_word_must_be_said_for_change() {
        let all = [
            ("scriptPubKey", r#""0014751e76e8199196d454941c45d1b3a323f1433bd6""#, r#""0014751e""#),
            ("ismine", "true", "false"),
            ("solvable", "true", "false"),
            ("iswatchonly", "false", "true"),
            ("ischange", "true", "false"),
        ];
        let write = |edit: &dyn Fn(usize, &str, &str) -> Option<String>| {
            let members = all.iter().enumerate().filter_map(|(place, (name, good, bad))| {
                edit(place, good, bad).map(|value| format!(r#""{name}":{value}"#))
            });
            answer(&format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
        };
        let good = write(&|_, good, _| Some(good.to_owned()));
        assert_eq!(Verdict::of_address_info(&good, &script()), CHANGE);
        for place in 0..all.len() {
            let other = write(&|at, good, bad| Some(if at == place { bad } else { good }.to_owned()));
            assert!(!Verdict::of_address_info(&other, &script()).keeps(), "{other}");
            let silent = write(&|at, good, _| (at != place).then(|| good.to_owned()));
            assert_eq!(Verdict::of_address_info(&silent, &script()), Verdict::STRANGER, "{silent}");
            let text = write(&|at, good, _| Some(if at == place { format!("[{good}]") } else { good.to_owned() }));
            assert_eq!(Verdict::of_address_info(&text, &script()), Verdict::STRANGER, "{text}");
        }
    }

    #[test]
    fn a_change_address_that_the_request_names_is_a_payee() {
        let script = script();
        let verdicts = Verdicts::from([(script.clone(), CHANGE)]);
        assert!(is_change(&script, &[], &verdicts));
        assert!(!is_change(&script, &[&script], &verdicts));
        assert!(!is_change(&script, &[], &Verdicts::new()), "nobody asked the node");
    }

    #[test]
    fn a_key_of_bcoin_is_change_on_the_change_branch_only() {
        let key = |branch: &str, address: &str| {
            answer(&format!(r#"{{"name":"default","account":0,"branch":{branch},"index":3,"address":"{address}"}}"#))
        };
        let read = |answer: &Json, watches| Verdict::of_key(answer, Network::Regtest, &script(), watches).keeps();
        assert!(read(&key("1", ADDRESS), false));
        assert!(!read(&key("1", ADDRESS), true), "watch-only");
        assert!(!read(&key("0", ADDRESS), false), "receiving");
        assert!(!read(&key("-1", ADDRESS), false), "imported");
        assert!(!read(&key("1", "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"), false), "another address");
        assert!(!read(&answer("null"), false));
    }
}
