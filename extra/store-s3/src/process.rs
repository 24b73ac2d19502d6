//! Credentials that a program prints (credential_process in a profile).

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::trouble::hide;

/// How long credentials that expire are taken without asking again.
const FRESH: Duration = Duration::from_secs(300);

/// A command, and what it last printed.
#[derive(Debug)]
pub struct Process {
    command: String,
    last: Mutex<Option<(Arc<AwsCredential>, Option<Instant>)>>,
}

impl Process {
    pub fn new(command: String) -> Process {
        Process {
            command,
            last: Mutex::new(None),
        }
    }
}

/// The credentials in what was printed, and whether they expire. What is wrong is told without what was printed.
fn parse(printed: &[u8]) -> Result<(AwsCredential, bool), &'static str> {
    let value: Value = serde_json::from_slice(printed).map_err(|_| "printed no JSON")?;
    let member = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
    let (Some(key_id), Some(secret_key)) = (member("AccessKeyId"), member("SecretAccessKey"))
    else {
        return Err("printed no AccessKeyId and SecretAccessKey");
    };
    let token = member("SessionToken");
    [Some(&key_id), Some(&secret_key), token.as_ref()]
        .into_iter()
        .flatten()
        .for_each(|secret| hide(secret));
    let expires = member("Expiration").is_some();
    Ok((
        AwsCredential {
            key_id,
            secret_key,
            token,
        },
        expires,
    ))
}

fn run(command: &str) -> Result<(AwsCredential, bool), String> {
    let failed =
        |why: &dyn std::fmt::Display| format!("the credential_process of the profile {why}");
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(std::process::Stdio::null())
        .output();
    let output = output.map_err(|e| failed(&format!("cannot be run: {e}")))?;
    if !output.status.success() {
        return Err(failed(&format!("failed ({})", output.status)));
    }
    parse(&output.stdout).map_err(|why| failed(&why))
}

#[async_trait]
impl CredentialProvider for Process {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        if let Some((credential, until)) = &*last
            && until.is_none_or(|until| Instant::now() < until)
        {
            return Ok(credential.clone());
        }
        let command = self.command.clone();
        let ran = tokio::task::spawn_blocking(move || run(&command)).await?;
        let (credential, expires) = ran.map_err(|why| object_store::Error::Unauthenticated {
            path: String::new(),
            source: why.into(),
        })?;
        let credential = Arc::new(credential);
        *last = Some((credential.clone(), expires.then(|| Instant::now() + FRESH)));
        Ok(credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_is_understood() {
        let (credential, expires) =
            parse(br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2027-01-01T00:00:00Z"}"#).unwrap();
        assert_eq!(
            (
                &*credential.key_id,
                &*credential.secret_key,
                credential.token.as_deref(),
                expires
            ),
            ("A", "S", Some("T"), true)
        );
        assert!(
            !parse(br#"{"AccessKeyId":"A","SecretAccessKey":"S"}"#)
                .unwrap()
                .1
        );
        assert!(parse(b"hush").is_err() && parse(b"{}").is_err());
        assert!(
            run("echo hush; exit 3")
                .unwrap_err()
                .contains("exit status: 3")
        );
    }
}
