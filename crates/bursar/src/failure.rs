//! How a command ends when it does not do what it was asked, and with which exit code.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use bursar_service::error::ServiceError;
use bursar_store::StoreError;
use serde_json::{Map, Value, json};

/// What the exit code says; scripts rely on these numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// It did not work.
    Failure = 1,
    /// The command line cannot be.
    Usage = 2,
    /// Bursar decided against it: a limit, an unlock, a scope.
    Refused = 3,
    /// Who is asking is not known.
    Unauthenticated = 4,
    /// There is no answer.
    Unreachable = 5,
    /// What became of a spend is not known: it may have been sent, so another one must not be.
    Unknown = 6,
}

impl Exit {
    const fn code(self) -> &'static str {
        match self {
            Self::Failure => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Unauthenticated => "not_authenticated",
            Self::Unreachable => "unreachable",
            Self::Unknown => "outcome_pending",
        }
    }
}

/// What the server calls by its names for programs, and what it is on the command line.
const WORDS: &[(&str, &str)] = &[
    ("`moreThanHeld`", "`--more-than-held`"),
    ("`spendingLimits`", "`--limit`"),
    ("`duration` in seconds", "`--duration`, such as `--duration 30d`"),
    ("`POST /bursar/v1/tokens/{id}/end-old-secret`", "`bursar token end-old-secret ID`"),
];

/// What the server says, in the words of the command line.
pub(crate) fn in_flags(told: &str) -> String {
    WORDS.iter().fold(told.to_owned(), |told, (name, flag)| told.replace(name, flag))
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    code: Option<String>,
    context: Box<Map<String, Value>>,
    is_printed: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        let (message, context) = (message.into(), Box::default());
        Self { exit: Exit::Failure, message, hint: None, code: None, context, is_printed: false }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// What the machine says of a file or directory; that it is somebody else's has a hint.
    pub(crate) fn io(path: &Path, problem: &io::Error) -> Self {
        let failure = Self::at(path, problem);
        match problem.kind() {
            io::ErrorKind::PermissionDenied => failure.with_hint(
                "it is another user's; run this as the one that the server runs as, such as with `sudo -u bursar`",
            ),
            io::ErrorKind::AlreadyExists => {
                failure.with_hint("nothing is written over: name another file, or move this one away")
            }
            _ => failure,
        }
    }

    /// Something about a file or directory.
    pub(crate) fn at(path: &Path, problem: impl fmt::Display) -> Self {
        Self::new(format!("{}: {problem}", path.display()))
    }

    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Other words for it.
    pub(crate) fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// What its exit code says.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// What would help, unless the message says it already.
    fn hint(&self) -> Option<&str> {
        let says = |hint: &&str| !self.message.to_lowercase().contains(&hint.to_lowercase());
        self.hint.as_deref().filter(says)
    }

    /// What would help.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What would help as well.
    pub(crate) fn and_hint(self, more: &str) -> Self {
        let hint = self.hint.as_deref().map_or_else(|| more.to_owned(), |hint| format!("{hint}; {more}"));
        self.with_hint(hint)
    }

    /// The stable code of the reason, instead of one for the exit code.
    pub(crate) fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// A figure of it, for programs.
    pub(crate) fn with_context(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    /// The field of the request that the server did not take, and what is wrong with it.
    pub(crate) fn field(&self) -> Option<(&str, &str)> {
        let said = |name: &str| self.context.get(name).and_then(Value::as_str);
        said("field").zip(said("problem"))
    }

    /// Names the flag that the server did not take, instead of the field of the request that it became: then the
    /// command line cannot be.
    pub(crate) fn with_flags(self, flags: &[(&str, &str)]) -> Self {
        let Some((field, problem)) = self.field() else { return self };
        let is_at =
            |name: &str| field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        match flags.iter().find(|(name, _)| is_at(name)) {
            Some((_, flag)) => {
                let exit = if self.exit == Exit::Failure { Exit::Usage } else { self.exit };
                Self { message: format!("`{flag}` {}", in_flags(problem)), exit, ..self }
            }
            None => self,
        }
    }

    /// The command has printed its document already, and another one must not follow.
    pub(crate) fn printed(self) -> Self {
        Self { is_printed: true, ..self }
    }

    /// The failure for programs, unless the command has printed its document already.
    pub(crate) fn document(&self) -> Option<Value> {
        if self.is_printed {
            return None;
        }
        let code = self.code.as_deref().unwrap_or(self.exit.code());
        let mut context = Map::clone(&self.context);
        if let Some(hint) = self.hint() {
            context.insert("hint".to_owned(), hint.into());
        }
        Some(json!({"error": self.message, "code": code, "context": context}))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_told_as_the_flag_it_came_from() {
        let of = |field: &str| {
            let failure = Failure::new("no").with_context("field", field).with_context("problem", "is empty");
            failure.with_flags(&[("limits", "--limit"), ("ipRestrict", "--ip")]).to_string()
        };
        assert_eq!(of("ipRestrict"), "error: `--ip` is empty");
        assert_eq!(of("limits[1].asset"), "error: `--limit` is empty");
        assert_eq!(of("limitsOther"), "error: no");
    }

    #[test]
    fn what_the_server_says_is_told_in_flags_and_once() {
        let failure = Failure::new("no").with_context("field", "amount").with_context("problem", "say `moreThanHeld`");
        let told = failure.with_flags(&[("amount", "--amount")]).to_string();
        assert_eq!(told, "error: `--amount` say `--more-than-held`");
        let warned = in_flags("give `spendingLimits` to let it spend; give `duration` in seconds");
        assert_eq!(warned, "give `--limit` to let it spend; give `--duration`, such as `--duration 30d`");
        let failure = Failure::new("the rail would not send it: no funds").with_hint("no funds");
        assert_eq!(failure.to_string(), "error: the rail would not send it: no funds");
    }

    #[test]
    fn a_failure_for_programs_says_what_the_one_for_people_does() {
        let failure = Failure::usage("there is no password").with_hint("set it");
        let shown = json!({"error": "there is no password", "code": "usage", "context": {"hint": "set it"}});
        assert_eq!(failure.document(), Some(shown));
        let failure = Failure::new("no").with_code("limit_exceeded").with_context("limit", "10");
        let shown = json!({"error": "no", "code": "limit_exceeded", "context": {"limit": "10"}});
        assert_eq!(failure.document(), Some(shown));
        assert_eq!(failure.printed().document(), None);
    }
}
