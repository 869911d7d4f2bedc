//! An organisation with somebody of each role, and what tests ask of it.

use bursar_core::account::MemberRole;
use bursar_service::people::DEFAULT_ORGANISATION;
use serde_json::{Value, json};

use crate::support::{Answer, OTP, PASSWORD, Server};
use crate::world::ADDRESS;

pub(crate) const ROLES: [&str; 5] = ["owner", "admin", "member", "auditor", "stranger"];

/// A server with somebody of each role in the default organisation, and a stranger who owns another.
pub(crate) struct House {
    pub(crate) server: Server,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::of(Server::start().await).await
    }

    /// The same people on this server.
    pub(crate) async fn of(server: Server) -> Self {
        for role in ROLES {
            server.user(&name(role)).await;
            let of_all = MemberRole::parse(role);
            server.bursar.set_role_named(&name(role), DEFAULT_ORGANISATION, of_all).await.unwrap();
        }
        server.bursar.create_organisation_for("Elsewhere", &name("stranger")).await.unwrap();
        server.wallet_of(&name("owner")).await;
        Self { server }
    }

    pub(crate) async fn session(&self, role: &str) -> String {
        self.server.log_in(&name(role)).await
    }

    pub(crate) async fn id(&self, role: &str) -> String {
        self.server.bursar.user_named(&name(role)).await.unwrap().id.to_string()
    }

    /// Somebody who is nothing but a member.
    pub(crate) async fn newcomer(&self, who: &str) -> String {
        self.server.user(who).await;
        self.server.bursar.user_named(who).await.unwrap().id.to_string()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.server.send(method, &format!("/bursar/v1{path}"), Some(token), body).await
    }

    pub(crate) async fn role_of(&self, who: &str) -> Option<String> {
        let found = self.server.bursar.roles_named(who).await.unwrap();
        let place = found.into_iter().find(|(organisation, _)| organisation.id == DEFAULT_ORGANISATION);
        place.map(|(_, role)| role.as_str().to_owned())
    }

    pub(crate) async fn invite(&self, token: &str, body: Value) -> Answer {
        let mut body = body;
        body["otp"] = OTP.into();
        self.ask("POST", &organisation("/invitations"), token, Some(body)).await
    }

    pub(crate) async fn accept(&self, link: &str) -> Answer {
        let body = json!({"token": link, "fullName": "New Person", "password": PASSWORD});
        self.server.send("POST", "/bursar/v1/invitations/redeem", None, Some(body)).await
    }

    pub(crate) async fn spend(&self, token: &str) -> Answer {
        let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", self.server.wallet);
        self.server.send("POST", &path, Some(token), Some(json!({"address": ADDRESS, "amount": "1"}))).await
    }
}

pub(crate) fn name(role: &str) -> String {
    format!("{role}@example.com")
}

pub(crate) fn organisation(rest: &str) -> String {
    format!("/organisations/{DEFAULT_ORGANISATION}{rest}")
}
