//! The trail as a file: CSV for people's spreadsheets, JSON lines for programs. For a copy that can be verified there
//! is `bursar audit export`.

use bursar_core::audit::Event;
use bursar_service::trail::Place;
use bursar_wire::shapes;
use serde_json::{Value, json};

use super::wanted;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::visit::Visit;

/// Events in one file, at most. Whoever needs more narrows the time.
const MOST: usize = 20_000;
/// Looks for them, at most: one ends early where events tell of long lists.
const MOST_LOOKS: usize = 64;
/// Events that are read at once.
const STRIDE: usize = 1000;

pub(crate) async fn show(visit: Visit) -> Answering {
    let (sought, mut before, _) = wanted(&visit, 1, 1).await?;
    let (mut events, mut looks) = (Vec::new(), 0);
    let archived = loop {
        let found = visit.bursar.trail(visit.person()?, sought.clone(), before, STRIDE).await?;
        events.extend(found.events);
        before = found.next;
        looks += 1;
        if before.is_none() || events.len() >= MOST || looks >= MOST_LOOKS {
            break found.archived;
        }
    };
    events.truncate(MOST);
    let earlier = earlier(archived, before.is_some());
    if visit.query.text("form") == "jsonl" {
        let line = |(place, event): &(Place, Event)| shapes::trail_event(place.link, place.event, event).to_string();
        let end = earlier.map(|(fields, _)| fields.to_string());
        let lines: Vec<String> = events.iter().map(line).chain(end).collect();
        return Ok(Answer::file("application/jsonl; charset=utf-8", "bursar-audit.jsonl", lines.join("\n") + "\n"));
    }
    let mut text = "place,time,actor,action,subject,data\r\n".to_owned();
    for (place, event) in &events {
        text.push_str(&row(*place, event));
    }
    if let Some((_, sentence)) = earlier {
        text.push_str(&written(&["", "", "", "", "", &sentence]));
    }
    Ok(Answer::file("text/csv; charset=utf-8", "bursar-audit.csv", text))
}

/// What stands at the end of a file, after the oldest event that is in it, where there are earlier ones: whoever reads
/// the file alone must not take it for all there was.
fn earlier(archived: Option<u64>, is_cut: bool) -> Option<(Value, String)> {
    match archived {
        _ if is_cut => Some((
            json!({"more": true}),
            format!(
                "there are earlier events: a file has at most {MOST}, and fewer of long ones; choose a shorter time for the others"
            ),
        )),
        Some(last) => Some((
            json!({"archivedThrough": last}),
            format!("earlier events, up to link {last}, are archived: ask whoever runs this server"),
        )),
        None => None,
    }
}

fn row(place: Place, event: &Event) -> String {
    let data: Vec<String> = event.data.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let place = format!("{}.{}", place.link, place.event);
    let (time, actor) = (event.time.to_string(), event.actor.to_string());
    written(&[&place, &time, &actor, &event.action, &event.subject, &data.join("; ")])
}

fn written(cells: &[&str; 6]) -> String {
    cells.map(quoted).join(",") + "\r\n"
}

/// A cell as RFC 4180 has it. What a spreadsheet would take for a formula is made a text.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_not_all_says_so_at_its_end() {
        assert_eq!(earlier(None, false), None);
        let (fields, sentence) = earlier(Some(7), false).unwrap();
        assert_eq!(fields, json!({"archivedThrough": 7}));
        assert!(sentence.contains("up to link 7, are archived"), "{sentence}");
        assert_eq!(earlier(None, true).unwrap().0, json!({"more": true}), "a file that was cut came to no beginning");
    }

    #[test]
    fn a_cell_is_no_formula_and_ends_where_it_ends() {
        assert_eq!(quoted("token:1"), "\"token:1\"");
        assert_eq!(quoted("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(quoted("a,b\r\nc"), "\"a,b\r\nc\"");
        assert_eq!(quoted("@SUM(1)"), "\"'@SUM(1)\"");
    }
}
