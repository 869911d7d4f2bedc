//! A server with a user, a wallet and a session, and what tests of the native surface ask of it.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

pub(crate) const NAME: &str = "user@example.com";
pub(crate) const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
pub(crate) const ELSEWHERE: &str = "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7";

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) session: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        server.user(NAME).await;
        server.wallet_of(NAME).await;
        let session = server.log_in(NAME).await;
        Self { server, session }
    }

    /// A token with these limits and destinations: its id and its text.
    pub(crate) async fn token(&self, mut more: Value) -> (String, String) {
        more["duration"] = 86_400.into();
        let issued = self.server.issue(&self.session, more).await;
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    pub(crate) async fn spend_to(&self, token: &str, address: &str, amount: &str) -> Answer {
        let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", self.server.wallet);
        self.server.send("POST", &path, Some(token), Some(json!({"address": address, "amount": amount}))).await
    }

    pub(crate) async fn spend(&self, token: &str, amount: &str) -> Answer {
        self.spend_to(token, ADDRESS, amount).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.server.send("GET", path, Some(token), None).await
    }

    pub(crate) async fn limits(&self, id: &str) -> Value {
        let answer = self.get(&format!("/bursar/v1/tokens/{id}/limits"), &self.session).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub(crate) async fn edit(&self, id: &str, edit: Value) -> Answer {
        self.server.send("PUT", &format!("/bursar/v1/tokens/{id}/limits"), Some(&self.session), Some(edit)).await
    }

    /// The id of the only service there is.
    pub(crate) async fn id_of_service(&self) -> String {
        let tokens = self.get("/bursar/v1/tokens", &self.session).await.body;
        let service = tokens["tokens"].as_array().unwrap().iter().find(|token| token["kind"] == "service").unwrap();
        service["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn hold(&self, service: &str, token: &str, key: Option<&str>, amount: &str) -> Answer {
        let body = json!({
            "token": token, "coin": "tbtc", "amount": amount, "destination": ADDRESS,
            "wallet": self.server.wallet.to_string(),
        });
        self.server.send_with("POST", "/bursar/v1/spends", Some(service), Some(body), key).await
    }
}

pub(crate) fn code(answer: &Answer) -> &str {
    answer.body["code"].as_str().or(answer.body["context"]["code"].as_str()).unwrap_or_default()
}
