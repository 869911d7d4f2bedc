//! Rules about where dependencies come from: the public registries, and nothing from one machine's mirror.

use toml::{Table, Value};

use super::{Finding, Source};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A second TLS stack, and one that every system has in another version.
const BANNED_CRATES: &[&str] = &["native-tls", "openssl", "openssl-sys"];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let name = source.path.rsplit('/').next();
    let messages = match name {
        Some("Cargo.lock") => cargo_lock(&source.text),
        Some("package-lock.json") => package_lock(&source.text),
        Some(".npmrc") => settings(&source.text, &["registry", "proxy"]),
        Some("config.toml") => settings(&source.text, &["replace-with", "registry", "proxy"]),
        _ => Vec::new(),
    };
    let in_file = |message| Finding::in_file(&source.path, message);
    messages.into_iter().map(in_file).collect()
}

fn cargo_lock(text: &str) -> Vec<String> {
    let lock: Table = match text.parse() {
        Ok(lock) => lock,
        Err(error) => return vec![format!("is not TOML: {error}")],
    };
    let packages = lock.get("package").and_then(Value::as_array);
    let packages = packages.into_iter().flatten();
    packages.filter_map(locked_package).collect()
}

fn locked_package(package: &Value) -> Option<String> {
    let name = package.get("name").and_then(Value::as_str)?;
    if BANNED_CRATES.contains(&name) {
        return Some(format!("`{name}` is banned: TLS is rustls"));
    }
    let source = package.get("source").and_then(Value::as_str)?;
    (source != CRATES_IO).then(|| format!("`{name}` does not come from crates.io"))
}

/// A lock file without addresses installs from whichever registry a machine uses, checked by its hashes.
fn package_lock(text: &str) -> Vec<String> {
    let names_address = |line: &&str| line.contains("\"resolved\": \"http");
    match text.lines().filter(names_address).count() {
        0 => Vec::new(),
        count => {
            vec![format!("{count} download addresses: write it with `npm install --omit-lockfile-registry-resolved`")]
        }
    }
}

fn settings(text: &str, keys: &[&str]) -> Vec<String> {
    let key_of = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let set = text.lines().filter_map(key_of);
    let of_machine = set.filter(|key| keys.iter().any(|part| key.ends_with(part)));
    of_machine.map(|key| format!("`{key}` belongs in the settings of one machine")).collect()
}

#[cfg(test)]
mod tests {
    use super::{CRATES_IO, check};
    use crate::tidy::Source;

    fn findings(path: &str, text: &str) -> usize {
        let path = path.to_owned();
        let text = text.to_owned();
        check(&Source { path, text }).len()
    }

    fn locked(name: &str, source: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nsource = \"{source}\"\n")
    }

    #[test]
    fn crates_come_from_crates_io_only() {
        assert_eq!(findings("Cargo.lock", &locked("itoa", CRATES_IO)), 0);
        assert_eq!(findings("Cargo.lock", "[[package]]\nname = \"bursar\"\n"), 0);
        assert_eq!(findings("fuzz/Cargo.lock", &locked("itoa", "git+ssh://host/itoa")), 1);
        assert_eq!(findings("Cargo.lock", "<<<<<<<"), 1);
    }

    #[test]
    fn a_second_tls_stack_is_found() {
        assert_eq!(findings("Cargo.lock", &locked("openssl-sys", CRATES_IO)), 1);
    }

    #[test]
    fn an_npm_lock_file_names_no_address() {
        let line = "  \"resolved\": \"https://example.com/a.tgz\",";
        assert_eq!(findings("examples/package-lock.json", line), 1);
        assert_eq!(findings("package-lock.json", "  \"integrity\": \"sha512-\""), 0);
    }

    #[test]
    fn settings_of_one_machine_are_found() {
        assert_eq!(findings(".npmrc", "registry = https://example.com"), 1);
        assert_eq!(findings(".cargo/config.toml", "replace-with = \"mirror\""), 1);
        assert_eq!(findings(".cargo/config.toml", "xtask = \"run\""), 0);
    }
}
