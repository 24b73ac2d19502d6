//! What somebody may have meant who typed a name that is none.

/// The name that is nearest to what was typed, if one is near enough: an edit for every three letters, and one more.
pub fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + typed.chars().count() / 3;
    names
        .map(|name| (strsim::damerau_levenshtein(typed, name), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// `did you mean "NAME"?`, and what to do instead; or only that.
pub fn hint<'a>(typed: &str, names: impl Iterator<Item = &'a str>, else_do: &str) -> String {
    match nearest(typed, names) {
        Some(near) => format!("did you mean {near:?}? {else_do}"),
        None => else_do.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let names = ["cp", "status", "sync", "mksync"];
        assert_eq!(nearest("stauts", names.into_iter()), Some("status"));
        assert_eq!(nearest("snyc", names.into_iter()), Some("sync"));
        assert_eq!(nearest("xy", names.into_iter()), None);
        assert_eq!(nearest("frobnicate", names.into_iter()), None);
        let hinted = hint("stauts", names.into_iter(), "look");
        assert_eq!(hinted, "did you mean \"status\"? look");
    }
}
