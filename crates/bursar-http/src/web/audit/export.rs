//! The trail as a file: CSV for people's spreadsheets, JSON lines for programs. For a copy that can be verified there
//! is `bursar audit export`.

use bursar_core::audit::Event;
use bursar_service::trail::Place;
use bursar_wire::shapes;

use super::wanted;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::visit::Visit;

/// Events in one file, at most. Whoever needs more narrows the time.
const MOST: usize = 20_000;
/// Events that are read at once.
const STRIDE: usize = 1000;

pub(crate) async fn show(visit: Visit) -> Answering {
    let (sought, mut before, _) = wanted(&visit, 1, 1).await?;
    let mut events = Vec::new();
    loop {
        let found = visit.bursar.trail(visit.person()?, sought.clone(), before, STRIDE).await?;
        events.extend(found.events);
        before = found.next;
        if before.is_none() || events.len() >= MOST {
            break;
        }
    }
    events.truncate(MOST);
    if visit.query.text("form") == "jsonl" {
        let lines: Vec<String> = events
            .iter()
            .map(|(place, event)| shapes::trail_event(place.link, place.event, event).to_string())
            .collect();
        return Ok(Answer::file("application/jsonl; charset=utf-8", "bursar-audit.jsonl", lines.join("\n") + "\n"));
    }
    let mut text = "place,time,actor,action,subject,data\r\n".to_owned();
    for (place, event) in &events {
        text.push_str(&row(*place, event));
    }
    Ok(Answer::file("text/csv; charset=utf-8", "bursar-audit.csv", text))
}

fn row(place: Place, event: &Event) -> String {
    let data: Vec<String> = event.data.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cells = [
        format!("{}.{}", place.link, place.event),
        event.time.to_string(),
        event.actor.to_string(),
        event.action.clone(),
        event.subject.clone(),
        data.join("; "),
    ];
    cells.map(|cell| quoted(&cell)).join(",") + "\r\n"
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
    fn a_cell_is_no_formula_and_ends_where_it_ends() {
        assert_eq!(quoted("token:1"), "\"token:1\"");
        assert_eq!(quoted("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(quoted("a,b\r\nc"), "\"a,b\r\nc\"");
        assert_eq!(quoted("@SUM(1)"), "\"'@SUM(1)\"");
    }
}
