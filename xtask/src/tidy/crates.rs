//! Rules about crates: which may know which, which stay pure, and what every manifest says.

use toml::{Table, Value};

use super::{Finding, Source};

/// The arrows of ARCHITECTURE.md: what each crate may depend on inside the workspace. Nothing points back.
///
/// Dev-dependencies are exempt: tests may wire up what the code may not.
const ARROWS: &[(&str, &[&str])] = &[
    ("bursar-core", &[]),
    ("bursar-wire", &["bursar-core"]),
    ("bursar-identity", &["bursar-core"]),
    ("bursar-rails", &["bursar-core"]),
    ("bursar-store", &["bursar-core"]),
    ("bursar-store-sqlite", &["bursar-core", "bursar-store"]),
    ("bursar-store-postgres", &["bursar-core", "bursar-store"]),
    ("bursar-ledger", &["bursar-core", "bursar-store"]),
    (
        "bursar-service",
        &["bursar-core", "bursar-identity", "bursar-ledger", "bursar-rails", "bursar-store", "bursar-wire"],
    ),
    ("bursar-gateway", &["bursar-core", "bursar-rails", "bursar-service", "bursar-wire"]),
    ("bursar-http", &["bursar-core", "bursar-identity", "bursar-rails", "bursar-service", "bursar-wire"]),
    ("bursar-client", &["bursar-core", "bursar-wire"]),
    (
        "bursar",
        &[
            "bursar-client",
            "bursar-core",
            "bursar-gateway",
            "bursar-http",
            "bursar-identity",
            "bursar-ledger",
            "bursar-rails",
            "bursar-service",
            "bursar-store",
            "bursar-store-postgres",
            "bursar-store-sqlite",
            "bursar-wire",
        ],
    ),
    (
        "bursar-testkit",
        &[
            "bursar-client",
            "bursar-core",
            "bursar-gateway",
            "bursar-http",
            "bursar-identity",
            "bursar-ledger",
            "bursar-rails",
            "bursar-service",
            "bursar-store",
            "bursar-wire",
        ],
    ),
    ("bursar-sim", &["bursar-core", "bursar-ledger", "bursar-store", "bursar-testkit"]),
    (
        "bursar-bench",
        &["bursar-client", "bursar-core", "bursar-ledger", "bursar-store", "bursar-store-sqlite", "bursar-wire"],
    ),
    ("xtask", &[]),
];

/// Crates that decide and never do: facts, time and random bytes come in as arguments.
const PURE: &[&str] = &["bursar-core", "bursar-identity", "bursar-rails", "bursar-wire"];

/// Async runtimes, servers, databases, clients, ambient randomness and output.
const IMPURE: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "socket2",
    "sqlx",
    "tokio",
    "tracing-subscriber",
    "ureq",
];

/// What is serialisable is a contract, and contracts belong to the adapters.
const NOT_IN_CORE: &[&str] = &["serde", "serde_json"];

/// A manifest with the name it gives its crate.
struct Manifest<'a> {
    path: &'a str,
    name: String,
    table: Table,
}

/// Holds each manifest against the rules.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let (manifests, mut findings) = manifests(sources);
    for manifest in &manifests {
        let mut find = |message: String| {
            findings.push(Finding::in_file(manifest.path, message));
        };
        describes_itself(manifest).into_iter().for_each(&mut find);
        points_forward(manifest).into_iter().for_each(&mut find);
        let dependencies = dependencies(&manifest.table);
        impurities(&manifest.name, dependencies.iter().map(String::as_str)).into_iter().for_each(&mut find);
    }
    findings
}

/// Holds what a pure crate pulls in, at any depth, against the same bans as its manifest.
///
/// `tree` gives the packages that a crate is built with, one per line, itself first.
pub(super) fn check_resolved(
    sources: &[Source],
    tree: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<Finding>, String> {
    let (manifests, _) = manifests(sources);
    let mut findings = Vec::new();
    for manifest in manifests.iter().filter(|it| PURE.contains(&it.name.as_str())) {
        let direct = dependencies(&manifest.table);
        let tree = tree(&manifest.name)?;
        let pulled_in = tree.lines().filter_map(|line| line.split(' ').next());
        let deeper = pulled_in.filter(|name| !direct.iter().any(|known| known == name));
        let impurities = impurities(&manifest.name, deeper);
        findings.extend(
            impurities
                .into_iter()
                .map(|message| Finding::in_file(manifest.path, format!("{message}, but pulls it in"))),
        );
    }
    findings.dedup();
    Ok(findings)
}

/// The manifests of packages, and findings about those that cannot be read.
fn manifests(sources: &[Source]) -> (Vec<Manifest<'_>>, Vec<Finding>) {
    let mut manifests = Vec::new();
    let mut findings = Vec::new();
    let paths = sources.iter();
    for source in paths.filter(|source| source.path.ends_with("/Cargo.toml")) {
        match source.text.parse::<Table>() {
            Ok(table) => manifests.push(Manifest {
                path: &source.path,
                name: text_in(&table, "package", "name").unwrap_or_default(),
                table,
            }),
            Err(error) => {
                findings.push(Finding::in_file(&source.path, format!("is not TOML: {error}")));
            }
        }
    }
    (manifests, findings)
}

fn describes_itself(manifest: &Manifest<'_>) -> Vec<String> {
    let mut messages = Vec::new();
    let lints = manifest.table.get("lints");
    let inherits = lints.and_then(|lints| lints.get("workspace"));
    if inherits.and_then(Value::as_bool) != Some(true) {
        messages.push("does not say `lints.workspace = true`".to_owned());
    }
    let description = text_in(&manifest.table, "package", "description").unwrap_or_default();
    if description.is_empty() || description == "placeholder" {
        messages.push("has no `description`".to_owned());
    }
    messages
}

fn points_forward(manifest: &Manifest<'_>) -> Vec<String> {
    let name = manifest.name.as_str();
    let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
        return vec![format!("`{name}` is not in the table of arrows of `cargo xtask tidy`")];
    };
    let dependencies = dependencies(&manifest.table);
    let internal = dependencies.iter().filter(|to| is_internal(to));
    internal
        .filter(|to| !allowed.contains(&to.as_str()))
        .map(|to| format!("`{name}` may not depend on `{to}`"))
        .collect()
}

fn is_internal(name: &str) -> bool {
    ARROWS.iter().any(|(known, _)| *known == name) || name.starts_with("bursar")
}

/// What a pure crate may not be built with; empty for the others.
fn impurities<'a>(name: &str, dependencies: impl Iterator<Item = &'a str>) -> Vec<String> {
    if !PURE.contains(&name) {
        return Vec::new();
    }
    let in_core = |dependency: &str| name == "bursar-core" && NOT_IN_CORE.contains(&dependency);
    dependencies
        .filter(|dependency| IMPURE.contains(dependency) || in_core(dependency))
        .map(|dependency| format!("`{name}` is pure and may not know `{dependency}`"))
        .collect()
}

/// The real names of all dependencies that end up in what is shipped.
fn dependencies(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    let kinds = ["dependencies", "build-dependencies"];
    let sections = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)));
    let entries = sections.filter_map(Value::as_table).flatten();
    entries
        .map(|(key, value)| {
            let renamed = value.get("package").and_then(Value::as_str);
            renamed.unwrap_or(key).to_owned()
        })
        .collect()
}

fn text_in(table: &Table, section: &str, key: &str) -> Option<String> {
    let value = table.get(section)?.get(key)?.as_str()?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{ARROWS, PURE, check, check_resolved};
    use crate::tidy::Source;

    fn manifest(name: &str, rest: &str) -> Source {
        Source {
            path: format!("crates/{name}/Cargo.toml"),
            text: format!(
                "[package]\nname = \"{name}\"\ndescription = \"A room\"\n\
                 [lints]\nworkspace = true\n{rest}"
            ),
        }
    }

    fn messages(source: Source) -> Vec<String> {
        let findings = check(&[source]);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn an_arrow_of_the_table_is_allowed() {
        let source = manifest("bursar-ledger", "[dependencies]\nbursar-store.workspace = true\n");
        assert_eq!(messages(source), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_points_back_is_found() {
        let source = manifest("bursar-core", "[dependencies]\nbursar-wire.workspace = true\n");
        assert_eq!(messages(source), ["`bursar-core` may not depend on `bursar-wire`"]);
    }

    #[test]
    fn only_the_binary_and_its_benches_may_know_a_database() {
        let line = "[dependencies]\nbursar-store-sqlite.workspace = true\n";
        for (name, _) in ARROWS {
            let expected = usize::from(!["bursar", "bursar-bench"].contains(name));
            assert_eq!(messages(manifest(name, line)).len(), expected, "{name}");
        }
    }

    #[test]
    fn dev_dependencies_are_exempt() {
        let line = "[dev-dependencies]\nbursar-store-sqlite.workspace = true\ntokio = \"1\"\n";
        assert_eq!(messages(manifest("bursar-core", line)).len(), 0);
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        let found = messages(manifest("bursar-utilities", ""));
        assert!(found[0].contains("table of arrows"), "{found:?}");
    }

    #[test]
    fn the_table_has_no_circle() {
        for (position, (name, allowed)) in ARROWS.iter().enumerate() {
            let earlier = &ARROWS[..position];
            for to in *allowed {
                // `bursar-http` before `bursar`: each row leans on rows above it only.
                assert!(earlier.iter().any(|(known, _)| known == to), "{name} -> {to}");
            }
        }
    }

    #[test]
    fn a_pure_crate_may_know_no_runtime_however_it_is_named() {
        for line in [
            "[dependencies]\ntokio = \"1\"\n",
            "[dependencies]\nruntime = { package = \"tokio\", version = \"1\" }\n",
            "[build-dependencies]\ntokio = \"1\"\n",
            "[target.'cfg(unix)'.dependencies]\ntokio.workspace = true\n",
        ] {
            for name in PURE {
                assert_eq!(messages(manifest(name, line)).len(), 1, "{name}: {line}");
            }
            assert_eq!(messages(manifest("bursar-ledger", line)).len(), 0);
        }
    }

    #[test]
    fn only_the_core_may_not_serialise() {
        let line = "[dependencies]\nserde.workspace = true\n";
        assert_eq!(messages(manifest("bursar-core", line)).len(), 1);
        assert_eq!(messages(manifest("bursar-wire", line)).len(), 0);
    }

    #[test]
    fn what_a_pure_crate_pulls_in_is_held_to_the_same_rule() {
        let sources = [manifest("bursar-wire", "[dependencies]\naes.workspace = true\n")];
        let tree = |_: &str| Ok("bursar-wire v0.1.0\naes v0.9.0\ngetrandom v0.4.0\n".to_owned());
        let findings = check_resolved(&sources, tree).unwrap();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("`getrandom`, but pulls it in"));
        let harmless = |_: &str| Ok("bursar-wire v0.1.0\naes v0.9.0\n".to_owned());
        assert_eq!(check_resolved(&sources, harmless), Ok(Vec::new()));
    }

    #[test]
    fn every_crate_inherits_the_lints_and_describes_itself() {
        let source = Source {
            path: "crates/xtask/Cargo.toml".to_owned(),
            text: "[package]\nname = \"xtask\"\ndescription = \"placeholder\"\n".to_owned(),
        };
        assert_eq!(messages(source).len(), 2);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_a_finding() {
        let mut source = manifest("bursar-core", "");
        source.text.push_str("[[[");
        assert_eq!(messages(source).len(), 1);
    }
}
