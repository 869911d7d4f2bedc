use bursar_core::id::FactorId;
use bursar_core::ledger::CredentialKind;
use insta::assert_json_snapshot;

use super::*;
use crate::shapes::fixtures::{USER, at, freeze, token, user as sound};

fn totp() -> Credential {
    Credential {
        id: FactorId::from_bytes([8; 16]),
        user: USER,
        kind: CredentialKind::Totp,
        label: "phone".to_owned(),
        sealed: b"sealed secret".to_vec(),
        progress: b"progress".to_vec(),
        created: at(-50),
        last_used: Some(at(-5)),
    }
}

#[test]
fn a_user_is_shown_with_their_devices_and_no_secret() {
    assert_json_snapshot!(user(&sound(), &[totp()], at(0)), @r#"
    {
      "id": "01010101010101010101010101010101",
      "isActive": true,
      "name": {
        "first": "Ada",
        "full": "Ada von Example",
        "last": "von Example"
      },
      "username": "user@example.com",
      "email": {
        "email": "user@example.com",
        "verified": false
      },
      "phone": {
        "phone": "",
        "verified": false
      },
      "country": "",
      "otpDevices": [
        {
          "id": "08080808080808080808080808080808",
          "createDate": "2026-09-21T14:12:30.000Z",
          "label": "phone",
          "type": "totp",
          "isPasskey": false,
          "verified": true,
          "lastValidatedDate": "2026-09-21T14:13:15.000Z"
        }
      ],
      "isFrozen": false
    }
    "#);
}

#[test]
fn a_frozen_user_says_why_and_until_when() {
    let frozen = User { freeze: Some(freeze(Some(at(60)))), ..sound() };
    let shown = |now| {
        let mut shown = user(&frozen, &[], now);
        shown.retain(|name, _| ["isActive", "isFrozen", "freezeReason", "freeze"].contains(&name.as_str()));
        shown
    };
    assert_json_snapshot!(shown(at(0)), @r#"
    {
      "isActive": false,
      "isFrozen": true,
      "freezeReason": "lost phone",
      "freeze": {
        "time": "2026-09-21T14:13:10.000Z",
        "expires": "2026-09-21T14:14:20.000Z"
      }
    }
    "#);
    assert_eq!(Value::Object(shown(at(60))), json!({"isActive": true, "isFrozen": false}));
    let for_good = User { freeze: Some(freeze(None)), ..sound() };
    let freeze = user(&for_good, &[], at(60)).remove("freeze");
    assert_eq!(freeze, Some(json!({"time": "2026-09-21T14:13:10.000Z"})));
}

#[test]
fn a_name_of_one_word_is_a_first_name() {
    let user = user(&User { full_name: "Ada".to_owned(), ..sound() }, &[], at(0));
    assert_eq!(user.get("name"), Some(&json!({"first": "Ada", "full": "Ada", "last": ""})));
}

#[test]
fn a_login_answers_the_token_as_text_or_sealed() {
    let text = TokenText::from_random([7; 28]);
    let user = Map::new();
    let mut plain = login(&token(), Ok(&text), None, user.clone(), "password");
    assert_eq!(plain["access_token"], text.expose());
    plain["access_token"] = "…".into();
    assert_json_snapshot!(plain, @r#"
    {
      "user": {},
      "token_type": "bearer",
      "grant_type": "password",
      "expires_in": 1000,
      "expires_at": 1790001000,
      "scope": [
        "openid",
        "wallet_spend_all"
      ],
      "token_id": "02020202020202020202020202020202",
      "access_token": "…"
    }
    "#);
    let sealed = IssuedToken { derivation_path: "m/1/2".to_owned(), encrypted_token: "{}".to_owned() };
    let sealed = login(&token(), Err(&sealed), Some("{\"ct\":\"\"}"), user, "password");
    assert_eq!(sealed.get("access_token"), None);
    assert_eq!(
        [&sealed["encryptedToken"], &sealed["derivationPath"], &sealed["encryptedECDHXprv"]],
        ["{}", "m/1/2", "{\"ct\":\"\"}"]
    );
}
