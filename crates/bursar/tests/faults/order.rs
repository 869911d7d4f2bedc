//! Nothing is answered before it is durable: read off the system calls of a running server.
//!
//! `strace` stops a thread at the begin and at the end of each call, so the order of its lines is an order in
//! which things really happened. For each spend the hold's batch is the one whose write to the ledger's log
//! names it first. The thread that wrote it must have come back from a sync of the log before the first byte
//! of the answer is handed to the kernel.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::thread;

use crate::client::Token;
use crate::server::{BURSAR, DEV, Server};
use crate::strace::Strace;
use crate::unsynced;

/// Clients that spend at the same time, so that batches have several holds.
const CLIENTS: usize = 4;

/// Spends of each client.
const SPENDS: usize = 5;

const CALLS: &str = "pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg";
const LOG: &str = "/bursar.db-wal>";

#[test]
#[ignore = "takes `strace`: `cargo xtask test --only faults`"]
fn no_answer_to_a_hold_leaves_before_its_batch_is_synced() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Command::new(BURSAR).args(DEV).arg(home.path().join("data")));
    assert_eq!(answered_too_early(&server), Vec::<String>::new());
}

#[test]
#[ignore = "takes `strace`: `cargo xtask test --only faults`"]
fn a_server_whose_store_does_not_sync_is_found_out() {
    let spends = CLIENTS * SPENDS;
    for (synchronous, early) in [("FULL", 0), ("OFF", spends)] {
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(&mut unsynced::command(home.path(), synchronous));
        assert_eq!(answered_too_early(&server).len(), early, "synchronous={synchronous}");
    }
}

/// Spends under the eye of `strace`, and says which spends were answered before their batch was synced.
fn answered_too_early(server: &Server) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let trace = place.path().join("trace");
    let client = server.client();
    let token = Token::of(&client.create_token(&client.log_in(server), 1_000));
    let strace = Strace::record(server, CALLS, &trace);
    thread::scope(|scope| {
        for spender in 0..CLIENTS {
            let (client, token) = (server.client(), &token);
            scope.spawn(move || {
                for number in 0..SPENDS {
                    let (name, request) = (name(spender, number), request(spender, number));
                    assert_eq!(client.spend(token, &name, &request).status, 200);
                }
            });
        }
    });
    drop(strace);
    let calls = read(&fs::read_to_string(&trace).unwrap());
    let all = (0..CLIENTS).flat_map(|spender| (0..SPENDS).map(move |number| (spender, number)));
    let early = all.filter(|(spender, number)| {
        !is_synced_before_answered(&calls, &name(*spender, *number), &request(*spender, *number))
    });
    early.map(|(spender, number)| name(spender, number)).collect()
}

/// What names the spend in the ledger, and nowhere else.
fn name(spender: usize, number: usize) -> String {
    format!("hold-{spender:02}-{number:02}")
}

/// What names the answer on the wire, and nothing in the ledger.
fn request(spender: usize, number: usize) -> String {
    format!("answer-{spender:02}-{number:02}")
}

fn is_synced_before_answered(calls: &[Call], name: &str, request: &str) -> bool {
    let names_it = |call: &&Call| call.name == "pwrite64" && call.text.contains(LOG) && call.text.contains(name);
    let written = calls.iter().find(names_it).unwrap_or_else(|| panic!("{name} was never written"));
    let is_send = |call: &Call| matches!(call.name.as_str(), "write" | "writev" | "sendto" | "sendmsg");
    let answers = |call: &&Call| is_send(call) && call.text.contains("<socket:") && call.text.contains(request);
    let answered = calls.iter().find(answers).unwrap_or_else(|| panic!("{request} was never sent"));
    assert!(written.ended < answered.began, "{name} was answered before it was written at all");
    calls.iter().any(|call| {
        matches!(call.name.as_str(), "fdatasync" | "fsync")
            && call.text.contains(LOG)
            && call.thread == written.thread
            && call.began > written.ended
            && call.result == "0"
            && call.ended < answered.began
    })
}

/// One system call, with the lines of the trace at which it began and ended.
struct Call {
    thread: String,
    name: String,
    /// Its arguments.
    text: String,
    result: String,
    began: usize,
    ended: usize,
}

/// Reads lines like `7 fsync(3</a>) = 0`, or `7 fsync(3</a> <unfinished ...>` and, later, `7 <... fsync resumed>) = 0`.
fn read(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, told)) = line.split_once(' ') else { continue };
        let told = told.trim_start();
        let result = || told.rsplit_once(" = ").map_or("", |(_, result)| result).to_owned();
        if told.starts_with("<... ") {
            if let Some(call) = unfinished.remove(thread).and_then(|at| calls.get_mut(at)) {
                (call.result, call.ended) = (result(), number);
            }
            continue;
        }
        let Some((name, text)) = told.split_once('(') else { continue };
        let is_unfinished = told.ends_with("<unfinished ...>");
        if is_unfinished {
            unfinished.insert(thread, calls.len());
        }
        calls.push(Call {
            thread: thread.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
            result: if is_unfinished { String::new() } else { result() },
            began: number,
            // What never came back ended after everything else.
            ended: if is_unfinished { usize::MAX } else { number },
        });
    }
    calls
}

#[test]
fn a_sync_counts_only_between_the_write_and_the_answer() {
    let written = r#"1 pwrite64(3</d/bursar.db-wal>, "..hold-1..", 4096, 0) = 4096"#;
    let synced = "1 fdatasync(3</d/bursar.db-wal>) = 0";
    let answered = r#"2 sendto(9<socket:[1]>, "HTTP/1.1 200 OK\r\nrequest-id: answer-1", 9, 0, NULL, 0) = 9"#;
    let (begun, done) = ("1 fdatasync(3</d/bursar.db-wal> <unfinished ...>", "1 <... fdatasync resumed>)  = 0");
    let cases: [(&[&str], bool); 7] = [
        (&[written, synced, answered], true),
        (&[written, begun, done, answered], true),
        (&[written, answered, synced], false),
        (&[synced, written, answered], false),
        (&[written, begun, answered, done], false),
        (&[written, "1 fdatasync(4</d/sandbox.db-wal>) = 0", answered], false),
        (&[written, "1 fdatasync(3</d/bursar.db-wal>) = -1 EIO (Input/output error)", answered], false),
    ];
    for (lines, is_in_order) in cases {
        let calls = read(&lines.join("\n"));
        assert_eq!(is_synced_before_answered(&calls, "hold-1", "answer-1"), is_in_order, "{lines:?}");
    }
}
