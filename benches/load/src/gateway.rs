//! Reads of a chain and spends at an API through the gateway, beside nginx that only passes them on, and beside nginx that
//! asks another server first, as whoever has no gateway would do.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::requests::Kind;
use crate::server::Server;
use crate::subject::Subject;
use crate::{Options, Problem, compare, node};

/// What the rail is called.
pub(crate) const RAIL: &str = "chain";
/// What the rail of an API is called.
pub(crate) const API: &str = "api";

/// What a request to the API costs, and what its answer means.
const RULES: &str = r#"
test_money = true
reuse_connections = true
assets = { tbtc = 8 }
[[rails.api.rules]]
method = "POST"
path = "/charges"
operation = "spend"
headers = ["idempotency-key"]
body = "json"
fields = ["amount", "to", "memo"]
asset = "tbtc"
amount = "minor(body.amount, 'tbtc')"
destination = "body.to"
key = "headers['idempotency-key']"
key_header = "idempotency-key"
done = "status == 200"
refused = "status == 402"
record = "answer.result"
"#;

pub(crate) async fn run(options: &Options) -> Result<(), Problem> {
    let (home, cores) = (TempDir::new()?, options.server_cores.as_deref());
    let node = Server::node()?;
    let rails = home.path().join("rails.toml");
    let url = node.url()?;
    let text = format!(
        "[rails.{API}]\nkind = \"http\"\nurl = \"{url}\"\n{RULES}\n[rails.{RAIL}]\nkind = \"evm\"\nurl = \"{url}\"\nchain_id = {}\ncoin = \"hteth\"\nconfirmations = 1\n",
        node::CHAIN
    );
    fs::write(&rails, text)?;
    let subject = Subject::with_rails(options, 0, Some(&rails)).await?;
    add_wallet(&options.bursar, &subject.data(), RAIL, "hteth", &[])?;
    add_wallet(&options.bursar, &subject.data(), API, "tbtc", &["--reference", "default"])?;

    let passing = configure_nginx(home.path(), "passing", node.address(), None)?;
    let passing = Server::nginx(&passing, Vec::new(), cores)?;
    let asked = Server::hello(cores)?;
    let asking = configure_nginx(home.path(), "asking", node.address(), Some(&asked))?;
    let asking = Server::nginx(&asking, vec![asked], cores)?;
    println!("{}", subject.disk()?);
    let reads = [
        ("nginx proxy_pass", &passing, Kind::Chain),
        ("the node alone", &node, Kind::Chain),
        ("nginx auth_request, empty answer, and proxy_pass", &asking, Kind::Chain),
        ("POST /rail, a read, v2", subject.server(), Kind::Chain),
    ];
    let spends = [
        ("nginx `proxy_pass`, a spend's request", &passing, Kind::Charge),
        ("nginx `auth_request`, the same", &asking, Kind::Charge),
        ("`POST /rail`, a spend, v2: held, sent on, settled", subject.server(), Kind::Charge),
    ];
    compare(options, &subject, &[&reads, &spends]).await
}

fn add_wallet(bursar: &Path, data: &Path, rail: &str, coin: &str, more: &[&str]) -> Result<(), Problem> {
    let mut command = Command::new(bursar);
    command.args(["wallet", "add", "--json", "--rail", rail, "--coin", coin, "--label", "Bench"]).args(more);
    command.args(["--owner", "user@example.com", "--data-dir"]).arg(data);
    match command.stdin(Stdio::null()).stdout(Stdio::null()).status()?.success() {
        true => Ok(()),
        false => Err("`bursar wallet add` failed".into()),
    }
}

/// What nginx is told, and where it then listens.
pub(crate) struct Nginx {
    pub(crate) configuration: PathBuf,
    pub(crate) address: SocketAddr,
}

/// nginx before a node; it asks the other server about every request first if there is one.
pub(crate) fn configure_nginx(
    home: &Path,
    name: &str,
    node: SocketAddr,
    asked: Option<&Server>,
) -> Result<Nginx, Problem> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let directory = home.join(name);
    fs::create_dir(&directory)?;
    let place = directory.display();
    let pass = "proxy_http_version 1.1; proxy_set_header Connection \"\";";
    let keep = "keepalive 64; keepalive_requests 100000000;";
    let (ask, another) = asked.map_or_else(Default::default, |asked| {
        let ask = format!(
            "auth_request /asked; }} location = /asked {{ internal; proxy_pass http://another/empty; {pass}
             proxy_pass_request_body off; proxy_set_header Content-Length \"\";"
        );
        (ask, format!("upstream another {{ server {}; {keep} }}", asked.address()))
    });
    let text = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/errors;
         events {{ worker_connections 4096; }}
         http {{
             access_log off; keepalive_requests 100000000; client_body_temp_path {place}/bodies;
             proxy_temp_path {place}/proxied; fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u;
             scgi_temp_path {place}/s;
             upstream node {{ server {node}; {keep} }} {another}
             server {{ listen {address}; location / {{ proxy_pass http://node; {pass} {ask} }} }}
         }}"
    );
    let configuration = directory.join("nginx.conf");
    fs::write(&configuration, text)?;
    Ok(Nginx { configuration, address })
}
