//! Byte strings in JSON: `name` when they are UTF-8, `name_hex` otherwise, never both.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Borrowed text where JSON needs no escapes.
pub type Text<'a> = Cow<'a, str>;

/// Splits bytes into the two possible fields.
pub fn split(bytes: &[u8]) -> (Option<Text<'_>>, Option<Text<'_>>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(Cow::Borrowed(text)), None),
        Err(_) => (None, Some(Cow::Owned(hex::encode(bytes)))),
    }
}

/// Joins the two possible fields; `None` when both are missing.
///
/// # Errors
/// Both given, or hex that is none.
pub fn join(text: Option<&str>, hexed: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    match (text, hexed) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(hexed)) => hex::decode(hexed).map(Some).map_err(|e| e.to_string()),
        (Some(_), Some(_)) => Err("a name is given twice".into()),
    }
}

/// A path as an object: `{"path":…}` or `{"path_hex":…}`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct PathText(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl From<PathText> for Wire {
    fn from(path: PathText) -> Wire {
        let (text, hexed) = split(&path.0);
        Wire {
            path: text.map(Cow::into_owned),
            path_hex: hexed.map(Cow::into_owned),
        }
    }
}

impl TryFrom<Wire> for PathText {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        join(wire.path.as_deref(), wire.path_hex.as_deref())?
            .map(PathText)
            .ok_or_else(|| "path is missing".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back() {
        for raw in [&b"/a b"[..], b"/\xff"] {
            let path = PathText(raw.to_vec());
            let json = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<PathText>(&json).unwrap(), path);
        }
        assert!(serde_json::from_str::<PathText>("{}").is_err());
        assert!(serde_json::from_str::<PathText>(r#"{"path":"a","path_hex":"61"}"#).is_err());
    }
}
