//! Rules about documents: decisions are numbered, the map is whole, and the README is what CI runs.

use super::{Finding, Source};

/// The two commands that the README promises, and that `.ci/run` must name.
const README_COMMANDS: &[&str] = &["cargo run --release -- dev", "cargo xtask test"];

const DECISIONS: &str = "docs/adr/";

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = decisions(sources);
    findings.extend(commands(sources));
    findings.extend(map(sources));
    findings
}

/// ADRs are `NNNN-what-was-decided.md`, counted from 0001 without gaps.
fn decisions(sources: &[Source]) -> Vec<Finding> {
    let inside = |source: &&Source| source.path.starts_with(DECISIONS);
    let mut numbers = Vec::new();
    let mut findings = Vec::new();
    for source in sources.iter().filter(inside) {
        match number_of(&source.path) {
            Some(number) => numbers.push((number, &source.path)),
            None => findings.push(Finding::in_file(&source.path, "is not named `NNNN-what-was-decided.md`")),
        }
    }
    numbers.sort_unstable();
    for (expected, (number, path)) in (1..).zip(numbers) {
        if number != expected {
            let message = format!("the next free number of a decision is {expected:04}");
            findings.push(Finding::in_file(path, message));
            break;
        }
    }
    findings
}

fn number_of(path: &str) -> Option<u32> {
    let name = path.strip_prefix(DECISIONS)?.strip_suffix(".md")?;
    let (number, title) = name.split_once('-')?;
    let four_digits = number.len() == 4 && number.chars().all(|digit| digit.is_ascii_digit());
    if !four_digits || title.is_empty() {
        return None;
    }
    number.parse().ok()
}

fn commands(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in ["README.md", ".ci/run"] {
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            findings.push(Finding::in_file(path, "is missing"));
            continue;
        };
        let missing = README_COMMANDS.iter().filter(|command| !source.text.contains(**command));
        findings
            .extend(missing.map(|command| Finding::in_file(path, format!("does not name the command `{command}`"))));
    }
    findings
}

/// ARCHITECTURE.md names every crate.
fn map(sources: &[Source]) -> Vec<Finding> {
    const MAP: &str = "ARCHITECTURE.md";
    let text = sources.iter().find(|source| source.path == MAP);
    let text = text.map_or("", |source| source.text.as_str());
    let is_word = |character: char| character.is_alphanumeric() || character == '-';
    let names: Vec<&str> = text.split(|character| !is_word(character)).collect();
    let crates = sources.iter().filter_map(|source| {
        let name = source.path.strip_prefix("crates/")?;
        name.strip_suffix("/Cargo.toml")
    });
    crates
        .filter(|name| !names.contains(name))
        .map(|name| Finding::in_file(MAP, format!("does not name the crate `{name}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{README_COMMANDS, check};
    use crate::tidy::Source;

    fn source(path: &str, text: &str) -> Source {
        let path = path.to_owned();
        let text = text.to_owned();
        Source { path, text }
    }

    /// Findings about these files, beside a README and a `.ci/run` that are in order.
    fn findings(files: Vec<Source>) -> Vec<String> {
        let commands = README_COMMANDS.join("\n");
        let mut sources = vec![source("README.md", &commands), source(".ci/run", &commands)];
        sources.extend(files);
        let findings = check(&sources);
        findings.iter().map(ToString::to_string).collect()
    }

    fn decision(name: &str) -> Source {
        source(&format!("docs/adr/{name}"), "# A decision\n")
    }

    #[test]
    fn decisions_are_counted_from_one() {
        let files = vec![decision("0001-layout.md"), decision("0002-writer.md")];
        assert_eq!(findings(files), Vec::<String>::new());
    }

    #[test]
    fn a_gap_or_a_number_used_twice_is_found() {
        let gap = findings(vec![decision("0001-layout.md"), decision("0003-writer.md")]);
        assert_eq!(gap.len(), 1);
        assert!(gap[0].contains("is 0002"), "{gap:?}");
        let twice = findings(vec![decision("0001-layout.md"), decision("0001-writer.md")]);
        assert_eq!(twice.len(), 1);
    }

    #[test]
    fn a_decision_without_a_number_is_found() {
        for name in ["layout.md", "1-layout.md", "0001.md", "0001-.md", "0001-layout.txt"] {
            assert_eq!(findings(vec![decision(name)]).len(), 1, "{name}");
        }
    }

    #[test]
    fn the_commands_of_the_readme_are_those_that_ci_runs() {
        let mut sources = vec![source("README.md", &README_COMMANDS.join("\n"))];
        assert_eq!(check(&sources).len(), 1);
        sources.push(source(".ci/run", "cargo test"));
        assert_eq!(check(&sources).len(), 2);
    }

    #[test]
    fn a_crate_that_the_map_forgets_is_found() {
        let manifest = || source("crates/bursar-core/Cargo.toml", "");
        let map = |text: &str| source("ARCHITECTURE.md", text);
        assert_eq!(findings(vec![manifest(), map("`bursar-core/` decides")]).len(), 0);
        assert_eq!(findings(vec![manifest(), map("`bursar-core-x` does not")]).len(), 1);
        assert_eq!(findings(vec![manifest()]).len(), 1);
    }
}
