//! Tokens as people read them: what may be done, until when, and how much is left.

use bursar_client::Client;
use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::{amount_of, decimal};
use bursar_core::scope::Scope;
use serde_json::Value;

use crate::cli::{limits as of_limits, output};

/// How many decimals every coin of bitcoin's family has.
const BITCOIN_DECIMALS: u8 = 8;

/// A field as text, or nothing.
pub(super) fn text(document: &Value, name: &str) -> String {
    match document.get(name) {
        Some(Value::String(text)) => output::printable(text),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A list of texts, joined.
pub(super) fn texts(document: &Value, name: &str) -> String {
    let list = document.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(output::printable).collect::<Vec<_>>().join(" ")
}

/// What a token may spend and has spent, one entry for each limit: `tbtc 5 of 10`; also of limits that an unlock or a lock
/// stands before.
pub(super) fn limits(token: &Value, decimals: &Decimals) -> Vec<String> {
    let counted = counted(token, decimals);
    if !counted.is_empty() {
        return counted;
    }
    of_limits::list(token, "limits").iter().map(|limit| of_limits::in_short(limit, decimals)).collect()
}

/// What was spent under unlocks, coin by coin: it counts in none of the token's own limits.
pub(super) fn beyond(token: &Value, decimals: &Decimals) -> Vec<String> {
    let coins = token.get("overridden").and_then(Value::as_object).into_iter().flatten();
    coins.map(|(coin, usage)| output::printable(&amount(&text(usage, "txValue"), coin, decimals))).collect()
}

/// Those by which it may spend now.
fn counted(token: &Value, decimals: &Decimals) -> Vec<String> {
    let Some(unlock) = token.get("unlock") else { return Vec::new() };
    let mut shown = Vec::new();
    if let Some(per_coin) = unlock.get("spendingLimits").and_then(Value::as_object) {
        let places = |coin: &str| Coin::parse(coin).ok().and_then(|coin| decimals.of(&coin));
        let one =
            |(coin, limit): (&String, &Value)| one(coin, limit, ["txValueString", "txValueLimitString"], places(coin));
        shown.extend(per_coin.iter().map(one));
    }
    if let Some(tokens) = unlock.get("allErc20TokensLimit") {
        shown.push(one("all ERC-20 tokens together", tokens, ["txValue", "txValueLimitInSmallUnits"], None));
    }
    if unlock.get("txValueLimit").is_some() {
        shown.push(one("bitcoin", unlock, ["txValue", "txValueLimit"], Some(BITCOIN_DECIMALS)));
    }
    shown.extend(of_limits::list(unlock, "limits").iter().map(|limit| of_limits::in_short(limit, decimals)));
    shown
}

fn one(what: &str, limit: &Value, [spent, ceiling]: [&str; 2], decimals: Option<u8>) -> String {
    let figure = |name: &str| {
        let base_units = text(limit, name);
        let known = Amount::parse(&base_units).ok().zip(decimals);
        known.map_or(base_units, |(amount, decimals)| decimal(amount, decimals))
    };
    let ceiling = match limit.get("maxLimit") {
        Some(Value::Bool(true)) => "unlimited".to_owned(),
        _ => figure(ceiling),
    };
    format!("{} {} of {ceiling}", output::printable(what), figure(spent))
}

/// The same in a word or two, for a row among others.
pub(super) fn state_in_short(token: &Value) -> &'static str {
    match (token.get("unlock"), text(token, "locked").is_empty()) {
        (None, false) => "locked",
        (Some(_), _) if counted(token, &Decimals::default()).is_empty() => "unlocked",
        (Some(_), _) => "limited",
        _ if text(token, "kind") == "service" => "service",
        (None, true) if reads_only(token) => "reads only",
        (None, true) => "needs unlock",
    }
}

/// Whether a token may spend now.
pub(super) fn state(token: &Value) -> String {
    let locked = text(token, "locked");
    let unlock = token.get("unlock");
    if text(token, "kind") == "service" {
        let stopped = if locked.is_empty() {
            String::new()
        } else {
            format!(", and is locked since {locked}{}", lifted_by(token))
        };
        return format!("asks for others' spends{stopped}");
    }
    if !locked.is_empty() {
        let locked = match text(token, "lockedBy").as_str() {
            "operator" => format!("{locked}: the second factors of its owner were replaced"),
            "rail" => format!("{locked}: more moved than was held"),
            "ledger" => format!("{locked}: a budget does not say what its spends say, and no code lifts that"),
            _ => locked,
        };
        // An unlock goes before a lock for as long as it lasts.
        return match unlock {
            Some(unlock) => format!("unlocked until {}, then locked again (since {locked})", text(unlock, "expires")),
            None => format!("locked since {locked}{}", lifted_by(token)),
        };
    }
    match unlock {
        // Whether there is any is all that matters.
        Some(unlock) if counted(token, &Decimals::default()).is_empty() => {
            format!("unlocked until {}", text(unlock, "expires"))
        }
        Some(_) => "limited".to_owned(),
        None if reads_only(token) => "reads only".to_owned(),
        None => "spends only when unlocked".to_owned(),
    }
}

/// Whether none of a token's scopes lets money move, so that no unlock would either.
fn reads_only(token: &Value) -> bool {
    let scopes = token.get("scope").and_then(Value::as_array);
    let moves = |scope: &Value| {
        scope.as_str().is_none_or(|text| text.parse::<Scope>().map_or(true, |it| it.name().can_spend()))
    };
    scopes.is_some_and(|scopes| !scopes.iter().any(moves))
}

/// When a token ends, and whether that is soon.
pub(super) fn expires(token: &Value) -> String {
    let is_soon = token.get("expiresSoon").and_then(Value::as_bool).unwrap_or_default();
    format!("{}{}", text(token, "expires"), if is_soon { " (soon)" } else { "" })
}

/// How whoever owns a token lifts its lock, where a code does.
fn lifted_by(token: &Value) -> String {
    let (id, by) = (text(token, "id"), text(token, "lockedBy"));
    match by.as_str() {
        "ledger" => String::new(),
        _ if id.is_empty() => String::new(),
        "rail" => format!("; once that spend is settled, `bursar token resume {id}` lifts it"),
        _ => format!("; `bursar token resume {id}` lifts it"),
    }
}

/// A token, line by line.
pub(super) fn token(token: &Value, decimals: &Decimals) -> String {
    let label = text(token, "label");
    let mut lines = vec![
        format!("Token    {} {label}", text(token, "id")),
        format!("Scopes   {}", texts(token, "scope")),
        format!("Expires  {}", expires(token)),
        format!("State    {}", state(token)),
    ];
    let old_ends = text(token, "oldEnds");
    // Whoever has just rotated it is told so in a sentence of its own.
    if !old_ends.is_empty() && token.get("token").is_none() {
        lines.push(format!("Old      secret works until {old_ends}; `bursar token end-old-secret` ends it now"));
    }
    let places = texts(token, "ipRestrict");
    if !places.is_empty() {
        lines.push(format!("From     {places}"));
    }
    let reports = of_limits::list(token, "limits");
    if reports.is_empty() {
        lines.extend(limits(token, decimals).into_iter().map(|limit| format!("Limit    {limit}")));
    }
    let beyond = beyond(token, decimals);
    if !beyond.is_empty() {
        lines.push(format!("Beyond   {} under unlocks, which count in no limit of its own", beyond.join(", ")));
    }
    let rules = of_limits::rules(token.get("destinations").unwrap_or(&Value::Null));
    lines.extend(rules.into_iter().map(|rule| format!("Pays     {rule}")));
    let seen = token.get("seenFrom").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let seen = if seen.is_empty() { token.get("lastUsed").map(std::slice::from_ref).unwrap_or_default() } else { seen };
    for used in seen.iter().filter(|used| used.is_object()) {
        lines.push(format!("Used     {} from {}", text(used, "time"), text(used, "ip")));
    }
    for pause in of_limits::list(token, "pauses") {
        let [rail, doing, code, until] = ["rail", "doing", "lastCode", "until"].map(|name| text(pause, name));
        lines.push(format!("Paused   to {doing} on {rail} until {until}: it only failed, the last time with {code}"));
    }
    if !reports.is_empty() {
        lines.push(format!("\n{}", of_limits::standing("token", reports, decimals)));
    }
    lines.join("\n")
}

/// A token with its text, which the server shows this once.
pub(super) fn once(made: &Value, decimals: &Decimals) -> String {
    let secret = text(made, "token");
    format!("{}\n\n{secret}\n\nThis text is the token. It is shown only now.", token(made, decimals))
}

/// An amount in units of its coin where the coin's decimals are known.
pub(super) fn amount(base_units: &str, coin: &str, decimals: &Decimals) -> String {
    match (Amount::parse(base_units), Coin::parse(coin)) {
        (Ok(amount), Ok(coin)) => amount_of(amount, &Asset::Coin(coin), decimals),
        _ => format!("{base_units} base units of {coin}"),
    }
}

/// In which units this server tells amounts. Where it does not say, they stay base units.
pub(super) fn units(client: &Client) -> Decimals {
    client.decimals().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_old_secret_that_goes_on_is_told() {
        let shown = |value| token(&value, &Decimals::default());
        assert!(shown(json!({"id": "t", "oldEnds": "then"})).contains("Old      secret works until then;"));
        assert!(!shown(json!({"id": "t"})).contains("Old "));
    }

    #[test]
    fn a_token_is_shown_with_where_its_money_may_go() {
        let shown = token(
            &json!({"id": "t", "destinations": {
                "allow": [{"coin": "tbtc", "address": "tb1q"}], "atMost": 3, "each": ["tbtc 0.1/day without fees"],
            }}),
            &Decimals::default(),
        );
        for rule in ["Pays     to tb1q (tbtc)", "to at most 3 destinations", "to each tbtc 0.1/day without fees"] {
            assert!(shown.contains(rule), "{shown}");
        }
    }

    #[test]
    fn a_token_is_shown_in_the_units_that_the_server_declares_and_never_in_doubt() {
        let told = json!({"id": "t", "limits": [{
            "subject": "token", "rule": "eth:dai 100/day", "ceiling": "100000000000000000000",
            "captured": "80000000000000000000", "held": "0", "remaining": "20000000000000000000",
        }], "overridden": {"eth:dai": {"txValue": "1500000000000000000"}}});
        let declared = Decimals::declared([(Coin::parse("eth:dai").unwrap(), 18)]);
        let shown = token(&told, &declared);
        for part in ["eth:dai 100/day", "80 of 100", "20", "Beyond   1.5 eth:dai under unlocks"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("000000"), "{shown}");
        // Without word of the server no figure is taken for units.
        let shown = token(&told, &Decimals::default());
        let doubtless = "80000000000000000000 base units of 100000000000000000000 base units";
        assert!(shown.contains(doubtless) && shown.contains("1500000000000000000 base units of eth:dai"), "{shown}");
    }

    #[test]
    fn a_token_that_ends_soon_says_so() {
        let mut shown = json!({"expires": "2026-12-01T00:00:00Z"});
        assert_eq!(expires(&shown), "2026-12-01T00:00:00Z");
        shown["expiresSoon"] = true.into();
        assert!(token(&shown, &Decimals::default()).contains("Expires  2026-12-01T00:00:00Z (soon)"));
    }

    #[test]
    fn a_limited_an_unlocked_and_a_locked_token_are_told_apart() {
        let limited = json!({"unlock": {"spendingLimits": {
            "tbtc": {"txValueString": "5", "txValueLimitString": "10"}, "hteth": {"txValueString": "0", "maxLimit": true},
        }}});
        assert_eq!(limits(&limited, &Decimals::default()), ["tbtc 0.00000005 of 0.0000001", "hteth 0 of unlimited"]);
        assert_eq!(state(&limited), "limited");
        let others = json!({"unlock": {
            "txValue": 1, "txValueLimit": 9, "allErc20TokensLimit": {"txValue": "2", "txValueLimitInSmallUnits": "7"},
        }});
        assert_eq!(
            limits(&others, &Decimals::default()),
            ["all ERC-20 tokens together 2 of 7", "bitcoin 0.00000001 of 0.00000009"]
        );
        assert_eq!(state(&others), "limited");
        let windows = json!({"unlock": {"limits": [{"rule": "3 spends/hour", "captured": "1", "held": "1"}]}});
        assert_eq!(
            (limits(&windows, &Decimals::default()), state(&windows).as_str()),
            (vec!["3 spends/hour (2 used)".to_owned()], "limited")
        );
        assert_eq!(state(&json!({"unlock": {"expires": "soon"}})), "unlocked until soon");
        assert_eq!(state(&json!({"locked": "then"})), "locked since then");
        let own = json!({"id": "t", "locked": "then", "lockedBy": "owner", "limits": [
            {"rule": "3 spends/hour", "captured": "1", "held": "1"},
        ], "overridden": {"tbtc": {"txCount": 1, "txValue": 10}}});
        assert_eq!(state(&own), "locked since then; `bursar token resume t` lifts it");
        assert_eq!(state_in_short(&own), "locked");
        assert_eq!(limits(&own, &Decimals::default()), ["3 spends/hour (2 used)"], "a lock hides no limit");
        assert!(
            token(&own, &Decimals::default()).contains("Beyond   0.0000001 tbtc under unlocks"),
            "{}",
            token(&own, &Decimals::default())
        );
        let opened = json!({"unlock": {"expires": "soon"}, "limits": own["limits"]});
        assert_eq!((limits(&opened, &Decimals::default()).len(), state(&opened).as_str()), (1, "unlocked until soon"));
        let by_ledger = json!({"locked": "then", "lockedBy": "ledger"});
        assert_eq!(
            state(&by_ledger),
            "locked since then: a budget does not say what its spends say, and no code lifts that"
        );
        let both = json!({"locked": "then", "unlock": {"expires": "soon"}});
        assert_eq!(state(&both), "unlocked until soon, then locked again (since then)");
        assert_eq!(state(&json!({"kind": "service"})), "asks for others' spends");
        assert_eq!(state(&json!({})), "spends only when unlocked");
        assert_eq!(state(&json!({"scope": ["wallet_spend_all", "profile"]})), "spends only when unlocked");
        assert_eq!(state(&json!({"scope": ["wallet_view_all", "profile"]})), "reads only");
    }
}
