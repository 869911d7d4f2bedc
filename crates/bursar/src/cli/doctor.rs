//! `bursar doctor`: whether a server's setup is sound, point by point.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bursar_core::ambient::Clock;
use bursar_store::seal::MasterKey;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::operator::Place;
use crate::cli::{output, serve, table};
use crate::configuration::Configuration;
use crate::environment::{self, SystemClock};
use crate::failure::Failure;
use crate::key_file;
use crate::operator::{self, Answer, Request, socket};
use crate::rails::{self, Described, Kept, Opened};
use crate::server::{self, Data, Rails};

/// 2026-01-01, before which this program was not written.
const NEVER_BEFORE_MS: i64 = 1_767_225_600_000;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Doctor {
    #[command(subcommand)]
    only: Option<Only>,
    #[command(flatten)]
    place: Place,
}

/// One thing to look at more closely.
#[derive(Subcommand)]
enum Only {
    /// Add up every spend that is kept, and compare with what the budgets say.
    Ledger {
        #[command(flatten)]
        place: Place,
    },
    /// Take the server's clock for right after it has jumped, so that spends go on.
    AcceptClock {
        #[command(flatten)]
        place: Place,
    },
}

impl Doctor {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self.only {
            None => match self.place.configuration().map(Path::to_owned) {
                Some(config) => run(&examine(&config), json),
                None => run(&examine_environment(self.place), json),
            },
            Some(Only::Ledger { place }) => ledger(place, json),
            Some(Only::AcceptClock { place }) => match place.answer(Request::AcceptClock)? {
                Answer::Done if json => output::json(&json!({"done": true})),
                Answer::Done => output::text("done"),
                _ => Err(Failure::new("the server did not take the clock for right")),
            },
        }
    }
}

/// Whether the ledger adds up (I8). Tokens whose figures differ are locked by the check.
fn ledger(place: Place, json: bool) -> Result<(), Failure> {
    environment::start_log("error");
    let differences = match place.answer(Request::CheckLedger)? {
        Answer::Ledger { differences } => differences,
        Answer::Failed { message } => return Err(Failure::new(message)),
        _ => return Err(Failure::new("the server answered something else than was asked")),
    };
    if json {
        output::json(&json!({"sound": differences.is_empty(), "differences": differences}))?;
    } else if differences.is_empty() {
        output::text("the ledger adds up: every budget says what its spends say")?;
    } else {
        output::text(&differences.join("\n"))?;
    }
    match differences.len() {
        0 => Ok(()),
        found => Err(Failure::new(format!("in {found} places the ledger does not add up")).printed()),
    }
}

/// Accounts that one point names.
const MOST_NAMED: usize = 10;

/// One point that was looked at.
struct Point {
    what: &'static str,
    found: Result<String, String>,
}

/// Looks at everything and fails if something is not sound.
fn run(points: &[Point], json: bool) -> Result<(), Failure> {
    let unsound = points.iter().filter(|point| point.found.is_err()).count();
    if json {
        let shown = |point: &Point| {
            let (Ok(text) | Err(text)) = &point.found;
            json!({"what": point.what, "ok": point.found.is_ok(), "found": text})
        };
        output::json(&json!({"sound": unsound == 0, "points": points.iter().map(shown).collect::<Vec<Value>>()}))?;
    } else {
        let row = |point: &Point| {
            let (Ok(text) | Err(text)) = &point.found;
            let mark = if point.found.is_ok() { "ok" } else { "UNSOUND" };
            [mark.to_owned(), point.what.to_owned(), text.clone()]
        };
        let rows: Vec<[String; 3]> = points.iter().map(row).collect();
        output::text(&table::draw(["", "WHAT", "FOUND"], &rows))?;
    }
    match unsound {
        0 => Ok(()),
        1 => Err(Failure::new("one point is not sound").printed()),
        _ => Err(Failure::new(format!("{unsound} points are not sound")).printed()),
    }
}

/// What there is to look at in a test environment, which has no configuration.
fn examine_environment(place: Place) -> Vec<Point> {
    environment::start_log("error");
    let found = place.directory().map_err(|failure| told(&failure)).and_then(|path| directory(&path));
    let accounts = match place.answer(Request::Users) {
        Ok(Answer::Users { users }) => Ok(output::counted(users.len(), "account")),
        Ok(_) => Err("the server that has it does not list its users".to_owned()),
        Err(failure) => Err(told(&failure)),
    };
    vec![
        Point { what: "clock", found: clock() },
        Point { what: "data directory", found },
        Point { what: "store", found: accounts },
    ]
}

fn examine(config: &Path) -> Vec<Point> {
    environment::start_log("error");
    let mut points = vec![Point { what: "clock", found: clock() }];
    let configuration = match Configuration::read(config) {
        Ok(configuration) => configuration,
        Err(failure) => {
            points.push(Point { what: "configuration", found: Err(told(&failure)) });
            return points;
        }
    };
    points.push(Point { what: "configuration", found: Ok(config.display().to_string()) });
    let master = key_file::read(&configuration.key_file);
    let found = master.as_ref().map(|_| configuration.key_file.display().to_string()).map_err(told);
    points.push(Point { what: "master key", found });
    points.push(Point { what: "data directory", found: directory(&configuration.data_directory) });
    let accounts = accounts(&configuration, master.as_ref());
    let found = accounts.as_ref().map_err(Clone::clone).and_then(|(accounts, how)| sound(accounts, how));
    points.push(Point { what: "store", found });
    let accounts = accounts.map(|(accounts, _)| accounts).unwrap_or_default();
    if let Some(archive) = configuration.archive() {
        let found = archive.check().map(|()| archive.files.display().to_string()).map_err(|failure| told(&failure));
        points.push(Point { what: "audit archive", found });
    }
    points.push(Point { what: "mail", found: mail(&configuration, &accounts) });
    points.push(Point { what: "rails", found: rails(&configuration, config, master.as_ref()) });
    points.push(Point { what: "credentials", found: credentials(&configuration, config) });
    if !configuration.authz().is_empty() {
        points.push(Point { what: "authz rules", found: proxies(&configuration, master.as_ref()) });
    }
    points
}

/// Whether every rail's node answers, and is on its chain.
fn rails(configuration: &Configuration, path: &Path, master: Result<&MasterKey, &Failure>) -> Result<String, String> {
    let described = configuration.rails();
    if described.is_empty() {
        return Ok(serve::NO_RAIL.to_owned());
    }
    let is_sealed = rails::kept(described).any(|(_, _, kept)| kept == Kept::Sealed);
    let directory = &configuration.data_directory;
    let open = if !is_sealed {
        rails::open(described, &Opened::default())
    } else if let Some(answer) = socket::ask(directory, &Request::CheckRails).map_err(|failure| told(&failure))? {
        // What is sealed is the server's that has the store, so it asks those that it has opened.
        return by_server(described, answer);
    } else {
        let master =
            master.map_err(|_| "their sealed credentials cannot be opened without the master key".to_owned())?;
        Data::open(directory, master).and_then(|data| data.rails(described, Opened::configured(path)))
    };
    let open = open.map_err(|failure| told(&failure))?;
    let asked = server::runtime().map_err(|failure| told(&failure))?.block_on(async {
        for (name, rail) in &open {
            let answered = rail.check().await.map_err(bursar_service::error::ServiceError::from);
            answered.map_err(|problem| format!("{name}: {problem}"))?;
        }
        Ok::<_, String>(())
    });
    asked.map(|()| open.keys().cloned().collect::<Vec<_>>().join(", "))
}

/// What a server says of these rails, which it has opened if it was started with them.
fn by_server(described: &Described, answer: Answer) -> Result<String, String> {
    let Answer::Rails { rails, unusable } = answer else {
        return Err("the server that has the store does not say how its rails stand".to_owned());
    };
    let names = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut problems: Vec<_> = unusable.iter().map(|(name, problem)| format!("{name}: {problem}")).collect();
    let missing: Vec<_> = described.keys().filter(|name| !rails.contains(name)).collect();
    if !missing.is_empty() {
        problems.push(format!("the server that has the store was started without {}; start it again", names(missing)));
    }
    let removed: Vec<_> = rails.iter().filter(|name| !described.contains_key(*name)).collect();
    if !removed.is_empty() {
        problems.push(format!("the server that has the store still has {}; start it again", names(removed)));
    }
    match problems.is_empty() {
        true => Ok(format!(
            "{}: the server that has the store opened them, and each is there",
            names(rails.iter().collect())
        )),
        false => Err(problems.join("; ")),
    }
}

/// Whether what rules for other proxies name is there; the server that has the store is asked, if there is one.
fn proxies(configuration: &Configuration, master: Result<&MasterKey, &Failure>) -> Result<String, String> {
    let (authz, directory) = (configuration.authz(), &configuration.data_directory);
    let asked = socket::ask(directory, &Request::CheckAuthz { authz: authz.clone() });
    let problems = match asked.map_err(|failure| told(&failure))? {
        Some(Answer::Authz { problems }) => problems,
        Some(_) => return Err("the server that has the store does not say whether they fit it".to_owned()),
        None => {
            if !server::has_store(directory).map_err(|failure| told(&failure))? {
                return Err("there is no store that they could fit".to_owned());
            }
            let master = master.map_err(|_| "cannot be compared with the store without the master key".to_owned())?;
            let rules = authz.rules()?;
            let opened = || {
                server::runtime()?.block_on(async {
                    let bursar = server::open(directory, master, Rails::new(), None, configuration.policy())?;
                    let problems = rules.check(&bursar)?;
                    bursar.close();
                    Ok::<_, Failure>(problems)
                })
            };
            opened().map_err(|failure| told(&failure))?
        }
    };
    if problems.is_empty() { Ok("name what is there".to_owned()) } else { Err(problems.join("; ")) }
}

/// Where credentials of rails are; in clear is a choice, which should be known, but not for others to read.
fn credentials(configuration: &Configuration, path: &Path) -> Result<String, String> {
    let mut in_clear = Vec::new();
    for (rail, key, file) in rails::files(configuration.rails()) {
        let metadata = fs::metadata(file).map_err(|problem| told(&Failure::at(file, problem)))?;
        let open = key_file::open_to_others(file, &metadata);
        let file = file.display();
        if let Some(mode) = open {
            return Err(format!("`{key}` of {rail} in {file}: others may read it (mode {mode:03o}); chmod 600 it"));
        }
        in_clear.push(format!("`{key}` of {rail} in {file}"));
    }
    Ok(match in_clear.is_empty() {
        true => "none lies in clear".to_owned(),
        false => {
            let seal = format!("`bursar rail credential set RAIL{}` seals them", rails::flag(path));
            format!("in clear: {}; {seal}", in_clear.join(", "))
        }
    })
}

/// Without mail nobody is invited by it and nobody resets a password; that is a choice, not a fault.
fn mail(configuration: &Configuration, accounts: &[operator::Account]) -> Result<String, String> {
    let Some(mail) = configuration.mail() else { return Ok("none is sent: there is no section [mail]".to_owned()) };
    let tested = || server::runtime()?.block_on(mail.test());
    let found = tested().map_err(|failure: Failure| told(&failure))?;
    Ok(format!("{found}{}", unreached(accounts)))
}

/// Who gets no mail: notices go to confirmed addresses only.
fn unreached(accounts: &[operator::Account]) -> String {
    let unreached: Vec<&str> =
        accounts.iter().filter(|account| !account.email_verified).map(|account| account.username.as_str()).collect();
    let more = match unreached.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match unreached.get(..MOST_NAMED).unwrap_or(&unreached) {
        [] => String::new(),
        named => format!(
            "; without a confirmed address, and so without any notice: {}{more}; a link is sent at their next sign-in, again from \
             their account page, and by `bursar user address NAME ADDRESS`",
            named.join(", ")
        ),
    }
}

fn clock() -> Result<String, String> {
    let now = SystemClock.now();
    if now.as_millis() < NEVER_BEFORE_MS {
        return Err(format!("{now} cannot be: one-time passwords and expiries would all be wrong"));
    }
    Ok(now.to_string())
}

fn directory(path: &Path) -> Result<String, String> {
    let mode = fs::metadata(path).map_err(|problem| told(&Failure::at(path, problem)))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("{}: others may enter (mode {:03o}); chmod 700 it", path.display(), mode & 0o777));
    }
    Ok(path.display().to_string())
}

/// The accounts of the store, and how they were found: one that is served answers through its server; otherwise it is opened.
fn accounts(
    configuration: &Configuration,
    master: Result<&MasterKey, &Failure>,
) -> Result<(Vec<operator::Account>, &'static str), String> {
    let directory = &configuration.data_directory;
    let accounts = match socket::ask(directory, &Request::Users).map_err(|failure| told(&failure))? {
        Some(Answer::Users { users }) => return Ok((users, "a server has it")),
        Some(_) => return Err("the server that has it does not list its users".to_owned()),
        None => {
            if !server::has_store(directory).map_err(|failure| told(&failure))? {
                return Err("there is none; `bursar init` makes one".to_owned());
            }
            let master = master.map_err(|_| "cannot be opened without the master key".to_owned())?;
            let opened = || {
                server::runtime()?.block_on(async {
                    let bursar = server::open(directory, master, Rails::new(), None, configuration.policy())?;
                    let accounts = operator::accounts(&bursar).await?;
                    bursar.close();
                    Ok::<_, Failure>(accounts)
                })
            };
            opened().map_err(|failure| told(&failure))?
        }
    };
    Ok((accounts, "no server has it, and it opens"))
}

fn sound(accounts: &[operator::Account], how: &str) -> Result<String, String> {
    serve::refuse_seeded(accounts).map_err(|failure| told(&failure))?;
    Ok(format!("{how}; {}", output::counted(accounts.len(), "account")))
}

fn told(failure: &Failure) -> String {
    failure.to_string().trim_start_matches("error: ").replace("\nhint: ", "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_was_started_without_is_not_said_to_be_there() {
        let section = "kind = 'evm'\nurl = 'http://127.0.0.1'\nchain_id = 1\ncoin = 'eth'\n";
        let described: Described = toml::from_str(&format!("[a]\n{section}[b]\n{section}")).unwrap();
        let said = |rails: &[&str], unusable: &[(&str, &str)]| {
            let rails = rails.iter().map(|name| (*name).to_owned()).collect();
            let unusable = unusable.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect();
            by_server(&described, Answer::Rails { rails, unusable })
        };
        assert!(said(&["a", "b"], &[]).unwrap().starts_with("a, b: "));
        assert!(said(&[], &[]).unwrap_err().contains("started without a, b; start it again"));
        let both = said(&["b", "c"], &[("b", "silent")]).unwrap_err();
        for told in ["b: silent", "without a;", "still has c;"] {
            assert!(both.contains(told), "{both}");
        }
    }

    fn account(username: &str, email_verified: bool) -> operator::Account {
        operator::Account {
            id: String::new(),
            username: username.to_owned(),
            full_name: String::new(),
            email: Some(username.to_owned()),
            email_verified,
            created: String::new(),
            frozen: None,
            seeded: false,
        }
    }

    #[test]
    fn who_gets_no_mail_is_named_and_not_all_of_many() {
        assert_eq!(unreached(&[account("a@example.com", true)]), "");
        let told = unreached(&[account("a@example.com", true), account("b@example.com", false)]);
        assert!(told.contains("without any notice: b@example.com;") && !told.contains("a@example.com"), "{told}");
        let many: Vec<_> = (0..MOST_NAMED + 2).map(|number| account(&format!("u{number}"), false)).collect();
        assert!(unreached(&many).contains("u9 and 2 more;"), "{}", unreached(&many));
    }
}
