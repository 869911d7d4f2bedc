//! `bursar rail credential …`: what rails show their other end, sealed in the store. It is never shown again.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use bursar_core::secret::Secret;
use bursar_service::rail_credentials::LONGEST_CREDENTIAL;
use clap::Subcommand;
use serde_json::json;

use crate::cli::operator::Place;
use crate::cli::{output, table};
use crate::environment;
use crate::failure::Failure;
use crate::operator::{Answer, Request};
use crate::rails::{self, Described, Kept};

#[derive(Subcommand)]
pub(in crate::cli) enum Credential {
    /// Seal a credential of a rail in the store, from standard input or a file; the server has it from its next start on.
    Set {
        /// The rail, as it is named in the configuration.
        rail: String,
        /// Which one: url, ws_url, wallet_url, token, credential or client_key; the rail's only one if nothing is said.
        #[arg(long)]
        name: Option<String>,
        /// The file that has it; standard input if nothing is said.
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// List which credentials rails have and where they are; never what they are.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove a sealed credential.
    Remove {
        /// The rail.
        rail: String,
        /// Which one, if the rail has several.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

impl Credential {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        match self {
            Self::Set { rail, name, from_file, place } => {
                let described = place.rails()?;
                let name = named(described.as_ref(), &rail, name)?;
                check_name(described.as_ref(), &rail, &name)?;
                let credential = read(from_file.as_deref())?.expose().clone();
                let request = Request::SealCredential { rail: rail.clone(), name: name.clone(), credential };
                done(place.answer(request)?)?;
                if json {
                    return output::json(&json!({"rail": rail, "name": name, "sealed": true}));
                }
                output::text(&format!(
                    "`{name}` of rail `{rail}` is sealed. {}",
                    next(described.as_ref(), &rail, &name)
                ))
            }
            Self::List { place } => {
                let described = place.rails()?;
                let Answer::Credentials { credentials } = place.answer(Request::RailCredentials)? else {
                    return Err(Failure::new("the server answered something else than was asked"));
                };
                list(described.as_ref(), &credentials, json)
            }
            Self::Remove { rail, name, place } => {
                let name = named(place.rails()?.as_ref(), &rail, name)?;
                done(place.answer(Request::RemoveCredential { rail: rail.clone(), name: name.clone() })?)?;
                if json {
                    return output::json(&json!({"rail": rail, "name": name, "sealed": false}));
                }
                output::text(&format!("`{name}` of rail `{rail}` is no longer kept"))
            }
        }
    }
}

fn done(answer: Answer) -> Result<(), Failure> {
    match answer {
        Answer::Done => Ok(()),
        Answer::Failed { message } => Err(Failure::new(message)),
        _ => Err(Failure::new("the server answered something else than was asked")),
    }
}

/// The name that is said, or the only one that the configuration has.
fn named(described: Option<&Described>, rail: &str, name: Option<String>) -> Result<String, Failure> {
    let section = described.map(|rails| rails.get(rail));
    if section.is_some_and(|section| section.is_none()) && name.is_none() {
        return Err(Failure::usage(format!("there is no rail `{rail}` in the configuration")));
    }
    if let Some(name) = name {
        return Ok(name);
    }
    let kept = section.flatten().map(rails::RailConfiguration::kept).unwrap_or_default();
    if let [(only, _)] = kept.as_slice() {
        return Ok((*only).to_owned());
    }
    let keys = section.flatten().map(rails::RailConfiguration::keys);
    let hint = keys.map_or_else(
        || {
            "without a configuration the rail's kind is not known; say --name, as `sealed` in its section does"
                .to_owned()
        },
        |keys| format!("say --name {}", keys.join(" or ")),
    );
    Err(Failure::usage("which credential is not said").with_hint(hint))
}

/// Whether a rail of this kind has a secret of this name: what is sealed under another is never read.
fn check_name(described: Option<&Described>, rail: &str, name: &str) -> Result<(), Failure> {
    let Some(described) = described else { return Ok(()) };
    let Some(keys) = described.get(rail).map(rails::RailConfiguration::keys) else {
        let known: Vec<String> = described.keys().map(|name| format!("`{name}`")).collect();
        let hint = match known.is_empty() {
            true => format!("write its section [rails.{rail}] first"),
            false => format!("it has {}", known.join(", ")),
        };
        return Err(Failure::usage(format!("there is no rail `{rail}` in the configuration")).with_hint(hint));
    };
    if keys.contains(&name) {
        return Ok(());
    }
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    Err(Failure::usage(format!("rail `{rail}` has no credential `{name}`; it may have {}", keys.join(", "))))
}

/// What is left to do.
fn next(described: Option<&Described>, rail: &str, name: &str) -> String {
    let kept = described.and_then(|rails| rails.get(rail)).map(rails::RailConfiguration::kept).unwrap_or_default();
    match kept.iter().find(|(key, _)| *key == name) {
        Some((_, Kept::Sealed)) => "A server that runs takes it when it is started again.".to_owned(),
        Some((_, Kept::File(file))) => format!(
            "Say sealed = [\"{name}\"] instead of `{name}_file` in [rails.{rail}], start the server again, and remove {}.",
            file.display()
        ),
        None => format!("Say sealed = [\"{name}\"] in [rails.{rail}], and start the server again."),
    }
}

fn read(file: Option<&Path>) -> Result<Secret<String>, Failure> {
    let most = u64::try_from(LONGEST_CREDENTIAL).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    match file {
        Some(file) => {
            let opened = File::open(file).map_err(|problem| Failure::at(file, problem))?;
            opened.take(most).read_to_string(&mut text).map_err(|problem| Failure::at(file, problem))?;
        }
        None if io::stdin().is_terminal() => {
            text = rpassword::prompt_password("Credential: ")?;
        }
        None => {
            io::stdin().lock().take(most).read_to_string(&mut text)?;
        }
    }
    Ok(Secret::new(text))
}

fn list(described: Option<&Described>, sealed: &[(String, String)], json: bool) -> Result<(), Failure> {
    let is_sealed = |rail: &str, key: &str| sealed.iter().any(|(a, b)| a == rail && b == key);
    let mut rows: Vec<[String; 3]> = Vec::new();
    // A test environment has no configuration: which of them its rails use is known to it alone.
    let unused = described.map_or("sealed", |_| "sealed, not used by the configuration");
    let of_rails = || described.into_iter().flat_map(rails::kept);
    for (rail, key, kept) in of_rails() {
        let place = match kept {
            Kept::File(file) => format!("in clear, {}", file.display()),
            Kept::Sealed if is_sealed(rail, key) => "sealed".to_owned(),
            Kept::Sealed => "missing".to_owned(),
        };
        rows.push([rail.to_owned(), key.to_owned(), place]);
    }
    for (rail, key) in sealed {
        let used = of_rails().any(|(r, k, kept)| r == rail && k == key && kept == Kept::Sealed);
        if !used {
            rows.push([rail.clone(), key.clone(), unused.to_owned()]);
        }
    }
    if json {
        let shown = |[rail, name, kept]: &[String; 3]| json!({"rail": rail, "name": name, "kept": kept});
        return output::json(&json!({"credentials": rows.iter().map(shown).collect::<Vec<_>>()}));
    }
    output::table(&table::draw(["RAIL", "CREDENTIAL", "KEPT"], &rows), "no rail has a credential")
}
