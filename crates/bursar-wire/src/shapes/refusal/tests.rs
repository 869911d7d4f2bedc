use bursar_core::amount::Amount;
use bursar_core::limit::{Fits, Limit};
use bursar_core::scope::ScopeName;
use insta::assert_snapshot;

use serde_json::json;

use super::*;
use crate::shapes::fixtures::{ADDRESS, ORGANISATION, TOKEN, USER, WALLET, at, coin, freeze, limit, rule, scopes};

/// Status and body, one refusal a line.
fn shown(refusals: &[Refusal]) -> String {
    let line = |one: &Refusal| {
        let (status, body) = refusal(one, &Decimals::default(), "r1");
        format!("{status} {}", body.to_value())
    };
    refusals.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn report(subject: Subject, limit: Limit) -> LimitReport {
    reported(subject, limit, Fits::OnceSettled)
}

fn reported(subject: Subject, limit: Limit, fits: Fits) -> LimitReport {
    let (captured, held, asked) = (Amount::new(60), Amount::new(10), Amount::new(31));
    LimitReport {
        subject,
        limit,
        destination: None,
        captured,
        held,
        spends: 0,
        asked,
        fee: Amount::ZERO,
        fits,
        resets: None,
    }
}

#[test]
fn a_token_that_is_no_longer_good_is_unauthorized() {
    let refusals = [Refusal::TokenUnknown, Refusal::TokenRevoked { at: at(1) }, Refusal::TokenExpired { at: at(2) }];
    assert_snapshot!(shown(&refusals), @r#"
    401 {"error":"unauthorized: no token has this id","name":"Unauthorized","requestId":"r1","context":{"code":"token_unknown","reason":"no token has this id"}}
    401 {"error":"unauthorized: the token was revoked at 2026-09-21T14:13:21.000Z","name":"Unauthorized","requestId":"r1","context":{"code":"token_revoked","reason":"the token was revoked at 2026-09-21T14:13:21.000Z"}}
    401 {"error":"unauthorized: the token expired at 2026-09-21T14:13:22.000Z","name":"Unauthorized","requestId":"r1","context":{"code":"token_expired","reason":"the token expired at 2026-09-21T14:13:22.000Z"}}
    "#);
}

#[test]
fn a_token_used_from_elsewhere_is_told_from_where() {
    assert_snapshot!(shown(&[Refusal::IpNotAllowed { address: ADDRESS }]), @r#"401 {"error":"Attempt to use IP-restricted token from an unauthorized IP address","name":"Unauthorized","requestId":"r1","context":{"code":"ip_not_allowed","reason":"the token may not be used from 203.0.113.7","address":"203.0.113.7"}}"#);
}

#[test]
fn a_missing_scope_is_told_beside_those_that_are_there() {
    let granted = scopes(&["openid", "profile"]);
    let required = ScopeName::WalletSpend;
    let tied = Refusal::ScopeMissing { required, wallet: Some(WALLET), granted: granted.clone() };
    let free = Refusal::ScopeMissing { required: ScopeName::UserManage, wallet: None, granted };
    assert_snapshot!(shown(&[tied, free]), @r#"
    403 {"error":"Access token lacks required scope for this action","name":"AccessDenied","requestId":"r1","context":{"code":"scope_missing","reason":"the token lacks the scope `wallet_spend` for wallet 03030303030303030303030303030303","requiredScope":"wallet_spend:03030303030303030303030303030303","grantedScopes":["openid","profile"]}}
    403 {"error":"Access token lacks required scope for this action","name":"AccessDenied","requestId":"r1","context":{"code":"scope_missing","reason":"the token lacks the scope `user_manage`","requiredScope":"user_manage","grantedScopes":["openid","profile"]}}
    "#);
}

#[test]
fn what_the_owner_or_the_token_may_not_do_is_denied() {
    let refusals = [
        Refusal::OwnerFrozen(freeze(None)),
        Refusal::OwnerFrozen(freeze(Some(at(60)))),
        Refusal::RoleMissing { required: "spend" },
        Refusal::WalletNotPermitted,
        Refusal::NotAMember,
    ];
    assert_snapshot!(shown(&refusals), @r#"
    403 {"error":"the token's owner is frozen","name":"AccessDenied","requestId":"r1","context":{"code":"owner_frozen","reason":"the token's owner is frozen"}}
    403 {"error":"the token's owner is frozen until 2026-09-21T14:14:20.000Z","name":"AccessDenied","requestId":"r1","context":{"code":"owner_frozen","reason":"the token's owner is frozen until 2026-09-21T14:14:20.000Z"}}
    403 {"error":"the token's owner lacks the role `spend` on this wallet","name":"AccessDenied","requestId":"r1","context":{"code":"role_missing","reason":"the token's owner lacks the role `spend` on this wallet","requiredRole":"spend"}}
    403 {"error":"the token is not permitted to use this wallet","name":"AccessDenied","requestId":"r1","context":{"code":"wallet_not_permitted","reason":"the token is not permitted to use this wallet"}}
    403 {"error":"the token's owner does not belong to the organisation","name":"AccessDenied","requestId":"r1","context":{"code":"not_a_member","reason":"the token's owner does not belong to the organisation"}}
    "#);
}

#[test]
fn a_wallet_is_unknown_frozen_or_of_another_coin() {
    let refusals = [
        Refusal::WalletUnknown,
        Refusal::WalletFrozen(freeze(Some(at(60)))),
        Refusal::OrganisationFrozen(freeze(None)),
        Refusal::WrongCoin { holds: coin("hteth") },
        Refusal::AmountTooLarge,
    ];
    assert_snapshot!(shown(&refusals), @r#"
    404 {"error":"there is no such wallet","name":"NotFound","requestId":"r1","context":{"code":"wallet_unknown","reason":"there is no such wallet"}}
    423 {"error":"the wallet is frozen until 2026-09-21T14:14:20.000Z","name":"WalletFrozen","requestId":"r1","context":{"code":"wallet_frozen","reason":"the wallet is frozen until 2026-09-21T14:14:20.000Z"}}
    423 {"error":"the organisation is frozen","name":"EnterpriseFrozen","requestId":"r1","context":{"code":"organisation_frozen","reason":"the organisation is frozen"}}
    400 {"error":"the wallet holds hteth","name":"BadRequest","requestId":"r1","context":{"code":"wrong_coin","reason":"the wallet holds hteth","coin":"hteth"}}
    400 {"error":"the sum of the spend is more than any coin has","name":"BadRequest","requestId":"r1","context":{"code":"amount_too_large","reason":"the sum of the spend is more than any coin has"}}
    "#);
}

#[test]
fn what_the_check_of_the_ledger_stopped_asks_for_no_code() {
    let refusal = Refusal::Locked(Lock { since: at(1), by: LockedBy::Ledger });
    let why = "the token has been locked since 2026-09-21T14:13:21.000Z by the check of the ledger: a budget of it does not say \
               what its spends say; no one-time password lifts that while it is so, and whoever runs this server has to look";
    let answer = json!({
        "error": why, "name": "AccessDenied", "requestId": "r1", "context": {"code": "locked", "reason": why, "lockedBy": "ledger"},
    });
    assert_eq!(shown(&[refusal]), format!("403 {answer}"));
}

#[test]
fn what_an_unlock_would_help_asks_for_one() {
    let refusals = [
        Refusal::Locked(Lock { since: at(1), by: LockedBy::Owner }),
        Refusal::NotUnlocked,
        Refusal::NoLimit,
        Refusal::NoLimitForCoin { coin: coin("hteth:usdc") },
        Refusal::NoLimitForFee { coin: coin("hteth") },
        Refusal::FeeNotCounted { coin: coin("hteth") },
    ];
    assert_snapshot!(shown(&refusals), @r#"
    401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"locked","reason":"the token has been locked since 2026-09-21T14:13:21.000Z; its owner unlocks it with a one-time password, or resumes it","lockedBy":"owner"},"needsOTP":true,"needsUnlock":true}
    401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"not_unlocked","reason":"a session spends only while it is unlocked with a one-time password"},"needsOTP":true,"needsUnlock":true}
    401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"no_limit","reason":"the token has no spending limit; unlock it with a one-time password, or use a token with a limit"},"needsOTP":true,"needsUnlock":true}
    401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"no_limit_for_coin","reason":"the token has no spending limit for hteth:usdc; give it one, or unlock it with a one-time password","coin":"hteth:usdc"},"needsOTP":true,"needsUnlock":true}
    401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"no_limit_for_fee","reason":"the fee would be paid in hteth, for which the token has no limit; it needs one on hteth or on fees","coin":"hteth"},"needsOTP":true,"needsUnlock":true}
    401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"fee_not_counted","reason":"the token's limits leave the fee in hteth out, and nothing else bounds it; it needs a limit on fees, or one on hteth that counts them","coin":"hteth"},"needsOTP":true,"needsUnlock":true}
    "#);
}

#[test]
fn the_figures_of_the_tokens_own_limits_are_told() {
    let reports = vec![report(Subject::Token(TOKEN), limit("tbtc", Amount::new(100)))];
    assert_snapshot!(shown(&[Refusal::LimitExceeded(reports)]), @r#"401 {"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"code":"limit_exceeded","reason":"the token's limit of tbtc 0.000001 in total leaves 0.0000003 tbtc, 0.00000031 tbtc asked; it may fit once spends that are under way have ended","subject":"token","coin":"tbtc","rule":"tbtc 0.000001 in total","limit":"100","spent":"60","held":"10","asked":"31","remaining":"30","fits":"once_settled","fitsAt":null,"limits":[{"subject":"token","coin":"tbtc","rule":"tbtc 0.000001 in total","limit":"100","spent":"60","held":"10","asked":"31","remaining":"30","fits":"once_settled","fitsAt":null}]},"needsOTP":true,"needsUnlock":true}"#);
}

#[test]
fn of_anybody_elses_limit_it_is_told_only_whose_it_is() {
    let tight = || limit("tbtc", Amount::new(100));
    for subject in [Subject::User(USER), Subject::Wallet(WALLET), Subject::Organisation(ORGANISATION)] {
        let (status, body) =
            refusal(&Refusal::LimitExceeded(vec![report(subject, tight())]), &Decimals::default(), "r1");
        let body = body.to_value();
        assert_eq!((status, &body["name"]), (403, &json!("LimitExceeded")));
        assert_eq!(
            body["context"]["limits"],
            json!([{"subject": subject.kind(), "fits": "once_settled", "fitsAt": null}])
        );
        let text = body.to_string();
        assert!(["100", "60", "31", "needsUnlock"].iter().all(|figure| !text.contains(figure)), "{text}");
    }
    let both = vec![report(Subject::Wallet(WALLET), tight()), report(Subject::Token(TOKEN), tight())];
    assert_snapshot!(shown(&[Refusal::LimitExceeded(both)]), @r#"403 {"error":"the wallet's limit of tbtc has no room for this spend; it may fit once spends that are under way have ended; the token's limit of tbtc 0.000001 in total leaves 0.0000003 tbtc, 0.00000031 tbtc asked; it may fit once spends that are under way have ended","name":"LimitExceeded","requestId":"r1","context":{"code":"limit_exceeded","reason":"the wallet's limit of tbtc has no room for this spend; it may fit once spends that are under way have ended; the token's limit of tbtc 0.000001 in total leaves 0.0000003 tbtc, 0.00000031 tbtc asked; it may fit once spends that are under way have ended","subject":"token","coin":"tbtc","rule":"tbtc 0.000001 in total","limit":"100","spent":"60","held":"10","asked":"31","remaining":"30","fits":"once_settled","fitsAt":null,"limits":[{"subject":"wallet","fits":"once_settled","fitsAt":null},{"subject":"token","coin":"tbtc","rule":"tbtc 0.000001 in total","limit":"100","spent":"60","held":"10","asked":"31","remaining":"30","fits":"once_settled","fitsAt":null}]}}"#);
}

#[test]
fn a_destination_that_is_not_allowed_is_named_as_it_was_asked_for() {
    let elsewhere = |subject| Refusal::DestinationNotAllowed { subject, address: "tb1q".to_owned() };
    let too_many = |subject| Refusal::TooManyDestinations { subject, at_most: 3 };
    let (own, wallet) = (Subject::Token(TOKEN), Subject::Wallet(WALLET));
    assert_snapshot!(shown(&[elsewhere(own), elsewhere(wallet), too_many(own), too_many(wallet)]), @r#"
    403 {"error":"`tb1q` is not among the destinations that the token allows","name":"DestinationNotAllowed","requestId":"r1","context":{"code":"destination_not_allowed","reason":"`tb1q` is not among the destinations that the token allows","subject":"token","destination":"tb1q"}}
    403 {"error":"`tb1q` is not among the destinations that the wallet allows","name":"DestinationNotAllowed","requestId":"r1","context":{"code":"destination_not_allowed","reason":"`tb1q` is not among the destinations that the wallet allows","subject":"wallet","destination":"tb1q"}}
    403 {"error":"the token may pay 3 destinations, and this would be one more","name":"TooManyDestinations","requestId":"r1","context":{"code":"too_many_destinations","reason":"the token may pay 3 destinations, and this would be one more","subject":"token","atMost":3}}
    403 {"error":"the wallet allows no more destinations","name":"TooManyDestinations","requestId":"r1","context":{"code":"too_many_destinations","reason":"the wallet allows no more destinations","subject":"wallet"}}
    "#);
}

#[test]
fn an_amount_without_end_is_refused_where_the_token_does_not_say_so_or_somebody_bounds_it() {
    let refused = |bound_by| Refusal::NotUnlimited { coin: coin("hteth:usdc"), bound_by };
    assert_snapshot!(shown(&[refused(None), refused(Some(Subject::Wallet(WALLET)))]), @r#"
    403 {"error":"a token needs `hteth:usdc unlimited` to spend an amount of hteth:usdc without end; no unlock stands in for that; name the amount that is to be spent","name":"NotUnlimited","requestId":"r1","context":{"code":"not_unlimited","reason":"a token needs `hteth:usdc unlimited` to spend an amount of hteth:usdc without end; no unlock stands in for that; name the amount that is to be spent","coin":"hteth:usdc"}}
    403 {"error":"the wallet has a limit on amounts of hteth:usdc, and under that no amount without end is spent; no unlock stands in for that; name the amount that is to be spent","name":"NotUnlimited","requestId":"r1","context":{"code":"not_unlimited","reason":"the wallet has a limit on amounts of hteth:usdc, and under that no amount without end is spent; no unlock stands in for that; name the amount that is to be spent","coin":"hteth:usdc","subject":"wallet"}}
    "#);
}

#[test]
fn when_it_fits_is_told_of_every_limit_and_of_the_whole() {
    let day = || rule("tbtc 100 base units/day");
    let own = || reported(Subject::Token(TOKEN), day(), Fits::At(at(60)));
    let wallet = |fits| reported(Subject::Wallet(WALLET), day(), fits);
    let context = |reports: Vec<LimitReport>| {
        refusal(&Refusal::LimitExceeded(reports), &Decimals::default(), "r1").1.to_value()["context"].clone()
    };
    let alone = context(vec![own()]);
    assert_eq!((&alone["fits"], &alone["fitsAt"]), (&json!("at"), &json!("2026-09-21T14:14:20.000Z")));
    assert_eq!(alone["rule"], "tbtc 0.000001/day");
    let later = context(vec![own(), wallet(Fits::At(at(120)))]);
    assert_eq!((&later["fits"], &later["fitsAt"]), (&json!("at"), &json!("2026-09-21T14:15:20.000Z")));
    assert_eq!(later["limits"][0]["fitsAt"], "2026-09-21T14:14:20.000Z");
    assert_eq!(later["limits"][1], json!({"subject": "wallet", "fits": "at", "fitsAt": "2026-09-21T14:15:20.000Z"}));
    let never = context(vec![own(), wallet(Fits::Never)]);
    assert_eq!((&never["fits"], &never["fitsAt"], &never["remaining"]), (&json!("never"), &Value::Null, &json!("30")));
    let others = context(vec![wallet(Fits::Never)]);
    assert_eq!((&others["fits"], others.get("remaining")), (&json!("never"), None));
}

#[test]
fn limits_that_have_room_are_told_and_speak_for_nothing() {
    let own = |fits| reported(Subject::Token(TOKEN), rule("tbtc 100 base units/day"), fits);
    let wallet = |fits| reported(Subject::Wallet(WALLET), rule("tbtc 100 base units/day"), fits);
    let told = |reports: Vec<LimitReport>| {
        let (status, body) = refusal(&Refusal::LimitExceeded(reports), &Decimals::default(), "r1");
        (status, body.to_value())
    };
    let (status, body) = told(vec![own(Fits::Never), wallet(Fits::Now)]);
    assert_eq!((status, &body["needsUnlock"]), (401, &json!(true)));
    assert_eq!(body["context"]["limits"][1], json!({"subject": "wallet", "fits": "now", "fitsAt": null}));
    assert!(!body["context"]["reason"].as_str().unwrap().contains("wallet"), "{body}");
    let (status, body) = told(vec![wallet(Fits::Never), own(Fits::Now)]);
    assert_eq!((status, &body["context"]["fits"], body["context"].get("rule")), (403, &json!("never"), None));
    assert_eq!(body["context"]["limits"][1]["remaining"], "30");
}

#[test]
fn a_refusal_tells_a_declared_coin_in_its_units_and_figures_in_base_units() {
    let report = report(Subject::Token(TOKEN), rule("eth:dai 100000000000000000000 base units/day"));
    let decimals = Decimals::declared([(coin("eth:dai"), 18)]);
    let told = |decimals: &Decimals| {
        let (_, body) = refusal(&Refusal::LimitExceeded(vec![report.clone()]), decimals, "r1");
        body.to_value()["context"].clone()
    };
    let shown = told(&decimals);
    let reason = shown["reason"].as_str().unwrap();
    assert!(reason.starts_with("the token's limit of eth:dai 100/day leaves "), "{reason}");
    assert!(reason.contains(" eth:dai asked") && !reason.contains("base units"), "{reason}");
    assert_eq!([&shown["rule"], &shown["limits"][0]["rule"]], ["eth:dai 100/day"; 2]);
    assert_eq!(shown["limit"], "100000000000000000000");
    let contested = Decimals::declared([(coin("eth:dai"), 18), (coin("eth:dai"), 6)]);
    assert_eq!(
        told(&contested)["rule"],
        "eth:dai 100000000000000000000 base units/day",
        "what is in doubt is not told"
    );
}
