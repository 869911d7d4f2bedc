//! What a client may subscribe to: three kinds of events, each with what is known to belong to it and nothing else.

use super::{address, quantity};
use crate::forbidden::{Forbidden, Why};
use crate::json::Json;

/// What can be subscribed to.
const KINDS: [&str; 3] = ["newHeads", "logs", "newPendingTransactions"];
/// How many addresses a filter of logs names at most, and how many topics in one place.
const MOST_ALTERNATIVES: usize = 100;
/// How many places topics have.
const TOPICS: usize = 4;
/// The longest name of a subscription, in bytes.
const LONGEST_NAME: usize = 130;

/// Checks a call of `eth_subscribe` or `eth_unsubscribe`.
///
/// # Errors
/// It asks for another kind of event, or has anything that is not known to belong to its kind.
pub fn check(method: &str, params: &[Json]) -> Result<(), Forbidden> {
    if method == "eth_unsubscribe" {
        return match params {
            [Json::Text(name)] if is_name(name) => Ok(()),
            _ => Err(Forbidden::undecodable("`params` must be the name of one subscription")),
        };
    }
    match params {
        [Json::Text(kind)] if KINDS.contains(&&**kind) => Ok(()),
        [Json::Text(kind), Json::Bool(_)] if &**kind == "newPendingTransactions" => Ok(()),
        [Json::Text(kind), filter] if &**kind == "logs" => check_filter(filter),
        [Json::Text(kind), ..] if KINDS.contains(&&**kind) => {
            Err(Forbidden::undecodable(format!("`{kind}` takes no such `params`")))
        }
        _ => {
            let detail = format!("that cannot be subscribed to; one of {} can", KINDS.join(", "));
            Err(Forbidden::new(Why::UnknownMethod, detail))
        }
    }
}

/// Whether a text can be the name of a subscription: `0x` and hex digits.
pub fn is_name(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    !digits.is_empty() && text.len() <= LONGEST_NAME && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_filter(filter: &Json) -> Result<(), Forbidden> {
    let Json::Object(entries) = filter else {
        return Err(Forbidden::undecodable("the filter of logs must be an object with `address` and `topics`"));
    };
    for (name, value) in entries {
        let is_sound = match &**name {
            "address" => is_one_or_several(value, |text| address::parse(text).is_ok()),
            "topics" => are_topics(value),
            other => {
                let detail = format!("`{}` is nothing that a filter of logs has here", other.escape_debug());
                return Err(Forbidden::undecodable(detail));
            }
        };
        if !is_sound {
            return Err(Forbidden::undecodable(format!("`{name}` of the filter cannot be read, or is too long")));
        }
    }
    Ok(())
}

fn are_topics(value: &Json) -> bool {
    let is_topic = |text: &str| quantity::hash(text).is_ok();
    value.as_list().is_some_and(|places| {
        let is_place = |place: &Json| *place == Json::Null || is_one_or_several(place, is_topic);
        places.len() <= TOPICS && places.iter().all(is_place)
    })
}

fn is_one_or_several(value: &Json, is_sound: impl Fn(&str) -> bool) -> bool {
    match value {
        Json::Text(text) => is_sound(text),
        Json::List(items) => {
            items.len() <= MOST_ALTERNATIVES && items.iter().all(|item| item.as_text().is_some_and(&is_sound))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0x5fbdb2315678afecb367f032d93f642f64180aa3";

    fn checked(method: &str, params: &str) -> Result<(), Why> {
        let params = Json::read(params.as_bytes()).expect("JSON");
        check(method, params.as_list().expect("a list")).map_err(|refusal| refusal.why)
    }

    #[test]
    fn three_kinds_of_events_can_be_subscribed_to_with_what_belongs_to_them() {
        let topic = format!("\"0x{}\"", "ab".repeat(32));
        for params in [
            r#"["newHeads"]"#.to_owned(),
            r#"["newPendingTransactions"]"#.to_owned(),
            r#"["newPendingTransactions",true]"#.to_owned(),
            r#"["logs"]"#.to_owned(),
            r#"["logs",{}]"#.to_owned(),
            format!(r#"["logs",{{"address":"{ADDRESS}","topics":[]}}]"#),
            format!(r#"["logs",{{"address":["{ADDRESS}","{ADDRESS}"],"topics":[null,{topic},[{topic},{topic}]]}}]"#),
        ] {
            assert_eq!(checked("eth_subscribe", &params), Ok(()), "{params}");
        }
        assert_eq!(checked("eth_unsubscribe", r#"["0xcd0c3e8af590364c09d0fa6a1210faf5"]"#), Ok(()));
    }

    #[test]
    fn whatever_else_is_asked_for_is_refused() {
        let many = vec![format!("\"{ADDRESS}\""); MOST_ALTERNATIVES + 1].join(",");
        for params in [
            "[]",
            "[1]",
            r#"["syncing"]"#,
            r#"["newheads"]"#,
            r#"["alchemy_minedTransactions"]"#,
            r#"["newHeads",{}]"#,
            r#"["newPendingTransactions",1]"#,
            r#"["logs",{},{}]"#,
            r#"["logs",[]]"#,
            r#"["logs",{"fromBlock":"0x1"}]"#,
            r#"["logs",{"address":"vitalik.eth"}]"#,
            r#"["logs",{"address":null}]"#,
            r#"["logs",{"topics":["0x1"]}]"#,
            r#"["logs",{"topics":[null,null,null,null,null]}]"#,
            r#"["logs",{"topics":[[null]]}]"#,
            &format!(r#"["logs",{{"address":[{many}]}}]"#),
        ] {
            assert!(checked("eth_subscribe", params).is_err(), "{params}");
        }
        for params in ["[]", "[1]", r#"["newHeads"]"#, r#"["0x1","0x2"]"#, r#"["0x"]"#, r#"["0xg"]"#] {
            assert_eq!(checked("eth_unsubscribe", params), Err(Why::Undecodable), "{params}");
        }
    }
}
