//! The files where users of S3 keep profiles: ~/.aws/config and ~/.aws/credentials.

use std::collections::HashMap;
use std::path::PathBuf;
use std::{env, fs};

use crate::trouble::{Trouble, Word, hide};

/// What a profile says, as far as it is of use here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    pub key_id: Option<String>,
    pub secret: Option<String>,
    pub token: Option<String>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    /// A file of certificates.
    pub bundle: Option<String>,
    /// A program that prints credentials.
    pub process: Option<String>,
}

/// Sections by name; in a section the settings, those that are nested under their names with a dot: `s3.endpoint_url`.
type Sections = HashMap<String, HashMap<String, String>>;

/// A file of sections. Lines that mean nothing are passed over, as others do.
fn sections(text: &str) -> Sections {
    let mut all = Sections::new();
    let (mut section, mut parent) = (None, String::new());
    for line in text.lines() {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = plain
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            section = Some(name.split_whitespace().collect::<Vec<_>>().join(" "));
            continue;
        }
        let (Some(section), Some((name, value))) = (&section, plain.split_once('=')) else {
            continue;
        };
        let (name, value) = (name.trim().to_lowercase(), value.trim());
        let name = match line.starts_with([' ', '\t']) {
            true => format!("{parent}.{name}"),
            false => {
                parent.clone_from(&name);
                name
            }
        };
        // What follows " #" is a comment.
        let value = value.split(" #").next().unwrap_or_default().trim_end();
        all.entry(section.clone())
            .or_default()
            .insert(name, value.to_string());
    }
    all
}

/// The profile of that name; `None` where neither file knows it.
fn read(config: &str, credentials: &str, name: &str) -> Option<Profile> {
    let (config, credentials) = (sections(config), sections(credentials));
    let plain = match name {
        "default" => config.get("profile default").or(config.get("default")),
        _ => config.get(&format!("profile {name}")),
    };
    let secret = credentials.get(name);
    if plain.is_none() && secret.is_none() {
        return None;
    }
    let both = |key: &str| {
        let found = secret
            .and_then(|s| s.get(key))
            .or(plain.and_then(|p| p.get(key)));
        found.filter(|value| !value.is_empty()).cloned()
    };
    let services =
        both("services").and_then(|services| config.get(&format!("services {services}")));
    let of_s3 = services
        .and_then(|services| services.get("s3.endpoint_url"))
        .cloned();
    Some(Profile {
        key_id: both("aws_access_key_id"),
        secret: both("aws_secret_access_key"),
        token: both("aws_session_token"),
        region: both("region"),
        endpoint: of_s3.or_else(|| both("endpoint_url")),
        bundle: both("ca_bundle"),
        process: both("credential_process"),
    })
}

/// A setting of the environment; what is empty is not set.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The file that a variable names, or the usual one.
fn file(name: &str, usual: &str) -> String {
    let usual = || Some(PathBuf::from(variable("HOME")?).join(".aws").join(usual));
    let path = variable(name).map(PathBuf::from).or_else(usual);
    path.and_then(|path| fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

impl Profile {
    /// The one that the environment chooses, else the default one, which need not be there.
    pub fn chosen() -> Result<Profile, Trouble> {
        let chosen = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let config = file("AWS_CONFIG_FILE", "config");
        let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let profile = read(
            &config,
            &credentials,
            chosen.as_deref().unwrap_or("default"),
        );
        let profile = match (profile, chosen) {
            (Some(profile), _) => profile,
            (None, None) => Profile::default(),
            (None, Some(name)) => {
                let text = format!(
                    "there is no profile \"{name}\" in ~/.aws/config and ~/.aws/credentials"
                );
                return Err(Trouble::new(Word::Denied, text));
            }
        };
        let all = [&profile.key_id, &profile.secret, &profile.token];
        all.into_iter().flatten().for_each(|secret| hide(secret));
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile  ceph]\n# ours\nregion=default\nservices = here\ns3 =\n  max_queue_size = 7\n\
        endpoint_url = http://other:1 # not this\n[services here]\ns3 =\n    endpoint_url = http://127.0.0.1:7480\n\
        [profile run]\ncredential_process = /bin/keys --for me\nendpoint_url = https://x\n[ceph]\nregion=none\n";
    const CREDENTIALS: &str = "[ceph]\naws_access_key_id = AK\naws_secret_access_key = S=K/+\n[old]\naws_access_key_id=O\n;x\nrubbish\n";

    #[test]
    fn profiles_are_read_from_both_files() {
        let ceph = read(CONFIG, CREDENTIALS, "ceph").unwrap();
        assert_eq!(ceph.key_id.as_deref(), Some("AK"));
        assert_eq!(ceph.secret.as_deref(), Some("S=K/+"));
        assert_eq!(ceph.region.as_deref(), Some("default"));
        assert_eq!(ceph.endpoint.as_deref(), Some("http://127.0.0.1:7480"));
        let default = read(CONFIG, CREDENTIALS, "default").unwrap();
        assert_eq!(
            (default.region.as_deref(), default.key_id),
            (Some("eu-west-1"), None)
        );
        let run = read(CONFIG, CREDENTIALS, "run").unwrap();
        assert_eq!(run.process.as_deref(), Some("/bin/keys --for me"));
        assert_eq!(run.endpoint.as_deref(), Some("https://x"));
        assert!(
            read(CONFIG, CREDENTIALS, "old").is_some()
                && read(CONFIG, CREDENTIALS, "here").is_none()
        );
    }
}
