//! `cargo xtask`: the one entry point for every chore of the workspace.
//!
//! A chore is a plain function that starts the tools a person would start by hand. Nothing here is
//! shipped, and nothing here may hide a failure: a child that fails, hangs or is missing is named in the
//! summary. A new suite is a row in [`suites::SUITES`]; a new house rule is a function in [`tidy`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who started it")]

mod child;
mod report;
mod sandbox;
mod suites;
mod tidy;
mod tools;
mod workspace;

use std::process::{Command, ExitCode};
use std::time::Duration;

use report::{Outcome, Report};
use suites::{EXAMPLES, NIGHTLY, SUITES, Suite};
use workspace::Workspace;

const HELP: &str = "\
every chore of the workspace

usage: cargo xtask <chore>

  test [--strict] [--only SUITE]... [--list]
          run the suites, all of them unless named; --list names them
          --strict counts a suite that could not run as failed, unless it is optional
  nightly [--strict] [--only SUITE]... [--list]
          run the suites that take long, as `test` does
  example [NAME]
          run an example with all it takes: a server, a chain; without a name list them
  tidy    check the house rules
  fmt     format the workspace
  clippy  lint the workspace, warnings are errors
  doc     build the documentation, warnings are errors
  bench   run the benchmarks
  help    show this text";

/// A benchmark run longer than this hangs.
const BENCH_LIMIT: Duration = Duration::from_secs(60 * 60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match chore(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Does one chore; `false` is a chore that ran and found fault.
fn chore(arguments: &[&str]) -> Result<bool, String> {
    match arguments {
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(true)
        }
        ["test", options @ ..] => test(SUITES, &TestOptions::parse(SUITES, options)?),
        ["nightly", options @ ..] => test(NIGHTLY, &TestOptions::parse(NIGHTLY, options)?),
        ["example"] => test(EXAMPLES, &TestOptions { list: true, ..TestOptions::default() }),
        ["example", name] => one(EXAMPLES, name),
        ["tidy"] => one(SUITES, "tidy"),
        ["clippy"] => one(SUITES, "clippy"),
        ["doc"] => one(SUITES, "doc"),
        ["fmt"] => cargo(&["fmt", "--all"], suites::QUICK),
        ["bench"] => cargo(&["bench", "--workspace", "--benches"], BENCH_LIMIT),
        [name, ..] => Err(format!("no chore `{name}` with these arguments\nhint: `cargo xtask help` names them all")),
    }
}

fn cargo(arguments: &[&str], limit: Duration) -> Result<bool, String> {
    let workspace = Workspace::locate()?;
    let done = child::run(workspace.cargo().args(arguments), limit);
    done.map(|()| true).map_err(|failure| failure.to_string())
}

fn one(all: &'static [Suite], name: &str) -> Result<bool, String> {
    test(all, &TestOptions::parse(all, &["--only", name])?)
}

/// What `cargo xtask test` or `cargo xtask nightly` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct TestOptions {
    strict: bool,
    list: bool,
    /// Names of suites; empty means all.
    only: Vec<String>,
}

impl TestOptions {
    fn parse(all: &'static [Suite], arguments: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "--strict" => options.strict = true,
                "--list" => options.list = true,
                "--only" => {
                    let name = rest.next().ok_or("`--only` needs the name of a suite")?;
                    suites::find(all, name)
                        .ok_or_else(|| format!("no suite `{name}` here\nhint: `--list` names them all"))?;
                    options.only.push((*name).to_owned());
                }
                other => return Err(format!("running suites knows no `{other}`")),
            }
        }
        Ok(options)
    }
}

fn test(all: &'static [Suite], options: &TestOptions) -> Result<bool, String> {
    let chosen = suites::choose(all, &options.only);
    if options.list {
        for suite in chosen {
            let optional = if suite.optional { " (optional)" } else { "" };
            println!("{:<12} {}{optional}", suite.name, suite.about);
        }
        return Ok(true);
    }

    let workspace = Workspace::locate()?;
    let mut report = Report::new(options.strict);
    for suite in chosen {
        println!("\n=== {}: {}", suite.name, suite.about);
        let started = std::time::Instant::now();
        let outcome = match suite.needs.filter(|needed| !report.has_passed(needed)) {
            Some(needed) => Outcome::Skipped(format!("suite `{needed}` did not pass")),
            None => Outcome::from((suite.run)(&workspace)),
        };
        report.add(suite, outcome, started.elapsed());
        println!("{}", report.latest());
    }
    println!("\n{report}");
    Ok(report.passed())
}

/// The version of a tool as it prints it, or `None` where it is not to be had.
fn version(tool: &str, argument: &str) -> Option<String> {
    let output = Command::new(tool).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{SUITES, TestOptions, chore};

    #[test]
    fn options_are_taken_in_any_order() {
        let options = TestOptions::parse(SUITES, &["--only", "tidy", "--strict", "--only", "curl"]);
        let expected = TestOptions { strict: true, list: false, only: vec!["tidy".to_owned(), "curl".to_owned()] };
        assert_eq!(options, Ok(expected));
    }

    #[test]
    fn a_suite_or_option_that_does_not_exist_is_refused() {
        for arguments in [vec!["--only", "tidyy"], vec!["--only"], vec!["--strickt"]] {
            assert!(TestOptions::parse(SUITES, &arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn an_unknown_chore_is_an_error_and_not_a_success() {
        assert!(chore(&["tset"]).is_err());
        assert!(chore(&["tidy", "--fast"]).is_err());
        assert!(chore(&["example", "etherium"]).is_err());
    }
}
