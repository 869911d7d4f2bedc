//! What the web surface must not let happen, for every page of the table and every field that is kept: a new page without
//! a rule here fails. What concerns one page alone stands with that page's tests.

mod fields;
mod forms;
mod headers;
mod names;
mod places;
mod roles;
mod scripts;

use bursar_core::ambient::Clock;
use bursar_http::PageDescription;
use bursar_identity::totp::TotpSecret;
use serde_json::{Value, json};

use crate::browser::{Browser, Page, between};
use crate::house::{House, name, organisation};
use crate::support::OTP;
use crate::world::ADDRESS;

/// An organisation with something behind every parameter of a path.
struct Scene {
    house: House,
    asset: String,
    token: String,
    session: String,
    member: String,
    invitation: String,
    spend: String,
    factor: String,
}

impl Scene {
    async fn new() -> Self {
        let house = House::new().await;
        let owner = house.session("owner").await;
        let ask =
            async |method: &str, path: &str, body: Option<Value>| house.ask(method, path, &owner, body).await.body;
        let id = |found: &Value| found["id"].as_str().unwrap().to_owned();
        let member = house.id("member").await;
        let role = format!("/wallets/{}/members/{member}", house.server.wallet);
        ask("PUT", &role, Some(json!({"view": true, "spend": true, "otp": OTP}))).await;
        let invited = house.invite(&owner, json!({"email": "invited@example.com", "role": "member"})).await.body;
        let issued = house.server.issue(&owner, json!({"limits": ["tbtc 1000 base units/day"]})).await;
        let pay = format!("/api/v2/tbtc/wallet/{}/sendcoins", house.server.wallet);
        let payment = json!({"address": ADDRESS, "amount": "1"});
        let text = issued["token"].as_str().unwrap();
        assert_eq!(house.server.send("POST", &pay, Some(text), Some(payment)).await.status, 200);
        let spends = ask("GET", &format!("/tokens/{}/spends", id(&issued)), None).await;
        let sessions = ask("GET", "/sessions", None).await;
        let factor = ask("POST", "/factors/totp", Some(json!({"label": "phone", "otp": OTP}))).await;
        let bytes = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, factor["secret"].as_str().unwrap());
        let code = TotpSecret::new(bytes.unwrap().try_into().unwrap()).code_at(house.server.clock.now());
        let factor = id(&factor);
        ask("POST", &format!("/factors/totp/{factor}/confirm"), Some(json!({"otp": code}))).await;
        let mut nobody = Browser::new(&house.server);
        let page = nobody.get("/sign-in").await;
        let asset = between(&page.html, "href=\"/assets/", "\"").to_owned();
        let (token, invitation) = (id(&issued), id(&invited));
        let (spend, session) = (id(&spends["spends"][0]), id(&sessions["sessions"][0]));
        Self { asset, token, session, member, invitation, spend, factor, house }
    }

    /// The path of a page with what its parameters stand for; links are of nobody.
    fn path(&self, page: &PageDescription) -> String {
        let wallet = self.house.server.wallet.to_string();
        let path = [
            ("{file}", self.asset.as_str()),
            ("{token}", &self.token),
            ("{session}", &self.session),
            ("{user}", &self.member),
            ("{invitation}", &self.invitation),
            ("{spend}", &self.spend),
            ("{factor}", &self.factor),
            ("{wallet}", &wallet),
            ("{organisation}", organisation("").trim_start_matches("/organisations/")),
            ("{link}", &"0".repeat(96)),
        ]
        .iter()
        .fold(page.path.to_owned(), |path, (name, text)| path.replace(name, text));
        assert!(!path.contains('{'), "{path}: say in `Scene` what the parameter stands for");
        path
    }

    /// A browser of somebody with this role, or of nobody.
    async fn browser(&self, role: &str) -> Browser<'_> {
        if role == "nobody" {
            let mut browser = Browser::new(&self.house.server);
            browser.get("/sign-in").await;
            return browser;
        }
        Browser::signed_in(&self.house.server, &name(role)).await
    }
}

/// Asks for a page as it is asked for: by a look, or by a form with these fields.
async fn visit(browser: &mut Browser<'_>, page: &PageDescription, path: &str, fields: &[(&str, &str)]) -> Page {
    match page.method {
        "GET" => browser.get(path).await,
        _ => browser.post(path, fields).await,
    }
}
