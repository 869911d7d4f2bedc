//! Rules of rails over plain HTTP by the command line: the examples' are sound, and say what a request would mean.

use serde_json::json;

use crate::support::Home;

/// A file of the example with a form API.
fn of_example(name: &str) -> String {
    format!("{}/../../examples/form-api/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn rules_are_checked_and_what_is_wrong_is_told_with_its_place() {
    let home = Home::new();
    let sound = home.run(&["rail", "check", &of_example("rails.toml"), "--json"], &[]).json();
    assert_eq!(sound, json!({"rails": [{"rail": "payments", "rules": 3}]}));
    let rules = std::fs::read_to_string(of_example("rails.toml")).unwrap();
    let wrong = rules.replace("minor(body.amount, body.currency)", "minor(bdy.amount, body.currency)");
    std::fs::write(home.path("rails.toml"), wrong).unwrap();
    let refused = home.run(&["rail", "check", "rails.toml"], &[]);
    assert_eq!(refused.code(), 1);
    let told = refused.told();
    assert!(
        told.contains("rails.payments: rules[0] `POST /v1/charges`, `amount` at column 7: `bdy` is none of"),
        "{told}"
    );
}

#[test]
fn a_request_is_explained_without_being_sent() {
    let home = Home::new();
    let explained =
        |request: &str| home.run(&["rail", "explain", &of_example("rails.toml"), "--request", request], &[]);
    let charge = explained(&of_example("charge.http")).text();
    for line in
        ["rule         POST /v1/charges", "amount       15 usd", "destination  tok_visa", "key          order-7"]
    {
        assert!(charge.contains(line), "{charge}");
    }
    assert!(charge.ends_with("amount=1500&currency=usd&source=tok_visa&description=Order%207\n"), "{charge}");
    std::fs::write(home.path("payout"), "POST /v1/payouts\n").unwrap();
    let refused = explained("payout");
    assert_eq!(refused.code(), 3);
    assert!(refused.told().contains("payouts are made by hand"), "{}", refused.told());
}
