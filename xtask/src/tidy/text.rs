//! Rules about lines: what may not be written anywhere, and how long a file may be.

use super::{Finding, Source};

/// The longest Rust file, its tests aside.
const LINES_MAX: usize = 500;

// Put together from halves, so that this file keeps the rules it states.
const UNFINISHED_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED_CODE: &[&str] = &[concat!("todo", "!("), concat!("unimplemented", "!(")];
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "target")];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(source.text.split('\n')) {
        let mut find = |message: String| {
            findings.push(Finding::in_line(&source.path, number, message));
        };
        if line.ends_with([' ', '\t', '\r']) {
            find("white space at the end of the line".to_owned());
        }
        if let Some(mark) = unfinished(line) {
            find(format!("`{mark}`: finish it, or open an issue"));
        }
        if let Some(path) = machine_path(line) {
            find(format!("`{path}` is a path of one machine"));
        }
        if sets_proxy(line) {
            find("a proxy is the affair of one machine".to_owned());
        }
    }
    let lines = lines_without_tests(source);
    if lines > LINES_MAX {
        let message = format!("{lines} lines without tests, {LINES_MAX} at most: split it");
        findings.push(Finding::in_file(&source.path, message));
    }
    findings
}

fn unfinished(line: &str) -> Option<&'static str> {
    let is_word = |mark: &&&str| {
        let mut places = line.match_indices(**mark);
        places.any(|(at, _)| stands_alone(line, at, mark.len()))
    };
    let word = UNFINISHED_WORDS.iter().find(is_word);
    let code = || UNFINISHED_CODE.iter().find(|mark| line.contains(**mark));
    word.or_else(code).copied()
}

fn stands_alone(line: &str, at: usize, length: usize) -> bool {
    let before = line[..at].chars().next_back();
    let after = line[at + length..].chars().next();
    let joins = |character: char| character.is_alphanumeric() || character == '_';
    !before.is_some_and(joins) && !after.is_some_and(joins)
}

/// A path of one machine that starts here, not one that only passes through such a name.
fn machine_path(line: &str) -> Option<&'static str> {
    let starts = |path: &&&str| {
        let mut places = line.match_indices(**path);
        places.any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|character| character.is_alphanumeric() || "_-.})".contains(character))
        })
    };
    MACHINE_PATHS.iter().find(starts).copied()
}

/// An address given to a proxy setting, as in a shell, a Dockerfile or a configuration file.
fn sets_proxy(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let after = |name: &str| line.split_once(name).map(|(_, rest)| rest.trim_start());
    ["http_proxy", "https_proxy", "http-proxy", "https-proxy"]
        .into_iter()
        .filter_map(after)
        .any(|rest| rest.starts_with(['=', ':', ' ']) && rest.contains("://"))
}

/// Lines of a Rust file up to its test module; 0 for files that are tests or not Rust.
fn lines_without_tests(source: &Source) -> usize {
    let path = format!("/{}", source.path);
    let is_test = ["/tests/", "/tests.rs", "/benches/"].iter().any(|part| path.contains(part));
    if is_test || !path.ends_with(".rs") {
        return 0;
    }
    let lines = source.text.lines();
    lines.take_while(|line| *line != "#[cfg(test)]").count()
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, MACHINE_PATHS, UNFINISHED_CODE, UNFINISHED_WORDS, check};
    use crate::tidy::Source;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let path = path.to_owned();
        let text = text.to_owned();
        let findings = check(&Source { path, text });
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn clean_text_has_no_findings() {
        assert_eq!(findings("a.md", "# A\n\n- one\n"), Vec::<String>::new());
    }

    #[test]
    fn white_space_at_the_end_is_found_with_its_line() {
        for text in ["a\nb \n", "a\nb\t", "a\nb\r\n"] {
            let found = findings("a.md", text);
            assert_eq!(found, ["a.md:2: white space at the end of the line"]);
        }
    }

    #[test]
    fn unfinished_work_is_found_but_not_inside_a_word() {
        for mark in UNFINISHED_WORDS {
            assert_eq!(findings("a.rs", &format!("// {mark}: later")).len(), 1);
            assert_eq!(findings("a.rs", &format!("MAS{mark}S")).len(), 0);
        }
        for mark in UNFINISHED_CODE {
            assert_eq!(findings("a.rs", &format!("    {mark}\"later\")")).len(), 1);
        }
    }

    #[test]
    fn paths_of_one_machine_are_found_where_they_start() {
        for path in MACHINE_PATHS {
            assert_eq!(findings("a.sh", &format!("cd {path}x")).len(), 1);
            assert_eq!(findings("a.sh", &format!("cd $HOME{path}x")).len(), 0);
        }
    }

    #[test]
    fn a_proxy_address_is_found_and_talk_of_proxies_is_not() {
        let setting = |name: &str| format!("ENV {name}=http://10.0.0.1:3128");
        assert_eq!(findings("Dockerfile", &setting("HTTPS_PROXY")).len(), 1);
        assert_eq!(findings(".npmrc", &setting("http-proxy")).len(), 1);
        assert_eq!(findings("a.md", "`HTTPS_PROXY` is ignored").len(), 0);
    }

    #[test]
    fn a_long_file_is_found_but_long_tests_are_not() {
        let long = "fn f() {}\n".repeat(LINES_MAX + 1);
        assert_eq!(findings("src/a.rs", &long).len(), 1);
        assert_eq!(findings("tests/a.rs", &long).len(), 0);
        assert_eq!(findings("src/tests.rs", &long).len(), 0);
        assert_eq!(findings("a.json", &long).len(), 0);
        assert_eq!(findings("src/a.rs", &format!("#[cfg(test)]\n{long}")).len(), 0);
    }
}
