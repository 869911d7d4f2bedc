//! The configuration file of a production server: what it may say, and what holds when it says nothing.
//!
//! A key nobody knows is an error, so that a mistyped limit is not silently the default. Nothing secret
//! may stand in this file.

pub(crate) mod addresses;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use bursar_core::breaker::BreakerRules;
use bursar_core::time::Span;
use bursar_identity::password::PasswordCost;
use bursar_service::mail::Post;
use bursar_service::relying_party::RelyingParty;
use bursar_service::retention::SHORTEST_RETENTION;
use bursar_service::{Policy, RequireIp};
use serde::{Deserialize, Deserializer};

use crate::archive::Unattended;
use crate::authz::{self, Authz};
use crate::failure::Failure;
use crate::post::Mail;
use crate::rails::{self, Described};
use crate::server;

/// The file's usual name.
pub(crate) const NAME: &str = "bursar.toml";

/// What `init` writes; what is in braces is filled in.
const TEMPLATE: &str = include_str!("configuration.toml");

/// What is done by hand is looked at in the store, on the day at least.
const SHORTEST_KEPT: Span = Span::from_seconds(86_400);

/// The configuration of a server.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    #[serde(deserialize_with = "addresses::listening")]
    pub(crate) listen: SocketAddr,
    #[serde(default, deserialize_with = "addresses::optional")]
    operations: Option<SocketAddr>,
    pub(crate) data_directory: PathBuf,
    pub(crate) key_file: PathBuf,
    #[serde(default = "localhost")]
    pub(crate) origin: String,
    #[serde(default, deserialize_with = "addresses::believed")]
    pub(crate) trusted_proxies: Vec<ipnet::IpNet>,
    #[serde(default = "one_mebibyte")]
    pub(crate) body_limit: usize,
    #[serde(default)]
    pub(crate) web: Web,
    #[serde(default)]
    pub(crate) sessions: Sessions,
    #[serde(default)]
    pub(crate) tokens: Tokens,
    #[serde(default)]
    pub(crate) spends: Spends,
    #[serde(default)]
    audit: Audit,
    #[serde(default)]
    circuit_breaker: CircuitBreaker,
    mail: Option<Mail>,
    #[serde(default)]
    rails: Described,
    #[serde(default)]
    pub(crate) rail_hosts: BTreeMap<String, String>,
    #[serde(default)]
    authz: Authz,
}

/// Where people's browsers find this server.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Web {
    pub(crate) origin: Option<String>,
    pub(crate) relying_party_id: Option<String>,
}

impl Web {
    /// Whom passkeys are made for; nobody, if no origin is named.
    fn relying_party(&self) -> Result<Option<RelyingParty>, String> {
        match (&self.origin, &self.relying_party_id) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err("web.relying_party_id means nothing without web.origin".to_owned()),
            (Some(origin), id) => {
                let party = RelyingParty::new(origin, id.as_deref());
                party.map(Some).map_err(|problem| format!("web.origin: {problem}"))
            }
        }
    }
}

/// Logins.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sessions {
    #[serde(deserialize_with = "duration")]
    pub(crate) duration: Span,
    pub(crate) ecdh_issuance: bool,
}

/// Access tokens.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokens {
    pub(crate) per_user: u64,
    #[serde(deserialize_with = "duration")]
    pub(crate) default_duration: Span,
    #[serde(deserialize_with = "duration")]
    pub(crate) longest_duration: Span,
    pub(crate) require_ip_restriction: IpRestricted,
    pub(crate) unlock_drops_limits: bool,
}

/// Spends.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spends {
    #[serde(deserialize_with = "duration")]
    pub(crate) deadline: Span,
    #[serde(deserialize_with = "duration")]
    pub(crate) retention: Span,
    pub(crate) freeze_unexplained_outflows: bool,
}

/// What becomes of old audit events.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    archive_directory: Option<PathBuf>,
    #[serde(deserialize_with = "duration")]
    keep: Span,
}

/// When a token that only fails is paused.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CircuitBreaker {
    pub(crate) after: u32,
    #[serde(deserialize_with = "duration")]
    pub(crate) pause: Span,
    #[serde(deserialize_with = "duration")]
    pub(crate) longest_pause: Span,
}

impl CircuitBreaker {
    /// None, if it is switched off.
    fn rules(&self) -> Option<BreakerRules> {
        let Self { after, pause, longest_pause: longest } = *self;
        (after > 0).then_some(BreakerRules { after, pause, longest })
    }

    fn check(&self) -> Result<(), String> {
        if self.longest_pause < self.pause {
            return Err("circuit_breaker.longest_pause is shorter than circuit_breaker.pause, the first one; make it as long at least"
                .to_owned());
        }
        Ok(())
    }
}

/// Which tokens need an IP restriction.
#[derive(Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IpRestricted {
    /// None.
    Off,
    /// Those that can move money.
    Spend,
    /// All.
    All,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { after: 50, pause: Span::from_seconds(60), longest_pause: Span::from_seconds(60 * 60) }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self { duration: Span::from_seconds(60 * 60), ecdh_issuance: false }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        let ten_years = Span::from_seconds(315_360_000);
        Self {
            per_user: 10,
            default_duration: ten_years,
            longest_duration: ten_years,
            require_ip_restriction: IpRestricted::Spend,
            unlock_drops_limits: false,
        }
    }
}

impl Default for Spends {
    fn default() -> Self {
        Self {
            deadline: Span::from_seconds(60),
            retention: Span::from_seconds(400 * 86_400),
            freeze_unexplained_outflows: false,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self { archive_directory: None, keep: Span::from_seconds(400 * 86_400) }
    }
}

impl Configuration {
    /// Reads a file. Paths in it are relative to the place of the file.
    ///
    /// # Errors
    /// It cannot be read, says something that cannot be, or puts the key where the data is.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|problem| match problem.kind() {
            io::ErrorKind::PermissionDenied => Failure::io(path, &problem),
            _ => Failure::at(path, problem)
                .with_hint("`bursar init` makes a configuration; --config names another place"),
        })?;
        let mut read = Self::parse(&text).map_err(|problem| Failure::at(path, problem))?;
        let place = path.parent().unwrap_or(Path::new("."));
        read.data_directory = place.join(&read.data_directory);
        read.key_file = place.join(&read.key_file);
        read.mail = read.mail.map(|mail| mail.placed(place));
        read.rails = rails::placed(read.rails, place);
        read.audit.archive_directory = read.audit.archive_directory.map(|directory| place.join(directory));
        if let Some(directory) = &read.audit.archive_directory
            && is_inside(&directory.join("file"), &read.data_directory)
        {
            return Err(Failure::at(directory, "audit.archive_directory must not be in the data directory")
                .with_hint("whoever loses or changes the data must not have the archive with it"));
        }
        if is_inside(&read.key_file, &read.data_directory) {
            return Err(Failure::at(&read.key_file, "the master key must not be in the data directory")
                .with_hint("whoever copies the data must not get the key with it"));
        }
        Ok(read)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let read: Self = rails::located::read(text)?;
        if let Some(directory) = &read.audit.archive_directory
            && directory.as_os_str().is_empty()
        {
            return Err("audit.archive_directory is empty, which is no directory; name one, or leave it out".to_owned());
        }
        if read.body_limit == 0 {
            return Err("body_limit is 0, under which nothing could be asked for; it is in bytes".to_owned());
        }
        if read.tokens.per_user == 0 {
            return Err("tokens.per_user is 0, under which nobody could have a token".to_owned());
        }
        if read.tokens.default_duration > read.tokens.longest_duration {
            return Err("tokens.default_duration is longer than tokens.longest_duration".to_owned());
        }
        if read.spends.retention < SHORTEST_RETENTION {
            return Err("spends.retention is shorter than 366d, which the longest window needs".to_owned());
        }
        if read.audit.keep < SHORTEST_KEPT {
            return Err("audit.keep is shorter than 1d".to_owned());
        }
        read.circuit_breaker.check()?;
        read.web.relying_party()?;
        read.mail.as_ref().map_or(Ok(()), Mail::check)?;
        rails::check(&read.rails)?;
        read.check_rail_hosts()?;
        authz::check(&read.trusted_proxies, &read.authz)?;
        Ok(read)
    }

    fn check_rail_hosts(&self) -> Result<(), String> {
        rails::check_hosts(&self.rail_hosts, &self.rails)?;
        for host in self.rail_hosts.keys() {
            // Its pages would be gone.
            let is_ours = |origin: &String| origin.split_once("://").is_some_and(|(_, place)| named(place) == host);
            if self.web.origin.as_ref().is_some_and(is_ours) {
                return Err(format!("rail_hosts.\"{host}\": people's browsers come to this host (web.origin)"));
            }
        }
        Ok(())
    }

    /// The rails, as they are described.
    pub(crate) const fn rails(&self) -> &Described {
        &self.rails
    }

    /// What requests mean that other proxies ask about.
    pub(crate) const fn authz(&self) -> &Authz {
        &self.authz
    }

    /// Where audit events are archived that are old, if they are.
    pub(crate) fn archive(&self) -> Option<Unattended> {
        let (files, data) = (self.audit.archive_directory.clone()?, self.data_directory.clone());
        Some(Unattended { data, files, keep: self.audit.keep })
    }

    /// How mails are sent, if they are.
    pub(crate) const fn mail(&self) -> Option<&Mail> {
        self.mail.as_ref()
    }

    /// The same, ready to send.
    ///
    /// # Errors
    /// It cannot be as it is configured.
    pub(crate) fn post(&self) -> Result<Option<Post>, Failure> {
        self.mail.as_ref().map(Mail::open).transpose()
    }

    /// Where it tells how it is doing.
    pub(crate) fn operations(&self) -> SocketAddr {
        self.operations.unwrap_or_else(|| server::operations_beside(self.listen))
    }

    /// What decides in production.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            fixed_otp: None,
            origin: self.origin.clone(),
            session: self.sessions.duration,
            default_duration: self.tokens.default_duration,
            longest_duration: self.tokens.longest_duration,
            tokens_per_user: self.tokens.per_user,
            require_ip_restriction: match self.tokens.require_ip_restriction {
                IpRestricted::Off => RequireIp::Off,
                IpRestricted::Spend => RequireIp::Spend,
                IpRestricted::All => RequireIp::All,
            },
            unlock_drops_limits: self.tokens.unlock_drops_limits,
            rate_limits: true,
            // What cannot be was refused when the file was read.
            relying_party: self.web.relying_party().ok().flatten(),
            password_cost: PasswordCost::PRODUCTION,
            spend_deadline: self.spends.deadline,
            breaker: self.circuit_breaker.rules(),
            freeze_unexplained: self.spends.freeze_unexplained_outflows,
            retention: Some(self.spends.retention),
            ecdh_issuance: self.sessions.ecdh_issuance,
        }
    }
}

/// The text of a new configuration file.
pub(crate) fn template(listen: SocketAddr, data_directory: &str, key_file: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    TEMPLATE
        .replace("{listen}", &quoted(&listen.to_string()))
        .replace("{operations}", &quoted(&server::operations_beside(listen).to_string()))
        .replace("{data_directory}", &quoted(data_directory))
        .replace("{key_file}", &quoted(key_file))
}

/// Whether a path leads into a directory, also if one of them is still to be made.
pub(crate) fn is_inside(path: &Path, directory: &Path) -> bool {
    path.parent().is_some_and(|parent| real(parent).starts_with(real(directory)))
}

/// Where a path leads: links are followed as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find_map(|there| Some((there.canonicalize().ok()?, path.strip_prefix(there).ok()?)));
    let Some((mut real, missing)) = found else { return path };
    for part in missing.components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            part => real.push(part),
        }
    }
    real
}

/// Reads a duration: seconds, or a number with `s`, `m`, `h` or `d`, or with the word that these stand for.
pub(crate) fn parse_duration(text: &str) -> Result<Span, String> {
    let problem =
        || format!("`{text}` is no duration; write seconds, or a number with s, m, h or d, such as 12h or `30 days`");
    let end = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (digits, unit) = text.split_once(' ').unwrap_or_else(|| text.split_at(end));
    let unit: u64 = match unit {
        "" | "s" | "second" | "seconds" => 1,
        "m" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 60 * 60,
        "d" | "day" | "days" => 24 * 60 * 60,
        _ => return Err(problem()),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.parse::<u64>().ok().filter(|_| is_number).and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..) => Ok(Span::from_seconds(seconds)),
        _ => Err(problem()),
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a duration is seconds, or a text with s, m, h or d, such as \"12h\" or \"30d\"")]
    enum Written {
        Seconds(u64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Seconds(seconds) => seconds.to_string(),
        Written::Text(text) => text,
    };
    parse_duration(&text).map_err(serde::de::Error::custom)
}

/// The name of a host that may have a port and a slash behind it.
fn named(place: &str) -> &str {
    place.split([':', '/']).next().unwrap_or_default()
}

fn localhost() -> String {
    "localhost".to_owned()
}

const fn one_mebibyte() -> usize {
    1024 * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> String {
        template("127.0.0.1:8080".parse().unwrap(), "da\"ta", "master.key")
    }

    #[test]
    fn what_init_writes_is_read_and_says_the_defaults() {
        let read = Configuration::parse(&written()).unwrap();
        assert_eq!(read.data_directory, Path::new("da\"ta"));
        let policy = read.policy();
        assert!(policy.fixed_otp.is_none() && policy.rate_limits && !policy.unlock_drops_limits);
        assert_eq!(policy.require_ip_restriction, RequireIp::Spend);
        assert_eq!(policy.password_cost, PasswordCost::PRODUCTION);
        assert_eq!(policy.tokens_per_user, 10);
        assert_eq!(read.operations(), "127.0.0.1:8081".parse().unwrap());
        let short = "listen = '127.0.0.1:1'\ndata_directory = 'd'\nkey_file = 'k'";
        let defaults = Configuration::parse(short).unwrap();
        assert_eq!(defaults.operations(), "127.0.0.1:2".parse().unwrap());
        let defaults = defaults.policy();
        assert_eq!(format!("{policy:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn a_key_nobody_knows_is_an_error_and_is_named() {
        for (section, key) in [("", "lisen"), ("[tokens]", "per_usr"), ("[sessions]", "durations")] {
            let text = if section.is_empty() {
                format!("{key} = 1\n{}", written())
            } else {
                written().replace(section, &format!("{section}\n{key} = 1"))
            };
            let error = Configuration::parse(&text).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_rails_own_host_is_a_name_of_a_rail_that_there_is() {
        let rail = "[rails.node]\nkind = 'bitcoin'\nurl = 'http://127.0.0.1:1'\nnetwork = 'regtest'\n";
        let read = |hosts: &str| Configuration::parse(&format!("{}\n{rail}[rail_hosts]\n{hosts}", written()));
        assert_eq!(read("'node.internal' = 'node'").unwrap().rail_hosts["node.internal"], "node");
        for (hosts, problem) in [
            ("'Node.internal' = 'node'", "small letters, and no port"),
            ("'node.internal:80' = 'node'", "small letters, and no port"),
            ("'node.internal' = 'other'", "no section `[rails.other]`"),
        ] {
            let error = read(hosts).map(drop).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_longest_pause_that_is_shorter_than_the_first_is_refused() {
        let read = |longest: &str| {
            let longest = format!("longest_pause = \"{longest}\"");
            Configuration::parse(&written().replace("longest_pause = \"1h\"", &longest)).map(drop)
        };
        assert_eq!(read("1m"), Ok(()));
        let error = read("59s").unwrap_err();
        assert!(error.starts_with("circuit_breaker.longest_pause is shorter than circuit_breaker.pause"), "{error}");
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("2m", 120), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(parse_duration(text), Ok(Span::from_seconds(seconds)), "{text}");
        }
        for (text, seconds) in [("90 days", 7_776_000), ("1 day", 86_400), ("12 hours", 43_200), ("5 minutes", 300)] {
            assert_eq!(parse_duration(text), Ok(Span::from_seconds(seconds)), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "1w",
            "1.5h",
            "h",
            "1h2m",
            " 1",
            "1  d",
            "90 dayss",
            "99999999999999999999",
            "9999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_that_passkeys_cannot_be_made_on_is_refused_and_named() {
        let with = |web: &str| {
            Configuration::parse(&format!("{}\n{web}\n", written().replace("[web]", ""))).map(|read| read.policy())
        };
        let good = with("[web]\norigin = 'https://bursar.example.com'\nrelying_party_id = 'example.com'").unwrap();
        assert_eq!(good.relying_party.unwrap().id(), "example.com");
        assert!(with("").unwrap().relying_party.is_none());
        for web in [
            "[web]\norigin = 'http://bursar.example.com'",
            "[web]\norigin = 'https://203.0.113.7'",
            "[web]\norigin = 'https://bursar.example.com'\nrelying_party_id = 'example.org'",
            "[web]\nrelying_party_id = 'example.org'",
        ] {
            assert!(with(web).unwrap_err().contains("web."), "{web}");
        }
    }

    #[test]
    fn a_default_beyond_the_longest_is_refused() {
        let text = written().replace("longest_duration = \"3650d\"", "longest_duration = \"1d\"");
        assert!(Configuration::parse(&text).unwrap_err().contains("longest_duration"));
    }

    #[test]
    fn what_nothing_could_pass_under_is_refused_and_named() {
        let read = |more: &str| {
            let text = format!("listen = '127.0.0.1:1'\ndata_directory = 'd'\nkey_file = 'k'\n{more}");
            Configuration::parse(&text).map(drop)
        };
        let evm = "[rails.local]\nkind = 'evm'\nurl = 'http://127.0.0.1:1'\nchain_id = 31337\ncoin = 'hteth'\n";
        assert_eq!(read(evm), Ok(()));
        for (more, field) in [
            ("body_limit = 0".to_owned(), "body_limit"),
            ("[tokens]\nper_user = 0".to_owned(), "tokens.per_user"),
            ("[audit]\narchive_directory = ''".to_owned(), "audit.archive_directory"),
            (format!("{evm}max_gas = 0"), "rails.local: `max_gas`"),
            (format!("{evm}max_fee_per_gas_gwei = 0"), "rails.local: `max_fee_per_gas_gwei`"),
            (format!("{evm}fees_per_spend = '0'"), "rails.local: `fees_per_spend`"),
            (format!("{evm}fees_per_day = '0'"), "rails.local: `fees_per_day`"),
        ] {
            let told = read(&more).unwrap_err();
            assert!(told.starts_with(field), "{told}");
        }
    }
}
