//! Every page by every role, driven through the router and compared with the checked-in file. A page that is not in the
//! file, and a form whose fields are not known here, fail the test.
//!
//! To accept a change that is meant: `BURSAR_BLESS=1 cargo test -p bursar-http pages_by_role`.

use std::fmt::Write;

use bursar_http::pages;

use super::forms::fields;
use super::{Scene, visit};
use crate::browser::Page;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/security/pages.txt");
/// Those who may least come first.
const KINDS: [&str; 6] = ["nobody", "stranger", "auditor", "member", "admin", "owner"];

fn verdict(answer: &Page) -> String {
    match answer.status.as_u16() {
        303 if answer.location().starts_with("/sign-in?next=") => "sign in".to_owned(),
        303 => "done".to_owned(),
        200 => "shown".to_owned(),
        401 => "not proven".to_owned(),
        403 => "refused".to_owned(),
        404 => "not there".to_owned(),
        409 => "conflict".to_owned(),
        410 => "gone".to_owned(),
        422 => "to mend".to_owned(),
        other => panic!("{other}: {}", answer.text()),
    }
}

#[tokio::test]
async fn pages_by_role_show_and_do_exactly_what_is_in_the_table() {
    let mut table = String::new();
    let mut scene = Scene::new().await;
    for page in pages() {
        write!(table, "{:4} {:50}", page.method, page.path).unwrap();
        for kind in KINDS {
            let mut browser = scene.browser(kind).await;
            // Who may lift it finds something to lift.
            let here = scene.path(&page);
            let stopped = here.strip_suffix("/unfreeze").filter(|_| page.method == "POST");
            if let Some(stopped) = stopped.filter(|_| ["admin", "owner"].contains(&kind)) {
                let user = stopped.rsplit_once("/members/").map(|(_, user)| format!("/users/{user}"));
                let path = format!("{}/freeze", user.as_deref().unwrap_or(stopped));
                let owner = scene.house.session("owner").await;
                assert_eq!(scene.house.ask("POST", &path, &owner, None).await.status, 200, "{path}");
            }
            let sent = fields(&page, &scene);
            let sent: Vec<(&str, &str)> = sent.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let answer = visit(&mut browser, &page, &scene.path(&page), &sent).await;
            let verdict = verdict(&answer);
            write!(table, " {kind}: {verdict:11}").unwrap();
            if page.method == "POST" && !matches!(verdict.as_str(), "sign in" | "refused" | "not there") {
                // What was done must not help or hinder the next.
                scene = Scene::new().await;
            }
        }
        table = table.trim_end().to_owned() + "\n";
    }
    #[expect(clippy::disallowed_methods, reason = "a test may be told to accept what it finds")]
    if std::env::var("BURSAR_BLESS").is_ok() {
        std::fs::write(FILE, &table).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap_or_default();
    let differs = |these: &str, those: &str| {
        let known: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !known.contains(line)).collect::<Vec<_>>().join("\n")
    };
    assert!(
        table == expected,
        "what pages do by role changed; see the top of roles.rs\nfound:\n{}\nexpected:\n{}",
        differs(&table, &expected),
        differs(&expected, &table),
    );
}
