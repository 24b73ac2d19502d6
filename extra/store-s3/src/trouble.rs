//! What went wrong: a word for fsync, and a line for its user that holds no credential.

use std::error::Error as _;
use std::fmt;
use std::sync::Mutex;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// What fsync can act on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    Denied,
    Missing,
    Broken,
    Full,
    Bad,
    Unable,
    Other,
}

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    pub word: Word,
    pub text: String,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// Whether the connection broke on the way, so that it may have been done.
    pub torn: bool,
}

/// What must never be printed. Keys come from files too, so it is filled as they are read.
static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Remembers what must not be printed, whatever a server or a library says.
pub fn hide(secret: &str) {
    let mut all = SECRETS.lock().unwrap_or_else(|e| e.into_inner());
    if secret.len() >= 8 && !all.iter().any(|known| known == secret) {
        all.push(secret.to_string());
    }
}

impl Trouble {
    pub fn new(word: Word, text: impl Into<String>) -> Trouble {
        let text = text.into();
        Trouble {
            word,
            text,
            status: None,
            torn: false,
        }
    }

    /// The same with what was tried in front.
    pub fn of(self, tried: &str) -> Trouble {
        Trouble {
            text: format!("cannot {tried}: {}", self.text),
            ..self
        }
    }
}

impl fmt::Display for Trouble {
    /// The word and the text: one line, of what can be shown, that holds no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.word {
            Word::Denied => "denied",
            Word::Missing => "missing",
            Word::Broken => "broken",
            Word::Full => "full",
            Word::Bad => "bad",
            Word::Unable => "unable",
            Word::Other => "other",
        };
        let mut text = self.text.clone();
        for secret in SECRETS.lock().unwrap_or_else(|e| e.into_inner()).iter() {
            text = text.replace(secret, "***");
        }
        let shown = |c: char| {
            if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) {
                ' '
            } else {
                c
            }
        };
        let text: String = text.chars().map(shown).take(600).collect();
        write!(f, "{word} {text}")
    }
}

/// What stands between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?
        .1
        .split_once(to)
        .map(|(inside, _)| inside)
}

/// As much of a server's words as a person wants to read, without what it may repeat of a request.
fn sentence(text: Option<&str>) -> String {
    let first = text.unwrap_or_default().lines().next().unwrap_or_default();
    let first: String = first.chars().take(200).collect();
    let repeats = |word: &str| word.contains("Signature=") || word.contains("Credential=");
    let words = first
        .split(' ')
        .map(|word| if repeats(word) { "***" } else { word });
    let words: Vec<&str> = words.collect();
    words.join(" ").trim_end_matches('.').to_string()
}

/// What is said where all places were asked.
pub const NO_CREDENTIALS: &str = "there are no credentials: neither in the environment nor in a profile, and this machine has no role (fsync-store-s3(1))";

/// What the server answered: its status, its own word for the matter, and its sentence.
struct Answer {
    status: u16,
    code: String,
    message: String,
}

impl Answer {
    /// Read from what the library says, which is all that it gives away.
    fn find(error: &Error) -> Option<Answer> {
        let mut cause: Option<&dyn std::error::Error> = error.source();
        while let Some(this) = cause {
            let text = this.to_string();
            let start = "Server returned non-2xx status code: ";
            if let Some(rest) = text.strip_prefix(start) {
                return Some(Answer {
                    status: rest.get(..3)?.parse().ok()?,
                    code: sentence(between(rest, "<Code>", "</Code>")),
                    message: sentence(between(rest, "<Message>", "</Message>")),
                });
            }
            if text.starts_with("Received redirect without LOCATION") {
                return Some(Answer {
                    status: 301,
                    code: String::new(),
                    message: String::new(),
                });
            }
            cause = this.source();
        }
        None
    }

    fn word(&self) -> Word {
        match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket" | "ContainerNotFound") => Word::Missing,
            (
                _,
                "QuotaExceeded"
                | "InsufficientStorage"
                | "XMinioStorageFull"
                | "AccountUsageExceeded",
            ) => Word::Full,
            (
                _,
                "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken",
            ) => Word::Denied,
            (_, "AuthorizationHeaderMalformed" | "RequestTimeTooSkewed") => Word::Denied,
            (401 | 403, _) => Word::Denied,
            (404, _) => Word::Missing,
            (405 | 501, _) => Word::Unable,
            (507, _) => Word::Full,
            (408 | 409 | 429 | 500..=599, _) => Word::Broken,
            _ => Word::Other,
        }
    }

    fn text(&self) -> String {
        let mut text = match (self.code.as_str(), self.message.as_str()) {
            ("", _) => format!("the server answers {}", self.status),
            (code, "") => format!("the server answers {} {code}", self.status),
            (code, message) => format!("{code}: {message}"),
        };
        text += match (self.status, self.word()) {
            (_, Word::Denied) => {
                "; are the credentials right, and for this place? (fsync-store-s3(1))"
            }
            (301 | 307, _) => "; the bucket is in another region: set AWS_REGION",
            _ => "",
        };
        text
    }
}

/// Whether it was the search for the role of a machine in a cloud that failed: the last place where credentials are looked for.
fn is_about_credentials(text: &str) -> bool {
    let places = [
        "latest/api/token",
        "latest/meta-data",
        "computeMetadata",
        "metadata/identity",
        "169.254.",
    ];
    places.iter().any(|place| text.contains(place))
}

/// The innermost cause, which is what a person can act on.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn broken(error: &Error) -> Option<HttpErrorKind> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(this) = cause {
        if let Some(http) = this.downcast_ref::<HttpError>() {
            return Some(http.kind());
        }
        cause = this.source();
    }
    None
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        if is_about_credentials(&error.to_string()) {
            return Trouble::new(Word::Denied, NO_CREDENTIALS);
        }
        if let Some(answer) = Answer::find(&error) {
            let trouble = Trouble::new(answer.word(), answer.text());
            return Trouble {
                status: Some(answer.status),
                ..trouble
            };
        }
        if let Some(kind) = broken(&error) {
            let retried = matches!(kind, HttpErrorKind::Connect | HttpErrorKind::Request);
            let trouble = Trouble::new(
                Word::Broken,
                format!("no connection: {}", innermost(&error)),
            );
            return Trouble {
                torn: !retried,
                ..trouble
            };
        }
        let word = match &error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Word::Denied,
            Error::NotImplemented { .. } | Error::NotSupported { .. } => Word::Unable,
            Error::NotFound { .. } => Word::Missing,
            _ => Word::Other,
        };
        Trouble::new(word, innermost(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_what_a_terminal_obeys_are_not_shown() {
        hide("wJalrXUtnFEMI");
        hide("ab");
        let trouble = Trouble::new(Word::Denied, "the key wJalrXUtnFEMI\nis\x1b[2J wrong, ab");
        assert_eq!(
            trouble.of("get \"a\"").to_string(),
            "denied cannot get \"a\": the key *** is [2J wrong, ab"
        );
    }

    #[test]
    fn answers_become_words() {
        for (status, code, word) in [
            (404, "NoSuchBucket", Word::Missing),
            (403, "QuotaExceeded", Word::Full),
            (400, "ExpiredToken", Word::Denied),
            (403, "", Word::Denied),
            (503, "SlowDown", Word::Broken),
            (501, "NotImplemented", Word::Unable),
            (400, "EntityTooLarge", Word::Other),
        ] {
            let answer = Answer {
                status,
                code: code.into(),
                message: String::new(),
            };
            assert_eq!(answer.word(), word, "{code}");
        }
    }
}
