//! Where a mistake in the section of a rail is: whoever reads a section by its kind has lost its place in the file by then.

use serde::de::DeserializeOwned;

use super::RailConfiguration;

/// Reads a file with the sections of rails among others.
///
/// # Errors
/// It cannot be read; the message says where.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|problem| located(text).unwrap_or_else(|| problem.to_string()))
}

/// The first mistake in the section of a rail, if there is one and the file itself is sound.
fn located(text: &str) -> Option<String> {
    let file: toml::Table = toml::from_str(text).ok()?;
    file.get("rails")?.as_table()?.iter().find_map(|(name, section)| {
        let problem = section.clone().try_into::<RailConfiguration>().err()?;
        if let Some(found) = in_rules(text, name, section) {
            return Some(found);
        }
        let line = line_of(text, &format!("[rails.{name}]"), 0);
        Some(format!("{line}rails.{name}: {}", problem.message()))
    })
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
}
