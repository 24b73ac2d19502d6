//! Lengths of time as people write them: `500ms`, `2s`, `1m`, `1h`, `1d`; a bare number is seconds.

use std::time::Duration;

const DAY_MS: u64 = 86_400_000;

/// Reads one.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit_ms = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => {
            return Err("a number with ms, s, m, h or d behind it is wanted: 500ms, 2s, 1m".into());
        }
    };
    let number: Option<u64> = number.parse().ok();
    let ms = number.and_then(|n| n.checked_mul(unit_ms));
    match ms {
        Some(ms) if ms <= 365 * DAY_MS => Ok(Duration::from_millis(ms)),
        Some(_) => Err("that is more than a year".into()),
        None => Err("a number with ms, s, m, h or d behind it is wanted: 500ms, 2s, 1m".into()),
    }
}

/// The same, and not nothing.
///
/// # Errors
/// As [`parse`].
pub fn some(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("that is no time at all".into()),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2"), Ok(Duration::from_secs(2)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
        for bad in [
            "",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "2w",
            "99999999999999999999",
            "400d",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(some("0").is_err());
    }
}
