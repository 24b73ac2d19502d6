//! Directories on other machines, as people write them.
//!
//! `HOST:DIR` and `USER@HOST:DIR` as scp(1), rsync(1) and git(1) have it: a colon before the first slash. DIR is seen from the home
//! directory there, unless it begins with a slash. `ssh://[USER@]HOST[:PORT]/DIR`, where DIR is absolute, and `/~/DIR` is seen from the
//! home directory. HOST in brackets may hold colons (IPv6).

use crate::model::{Error, ErrorKind, Result};

/// How the long form begins.
const SCHEME: &[u8] = b"ssh://";
/// What stands before the name of a tree on the machine that started this program at the other end of a connection.
const NEAR: &[u8] = b"near://";

/// A directory on another machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    /// The machine, as ssh(1) takes it: `[USER@]HOST`, without brackets. Empty: the machine from which this program was
    /// started at the other end of a connection.
    pub host: String,
    /// The port, if it is not the usual one.
    pub port: Option<u16>,
    /// The directory, absolute or seen from the home directory; never empty.
    pub path: Box<[u8]>,
}

impl Address {
    /// Whether it looks like an address, and not like a path or the name of a snapshot.
    pub fn is_like(argument: &[u8]) -> bool {
        argument.starts_with(SCHEME) || argument.starts_with(NEAR) || split(argument).is_some()
    }

    /// Parses what [`Self::is_like`] an address; `None` for anything else.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for one that cannot be.
    pub fn parse(argument: &[u8]) -> Result<Option<Address>> {
        let wrong =
            |why: &str| Error::at(ErrorKind::Usage, argument, format!("is no address: {why}"));
        if let Some(path) = argument.strip_prefix(NEAR).filter(|path| !path.is_empty()) {
            return Ok(Some(Address {
                host: String::new(),
                port: None,
                path: Box::from(path),
            }));
        }
        let (host, port, path) = match argument.strip_prefix(SCHEME) {
            Some(rest) => {
                let at = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(at);
                let (host, port) = authority_of(authority).map_err(wrong)?;
                let home = path
                    .strip_prefix(b"/~")
                    .filter(|p| p.is_empty() || p[0] == b'/');
                let home = home.map(|p| p.strip_prefix(b"/").unwrap_or(p));
                (host, port, home.unwrap_or(path))
            }
            None => match split(argument) {
                Some((host, path)) => (host, None, path),
                None => return Ok(None),
            },
        };
        let host = std::str::from_utf8(host).map_err(|_| wrong("the host's name is not text"))?;
        let odd = |c: char| c.is_control() || c.is_whitespace() || "'\"\\$`;&|<>()[]".contains(c);
        let name = host.rsplit('@').next().unwrap_or_default();
        if name.is_empty() {
            return Err(wrong("it names no host"));
        }
        // What begins with a dash would be an option of ssh(1).
        if host.starts_with('-') || name.starts_with('-') || host.contains(odd) {
            return Err(wrong("no host has such a name"));
        }
        if path.contains(&0) {
            return Err(wrong("the path holds a NUL byte"));
        }
        Ok(Some(Address {
            host: host.into(),
            port,
            path: Box::from(if path.is_empty() { b"." } else { path }),
        }))
    }

    /// The machine alone, as messages name it and connections are told apart.
    pub fn machine(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The long form, which no directory here can be taken for.
    pub fn url(&self) -> Vec<u8> {
        if self.host.is_empty() {
            return [NEAR, &self.path].concat();
        }
        let (user, name) = match self.host.rsplit_once('@') {
            Some((user, name)) => (format!("{user}@"), name),
            None => (String::new(), &*self.host),
        };
        let name = if name.contains(':') {
            format!("[{name}]")
        } else {
            name.into()
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let mut url = [SCHEME, user.as_bytes(), name.as_bytes(), port.as_bytes()].concat();
        if self.path[0] != b'/' {
            url.extend_from_slice(b"/~/");
        }
        url.extend_from_slice(&self.path);
        url
    }
}

/// Host and path of the short form.
fn split(argument: &[u8]) -> Option<(&[u8], &[u8])> {
    // An IPv6 address stands in brackets, perhaps behind a user.
    let bracket = argument.iter().position(|b| *b == b'[');
    let user = bracket.is_some_and(|at| at == 0 || argument[at - 1] == b'@');
    if let Some(open) = bracket.filter(|_| user)
        && let Some(close) = argument.windows(2).position(|two| two == b"]:")
        && open == 0
        && !argument[..close].contains(&b'/')
    {
        return Some((&argument[1..close], &argument[close + 2..]));
    }
    let colon = argument.iter().position(|b| *b == b':')?;
    let (host, path) = (&argument[..colon], &argument[colon + 1..]);
    let is_host = !host.is_empty() && !host.contains(&b'/') && host != b"snap";
    is_host.then_some((host, path))
}

/// Host and port of `[USER@]HOST[:PORT]`.
fn authority_of(authority: &[u8]) -> Result<(&[u8], Option<u16>), &'static str> {
    let name_from = authority
        .iter()
        .rposition(|b| *b == b'@')
        .map_or(0, |at| at + 1);
    let name = &authority[name_from..];
    let (end, port) = match name.iter().rposition(|b| *b == b':') {
        Some(at) if !name[at..].contains(&b']') => (at, Some(&name[at + 1..])),
        _ => (name.len(), None),
    };
    let port = match port {
        None | Some([]) => None,
        Some(digits) => {
            let text = std::str::from_utf8(digits).unwrap_or_default();
            Some(
                text.parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or("its port is no number")?,
            )
        }
    };
    let host = &authority[..name_from + end];
    let bare = name[..end]
        .strip_prefix(b"[")
        .and_then(|n| n.strip_suffix(b"]"));
    match bare {
        Some(bare) if name_from == 0 => Ok((bare, port)),
        Some(_) => {
            Err("a user cannot be given with an address in brackets; set it in ssh's configuration")
        }
        None => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match Address::parse(text.as_bytes()) {
            Ok(Some(a)) => format!("{} {}", a.machine(), String::from_utf8_lossy(&a.path)),
            Ok(None) => "no".into(),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn reads_what_people_write() {
        for (text, wanted) in [
            ("host:dir", "host dir"),
            ("me@host:/a/b:c", "me@host /a/b:c"),
            ("host:", "host ."),
            ("[::1]:x", "::1 x"),
            ("ssh://host/x", "host /x"),
            ("ssh://me@host:2222/~/x", "me@host:2222 x"),
            ("ssh://host", "host ."),
            ("ssh://host/~", "host ."),
            ("ssh://host/~x", "host /~x"),
            ("ssh://[::1]:22/x", "::1:22 /x"),
            ("./a:b", "no"),
            ("/a:b", "no"),
            ("a/b:c", "no"),
            ("snap:x", "no"),
            (":x", "no"),
            ("copy@{1}", "no"),
            ("near:///x", " /x"),
        ] {
            assert_eq!(told(text), wanted, "{text}");
            assert_eq!(Address::is_like(text.as_bytes()), wanted != "no", "{text}");
        }
    }

    #[test]
    fn nothing_becomes_an_option_or_a_command() {
        for text in [
            "-oProxyCommand=x:y",
            "me@-x:y",
            "ssh://-x/y",
            "ssh:///x",
            "a b:c",
            "a;b:c",
            "$(a):c",
            "me@:c",
            "ssh://h:0/x",
            "ssh://h:x/x",
        ] {
            assert!(
                told(text).contains("is no address"),
                "{text}: {}",
                told(text)
            );
        }
    }

    #[test]
    fn the_long_form_is_the_same_address() {
        for text in [
            "host:dir",
            "me@host:/a",
            "[::1]:x",
            "ssh://host:22/x",
            "host:",
            "near:///x",
        ] {
            let address = Address::parse(text.as_bytes()).unwrap().unwrap();
            assert_eq!(
                Address::parse(&address.url()).unwrap().unwrap(),
                address,
                "{text}"
            );
        }
    }
}
