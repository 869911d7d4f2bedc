//! `bursar prove` on the program as it is: it passes, it tried something, and it leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use bursar_gateway::sandbox::Book;
use serde_json::Value;

fn bursar(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args(arguments).env_remove("BURSAR_LOG").stdin(Stdio::null());
    command
}

fn report(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

#[test]
fn no_promise_breaks_under_kills_and_lost_answers_and_the_rails_book_agrees() {
    let place = tempfile::tempdir().unwrap();
    let kept = place.path().join("kept");
    let output = bursar(&["prove", "--quick", "--json", "--seconds", "300", "--keep"]).arg(&kept).output().unwrap();
    let report = report(&output);
    println!("{report}");
    assert_eq!(report["broken"], Value::Array(Vec::new()));
    assert_eq!(report["inconclusive"], Value::Null);

    // It tried something: of every kind there was some.
    assert_eq!((number(&report, "/total/asked"), number(&report, "/kills")), (600, 3));
    for pointer in
        ["/total/allowed", "/total/refusedByLimit", "/total/refusedByWallet", "/total/refusedByRail", "/total/inDoubt"]
    {
        assert!(number(&report, pointer) > 0, "{pointer}: {report}");
    }
    assert!(number(&report, "/answersLost/byKills") > 0 && number(&report, "/answersLost/byRail") > 0, "{report}");

    let tokens = report["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 4);
    for (place, token) in tokens.iter().enumerate() {
        assert!(number(token, "/moved") <= number(token, "/limit"), "{token}");
        let refused = ["/refusedByLimit", "/refusedByWallet"][place % 2];
        assert!(number(token, refused) > 0, "{token}");
        assert_eq!((number(token, "/moved"), number(token, "/unresolved")), (number(token, "/counted"), 0), "{token}");
    }
    assert_eq!(number(&report, "/acknowledged/inBook"), number(&report, "/total/allowed"));
    assert_eq!(number(&report, "/acknowledged/inLedger"), number(&report, "/total/allowed"));
    let book = Book::open(&kept.join("rail.db")).unwrap().transfers().unwrap();
    let moved: u64 = book.iter().map(|transfer| transfer.spent.as_u64().unwrap()).sum();
    assert_eq!(moved, number(&report, "/total/moved"));
    let wallet = |name: &str| number(&report["wallet"], name);
    assert!(wallet("/moved") <= wallet("/limit"), "{report}");
    assert_eq!((wallet("/moved"), wallet("/counted")), (moved, moved), "as much for all tokens as in the book");

    // The book of one run does not judge another.
    let again = bursar(&["prove", "--quick", "--json", "--keep"]).arg(&kept).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("earlier run"));
}

#[test]
fn more_tokens_than_spends_can_be_tried() {
    // With this seed the first spend is over its token's limit, the second passes, the third is over the wallet's.
    let sizes = ["--spends", "3", "--tokens", "5", "--connections", "1", "--kills", "0", "--seed", "107"];
    let report = report(&bursar(&["prove", "--json"]).args(sizes).output().unwrap());
    assert_eq!((number(&report, "/total/asked"), number(&report, "/kills"), number(&report, "/seed")), (3, 1, 107));
}

#[cfg(not(feature = "break-no-hold"))]
#[test]
fn no_program_that_people_use_can_be_told_to_hold_nothing() {
    for command in ["prove", "dev", "serve"] {
        let output = bursar(&[command, "--break", "no-hold"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}");
    }
}

#[cfg(feature = "break-no-hold")]
#[test]
fn a_server_that_holds_nothing_is_found() {
    let output = bursar(&["prove", "--quick", "--json", "--break", "no-hold"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let broken = report["broken"].as_array().unwrap();
    let over = |who: &str| broken.iter().any(|one| one["promise"] == "P1" && one["to"].as_str() == Some(who));
    // The fault lifts the tokens' own limits; the wallet's still holds for all of them together.
    assert!(over("token 0") && over("token 2") && !over("the wallet"), "{report}");
}

#[test]
fn rail_and_server_end_when_whoever_started_them_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("rail.sock");
    let ends = |command: &mut Command, at: &Path| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.contains("\"pid\""), "{ready}");
        assert!(at.exists(), "{}", at.display());
        drop(child.stdin.take());
        child
    };
    let book = place.path().join("rail.db");
    let mut rail = bursar(&["sandbox-rail", "--book"]);
    let rail = ends(rail.arg(&book).arg("--socket").arg(&socket), &socket);
    let data = place.path().join("data");
    let mut server = bursar(&["dev", "--json", "--end-with-input", "--listen", "127.0.0.1:0", "--data-dir"]);
    let server = ends(server.arg(&data), &data);
    for mut child in [rail, server] {
        assert!(child.wait().unwrap().success());
    }
}
