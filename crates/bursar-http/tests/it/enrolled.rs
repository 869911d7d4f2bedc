//! A user with a real authenticator: an account whose one-time passwords follow from a secret.

use bursar_core::ambient::Clock;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_identity::totp::TotpSecret;
use bursar_service::people::NewUser;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Server};

pub(crate) const NAME: &str = "enrolled@example.com";
pub(crate) const HOME: [u8; 4] = [192, 0, 2, 7];
pub(crate) const ELSEWHERE: [u8; 4] = [203, 0, 113, 9];
pub(crate) const STEP: Span = Span::from_seconds(30);

pub(crate) struct Enrolled {
    pub(crate) server: Server,
    pub(crate) secret: TotpSecret,
    pub(crate) recovery_codes: Vec<String>,
}

impl Enrolled {
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let new = NewUser {
            username: NAME.to_owned(),
            full_name: "Test User".to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            seeded: false,
        };
        let (_, enrolment) = server.bursar.create_user(new).await.unwrap();
        let enrolment = enrolment.unwrap();
        let alphabet = base32::Alphabet::Rfc4648 { padding: false };
        let bytes = base32::decode(alphabet, enrolment.secret.expose()).unwrap();
        let secret = TotpSecret::new(bytes.try_into().unwrap());
        Self { server, secret, recovery_codes: enrolment.recovery_codes }
    }

    pub(crate) fn code(&self) -> String {
        self.secret.code_at(self.server.clock.now())
    }

    pub(crate) fn wrong_code(&self) -> String {
        let near = [0_i64, 1, -1].map(|steps| {
            let now = self.server.clock.now();
            self.secret.code_at(if steps < 0 {
                now.minus(STEP)
            } else {
                now.plus(Span::from_seconds(30 * steps.unsigned_abs()))
            })
        });
        ["111111", "222222", "333333", "444444"]
            .into_iter()
            .find(|code| !near.contains(&(*code).to_owned()))
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn log_in(&self, from: [u8; 4], otp: &str) -> Answer {
        let body = json!({"email": NAME, "password": PASSWORD, "otp": otp}).to_string().into_bytes();
        self.server.send_from(from, "POST", "/api/v2/user/login", None, body).await
    }
}
