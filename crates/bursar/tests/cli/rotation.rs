//! A token is rotated while everybody spends with it: no request fails, and there is one budget.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bursar_client::{Bearer, Client, ClientError, LimitsOf, Login, Payment};
use bursar_core::secret::Secret;
use serde_json::{Value, json};

use crate::support::{Home, Server};

const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const CONNECTIONS: usize = 8;
/// What the token may spend, one unit at a time.
const LIMIT: usize = 600;
/// Spends before somebody rotates the token.
const BEFORE: usize = 40;
/// Spends that each connection makes with the old secret after the rotation, more than the one before it.
const LATER: usize = 4;
/// The old secret goes on for longer than the test.
const OVERLAP_S: u64 = 3600;
/// Longer than a spend takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A spend that passed.
struct Spent {
    with_new: bool,
    after_rotation: bool,
}

/// Somebody who spends as fast as it goes, and is told of the new secret some time.
struct Connection<'a> {
    number: usize,
    /// With the old secret.
    client: Client,
    wallet: &'a str,
    new: &'a OnceLock<Bearer>,
}

impl Connection<'_> {
    /// Spends until the limit is reached, from some moment after the rotation on with the new secret.
    fn spend(&self, tell: &Sender<Spent>) {
        let mut with_old = 0;
        for number in 0.. {
            let new = self.new.get();
            let chosen = new.filter(|_| with_old >= self.number * LATER);
            let with_new = chosen.map(|new| self.client.on_behalf_of(new.clone()));
            with_old += usize::from(new.is_some() && with_new.is_none());
            let name = format!("{}-{number}", self.number);
            let payment = Payment {
                wallet: self.wallet,
                coin: "tbtc",
                to: ADDRESS,
                amount: "1",
                sequence_id: Some(&name),
                otp: None,
            };
            match with_new.as_ref().unwrap_or(&self.client).spend(&payment) {
                Ok(_) => tell.send(Spent { with_new: with_new.is_some(), after_rotation: new.is_some() }).unwrap(),
                Err(ClientError::Declined(over)) if over.code() == Some("limit_exceeded") => return,
                Err(other) => {
                    panic!("{name} failed, with the {} secret: {other}", if with_new.is_some() { "new" } else { "old" })
                }
            }
        }
    }
}

fn owner(server: &Server) -> Client {
    let password = Secret::new(server.ready("password").to_owned());
    let login = Login { username: server.ready("username"), password: &password, otp: Some(server.ready("otp")) };
    let client = Client::new(server.ready("url"), None);
    client.on_behalf_of(text(&client.log_in(&login).unwrap(), "access_token"))
}

fn text(shown: &Value, name: &str) -> Bearer {
    Secret::new(shown[name].as_str().unwrap().to_owned())
}

#[test]
fn no_request_fails_while_a_token_is_rotated_and_both_secrets_spend_one_budget() {
    let home = Home::new();
    let server = home.serve(&["dev", "--json", "--listen", "127.0.0.1:0"]);
    let owner = owner(&server);
    let wishes = json!({
        "otp": "000000", "label": "bot", "duration": 86_400, "scope": ["wallet_spend_all"],
        "limits": [format!("tbtc {LIMIT} base units in total")],
    });
    let made = owner.create_token(&wishes).unwrap();
    let (id, old) = (made["id"].as_str().unwrap(), text(&made, "token"));
    let (new, wallet) = (OnceLock::new(), server.wallet("tbtc"));
    let mut spent = Vec::new();
    std::thread::scope(|scope| {
        let (tell, told) = channel();
        for number in 0..CONNECTIONS {
            let client = Client::new(server.ready("url"), Some(old.clone()));
            let connection = Connection { number, client, wallet, new: &new };
            let tell = tell.clone();
            scope.spawn(move || connection.spend(&tell));
        }
        drop(tell);
        spent.extend((0..BEFORE).map(|_| told.recv_timeout(PATIENCE).expect("spends pass")));
        // The first answer is lost: asked again, there is another secret.
        let lost = owner.rotate(id, OVERLAP_S, Some("000000")).unwrap();
        let found = owner.rotate(id, OVERLAP_S, Some("000000")).unwrap();
        assert_ne!(found["token"], lost["token"]);
        assert_eq!(found["id"], id);
        new.set(text(&found, "token")).unwrap();
        spent.extend(told);
    });
    let count = |is: fn(&Spent) -> bool| spent.iter().filter(|one| is(one)).count();
    let with_new = count(|one| one.with_new);
    let with_old_after = count(|one| one.after_rotation && !one.with_new);
    println!("{} spends, {with_new} with the new secret, {with_old_after} with the old one beside it", spent.len());
    assert_eq!(spent.len(), LIMIT, "one budget for both secrets, and not a unit of it is lost");
    assert_eq!(with_old_after, (0..CONNECTIONS).map(|number| number * LATER).sum::<usize>());
    assert!(with_new > 0);
    let limits = owner.limits(LimitsOf::Token(id)).unwrap();
    let counted = ["captured", "held"].map(|name| limits["limits"][0][name].as_str().unwrap().to_owned());
    assert_eq!(counted, [LIMIT.to_string(), "0".to_owned()]);
    assert_eq!(owner.spends(id).unwrap().len(), LIMIT);
}
