use bursar_core::ip::IpRestriction;
use bursar_core::token::Narrowing;
use serde_json::json;

use super::*;
use crate::requests::tests::{Fault, assert_refused, body, with};

const ID: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn template(fields: &Value) -> Template {
    Template::read(&with(&json!({"name": "ci"}), fields)).unwrap()
}

fn edit(fields: &Value) -> TemplateEdit {
    TemplateEdit::read(&body(fields)).unwrap()
}

fn token(fields: &Value) -> CreateToken {
    CreateToken::read(&with(&json!({"label": "bot", "accessTokenTemplateId": ID}), fields)).unwrap()
}

fn shown(template: &Template) -> Value {
    Value::Object(template.to_map())
}

fn full() -> Value {
    json!({
        "name": "ci",
        "enterpriseId": OTHER,
        "tokenScopes": ["openid", "wallet_spend_all"],
        "allowedIPs": ["203.0.113.7"],
        "tokenLimits": {"spendingLimits": [{"coin": "tbtc", "txValueLimit": "100"}]},
        "permittedWallets": [ID],
    })
}

#[test]
fn the_template_that_is_documented_gives_a_token_each_of_its_fields() {
    let page = include_str!("../../../../../docs/native-api.md");
    let (_, section) = page.split_once("## Templates of tokens").unwrap();
    let (_, example) = section.split_once("```json\n").unwrap();
    let (example, rest) = example.split_once("```").unwrap();
    let written: Value = serde_json::from_str(example).unwrap();
    let kept = Template::read(&body(&written)).unwrap();
    assert_eq!(shown(&kept), written, "it is answered as it was written");
    let mut made = token(&json!({}));
    kept.apply_to(&mut made).unwrap();
    let said = token(&json!({
        "scope": written["tokenScopes"], "ipRestrict": written["allowedIPs"], "limits": written["tokenLimits"]["limits"],
        "destinations": written["tokenLimits"]["destinations"], "enterprise": written["enterpriseId"],
        "permittedWallets": written["permittedWallets"],
    }));
    assert_eq!(made, said);
    let mut said = said;
    assert!(said.limits.take().is_some() && said.destinations.take().is_some(), "and none of them is passed over");
    for field in FIELDS.iter().chain(&["name", "enterpriseId"]) {
        assert!(rest.contains(&format!("`{field}`")), "{field} is not documented");
    }
}

#[test]
fn a_template_gives_limits_of_ours_and_destinations() {
    let rules = json!({"limits": ["tbtc 0.5/day"], "destinations": {"atMost": 3, "allow": []}});
    let kept = template(&json!({"tokenLimits": rules}));
    assert_eq!(shown(&kept)["tokenLimits"], rules);
    let mut from_template = token(&json!({"scope": ["profile"]}));
    kept.apply_to(&mut from_template).unwrap();
    let said = token(&json!({"scope": ["profile"], "limits": rules["limits"], "destinations": rules["destinations"]}));
    assert_eq!(from_template, said);
    let mut own = token(&json!({"scope": ["profile"], "limits": [], "destinations": {}}));
    let before = own.clone();
    kept.apply_to(&mut own).unwrap();
    assert_eq!(own, before);
}

/// What neither a creation nor an edit may say.
fn faults_of_both() -> Vec<Fault> {
    let at = "tokenLimits.spendingLimits[0].txValueLimit";
    vec![
        (json!({"name": ""}), "name", "is empty"),
        (json!({"name": null}), "name", "is missing"),
        (json!({"name": "a\tb"}), "name", "control characters"),
        (json!({"tokenScopes": "openid"}), "tokenScopes", "must be a list"),
        (json!({"tokenScopes": ["steal"]}), "tokenScopes", "invalid scope: entry 1"),
        (json!({"tokenScopes": ["user_manage"]}), "tokenScopes", "only login sessions"),
        (json!({"allowedIPs": ["10.0.0.0/8"]}), "allowedIPs[0]", "is too wide"),
        (json!({"allowedIPs": vec!["10.0.0.1"; 101]}), "allowedIPs", "has more than 100 entries"),
        (json!({"tokenLimits": []}), "tokenLimits", "must be an object"),
        (json!({"tokenLimits": {"spendingLimits": [{"coin": "tbtc", "txValueLimit": ""}]}}), at, "is empty"),
        (json!({"tokenLimits": {"limits": ["tbtc 5/month"]}}), "tokenLimits.limits[0]", "write `/calendar month`"),
        (json!({"tokenLimits": {"destinations": {"allows": []}}}), "tokenLimits.destinations.allows", "is not known"),
        (json!({"limits": ["tbtc 5"]}), "limits", "belongs into `tokenLimits`"),
        (json!({"destinations": {}}), "destinations", "belongs into `tokenLimits`"),
        (json!({"tokenLimits": {"note": 0.5}}), "tokenLimits", "holds a number that cannot be kept exactly"),
        (json!({"permittedWallets": [ID], "permittedEnterprises": [ID]}), "permittedWallets", "cannot be combined"),
        (json!({"permittedWallets": [], "permittedEnterprises": ["x"]}), "permittedEnterprises[0]", "is not an id"),
        (json!({"permittedWallets": "x"}), "permittedWallets", "must be a list"),
    ]
}

#[test]
fn a_template_is_refused_for_the_field_that_is_wrong() {
    let mut faults = faults_of_both();
    faults.push((json!({"enterpriseId": "x"}), "enterpriseId", "is not an id"));
    assert_refused(Template::read, &json!({"name": "ci"}), &faults);
    assert_refused(TemplateEdit::read, &json!({}), &faults_of_both());
}

#[test]
fn a_template_is_kept_and_shown_as_it_was_written() {
    let template = Template::read(&with(&full(), &json!({"colour": "red"}))).unwrap();
    assert_eq!(shown(&template), full());
    assert_eq!(Template::from_bytes(&template.to_bytes()), Some(template));
    for bytes in ["", "[]", "{}", r#"{"name":1}"#, r#"{"name":"a","enterpriseId":"x"}"#] {
        assert_eq!(Template::from_bytes(bytes.as_bytes()), None, "{bytes}");
    }
}

#[test]
fn at_creation_an_empty_list_says_nothing() {
    let lists = ["tokenScopes", "allowedIPs", "permittedWallets", "permittedEnterprises"];
    for list in lists {
        for empty in [json!([]), json!(null)] {
            assert_eq!(shown(&template(&json!({list: empty}))), json!({"name": "ci"}), "{list}");
        }
    }
    let one = template(&json!({"permittedWallets": [], "permittedEnterprises": [ID]}));
    assert_eq!(shown(&one), json!({"name": "ci", "permittedEnterprises": [ID]}));
}

#[test]
fn an_edit_keeps_what_it_does_not_mention_and_clears_with_null_or_an_empty_list() {
    let before = Template::read(&body(&full())).unwrap();
    let after = before.clone().edited(edit(&json!({"name": "cd"}))).unwrap();
    assert_eq!((after.name.as_str(), &after.fields), ("cd", &before.fields));
    for field in ["tokenScopes", "allowedIPs", "permittedWallets"] {
        for empty in [json!([]), json!(null)] {
            let after = before.clone().edited(edit(&json!({field: empty}))).unwrap();
            let mut expected = full();
            expected.as_object_mut().unwrap().shift_remove(field);
            assert_eq!(shown(&after), expected, "{field}");
        }
    }
    let after = before.edited(edit(&json!({"tokenLimits": null, "allowedIPs": ["::1"]}))).unwrap();
    assert_eq!(after.fields.get("tokenLimits"), None);
    assert_eq!(after.fields.get("allowedIPs"), Some(&json!(["::1"])));
}

#[test]
fn an_edit_does_not_move_a_template_to_another_organisation() {
    let after = Template::read(&body(&full())).unwrap().edited(edit(&json!({"enterpriseId": ID}))).unwrap();
    assert_eq!(after.organisation, OTHER.parse().ok());
}

#[test]
fn one_list_of_what_is_permitted_takes_the_place_of_the_other() {
    let of_wallets = || template(&json!({"permittedWallets": [ID]}));
    let of_organisations = json!({"name": "ci", "permittedEnterprises": [OTHER]});
    for changes in [
        json!({"permittedEnterprises": [OTHER]}),
        json!({"permittedEnterprises": [OTHER], "permittedWallets": null}),
        json!({"permittedWallets": [], "permittedEnterprises": [OTHER]}),
    ] {
        assert_eq!(shown(&of_wallets().edited(edit(&changes)).unwrap()), of_organisations, "{changes}");
    }
}

#[test]
fn clearing_one_list_of_what_is_permitted_leaves_the_other_in_force() {
    let of_wallets = || template(&json!({"permittedWallets": [ID]}));
    for empty in [json!([]), json!(null)] {
        let after = of_wallets().edited(edit(&json!({"permittedEnterprises": empty}))).unwrap();
        assert_eq!(after, of_wallets());
    }
}

#[test]
fn a_token_gets_from_its_template_what_it_does_not_say_itself() {
    let mut token = token(&json!({}));
    Template::read(&body(&full())).unwrap().apply_to(&mut token).unwrap();
    let said = CreateToken::read(&body(&json!({
        "label": "bot",
        "accessTokenTemplateId": ID,
        "scope": ["openid", "wallet_spend_all"],
        "ipRestrict": ["203.0.113.7"],
        "spendingLimits": [{"coin": "tbtc", "txValueLimit": "100"}],
        "permittedWallets": [ID],
        "enterprise": OTHER,
    })));
    assert_eq!(Ok(token), said);
}

#[test]
fn what_the_request_says_wins_even_when_it_is_empty() {
    let said = json!({
        "scope": ["profile"], "ipRestrict": [], "spendingLimits": [], "permittedEnterprises": [ID], "enterprise": ID,
    });
    let mut token = token(&said);
    let before = token.clone();
    Template::read(&body(&full())).unwrap().apply_to(&mut token).unwrap();
    assert_eq!(token, before);
    assert_eq!((token.ips, token.limits), (Some(IpRestriction::default()), Some(vec![])));
    assert_eq!(token.narrowing, Some(Narrowing::Organisations(vec![ID.parse().unwrap()])));
}

#[test]
fn a_template_that_says_nothing_gives_nothing() {
    let mut said = token(&json!({"scope": ["profile"]}));
    let before = said.clone();
    template(&json!({"tokenLimits": {}})).apply_to(&mut said).unwrap();
    assert_eq!(said, before);
    let refused = template(&json!({})).apply_to(&mut token(&json!({}))).unwrap_err();
    assert_eq!(refused.to_string(), "`scope` invalid scope: neither request nor template names one");
}
