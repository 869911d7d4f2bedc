//! Where a mistake in a file is, and what belongs there: whoever reads a section of a rail by its kind has lost its place in
//! the file by then, and types of ours are no words for people.

use serde::de::DeserializeOwned;

use super::RailConfiguration;

/// Kinds of numbers, and what they are for people. TOML has no greater number than an `i64`.
const KINDS: [(&str, &str); 6] = [
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number from 0 to 9223372036854775807"),
    ("usize", "a whole number from 0 to 9223372036854775807"),
    ("a boolean", "`true` or `false`"),
];

/// The longest line of a message, in characters.
const LONGEST_LINE: usize = 500;

/// Reads a file with the sections of rails among others.
///
/// # Errors
/// It cannot be read; the message says where.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|problem| in_words(&located(text).unwrap_or_else(|| problem.to_string())))
}

/// The problem with what is expected in words.
fn in_words(problem: &str) -> String {
    let line = |line: &str| match line.rsplit_once("expected ") {
        Some((before, kind)) => match KINDS.iter().find(|(name, _)| *name == kind) {
            Some((_, words)) => format!("{before}expected {words}"),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    };
    problem.lines().map(|text| cut(&line(text))).collect::<Vec<_>>().join("\n")
}

/// A line that somebody can still read; what stands in the file may be of any length.
fn cut(line: &str) -> String {
    let mut letters = line.chars();
    let head: String = letters.by_ref().take(LONGEST_LINE).collect();
    if letters.next().is_none() { head } else { head + "…" }
}

/// The first mistake in the section of a rail, if there is one and the file itself is sound.
fn located(text: &str) -> Option<String> {
    let file: toml::Table = toml::from_str(text).ok()?;
    file.get("rails")?.as_table()?.iter().find_map(|(name, section)| {
        if let Some(problem) = unlike_a_section(section) {
            let line = line_of(text, &format!("[[rails.{name}]]"), 0);
            return Some(format!("{line}rails.{name}: {problem}"));
        }
        let problem = section.clone().try_into::<RailConfiguration>().err()?;
        if let Some(found) = in_rules(text, name, section) {
            return Some(found);
        }
        let line = line_of(text, &format!("[rails.{name}]"), 0);
        Some(format!("{line}rails.{name}: {}{}", field_of(section, problem.message()), problem.message()))
    })
}

/// What is wrong where no section of a rail stands at all: there the words would be of our types.
fn unlike_a_section(section: &toml::Value) -> Option<&'static str> {
    let Some(fields) = section.as_table() else {
        return Some("must be one section, `[rails.NAME]`, with its fields below it");
    };
    let is_text = |kind: &toml::Value| kind.is_str();
    (!fields.get("kind").is_none_or(is_text)).then_some("`kind` must be a text: `bitcoin`, `bitgo`, `evm` or `http`")
}

/// The field of a section without which there is another problem or none; nothing if the problem names its field.
fn field_of(section: &toml::Value, problem: &str) -> String {
    let without = |field: &String| {
        let mut rest = section.as_table().cloned().unwrap_or_default();
        rest.remove(field);
        rest.try_into::<RailConfiguration>().err()
    };
    let is_at = |field: &&String| without(field).is_none_or(|other| other.message() != problem);
    let fields = section.as_table().into_iter().flat_map(toml::Table::keys).filter(|field| *field != "kind");
    let found = fields.filter(|field| !problem.contains(&format!("`{field}`"))).find(is_at);
    found.map(|field| format!("`{field}`: ")).unwrap_or_default()
}

#[cfg(feature = "http")]
fn in_rules(text: &str, name: &str, section: &toml::Value) -> Option<String> {
    let rules = section.get("rules")?.as_array()?;
    rules.iter().enumerate().find_map(|(place, rule)| {
        let problem = rule.clone().try_into::<bursar_rails::http::written::WrittenRule>().err()?;
        let line = line_of(text, &format!("[[rails.{name}.rules]]"), place);
        let said =
            |field: &str| rule.get(field).and_then(toml::Value::as_str).unwrap_or("?").escape_debug().to_string();
        let rule = format!("{} {}", said("method"), said("path"));
        Some(format!("{line}rails.{name}: rules[{place}] `{rule}`: {}", problem.message()))
    })
}

#[cfg(not(feature = "http"))]
fn in_rules(_text: &str, _name: &str, _section: &toml::Value) -> Option<String> {
    None
}

/// In which line a header stands for the n-th time; nothing if it is written otherwise.
fn line_of(text: &str, header: &str, place: usize) -> String {
    let mut found = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(header));
    found.nth(place).map(|(line, _)| format!("line {}: ", line.saturating_add(1))).unwrap_or_default()
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    struct File {
        #[expect(dead_code, reason = "only whether it can be read counts here")]
        rails: BTreeMap<String, RailConfiguration>,
    }

    const GOOD: &str = "[rails.api]\nkind = 'http'\nurl = 'http://127.0.0.1:9'\n\n[[rails.api.rules]]\nmethod = 'GET'\npath = '/a'\n\
        operation = 'read'\n\n[[rails.api.rules]]\nmethod = 'GET'\npath = '/b'\noperation = 'read'\n";

    #[test]
    fn a_mistake_in_a_rule_is_told_with_its_line_the_rule_and_the_field() {
        assert!(read::<File>(GOOD).is_ok());
        let told = |from: &str, to: &str| read::<File>(&GOOD.replacen(from, to, 1)).unwrap_err();
        let unknown = told("path = '/b'", "path = '/b'\namont = '1'");
        assert!(unknown.starts_with("line 10: rails.api: rules[1] `GET /b`: unknown field `amont`"), "{unknown}");
        let missing = told("path = '/a'\n", "");
        assert!(missing.starts_with("line 5: rails.api: rules[0] `GET ?`: missing field `path`"), "{missing}");
        let section = told("url =", "urll =");
        assert!(section.starts_with("line 1: rails.api: ") && section.contains("`urll`"), "{section}");
        assert!(told("kind = 'http'", "kind 'http'").contains("line 2"), "what is no TOML is told where it is");
    }

    #[test]
    fn what_is_no_section_is_told_without_names_of_types() {
        for (text, told) in [
            ("[[rails.local]]\nkind = 'http'", "line 1: rails.local: must be one section, `[rails.NAME]`"),
            ("rails.local = 1", "rails.local: must be one section"),
            ("[rails.local]\nkind = 1", "rails.local: `kind` must be a text"),
        ] {
            let problem = read::<File>(text).unwrap_err();
            assert!(problem.starts_with(told) && !problem.contains("RailConfiguration"), "{problem}");
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let told = read::<File>(&format!("rails = '{}'", "a".repeat(100_000))).unwrap_err();
        assert!(told.len() < 4 * LONGEST_LINE && told.contains("…"), "{told}");
    }

    #[test]
    fn what_is_expected_is_told_in_words_and_with_its_field() {
        let told = |line: &str| read::<File>(&GOOD.replacen("url =", &format!("{line}\nurl ="), 1)).unwrap_err();
        assert_eq!(
            told("max_answer_bytes = -1"),
            "line 1: rails.api: `max_answer_bytes`: invalid value: integer `-1`, expected a whole number from 0 to \
             9223372036854775807"
        );
        let text = told("timeout_seconds = 'soon'");
        assert!(text.contains("`timeout_seconds`: invalid type: string \"soon\", expected a whole number"), "{text}");
        #[derive(Deserialize, Debug)]
        struct Mail {
            #[expect(dead_code, reason = "only whether it can be read counts here")]
            port: u16,
        }
        let port = read::<Mail>("port = 70000").unwrap_err();
        assert!(port.contains("port = 70000\n") && port.contains("expected a whole number from 0 to 65535"), "{port}");
    }
}
