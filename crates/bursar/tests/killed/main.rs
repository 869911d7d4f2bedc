//! `kill -9` between what was sent on and its settlement, on rails of plain HTTP: the upstream has carried it out, and the
//! server that asked is gone. What it held is never given back, and what it came to is looked up. The same at upstreams that sign,
//! and where other proxies ask.

mod asked;
mod signed;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

const RULES: &str = r#"
[rails.shop]
kind = "http"
url_file = "url"
test_money = true
assets = { usd = 2 }

[[rails.shop.rules]]
method = "POST"
path = "/v1/charges"
operation = "spend"
headers = ["idempotency-key"]
body = "json"
fields = ["amount"]
asset = "usd"
amount = "minor(body.amount, 'usd')"
destination = "none"
key = "headers['idempotency-key']"
key_header = "idempotency-key"
done = "status == 200"
captured = "minor(answer.amount, 'usd')"
reconcile = { path = "/v1/charges/{key}", done = "status == 200", captured = "minor(answer.amount, 'usd')" }

[[rails.shop.rules]]
method = "POST"
path = "/v1/payouts"
operation = "spend"
headers = ["idempotency-key"]
body = "json"
fields = ["amount"]
asset = "usd"
amount = "minor(body.amount, 'usd')"
destination = "none"
key = "headers['idempotency-key']"
done = "status == 200"
captured = "minor(answer.amount, 'usd')"

[rails.shop.rules.reconcile]
method = "POST"
path = "/v1/payouts/search"
body = "json"
send = { limit = 1, filter = { reference = "{key}" } }
done = "status == 200"
captured = "minor(answer.amount, 'usd')"

[[rails.shop.rules]]
method = "POST"
path = "/v1/streams"
operation = "spend"
headers = ["idempotency-key"]
body = "json"
fields = ["amount"]
asset = "usd"
amount = "minor(body.amount, 'usd')"
destination = "none"
key = "headers['idempotency-key']"
done = "status == 200"
cut_off = "captured"
"#;

/// An upstream that does what it is asked and answers only look-ups; streams begin, and go no further.
fn upstream() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (hears, heard) = channel();
    thread::spawn(move || {
        let mut open = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let Some((head, body)) = whole(&mut socket) else { continue };
            if head.starts_with("GET") || head.starts_with("POST /v1/payouts/search ") {
                let found = r#"{"amount":"400"}"#;
                let length = found.len();
                let type_ = "content-type: application/json\r\nconnection: close";
                write!(socket, "HTTP/1.1 200 OK\r\n{type_}\r\ncontent-length: {length}\r\n\r\n{found}").unwrap();
            } else if head.contains("/v1/streams") {
                let event = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n";
                socket.write_all(event.as_bytes()).unwrap();
                open.push(socket);
            } else {
                open.push(socket);
            }
            if hears.send(format!("{head}\r\n\r\n{body}")).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

/// The head and the body of a request; nothing if it ends before.
fn whole(socket: &mut TcpStream) -> Option<(String, String)> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8(read.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        let mut more = [0; 1024];
        let count = socket.read(&mut more).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&more[..count]);
    }
}

struct Home(TempDir);

struct Server(Child, Value);

impl Home {
    fn new(url: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::write(home.path("rails.toml"), RULES).unwrap();
        fs::write(home.path("url"), url).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self) -> Server {
        self.start_with("--rails", "rails.toml")
    }

    /// Registers a wallet of the person whose server it is, and gives its id.
    fn add_wallet(&self, server: &Server, more: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(["wallet", "add", "--json", "--label", "Money", "--owner", server.text("username")]).args(more);
        let output = command.arg("--data-dir").arg(self.path("data")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Starts a server that reads this file, too.
    fn start_with(&self, option: &str, file: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(self.path("data"));
        command.arg(option).arg(self.path(file));
        command.env_remove("BURSAR_LOG").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(self.path("log")).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}", log(&self.path("log"))));
        Server(child, ready)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn log(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

impl Server {
    fn text(&self, name: &str) -> &str {
        self.1[name].as_str().unwrap()
    }

    /// What is answered; nothing if the connection broke.
    fn post(&self, path: &str, bearer: &str, key: &str, body: &Value) -> Option<Value> {
        let text = asked(self.text("url"), path, bearer, key, body)?.body_mut().read_to_string().ok()?;
        Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}")))
    }

    /// What is shown to whoever has this bearer.
    fn get(&self, path: &str, bearer: &str) -> Value {
        let settings = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
        let request =
            Request::get(format!("{}{path}", self.text("url"))).header("authorization", format!("Bearer {bearer}"));
        let agent: Agent = settings.build().into();
        let text = agent.run(request.body(()).unwrap()).unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    }

    /// The session of the person whose server it is.
    fn session(&self) -> String {
        let [email, password, otp] = ["username", "password", "otp"].map(|name| self.text(name));
        let body = json!({"email": email, "password": password, "otp": otp});
        let session = self.post("/api/v2/user/login", "undefined", "a", &body).unwrap();
        session["access_token"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned()
    }

    /// A token within this limit, and its id.
    fn token(&self, limit: &str) -> (String, String) {
        let scope = ["wallet_view_all", "wallet_spend_all"];
        let body = json!({"label": "bot", "otp": self.text("otp"), "scope": scope, "limits": [limit]});
        let made = self.post("/bursar/v1/tokens", &self.session(), "b", &body).unwrap();
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        (text("token"), text("id"))
    }

    /// The shop's wallet, and a token that may spend ten dollars a day.
    fn shopper(&self, home: &Home) -> String {
        home.add_wallet(self, &["--rail", "shop", "--coin", "usd", "--reference", "default"]);
        self.token("usd 10/day").0
    }

    /// Asks again until it is known what came of it, which is this.
    fn settles_as(&self, path: &str, token: &str, code: &str) {
        let began = Instant::now();
        loop {
            let again = self.post(path, token, "order-7", &json!({"amount": "900"})).expect("an answer");
            if again["code"] == code {
                return;
            }
            assert_eq!(again["code"], "outcome_pending", "{again}");
            assert!(began.elapsed() < PATIENCE, "still not known");
            thread::park_timeout(Duration::from_millis(200));
        }
    }
}

/// An answer whose head came; nothing if the connection broke.
fn asked(url: &str, path: &str, bearer: &str, key: &str, body: &Value) -> Option<Response<Body>> {
    let settings = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
    let agent: Agent = settings.build().into();
    let request = Request::post(format!("{url}{path}")).header("authorization", format!("Bearer {bearer}"));
    let request = request.header("idempotency-key", key).header("content-type", "application/json");
    agent.run(request.body(body.to_string()).unwrap()).ok()
}

/// Sends a spend, kills the server once the upstream has it, and starts another.
fn killed_in_the_middle_of(path: &'static str) -> (Home, Server, String, Receiver<String>) {
    let (url, heard) = upstream();
    let home = Home::new(&url);
    let server = home.start();
    let token = server.shopper(&home);
    let (at, bearer) = (server.text("url").to_owned(), token.clone());
    let (begins, begun) = channel();
    let asking = thread::spawn(move || {
        let mut response = asked(&at, path, &bearer, "order-7", &json!({"amount": "900"}))?;
        begins.send(()).ok();
        response.body_mut().read_to_string().ok()
    });
    assert!(heard.recv_timeout(PATIENCE).expect("a request").starts_with("POST "));
    if path.contains("streams") {
        // That it began is durable before anything of it goes on.
        begun.recv_timeout(PATIENCE).expect("a head");
    }
    drop(server);
    assert_eq!(asking.join().unwrap(), None, "nobody was answered");
    let server = home.start();
    (home, server, token, heard)
}

#[test]
fn a_spend_that_the_upstream_has_is_looked_up_by_the_next_server_and_never_sent_again() {
    let (_home, server, token, heard) = killed_in_the_middle_of("/rail/shop/v1/charges");
    server.settles_as("/rail/shop/v1/charges", &token, "answer_not_kept");
    let again: Vec<_> = heard.try_iter().collect();
    assert!(!again.is_empty() && again.iter().all(|head| head.starts_with("GET /v1/charges/")), "{again:?}");
    // 4.00 were captured of the 9.00 that were held.
    let refused = server.post("/rail/shop/v1/charges", &token, "more", &json!({"amount": "601"})).unwrap();
    assert_eq!(refused["code"], "limit_exceeded", "{refused}");
}

#[test]
fn a_spend_that_is_looked_up_by_a_question_is_found_by_the_next_server() {
    let (_home, server, token, heard) = killed_in_the_middle_of("/rail/shop/v1/payouts");
    server.settles_as("/rail/shop/v1/payouts", &token, "answer_not_kept");
    let again: Vec<_> = heard.try_iter().collect();
    let question = r#"{"filter":{"reference":"order-7"},"limit":1}"#;
    let is_one = |head: &String| head.starts_with("POST /v1/payouts/search ") && head.ends_with(question);
    assert!(!again.is_empty() && again.iter().all(is_one), "{again:?}");
    let refused = server.post("/rail/shop/v1/charges", &token, "more", &json!({"amount": "601"})).unwrap();
    assert_eq!(refused["code"], "limit_exceeded", "{refused}");
}

#[test]
fn a_stream_that_the_server_broke_off_itself_is_captured_in_full_if_its_rule_says_so() {
    let (_home, server, token, heard) = killed_in_the_middle_of("/rail/shop/v1/streams");
    server.settles_as("/rail/shop/v1/streams", &token, "answer_streamed");
    assert_eq!(heard.try_iter().count(), 0, "it was sent once");
    let refused = server.post("/rail/shop/v1/charges", &token, "more", &json!({"amount": "101"})).unwrap();
    assert_eq!(refused["code"], "limit_exceeded", "{refused}");
}
