//! The trail as a file: CSV for people's spreadsheets, JSON lines for programs. For a copy that can be verified there
//! is `bursar audit export`.

use std::sync::Arc;

use axum::body::Body;
use bursar_core::audit::Event;
use bursar_core::id::UserId;
use bursar_service::Bursar;
use bursar_service::authenticate::Principal;
use bursar_service::error::ServiceError;
use bursar_service::trail::{Place, Sought};
use bursar_wire::shapes;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::wanted;
use crate::failure::Failure;
use crate::shares::{Share, Shares};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::visit::Visit;

/// Events in one file, at most. Whoever needs more narrows the time.
const MOST: usize = 20_000;
/// Looks for them, at most: one ends early where events tell of long lists.
const MOST_LOOKS: usize = 64;
/// Events that are read at once.
const STRIDE: usize = 1000;
/// Files of one user that are on their way at once, and of all users.
const OF_USER: usize = 2;
const IN_ALL: usize = 64;

/// The files that are on their way. Copies count together.
#[derive(Clone, Default)]
pub(crate) struct Files(Shares<UserId>);

impl Files {
    fn take(&self, user: UserId) -> Option<Share<UserId>> {
        self.0.take(user, |own, all| own < OF_USER && all < IN_ALL)
    }
}

/// Sends the file while it is read, so that it never is in memory as a whole.
pub(crate) async fn show(visit: Visit) -> Answering {
    let (sought, before, _) = wanted(&visit, 1, 1).await?;
    let person = visit.person()?.clone();
    let share = visit.files.take(person.user()).ok_or(Failure::TooManyFiles)?;
    let is_lines = visit.query.text("form") == "jsonl";
    let (content, name, form) = match is_lines {
        true => ("application/jsonl; charset=utf-8", "bursar-audit.jsonl", Form::Lines),
        false => ("text/csv; charset=utf-8", "bursar-audit.csv", Form::Table),
    };
    let (bursar, sees_all) = (Arc::clone(&visit.bursar), visit.bursar.sees_whole_trail(&person)?);
    let mut file =
        File { bursar, person, sought, before, form, events: 0, looks: 0, sees_all, is_over: false, _share: share };
    // What refuses the first look refuses the file. A later one that fails breaks it off, so that nobody takes it for whole.
    let first = form.head().to_owned() + &file.piece().await?;
    let rest = stream::try_unfold(file, |mut file| async move {
        match file.is_over {
            true => Ok(None),
            false => Ok(Some((file.piece().await?, file))),
        }
    });
    let whole = stream::iter([Ok::<_, ServiceError>(first)]).chain(rest);
    Ok(Answer::file(content, name, Body::from_stream(whole)))
}

/// How a file is written.
#[derive(Clone, Copy)]
enum Form {
    /// JSON lines.
    Lines,
    /// CSV.
    Table,
}

impl Form {
    const fn head(self) -> &'static str {
        match self {
            Self::Lines => "",
            Self::Table => "place,time,actor,action,subject,data\r\n",
        }
    }

    fn event(self, place: Place, event: &Event) -> String {
        match self {
            Self::Lines => shapes::trail_event(place.link, place.event, event).to_string() + "\n",
            Self::Table => row(place, event),
        }
    }

    fn end(self, (fields, sentence): &(Value, String)) -> String {
        match self {
            Self::Lines => fields.to_string() + "\n",
            Self::Table => written(&["", "", "", "", "", sentence]),
        }
    }
}

/// A file as far as it was read.
struct File {
    bursar: Arc<Bursar>,
    person: Principal,
    sought: Sought,
    before: Option<Place>,
    form: Form,
    events: usize,
    looks: usize,
    sees_all: bool,
    is_over: bool,
    _share: Share<UserId>,
}

impl File {
    /// What one more look finds, as long as who began may go on and sees as much as then.
    async fn piece(&mut self) -> Result<String, ServiceError> {
        self.person = self.bursar.is_still_good(&self.person).map_err(|_| ended())?;
        if self.bursar.sees_whole_trail(&self.person)? != self.sees_all {
            return Err(ended());
        }
        let wanted = STRIDE.min(MOST.saturating_sub(self.events));
        let found = self.bursar.trail(&self.person, self.sought.clone(), self.before, wanted).await?;
        self.before = found.next;
        self.events = self.events.saturating_add(found.events.len());
        self.looks = self.looks.saturating_add(1);
        self.is_over = self.before.is_none() || self.events >= MOST || self.looks >= MOST_LOOKS;
        let events = found.events.iter().map(|(place, event)| self.form.event(*place, event));
        let end = self.is_over.then(|| earlier(found.archived, self.before.is_some())).flatten();
        Ok(events.chain(end.iter().map(|end| self.form.end(end))).collect())
    }
}

/// The session has ended meanwhile, or its owner sees less or more.
fn ended() -> ServiceError {
    ServiceError::Conflict(
        "who reads the trail may not, or sees another part of it, since the file was begun".to_owned(),
    )
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
    fn a_user_has_two_files_on_their_way_and_others_have_theirs() {
        let (files, user) = (Files::default(), |number| UserId::from_bytes([number; 16]));
        let own = (files.take(user(1)).unwrap(), files.take(user(1)).unwrap());
        assert!(files.take(user(1)).is_none());
        assert!(files.take(user(2)).is_some());
        drop(own);
        assert!(files.take(user(1)).is_some());
    }

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
